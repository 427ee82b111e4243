//! A checked configuration of WS-Trust.

use thiserror::Error;

use super::is_plain;
use super::names::SAML_2_TOKEN;
use super::words::{KeyType, SoapVersion, SourceAs, SourceElement, TokenAs, Version};
use crate::client_auth::ClientAuth;
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
    /// `STSWSTrustTokenType`; `None`: the STS decides.
    pub token_type: Option<String>,
    /// `STSWSTrustValueType`; `None`: the source token goes verbatim.
    pub value_type: Option<String>,
    /// `STSWSTrustTokenWrapper`: a JWT goes in the element that Apache CXF has for it.
    pub token_wrapper: bool,
    /// `STSWSTrustSourceAs`.
    pub source_as: SourceAs,
    /// `STSWSTrustAppliesTo`, where it is the same for all requests; else it is a
    /// [parameter](super::APPLIES_TO) of each.
    pub applies_to: Option<String>,
    /// `STSWSTrustTo`; `None`: the endpoint.
    pub to: Option<String>,
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
            token_type: Some(SAML_2_TOKEN.to_owned()),
            value_type: None,
            token_wrapper: false,
            source_as: SourceAs::default(),
            applies_to: None,
            to: None,
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
        check_text("STSWSTrustTokenType", settings.token_type.as_ref())?;
        check_text("STSWSTrustValueType", settings.value_type.as_ref())?;
        check_text("STSWSTrustAppliesTo", settings.applies_to.as_ref())?;
        check_text("STSWSTrustTo", settings.to.as_ref())?;
        if settings.token_as == TokenAs::ActAs && settings.version != Version::Trust14 {
            return Err(SettingsError::ActAsVersion);
        }
        if settings.token_wrapper && settings.value_type.is_none() {
            return Err(SettingsError::WrapperOfNothing);
        }
        if settings.source_as == SourceAs::UsernameToken {
            settings.check_source_as()?;
        }
        if settings.source_elements.is_empty() && settings.value_type.is_none() {
            return Err(SettingsError::NoSource);
        }
        Ok(Self(settings))
    }

    /// Checks that the gateway's own credentials have a place beside the source token.
    ///
    /// # Errors
    /// They have none.
    pub fn check_auth(&self, auth: &ClientAuth) -> Result<(), SettingsError> {
        if self.0.token_as == TokenAs::Security && auth.is_in_message() {
            return Err(SettingsError::TwoCredentials);
        }
        Ok(())
    }

    /// Whether the gateway asks for the subject of the source token, and authenticates by itself.
    pub(crate) fn asks_for_others(&self) -> bool {
        self.0.token_as != TokenAs::Security
    }

    /// Whether the source is the credentials of a user.
    pub(crate) fn takes_credentials(&self) -> bool {
        self.0.source_as == SourceAs::UsernameToken
    }

    /// All that decides what the STS issues, and for which user; secrets only as digests.
    pub(crate) fn identify(&self, fields: &mut Fields) {
        let Self(Settings {
            version,
            soap_version,
            key_type,
            token_as,
            token_type,
            value_type,
            token_wrapper,
            source_as,
            applies_to,
            to,
            source_elements,
        }) = self;
        fields.push(version.namespace().as_bytes());
        fields.push(soap_version.namespace().as_bytes());
        fields.push_optional(key_type.uri(*version).map(str::as_bytes));
        fields.push(token_as.name().as_bytes());
        fields.push_optional(token_type.as_deref().map(str::as_bytes));
        fields.push_optional(value_type.as_deref().map(str::as_bytes));
        fields.push(&[u8::from(*token_wrapper)]);
        fields.push(source_as.name().as_bytes());
        fields.push_optional(applies_to.as_deref().map(str::as_bytes));
        fields.push_optional(to.as_deref().map(str::as_bytes));
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

impl Settings {
    /// What goes with credentials that become a `wsse:UsernameToken`.
    fn check_source_as(&self) -> Result<(), SettingsError> {
        if self.value_type.is_some() {
            return Err(SettingsError::SourceAsValueType);
        }
        if !self.source_elements.iter().any(SourceElement::is_username_token) {
            return Err(SettingsError::SourceAsElement);
        }
        Ok(())
    }
}

fn check_text(directive: &'static str, text: Option<&String>) -> Result<(), SettingsError> {
    match text {
        Some(text) if text.is_empty() => Err(SettingsError::Empty { directive }),
        Some(text) if !is_plain(text) => Err(SettingsError::NotText { directive }),
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
        /// The directive of the value.
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
        /// The directive of the value.
        directive: &'static str,
    },
    /// Credentials of a user where the list of elements has no place for them.
    #[error(
        "\"STSWSTrustSourceAs usernametoken\" needs \"usernametoken\" among the elements of \
         \"STSWSTrustSourceElements\": with \"STSWSTrustTokenAs onbehalfof\" and \"actas\" name it only \
         where the STS checks the password"
    )]
    SourceAsElement,
    /// Two forms of one source token.
    #[error(
        "\"STSWSTrustSourceAs usernametoken\" and \"STSWSTrustValueType\" exclude each other: the \
         source token goes in one of the two forms"
    )]
    SourceAsValueType,
    /// Two proofs of identity.
    #[error(
        "\"username_token\" needs \"STSWSTrustTokenAs onbehalfof\" or \"actas\": with \"security\" \
         the source token itself is the proof of identity"
    )]
    TwoCredentials,
    /// Nothing that could be wrapped.
    #[error(
        "\"STSWSTrustTokenWrapper on\" needs \"STSWSTrustValueType\": without it the source token goes \
         as it is"
    )]
    WrapperOfNothing,
}
