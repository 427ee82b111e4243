//! How the gateway proves its identity to the STS.

mod addressee;
mod assertion;
mod basic;
pub(crate) mod credential;
mod error;
mod identity;
mod key_pair;
mod message;
mod method;
mod options;
mod proof;
mod proxy;

use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use http::HeaderValue;

pub use credential::{MAX_CONTENT, Refresh, Remark};
pub use error::{ClientAuthError, CredentialError};
pub use key_pair::KeyPair;
pub(crate) use message::{MessageProof, PasswordType};
pub use method::Method;

use crate::error::Failure;
use crate::jose::SigningKey;
use crate::known::Known;
use crate::now::UnixTime;
use crate::options::Options;
use crate::secret::Secret;
use addressee::Addressee;
use credential::{CredentialFile, Slot};

/// A client authentication method with its credentials.
///
/// A credential may be in a file, which is never read here: [`Self::files`] names it, and
/// [`Self::refresh`] takes its content, at first and whenever it may have changed. Clones share what
/// was read. Two are equal when they are configured alike, whatever is in their files.
#[derive(Clone)]
pub struct ClientAuth {
    method: Method,
    /// The client id, or the user name of `basic` and `username_token`.
    id: Option<String>,
    credentials: Credentials,
    /// Of all that was configured; zeroes without a method.
    fingerprint: [u8; 32],
}

/// The credentials in the form in which they are used.
#[derive(Clone)]
enum Credentials {
    None,
    /// `basic` and `client_secret_basic`: marked sensitive.
    Header(Slot<HeaderValue>),
    /// `client_secret_post`.
    Secret(Slot<Secret>),
    /// `client_secret_jwt` and `private_key_jwt`.
    Key {
        key: Slot<SigningKey>,
        addressee: Addressee,
    },
    /// `private_key_jwt`, signed elsewhere.
    Assertion {
        assertion: Slot<Secret>,
        kind: String,
    },
    /// `private_key_jwt`, where the assertion is what the exchange of another location has brought:
    /// each request brings it.
    Result {
        location: String,
        kind: String,
    },
    /// `username_token`: in the message, and nothing that a request without one could carry.
    Message {
        password: Slot<Secret>,
        password_type: PasswordType,
    },
    /// `client_cert`.
    Certificate {
        pair: Slot<KeyPair>,
        /// The file of the key, beside that of the certificate.
        key: PathBuf,
    },
}

impl ClientAuth {
    /// Reads the method and its option string as a directive has them.
    ///
    /// # Errors
    /// The method is unknown, an option is missing, unknown, or cannot be used with the method.
    pub fn parse(method: &str, options: Option<&str>) -> Result<Self, ClientAuthError> {
        let method = Method::parse(method)?;
        let mut options = Options::parse(options.unwrap_or_default())?;
        let auth = Self::from_options(method, &mut options)?;
        options.finish(method.options())?;
        Ok(auth)
    }

    /// No client authentication.
    pub const fn none() -> Self {
        Self {
            method: Method::None,
            id: None,
            credentials: Credentials::None,
            fingerprint: [0; 32],
        }
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The client id, or the user name of `basic` and `username_token`, when the method has one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether what is sent is worth stealing.
    pub fn sends_credentials(&self) -> bool {
        !matches!(self.credentials, Credentials::None | Credentials::Certificate { .. })
    }

    /// The certificate that TLS shows to the STS, as of now; `None` for the other methods.
    ///
    /// # Errors
    /// Nothing usable was read yet.
    pub fn key_pair(&self) -> Option<Result<Rc<KeyPair>, Failure>> {
        match &self.credentials {
            Credentials::Certificate { pair, .. } => Some(pair.value()),
            _ => None,
        }
    }

    /// Whether the options say that the assertion is what another exchange brings. Which client it is of
    /// may depend on the request then.
    pub fn is_result(options: &Options) -> bool {
        options.contains(options::ASSERTION)
    }

    /// The name of the location whose exchange brings the assertion, and which the request has to hand
    /// over ([`Names::assertion`](crate::message::Names::assertion)).
    pub fn needs_result_of(&self) -> Option<&str> {
        match &self.credentials {
            Credentials::Result { location, .. } => Some(location),
            _ => None,
        }
    }

    /// Whether it makes assertions as servers wanted them before rfc7523bis, for the endpoint and without
    /// a type of their own, and its options do not say that this is meant.
    pub fn signs_as_of_old(&self) -> bool {
        match &self.credentials {
            Credentials::Key { addressee, .. } => addressee.is_of_old(),
            _ => false,
        }
    }

    /// The length in bits of a key that takes longer than a millisecond to sign with.
    pub fn slow_bits(&self) -> Option<u32> {
        match &self.credentials {
            Credentials::Key { key, .. } => key.value().ok()?.slow_bits(),
            _ => None,
        }
    }

    /// The files that the credential is in, as configured: none, one, or certificate and key.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let first = self.credentials.file().map(CredentialFile::path);
        let second = match &self.credentials {
            Credentials::Certificate { key, .. } => Some(key.as_path()),
            _ => None,
        };
        first.into_iter().chain(second.filter(|second| first != Some(second)))
    }

