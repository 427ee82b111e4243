//! Credentials in the message itself: a `wsse:UsernameToken` (Web Services Security Username Token
//! Profile 1.1).

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::Sha1;

use super::error::CredentialError;
use super::{ClientAuth, Credentials};
use crate::error::Failure;
use crate::secret::Secret;
use crate::wstrust::is_plain;

/// How the password stands in the message (section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordType {
    Text,
    Digest,
}

impl PasswordType {
    /// The word of the option `password_type`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Digest => "digest",
        }
    }
}

/// What a `wsse:UsernameToken` of the gateway is made of, as of now.
pub(crate) struct MessageProof<'a> {
    pub(crate) username: &'a str,
    pub(crate) password: Rc<Secret>,
    pub(crate) password_type: PasswordType,
}

impl MessageProof<'_> {
    /// `Base64(SHA-1(nonce + created + password))` (section 3.1).
    pub(crate) fn digest(&self, nonce: &[u8], created: &str) -> String {
        let mut hash = Sha1::new();
        hash.update(nonce);
        hash.update(created.as_bytes());
        hash.update(self.password.expose());
        STANDARD.encode(hash.finish())
    }
}

impl ClientAuth {
    /// Whether the credentials stand in the message.
    pub fn is_in_message(&self) -> bool {
        matches!(self.credentials, Credentials::Message { .. })
    }

    /// What stands in the message; `None` for the methods of HTTP and TLS.
    ///
    /// # Errors
    /// Nothing usable was read yet.
    pub(crate) fn message_proof(&self) -> Result<Option<MessageProof<'_>>, Failure> {
        let Credentials::Message { password, password_type } = &self.credentials else {
            return Ok(None);
        };
        Ok(Some(MessageProof {
            username: self.id.as_deref().unwrap_or_default(),
            password: password.value()?,
            password_type: *password_type,
        }))
    }
}

/// A password that can stand in a message.
pub(super) fn check(password: Secret) -> Result<Secret, CredentialError> {
    match std::str::from_utf8(password.expose()) {
        Ok(text) if is_plain(text) => Ok(password),
        _ => Err(CredentialError::NotText),
    }
}
