//! What was done, as it is shown.

pub mod curl;
pub mod directives;
pub mod json;
pub mod request;
pub mod text;

use crate::call::Outcome;
use crate::causes::Cause;
use crate::exchange::Exchange;

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
