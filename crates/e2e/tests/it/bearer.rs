//! The grants whose source token is an assertion: `jwt_bearer` (RFC 7523) and `saml_bearer` (RFC 7522).
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use devsts::pki::{Identity, Leaf};
use devsts::{Script, Sts, When, WsTrust, is_for};
use e2e::faults::{DESCRIPTION, all_rows};
use e2e::nginx::Nginx;
use e2e::scene::{Scene, Seen, assert_exchanged};
use e2e::xmlsec::Verifier;
use serde_json::json;

/// Both syntaxes of an exchange with parameters, whose source is a bearer token or, in base64, an
/// assertion of SAML.
fn server(kind: &str, more: &str) -> String {
    let encoding = if kind == "saml_bearer" { "STSSourceEncoding base64;" } else { "" };
    format!(
        "add_header X-Sts-Status $sts_status always;
        add_header X-Sts-Error $sts_error always;
        add_header X-Sts-Expires-In $sts_expires_in always;
        {encoding} {more}
        location /directives {{
            STSType {kind};
            STSEndpoint %%STS%%;
            STSEndpointAuth client_secret_post client_id=otxclient&client_secret=2Federate;
            STSRequestParameter scope 'read write';
            STSRequestParameter resource urn:$http_x_resource;
            STSVariables $source_token $target_token;
            %%PASS%%
        }}
        location /option {{
            STSExchange {kind} %%STS%%
                auth=client_secret_post&client_id=otxclient&client_secret=2Federate&params=scope%3Dread%2Bwrite%26resource%3Durn:$http_x_resource;
            STSVariables $source_token $target_token;
            %%PASS%%
        }}
        location /pass {{
            STSType {kind};
            STSEndpoint %%STS%%;
            STSOnError pass;
            STSVariables $source_token $target_token;
            %%PASS%%
        }}"
    )
}

fn scene() -> Scene {
    Scene::with(Sts::builder().audience("gateway").anonymous())
}

fn start(scene: &Scene, kind: &str) -> Nginx {
    scene.nginx().server(&server(kind, "")).start()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn jwt(audience: &str, until: u64) -> String {
    let claims = json!({ "iss": "idp", "sub": "alice", "aud": audience, "exp": until });
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", encode(json!({ "alg": "ES256" }).to_string()), encode(claims.to_string()))
}

fn saml(audience: &str, until: &str) -> String {
    format!(
        "<s:Assertion xmlns:s=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"?>~\">\n\
         <s:Issuer>idp</s:Issuer><s:Subject><s:NameID>alice</s:NameID></s:Subject>\
         <s:Conditions NotOnOrAfter=\"{until}\"><s:AudienceRestriction>\
         <s:Audience>{audience}</s:Audience></s:AudienceRestriction></s:Conditions></s:Assertion>"
    )
}

const FAR: &str = "2999-01-01T00:00:00Z";

/// The names and values of the form that the STS received.
fn sent(scene: &Scene) -> Vec<(String, String)> {
    scene.only_call().parameters().to_vec()
}

#[test]
fn a_jwt_is_sent_as_the_assertion_in_both_syntaxes() {
    let scene = scene();
    let nginx = start(&scene, "jwt_bearer");
    let source = jwt("gateway", now() + 600);
    for path in ["/directives", "/option", "/directives"] {
        let request = nginx.get(path).bearer(&source).header("X-Resource", "a b");
        assert_exchanged(request.send(), &source);
    }
    let expected = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", &source),
        ("scope", "read write"),
        ("resource", "urn:a b"),
        ("client_id", "otxclient"),
        ("client_secret", "2Federate"),
    ];
    assert_eq!(sent(&scene), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    // Another value of a parameter is another token.
    let other = nginx.get("/option").bearer(&source).header("X-Resource", "other").send();
    assert_eq!(other.header("X-Sts-Status"), Some("MISS"));
    nginx.forbid_in_log(&source);
}

#[test]
fn an_assertion_of_saml_is_sent_byte_by_byte_in_both_syntaxes() {
    let scene = scene();
    let nginx = start(&scene, "saml_bearer");
    for source in
        [saml("gateway", FAR), format!("<?xml version=\"1.0\"?>\n{}\n", saml("gateway", FAR))]
    {
        let calls = scene.sts.call_count();
        for path in ["/directives", "/option"] {
            assert_exchanged(nginx.get(path).bearer(STANDARD.encode(&source)).send(), &source);
        }
        assert_eq!(scene.sts.call_count(), calls + 1);
        let call = scene.sts.calls().pop().expect("a call");
        let assertion = call.parameter("assertion").unwrap_or_default();
        assert_eq!(assertion, URL_SAFE_NO_PAD.encode(&source));
        let names: Vec<_> = call.parameters().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["grant_type", "assertion", "scope", "resource", "client_id", "client_secret"]
        );
        let grant_type = "urn:ietf:params:oauth:grant-type:saml2-bearer";
        assert_eq!(call.parameter("grant_type"), Some(grant_type));
    }
}

