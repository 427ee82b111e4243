//! The words of the directives for WS-Trust.

use thiserror::Error;

use super::names::{
    NO_PROOF_KEY, SAML_1, SAML_2, SOAP_1_1, SOAP_1_2, WSSE, WST_2005_02, WST_200512,
};
use super::xml::write::is_text;

/// `STSWSTrustVersion`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// WS-Trust of February 2005.
    Trust12,
    /// WS-Trust 1.3.
    #[default]
    Trust13,
    /// WS-Trust 1.4: the namespace of 1.3, and `ActAs` in one of its own.
    Trust14,
}

impl Version {
    /// Reads the value of the directive.
    ///
    /// # Errors
    /// It is none of the versions.
    pub fn parse(text: &str) -> Result<Self, WordError> {
        word(text, &[("1.2", Self::Trust12), ("1.3", Self::Trust13), ("1.4", Self::Trust14)])
    }

    pub(super) const fn namespace(self) -> &'static str {
        match self {
            Self::Trust12 => WST_2005_02,
            Self::Trust13 | Self::Trust14 => WST_200512,
        }
    }
}

/// `STSWSTrustSOAPVersion`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SoapVersion {
    /// SOAP 1.1: `text/xml`, and the action in a header of HTTP.
    Soap11,
    /// SOAP 1.2: `application/soap+xml`, with the action as its parameter.
    #[default]
    Soap12,
}

impl SoapVersion {
    /// Reads the value of the directive.
    ///
    /// # Errors
    /// It is none of the versions.
    pub fn parse(text: &str) -> Result<Self, WordError> {
        word(text, &[("1.1", Self::Soap11), ("1.2", Self::Soap12)])
    }

    pub(super) const fn namespace(self) -> &'static str {
        match self {
            Self::Soap11 => SOAP_1_1,
            Self::Soap12 => SOAP_1_2,
        }
    }
}

/// `STSWSTrustTokenAs`: what the source token is to the STS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TokenAs {
    /// The requestor's proof of identity: it stands in `wsse:Security`.
    #[default]
    Security,
    /// The identity that the gateway asks for (WS-Trust 1.3, section 9.1).
    OnBehalfOf,
    /// The identity that the gateway acts as (WS-Trust 1.4, section 9.2).
    ActAs,
}

impl TokenAs {
    /// Reads the value of the directive.
    ///
    /// # Errors
    /// It is none of the places.
    pub fn parse(text: &str) -> Result<Self, WordError> {
        word(
            text,
            &[Self::Security, Self::OnBehalfOf, Self::ActAs].map(|place| (place.name(), place)),
        )
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::OnBehalfOf => "onbehalfof",
            Self::ActAs => "actas",
        }
    }
}

/// `STSWSTrustSourceAs`: what is made of the source token for the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SourceAs {
    /// Nothing: it is a token already.
    #[default]
    Token,
    /// A `wsse:UsernameToken`: the source is the credentials of HTTP Basic (RFC 7617).
    UsernameToken,
}

impl SourceAs {
    /// Reads the value of the directive.
    ///
    /// # Errors
    /// It is none of the forms.
    pub fn parse(text: &str) -> Result<Self, WordError> {
        word(text, &[Self::Token, Self::UsernameToken].map(|form| (form.name(), form)))
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::UsernameToken => "usernametoken",
        }
    }
}

/// `STSWSTrustKeyType`: what shall prove the right to use the target token. It is nothing that a
/// gateway would have to show: keys, which the standard has, too, are not supported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Nothing: any holder of the token may use it.
    #[default]
    Bearer,
    /// The same, by the name that older servers have for it.
    NoProofKey,
    /// The STS decides.
    Unset,
    /// Whatever it means to the STS.
    Uri(String),
}

impl KeyType {
    /// Reads the value of the directive.
    ///
    /// # Errors
    /// It is neither one of the words nor an absolute URI, or it is a key.
    pub fn parse(text: &str) -> Result<Self, WordError> {
        let words =
            [("Bearer", Self::Bearer), ("NoProofKey", Self::NoProofKey), ("none", Self::Unset)];
        let is_of_a_key = is_of_a_key(text);
        if is_uri(text) && !is_of_a_key {
            return Ok(Self::Uri(text.to_owned()));
        }
        word(text, &words).map_err(|error| WordError {
            or: Some("an absolute URI"),
            note: is_of_a_key.then_some(
                "keys are not supported, and a token for the holder of a key is none for its bearer",
            ),
            ..error
        })
    }