    /// Whether it is time to look at the files: true once a second, never without a file. Whoever
    /// asks is expected to look.
    pub fn is_file_due(&self, now: UnixTime) -> bool {
        self.credentials.file().is_some_and(|file| file.is_due(now))
    }

    /// Takes the content of the [files](Self::files), one after the other, or why it cannot be read.
    /// What cannot be used leaves in use what was read before.
    pub fn refresh(&self, content: Result<Secret, io::ErrorKind>) -> Refresh {
        let content = content.map_err(CredentialError::Unreadable);
        match self.credentials.file() {
            Some(file) => file.refresh(content, |content| self.load(content)),
            None => Refresh::Unchanged,
        }
    }

    /// What was wrong with the content that was taken last, however often that was told.
    pub fn problem(&self) -> Option<CredentialError> {
        self.credentials.file()?.problem()
    }

    /// What is strange about the file of a secret that is in use. A key or a certificate is none, and is
    /// read by what it means.
    pub fn remark(&self) -> Option<Remark> {
        match &self.credentials {
            Credentials::Header(_) | Credentials::Secret(_) => {}
            Credentials::Key { .. } if self.method == Method::ClientSecretJwt => {}
            _ => return None,
        }
        self.credentials.file()?.remark()
    }

    /// Whether the client id goes into the body by itself (RFC 6749, section 3.2.1; RFC 8705,
    /// section 2).
    pub(crate) fn leaves_client_id_to_body(&self) -> bool {
        match self.credentials {
            Credentials::None | Credentials::Certificate { .. } => true,
            Credentials::Assertion { .. } | Credentials::Result { .. } => self.id.is_none(),
            Credentials::Header(_)
            | Credentials::Secret(_)
            | Credentials::Key { .. }
            | Credentials::Message { .. } => false,
        }
    }

    /// Whether the method sends a `client_id` parameter of its own.
    pub(crate) fn sends_client_id(&self) -> bool {
        match self.credentials {
            Credentials::Secret(_)
            | Credentials::Key { .. }
            | Credentials::Assertion { .. }
            | Credentials::Result { .. } => self.id.is_some(),
            Credentials::None
            | Credentials::Header(_)
            | Credentials::Message { .. }
            | Credentials::Certificate { .. } => false,
        }
    }

    /// Tells what of it an STS or a proxy is sent, and may repeat.
    pub fn tell(&self, known: &mut Known) {
        match &self.credentials {
            Credentials::Header(header) => {
                if let Ok(header) = header.value() {
                    basic::tell(&header, known);
                }
            }
            Credentials::Secret(secret)
            | Credentials::Assertion { assertion: secret, .. }
            | Credentials::Message { password: secret, .. } => {
                if let Ok(secret) = secret.value() {
                    known.add(secret.expose());
                }
            }
            // What is made with a key is another each time, and long enough to be cut short. What a
            // request brings, the request tells.
            Credentials::None
            | Credentials::Key { .. }
            | Credentials::Result { .. }
            | Credentials::Certificate { .. } => {}
        }
    }

    /// The names of the methods that a request without a form can use.
    pub(crate) fn methods_without_form() -> String {
        Method::list_without_form()
    }

    /// Puts the content of the file to use.
    fn load(&self, content: Secret) -> Result<(), CredentialError> {
        match &self.credentials {
            Credentials::None | Credentials::Result { .. } => {}
            Credentials::Certificate { pair, .. } => pair.set(KeyPair::parse(&content)?),
            Credentials::Header(slot) => slot.set(self.header(&content)?),
            Credentials::Secret(slot) => slot.set(content),
            Credentials::Message { password, .. } => password.set(message::check(content)?),
            Credentials::Key { key, .. } => key.set(self.key(&content)?),
            Credentials::Assertion { assertion, .. } => assertion.set(assertion::check(content)?),
        }
        Ok(())
    }

    fn header(&self, secret: &Secret) -> Result<HeaderValue, CredentialError> {
        let id = self.id.as_deref().unwrap_or_default();
        match self.method {
            Method::Basic => basic::plain(id, secret),
            _ => basic::form_encoded(id, secret),
        }
    }

    fn key(&self, secret: &Secret) -> Result<SigningKey, CredentialError> {
        Ok(match self.method {
            Method::ClientSecretJwt => SigningKey::symmetric(secret)?,
            _ => SigningKey::import(secret)?,
        })
    }
}

impl Credentials {
    fn file(&self) -> Option<&CredentialFile> {
        match self {
            Self::None | Self::Result { .. } => None,
            Self::Certificate { pair, .. } => pair.file(),
            Self::Header(slot) => slot.file(),
            Self::Secret(slot)
            | Self::Assertion { assertion: slot, .. }
            | Self::Message { password: slot, .. } => slot.file(),
            Self::Key { key, .. } => key.file(),
        }
    }
}

#[cfg(test)]
mod tests;
