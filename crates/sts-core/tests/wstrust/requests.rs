//! What goes to the STS.

use std::collections::HashSet;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::sha1;
use proptest::prelude::*;
use roxmltree::{Document, Node};
use sts_core::cache_key::ExchangeKey;
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::error::FailureKind;
use sts_core::now::{Entropy, NoEntropy, Now, UnixTime};
use sts_core::profile::{Outgoing, Profile};
use sts_core::wstrust::settings::Settings;
use sts_core::wstrust::words::{KeyType, SoapVersion, TokenAs, Version};

use crate::exchange::{
    NOW, SAML_2, WSSE, WST, WSU, assertion, exchange, profile, send, send_at, username_token,
};

const TEXT: &str = "username=gate%26way&password=2%3CFederate";
const DIGEST: &str = "username=gateway&password=2Federate&password_type=digest";

/// How the gateway authenticates in a test.
#[derive(Clone, Copy, Debug)]
enum Auth {
    None,
    Basic,
    Text,
    Digest,
}

impl Auth {
    const ALL: [Self; 4] = [Self::None, Self::Basic, Self::Text, Self::Digest];

    fn in_message(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Basic => None,
            Self::Text => Some(TEXT),
            Self::Digest => Some(DIGEST),
        }
    }

    fn in_transport(self) -> ClientAuth {
        match self {
            Self::Basic => {
                ClientAuth::parse("basic", Some("username=wstrust&password=2Federate")).unwrap()
            }
            _ => ClientAuth::none(),
        }
    }
}

#[test]
fn every_combination_has_its_envelope() {
    for (version, name) in
        [(Version::Trust12, "1.2"), (Version::Trust13, "1.3"), (Version::Trust14, "1.4")]
    {
        for (soap_version, soap_name) in
            [(SoapVersion::Soap11, "1.1"), (SoapVersion::Soap12, "1.2")]
        {
            let mut shown = String::new();
            for token_as in [TokenAs::Security, TokenAs::OnBehalfOf, TokenAs::ActAs] {
                for auth in Auth::ALL {
                    if token_as == TokenAs::ActAs && version != Version::Trust14
                        || token_as == TokenAs::Security && auth.in_message().is_some()
                    {
                        continue;
                    }
                    let checked = exchange(|s| {
                        s.version = version;
                        s.soap_version = soap_version;
                        s.token_as = token_as;
                        s.username_token = auth.in_message().map(username_token);
                        s.applies_to = Some("urn:pingfed".to_owned());
                    });
                    let outgoing = send(&profile(checked, auth.in_transport()), assertion("_a"));
                    writeln!(shown, "==== {token_as:?}, {auth:?}\n{}", show(&outgoing.unwrap()))
                        .unwrap();
                }
            }
            insta::assert_snapshot!(format!("wstrust_{name}_soap_{soap_name}"), shown);
        }
    }
}

#[test]
fn a_binary_token_goes_in_base64_wherever_it_goes() {
    let mut shown = String::new();
    for token_as in [TokenAs::Security, TokenAs::OnBehalfOf, TokenAs::ActAs] {
        let checked = exchange(|s| {
            s.version = Version::Trust14;
            s.token_as = token_as;
            s.token_type = "urn:bogus:token".to_owned();
            s.value_type = Some("urn:ietf:params:oauth:token-type:jwt?a&b".to_owned());
        });
        let outgoing = send(&profile(checked, ClientAuth::none()), "e30.e30.\0\u{e9}");
        writeln!(shown, "==== {token_as:?}\n{}", show(&outgoing.unwrap())).unwrap();
    }
    insta::assert_snapshot!(shown);
}

