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
    /// Takes what the method needs; other options stay.
    ///
    /// # Errors
    /// An option is missing, or cannot be used with the method.
    pub fn from_options(method: Method, options: &mut Options) -> Result<Self, ClientAuthError> {
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
            Method::PrivateKeyJwt => match options.take_text(ASSERTION_FILE)? {
                Some(path) => auth.take_assertion_file(path, options)?,
                None => {
                    if options.contains(ASSERTION_TYPE) {
                        return Err(OptionError::Missing { key: ASSERTION_FILE }.into());
                    }
                    auth.id = Some(options.require_text(CLIENT_ID)?);
                    let source = Source::take(options, JWK, JWK_FILE)?;
                    let key = source.slot(|it| auth.key(&it))?;
                    let addressee = Addressee::take(options)?;
                    auth.credentials = Credentials::Key { key, addressee };
                }
            },
        }
        auth.fingerprint = auth.digest();
        Ok(auth)
    }

    /// RFC 7521, section 4.2: with an assertion the client id may stay away.
    fn take_assertion_file(
        &mut self,
        path: String,
        options: &mut Options,
    ) -> Result<(), ClientAuthError> {
        for second in [JWK, JWK_FILE, AUDIENCE, TYPE] {
            if options.contains(second) {
                return Err(ClientAuthError::Exclusive { first: ASSERTION_FILE, second });
            }
        }
        self.id = options.take_text(CLIENT_ID)?;
        let kind = options.take_text(ASSERTION_TYPE)?.unwrap_or_else(|| JWT_BEARER.to_owned());
        let assertion = Slot::of_file(path.into());
        self.credentials = Credentials::Assertion { assertion, kind };
        Ok(())
    }
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

const ASSERTION_FILE: &str = "client_assertion_file";
const ASSERTION_TYPE: &str = "client_assertion_type";
const CLIENT_SECRET: &str = "client_secret";
const JWK: &str = "jwk";
const JWK_FILE: &str = "jwk_file";
