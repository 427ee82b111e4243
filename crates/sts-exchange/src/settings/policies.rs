//! What a location says of a failure, and of the form of its target: the words are those of the module
//! (`conf/policy.rs`, `conf/error_status.rs` there).

use sts_core::argument::{self, Problem as Text};
use sts_core::encoding::Encoding;
use sts_core::error::is_code;

use super::build::{read, said};
use super::written::{Item, Items};
use crate::problem::Problem;

/// With these NGINX sends no answer at all.
const SILENT: [u64; 3] = [408, 444, 499];

/// Checks them. What they mean is looked up where it is shown.
///
/// # Errors
/// The module would refuse one.
pub(super) fn check(items: &Items) -> Result<(), Problem> {
    for name in ["STSOnError", "STSOnMissing"] {
        read(items, name, |item| {
            argument::word(item.argument(0), &[("return", ()), ("pass", ())])
        })?;
    }
    read(items, "STSTargetEncoding", |item| argument::word(item.argument(0), &Encoding::WORDS))?;
    items.all("STSErrorStatus").try_for_each(|item| said(item, error_status))
}

fn error_status(item: &Item) -> Result<(), Text> {
    let [code, status] = item.words()[..] else {
        return Err("the arguments are: error status".into());
    };
    if !is_code(code) {
        return Err("the error must be a code as an STS gives it, as invalid_target".into());
    }
    let status = argument::number(status, 400, 599)?;
    if SILENT.contains(&status) {
        return Err(format!("with {status} NGINX sends no answer: take another status"));
    }
    Ok(())
}
