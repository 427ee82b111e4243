//! Why an exchange failed, and who is at fault.

use std::fmt;

/// The classes of failure that the client of the gateway can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The request has no source token.
    MissingToken,
    /// The source token cannot be used: malformed, bound to a key, not what the protocol needs.
    BadToken,
    /// The request has a source token twice in one place: nobody knows which one is meant.
    RepeatedToken,
    /// The request has a form in its body that is too large to be looked through.
    FormTooLarge,
    /// The request has a form in its body that cannot be read.
    UnsupportedForm,
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
            Self::RepeatedToken => "repeated_token",
            Self::FormTooLarge => "form_too_large",
            Self::UnsupportedForm => "unsupported_form",
            Self::Refused => "refused",
            Self::Denied => "denied",
            Self::GatewayRefused => "gateway_refused",
            Self::BadAnswer => "bad_answer",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
        }
    }

    /// The kind with a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    const ALL: [Self; 12] = [
        Self::MissingToken,
        Self::BadToken,
        Self::RepeatedToken,
        Self::FormTooLarge,
        Self::UnsupportedForm,
        Self::Refused,
        Self::Denied,
        Self::GatewayRefused,
        Self::BadAnswer,
        Self::Busy,
        Self::Unreachable,
        Self::Timeout,
    ];

    /// Whether it is the request that is wrong and not the token: no policy lets it pass.
    pub const fn is_of_request(self) -> bool {
        matches!(self, Self::RepeatedToken | Self::FormTooLarge | Self::UnsupportedForm)
    }

    /// The HTTP status that the client gets (RFC 9110, section 15).
    pub const fn status(self) -> u16 {
        match self {
            Self::MissingToken | Self::BadToken | Self::Refused => 401,
            Self::RepeatedToken => 400,
            Self::FormTooLarge => 413,
            Self::UnsupportedForm => 415,
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

    /// Takes a token out of the reason: an STS may repeat what it was sent, whole or cut off.
    #[must_use]
    pub fn without(mut self, token: &[u8]) -> Self {
        let Ok(token) = std::str::from_utf8(token) else { return self };
        // A letter or two would be found in every text.
        let Some(start) = token.get(..token.len().min(TELLTALE)).filter(|s| s.len() >= SHORTEST)
        else {
            return self;
        };
        let mut rest = self.reason.as_str();
        let mut clean = String::with_capacity(rest.len());
        while let Some(at) = rest.find(start) {
            let (before, repeated) = rest.split_at(at);
            let same = repeated.chars().zip(token.chars()).take_while(|(a, b)| a == b);
            let length = same.map(|(a, _)| a.len_utf8()).sum();
            clean.push_str(before);
            clean.push_str("[source token]");
            rest = repeated.split_at(length).1;
        }
        clean.push_str(rest);
        self.reason = clean;
        self
    }
}

/// Bytes at the start of a token by which it is known again.
const TELLTALE: usize = 8;

/// Bytes of the shortest token that is looked for.
const SHORTEST: usize = 4;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str, token: &str) -> String {
        Failure::new(FailureKind::Refused, text).without(token.as_bytes()).reason
    }

    #[test]
    fn a_repeated_token_is_taken_out_wherever_it_stands() {
        let text = "token abcdefghij is bad: abcdefghij";
        let clean = "token [source token] is bad: [source token]";
        assert_eq!(reason(text, "abcdefghij"), clean);
        assert_eq!(reason("not 1234, but x", "1234"), "not [source token], but x");
    }

    #[test]
    fn a_token_that_was_cut_off_is_taken_out_too() {
        assert_eq!(reason("bad: abcdefghi...", "abcdefghijklmnop"), "bad: [source token]...");
        assert_eq!(reason("bad: abcdefg", "abcdefghijklmnop"), "bad: abcdefg");
    }

    #[test]
    fn a_reason_without_the_token_stays_as_it_is() {
        assert_eq!(reason("expired", "abcdefghij"), "expired");
        assert_eq!(reason("expired", ""), "expired");
        assert_eq!(reason("expired", "e"), "expired");
    }
}
