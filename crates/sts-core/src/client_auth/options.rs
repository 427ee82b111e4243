//! From the options of a method to its credentials.

use std::path::PathBuf;

use openssl::sha::sha256;

use super::addressee::{AUDIENCE, Addressee, TYPE};
use super::assertion::JWT_BEARER;
use super::credential::Slot;
use super::error::{ClientAuthError, CredentialError};
use super::method::Method;
use super::{ClientAuth, Credentials, PasswordType, message};
use crate::options::{OptionError, Options};
use crate::parameters::{CLIENT_ID, USERNAME};
use crate::secret::Secret;
use crate::wstrust::is_plain;

impl ClientAuth {
    /// Takes what the method needs; other options stay, and with them a `client_id` with variables
    /// beside a `client_assertion`: it is the request's.
    ///
    /// # Errors
    /// An option is missing, or cannot be used with the method.
    pub fn from_options(method: Method, options: &mut Options) -> Result<Self, ClientAuthError> {
        if method != Method::PrivateKeyJwt && Self::is_result(options) {
            return Err(ClientAuthError::AssertionMethod { method });
        }
        Self::build(method, options).map_err(|error| match error {
            ClientAuthError::Option(OptionError::Missing { key }) => {
                ClientAuthError::Missing { key, method }
            }
            error => error,
        })
    }

    fn build(method: Method, options: &mut Options) -> Result<Self, ClientAuthError> {
        let mut auth = Self { method, ..Self::none() };
        match method {
            Method::None => return Ok(auth),
            Method::ClientCert => {
                let certificate = options.require_text("cert")?;
                let key = options.require_text("key")?;
                let pair = Slot::of_file(certificate.into());
                auth.credentials = Credentials::Certificate { pair, key: key.into() };
            }
            Method::Basic => {
                let username = options.require_text(USERNAME)?;
                if username.contains(':') {
                    return Err(ClientAuthError::Colon);
                }
                auth.id = Some(username);
                let source = Source::take(options, "password", "password_file")?;
                auth.credentials = Credentials::Header(source.slot(|it| auth.header(&it))?);
            }
            Method::UsernameToken => {
                let username = options.require_text(USERNAME)?;
                if !is_plain(&username) {
                    return Err(OptionError::NotText { key: USERNAME }.into());
                }
                auth.id = Some(username);
                let source = Source::take(options, "password", "password_file")?;
                let password = source.slot(message::check)?;
                let password_type = password_type(options)?;
                auth.credentials = Credentials::Message { password, password_type };
            }
            Method::ClientSecretBasic => {
                auth.id = Some(options.require_text(CLIENT_ID)?);
                let source = Source::of_client_secret(options)?;
                auth.credentials = Credentials::Header(source.slot(|it| auth.header(&it))?);
            }
            Method::ClientSecretPost => {
                auth.id = Some(options.require_text(CLIENT_ID)?);
                let source = Source::of_client_secret(options)?;
                auth.credentials = Credentials::Secret(source.slot(Ok)?);
            }
            Method::ClientSecretJwt => {
                auth.id = Some(options.require_text(CLIENT_ID)?);
                let source = Source::of_client_secret(options)?;
                let key = source.slot(|it| auth.key(&it))?;
                auth.credentials = Credentials::Key { key, addressee: Addressee::take(options)? };
            }
            Method::PrivateKeyJwt => auth.take_private_key_jwt(options)?,
        }
        auth.fingerprint = auth.digest();
        Ok(auth)
    }

