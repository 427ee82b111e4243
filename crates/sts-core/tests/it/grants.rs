//! Every grant with every client authentication: what goes to the STS.
#![expect(clippy::panic, clippy::unwrap_used, reason = "what fails here is a test")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use sts_core::client_auth::{ClientAuth, Refresh};
use sts_core::endpoint::Endpoint;
use sts_core::error::FailureKind;
use sts_core::known::Known;
use sts_core::now::{Now, UnixTime};
use sts_core::oauth::{ALL, client_credentials, jwt_bearer, password, saml_bearer};
use sts_core::profile::{Incoming, Names, Outgoing, Parameter, Profile, Protocol, Subject};
use sts_core::secret::Secret;

const NOW: Now = Now { wall: UnixTime(1_700_000_000), entropy: || Ok([7; 32]) };

fn grants() -> impl Iterator<Item = Protocol> {
    ALL.into_iter().map(Protocol::OAuth)
}

/// RFC 8037, appendix A.1: its signatures are always the same.
const JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"k","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn methods() -> Vec<(&'static str, String)> {
    [
        ("none", ""),
        ("basic", "username=sts%200&password=2Federate%26"),
        ("client_secret_basic", "client_id=sts%200&client_secret=2Federate%26"),
        ("client_secret_post", "client_id=sts%200&client_secret=2Federate%26"),
        ("client_secret_jwt", "client_id=sts%200&client_secret=2Federate%26"),
        ("private_key_jwt", &format!("client_id=sts%200&jwk={JWK}&aud=https://issuer")),
        ("private_key_jwt", "client_assertion_file=/f"),
        ("private_key_jwt", "client_assertion=@agent"),
        ("private_key_jwt", "client_assertion=@agent&client_id=sts%200"),
        ("private_key_jwt", "client_assertion=@agent&client_assertion_type=urn:x"),
        ("client_cert", "cert=/c.pem&key=/k.pem"),
    ]
    .map(|(method, options)| (method, options.to_owned()))
    .into()
}

#[test]
fn requests_of_each_grant_with_each_client_authentication() {
    for protocol in grants() {
        let mut shown = String::new();
        for (method, options) in methods() {
            let profile = profile(&protocol, method, &options, Some("from the directive"));
            if profile.auth.key_pair().is_none() && profile.auth.files().next().is_some() {
                let content = Ok(Secret::new("eyJ4Ijoi.eyJ5Ijoi.c2ln\n"));
                assert_eq!(profile.auth.refresh(content), Refresh::Changed);
            }
            let assertion = profile.auth.needs_result_of().map(|_| &b"eyJ4Ijoi.eyJ5Ijoi.c2ln"[..]);
            let names = Names { assertion, ..Names::default() };
            let outgoing = request(&profile, "s.u+b", &names);
            shown +=
                &format!("# {method} {}\n{}\n\n", options.replace(JWK, "..."), show(&outgoing));
        }
        insta::assert_snapshot!(protocol.name(), shown);
    }
}

/// An assertion of SAML 2.0, as far as the grant looks at it.
const SAML: &str = "<s:Assertion xmlns:s=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"?>~\">\n \
                    <s:Issuer>idp</s:Issuer></s:Assertion>";

#[test]
fn rfc_7523_section_4_request() {
    let profile = profile(&Protocol::OAuth(&jwt_bearer::GRANT), "none", "", None);
    let assertion = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjE2In0.eyJpc3Mi.J9l-ZhwP";
    let subject = Subject { source: assertion.as_bytes(), parameters: &[] };
    let outgoing = profile.request(&subject, &NOW).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        text(&outgoing),
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
        )
    );
}

#[test]
fn rfc_7522_section_4_request() {
    let saml_bearer = profile(&Protocol::OAuth(&saml_bearer::GRANT), "none", "", None);
    let text_of = |source: &[u8]| {
        let subject = Subject { source, parameters: &[] };
        let outgoing = saml_bearer.request(&subject, &NOW).unwrap_or_else(|e| panic!("{e}"));
        text(&outgoing).to_owned()
    };
    let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{SAML}\n");
    let marked = format!("\u{feff}{SAML}");
    let older = SAML.replace(":2.0:", ":1.0:");
    for source in [SAML, &declared, &marked, &older] {
        let text = text_of(source.as_bytes());
        let assertion = text
            .strip_prefix(
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Asaml2-bearer&assertion=",
            )
            .unwrap_or_else(|| panic!("{text}"));
        assert!(!assertion.contains(['%', '=', '+', '/']), "{assertion}");
        // The strict decoder refuses padding.
        assert_eq!(URL_SAFE_NO_PAD.decode(assertion).unwrap(), source.as_bytes());
    }
}

