//! Every message about a wrong configuration, for review of wording and grammar: fragments that
//! follow the name of a directive, say what is allowed, and hold no secret.

use std::fmt::{Debug, Display};
use std::io;

use sts_core::client_auth::{ClientAuth, ClientAuthError, CredentialError};
use sts_core::endpoint::{Endpoint, EndpointError};
use sts_core::jose::{Algorithm, KeyError};
use sts_core::oauth::password;
use sts_core::options::{OptionError, Options};
use sts_core::parameters::ParameterError;
use sts_core::profile::{Profile, Protocol};

#[test]
fn endpoints() {
    let mut messages = Messages::default();
    for url in [
        "sts.example/token",
        "http:///token",
        "http://s*s/",
        "http://sts:0/",
        "http://unix:run/sts.sock:/",
        "http://user:s3cret@sts/",
        "http://sts/#s3cret",
        "http://sts/$host",
        "http://sts/a b",
        "http://sts/<a>",
        // As an issuer.
        "http://sts/",
        "https://sts/?s3cret",
        "https://sts./",
        "https://unix:/run/sts.sock:/",
    ] {
        let error = Endpoint::parse_issuer(url).unwrap_err();
        // When this no longer compiles, the list above lacks a line.
        match error {
            EndpointError::Fragment
            | EndpointError::Host
            | EndpointError::IssuerClear
            | EndpointError::IssuerDot
            | EndpointError::IssuerQuery
            | EndpointError::IssuerSocket
            | EndpointError::NoHost
            | EndpointError::Port
            | EndpointError::Scheme
            | EndpointError::Socket
            | EndpointError::Space
            | EndpointError::Target
            | EndpointError::UserInfo
            | EndpointError::Variable => messages.add(url, &error),
        }
    }
    insta::assert_snapshot!(messages.shown);
}

#[test]
fn options() {
    let mut messages = Messages::default();
    for text in [
        "s3cret",
        "s3 cret=1",
        "a=s3cret%",
        "a=s3cret&a=s3cret",
        "b=",
        "b=%00",
        "",
        "b=1&c=2",
        "f=s3cret%25",
        "b='s3cret'",
        "b=$s3cret",
    ] {
        let read = || {
            let mut options = Options::parse(text)?;
            options.take_form("f")?;
            options.require_text("b")?;
            options.finish(&["a", "b"])
        };
        let error = read().unwrap_err();
        // When this no longer compiles, the list above lacks a line.
        match error {
            OptionError::Empty { .. }
            | OptionError::Form { .. }
            | OptionError::Key { .. }
            | OptionError::Missing { .. }
            | OptionError::NoValue { .. }
            | OptionError::NotText { .. }
            | OptionError::Quote { .. }
            | OptionError::Variable { .. }
            | OptionError::PercentEncoding { .. }
            | OptionError::Repeated { .. }
            | OptionError::Unknown { .. } => messages.add(text, &error),
        }
    }
    insta::assert_snapshot!(messages.shown);
}

