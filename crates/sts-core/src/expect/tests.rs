use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;
use crate::client_auth::ClientAuth;
use crate::endpoint::Endpoint;
use crate::oauth::{client_credentials, password, token_exchange};
use crate::wstrust::settings::{Settings, WsTrust};
use crate::wstrust::words::{SourceAs, TokenAs, Version};

fn jwt(claims: &serde_json::Value) -> String {
    format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn sub(name: &str) -> String {
    jwt(&serde_json::json!({ "sub": name }))
}

fn assertion(name: &str) -> String {
    format!(
        "<s:Assertion xmlns:s='urn:oasis:names:tc:SAML:2.0:assertion'><s:Subject><s:NameID>{name}\
         </s:NameID></s:Subject></s:Assertion>"
    )
}

fn wstrust(change: impl FnOnce(&mut Settings)) -> Protocol {
    let mut settings = Settings::default();
    change(&mut settings);
    Protocol::WsTrust(Box::new(WsTrust::new(settings).unwrap()))
}

fn profile(protocol: Protocol) -> Profile {
    Profile {
        protocol,
        endpoint: Endpoint::parse("https://sts").unwrap(),
        auth: ClientAuth::parse("basic", Some("username=gateway&password=b")).unwrap(),
        client_id: None,
    }
}

fn check(words: &str, protocol: Protocol, target: &str, source: &str) -> Result<(), String> {
    let words: Vec<_> = words.split(' ').collect();
    let expect = Expect::parse(&words).unwrap();
    let subject = Subject { source: source.as_bytes(), parameters: &[] };
    let profile = profile(protocol);
    let checked = expect.check_subject(&profile, target.as_bytes(), &subject, &Names::default());
    checked.map_err(|failure| {
        assert_eq!(failure.kind, FailureKind::BadAnswer);
        failure.reason
    })
}

#[test]
fn the_gateways_own_token_is_refused_for_others() {
    for name in [
        "gateway",
        "Gateway",
        " gateway\n",
        "gateway@carbon.super",
        "PRIMARY/gateway",
        "DOMAIN\\gateway",
        "PRIMARY/gateway@carbon.super",
        // Metro makes this of a user name, and a directory that.
        "CN=gateway",
        "cn=Gateway, OU=Services, DC=example, DC=com",
        "UID=gateway;OU=Services",
        "C=NL,O=Example,CN=gateway",
        "OID.2.5.4.3=gateway",
        "0.9.2342.19200300.100.1.1=gateway",
        "OU=Services+CN=PRIMARY/gateway",
        "/C=NL/O=Example/CN=gateway",
        "CN=\"gateway\"",
        "CN=\\67ate\\way",
        // RFC 4514, section 2.4: the value of a dotted type is the DER of a string.
        "2.5.4.3=#0C0767617465776179,C=NL",
        "UID = #130767617465776179",
        "CN=#0c810767617465776179",
        "commonName=gateway,O=Example",
        "userid=gateway,O=Example",
        // A store of users before the whole name.
        "PRIMARY/CN=gateway,O=Example",
        "user:realm/uid=gateway,o=Example",
        "REALM\\CN=gateway,O=Example",
        // OpenSSL does not escape a slash.
        "/O=Grid/CN=host/gateway",
        "/CN=gateway/OU=Services",
        // In doubt it is the gateway.
        "CN=alice\\,CN=gateway",
        "CN=\"alice,CN=gateway\"",
    ] {
        for words in ["subject", "subject=sub", "subject=upn"] {
            // Not even for a source that names the gateway: an STS that does not look for which subject is
            // asked has not verified that.
            for (target, source) in [(sub(name), sub(name)), (assertion(name), assertion(name))] {
                let said = check(words, Protocol::OAuth(&token_exchange::GRANT), &target, &source);
                let said = said.unwrap_err();
                let is_claim = words == "subject=upn" && target.starts_with("ey");
                let expected = if is_claim { "names no subject" } else { "the gateway itself" };
                assert!(said.contains(expected), "{words} {name}: {said}");
            }
        }
        let both = jwt(&serde_json::json!({ "sub": name, "upn": "alice" }));
        let said = check("subject=upn", Protocol::OAuth(&token_exchange::GRANT), &both, &both)
            .unwrap_err();
        assert!(said.contains("the gateway itself"), "{said}");
    }
    for name in [
        "alice",
        "gateway2",
        "a-gateway",
        "gateway.x",
        "x@gateway",
        "gateway/alice",
        "",
        "CN=alice,OU=gateway",
        "CN=gateway2",
        "CN=gateway\\,x",
        "CN=gateway,x",
        "CN=#0C0767617465",
        "OU=Services/gateway,CN=alice",
        "CN=gate\\",
        "CN",
    ] {
        for target in [sub(name), assertion(name)] {
            assert_eq!(
                check("subject", Protocol::OAuth(&token_exchange::GRANT), &target, "s"),
                Ok(()),
                "{name}"
            );
        }
    }
}

#[test]
fn a_name_with_signs_of_its_own_is_found() {
    for (name, subject) in [
        ("https://gw.example.org/", "CN=https://gw.example.org/,O=Example"),
        ("host/gw.example.org", "/O=Grid/CN=host/gw.example.org"),
        ("Gate, Way", "CN=Gate, Way"),
        ("Gate, Way", "CN=Gate\\, Way,O=Example"),
        ("DOM\\gateway", "CN=DOM\\gateway"),
        ("a/a", "a/a/a"),
        ("cn=gateway", "CN=gateway,O=Example"),
    ] {
        assert!(is_name_of(subject, name), "{subject}");
    }
    assert!(!is_name_of("CN=Gate, Way, too", "Gate, Way"));
    assert!(!is_name_of("anything", " "));
}

#[test]
fn a_long_subject_is_read_once() {
    let long = "OU=gateway2/gateway,".repeat(20_000);
    assert!(!is_name_of(&long, "gateway"));
    assert!(is_name_of(&format!("{long}CN=gateway"), "gateway"));
}

#[test]
fn each_name_of_the_gateway_counts() {
    let expect = Expect::parse(&["subject"]).unwrap();
    let mut profile = profile(Protocol::OAuth(&token_exchange::GRANT));
    profile.client_id = Some("client".to_owned());
    let subject = Subject { source: b"s", parameters: &[] };
    let refused = |name: &str, names: &Names<'_>| {
        expect.check_subject(&profile, sub(name).as_bytes(), &subject, names).is_err()
    };
    let names = Names { client_id: Some(b"evaluated"), username: Some(b"user"), assertion: None };
    for name in ["gateway", "client", "evaluated"] {
        assert!(refused(name, &names), "{name}");
    }
    // Of a password grant it is the user's.
    assert!(!refused("user", &names) && !refused("evaluated", &Names::default()));
}