#[test]
fn a_source_of_saml_bearer_is_an_assertion_that_stands_alone() {
    let profile = profile(&Protocol::OAuth(&saml_bearer::GRANT), "none", "", None);
    let user = "<w:UsernameToken xmlns:w=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-\
                wssecurity-secext-1.0.xsd\"><w:Username>a</w:Username></w:UsernameToken>";
    let response = "<p:Response xmlns:p=\"urn:oasis:names:tc:SAML:2.0:protocol\"/>";
    for source in [
        "opaque",
        "eyJhbGciOiJub25lIn0.e30.",
        user,
        response,
        "<Assertion/>",
        &format!("<a>{SAML}</a>"),
        &format!("{SAML}{SAML}"),
        &format!("{SAML}<!-- -->"),
        &format!("<?a b?>{SAML}"),
        &format!("<!DOCTYPE a>{SAML}"),
        &format!("\n<?xml version=\"1.0\"?>{SAML}"),
        SAML.trim_end_matches('>'),
        &SAML.replace("xmlns:s=", "xmlns:x="),
        // As it is sent, but not as it comes: STSSourceEncoding decodes that.
        &URL_SAFE_NO_PAD.encode(SAML),
    ] {
        let subject = Subject { source: source.as_bytes(), parameters: &[] };
        let failure = profile.request(&subject, &NOW).err().unwrap_or_else(|| panic!("{source}"));
        assert_eq!(failure.kind, FailureKind::BadToken, "{source}");
        assert!(!failure.reason.contains("Assertion"), "{failure}");
    }
}

#[test]
fn an_assertion_is_sent_without_the_parameters_of_token_exchange() {
    for grant in [&jwt_bearer::GRANT, &saml_bearer::GRANT] {
        let profile = profile(&Protocol::OAuth(grant), "none", "", None);
        let outgoing = request(&profile, "t", &Names::default());
        let names: Vec<_> =
            text(&outgoing).split('&').filter_map(|pair| pair.split('=').next()).collect();
        assert_eq!(names, ["grant_type", "assertion", "scope"], "{}", grant.name);
    }
}

#[test]
fn an_assertion_that_the_server_repeats_is_not_told() {
    let profile = profile(&Protocol::OAuth(&saml_bearer::GRANT), "none", "", None);
    let body = format!(
        r#"{{"error":"invalid_grant","error_description":"bad: {}"}}"#,
        URL_SAFE_NO_PAD.encode(SAML)
    );
    let subject = Subject { source: SAML.as_bytes(), parameters: &[] };
    let answer = Incoming {
        status: StatusCode::BAD_REQUEST,
        headers: &HeaderMap::new(),
        body: body.as_bytes(),
        known: &|| profile.known(&subject),
    };
    let failure = profile.response(&answer, &NOW).err().unwrap();
    assert!(failure.reason.ends_with("\"bad: [source token]\""), "{failure}");
}

#[test]
fn an_assertion_can_be_verified_by_the_server() {
    let options = format!("client_id=a&jwk={JWK}");
    let profile =
        profile(&Protocol::OAuth(&client_credentials::GRANT), "private_key_jwt", &options, None);
    let outgoing = request(&profile, "", &Names::default());
    let assertion = text(&outgoing).rsplit('=').next().unwrap();
    let (input, signature) = assertion.rsplit_once('.').unwrap();
    let public = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    let id = openssl::pkey::Id::ED25519;
    let public = openssl::pkey::PKey::public_key_from_raw_bytes(&public, id).unwrap();
    let mut verifier = openssl::sign::Verifier::new_without_digest(&public).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert!(verifier.verify_oneshot(&signature, input.as_bytes()).unwrap());
}

