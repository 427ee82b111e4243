//! How the gateway proves to the STS who it is.

mod basic;
mod method;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use thiserror::Error;

use crate::form::Form;
use crate::options::{OptionError, Options};
use crate::parameters::CLIENT_ID;
use crate::secret::Secret;
use method::Method;

/// A client authentication method with its credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientAuth(Credentials);

/// The credentials in the form in which they are sent.
#[derive(Clone, PartialEq, Eq)]
enum Credentials {
    None,
    /// `basic` and `client_secret_basic`: marked sensitive.
    Header(HeaderValue),
    /// `client_secret_post`.
    Form {
        client_id: String,
        client_secret: Secret,
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
        Self(Credentials::None)
    }

    /// Whether what is sent is worth stealing.
    pub fn sends_credentials(&self) -> bool {
        !matches!(self.0, Credentials::None)
    }

    /// Takes what the method needs; other options stay.
    fn from_options(method: Method, options: &mut Options) -> Result<Self, ClientAuthError> {
        Ok(Self(match method {
            Method::None => Credentials::None,
            Method::Basic => {
                let username = options.require_text("username")?;
                let password = options.require("password")?;
                Credentials::Header(basic::plain(&username, &password)?)
            }
            Method::ClientSecretBasic => {
                let client_id = options.require_text(CLIENT_ID)?;
                let client_secret = require_secret(options)?;
                Credentials::Header(basic::form_encoded(&client_id, &client_secret)?)
            }
            Method::ClientSecretPost => Credentials::Form {
                client_id: options.require_text(CLIENT_ID)?,
                client_secret: require_secret(options)?,
            },
        }))
    }

    /// Whether the client id goes into the body by itself (RFC 6749, section 3.2.1).
    pub(crate) fn leaves_client_id_to_body(&self) -> bool {
        matches!(self.0, Credentials::None)
    }

    /// Whether the method sends a `client_id` parameter of its own.
    pub(crate) fn sends_client_id(&self) -> bool {
        matches!(self.0, Credentials::Form { .. })
    }

    /// Adds the credentials to a request.
    pub(crate) fn apply<'a>(&'a self, headers: &mut HeaderMap, form: &mut Form<'a>) {
        match &self.0 {
            Credentials::None => {}
            Credentials::Header(value) => {
                headers.insert(AUTHORIZATION, value.clone());
            }
            Credentials::Form { client_id, client_secret } => {
                form.push(CLIENT_ID, client_id.as_bytes());
                form.push("client_secret", client_secret.expose());
            }
        }
    }
}

fn require_secret(options: &mut Options) -> Result<Secret, OptionError> {
    let key = "client_secret";
    let secret = options.require(key)?;
    if secret.is_empty() { Err(OptionError::Empty { key }) } else { Ok(secret) }
}

/// Why a client authentication cannot be used. No message holds a credential.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthError {
    /// A user name that HTTP Basic cannot carry (RFC 7617, section 2).
    #[error("the value of \"username\" must not hold a colon")]
    Colon,
    /// A password that HTTP Basic cannot carry (RFC 7617, section 2).
    #[error("the value of \"password\" must not hold control characters")]
    ControlCharacter,
    /// The option string is wrong.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The method is not known.
    #[error(
        "unknown client authentication method{}: allowed are {}",
        quoted(method),
        Method::list()
    )]
    UnknownMethod {
        /// The method, if it looks like one: a forgotten method leaves the secret in its place.
        method: Option<String>,
    },
}

fn quoted(method: &Option<String>) -> String {
    method.as_ref().map(|method| format!(" \"{method}\"")).unwrap_or_default()
}