/// One header a line, one tag a line.
fn show(outgoing: &Outgoing) -> String {
    let mut shown = String::new();
    for (name, value) in &outgoing.headers {
        writeln!(shown, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    shown + "\n" + &body(outgoing).replace("><", ">\n<") + "\n"
}

fn body(outgoing: &Outgoing) -> &str {
    std::str::from_utf8(outgoing.body.expose()).unwrap()
}

/// A default exchange, but for this.
fn default_profile(change: impl FnOnce(&mut Settings)) -> Profile {
    profile(exchange(change), ClientAuth::none())
}

fn only<'a, 'i>(document: &'a Document<'i>, namespace: &str, name: &str) -> Node<'a, 'i> {
    let mut found = document.descendants().filter(|n| n.has_tag_name((namespace, name)));
    let node = found.next().unwrap_or_else(|| panic!("{name} is missing"));
    assert!(found.next().is_none(), "{name} is there twice");
    node
}

fn text(node: Node<'_, '_>) -> String {
    node.text().unwrap_or_default().to_owned()
}

#[test]
fn optional_elements_are_left_out() {
    let outgoing =
        send(&default_profile(|s| s.key_type = KeyType::Unset), assertion("_a")).unwrap();
    assert!(!body(&outgoing).contains("AppliesTo"));
    assert!(!body(&outgoing).contains("KeyType"));
    assert!(!body(&outgoing).contains("null"));
}

#[test]
fn a_key_type_has_the_uri_of_its_version() {
    let sent = |version, key_type: &str| {
        let key_type = KeyType::parse(key_type).unwrap();
        let profile = default_profile(|s| {
            s.version = version;
            s.key_type = key_type;
        });
        let outgoing = send(&profile, assertion("_a")).unwrap();
        let document = Document::parse(body(&outgoing)).unwrap();
        let node = document.descendants().find(|n| n.tag_name().name() == "KeyType");
        text(node.unwrap())
    };
    for version in [Version::Trust13, Version::Trust14] {
        for word in ["Bearer", "SymmetricKey", "PublicKey"] {
            assert_eq!(sent(version, word), format!("{WST}/{word}"));
        }
    }
    assert_eq!(
        sent(Version::Trust12, "Bearer"),
        "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey"
    );
    assert_eq!(
        sent(Version::Trust12, "PublicKey"),
        "http://schemas.xmlsoap.org/ws/2005/02/trust/PublicKey"
    );
    assert_eq!(sent(Version::Trust12, "urn:x?a=1&b=2"), "urn:x?a=1&b=2");
}

#[test]
fn the_address_is_the_endpoint_as_it_was_written() {
    let to = |url: &str| {
        let mut profile = default_profile(|_| {});
        profile.endpoint = Endpoint::parse(url).unwrap();
        let outgoing = send(&profile, assertion("_a")).unwrap();
        let document = Document::parse(body(&outgoing)).unwrap();
        text(only(&document, "http://www.w3.org/2005/08/addressing", "To"))
    };
    let url = "https://STS.example:443/adfs/services/trust/13/x?a=1&b=2";
    assert_eq!(to(url), url);
    assert_eq!(to("http://unix:/run/sts.sock:/sts?a"), "http://localhost/sts?a");
}

#[test]
fn no_two_messages_have_the_same_ids() {
    let profile = default_profile(|s| {
        s.token_as = TokenAs::OnBehalfOf;
        s.value_type = Some("urn:t".to_owned());
        s.username_token = Some(username_token(DIGEST));
    });
    let ids = |entropy: Entropy| {
        let outgoing = send_at(&profile, "token", &Now { entropy, ..NOW }).unwrap();
        let document = Document::parse(body(&outgoing)).unwrap();
        let mut ids: Vec<String> = document
            .descendants()
            .filter_map(|node| node.attribute((WSU, "Id")).map(str::to_owned))
            .collect();
        assert_eq!(ids.len(), 3);
        ids.push(text(only(&document, "http://www.w3.org/2005/08/addressing", "MessageID")));
        ids.push(text(only(&document, WSSE, "Nonce")));
        ids.push(text(only(&document, WSSE, "Password")));
        ids
    };
    // Another bit in each half.
    let changed: Entropy = || Ok(std::array::from_fn(|i| i as u8 ^ u8::from(i % 16 == 0)));
    let all: Vec<_> = ids(NOW.entropy).into_iter().chain(ids(changed)).collect();
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 12, "{all:?}");
    assert_eq!(ids(NOW.entropy), ids(NOW.entropy));
}

fn on_behalf(settings: &mut Settings, options: &str) {
    settings.token_as = TokenAs::OnBehalfOf;
    settings.username_token = Some(username_token(options));
}

#[test]
fn without_random_bytes_no_message_is_written() {
    let now = Now { entropy: || Err(NoEntropy), ..NOW };
    for profile in [default_profile(|_| {}), default_profile(|s| on_behalf(s, DIGEST))] {
        let failure = send_at(&profile, assertion("_a"), &now).err().unwrap();
        assert_eq!(failure.kind, FailureKind::BadAnswer);
        assert_eq!(failure.reason, "the gateway has no random bytes");
    }
}

#[test]
fn a_message_id_is_a_random_uuid() {
    for entropy in [|| Ok([0; 32]), || Ok([0xff; 32]), NOW.entropy] {
        let outgoing =
            send_at(&default_profile(|_| {}), assertion("_a"), &Now { entropy, ..NOW }).unwrap();
        let id = body(&outgoing).split("<wsa:MessageID>urn:uuid:").nth(1).unwrap();
        let id = id.split('<').next().unwrap();
        let groups: Vec<_> = id.split('-').collect();
        assert_eq!(groups.iter().map(|g| g.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
        assert!(groups[2].starts_with('4'), "RFC 9562, section 4.2: {id}");
        assert!(groups[3].starts_with(['8', '9', 'a', 'b']), "RFC 9562, section 4.1: {id}");
    }
}

#[test]
fn a_message_lives_for_five_minutes() {
    let outgoing = send(&default_profile(|_| {}), assertion("_a")).unwrap();
    let document = Document::parse(body(&outgoing)).unwrap();
    assert_eq!(text(only(&document, WSU, "Created")), "2026-11-24T12:00:00Z");
    assert_eq!(text(only(&document, WSU, "Expires")), "2026-11-24T12:05:00Z");
    // A clock that is wrong beyond reason does not bring the worker down.
    let now = Now { wall: UnixTime(u64::MAX), ..NOW };
    assert!(send_at(&default_profile(|_| {}), assertion("_a"), &now).is_ok());
}

#[test]
fn a_digest_is_over_nonce_time_and_password() {
    let profile = default_profile(|s| {
        s.token_as = TokenAs::OnBehalfOf;
        s.username_token = Some(username_token(DIGEST));
    });
    let outgoing = send(&profile, assertion("_a")).unwrap();
    let document = Document::parse(body(&outgoing)).unwrap();
    let nonce = STANDARD.decode(text(only(&document, WSSE, "Nonce"))).unwrap();
    let token = only(&document, WSSE, "UsernameToken");
    let created = text(token.children().find(|n| n.has_tag_name((WSU, "Created"))).unwrap());
    let expected = sha1(&[&nonce, created.as_bytes(), b"2Federate"].concat());
    let password = only(&document, WSSE, "Password");
    assert_eq!(text(password), STANDARD.encode(expected));
    assert!(password.attribute("Type").unwrap().ends_with("#PasswordDigest"));
    assert!(!body(&outgoing).contains("2Federate"));
}

#[test]
fn without_a_source_token_nothing_is_sent() {
    for value_type in [None, Some("urn:t".to_owned())] {
        let failure = send(&default_profile(|s| s.value_type = value_type), "").err().unwrap();
        assert_eq!(failure.kind, FailureKind::MissingToken);
    }
}

#[test]
fn the_credentials_of_http_stay_out_of_the_message() {
    let profile = profile(exchange(|_| {}), Auth::Basic.in_transport());
    let outgoing = send(&profile, assertion("_a")).unwrap();
    assert!(outgoing.headers.get("authorization").unwrap().is_sensitive());
    assert!(!body(&outgoing).contains("2Federate"));
}

#[test]
fn a_long_token_goes_whole() {
    let value = "x&<".repeat(400_000);
    let outgoing =
        send(&default_profile(|s| s.value_type = Some("urn:t".to_owned())), value.clone());
    let outgoing = outgoing.unwrap();
    let document = Document::parse(body(&outgoing)).unwrap();
    let sent = STANDARD.decode(text(only(&document, WSSE, "BinarySecurityToken"))).unwrap();
    assert!(sent == value.as_bytes());

    let long = assertion("_a").replace("joe", &"j&#233;é".repeat(100_000));
    let outgoing = send(&default_profile(|_| {}), long.clone()).unwrap();
    assert!(body(&outgoing).contains(&long));
}

/// Text that an operator may write.
fn operators_text() -> impl Strategy<Value = String> {
    "[^\\p{C}]{1,20}".prop_filter("not in XML", |text| {
        !text.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
    })
}

proptest! {
    #[test]
    fn all_that_is_inserted_arrives_as_it_was(
        source in proptest::collection::vec(any::<u8>(), 1..5000),
        value_type in operators_text(),
        token_type in operators_text(),
        applies_to in operators_text(),
        username in operators_text(),
        password in operators_text(),
    ) {
        let options = form_urlencoded::Serializer::new(String::new())
            .append_pair("username", &username)
            .append_pair("password", &password)
            .finish();
        let profile = default_profile(|s| {
            s.token_as = TokenAs::OnBehalfOf;
            s.value_type = Some(value_type.clone());
            s.token_type = token_type.clone();
            s.applies_to = Some(applies_to.clone());
            s.username_token = Some(username_token(&options));
        });
        let outgoing = send(&profile, source.clone()).unwrap();
        let document = Document::parse(body(&outgoing)).unwrap();
        let binary = only(&document, WSSE, "BinarySecurityToken");
        prop_assert_eq!(binary.attribute("ValueType"), Some(value_type.as_str()));
        prop_assert_eq!(STANDARD.decode(text(binary)).unwrap(), source);
        prop_assert_eq!(text(only(&document, WST, "TokenType")), token_type);
        let address = only(&document, "http://www.w3.org/2005/08/addressing", "Address");
        prop_assert_eq!(text(address), applies_to);
        prop_assert_eq!(text(only(&document, WSSE, "Username")), username);
        prop_assert_eq!(text(only(&document, WSSE, "Password")), password);
    }

    #[test]
    fn a_verbatim_token_is_one_element_wherever_it_goes(
        name in "[^\\p{C}&<>]{0,20}",
        token_as in prop_oneof![Just(TokenAs::Security), Just(TokenAs::OnBehalfOf), Just(TokenAs::ActAs)],
    ) {
        let profile = default_profile(|s| {
            s.version = Version::Trust14;
            s.token_as = token_as;
        });
        let token = assertion("_a").replace("joe", &name);
        let outgoing = send(&profile, token.clone()).unwrap();
        let document = Document::parse(body(&outgoing)).unwrap();
        let node = only(&document, SAML_2, "Assertion");
        prop_assert_eq!(&body(&outgoing)[node.range()], token);
        let place = node.parent_element().unwrap().tag_name().name();
        let expected = match token_as {
            TokenAs::Security => "Security",
            TokenAs::OnBehalfOf => "OnBehalfOf",
            TokenAs::ActAs => "ActAs",
        };
        prop_assert_eq!(place, expected);
    }
}

#[test]
fn settings_part_the_entries_of_a_cache() {
    let changes: [fn(&mut Settings); 15] = [
        |_| {},
        |s| s.version = Version::Trust12,
        |s| s.soap_version = SoapVersion::Soap11,
        |s| s.key_type = KeyType::Unset,
        |s| s.key_type = KeyType::PublicKey,
        |s| s.token_type = "urn:t".to_owned(),
        |s| s.value_type = Some("urn:t".to_owned()),
        |s| s.applies_to = Some("urn:t".to_owned()),
        |s| s.token_as = TokenAs::OnBehalfOf,
        |s| {
            s.version = Version::Trust14;
            s.token_as = TokenAs::ActAs;
        },
        |s| on_behalf(s, "username=a&password=b"),
        |s| on_behalf(s, "username=b&password=b"),
        |s| on_behalf(s, "username=a&password=c"),
        |s| on_behalf(s, "username=a&password=b&password_type=digest"),
        |s| s.source_elements.truncate(1),
    ];
    let digest = |change: fn(&mut Settings)| {
        *ExchangeKey::new(&default_profile(change), &[0; 32], &[0; 32]).digest()
    };
    let digests: HashSet<_> = changes.into_iter().map(digest).collect();
    assert_eq!(digests.len(), changes.len());
    // Without ActAs the two versions are the same on the wire.
    assert!(digests.contains(&digest(|s| s.version = Version::Trust14)));
}