    pub(super) fn uri(&self, version: Version) -> Option<&str> {
        Some(match self {
            Self::Bearer => match version {
                Version::Trust12 => "http://schemas.xmlsoap.org/ws/2005/02/trust/Bearer",
                Version::Trust13 | Version::Trust14 => {
                    "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Bearer"
                }
            },
            Self::NoProofKey => NO_PROOF_KEY,
            Self::Unset => return None,
            Self::Uri(uri) => uri,
        })
    }
}

/// Whether this asks for a token that only the holder of a key may use (WS-Trust 1.3, section 9.2), as
/// a word or as the URI of a version.
fn is_of_a_key(text: &str) -> bool {
    let name = [WST_2005_02, WST_200512]
        .into_iter()
        .find_map(|namespace| text.strip_prefix(namespace)?.strip_prefix('/'));
    matches!(name.unwrap_or(text), "PublicKey" | "SymmetricKey")
}

/// Checks a claim that is asked for: a type of claims is named by a URI (Identity Selector
/// Interoperability Profile 1.5, section 3.3.4).
///
/// # Errors
/// It is none.
pub fn check_claim(text: &str) -> Result<(), WordError> {
    let error = WordError { allowed: Vec::new(), or: Some("an absolute URI"), note: None };
    if is_uri(text) { Ok(()) } else { Err(error) }
}

/// What a source token that goes verbatim may be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceElement {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl SourceElement {
    /// Reads one value of the list: `saml2`, `saml1`, `usernametoken`, or any element as
    /// `{namespace}name`.
    ///
    /// # Errors
    /// It is none of them.
    pub fn parse(text: &str) -> Result<Self, WordError> {
        let words = [
            ("saml2", Self::new(SAML_2, "Assertion")),
            ("saml1", Self::new(SAML_1, "Assertion")),
            ("usernametoken", Self::new(WSSE, "UsernameToken")),
        ];
        let other = |text: &str| {
            let (namespace, name) = text.strip_prefix('{')?.split_once('}')?;
            let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
            let fits = !name.is_empty() && name.chars().all(is_name) && is_text(namespace);
            fits.then(|| Self::new(namespace, name))
        };
        word(text, &words).or_else(|WordError { allowed, .. }| {
            other(text).ok_or(WordError { allowed, or: Some("{namespace}name"), note: None })
        })
    }

    /// An assertion of SAML 2.0 or 1.1; where the source token asks for itself, a
    /// `wsse:UsernameToken`, too. Where the gateway asks for it, a bare name would be enough to become
    /// any user.
    pub fn default_list(token_as: TokenAs) -> Vec<Self> {
        let mut list = vec![Self::new(SAML_2, "Assertion"), Self::new(SAML_1, "Assertion")];
        if token_as == TokenAs::Security {
            list.push(Self::new(WSSE, "UsernameToken"));
        }
        list
    }

    /// A `wsse:UsernameToken`.
    pub(super) fn is_username_token(&self) -> bool {
        (self.namespace.as_str(), self.name.as_str()) == (WSSE, "UsernameToken")
    }

    fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// Which words a directive takes, when it got another.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the value must be {}{}", list(allowed, *or), noted(*note))]
pub struct WordError {
    allowed: Vec<&'static str>,
    or: Option<&'static str>,
    /// Why another one is not among them.
    note: Option<&'static str>,
}

fn word<T: Clone>(text: &str, words: &[(&'static str, T)]) -> Result<T, WordError> {
    let known = words.iter().find(|(name, _)| *name == text).map(|(_, value)| value.clone());
    known.ok_or_else(|| WordError {
        allowed: words.iter().map(|(name, _)| *name).collect(),
        or: None,
        note: None,
    })
}

fn list(words: &[&str], or: Option<&str>) -> String {
    let quoted = words.iter().map(|word| format!("\"{word}\""));
    let all: Vec<_> = quoted.chain(or.map(str::to_owned)).collect();
    match all.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

fn noted(note: Option<&str>) -> String {
    note.map(|note| format!(": {note}")).unwrap_or_default()
}

/// RFC 3986, section 4.3, as far as it matters here: a scheme, and only characters that a URI may hold
/// (section 2).
fn is_uri(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    };
    let scheme = text.split_once(':');
    scheme.is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b))
}
