//! The gateway's own authentication at the STS: by HTTP or TLS, or inside the message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::{Sha1, sha256};
use thiserror::Error;

use super::xml::write::is_text;
use crate::client_auth::{ClientAuth, ClientAuthError, Method};
use crate::fields::Fields;
use crate::options::{OptionError, Options};
use crate::secret::Secret;

/// `STSWSTrustEndpointAuth`.
#[derive(Clone, PartialEq, Eq)]
pub enum EndpointAuth {
    /// By what carries the message; it goes into the profile.
    Transport(ClientAuth),
    /// By the message; it goes into the settings.
    Message(UsernameToken),
}

impl EndpointAuth {
    /// Reads the method and its option string as the directive has them.
    ///
    /// # Errors
    /// The method is unknown or needs a form, an option is missing, unknown, or cannot be used with
    /// the method.
    pub fn parse(method: &str, options: Option<&str>) -> Result<Self, EndpointAuthError> {
        let mut options = Options::parse(options.unwrap_or_default())?;
        let keys = Self::keys(method)?;
        let auth = Self::from_options(method, &mut options)?;
        options.finish(keys)?;
        Ok(auth)
    }

    /// The keys of the options of a method.
    ///
    /// # Errors
    /// The method is unknown or needs a form.
    pub fn keys(method: &str) -> Result<&'static [&'static str], EndpointAuthError> {
        if method == USERNAME_TOKEN {
            return Ok(&UsernameToken::OPTIONS);
        }
        let method = Method::parse(method).map_err(|_| EndpointAuthError::UnknownMethod)?;
        if method.needs_form() {
            return Err(EndpointAuthError::NeedsForm);
        }
        Ok(method.options())
    }

    /// Takes the options that the method has; others stay.
    ///
    /// # Errors
    /// The method is unknown or needs a form, an option is missing, or cannot be used with it.
    pub fn from_options(method: &str, options: &mut Options) -> Result<Self, EndpointAuthError> {
        Self::keys(method)?;
        if method == USERNAME_TOKEN {
            return UsernameToken::from_options(options).map(Self::Message);
        }
        let method = Method::parse(method).map_err(|_| EndpointAuthError::UnknownMethod)?;
        let auth = ClientAuth::from_options(method, options);
        auth.map(Self::Transport).map_err(EndpointAuthError::Credentials)
    }
}

/// A `wsse:UsernameToken` (Web Services Security Username Token Profile 1.1).
#[derive(Clone, PartialEq, Eq)]
pub struct UsernameToken {
    pub(super) username: String,
    pub(super) password: Secret,
    pub(super) password_type: PasswordType,
}

/// How the password stands in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PasswordType {
    Text,
    Digest,
}

impl UsernameToken {
    const OPTIONS: [&'static str; 3] = ["username", "password", "password_type"];

    /// Takes what it needs; other options stay.
    ///
    /// # Errors
    /// One is missing or cannot be used.
    pub fn from_options(options: &mut Options) -> Result<Self, EndpointAuthError> {
        let username = options.require_text("username")?;
        let password = options.require("password")?;
        let is_password = |text: &str| is_text(text) && !text.chars().any(char::is_control);
        if !is_text(&username) {
            return Err(OptionError::NotText { key: "username" }.into());
        }
        if !std::str::from_utf8(password.expose()).is_ok_and(is_password) {
            return Err(OptionError::NotText { key: "password" }.into());
        }
        let password_type = match options.take_text("password_type")?.as_deref() {
            None | Some("text") => PasswordType::Text,
            Some("digest") => PasswordType::Digest,
            Some(_) => return Err(EndpointAuthError::PasswordType),
        };
        Ok(Self { username, password, password_type })
    }

    /// Everything that makes this another client, the secret only as a digest.
    pub(super) fn identify(&self, fields: &mut Fields) {
        let Self { username, password, password_type } = self;
        fields.push(b"username_token");
        fields.push(username.as_bytes());
        fields.push(&sha256(password.expose()));
        fields.push(match password_type {
            PasswordType::Text => b"text",
            PasswordType::Digest => b"digest",
        });
    }

    /// `Base64(SHA-1(nonce + created + password))` (Username Token Profile 1.1, section 3.1).
    pub(super) fn digest(&self, nonce: &[u8], created: &str) -> String {
        let mut hash = Sha1::new();
        hash.update(nonce);
        hash.update(created.as_bytes());
        hash.update(self.password.expose());
        STANDARD.encode(hash.finish())
    }
}

/// Why the gateway's authentication cannot be used. No message holds a credential.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EndpointAuthError {
    /// Those of a method of HTTP or TLS.
    #[error(transparent)]
    Credentials(ClientAuthError),
    /// A method whose credentials are parameters of a form.
    #[error(
        "the method sends parameters of a form, and WS-Trust has no form: allowed are {}",
        allowed()
    )]
    NeedsForm,
    /// The option string is wrong.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// Neither text nor digest.
    #[error("the value of \"password_type\" must be \"text\" or \"digest\"")]
    PasswordType,
    /// The method is not known.
    #[error("unknown authentication method: allowed are {}", allowed())]
    UnknownMethod,
}