#[test]
fn rfc_6749_section_4_3_2_request() {
    let options = "client_id=s6BhdRkqt3&client_secret=gX1fBat3bV";
    let profile = profile(&Protocol::OAuth(&password::GRANT), "client_secret_basic", options, None);
    let names = Names { username: Some(b"johndoe"), ..Names::default() };
    let subject = Subject { source: b"A3ddj3w", parameters: &[] };
    let outgoing = profile.request_as(&subject, &names, &NOW).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        outgoing.headers.get("authorization").unwrap(),
        "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"
    );
    assert_eq!(text(&outgoing), "grant_type=password&username=johndoe&password=A3ddj3w");
}

#[test]
fn rfc_6749_section_4_4_2_request() {
    let options = "client_id=s6BhdRkqt3&client_secret=gX1fBat3bV";
    let profile =
        profile(&Protocol::OAuth(&client_credentials::GRANT), "client_secret_basic", options, None);
    let subject = Subject { source: b"", parameters: &[] };
    let outgoing = profile.request(&subject, &NOW).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(text(&outgoing), "grant_type=client_credentials");
}

#[test]
fn a_password_is_of_whom_the_request_or_the_configuration_names() {
    let basic = ("basic", "username=auth&password=b");
    let post = ("client_secret_post", "client_id=auth&client_secret=b");
    let none = ("none", "");
    for (auth, client_id, names, user) in [
        (none, Some("c"), (None, None), Some("c")),
        (none, Some("c"), (None, Some("u")), Some("u")),
        (none, Some("c"), (Some("n"), None), Some("n")),
        (none, Some("c"), (Some("n"), Some("u")), Some("u")),
        (none, None, (None, Some("u")), Some("u")),
        (basic, None, (None, None), Some("auth")),
        (post, None, (None, None), Some("auth")),
        (post, Some("c"), (None, None), Some("c")),
        (post, Some("c"), (None, Some("u")), Some("u")),
        (none, None, (None, None), None),
        // NGINX authenticated no user: that is not the client's own name.
        (post, Some("c"), (None, Some("")), None),
    ] {
        let profile = profile(&Protocol::OAuth(&password::GRANT), auth.0, auth.1, client_id);
        let names = Names {
            client_id: names.0.map(str::as_bytes),
            username: names.1.map(str::as_bytes),
            assertion: None,
        };
        let subject = Subject { source: b"t", parameters: &[] };
        match (profile.request_as(&subject, &names, &NOW), user) {
            (Ok(outgoing), Some(user)) => {
                assert!(text(&outgoing).contains(&format!("&username={user}&password=t")));
            }
            (Err(failure), None) => assert_eq!(failure.kind, FailureKind::MissingToken),
            _ => panic!("{auth:?} {client_id:?}"),
        }
    }
}

#[test]
fn a_client_id_of_the_request_takes_the_place_of_the_configured_one() {
    for protocol in grants() {
        for (client_id, name, sent) in [
            (Some("c"), None, Some("c")),
            (Some("c"), Some("n%"), Some("n%25")),
            (None, Some("n"), Some("n")),
            (None, None, None),
            (Some("c"), Some(""), None),
        ] {
            for (method, options) in [("none", ""), ("client_cert", "cert=a&key=b")] {
                let profile = profile(&protocol, method, options, client_id);
                let names = Names {
                    client_id: name.map(str::as_bytes),
                    username: Some(b"u"),
                    assertion: None,
                };
                let outgoing = request(&profile, "t", &names);
                let expected = sent.map(|sent| format!("&client_id={sent}")).unwrap_or_default();
                assert!(text(&outgoing).ends_with(&format!("&scope=a+b{expected}")));
            }
            let options = "client_id=auth&client_secret=b";
            let profile = profile(&protocol, "client_secret_post", options, client_id);
            let names =
                Names { client_id: name.map(str::as_bytes), username: Some(b"u"), assertion: None };
            let outgoing = request(&profile, "t", &names);
            assert_eq!(text(&outgoing).matches("client_id=").count(), 1);
            assert!(text(&outgoing).ends_with("&client_id=auth&client_secret=b"));
        }
    }
}

#[test]
fn without_a_source_token_only_cc_asks() {
    for protocol in grants() {
        let profile = profile(&protocol, "none", "", Some("c"));
        let subject = Subject { source: b"", parameters: &[] };
        match profile.request(&subject, &NOW) {
            Ok(_) => assert!(protocol == Protocol::OAuth(&client_credentials::GRANT)),
            Err(failure) => assert_eq!(failure.kind, FailureKind::MissingToken),
        }
    }
}

