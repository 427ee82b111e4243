//! Every message about a wrong configuration, for review of wording and grammar: fragments that
//! follow the name of a directive, say what is allowed, and hold no secret.

use std::fmt::{Debug, Display};

use sts_core::client_auth::ClientAuth;
use sts_core::wstrust::endpoint_auth::{self, EndpointAuthError};
use sts_core::wstrust::settings::{Settings, SettingsError, WsTrust};
use sts_core::wstrust::words::{
    KeyType, SoapVersion, SourceAs, SourceElement, TokenAs, Version, check_claim,
};

use crate::wstrust::exchange::{WST, WST_2005, exchange, profile, settings, username_token};

#[test]
fn words() {
    let mut messages = Messages::default();
    messages.add("STSWSTrustVersion 200512", &Version::parse("200512").unwrap_err());
    messages.add("STSWSTrustSOAPVersion 1.3", &SoapVersion::parse("1.3").unwrap_err());
    messages.add("STSWSTrustTokenAs ActAs", &TokenAs::parse("ActAs").unwrap_err());
    messages.add("STSWSTrustKeyType bearer", &KeyType::parse("bearer").unwrap_err());
    messages.add("STSWSTrustKeyType PublicKey", &KeyType::parse("PublicKey").unwrap_err());
    messages.add("STSWSTrustSourceAs basic", &SourceAs::parse("basic").unwrap_err());
    messages.add("STSWSTrustClaims role", &check_claim("role").unwrap_err());
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
    assert_eq!(KeyType::parse("NoProofKey"), Ok(KeyType::NoProofKey));
    for key in ["SymmetricKey", "PublicKey"] {
        for namespace in [WST, WST_2005] {
            for text in [key.to_owned(), format!("{namespace}/{key}")] {
                assert!(KeyType::parse(&text).is_err(), "{text}");
            }
        }
    }
    assert_eq!(SourceAs::parse("token"), Ok(SourceAs::Token));
    assert_eq!(SourceAs::parse("usernametoken"), Ok(SourceAs::UsernameToken));
    assert!(SourceAs::parse("UsernameToken").is_err());
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
        ("empty TokenType", settings(|s| s.token_type = some(""))),
        ("empty To", settings(|s| s.to = some(""))),
        ("wrapper without ValueType", settings(|s| s.token_wrapper = true)),
        (
            "SourceAs and ValueType",
            settings(|s| {
                s.source_as = SourceAs::UsernameToken;
                s.value_type = some("urn:t");
            }),
        ),
        (
            "SourceAs without its element",
            settings(|s| {
                s.source_as = SourceAs::UsernameToken;
                s.token_as = TokenAs::OnBehalfOf;
                s.source_elements = SourceElement::default_list(TokenAs::OnBehalfOf);
            }),
        ),
        ("empty ValueType", settings(|s| s.value_type = some(""))),
        ("empty AppliesTo", settings(|s| s.applies_to = some(""))),
        ("AppliesTo with a line break", settings(|s| s.applies_to = some("urn:a\r\nb"))),
        ("TokenType that XML cannot hold", settings(|s| s.token_type = some("a\u{fffe}"))),
        ("no source element", settings(|s| s.source_elements.clear())),
    ] {
        let error = WsTrust::new(settings).err().unwrap();
        // When this no longer compiles, the list above lacks a line.
        match error {
            SettingsError::ActAsVersion
            | SettingsError::Empty { .. }
            | SettingsError::NoSource
            | SettingsError::NotText { .. }
            | SettingsError::SourceAsElement
            | SettingsError::SourceAsValueType
            | SettingsError::TwoCredentials
            | SettingsError::WrapperOfNothing => messages.add(name, &error),
        }
    }
    let auth = username_token("username=a&password=s3cret");
    let error = exchange(|_| {}).check_auth(&auth).unwrap_err();
    messages.add("username_token, security", &error);
    assert!(exchange(|s| s.token_as = TokenAs::OnBehalfOf).check_auth(&auth).is_ok());
    assert!(exchange(|_| {}).check_auth(&ClientAuth::none()).is_ok());
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
    let checked = || exchange(|s| s.token_as = TokenAs::OnBehalfOf);
    let with_token = profile(checked(), username_token("username=a&password=b"));
    assert!(with_token.sends_credentials() && with_token.auth.is_in_message());
    assert!(!profile(checked(), ClientAuth::none()).sends_credentials());
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
        ("username_token", "username=a&password=s3cret&password_file=b"),
    ] {
        let error = endpoint_auth::parse(method, Some(options)).err().unwrap();
        // When this no longer compiles, the list above lacks a line.
        match error {
            EndpointAuthError::Credentials(_)
            | EndpointAuthError::NeedsForm
            | EndpointAuthError::Option(_)
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