#[test]
fn the_signature_of_an_assertion_is_good_where_the_sts_has_received_it() {
    let identity = Identity::self_signed(&Leaf::server().common_name("signing"));
    let consumer = Verifier::new(&identity);
    let scene = scene();
    // An STS of WS-Trust issues the assertion that is the grant.
    let idp = WsTrust::at("/trust").signed_by(&identity);
    let idp = Scene::with(Sts::builder().wstrust(idp));
    let server = server("saml_bearer", "")
        + "location /idp {
            STSType wstrust;
            STSWSTrustEndpoint %%IDP%%;
            STSWSTrustAppliesTo gateway;
            STSTargetEncoding base64;
            STSVariables $source_token $target_token;
            %%PASS%%
        }";
    let nginx = scene.nginx().set("IDP", idp.sts.endpoint()).server(&server).start();
    let source = saml("idp", FAR).replace("alice", "j\u{f6}rg &lt;x&gt;");
    let issued = Seen::by_backend(nginx.get("/idp").bearer(STANDARD.encode(source)).send()).token();

    nginx.get("/directives").bearer(&issued).send().expect_status(200);

    let received = scene.only_call().parameter("assertion").unwrap_or_default().to_owned();
    let received = URL_SAFE_NO_PAD.decode(received).expect("base64url without padding");
    assert_eq!(STANDARD.encode(&received), issued);
    let received = String::from_utf8(received).expect("text");
    assert!(consumer.verifies(&received), "{received}");
    assert!(!consumer.verifies(&received.replacen("rg &lt;x", "rg &lt;y", 1)), "{received}");
}

