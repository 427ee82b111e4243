//! From the options of a method to its credentials.

use std::path::PathBuf;

use openssl::sha::sha256;

use super::assertion::JWT_BEARER;
use super::credential::Slot;
use super::error::{ClientAuthError, CredentialError};
use super::method::Method;
use super::{ClientAuth, Credentials};
use crate::fields::Fields;
use crate::options::{OptionError, Options};
use crate::parameters::{CLIENT_ID, USERNAME};
use crate::secret::Secret;

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
        let mut fields = Fields::new(method.name().as_bytes());
        match method {
            Method::None => return Ok(auth),
            Method::ClientCert => {
                let certificate = options.require_text("cert")?;
                let key = options.require_text("key")?;
                fields.push(certificate.as_bytes());
                fields.push(key.as_bytes());
                let pair = Slot::of_file(certificate.into());
                auth.credentials = Credentials::Certificate { pair, key: key.into() };
            }
            Method::Basic => {
                let username = options.require_text(USERNAME)?;
                if username.contains(':') {
                    return Err(ClientAuthError::Colon);
                }
                auth.take_id(username, &mut fields);
                let source = Source::take(options, "password", "password_file", &mut fields)?;
                auth.credentials = Credentials::Header(source.slot(|it| auth.header(&it))?);
            }
            Method::ClientSecretBasic => {
                auth.take_id(options.require_text(CLIENT_ID)?, &mut fields);
                let source = Source::of_client_secret(options, &mut fields)?;
                auth.credentials = Credentials::Header(source.slot(|it| auth.header(&it))?);
            }
            Method::ClientSecretPost => {
                auth.take_id(options.require_text(CLIENT_ID)?, &mut fields);
                let source = Source::of_client_secret(options, &mut fields)?;
                auth.credentials = Credentials::Secret(source.slot(Ok)?);
            }
            Method::ClientSecretJwt => {
                auth.take_id(options.require_text(CLIENT_ID)?, &mut fields);
                let source = Source::of_client_secret(options, &mut fields)?;
                let key = source.slot(|it| auth.key(&it))?;
                auth.credentials =
                    Credentials::Key { key, audience: audience(options, &mut fields)? };
            }
            Method::PrivateKeyJwt => match options.take_text(ASSERTION_FILE)? {
                Some(path) => auth.take_assertion_file(path, options, &mut fields)?,
                None => {
                    if options.contains(ASSERTION_TYPE) {
                        return Err(OptionError::Missing { key: ASSERTION_FILE }.into());
                    }
                    auth.take_id(options.require_text(CLIENT_ID)?, &mut fields);
                    let source = Source::take(options, JWK, JWK_FILE, &mut fields)?;
                    let key = source.slot(|it| auth.key(&it))?;
                    let audience = audience(options, &mut fields)?;
                    auth.credentials = Credentials::Key { key, audience };
                }
            },
        }
        auth.fingerprint = fields.finish();
        Ok(auth)
    }

    fn take_id(&mut self, id: String, fields: &mut Fields) {
        fields.push(id.as_bytes());
        self.id = Some(id);
    }

    /// RFC 7521, section 4.2: with an assertion the client id may stay away.
    fn take_assertion_file(
        &mut self,
        path: String,
        options: &mut Options,
        fields: &mut Fields,
    ) -> Result<(), ClientAuthError> {
        for second in [JWK, JWK_FILE, AUDIENCE] {
            if options.contains(second) {
                return Err(ClientAuthError::Exclusive { first: ASSERTION_FILE, second });
            }
        }
        self.id = options.take_text(CLIENT_ID)?;
        let kind = options.take_text(ASSERTION_TYPE)?.unwrap_or_else(|| JWT_BEARER.to_owned());
        fields.push_optional(self.id.as_deref().map(str::as_bytes));
        fields.push(ASSERTION_FILE.as_bytes());
        fields.push(path.as_bytes());
        fields.push(kind.as_bytes());
        let assertion = Slot::of_file(path.into());
        self.credentials = Credentials::Assertion { assertion, kind };
        Ok(())
    }
}

fn audience(options: &mut Options, fields: &mut Fields) -> Result<Option<String>, ClientAuthError> {
    let audience = options.take_text(AUDIENCE)?;
    fields.push_optional(audience.as_deref().map(str::as_bytes));
    Ok(audience)
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
        fields: &mut Fields,
    ) -> Result<Self, ClientAuthError> {
        if let Some(path) = options.take_text(file_key)? {
            if options.contains(key) {
                return Err(ClientAuthError::Exclusive { first: key, second: file_key });
            }
            fields.push(file_key.as_bytes());
            fields.push(path.as_bytes());
            return Ok(Self::File(path.into()));
        }
        let value = options.require(key)?;
        fields.push(key.as_bytes());
        fields.push(&sha256(value.expose()));
        Ok(Self::Inline { key, value })
    }

    fn of_client_secret(
        options: &mut Options,
        fields: &mut Fields,
    ) -> Result<Self, ClientAuthError> {
        let source = Self::take(options, CLIENT_SECRET, "client_secret_file", fields)?;
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
                let value = read(value);
                let value = value.map_err(|error| ClientAuthError::Credential { key, error })?;
                Ok(Slot::fixed(value))
            }
        }
    }
}

const ASSERTION_FILE: &str = "client_assertion_file";
const ASSERTION_TYPE: &str = "client_assertion_type";
const AUDIENCE: &str = "aud";
const CLIENT_SECRET: &str = "client_secret";
const JWK: &str = "jwk";
const JWK_FILE: &str = "jwk_file";
