//! Why an exchange failed, and who is at fault.

use std::fmt;

/// The classes of failure that the client of the gateway can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The request has no source token.
    MissingToken,
    /// The source token cannot be used: malformed, bound to a key, not what the protocol needs.
    BadToken,
    /// The STS refused the source token.
    Refused,
    /// The STS knows the subject and does not allow the exchange.
    Denied,
    /// The STS refused the gateway itself.
    GatewayRefused,
    /// The STS answered with something that cannot be used.
    BadAnswer,
    /// The STS is overloaded, or a limit of our own is reached.
    Busy,
    /// The STS cannot be reached, or failed by itself.
    Unreachable,
    /// No answer within the deadline.
    Timeout,
}

impl FailureKind {
    /// The value of `$sts_error`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingToken => "missing_token",
            Self::BadToken => "bad_token",
            Self::Refused => "refused",
            Self::Denied => "denied",
            Self::GatewayRefused => "gateway_refused",
            Self::BadAnswer => "bad_answer",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
        }
    }

    /// The HTTP status that the client gets (RFC 9110, section 15).
    pub const fn status(self) -> u16 {
        match self {
            Self::MissingToken | Self::BadToken | Self::Refused => 401,
            Self::Denied => 403,
            Self::GatewayRefused | Self::BadAnswer | Self::Unreachable => 502,
            Self::Busy => 503,
            Self::Timeout => 504,
        }
    }
}

/// A failed exchange.
///
/// `Display` is for the log of the operator: what the STS said is truncated and its control
/// characters are escaped, and no token or credential is in it. It is never for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the client is told.
    pub kind: FailureKind,
    /// What happened, as a lower-case fragment.
    pub reason: String,
    /// `Retry-After` of the STS, in seconds or as an HTTP date, checked to be one of the two.
    pub retry_after: Option<String>,
}

impl Failure {
    /// A failure without `Retry-After`.
    pub fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), retry_after: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Failure {}