#[test]
fn what_is_no_assertion_that_stands_alone_is_401() {
    let scene = scene();
    let nginx = start(&scene, "saml_bearer");
    let good = saml("gateway", FAR);
    for source in [
        "opaque".to_owned(),
        format!("<a>{good}</a>"),
        format!("{good}{good}"),
        format!("<!DOCTYPE a>{good}"),
        good.replace(":2.0:", ":3.0:"),
        "<w:UsernameToken xmlns:w=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-\
         wssecurity-secext-1.0.xsd\"><w:Username>alice</w:Username></w:UsernameToken>"
            .to_owned(),
    ] {
        let request = nginx.get("/directives").bearer(STANDARD.encode(&source));
        let response = request.send().expect_status(401);
        assert_eq!(response.header("X-Sts-Error"), Some("bad_token"), "{source}");
        let challenge = Some("Bearer error=\"invalid_token\"");
        assert_eq!(response.header("WWW-Authenticate"), challenge, "{source}");
    }
    assert_eq!(scene.sts.call_count(), 0);
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn what_a_strict_sts_refuses_of_an_assertion_is_the_clients_fault() {
    let scene = scene();
    let nginx = start(&scene, "jwt_bearer");
    for source in [jwt("other", now() + 600), jwt("gateway", now() - 1), "opaque".to_owned()] {
        let response = nginx.get("/directives").bearer(&source).send().expect_status(401);
        assert_eq!(response.header("X-Sts-Error"), Some("refused"), "{source}");
    }
    drop(nginx);
    let nginx = start(&scene, "saml_bearer");
    for source in [saml("other", FAR), saml("gateway", "2020-01-01T00:00:00Z")] {
        let request = nginx.get("/directives").bearer(STANDARD.encode(&source));
        assert_eq!(request.send().expect_status(401).header("X-Sts-Error"), Some("refused"));
    }
}

#[test]
fn the_assertions_own_end_bounds_the_life() {
    let scene = scene();
    let left = |kind: &str, source: &str| {
        let nginx = start(&scene, kind);
        let response = nginx.get("/directives").bearer(source).send().expect_status(200);
        let left = response.header("X-Sts-Expires-In").and_then(|left| left.parse::<u64>().ok());
        left.expect("a number of seconds")
    };
    // The leeway takes a tenth of it.
    let short = left("jwt_bearer", &jwt("gateway", now() + 60));
    assert!((40..=54).contains(&short), "{short}");
    let until = now() + 60;
    let minute = jiff::Timestamp::from_second(until.try_into().expect("a time"));
    let until = minute.expect("a time").strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let short = left("saml_bearer", &STANDARD.encode(saml("gateway", &until)));
    assert!((40..=54).contains(&short), "{short}");
    let once = saml("gateway", FAR)
        .replace("<s:AudienceRestriction>", "<s:OneTimeUse/><s:AudienceRestriction>");
    assert_eq!(left("saml_bearer", &STANDARD.encode(once)), 0);
    let long = left("saml_bearer", &STANDARD.encode(saml("gateway", FAR)));
    assert!((200..=300).contains(&long), "{long}");
}

/// Each row of the table of failures, with both policies.
#[track_caller]
fn assert_table(kind: &str, source: impl Fn(&str) -> String, sent: impl Fn(&str) -> String) {
    let scene = scene();
    for row in all_rows() {
        scene.sts.script(When::subject(sent(row.name)), row.script);
    }
    let nginx = scene.nginx().server(&server(kind, "STSHTTPTimeOut 1;")).start();
    for row in all_rows() {
        let response = nginx.get("/directives").bearer(source(row.name)).send();
        assert_eq!(response.status, row.status, "{kind} {}", row.name);
        assert_eq!(response.header("X-Sts-Error"), Some(row.error), "{kind} {}", row.name);
        let challenge = (row.status == 401).then_some("Bearer error=\"invalid_token\"");
        assert_eq!(response.header("WWW-Authenticate"), challenge, "{kind} {}", row.name);
        assert!(!response.text().contains(DESCRIPTION), "{kind} {}", row.name);
    }
    assert!(scene.backend.requests().is_empty());
    for row in all_rows() {
        let response = nginx.get("/pass").bearer(source(row.name)).send();
        assert_eq!(response.header("X-Sts-Error"), Some(row.error), "{kind} {}", row.name);
        assert_eq!(Seen::by_backend(response).token(), "", "{kind} {}", row.name);
    }
    let missing = nginx.get("/directives").send().expect_status(401);
    assert_eq!(missing.header("WWW-Authenticate"), Some("Bearer"));
    let busy = "busy-again";
    let answer = devsts::Answer::new(429).header("Retry-After", "7");
    scene.sts.script(When::subject(sent(busy)), Script::new().answer(answer));
    let response = nginx.get("/directives").bearer(source(busy)).send().expect_status(503);
    assert_eq!(response.header("Retry-After"), Some("7"));
}

#[test]
fn every_failure_of_jwt_bearer_has_its_row() {
    assert_table("jwt_bearer", str::to_owned, str::to_owned);
}

#[test]
fn every_failure_of_saml_bearer_has_its_row() {
    let assertion = |name: &str| saml("gateway", FAR).replace("alice", name);
    assert_table(
        "saml_bearer",
        |name| STANDARD.encode(assertion(name)),
        |name| URL_SAFE_NO_PAD.encode(assertion(name)),
    );
}

#[test]
fn the_grants_part_the_tokens_of_one_source() {
    let scene = scene();
    let locations = "
        location /jwt_bearer { STSType jwt_bearer; STSEndpoint %%STS%%;
            STSVariables $source_token $target_token; %%PASS%% }
        location /otx { STSType otx; STSEndpoint %%STS%%;
            STSVariables $source_token $target_token; %%PASS%% }";
    let nginx = scene.nginx().server(locations).start();
    let source = jwt("gateway", now() + 600);
    let token = |path: &str| {
        let token = Seen::by_backend(nginx.get(path).bearer(&source).send()).token();
        assert!(is_for(&token, &source), "{token}");
        token
    };
    let (bearer, exchanged) = (token("/jwt_bearer"), token("/otx"));
    assert_ne!(bearer, exchanged);
    assert_eq!(token("/jwt_bearer"), bearer);
    assert_eq!(scene.sts.call_count(), 2);
}