fn allowed() -> String {
    format!("{}, {USERNAME_TOKEN}", ClientAuth::methods_without_form())
}

const USERNAME_TOKEN: &str = "username_token";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &str) -> Result<UsernameToken, EndpointAuthError> {
        match EndpointAuth::parse("username_token", Some(options))? {
            EndpointAuth::Message(token) => Ok(token),
            EndpointAuth::Transport(_) => panic!("{options}"),
        }
    }

    #[test]
    fn a_digest_is_that_of_the_profile() {
        let token = parse("username=Bert&password=Ernie&password_type=digest").unwrap();
        // printf 'abc2003-07-16T01:24:32ZErnie' | openssl sha1 -binary | base64
        assert_eq!(token.digest(b"abc", "2003-07-16T01:24:32Z"), "VqApyX6AwxoLatuJuNhCQmKLXc4=");
    }

    #[test]
    fn the_password_goes_as_text_unless_told() {
        let text = parse("username=a&password=b").unwrap();
        assert!(text.password_type == PasswordType::Text);
        assert!(text == parse("password=b&username=a&password_type=text").unwrap());
        let digest = parse("username=a&password=b&password_type=digest").unwrap();
        assert!(digest.password_type == PasswordType::Digest);
    }

    #[test]
    fn what_cannot_stand_in_a_message_is_refused() {
        let not_text = |key| EndpointAuthError::from(OptionError::NotText { key });
        for (options, expected) in [
            ("username=a%EF%BF%BE&password=b", not_text("username")),
            ("username=a%0A&password=b", not_text("username")),
            ("username=a&password=%FF", not_text("password")),
            ("username=a&password=%00", not_text("password")),
            ("username=a&password=%0D", not_text("password")),
            ("username=a&password=%EF%BF%BF", not_text("password")),
            ("username=a&password=b&password_type=Digest", EndpointAuthError::PasswordType),
            ("username=a", OptionError::Missing { key: "password" }.into()),
            ("password=a", OptionError::Missing { key: "username" }.into()),
        ] {
            assert_eq!(parse(options).err(), Some(expected), "{options}");
        }
    }

    #[test]
    fn methods_of_http_and_tls_are_those_of_the_other_protocols() {
        let parse = |method, options| EndpointAuth::parse(method, Some(options));
        let basic = ClientAuth::parse("basic", Some("username=a&password=b")).unwrap();
        assert!(parse("basic", "username=a&password=b") == Ok(EndpointAuth::Transport(basic)));
        assert!(parse("none", "") == Ok(EndpointAuth::Transport(ClientAuth::none())));
        let form = parse("client_secret_post", "client_id=a&client_secret=b");
        assert!(form == Err(EndpointAuthError::NeedsForm));
        assert!(parse("Basic", "") == Err(EndpointAuthError::UnknownMethod));
        let missing = ClientAuthError::Missing { key: "username", method: Method::Basic };
        assert!(parse("basic", "") == Err(EndpointAuthError::Credentials(missing)));
    }
}
