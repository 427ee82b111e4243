//! The gateway's own authentication at the STS: by HTTP or TLS, or inside the message.

use thiserror::Error;

use crate::client_auth::{ClientAuth, ClientAuthError, Method};
use crate::options::{OptionError, Options};

/// Reads the method and its option string as `STSWSTrustEndpointAuth` has them.
///
/// # Errors
/// The method is unknown or needs a form, an option is missing, unknown, or cannot be used with the
/// method.
pub fn parse(method: &str, options: Option<&str>) -> Result<ClientAuth, EndpointAuthError> {
    let mut options = Options::parse(options.unwrap_or_default())?;
    let keys = keys(method)?;
    let auth = from_options(method, &mut options)?;
    options.finish(keys)?;
    Ok(auth)
}

/// The keys of the options of a method.
///
/// # Errors
/// The method is unknown or needs a form.
pub fn keys(method: &str) -> Result<&'static [&'static str], EndpointAuthError> {
    known(method).map(Method::options)
}

/// Takes the options that the method has; others stay.
///
/// # Errors
/// The method is unknown or needs a form, an option is missing, or cannot be used with it.
pub fn from_options(method: &str, options: &mut Options) -> Result<ClientAuth, EndpointAuthError> {
    ClientAuth::from_options(known(method)?, options).map_err(EndpointAuthError::Credentials)
}

fn known(method: &str) -> Result<Method, EndpointAuthError> {
    if method == Method::UsernameToken.name() {
        return Ok(Method::UsernameToken);
    }
    let method = Method::parse(method).map_err(|_| EndpointAuthError::UnknownMethod)?;
    if method.needs_form() { Err(EndpointAuthError::NeedsForm) } else { Ok(method) }
}

/// Why the gateway's authentication cannot be used. No message holds a credential.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EndpointAuthError {
    /// The credentials of a method that is known.
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
    /// The method is not known.
    #[error("unknown authentication method: allowed are {}", allowed())]
    UnknownMethod,
}

fn allowed() -> String {
    format!("{}, {}", ClientAuth::methods_without_form(), Method::UsernameToken.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_auth::{CredentialError, PasswordType, Refresh};
    use crate::secret::Secret;

    fn token(options: &str) -> Result<ClientAuth, EndpointAuthError> {
        parse("username_token", Some(options))
    }

    fn password_type(options: &str) -> PasswordType {
        let auth = token(options).unwrap_or_else(|error| panic!("{options}: {error}"));
        auth.message_proof().unwrap().unwrap().password_type
    }

    #[test]
    fn a_digest_is_that_of_the_profile() {
        let auth = token("username=Bert&password=Ernie&password_type=digest");
        let auth = auth.unwrap_or_else(|error| panic!("{error}"));
        let proof = auth.message_proof().unwrap().unwrap();
        // printf 'abc2003-07-16T01:24:32ZErnie' | openssl sha1 -binary | base64
        assert_eq!(proof.digest(b"abc", "2003-07-16T01:24:32Z"), "VqApyX6AwxoLatuJuNhCQmKLXc4=");
    }

    #[test]
    fn the_password_goes_as_text_unless_told() {
        assert_eq!(password_type("username=a&password=b"), PasswordType::Text);
        assert_eq!(password_type("password=b&username=a&password_type=text"), PasswordType::Text);
        assert_eq!(
            password_type("username=a&password=b&password_type=digest"),
            PasswordType::Digest
        );
    }

    #[test]
    fn what_cannot_stand_in_a_message_is_refused() {
        let credentials = EndpointAuthError::Credentials;
        let username = credentials(OptionError::NotText { key: "username" }.into());
        let password = credentials(ClientAuthError::Credential {
            key: "password",
            error: CredentialError::NotText,
        });
        let missing = |key| {
            let method = Method::UsernameToken;
            credentials(ClientAuthError::Missing { key, method })
        };
        for (options, expected) in [
            ("username=a%EF%BF%BE&password=b", username.clone()),
            ("username=a%0A&password=b", username),
            ("username=a&password=%FF", password.clone()),
            ("username=a&password=%00", password.clone()),
            ("username=a&password=%0D", password.clone()),
            ("username=a&password=%EF%BF%BF", password),
            (
                "username=a&password=b&password_type=Digest",
                credentials(ClientAuthError::PasswordType),
            ),
            ("username=a", missing("password")),
            ("password=a", missing("username")),
            (
                "username=a&password=b&password_file=c",
                credentials(ClientAuthError::Exclusive {
                    first: "password",
                    second: "password_file",
                }),
            ),
        ] {
            assert_eq!(token(options).err(), Some(expected), "{options}");
        }
    }

    #[test]
    fn a_password_comes_from_a_file_and_is_read_again() {
        let auth = token("username=a&password_file=f").unwrap_or_else(|error| panic!("{error}"));
        let password = || {
            let proof = auth.message_proof().map(Option::unwrap);
            proof.map(|proof| proof.password.expose().to_vec()).map_err(|failure| failure.reason)
        };
        assert_eq!(auth.files().count(), 1);
        assert!(password().unwrap_err().contains("credential file \"f\""));
        assert_eq!(auth.refresh(Ok(Secret::new("one\n"))), Refresh::Changed);
        assert_eq!(password(), Ok(b"one".to_vec()));
        let bad = Refresh::Failed(CredentialError::NotText);
        assert_eq!(auth.refresh(Ok(Secret::new("a\tb"))), bad);
        assert_eq!(password(), Ok(b"one".to_vec()));
        assert_eq!(auth.refresh(Ok(Secret::new("p\u{e4}ss<&"))), Refresh::Changed);
        assert_eq!(password(), Ok("p\u{e4}ss<&".as_bytes().to_vec()));
    }

    #[test]
    fn methods_of_http_and_tls_are_those_of_the_other_protocols() {
        let parse = |method, options| parse(method, Some(options));
        let basic = ClientAuth::parse("basic", Some("username=a&password=b")).unwrap();
        assert!(parse("basic", "username=a&password=b") == Ok(basic));
        assert!(parse("none", "") == Ok(ClientAuth::none()));
        let form = parse("client_secret_post", "client_id=a&client_secret=b");
        assert!(form == Err(EndpointAuthError::NeedsForm));
        assert!(parse("Basic", "") == Err(EndpointAuthError::UnknownMethod));
        let missing = ClientAuthError::Missing { key: "username", method: Method::Basic };
        assert!(parse("basic", "") == Err(EndpointAuthError::Credentials(missing)));
        // The other way round it is none of theirs.
        assert!(ClientAuth::parse("username_token", Some("username=a&password=b")).is_err());
    }
}
