//! `STSErrorStatus`: the status of an error, for servers that use codes in their own way.

use std::rc::Rc;

use sts_core::error::{Failure, MAX_CODE, is_code};

use crate::conf::argument::{self, Problem};
use crate::conf::directive::{Accepted, Block};

/// Statuses by the codes that an STS gives.
#[derive(Default)]
pub(crate) struct ErrorStatuses(Vec<(String, u16)>);

/// With these NGINX sends no answer at all.
const SILENT: [u16; 3] = [408, 444, 499];

impl ErrorStatuses {
    /// The status of a failure: of its codes the innermost one decides that has any.
    pub(crate) fn of(&self, failure: &Failure) -> u16 {
        let known = |code: &str| self.0.iter().find(|(known, _)| known == code);
        let status = failure.codes.iter().find_map(known).map(|(_, status)| *status);
        status.unwrap_or_else(|| failure.kind.status())
    }
}

/// `error status`, repeatable.
pub(super) fn add(block: &mut Block<'_>, arguments: &[&str]) -> Accepted {
    let [code, status] = arguments else {
        return Err(Problem::from("the arguments are: error status").into());
    };
    if !is_code(code) {
        return Err(format!(
            "the error must be a code as an STS gives it, as invalid_target or RequestFailed: up to \
             {MAX_CODE} ASCII characters without quotes and backslashes"
        )
        .into());
    }
    let status = u16::try_from(argument::number(status, 400, 599)?).unwrap_or_default();
    if SILENT.contains(&status) {
        return Err(format!("with {status} NGINX sends no answer: take another status").into());
    }
    let list = Rc::get_mut(block.settings.error_status.get_or_insert_default());
    let ErrorStatuses(list) = list.ok_or_else(|| Problem::from("the list is in use"))?;
    if list.iter().any(|(known, _)| known == code) {
        return Err(format!("the error \"{code}\" is given twice").into());
    }
    list.push(((*code).to_owned(), status));
    Ok(())
}
