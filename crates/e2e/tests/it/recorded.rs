//! Answers that real servers gave, byte by byte as they came: the backend gets the token.
#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use devsts::{Script, When};
use e2e::scene::{Scene, Seen};

/// A recorded answer, head and body.
fn recorded(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sts-core/tests/vectors").join(name);
    fs::read(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What the backend gets for an answer.
fn token(name: &str, server: &str) -> String {
    let scene = Scene::new();
    // Some servers end an answer by closing the connection.
    scene.sts.script(When::any(), Script::new().send(recorded(name)).close());
    let nginx = scene.nginx().server(&format!("location / {{ {server} }}")).start();
    Seen::by_backend(nginx.get("/").bearer("alice").send()).token()
}

#[test]
fn a_token_comes_of_the_answer_of_each_oauth_server() {
    let asks = |kind: &str| format!("STSRequestParameter requested_token_type {kind};");
    for (name, asked, expected) in [
        ("oauth/dex/otx-ok.http", "", "eyJhbGciOiJSUzI1NiJ9.e30.fake1"),
        ("oauth/keycloak/otx-ok.http", "", "eyJhbGciOiJSUzI1NiJ9.e30.fake1"),
        ("oauth/keycloak-v1/saml.http", "saml2", "PHNhbWw6QXNzZXJ0aW9uLz4"),
        ("oauth/nav-mock/otx-ok.http", "", "eyJhbGciOiJSUzI1NiJ9.e30.fake1"),
        ("oauth/oidc-provider/otx-opaque.http", "", "opaque-fake"),
        (
            "oauth/zitadel-oidc/otx-requested-id-token.http",
            "id_token",
            "eyJhbGciOiJSUzI1NiJ9.e30.fake1",
        ),
    ] {
        let asked = if asked.is_empty() { String::new() } else { asks(asked) };
        assert_eq!(token(name, &format!("%%OTX%% {asked} %%PASS%%")), expected, "{name}");
    }
}

#[test]
fn a_token_comes_of_the_answer_of_each_wstrust_server() {
    let server = |token_type: &str, encoding: &str| {
        format!(
            "STSType wstrust; STSWSTrustEndpoint %%STS%%; STSWSTrustTokenType {token_type};
            STSWSTrustValueType urn:any; STSVariables $source_token $target_token;
            STSTargetEncoding {encoding}; %%PASS%%"
        )
    };
    let saml = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0";
    for name in ["cxf/saml2-1.1", "cxf/mtom", "metro/ut12", "metro/v10"] {
        let token = token(&format!("wstrust/{name}.http"), &server(saml, "base64url"));
        // The start tag of an assertion with the prefix "saml2".
        assert!(token.starts_with("PHNhbWwyOkFzc2Vy"), "{name}: {token}");
    }
    let jwt = server("urn:ietf:params:oauth:token-type:jwt", "none");
    let token = token("wstrust/cxf/jwt.http", &jwt);
    assert!(token.starts_with("eyJhbGciOiJSUzI1NiJ9.eyJzdWIi"), "{token}");
    assert_eq!(token.split('.').count(), 3, "{token}");
}
