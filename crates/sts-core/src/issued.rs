//! What an STS issued.

use std::borrow::Cow;

use crate::error::{Failure, FailureKind};
use crate::excerpt::excerpt;
use crate::expiry::{Doubt, Expiry};
use crate::secret::Secret;

/// How the issued token may be used (RFC 6749, section 7.1; RFC 8693, section 2.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// A bearer token (RFC 6750).
    Bearer,
    /// `N_A`: not an access token, so it must not go out as a bearer token unless asked.
    NotApplicable,
    /// Another word: a bearer token where the operator says so, and else of no use.
    Other(Box<str>),
    /// The STS did not say, as in all of WS-Trust: a bearer token.
    Unsaid,
}

impl TokenType {
    /// Bytes that a word may have.
    pub const LONGEST: usize = 128;

    /// What a `token_type` means, which is compared without case.
    pub fn of(word: &str) -> Self {
        match word {
            _ if word.eq_ignore_ascii_case(BEARER) => Self::Bearer,
            _ if word.eq_ignore_ascii_case(N_A) => Self::NotApplicable,
            _ => Self::Other(word.into()),
        }
    }

    /// The word for it; none where the STS had none.
    pub fn word(&self) -> Option<&str> {
        match self {
            Self::Bearer => Some(BEARER),
            Self::NotApplicable => Some(N_A),
            Self::Other(word) => Some(word),
            Self::Unsaid => None,
        }
    }
}

/// `STSAcceptTokenType`: the types that a location takes. One that the STS did not name is always
/// taken: many leave it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenTypes(Vec<String>);

impl TokenTypes {
    /// These words.
    ///
    /// # Errors
    /// One of them can be no type.
    pub fn new<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<Self, InvalidTokenType> {
        let is_type = |word: &str| {
            let length = word.len();
            (1..=TokenType::LONGEST).contains(&length) && word.bytes().all(|b| b.is_ascii_graphic())
        };
        let words = words.into_iter();
        let words =
            words.map(|word| is_type(word).then(|| word.to_owned()).ok_or(InvalidTokenType));
        words.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a token of this type may be used.
    ///
    /// # Errors
    /// It may not; the failure names the type.
    pub fn check(&self, token_type: &TokenType) -> Result<(), Failure> {
        let Some(word) = token_type.word() else { return Ok(()) };
        if self.0.iter().any(|accepted| accepted.eq_ignore_ascii_case(word)) {
            return Ok(());
        }
        let reason = format!(
            "the STS answered with token_type \"{}\", which \"STSAcceptTokenType\" does not name",
            excerpt(word)
        );
        Err(Failure::new(FailureKind::BadAnswer, reason))
    }
}

impl Default for TokenTypes {
    fn default() -> Self {
        Self(vec![BEARER.to_owned(), N_A.to_owned()])
    }
}

/// What can be no `token_type` of an answer.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("a token type is a word of at most {} printable characters", TokenType::LONGEST)]
pub struct InvalidTokenType;

const BEARER: &str = "Bearer";
/// RFC 8693, section 2.2.1.
const N_A: &str = "N_A";

/// A target token and what the STS said of it.
pub struct Issued {
    /// The token itself, not encoded.
    pub token: Secret,
    /// How it may be used.
    pub token_type: TokenType,
    /// How long it is valid from the moment it was issued, in seconds, when the STS said so. What
    /// cannot be read is 0.
    pub expires_in: Option<u64>,
    /// When it expires, where the answer says so as a point in time (WS-Trust, SAML).
    pub expiry: Expiry,
    /// What of that could not be read.
    pub doubt: Option<Doubt>,
    /// The `issued_token_type` of an answer of OAuth (RFC 8693, section 2.2.1).
    pub issued_token_type: Told,
    /// The `scope` of an answer of OAuth (RFC 6749, section 5.1).
    pub scope: Told,
}

/// What an answer says beside its token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// Nothing.
    #[default]
    Nothing,
    /// This.
    Text(Box<str>),
    /// Something that is no text.
    Unreadable,
}

/// What an answer says beside its token, as it is told to the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The type that the STS names: nothing to copy, where it is one of [`ISSUED_TYPES`].
    pub issued_token_type: Option<Cow<'static, str>>,
    /// The scope that it names.
    pub scope: Option<Box<str>>,
}

