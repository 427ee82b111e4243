//! Claims of minted tokens: no input panics, and no value becomes another claim than the one that it is
//! of.
//!
//! The input is an object of claims in the first line, and the value of a claim in the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use sts_core::mint::{Claim, ClaimType, MAX_BYTES, claims};

fuzz_target!(|data: &[u8]| {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let source = lines.next().unwrap_or_default();
    let value = lines.next().unwrap_or_default();
    // What is read is what the reader of others reads, and nothing twice.
    let of_source = claims(Some(source), &[]);
    if let Ok(of_source) = &of_source {
        let theirs: Map<String, Value> = serde_json::from_slice(source).expect("JSON");
        assert_eq!(*of_source, theirs);
        assert!(source.len() <= MAX_BYTES);
    }
    for (name, claim_type) in ClaimType::WORDS {
        let claim = Claim { name, claim_type, value };
        let Ok(alone) = claims(None, &[claim]) else { continue };
        assert_eq!(alone.len(), 1);
        let text = Value::Object(alone.clone()).to_string();
        let again: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
        assert_eq!(again.len(), 1);
        let (Ok(mut expected), Ok(both)) = (of_source.clone(), claims(Some(source), &[claim]))
        else {
            continue;
        };
        expected.extend(alone);
        assert_eq!(both, expected);
    }
});