#[test]
fn cc_sends_nothing_of_the_client() {
    let profile = profile(&Protocol::OAuth(&client_credentials::GRANT), "none", "", None);
    let names = Names { username: Some(b"s3cret"), ..Names::default() };
    assert!(!text(&request(&profile, "s3cret", &names)).contains("s3cret"));
}

#[test]
fn whose_fault_a_refusal_is_depends_on_the_grant() {
    use FailureKind::{BadAnswer, Busy, Denied, GatewayRefused, Refused, Unreachable};
    for (status, code, of_subject, of_client) in [
        (400, "invalid_grant", Refused, GatewayRefused),
        (400, "invalid_token", Refused, GatewayRefused),
        (400, "invalid_request", Refused, GatewayRefused),
        (403, "access_denied", Denied, GatewayRefused),
        (400, "invalid_target", Denied, GatewayRefused),
        (400, "interaction_required", Denied, GatewayRefused),
        (400, "invalid_scope", GatewayRefused, GatewayRefused),
        (401, "invalid_client", GatewayRefused, GatewayRefused),
        (429, "slow_down", Busy, Busy),
        (503, "invalid_grant", Busy, Busy),
        (500, "invalid_grant", Unreachable, Unreachable),
        (302, "invalid_grant", BadAnswer, BadAnswer),
    ] {
        for protocol in grants() {
            let expected = if protocol == Protocol::OAuth(&client_credentials::GRANT) {
                of_client
            } else {
                of_subject
            };
            let body = format!(r#"{{"error":"{code}"}}"#);
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Incoming {
                status,
                headers: &HeaderMap::new(),
                body: body.as_bytes(),
                known: &Known::nothing,
            };
            let failure = profile(&protocol, "none", "", None).response(&answer, &NOW).err();
            assert_eq!(failure.unwrap().kind, expected, "{} {code}", protocol.name());
        }
    }
}

#[test]
fn every_grant_reads_the_same_answer() {
    for protocol in grants() {
        let body = br#"{"access_token":"t","token_type":"Bearer","expires_in":60}"#;
        let answer = Incoming {
            status: StatusCode::OK,
            headers: &HeaderMap::new(),
            body,
            known: &Known::nothing,
        };
        let issued = profile(&protocol, "none", "", None).response(&answer, &NOW);
        let issued = issued.unwrap_or_else(|e| panic!("{e}"));
        assert!(issued.token.expose() == b"t" && issued.expires_in == Some(60));
    }
}

fn profile(protocol: &Protocol, method: &str, options: &str, client_id: Option<&str>) -> Profile {
    Profile {
        protocol: protocol.clone(),
        endpoint: Endpoint::parse("https://as.example.com/as/token.oauth2").unwrap(),
        auth: ClientAuth::parse(method, Some(options)).unwrap_or_else(|e| panic!("{method}: {e}")),
        client_id: client_id.map(str::to_owned),
    }
}

fn request(profile: &Profile, source: &str, names: &Names<'_>) -> Outgoing {
    let parameters = [Parameter { name: "scope", value: b"a b" }];
    let takes_saml = profile.protocol == Protocol::OAuth(&saml_bearer::GRANT);
    let source = if takes_saml { SAML } else { source };
    let subject = Subject { source: source.as_bytes(), parameters: &parameters };
    profile.request_as(&subject, names, &NOW).unwrap_or_else(|e| panic!("{e}"))
}

fn text(outgoing: &Outgoing) -> &str {
    std::str::from_utf8(outgoing.body.expose()).unwrap()
}

/// The whole request as the core knows it; one parameter a line, assertions decoded beside it.
fn show(outgoing: &Outgoing) -> String {
    let mut headers: Vec<_> = outgoing
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort_unstable();
    let body: Vec<_> = text(outgoing)
        .split('&')
        .map(|pair| match pair.strip_prefix("client_assertion=") {
            Some(assertion) => {
                let parts: Vec<_> = assertion
                    .split('.')
                    .take(2)
                    .map(|part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
                    .collect();
                format!("{pair}\n    {}", parts.join("\n    "))
            }
            None => pair.to_owned(),
        })
        .collect();
    format!("{}\n\n{}", headers.join("\n"), body.join("\n&"))
}