#[test]
fn what_says_nothing_is_refused_only_where_it_is_compared() {
    for target in ["opaque", "a.b.c", &jwt(&serde_json::json!({ "x": 1 })), "<a/>"] {
        assert_eq!(
            check("subject", Protocol::OAuth(&token_exchange::GRANT), target, "s"),
            Ok(()),
            "{target}"
        );
        let said =
            check("subject=sub", Protocol::OAuth(&token_exchange::GRANT), target, &sub("alice"));
        assert!(said.unwrap_err().contains("the token names no"), "{target}");
        let said =
            check("subject=sub", Protocol::OAuth(&token_exchange::GRANT), &sub("alice"), target);
        assert!(said.unwrap_err().contains("the source token names no"), "{target}");
    }
    let unclear = format!("e.{}.s", URL_SAFE_NO_PAD.encode(r#"{"sub":"alice","sub":"gateway"}"#));
    let said =
        check("subject", Protocol::OAuth(&token_exchange::GRANT), &unclear, "s").unwrap_err();
    assert!(said.contains("clearly"), "{said}");
}

#[test]
fn the_subject_is_that_of_the_source_across_kinds_of_tokens() {
    let claims = |upn: &str| jwt(&serde_json::json!({ "sub": "17", "upn": upn }));
    let user = "<w:UsernameToken xmlns:w='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-\
                wssecurity-secext-1.0.xsd'><w:Username>alice</w:Username></w:UsernameToken>";
    for source in [&claims("alice"), &assertion("alice"), user] {
        for (target, same) in [
            (claims("alice"), true),
            (assertion("alice"), true),
            (assertion("Alice"), false),
            (assertion("bob"), false),
            (claims("bob"), false),
        ] {
            let said =
                check("subject=upn", Protocol::OAuth(&token_exchange::GRANT), &target, source);
            assert_eq!(said.is_ok(), same, "{target} {source} {said:?}");
        }
    }
}

#[test]
fn the_user_of_credentials_is_known() {
    let credentials = STANDARD.encode("alice:secret:x");
    let protocol = || wstrust(|s| s.source_as = SourceAs::UsernameToken);
    assert_eq!(check("subject=sub", protocol(), &assertion("alice"), &credentials), Ok(()));
    assert!(check("subject=sub", protocol(), &assertion("bob"), &credentials).is_err());
    assert!(check("subject=sub", protocol(), &assertion("bob"), "no base64").is_err());

    let expect = Expect::parse(&["subject=sub"]).unwrap();
    let profile = profile(Protocol::OAuth(&password::GRANT));
    let subject = Subject { source: b"password", parameters: &[] };
    let names = Names { username: Some(b"alice"), ..Names::default() };
    let said = |name: &str| expect.check_subject(&profile, sub(name).as_bytes(), &subject, &names);
    assert!(said("alice").is_ok() && said("bob").is_err());
}

#[test]
fn a_gateway_that_asks_for_others_expects_a_token_for_others() {
    let asks = |token_as| {
        wstrust(|s| {
            s.token_as = token_as;
            s.version = Version::Trust14;
        })
    };
    let subject = Expect::parse(&["subject", "issued_token_type"]).unwrap();
    let of_type = Expect::parse(&["issued_token_type"]).unwrap();
    for token_as in [TokenAs::OnBehalfOf, TokenAs::ActAs] {
        assert_eq!(Expect::default_of(&asks(token_as)), subject);
    }
    assert_eq!(Expect::default_of(&asks(TokenAs::Security)), of_type);
    for protocol in [
        Protocol::OAuth(&token_exchange::GRANT),
        Protocol::OAuth(&password::GRANT),
        Protocol::OAuth(&client_credentials::GRANT),
    ] {
        assert_eq!(Expect::default_of(&protocol), of_type);
    }
    // A token of the gateway is about the gateway.
    assert_eq!(
        check("subject", Protocol::OAuth(&client_credentials::GRANT), &sub("gateway"), ""),
        Ok(())
    );
    assert_eq!(check("off", Protocol::OAuth(&token_exchange::GRANT), &sub("gateway"), "s"), Ok(()));
}

#[test]
fn words_are_strict() {
    for (words, error) in [
        (&["subjects"][..], ExpectError::Unknown),
        (&["audiences"], ExpectError::Unknown),
        (&["audience=a"], ExpectError::Unknown),
        (&["audience", "scope", "audience"], ExpectError::Repeated),
        (&["issued_token_type", "issued_token_type"], ExpectError::Repeated),
        (&["Subject"], ExpectError::Unknown),
        (&["scope", "off"], ExpectError::Off),
        (&["subject="], ExpectError::Claim),
        (&["subject=a b"], ExpectError::Claim),
        (&["subject", "subject=sub"], ExpectError::Repeated),
        (&["subject", "off"], ExpectError::Off),
        (&["off", "off"], ExpectError::Off),
    ] {
        assert_eq!(Expect::parse(words), Err(error), "{words:?}");
    }
    assert_eq!(Expect::parse(&["off"]).unwrap(), Expect::OFF);
}

#[test]
fn what_is_known_of_a_token_is_judged_without_it() {
    let as_asked = AsAsked { issued_token_type: true, audience: true, scope: true };
    let all = Findings { as_asked, names_another: true };
    let none = Findings::default();
    for (word, findings) in [
        (
            "issued_token_type",
            Findings { as_asked: AsAsked { issued_token_type: false, ..as_asked }, ..all },
        ),
        ("audience", Findings { as_asked: AsAsked { audience: false, ..as_asked }, ..all }),
        ("scope", Findings { as_asked: AsAsked { scope: false, ..as_asked }, ..all }),
    ] {
        let expect = Expect::parse(&[word]).unwrap();
        assert_eq!(expect.judge(all), Ok(()), "{word}");
        let failure = expect.judge(findings).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadAnswer);
        assert!(failure.reason.contains(word) && failure.reason.contains("STSExpect"), "{failure}");
        for other in ["issued_token_type", "audience", "scope", "subject", "subject=sub", "off"] {
            let judged = Expect::parse(&[other]).unwrap().judge(findings);
            assert_eq!(judged.is_err(), other == word, "{word} {other}");
        }
        assert!(!expect.needs_subject(none));
    }
    let needs = |words: &str, findings| Expect::parse(&[words]).unwrap().needs_subject(findings);
    assert!(needs("subject", none) && !needs("subject", all));
    assert!(needs("subject=a=b", none) && needs("subject=a=b", all));
    assert!(!needs("off", none));
}

#[test]
fn a_gateway_without_a_name_is_told_apart_from_none() {
    let nameless =
        Profile { auth: ClientAuth::none(), ..profile(Protocol::OAuth(&token_exchange::GRANT)) };
    let subject = Expect::parse(&["subject"]).unwrap();
    assert_eq!(subject.check_names(&nameless), Err(Nameless));
    assert_eq!(subject.check_names(&profile(Protocol::OAuth(&token_exchange::GRANT))), Ok(()));
    assert_eq!(Expect::parse(&["subject=sub"]).unwrap().check_names(&nameless), Ok(()));
    assert_eq!(Expect::OFF.check_names(&nameless), Ok(()));
}

proptest! {
    #[test]
    fn no_token_of_the_gateway_passes_and_no_other_is_held_up(
        name in "[a-z]{1,12}", other in "[a-z0-9.+-]{0,12}",
        upper: bool, saml: bool, words in prop_oneof![Just("subject"), Just("subject=sub")],
    ) {
        let expect = Expect::parse(&[words]).unwrap();
        let options = format!("username={name}&password=b");
        let auth = ClientAuth::parse("basic", Some(&options)).unwrap();
        let profile = Profile { auth, ..profile(Protocol::OAuth(&token_exchange::GRANT)) };
        let token = |name: &str| if saml { assertion(name) } else { sub(name) };
        let passes = |name: &str| {
            let token = token(name);
            let subject = Subject { source: token.as_bytes(), parameters: &[] };
            expect.check_subject(&profile, token.as_bytes(), &subject, &Names::default()).is_ok()
        };
        let written = if upper { name.to_uppercase() } else { name.clone() };
        prop_assert!(!passes(&written));
        prop_assert_eq!(passes(&other), other != name, "{}", other);
    }

    #[test]
    fn a_name_is_found_in_a_distinguished_name(name in "\\PC{1,12}", before in "[a-z]{1,5}") {
        prop_assume!(!name.trim().is_empty());
        let escape = |c: char| if ",;+\"\\/=<># ".contains(c) { format!("\\{c}") } else { c.to_string() };
        let escaped: String = name.chars().map(escape).collect();
        for subject in [format!("CN={escaped},O={before}"), format!("/O={before}/CN={escaped}")] {
            prop_assert!(is_name_of(&subject, &name), "{subject}");
        }
    }

    #[test]
    fn two_names_are_one_only_when_they_are_the_same(
        one in "\\PC{1,8}", other in "\\PC{1,8}", differ: bool,
    ) {
        let (one, other) = (one.trim(), if differ { other.trim() } else { one.trim() });
        prop_assume!(!is_name_of(one, "gateway") && !is_name_of(other, "gateway"));
        let said = check("subject=sub", Protocol::OAuth(&token_exchange::GRANT), &sub(one), &sub(other));
        prop_assert_eq!(said.is_ok(), one == other);
    }
}
