//! Filters for claims, and claims: no input panics, overflows the stack or goes beyond its limits.
//!
//! The input is claims in the first line, and an expression in the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use sts_core::mint;
use sts_filter::{Filter, Limits};

/// A claim that stands in no expression, unless the fuzzer writes it there.
const MARK: &str = "the-marked-claim";

fuzz_target!(|data: &[u8]| {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let limits = Limits::default();
    let claims = mint::claims(Some(lines.next().unwrap_or_default()), &[]);
    let mut claims = claims.unwrap_or_default();
    claims.insert("mark".to_owned(), MARK.into());
    let Ok(expression) = std::str::from_utf8(lines.next().unwrap_or_default()) else { return };
    let filter = match Filter::compile(expression) {
        Ok(filter) => filter,
        Err(error) => return assert!(!error.to_string().chars().any(char::is_control)),
    };
    let report = filter.report(&claims, &limits);
    assert!(report.steps <= limits.steps);
    match report.result {
        Ok(output) => check_output(output),
        Err(error) => assert!(!format!("{error}{error:?}").contains(MARK)),
    }
});

fn check_output(output: Map<String, Value>) {
    let output = Value::Object(output);
    // A reader of JSON finds the same in it.
    let text = output.to_string();
    assert_eq!(sts_json::read(text.as_bytes(), Limits::default().depth), Ok(output));
}
