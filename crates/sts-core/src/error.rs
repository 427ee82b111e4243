//! Why an exchange failed, and which side is at fault.

use std::fmt;
use std::rc::Rc;

use crate::step_up::StepUp;

/// The classes of failure that the client of the gateway can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The request has no source token.
    MissingToken,
    /// The request has no actor token. For its client that is a missing token; what is said of requests
    /// without a source token does not hold for it.
    MissingActor,
    /// The source token cannot be used: malformed, bound to a key, not what the protocol needs.
    BadToken,
    /// The request has a source token twice in one place: which one is meant cannot be told.
    RepeatedToken,
    /// The request has a form in its body that is too large to be looked through.
    FormTooLarge,
    /// The request has a form in its body that cannot be read.
    UnsupportedForm,
    /// The request has a value that cannot stand in a header of the call.
    BadHeader,
    /// The STS refused the source token.
    Refused,
    /// The STS wants the user to prove more of itself before it exchanges the token (RFC 9470).
    StepUp,
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
            Self::MissingToken | Self::MissingActor => "missing_token",
            Self::BadToken => "bad_token",
            Self::RepeatedToken => "repeated_token",
            Self::FormTooLarge => "form_too_large",
            Self::UnsupportedForm => "unsupported_form",
            Self::BadHeader => "bad_header",
            Self::Refused => "refused",
            Self::StepUp => "step_up",
            Self::Denied => "denied",
            Self::GatewayRefused => "gateway_refused",
            Self::BadAnswer => "bad_answer",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
        }
    }

    /// The kind with a name: of two that have the same for a client, the first.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Each one that has a name of its own.
    pub const ALL: [Self; 14] = [
        Self::MissingToken,
        Self::BadToken,
        Self::RepeatedToken,
        Self::FormTooLarge,
        Self::UnsupportedForm,
        Self::BadHeader,
        Self::Refused,
        Self::StepUp,
        Self::Denied,
        Self::GatewayRefused,
        Self::BadAnswer,
        Self::Busy,
        Self::Unreachable,
        Self::Timeout,
    ];

    /// Whether it is the request that is wrong and not the token: no policy lets it pass.
    pub const fn is_of_request(self) -> bool {
        matches!(
            self,
            Self::RepeatedToken | Self::FormTooLarge | Self::UnsupportedForm | Self::BadHeader
        )
    }

    /// The HTTP status that the client gets (RFC 9110, section 15).
    pub const fn status(self) -> u16 {
        match self {
            Self::MissingToken
            | Self::MissingActor
            | Self::BadToken
            | Self::Refused
            | Self::StepUp => 401,
            Self::RepeatedToken | Self::BadHeader => 400,
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
    /// The codes that the STS gave.
    pub codes: Codes,
    /// What the client has to do, of a [`FailureKind::StepUp`]; without it, all there is to tell is
    /// that it has to do something. Behind a pointer, as [`Codes`] are.
    pub step_up: Option<Rc<StepUp>>,
    /// Why a refusal may be the gateway's own fault.
    pub doubt: Option<Doubt>,
    /// Milliseconds that the call took which failed so, where there was one.
    pub call_time: Option<u64>,
}

/// Why it may be the gateway and not the token that an STS refuses, although it does not say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The exchange has not succeeded since it was configured.
    NeverSucceeded,
    /// The STS said the same of several source tokens in a row.
    SameOfSeveral,
}

impl Doubt {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::NeverSucceeded, Self::SameOfSeveral];

    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeverSucceeded => "never_succeeded",
            Self::SameOfSeveral => "same_of_several",
        }
    }

    /// The one with a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|doubt| doubt.name() == name)
    }

    /// What the operator may look at, as a lower-case fragment.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::NeverSucceeded => {
                "this exchange has not succeeded since it was configured: the STS may refuse the \
                 gateway, its client or its parameters, and not the token"
            }
            Self::SameOfSeveral => {
                "the STS said the same of several source tokens in a row: it may refuse the gateway, \
                 its client or its parameters, and not the tokens"
            }
        }
    }
}

impl Failure {
    /// A failure of which the STS has said nothing more.
    pub fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
            retry_after: None,
            codes: Codes::default(),
            step_up: None,
            doubt: None,
            call_time: None,
        }
    }
}

/// The codes that an STS gave: `error` of OAuth, or those of a fault, the innermost one first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codes(
    /// Behind a pointer: most failures have none, and failures are moved from hand to hand.
    Option<Rc<Vec<String>>>,
);

impl Codes {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|codes| codes.iter()).map(String::as_str)
    }
}

/// Leaves out what is none.
impl<'c> FromIterator<&'c str> for Codes {
    fn from_iter<I: IntoIterator<Item = &'c str>>(codes: I) -> Self {
        let codes = codes.into_iter().filter(|code| is_code(code)).map(str::to_owned);
        let codes: Vec<String> = codes.collect();
        Self((!codes.is_empty()).then(|| Rc::new(codes)))
    }
}

/// Whether a text can be a code that an STS gives: the characters that RFC 6749, section 5.2, allows
/// in `error`, and no more than the longest code has that is of use.
pub fn is_code(text: &str) -> bool {
    let is_allowed = |byte| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
    (1..=MAX_CODE).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// In bytes.
pub const MAX_CODE: usize = 100;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_characters_of_the_standard() {
        for code in ["invalid_grant", "Unable to find it", "urn:x#y", "!~[]", &"c".repeat(100)] {
            assert!(is_code(code), "{code}");
        }
        for code in ["", "a\"b", "a\\b", "a\nb", "é", "\u{7f}", &"c".repeat(101)] {
            assert!(!is_code(code), "{code}");
        }
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in FailureKind::ALL {
            assert_eq!(FailureKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(FailureKind::from_name("other"), None);
        let missing = FailureKind::MissingActor.name();
        assert_eq!(FailureKind::from_name(missing), Some(FailureKind::MissingToken));
    }
}