    /// The assertion is made with a key, or comes out of a file, or from another exchange.
    fn take_private_key_jwt(&mut self, options: &mut Options) -> Result<(), ClientAuthError> {
        if options.contains(ASSERTION) {
            let kind = self.take_made_elsewhere(ASSERTION, options)?;
            let location = options.take(ASSERTION).and_then(location);
            let location = location.ok_or(ClientAuthError::NoLocation)?;
            self.credentials = Credentials::Result { location, kind };
        } else if options.contains(ASSERTION_FILE) {
            let kind = self.take_made_elsewhere(ASSERTION_FILE, options)?;
            let assertion = Slot::of_file(options.require_text(ASSERTION_FILE)?.into());
            self.credentials = Credentials::Assertion { assertion, kind };
        } else {
            if options.contains(ASSERTION_TYPE) {
                return Err(OptionError::Missing { key: ASSERTION_FILE }.into());
            }
            self.id = Some(options.require_text(CLIENT_ID)?);
            let source = Source::take(options, JWK, JWK_FILE)?;
            let key = source.slot(|it| self.key(&it))?;
            let addressee = Addressee::take(options)?;
            self.credentials = Credentials::Key { key, addressee };
        }
        Ok(())
    }

    /// Takes what may stand beside the option of an assertion that is made elsewhere, and returns its
    /// type. RFC 7521, section 4.2: with an assertion the client id may stay away.
    fn take_made_elsewhere(
        &mut self,
        first: &'static str,
        options: &mut Options,
    ) -> Result<String, ClientAuthError> {
        let others = [JWK, JWK_FILE, AUDIENCE, TYPE, ASSERTION_FILE];
        for second in others.into_iter().filter(|second| *second != first) {
            if options.contains(second) {
                return Err(ClientAuthError::Exclusive { first, second });
            }
        }
        // Where it depends on the request, it is the exchange's.
        if !options.names_variable(CLIENT_ID) {
            self.id = options.take_text(CLIENT_ID)?;
        }
        Ok(options.take_text(ASSERTION_TYPE)?.unwrap_or_else(|| JWT_BEARER.to_owned()))
    }
}

/// The name of a location. What is none may be an assertion, and is told to nobody.
fn location(name: Secret) -> Option<String> {
    let name = std::str::from_utf8(name.expose()).ok()?;
    let is_plain = !name.chars().any(|c| c.is_control() || c.is_whitespace());
    (name.len() > 1 && name.starts_with('@') && is_plain).then(|| name.to_owned())
}

fn password_type(options: &mut Options) -> Result<PasswordType, ClientAuthError> {
    let written = options.take_text("password_type")?;
    let Some(written) = written else { return Ok(PasswordType::Text) };
    let known = [PasswordType::Text, PasswordType::Digest];
    let known = known.into_iter().find(|known| known.name() == written);
    known.ok_or(ClientAuthError::PasswordType)
}

/// Where an operator put a credential.
enum Source {
    Inline { key: &'static str, value: Secret },
    File(PathBuf),
}

impl Source {
    /// Takes the one of two options that is there.
    fn take(
        options: &mut Options,
        key: &'static str,
        file_key: &'static str,
    ) -> Result<Self, ClientAuthError> {
        if let Some(path) = options.take_text(file_key)? {
            if options.contains(key) {
                return Err(ClientAuthError::Exclusive { first: key, second: file_key });
            }
            return Ok(Self::File(path.into()));
        }
        let value = options.require(key)?;
        Ok(Self::Inline { key, value })
    }

    fn of_client_secret(options: &mut Options) -> Result<Self, ClientAuthError> {
        let source = Self::take(options, CLIENT_SECRET, "client_secret_file")?;
        match source {
            Self::Inline { key, value } if value.is_empty() => {
                Err(OptionError::Empty { key }.into())
            }
            source => Ok(source),
        }
    }

    fn slot<T>(
        self,
        read: impl FnOnce(Secret) -> Result<T, CredentialError>,
    ) -> Result<Slot<T>, ClientAuthError> {
        match self {
            Self::File(path) => Ok(Slot::of_file(path)),
            Self::Inline { key, value } => {
                let digest = sha256(value.expose());
                let value = read(value);
                let value = value.map_err(|error| ClientAuthError::Credential { key, error })?;
                Ok(Slot::fixed(value, digest))
            }
        }
    }
}

pub(super) const ASSERTION: &str = "client_assertion";
const ASSERTION_FILE: &str = "client_assertion_file";
const ASSERTION_TYPE: &str = "client_assertion_type";
const CLIENT_SECRET: &str = "client_secret";
const JWK: &str = "jwk";
const JWK_FILE: &str = "jwk_file";
