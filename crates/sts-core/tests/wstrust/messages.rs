//! Every message about a wrong configuration, for review of wording and grammar: fragments that
//! follow the name of a directive, say what is allowed, and hold no secret.

use std::fmt::{Debug, Display};

use sts_core::wstrust::endpoint_auth::{EndpointAuth, EndpointAuthError};
use sts_core::wstrust::settings::{Settings, SettingsError, WsTrust};
use sts_core::wstrust::words::{KeyType, SoapVersion, SourceElement, TokenAs, Version};

use crate::exchange::{settings, username_token};

#[test]
fn words() {
    let mut messages = Messages::default();
    messages.add("STSWSTrustVersion 200512", &Version::parse("200512").unwrap_err());
    messages.add("STSWSTrustSOAPVersion 1.3", &SoapVersion::parse("1.3").unwrap_err());
    messages.add("STSWSTrustTokenAs ActAs", &TokenAs::parse("ActAs").unwrap_err());
    messages.add("STSWSTrustKeyType bearer", &KeyType::parse("bearer").unwrap_err());
    messages.add("source element saml", &SourceElement::parse("saml").unwrap_err());
    insta::assert_snapshot!(messages.shown);
}

#[test]
fn every_word_is_known_by_its_name_only() {
    assert_eq!(Version::parse("1.2"), Ok(Version::Trust12));
    assert_eq!(Version::parse("1.3"), Ok(Version::Trust13));
    assert_eq!(Version::parse("1.4"), Ok(Version::Trust14));
    assert_eq!(SoapVersion::parse("1.1"), Ok(SoapVersion::Soap11));
    assert_eq!(SoapVersion::parse("1.2"), Ok(SoapVersion::Soap12));
    assert_eq!(TokenAs::parse("security"), Ok(TokenAs::Security));
    assert_eq!(TokenAs::parse("onbehalfof"), Ok(TokenAs::OnBehalfOf));
    assert_eq!(TokenAs::parse("actas"), Ok(TokenAs::ActAs));
    assert_eq!(KeyType::parse("Bearer"), Ok(KeyType::Bearer));
    assert_eq!(KeyType::parse("SymmetricKey"), Ok(KeyType::SymmetricKey));
    assert_eq!(KeyType::parse("PublicKey"), Ok(KeyType::PublicKey));
    assert_eq!(KeyType::parse("none"), Ok(KeyType::Unset));
    assert_eq!(KeyType::parse("urn:x"), Ok(KeyType::Uri("urn:x".to_owned())));
    for text in ["", " 1.3", "1.30", "1"] {
        assert!(Version::parse(text).is_err() && SoapVersion::parse(text).is_err(), "{text}");
    }
    for text in ["", "urn:", ":x", "1:x", "http//x", "urn:a b", "urn:\u{e9}", "Bearer "] {
        assert!(KeyType::parse(text).is_err(), "{text}");
    }
    for text in ["", "{urn:x}", "{urn:x}a:b", "{urn:x}a b", "urn:x", "{urn:x", "{urn:\u{1}x}a"] {
        assert!(SourceElement::parse(text).is_err(), "{text}");
    }
    let words = ["saml2", "saml1", "usernametoken"].map(|word| SourceElement::parse(word).unwrap());
    assert_eq!(words.to_vec(), SourceElement::default_list(TokenAs::Security));
    for place in [TokenAs::OnBehalfOf, TokenAs::ActAs] {
        assert_eq!(words[..2].to_vec(), SourceElement::default_list(place));
    }
}

#[test]
fn combinations() {
    let mut messages = Messages::default();
    let some = |text: &str| Some(text.to_owned());
    for (name, settings) in [
        ("actas, 1.3", settings(|s| s.token_as = TokenAs::ActAs)),
        (
            "actas, 1.2",
            settings(|s| {
                s.token_as = TokenAs::ActAs;
                s.version = Version::Trust12;
            }),
        ),
        ("empty TokenType", settings(|s| s.token_type = String::new())),
        ("empty ValueType", settings(|s| s.value_type = some(""))),
        ("empty AppliesTo", settings(|s| s.applies_to = some(""))),
        ("AppliesTo with a line break", settings(|s| s.applies_to = some("urn:a\r\nb"))),
        ("TokenType that XML cannot hold", settings(|s| s.token_type = "a\u{fffe}".to_owned())),
        ("no source element", settings(|s| s.source_elements.clear())),
        (
            "username_token, security",
            settings(|s| s.username_token = Some(username_token("username=a&password=s3cret"))),
        ),
    ] {
        let error = WsTrust::new(settings).err().unwrap();
        // When this no longer compiles, the list above lacks a line.
        match error {
            SettingsError::ActAsVersion
            | SettingsError::Empty { .. }
            | SettingsError::NoSource
            | SettingsError::NotText { .. }
            | SettingsError::TwoCredentials => messages.add(name, &error),
        }
    }
    insta::assert_snapshot!(messages.shown);
}

#[test]
fn the_defaults_go_together() {
    assert!(WsTrust::new(Settings::default()).is_ok());
    // No element is needed where none goes verbatim.
    let binary = settings(|s| {
        s.value_type = Some("urn:t".to_owned());
        s.source_elements.clear();
    });
    assert!(WsTrust::new(binary).is_ok());
}

#[test]
fn credentials_in_the_message_are_known_as_such() {
    let with_token = settings(|s| {
        s.token_as = TokenAs::OnBehalfOf;
        s.username_token = Some(username_token("username=a&password=b"));
    });
    assert!(WsTrust::new(with_token).is_ok_and(|exchange| exchange.sends_credentials()));
    assert!(WsTrust::new(Settings::default()).is_ok_and(|exchange| !exchange.sends_credentials()));
}

#[test]
fn endpoint_authentication() {
    let mut messages = Messages::default();
    for (method, options) in [
        ("wss", "username=a&password=s3cret"),
        ("username:s3cret", ""),
        ("client_secret_post", "client_id=a&client_secret=s3cret"),
        ("basic", "username=a"),
        ("username_token", "username=a"),
        ("username_token", "username=a&password=s3cret&password_type=sha1"),
        ("username_token", "username=a&password=s3cret%00"),
        ("username_token", "username=a&password=s3cret&nonce=1"),
    ] {
        let error = EndpointAuth::parse(method, Some(options)).err().unwrap();
        // When this no longer compiles, the list above lacks a line.
        match error {
            EndpointAuthError::Credentials(_)
            | EndpointAuthError::NeedsForm
            | EndpointAuthError::Option(_)
            | EndpointAuthError::PasswordType
            | EndpointAuthError::UnknownMethod => {
                messages.add(&format!("{method} {}", options.replace("s3cret", "***")), &error);
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
