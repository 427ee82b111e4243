//! How the gateway proves to the STS who it is.

mod basic;
mod method;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use openssl::sha::sha256;
use thiserror::Error;

use crate::cache_key::Fields;
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

    /// Everything that makes this another client, secrets only as digests.
    pub(crate) fn identify(&self, fields: &mut Fields) {
        match &self.0 {
            Credentials::None => fields.push(b"none"),
            Credentials::Header(value) => {
                fields.push(b"header");
                fields.push(&sha256(value.as_bytes()));
            }
            Credentials::Form { client_id, client_secret } => {
                fields.push(b"form");
                fields.push(client_id.as_bytes());
                fields.push(&sha256(client_secret.expose()));
            }
        }
    }

    /// Whether the method sends parameters, so that a request without a form cannot use it.
    pub(crate) fn needs_form(&self) -> bool {
        matches!(self.0, Credentials::Form { .. })
    }

    /// The names of the methods that a request without a form can use.
    pub(crate) fn methods_without_form() -> String {
        Method::list_without_form()
    }

    /// Adds the credentials to a request without a form.
    pub(crate) fn apply_to_headers(&self, headers: &mut HeaderMap) {
        if let Credentials::Header(value) = &self.0 {
            headers.insert(AUTHORIZATION, value.clone());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn authorization(method: &str, options: &str) -> String {
        let auth = ClientAuth::parse(method, Some(options)).unwrap_or_else(|e| panic!("{e}"));
        let (mut headers, mut form) = (HeaderMap::new(), Form::with_capacity(0));
        auth.apply(&mut headers, &mut form);
        assert!(form.encode().is_empty(), "RFC 6749, section 2.3: one method a request");
        let value = headers.get(AUTHORIZATION).unwrap();
        assert!(value.is_sensitive());
        value.to_str().unwrap().to_owned()
    }

    fn error(method: &str, options: Option<&str>) -> ClientAuthError {
        ClientAuth::parse(method, options).err().unwrap_or_else(|| panic!("{method} {options:?}"))
    }

    #[test]
    fn rfc_6749_section_2_3_1() {
        assert_eq!(
            authorization(
                "client_secret_basic",
                "client_id=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw"
            ),
            "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"
        );
    }

    #[test]
    fn rfc_7617_section_2() {
        assert_eq!(
            authorization("basic", "username=Aladdin&password=open%20sesame"),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        // Section 2.1: the pound sign in UTF-8.
        assert_eq!(
            authorization("basic", "username=test&password=123%C2%A3"),
            "Basic dGVzdDoxMjPCow=="
        );
    }

    #[test]
    fn only_client_secret_basic_form_encodes_first() {
        // "a:b" and " %&+£€" of RFC 6749, appendix B.
        let value = "+%25%26%2B%C2%A3%E2%82%AC";
        let decoded = |header: String| {
            use base64::Engine;
            let encoded = header.strip_prefix("Basic ").unwrap().to_owned();
            base64::engine::general_purpose::STANDARD.decode(encoded).unwrap()
        };
        let options = format!("client_id=a%3Ab&client_secret={value}");
        assert_eq!(
            decoded(authorization("client_secret_basic", &options)),
            format!("a%3Ab:{value}").into_bytes()
        );
        let options = format!("username=a&password={value}");
        assert_eq!(decoded(authorization("basic", &options)), "a: %&+£€".as_bytes());
    }

    #[test]
    fn credentials_are_known_as_such() {
        let secret = Some("client_id=a&client_secret=b");
        assert!(!ClientAuth::none().sends_credentials());
        assert!(!ClientAuth::parse("none", None).unwrap().sends_credentials());
        assert!(!ClientAuth::parse("none", Some("")).unwrap().sends_credentials());
        assert!(ClientAuth::parse("client_secret_post", secret).unwrap().sends_credentials());
        assert!(ClientAuth::parse("client_secret_basic", secret).unwrap().sends_credentials());
        let basic = ClientAuth::parse("basic", Some("username=a&password=")).unwrap();
        assert!(basic.sends_credentials());
    }

    #[test]
    fn options_of_the_method_are_needed_and_no_others() {
        use OptionError as E;
        let unknown = |key: &str, allowed: &[&'static str]| E::Unknown {
            key: key.to_owned(),
            allowed: allowed.to_vec(),
        };
        let of_secret = &["client_id", "client_secret"];
        for (method, options, expected) in [
            ("basic", None, E::Missing { key: "username" }),
            ("basic", Some(""), E::Missing { key: "username" }),
            ("basic", Some("username=a"), E::Missing { key: "password" }),
            ("basic", Some("username=&password=b"), E::Empty { key: "username" }),
            ("basic", Some("username=a%00&password=b"), E::NotText { key: "username" }),
            ("client_secret_basic", Some("client_secret=b"), E::Missing { key: "client_id" }),
            (
                "client_secret_basic",
                Some("client_id=&client_secret=b"),
                E::Empty { key: "client_id" },
            ),
            ("client_secret_post", Some("client_id=a"), E::Missing { key: "client_secret" }),
            (
                "client_secret_post",
                Some("client_id=a&client_secret="),
                E::Empty { key: "client_secret" },
            ),
            (
                "client_secret_post",
                Some("client_id=a&client_secret=b&aud=c"),
                unknown("aud", of_secret),
            ),
            (
                "client_secret_basic",
                Some("client_id=a&client_secret=b&username=c"),
                unknown("username", of_secret),
            ),
            ("none", Some("client_id=a"), unknown("client_id", &[])),
            ("none", Some("junk"), E::NoValue { position: 1 }),
        ] {
            assert_eq!(error(method, options), expected.into(), "{method} {options:?}");
        }
    }

    #[test]
    fn basic_refuses_what_http_cannot_carry() {
        assert_eq!(error("basic", Some("username=a%3Ab&password=c")), ClientAuthError::Colon);
        for password in ["a%0A", "%00", "%7F"] {
            let options = format!("username=a&password={password}");
            assert_eq!(error("basic", Some(&options)), ClientAuthError::ControlCharacter);
        }
        assert_eq!(authorization("basic", "username=a&password=b:c"), "Basic YTpiOmM=");
    }

    #[test]
    fn an_unknown_method_is_named_only_if_it_looks_like_one() {
        for (method, named) in [
            ("client_secret_jwt", true),
            ("Basic", true),
            ("", false),
            ("client_id=a&client_secret=s3cret", false),
            ("username:s3cret", false),
        ] {
            let expected = named.then(|| method.to_owned());
            assert_eq!(error(method, None), ClientAuthError::UnknownMethod { method: expected });
        }
    }
}