#[test]
fn client_authentication() {
    let mut messages = Messages::default();
    let broken_key = format!("client_id=a&jwk={}", r#"{"kty":"RSA","s3":"s3cret"}"#);
    for (method, options) in [
        ("client_secret", ""),
        ("client_id=a&client_secret=s3cret", ""),
        ("none", "a=s3cret"),
        ("client_secret_post", "client_id=a"),
        ("client_secret_post", "client_id=a&client_secret="),
        ("client_secret_basic", "client_id=a&client_secret=s3cret&aud=b"),
        ("basic", "username=a%3Ab&password=s3cret"),
        ("basic", "username=a&password=s3cret%0A"),
        ("basic", "username=a"),
        ("client_secret_jwt", "client_id=a&client_secret=s3cret&client_secret_file=b"),
        ("client_secret_jwt", "client_id=a&client_secret=s3cret&typ=s3cret%22"),
        ("private_key_jwt", "client_id=a"),
        ("private_key_jwt", &broken_key),
        ("private_key_jwt", "client_id=a&jwk=s3cret"),
        ("private_key_jwt", "client_assertion=s3cret.e30.s3cret"),
        ("private_key_jwt", "client_assertion=@agent&jwk=s3cret"),
        ("client_secret_post", "client_assertion=@agent"),
        ("client_cert", "cert=a"),
    ] {
        let error = ClientAuth::parse(method, Some(options)).err().unwrap();
        // When this no longer compiles, the list above lacks a line.
        match error {
            ClientAuthError::AssertionMethod { .. }
            | ClientAuthError::AssertionType
            | ClientAuthError::Colon
            | ClientAuthError::Credential { .. }
            | ClientAuthError::Exclusive { .. }
            | ClientAuthError::Missing { .. }
            | ClientAuthError::NoLocation
            | ClientAuthError::Option(_)
            | ClientAuthError::UnknownMethod { .. } => {
                messages.add(&format!("{method} {options}"), &error);
            }
            // It stands with the messages of WS-Trust.
            ClientAuthError::PasswordType => panic!("{method} {options}"),
            ClientAuthError::PasswordOfProxy => panic!("{method} {options}: it is of a proxy"),
        }
    }
    for options in ["username=a&password=s3cret", "username=a", "password_file=a&realm=s3cret"] {
        let error = ClientAuth::for_proxy(options).err().unwrap();
        messages.add(&format!("proxy {options}"), &error);
    }
    insta::assert_snapshot!(messages.shown);
}

#[test]
fn keys() {
    let allowed = &[Algorithm::Es256];
    let mut messages = Messages::default();
    for error in [
        KeyError::Algorithm { allowed },
        KeyError::Certificate,
        KeyError::CertificatePem,
        KeyError::CertificateMismatch,
        KeyError::Contradiction { said: Algorithm::Ps256, wanted: Algorithm::Rs256 },
        KeyError::Curve,
        KeyError::Encrypted,
        KeyError::Inconsistent,
        KeyError::Member { member: "d" },
        KeyError::Missing { member: "kty" },
        KeyError::NoKey,
        KeyError::OtherPrimes,
        KeyError::Public,
        KeyError::Refused,
        KeyError::Set,
        KeyError::Short,
        KeyError::ShortSecret,
        KeyError::Symmetric,
        KeyError::Type,
        KeyError::Unable { wanted: Algorithm::Es256, able: allowed },
        KeyError::Use { member: "use" },
    ] {
        let credential = CredentialError::from(error);
        messages.add("", &ClientAuthError::Credential { key: "jwk", error: credential });
    }
    insta::assert_snapshot!(messages.shown);
}

#[test]
fn credentials_in_files() {
    let mut messages = Messages::default();
    for error in [
        CredentialError::ControlCharacter,
        CredentialError::Empty,
        CredentialError::Key(KeyError::NoKey),
        CredentialError::NoAssertion,
        CredentialError::TooLarge,
        CredentialError::Unreadable(io::ErrorKind::NotFound),
    ] {
        messages.add("", &error);
    }
    insta::assert_snapshot!(messages.shown);
}

#[test]
fn parameters() {
    let profile = Profile {
        protocol: Protocol::OAuth(&password::GRANT),
        endpoint: Endpoint::parse("http://sts").unwrap(),
        auth: ClientAuth::none(),
        client_id: Some("a".to_owned()),
    };
    let mut messages = Messages::default();
    for names in [
        &["client_secret"][..],
        &[""],
        &["a\n"],
        &["audience=orders"],
        &["client_id"],
        &["scope", "scope"],
        &["username"],
    ] {
        let error = profile.check_parameters(names.iter().copied()).unwrap_err();
        // When this no longer compiles, the list above lacks a line.
        match error {
            ParameterError::ClientId
            | ParameterError::Empty
            | ParameterError::Forbidden { .. }
            | ParameterError::HoldsValue { .. }
            | ParameterError::NotAName
            | ParameterError::Repeated { .. }
            | ParameterError::Username => {
                messages.add(&names.join(", ").escape_debug().to_string(), &error);
            }
        }
    }
    insta::assert_snapshot!(messages.shown);
}

#[derive(Default)]
struct Messages {
    shown: String,
}

impl Messages {
    fn add(&mut self, input: &str, error: &(impl Display + Debug)) {
        assert!(
            !format!("{error} {error:?}").contains("s3"),
            "the message tells a secret: {error}"
        );
        self.shown += &format!("{input}\n    {error}\n");
    }
}
