//! What was done, as it is shown.

pub mod curl;
pub mod directives;
pub mod json;
pub mod literals;
pub mod request;
pub mod text;

use sts_core::error::{Failure, FailureKind};

use crate::call::Outcome;
use crate::causes::Cause;
use crate::exchange::Exchange;
use crate::nginx::Verdict;

/// An exchange, and how it went.
pub struct Leg {
    /// Where it stands, where that is not the command line.
    pub place: Option<String>,
    /// What was to be made.
    pub exchange: Exchange,
    /// How it went.
    pub outcome: Outcome,
    /// Why it failed, where that is known.
    pub cause: Option<&'static Cause>,
}

/// All that was done.
pub struct Report<'r> {
    /// The exchanges in the order in which they were made; the last one is what was asked for.
    pub legs: &'r [Leg],
    /// What NGINX says of the configuration, where there is one.
    pub verdict: Option<&'r Verdict>,
    /// What a reader has to know of the whole.
    pub notes: &'r [String],
}

/// The status that a client of NGINX gets for a failure (`STSErrorStatus`); `None` where its request goes
/// on without a token (`STSOnError`, `STSOnMissing`).
pub fn status(exchange: &Exchange, failure: &Failure) -> Option<u16> {
    let word = |name| exchange.items.one(name).map(|item| item.argument(0));
    let on_error = word("STSOnError").unwrap_or("return");
    let policy = match failure.kind {
        kind if kind.is_of_request() => "return",
        FailureKind::MissingActor => "return",
        FailureKind::MissingToken => word("STSOnMissing").unwrap_or(on_error),
        _ => on_error,
    };
    if policy == "pass" {
        return None;
    }
    let own = failure.codes.iter().find_map(|code| {
        let item = exchange.items.all("STSErrorStatus").find(|item| item.argument(0) == code)?;
        item.argument(1).parse().ok()
    });
    Some(own.unwrap_or_else(|| failure.kind.status()))
}
