//! What goes to the STS.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::atomic::{AtomicU8, Ordering};

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
use sts_core::profile::{Outgoing, Parameter, Profile, Subject};
use sts_core::wstrust::settings::Settings;
use sts_core::wstrust::words::{KeyType, SoapVersion, SourceAs, SourceElement, TokenAs, Version};
use sts_core::wstrust::{APPLIES_TO, CLAIM};

use crate::wstrust::exchange::{
    NOW, SAML_2, WSSE, WST, WST_2005, WSU, assertion, exchange, profile, send, send_at,
    username_token,
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

    fn is_in_message(self) -> bool {
        matches!(self, Self::Text | Self::Digest)
    }

    fn credentials(self) -> ClientAuth {
        match self {
            Self::None => ClientAuth::none(),
            Self::Basic => {
                ClientAuth::parse("basic", Some("username=wstrust&password=2Federate")).unwrap()
            }
            Self::Text => username_token(TEXT),
            Self::Digest => username_token(DIGEST),
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
                        || token_as == TokenAs::Security && auth.is_in_message()
                    {
                        continue;
                    }
                    let checked = exchange(|s| {
                        s.version = version;
                        s.soap_version = soap_version;
                        s.token_as = token_as;
                        s.applies_to = Some("urn:pingfed".to_owned());
                    });
                    let outgoing = send(&profile(checked, auth.credentials()), assertion("_a"));
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
            s.token_type = Some("urn:bogus:token".to_owned());
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

/// Something that can stand in a URI.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
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
    assert_eq!(sent(Version::Trust12, "Bearer"), format!("{WST_2005}/Bearer"));
    for version in [Version::Trust13, Version::Trust14] {
        assert_eq!(sent(version, "Bearer"), format!("{WST}/Bearer"));
    }
    for version in [Version::Trust12, Version::Trust13] {
        assert_eq!(
            sent(version, "NoProofKey"),
            "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey"
        );
    }
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
    // The dot is for the look-up alone.
    assert_eq!(to("https://sts.ns.svc./sts?a"), "https://sts.ns.svc/sts?a");
}

#[test]
fn no_two_messages_have_the_same_ids() {
    let checked = exchange(|s| {
        s.token_as = TokenAs::OnBehalfOf;
        s.value_type = Some("urn:t".to_owned());
    });
    let profile = profile(checked, username_token(DIGEST));
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

/// An exchange for others, with the gateway's own credentials in the message.
fn on_behalf(options: &str) -> Profile {
    profile(exchange(|s| s.token_as = TokenAs::OnBehalfOf), username_token(options))
}

#[test]
fn without_random_bytes_no_message_is_written() {
    let now = Now { entropy: || Err(NoEntropy), ..NOW };
    for profile in [default_profile(|_| {}), on_behalf(DIGEST)] {
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
    let checked = exchange(|s| s.token_as = TokenAs::OnBehalfOf);
    let profile = profile(checked, username_token(DIGEST));
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
    let profile = profile(exchange(|_| {}), Auth::Basic.credentials());
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
        to in operators_text(),
    ) {
        let options = form_urlencoded::Serializer::new(String::new())
            .append_pair("username", &username)
            .append_pair("password", &password)
            .finish();
        let checked = exchange(|s| {
            s.token_as = TokenAs::OnBehalfOf;
            s.value_type = Some(value_type.clone());
            s.token_type = Some(token_type.clone());
            s.applies_to = Some("urn:overridden".to_owned());
            s.to = Some(to.clone());
        });
        let profile = profile(checked, username_token(&options));
        let claim = format!("urn:claim:{}", hex(&to));
        let parameters = [
            Parameter { name: APPLIES_TO, value: applies_to.as_bytes() },
            Parameter { name: CLAIM, value: claim.as_bytes() },
            Parameter { name: CLAIM, value: b"urn:a?b&'c'" },
        ];
        let subject = Subject { source: &source, parameters: &parameters };
        let outgoing = profile.request(&subject, &NOW).unwrap();
        let document = Document::parse(body(&outgoing)).unwrap();
        let binary = only(&document, WSSE, "BinarySecurityToken");
        prop_assert_eq!(binary.attribute("ValueType"), Some(value_type.as_str()));
        prop_assert_eq!(STANDARD.decode(text(binary)).unwrap(), source);
        prop_assert_eq!(text(only(&document, WST, "TokenType")), token_type);
        let address = only(&document, "http://www.w3.org/2005/08/addressing", "Address");
        prop_assert_eq!(text(address), applies_to);
        let claims = only(&document, WST, "Claims").children().collect::<Vec<_>>();
        let claims: Vec<_> = claims.into_iter().map(|node| node.attribute("Uri")).collect();
        prop_assert_eq!(claims, [Some(claim.as_str()), Some("urn:a?b&'c'")]);
        let addressed = only(&document, "http://www.w3.org/2005/08/addressing", "To");
        prop_assert_eq!(text(addressed), to);
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
        |s| s.key_type = KeyType::NoProofKey,
        |s| s.token_type = Some("urn:t".to_owned()),
        |s| s.token_type = None,
        |s| s.value_type = Some("urn:t".to_owned()),
        |s| {
            s.value_type = Some("urn:t".to_owned());
            s.token_wrapper = true;
        },
        |s| s.source_as = SourceAs::UsernameToken,
        |s| s.applies_to = Some("urn:t".to_owned()),
        |s| s.to = Some("urn:t".to_owned()),
        |s| s.token_as = TokenAs::OnBehalfOf,
        |s| {
            s.version = Version::Trust14;
            s.token_as = TokenAs::ActAs;
        },
        |s| s.source_elements.truncate(1),
    ];
    let digest = |change: fn(&mut Settings)| {
        *ExchangeKey::new(&default_profile(change), &[0; 32], &[0; 32]).digest()
    };
    let digests: HashSet<_> = changes.into_iter().map(digest).collect();
    assert_eq!(digests.len(), changes.len());
    // Without ActAs the two versions are the same on the wire.
    assert!(digests.contains(&digest(|s| s.version = Version::Trust14)));

    let of = |options: &str| *ExchangeKey::new(&on_behalf(options), &[0; 32], &[0; 32]).digest();
    let options = [
        "username=a&password=b",
        "username=b&password=b",
        "username=a&password=c",
        "username=a&password=b&password_type=digest",
        "username=a&password_file=b",
        "username=a&password_file=c",
        "username=a&password_file=c&password_type=digest",
    ];
    let digests: HashSet<_> = options.into_iter().map(of).collect();
    assert_eq!(digests.len(), options.len());
}

#[test]
fn what_is_asked_for_parts_the_entries_of_a_cache() {
    let key = ExchangeKey::new(&default_profile(|_| {}), &[0; 32], &[0; 32]);
    let lists: [&[(&str, &str)]; 6] = [
        &[],
        &[(APPLIES_TO, "urn:a")],
        &[(APPLIES_TO, "urn:b")],
        &[(CLAIM, "urn:a")],
        &[(CLAIM, "urn:a"), (CLAIM, "urn:b")],
        &[(CLAIM, "urn:b"), (CLAIM, "urn:a")],
    ];
    let of = |list: &[(&'static str, &str)]| {
        let parameters: Vec<_> =
            list.iter().map(|(name, value)| Parameter { name, value: value.as_bytes() }).collect();
        key.of(&Subject { source: b"s", parameters: &parameters }).0
    };
    let keys: HashSet<_> = lists.into_iter().map(of).collect();
    assert_eq!(keys.len(), lists.len());
}

#[test]
fn a_value_that_no_message_can_hold_is_not_left_out() {
    let profile = default_profile(|s| s.applies_to = Some("urn:all".to_owned()));
    let source = assertion("_a");
    for (name, value) in [
        (APPLIES_TO, &b"a\x01"[..]),
        (APPLIES_TO, b"a\r\nb"),
        (APPLIES_TO, b"a\xff"),
        (APPLIES_TO, "a\u{ffff}".as_bytes()),
        (APPLIES_TO, b""),
        (CLAIM, b""),
        (CLAIM, b"role"),
        (CLAIM, b"urn:a urn:b"),
        (CLAIM, b"urn:\xff"),
        (CLAIM, b"urn:a<b/>"),
        (CLAIM, b"urn:\"a"),
    ] {
        let parameters = [Parameter { name, value }];
        let subject = Subject { source: source.as_bytes(), parameters: &parameters };
        let failure = profile.request(&subject, &NOW).err().unwrap();
        assert_eq!(failure.kind, FailureKind::BadToken, "{name} {value:?}");
    }
}

#[test]
fn claims_go_in_the_dialect_that_servers_know() {
    let parameters = ["urn:role", "urn:name?a&b"];
    let parameters = parameters.map(|uri| Parameter { name: CLAIM, value: uri.as_bytes() });
    let source = assertion("_a");
    let subject = Subject { source: source.as_bytes(), parameters: &parameters };
    let checked = exchange(|s| {
        s.token_type = None;
        s.to = Some("urn:the sts".to_owned());
    });
    let outgoing = profile(checked, ClientAuth::none()).request(&subject, &NOW).unwrap();
    insta::assert_snapshot!(show(&outgoing));
}

#[test]
fn a_jwt_goes_in_a_wrapper_where_it_is_told_to() {
    let jwt = "eyJhbGciOiJub25lIn0.e30.c2ln";
    for (token_as, place) in [
        (TokenAs::Security, "Security"),
        (TokenAs::OnBehalfOf, "OnBehalfOf"),
        (TokenAs::ActAs, "ActAs"),
    ] {
        let profile = default_profile(|s| {
            s.version = Version::Trust14;
            s.token_as = token_as;
            s.value_type = Some("urn:t".to_owned());
            s.token_wrapper = true;
        });
        let outgoing = send(&profile, jwt).unwrap();
        let document = Document::parse(body(&outgoing)).unwrap();
        let wrapper = document.descendants().find(|node| node.has_tag_name("TokenWrapper"));
        let wrapper = wrapper.unwrap();
        assert_eq!((wrapper.tag_name().namespace(), wrapper.text()), (None, Some(jwt)));
        assert_eq!(wrapper.parent_element().unwrap().tag_name().name(), place);
        // Whatever is no JWT goes as a binary token of the type.
        for other in ["a.b.c", "<TokenWrapper/>", "eyJ.e30", "eyJ.e+.s", "eyJ.a.b.c", "ey<.a.b"] {
            let outgoing = send(&profile, other).unwrap();
            let document = Document::parse(body(&outgoing)).unwrap();
            let binary = only(&document, WSSE, "BinarySecurityToken");
            assert_eq!(STANDARD.decode(text(binary)).unwrap(), other.as_bytes());
        }
    }
}

/// The credentials of a user, as HTTP Basic has them.
fn basic(pair: impl AsRef<[u8]>) -> String {
    STANDARD.encode(pair)
}

fn credentials_profile(token_as: TokenAs) -> Profile {
    let checked = exchange(|s| {
        s.source_as = SourceAs::UsernameToken;
        s.token_as = token_as;
        s.source_elements = vec![SourceElement::parse("usernametoken").unwrap()];
    });
    profile(checked, ClientAuth::none())
}

#[test]
fn credentials_of_http_basic_become_one_token_with_one_name() {
    for token_as in [TokenAs::Security, TokenAs::OnBehalfOf] {
        let profile = credentials_profile(token_as);
        for (user, password) in [
            ("alice", "secret"),
            ("alice", "a:b:"),
            ("j\u{f6}rg", "p\u{e4}ss\"'&<>"),
            ("a", "x</wsse:Password><wsse:Username>admin</wsse:Username>"),
            ("b</Username><Username>admin</Username>", "x]]>"),
        ] {
            let outgoing = send(&profile, basic(format!("{user}:{password}"))).unwrap();
            let document = Document::parse(body(&outgoing)).unwrap();
            assert_eq!(text(only(&document, WSSE, "Username")), user);
            assert_eq!(text(only(&document, WSSE, "Password")), password);
            let token = only(&document, WSSE, "UsernameToken");
            assert_eq!(token.children().count(), 4);
            assert!(token.attribute((WSU, "Id")).is_some());
        }
    }
    let outgoing = send(&credentials_profile(TokenAs::Security), basic("alice:")).unwrap();
    let document = Document::parse(body(&outgoing)).unwrap();
    assert_eq!(text(only(&document, WSSE, "Password")), "");
}

#[test]
fn what_is_no_credentials_of_http_basic_is_refused() {
    for (source, said) in [
        ("alice:secret".to_owned(), "is not base64"),
        ("YWxpY2U6c2VjcmV0IQ-".to_owned(), "is not base64"),
        (basic("alice"), "no colon"),
        (basic(":secret"), "no user name"),
        (basic(" :secret"), "no user name"),
        (basic("alice:sec\0ret"), "what no message can"),
        (basic("alice:sec\tret"), "what no message can"),
        (basic("al\rice:secret"), "what no message can"),
        (basic("alice:\u{ffff}"), "what no message can"),
        (basic("alice:\u{85}"), "what no message can"),
        (basic(b"alice:\xe4"), "not UTF-8"),
        ("<x/>".to_owned(), "is not base64"),
    ] {
        for token_as in [TokenAs::Security, TokenAs::OnBehalfOf] {
            let failure = send(&credentials_profile(token_as), &source).err().unwrap();
            assert_eq!(failure.kind, FailureKind::BadToken, "{source}");
            assert!(failure.reason.contains(said), "{source}: {failure}");
        }
    }
    for pair in ["alice:", "alice: "] {
        let failure = send(&credentials_profile(TokenAs::OnBehalfOf), basic(pair)).err().unwrap();
        assert_eq!(failure.kind, FailureKind::BadToken);
        assert!(failure.reason.contains("no password"), "{failure}");
    }
}

#[test]
fn passwords_do_not_come_into_the_log_by_what_an_sts_says() {
    let source = basic("alice:s3cr3t word");
    let subject = Subject { source: source.as_bytes(), parameters: &[] };
    let known = credentials_profile(TokenAs::Security).known(&subject);
    assert_eq!(known.mask("no: s3cr3t word"), "no: [secret]");
    let source = assertion("_a");
    let known = on_behalf(TEXT).known(&Subject { source: source.as_bytes(), parameters: &[] });
    assert_eq!(known.mask("no: 2<Federate"), "no: [secret]");
}

#[test]
fn two_tokens_of_names_in_one_message_have_their_own_nonces() {
    let checked = exchange(|s| {
        s.source_as = SourceAs::UsernameToken;
        s.token_as = TokenAs::OnBehalfOf;
        s.source_elements = vec![SourceElement::parse("usernametoken").unwrap()];
    });
    let entropy: Entropy = || {
        static CALLS: AtomicU8 = AtomicU8::new(0);
        Ok([CALLS.fetch_add(1, Ordering::Relaxed); 32])
    };
    let profile = profile(checked, username_token(TEXT));
    let outgoing = send_at(&profile, basic("alice:secret"), &Now { entropy, ..NOW }).unwrap();
    let document = Document::parse(body(&outgoing)).unwrap();
    let all = |name: &'static str| {
        let found = document.descendants().filter(move |n| n.has_tag_name((WSSE, name)));
        found.map(text).collect::<HashSet<_>>()
    };
    assert_eq!(all("Nonce").len(), 2);
    assert_eq!(all("Username"), HashSet::from(["gate&way".to_owned(), "alice".to_owned()]));
    let ids: Vec<_> = document.descendants().filter_map(|n| n.attribute((WSU, "Id"))).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "{ids:?}");
}

proptest! {
    #[test]
    fn any_credentials_arrive_as_they_were(
        user in "[^\\p{C}:]{1,20}", password in "[^\\p{C}]{1,20}",
    ) {
        let plain = |text: &str| !text.chars().any(|c| matches!(c, '\u{fffe}' | '\u{ffff}'));
        prop_assume!(plain(&user) && plain(&password) && !user.trim().is_empty());
        let outgoing = send(&credentials_profile(TokenAs::Security), basic(format!("{user}:{password}")));
        let outgoing = outgoing.unwrap();
        let document = Document::parse(body(&outgoing)).unwrap();
        prop_assert_eq!(text(only(&document, WSSE, "Username")), user);
        prop_assert_eq!(text(only(&document, WSSE, "Password")), password);
    }

    #[test]
    fn no_source_panics_or_changes_the_message(source: Vec<u8>) {
        for source in [source.clone(), basic(&source).into_bytes()] {
            let Ok(outgoing) = send(&credentials_profile(TokenAs::Security), &source) else { continue };
            let document = Document::parse(body(&outgoing)).unwrap();
            let security = only(&document, WSSE, "Security");
            prop_assert_eq!(security.children().count(), 2);
            only(&document, WSSE, "UsernameToken");
        }
    }
}
