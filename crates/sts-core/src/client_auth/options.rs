//! From the options of a method to its credentials.

use std::path::PathBuf;

use super::assertion::JWT_BEARER;
use super::credential::Slot;
use super::error::{ClientAuthError, CredentialError};
use super::method::Method;
use super::{ClientAuth, Credentials};
use crate::digest::Digest;
use crate::options::{OptionError, Options};
use crate::parameters::{CLIENT_ID, USERNAME};
use crate::secret::Secret;

impl ClientAuth {
    /// Takes what the method needs; other options stay.
    pub(crate) fn from_options(
        method: Method,
        options: &mut Options,
    ) -> Result<Self, ClientAuthError> {
        Self::build(method, options).map_err(|error| match error {
            ClientAuthError::Option(OptionError::Missing { key }) => {
                ClientAuthError::Missing { key, method }
            }
            error => error,
        })
    }

    fn build(method: Method, options: &mut Options) -> Result<Self, ClientAuthError> {
        let mut auth = Self { method, ..Self::none() };
        let mut digest = Digest::new();
        digest.field(method.name().as_bytes());
        match method {
            Method::None => return Ok(auth),
            Method::ClientCert => {
                let certificate = options.require_text("cert")?;
                let key = options.require_text("key")?;
                digest.field(certificate.as_bytes());
                digest.field(key.as_bytes());
                let (certificate, key) = (certificate.into(), key.into());
                auth.credentials = Credentials::Certificate { certificate, key };
            }
            Method::Basic => {
                let username = options.require_text(USERNAME)?;
                if username.contains(':') {
                    return Err(ClientAuthError::Colon);
                }
                auth.take_id(username, &mut digest);
                let source = Source::take(options, "password", "password_file", &mut digest)?;
                auth.credentials = Credentials::Header(source.slot(|it| auth.header(&it))?);
            }
            Method::ClientSecretBasic => {
                auth.take_id(options.require_text(CLIENT_ID)?, &mut digest);
                let source = Source::of_client_secret(options, &mut digest)?;
                auth.credentials = Credentials::Header(source.slot(|it| auth.header(&it))?);
            }
            Method::ClientSecretPost => {
                auth.take_id(options.require_text(CLIENT_ID)?, &mut digest);
                let source = Source::of_client_secret(options, &mut digest)?;
                auth.credentials = Credentials::Secret(source.slot(Ok)?);
            }
            Method::ClientSecretJwt => {
                auth.take_id(options.require_text(CLIENT_ID)?, &mut digest);
                let source = Source::of_client_secret(options, &mut digest)?;
                let key = source.slot(|it| auth.key(&it))?;
                auth.credentials =
                    Credentials::Key { key, audience: audience(options, &mut digest)? };
            }
            Method::PrivateKeyJwt => match options.take_text(ASSERTION_FILE)? {
                Some(path) => auth.take_assertion_file(path, options, &mut digest)?,
                None => {
                    if options.contains(ASSERTION_TYPE) {
                        return Err(OptionError::Missing { key: ASSERTION_FILE }.into());
                    }
                    auth.take_id(options.require_text(CLIENT_ID)?, &mut digest);
                    let source = Source::take(options, JWK, JWK_FILE, &mut digest)?;
                    let key = source.slot(|it| auth.key(&it))?;
                    let audience = audience(options, &mut digest)?;
                    auth.credentials = Credentials::Key { key, audience };
                }
            },
        }
        auth.fingerprint = digest.finish();
        Ok(auth)
    }

    fn take_id(&mut self, id: String, digest: &mut Digest) {
        digest.field(id.as_bytes());
        self.id = Some(id);
    }

    /// RFC 7521, section 4.2: with an assertion the client id may stay away.
    fn take_assertion_file(
        &mut self,
        path: String,
        options: &mut Options,
        digest: &mut Digest,
    ) -> Result<(), ClientAuthError> {
        for second in [JWK, JWK_FILE, AUDIENCE] {
            if options.contains(second) {
                return Err(ClientAuthError::Exclusive { first: ASSERTION_FILE, second });
            }
        }
        self.id = options.take_text(CLIENT_ID)?;
        let kind = options.take_text(ASSERTION_TYPE)?.unwrap_or_else(|| JWT_BEARER.to_owned());
        digest.optional(self.id.as_deref().map(str::as_bytes));
        digest.field(ASSERTION_FILE.as_bytes());
        digest.field(path.as_bytes());
        digest.field(kind.as_bytes());
        let assertion = Slot::of_file(path.into());
        self.credentials = Credentials::Assertion { assertion, kind };
        Ok(())
    }
}

fn audience(options: &mut Options, digest: &mut Digest) -> Result<Option<String>, ClientAuthError> {
    let audience = options.take_text(AUDIENCE)?;
    digest.optional(audience.as_deref().map(str::as_bytes));
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
        digest: &mut Digest,
    ) -> Result<Self, ClientAuthError> {
        if let Some(path) = options.take_text(file_key)? {
            if options.contains(key) {
                return Err(ClientAuthError::Exclusive { first: key, second: file_key });
            }
            digest.field(file_key.as_bytes());
            digest.field(path.as_bytes());
            return Ok(Self::File(path.into()));
        }
        let value = options.require(key)?;
        digest.field(key.as_bytes());
        digest.secret(value.expose());
        Ok(Self::Inline { key, value })
    }

    fn of_client_secret(
        options: &mut Options,
        digest: &mut Digest,
    ) -> Result<Self, ClientAuthError> {
        let source = Self::take(options, CLIENT_SECRET, "client_secret_file", digest)?;
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
