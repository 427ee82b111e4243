//! What a request gets whose token cannot be made.

use e2e::scene::Scene;

use super::keys::named;
use super::{location, nginx};

#[test]
fn claims_that_cannot_be_used_are_a_bad_token_and_stand_in_no_log() {
    let scene = Scene::new();
    let settings = "STSJWTKeyFile key.jwk; STSJWTClaim level $arg_level number;";
    let nginx = nginx(&scene, &named("a")).server(&location("/", settings)).start();
    let deep = format!("{{\"s3cr3t\":{}{}}}", "[".repeat(40), "]".repeat(40));
    for (claims, query) in [
        ("s3cr3t", ""),
        (r#"["s3cr3t"]"#, ""),
        (r#"{"s3cr3t":1"#, ""),
        (r#"{"s3cr3t":1,"s3cr3t":2}"#, ""),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.czNjcjN0", ""),
        (&deep, ""),
        (r#"{"exp":1}"#, ""),
        (r#"{"exp":"s3cr3t"}"#, ""),
        (r#"{"sub":{"s3cr3t":1}}"#, ""),
        ("{}", "?level=s3cr3t"),
        ("{}", "?level=1,\"s3cr3t\":2"),
        (r#"{"s3cr3t":123456789012345678901234567890}"#, ""),
    ] {
        let response = nginx.get(&format!("/{query}")).header("X-Claims", claims).send();
        let response = response.expect_status(401);
        assert_eq!(response.header("Error"), Some("bad_token"), "{claims}");
        let challenge = response.header("WWW-Authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        assert!(!response.text().contains("s3cr3t"));
    }
    let line = nginx.wait_for_log("bad_token");
    assert!(line.contains("jwt exchange failed: bad_token"), "{line}");
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn without_claims_or_a_value_there_is_no_token_and_the_policy_decides() {
    let scene = Scene::new();
    let server = format!(
        "{} {} {}",
        location("/", "STSJWTKeyFile key.jwk;"),
        location("/pass", "STSJWTKeyFile key.jwk; STSOnMissing pass;"),
        location("/subject", "STSJWTKeyFile key.jwk; STSJWTSubject $subject;"),
    );
    let nginx = nginx(&scene, &named("a"))
        .http("map $http_x_subject $subject { default $http_x_subject; }")
        .server(&server)
        .start();
    let response = nginx.get("/").send().expect_status(401);
    assert_eq!(response.header("Error"), Some("missing_token"));
    let seen = e2e::scene::Seen::by_backend(nginx.get("/pass").send());
    assert_eq!(seen.token(), "");
    // The subject of the claims does not take the place of the one that is meant.
    let response = nginx.get("/subject").header("X-Claims", r#"{"sub":"s3cr3t"}"#).send();
    assert_eq!(response.expect_status(401).header("Error"), Some("missing_token"));
}

#[test]
fn a_policy_lets_a_request_go_on_without_a_token() {
    let scene = Scene::new();
    let settings = "STSJWTKeyFile key.jwk; STSOnError pass;";
    let nginx = nginx(&scene, &named("a")).server(&location("/", settings)).start();
    let response = nginx.get("/").header("X-Claims", "s3cr3t").send();
    assert_eq!(response.header("Error"), Some("bad_token"));
    assert_eq!(e2e::scene::Seen::by_backend(response).token(), "");
}