/// The types of RFC 8693, section 3.
pub const ISSUED_TYPES: [&str; 6] = [
    "urn:ietf:params:oauth:token-type:access_token",
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:ietf:params:oauth:token-type:id_token",
    "urn:ietf:params:oauth:token-type:refresh_token",
    "urn:ietf:params:oauth:token-type:saml1",
    "urn:ietf:params:oauth:token-type:saml2",
];

impl Said {
    /// Bytes of a text that is told. A longer one is not.
    pub const LONGEST: usize = 1024;

    /// What was said with a token.
    pub fn of(issued: &Issued) -> Self {
        let text = |told: &'_ Told| match told {
            Told::Text(text) if Self::can_be(text) => Some(text.clone()),
            Told::Text(_) | Told::Nothing | Told::Unreadable => None,
        };
        let issued_token_type = text(&issued.issued_token_type).map(Self::token_type);
        Self { issued_token_type, scope: text(&issued.scope) }
    }

    /// A type that an answer names.
    pub fn token_type(text: Box<str>) -> Cow<'static, str> {
        match ISSUED_TYPES.iter().find(|known| ***known == *text) {
            Some(known) => Cow::Borrowed(known),
            None => Cow::Owned(text.into()),
        }
    }

    /// Control characters are in no type and in no scope (RFC 6749, section 3.3).
    pub fn can_be(text: &str) -> bool {
        (1..=Self::LONGEST).contains(&text.len()) && !text.chars().any(char::is_control)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(words: &[&str], word: &str) -> Result<(), String> {
        let types = TokenTypes::new(words.iter().copied()).unwrap();
        types.check(&TokenType::of(word)).map_err(|failure| failure.reason)
    }

    #[test]
    fn what_cannot_be_a_type_or_a_scope_is_not_told() {
        let said = |issued_token_type: Told, scope: Told| {
            Said::of(&Issued {
                token: Secret::new("t"),
                token_type: TokenType::Bearer,
                expires_in: None,
                expiry: Expiry::Unsaid,
                doubt: None,
                issued_token_type,
                scope,
            })
        };
        let text = |text: &str| Told::Text(text.into());
        let told = said(text(ISSUED_TYPES[1]), text("a b"));
        assert!(
            matches!(told.issued_token_type, Some(Cow::Borrowed(known)) if known == ISSUED_TYPES[1])
        );
        assert_eq!(told.scope.as_deref(), Some("a b"));
        assert_eq!(said(text("urn:x"), Told::Nothing).issued_token_type.as_deref(), Some("urn:x"));
        let long = "x".repeat(Said::LONGEST + 1);
        for none in [text(""), text("a\nb"), text(&long), Told::Unreadable] {
            assert_eq!(said(none.clone(), none), Said::default());
        }
    }

    #[test]
    fn types_are_compared_without_case() {
        for word in ["bearertoken", "BearerToken", "BEARERTOKEN"] {
            assert_eq!(accepted(&["BearerToken", "N_A"], word), Ok(()), "{word}");
        }
        assert_eq!(accepted(&["n_a"], "N_A"), Ok(()));
        assert_eq!(accepted(&["bearer"], "Bearer"), Ok(()));
    }

    #[test]
    fn a_type_that_is_not_named_is_told() {
        assert_eq!(
            accepted(&["BearerToken"], "Bearer").unwrap_err(),
            "the STS answered with token_type \"Bearer\", which \"STSAcceptTokenType\" does not name"
        );
        let types = TokenTypes::default();
        assert_eq!(types.check(&TokenType::Bearer), Ok(()));
        assert_eq!(types.check(&TokenType::NotApplicable), Ok(()));
        assert_eq!(types.check(&TokenType::Unsaid), Ok(()));
        let failure = types.check(&TokenType::of("DPoP\n")).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadAnswer);
        assert!(failure.reason.contains("token_type \"DPoP\\n\""), "{failure}");
        assert!(types.check(&TokenType::of("")).is_err());
        assert!(types.check(&TokenType::of("Bearer ")).is_err());
    }

    #[test]
    fn a_word_has_no_blank_and_is_short() {
        let longest = "x".repeat(TokenType::LONGEST);
        assert!(TokenTypes::new([longest.as_str(), "urn:a:b", "a"]).is_ok());
        for word in ["", "a b", "a\n", "\u{e9}", &format!("{longest}x")] {
            assert_eq!(TokenTypes::new([word]), Err(InvalidTokenType), "{word}");
        }
    }
}
