//! A checked configuration of WS-Trust.

use thiserror::Error;

use super::endpoint_auth::UsernameToken;
use super::names::SAML_2_TOKEN;
use super::words::{KeyType, SoapVersion, SourceElement, TokenAs, Version};
use super::xml::write::is_text;
use crate::fields::Fields;

/// What the directives say, each by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// `STSWSTrustVersion`.
    pub version: Version,
    /// `STSWSTrustSOAPVersion`.
    pub soap_version: SoapVersion,
    /// `STSWSTrustKeyType`.
    pub key_type: KeyType,
    /// `STSWSTrustTokenAs`.
    pub token_as: TokenAs,
    /// `STSWSTrustTokenType`.
    pub token_type: String,
    /// `STSWSTrustValueType`; `None`: the source token goes verbatim.
    pub value_type: Option<String>,
    /// `STSWSTrustAppliesTo`.
    pub applies_to: Option<String>,
    /// The gateway's own credentials, where they stand in the message.
    pub username_token: Option<UsernameToken>,
    /// What a source token that goes verbatim may be.
    pub source_elements: Vec<SourceElement>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: Version::default(),
            soap_version: SoapVersion::default(),
            key_type: KeyType::default(),
            token_as: TokenAs::default(),
            token_type: SAML_2_TOKEN.to_owned(),
            value_type: None,
            applies_to: None,
            username_token: None,
            source_elements: SourceElement::default_list(TokenAs::default()),
        }
    }
}

/// Settings that go together.
#[derive(Clone, PartialEq, Eq)]
pub struct WsTrust(Settings);

impl WsTrust {
    /// Checks the settings.
    ///
    /// # Errors
    /// One cannot be used, or contradicts another.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        check_text("STSWSTrustTokenType", Some(&settings.token_type))?;
        check_text("STSWSTrustValueType", settings.value_type.as_ref())?;
        check_text("STSWSTrustAppliesTo", settings.applies_to.as_ref())?;
        if settings.token_as == TokenAs::ActAs && settings.version != Version::Trust14 {
            return Err(SettingsError::ActAsVersion);
        }
        if settings.token_as == TokenAs::Security && settings.username_token.is_some() {
            return Err(SettingsError::TwoCredentials);
        }
        if settings.source_elements.is_empty() && settings.value_type.is_none() {
            return Err(SettingsError::NoSource);
        }
        Ok(Self(settings))
    }

    /// Whether the message itself holds credentials of the gateway, whatever carries it.
    pub fn sends_credentials(&self) -> bool {
        self.0.username_token.is_some()
    }

    /// All that decides what the STS issues, and for whom; secrets only as digests.
    pub(crate) fn identify(&self, fields: &mut Fields) {
        let Self(Settings {
            version,
            soap_version,
            key_type,
            token_as,
            token_type,
            value_type,
            applies_to,
            username_token,
            source_elements,
        }) = self;
        fields.push(version.namespace().as_bytes());
        fields.push(soap_version.namespace().as_bytes());
        fields.push_optional(key_type.uri(*version).map(str::as_bytes));
        fields.push(token_as.name().as_bytes());
        fields.push(token_type.as_bytes());
        fields.push_optional(value_type.as_deref().map(str::as_bytes));
        fields.push_optional(applies_to.as_deref().map(str::as_bytes));
        match username_token {
            Some(token) => token.identify(fields),
            None => fields.push(b"none"),
        }
        // A token that one location does not let through must not come from the cache of another.
        fields.push(&(source_elements.len() as u64).to_le_bytes());
        for SourceElement { namespace, name } in source_elements {
            fields.push(namespace.as_bytes());
            fields.push(name.as_bytes());
        }
    }

    /// What was checked.
    pub fn settings(&self) -> &Settings {
        &self.0
    }
}

fn check_text(directive: &'static str, text: Option<&String>) -> Result<(), SettingsError> {
    match text {
        Some(text) if text.is_empty() => Err(SettingsError::Empty { directive }),
        Some(text) if text.chars().any(char::is_control) || !is_text(text) => {
            Err(SettingsError::NotText { directive })
        }
        _ => Ok(()),
    }
}

/// Why the settings cannot be used.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SettingsError {
    /// `ActAs` with a version that does not know it.
    #[error("\"STSWSTrustTokenAs actas\" needs \"STSWSTrustVersion 1.4\"")]
    ActAsVersion,
    /// A value that must say something is empty.
    #[error("the value of \"{directive}\" must not be empty")]
    Empty {
        /// Whose value it is.
        directive: &'static str,
    },
    /// No source token would ever do.
    #[error("no element is allowed as source token, and there is no \"STSWSTrustValueType\"")]
    NoSource,
    /// A value that cannot stand in a document.
    #[error(
        "the value of \"{directive}\" must be text that XML can hold, without control characters"
    )]
    NotText {
        /// Whose value it is.
        directive: &'static str,
    },
    /// Two proofs of who asks.
    #[error(
        "\"username_token\" needs \"STSWSTrustTokenAs onbehalfof\" or \"actas\": with \"security\" \
         the source token itself says who asks"
    )]
    TwoCredentials,
}
