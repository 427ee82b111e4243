//! When and how loudly a failure is reported: what an operator has to look at must not drown in what
//! clients do every day.
//!
//! | module | what it is |
//! |---|---|
//! | [`mod@line`] | what a line says |
//! | [`record`] | whether a refusal may be the gateway's own fault |
//! | [`limiter`] | the same cause is one line a second |

pub mod limiter;
pub mod line;
pub mod record;

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::error::{Failure, FailureKind};

/// How much a failure matters to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Everyday: a request came without a token.
    Info,
    /// A client's fault.
    Warn,
    /// The gateway's or the STS's fault, or what may be.
    Error,
}

/// How much a failure matters.
pub fn severity(failure: &Failure) -> Severity {
    match failure.kind {
        FailureKind::MissingToken | FailureKind::MissingActor => Severity::Info,
        _ if failure.doubt.is_some() => Severity::Error,
        FailureKind::BadToken
        | FailureKind::Refused
        | FailureKind::StepUp
        | FailureKind::Denied => Severity::Warn,
        kind if kind.is_of_request() => Severity::Warn,
        _ => Severity::Error,
    }
}

/// What the operator may do about it, as a lower-case fragment. Where the client or the reason has it,
/// nothing.
pub const fn remedy(kind: FailureKind) -> Option<&'static str> {
    match kind {
        FailureKind::MissingToken
        | FailureKind::MissingActor
        | FailureKind::BadToken
        | FailureKind::RepeatedToken
        | FailureKind::BadHeader
        | FailureKind::Refused
        | FailureKind::StepUp => None,
        FailureKind::FormTooLarge => Some("STSMaxForm sets how large a form may be"),
        FailureKind::UnsupportedForm => Some("bodies=any lets bodies that are no form go on"),
        FailureKind::Denied => {
            Some("see what the STS allows this client and this subject, and for which target")
        }
        FailureKind::GatewayRefused => {
            Some("see how the STS knows the gateway: its client, credential and parameters")
        }
        FailureKind::BadAnswer => Some(
            "see what the STS answers to the same request, and whether it is for this protocol",
        ),
        FailureKind::Busy => Some("the STS has too much to do, or STSMaxCalls is too low"),
        FailureKind::Unreachable => {
            Some("see whether the STS runs, and whether this host reaches it")
        }
        FailureKind::Timeout => Some("the STS is slow, or the time of STSHTTPTimeOut too short"),
    }
}

/// [`remedy`] where the gateway makes the token itself, perhaps of what an STS has issued.
pub const fn remedy_of_gateway(kind: FailureKind) -> Option<&'static str> {
    match kind {
        FailureKind::Busy => Some("too much is asked for at once, or STSMaxCalls is too low"),
        FailureKind::Timeout => {
            Some("too much is asked for at once, or the time of STSHTTPTimeOut too short")
        }
        kind => remedy(kind),
    }
}

/// What a reason is about: equal where nothing differs but numbers, times and identifiers, which STSs
/// make anew for each answer.
pub fn gist(reason: &str) -> u64 {
    // The status tells causes apart.
    let at = if reason.starts_with("HTTP ") { reason.len().min(STATUS) } else { 0 };
    let (status, rest) = reason.split_at_checked(at).unwrap_or(("", reason));
    let mut hasher = DefaultHasher::new();
    status.hash(&mut hasher);
    for word in rest.split(|c: char| !c.is_alphanumeric()) {
        if !word.is_empty() && !word.bytes().any(|byte| byte.is_ascii_digit()) {
            word.hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Bytes of "HTTP 400".
const STATUS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Doubt;

    #[test]
    fn what_is_the_gateways_is_louder_than_what_is_the_clients() {
        for (kind, level) in [
            (FailureKind::MissingToken, Severity::Info),
            (FailureKind::MissingActor, Severity::Info),
            (FailureKind::BadHeader, Severity::Warn),
            (FailureKind::BadToken, Severity::Warn),
            (FailureKind::RepeatedToken, Severity::Warn),
            (FailureKind::UnsupportedForm, Severity::Warn),
            (FailureKind::Refused, Severity::Warn),
            (FailureKind::StepUp, Severity::Warn),
            (FailureKind::Denied, Severity::Warn),
            (FailureKind::GatewayRefused, Severity::Error),
            (FailureKind::BadAnswer, Severity::Error),
            (FailureKind::Busy, Severity::Error),
            (FailureKind::Unreachable, Severity::Error),
            (FailureKind::Timeout, Severity::Error),
        ] {
            assert_eq!(severity(&Failure::new(kind, "")), level, "{kind:?}");
        }
        for doubt in Doubt::ALL {
            let refused = Failure { doubt: Some(doubt), ..Failure::new(FailureKind::Refused, "") };
            assert_eq!(severity(&refused), Severity::Error);
        }
    }

    #[test]
    fn a_reason_is_the_same_whatever_numbers_are_in_it() {
        let reason = "HTTP 400, error \"invalid_grant\", error_description \"AADSTS50013: no. Trace \
                      ID: 7c2f3a10-1111-2222-3333-444455556666 Timestamp: 2026-11-30 03:45:12Z\"";
        let other = "HTTP 400, error \"invalid_grant\", error_description \"AADSTS50013: no. Trace \
                     ID: 8d2f3a11-1112-2223-3334-444455556667 Timestamp: 2026-11-30 03:45:13Z\"";
        assert_eq!(gist(reason), gist(other));
        assert_ne!(gist(reason), gist(&reason.replace("no.", "yes.")));
        assert_ne!(gist(reason), gist(&reason.replace("400", "401")));
        assert_ne!(gist("no answer"), gist("answer no"));
    }
}
