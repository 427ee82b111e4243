//! What the token endpoint refuses, and what it must not refuse.

use devsts::{Client, Method, Sts, is_for, target_for};

use crate::wire::{ACCESS_TOKEN, EXCHANGE, Request, Wire, sts};

#[test]
fn a_good_exchange_is_answered_as_the_standards_say() {
    let sts = sts();
    let reply = Wire::connect(&sts).ask(&Request::exchange("alice"));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("Content-Type"), Some("application/json"));
    assert_eq!(reply.header("Cache-Control"), Some("no-store"));
    assert_eq!(reply.header("Pragma"), Some("no-cache"));
    let body = reply.json();
    assert_eq!(body["access_token"], target_for("alice", 1));
    assert_eq!(body["issued_token_type"], ACCESS_TOKEN);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(sts.source_of(&target_for("alice", 1)).as_deref(), Some("alice"));
}

#[test]
fn what_a_strict_sts_refuses_is_refused() {
    let good = || Request::exchange("alice");
    let no_auth = || good().without_header("Authorization");
    let rows: Vec<(&str, Request, u16, &str)> = vec![
        ("GET", good().method("GET").body(b""), 405, "invalid_request"),
        ("PUT", good().method("PUT"), 405, "invalid_request"),
        ("no Content-Type", good().without_header("Content-Type"), 400, "invalid_request"),
        (
            "JSON",
            good().without_header("Content-Type").header("Content-Type", "application/json"),
            400,
            "invalid_request",
        ),
        (
            "another charset",
            good()
                .without_header("Content-Type")
                .header("Content-Type", "application/x-www-form-urlencoded; charset=latin1"),
            400,
            "invalid_request",
        ),
        (
            "two Content-Types",
            good().header("Content-Type", "application/x-www-form-urlencoded"),
            400,
            "invalid_request",
        ),
        ("an empty body", good().body(b""), 400, "invalid_request"),
        ("a bad escape", good().body(b"grant_type=%zz"), 400, "invalid_request"),
        ("a raw space", good().body(b"grant_type=a b"), 400, "invalid_request"),
        ("no UTF-8", good().body(b"grant_type=%ff"), 400, "invalid_request"),
        ("no grant_type", good().without("grant_type"), 400, "invalid_request"),
        (
            "an empty grant_type",
            good().without("grant_type").with("grant_type", ""),
            400,
            "invalid_request",
        ),
        (
            "another grant_type",
            good().without("grant_type").with("grant_type", "implicit"),
            400,
            "unsupported_grant_type",
        ),
        ("grant_type twice", good().with("grant_type", EXCHANGE), 400, "invalid_request"),
        ("subject_token twice", good().with("subject_token", "bob"), 400, "invalid_request"),
        ("scope twice", good().with("scope", "a").with("scope", "a"), 400, "invalid_request"),
        ("an unknown one twice", good().with("x", "1").with("x", "2"), 400, "invalid_request"),
        ("no subject_token", good().without("subject_token"), 400, "invalid_request"),
        (
            "an empty subject_token",
            good().without("subject_token").with("subject_token", ""),
            400,
            "invalid_request",
        ),
        ("no subject_token_type", good().without("subject_token_type"), 400, "invalid_request"),
        (
            "an unknown subject_token_type",
            good().without("subject_token_type").with("subject_token_type", "access_token"),
            400,
            "invalid_request",
        ),
        ("actor_token alone", good().with("actor_token", "x"), 400, "invalid_request"),
        (
            "actor_token_type alone",
            good().with("actor_token_type", ACCESS_TOKEN),
            400,
            "invalid_request",
        ),
        (
            "an unknown requested_token_type",
            good().with("requested_token_type", "urn:x"),
            400,
            "invalid_request",
        ),
        ("a relative resource", good().with("resource", "/api"), 400, "invalid_target"),
        (
            "a resource with fragment",
            good().with("resource", "https://a/").with("resource", "https://a/#f"),
            400,
            "invalid_target",
        ),
        ("a malformed scope", good().with("scope", "a  b"), 400, "invalid_scope"),
        (
            "credentials in the URL",
            good().target("/token?client_secret=2Federate"),
            400,
            "invalid_request",
        ),
        ("no authentication", no_auth(), 401, "invalid_client"),
        ("an unknown client", good().basic("unknown:2Federate"), 401, "invalid_client"),
        ("a wrong secret", good().basic("otxclient:wrong"), 401, "invalid_client"),
        ("a shorter secret", good().basic("otxclient:2Federat"), 401, "invalid_client"),
        ("no secret", good().basic("otxclient:"), 401, "invalid_client"),
        ("no colon", good().basic("otxclient"), 401, "invalid_client"),
        (
            "no base64",
            no_auth().header("Authorization", "Basic b3R4Y2xpZW50OjJGZWRlcmF0ZQ"),
            401,
            "invalid_client",
        ),
        (
            "another scheme",
            no_auth().header("Authorization", "Bearer b3R4Y2xpZW50OjJGZWRlcmF0ZQ=="),
            401,
            "invalid_client",
        ),
        (
            "two Authorization headers",
            good().header("Authorization", "Basic b3R4Y2xpZW50OjJGZWRlcmF0ZQ=="),
            400,
            "invalid_request",
        ),
        (
            "two methods at once",
            good().with("client_id", "otxclient").with("client_secret", "2Federate"),
            400,
            "invalid_request",
        ),
        ("another's client_id", good().with("client_id", "other"), 400, "invalid_request"),
        (
            "a wrong secret by post",
            no_auth().with("client_id", "otxclient").with("client_secret", "x"),
            401,
            "invalid_client",
        ),
        (
            "a secret without id",
            no_auth().with("client_secret", "2Federate"),
            400,
            "invalid_request",
        ),
        (
            "a client with a secret that does not send it",
            no_auth().with("client_id", "otxclient"),
            401,
            "invalid_client",
        ),
    ];
    let sts = sts();
    let mut wire = Wire::connect(&sts);
    for (what, request, status, error) in rows {
        let reply = wire.ask(&request);
        let body = reply.json();
        assert_eq!((reply.status, body["error"].as_str()), (status, Some(error)), "{what}: {body}");
        // RFC 9110 section 11.6.1: a 401 has a challenge; section 15.5.6: a 405 says what is allowed.
        assert_eq!(reply.header("WWW-Authenticate").is_some(), status == 401, "{what}");
        assert_eq!(reply.header("Allow").is_some(), status == 405, "{what}");
        assert_eq!(reply.header("Cache-Control"), Some("no-store"), "{what}");
        assert!(body.get("access_token").is_none(), "{what}");
    }
    assert!(sts.issued().is_empty());
    assert_eq!(Wire::connect(&sts).ask(&Request::exchange("a").target("/other")).status, 404);
}

#[test]
fn what_the_standards_allow_is_not_refused() {
    let good = || Request::exchange("alice");
    let rows: Vec<(&str, Request)> = vec![
        (
            "audience and resource repeated",
            good()
                .with("audience", "a")
                .with("audience", "b")
                .with("resource", "https://a/x?y=z")
                .with("resource", "urn:b"),
        ),
        ("an unknown parameter", good().with("x", "1")),
        ("an empty one counts as none", good().with("scope", "").with("actor_token_type", "")),
        (
            "charset and case of the Content-Type",
            good()
                .without_header("Content-Type")
                .header("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8"),
        ),
        ("the same client_id again", good().with("client_id", "otxclient")),
        ("a query of the endpoint's own", good().target("/token?tenant=1")),
        (
            "client_secret_post",
            good()
                .without_header("Authorization")
                .with("client_id", "otxclient")
                .with("client_secret", "2Federate"),
        ),
        ("a chunked body", good().header("Transfer-Encoding", "chunked").chunked(50)),
    ];
    let sts = sts();
    let mut wire = Wire::connect(&sts);
    for (what, request) in rows {
        let reply = wire.ask(&request);
        let body = String::from_utf8_lossy(&reply.body);
        assert_eq!(reply.status, 200, "{what}: {body}");
        assert!(is_for(&reply.token(), "alice"), "{what}: {body}");
    }
}

#[test]
fn basic_and_client_secret_basic_differ_in_how_they_encode() {
    let client = || Client::new("a b", "s:%/\u{e9}");
    let raw = "a b:s:%/\u{e9}";
    let encoded = "a+b:s%3A%25%2F%C3%A9";
    for (method, good, bad) in
        [(Method::Basic, raw, encoded), (Method::ClientSecretBasic, encoded, raw)]
    {
        let sts = Sts::builder().client(client().methods([method])).start().unwrap();
        let mut wire = Wire::connect(&sts);
        assert_eq!(wire.ask(&Request::exchange("x").basic(good)).status, 200, "{method:?}");
        assert_eq!(wire.ask(&Request::exchange("x").basic(bad)).status, 401, "{method:?}");
    }
}

#[test]
fn a_client_may_use_only_the_methods_that_it_is_allowed() {
    let client = Client::new("c", "s").methods([Method::ClientSecretPost]);
    let sts = Sts::builder().client(client).client(Client::public("p")).start().unwrap();
    let mut wire = Wire::connect(&sts);
    let bare = Request::exchange("x").without_header("Authorization");
    assert_eq!(wire.ask(&Request::exchange("x").basic("c:s")).status, 401);
    let post = bare.clone().with("client_id", "c").with("client_secret", "s");
    assert_eq!(wire.ask(&post).status, 200);
    assert_eq!(wire.ask(&bare.clone().with("client_id", "p")).status, 200);
    // A public client has no secret, not an empty one.
    assert_eq!(wire.ask(&Request::exchange("x").basic("p:")).status, 401);
    assert_eq!(wire.ask(&bare).status, 401);
}

#[test]
fn an_anonymous_client_is_answered_only_where_that_is_allowed() {
    let sts = Sts::builder().anonymous().start().unwrap();
    let mut wire = Wire::connect(&sts);
    let request = Request::exchange("x");
    assert_eq!(wire.ask(&request.clone().without_header("Authorization")).status, 200);
    assert_eq!(wire.ask(&request).status, 401);
}

#[test]
fn a_token_of_64_kib_goes_through_in_both_directions() {
    let sts = sts();
    let source = format!("size-65536.{}", "x".repeat(65536));
    let reply = Wire::connect(&sts).ask(&Request::exchange(&source));
    assert_eq!(reply.token().len(), 65536);
    assert_eq!(sts.calls()[0].subject(), Some(source.as_str()));
}

#[test]
fn the_source_token_steers_the_answer() {
    let sts = sts();
    let mut wire = Wire::connect(&sts);
    let mut ask = |source: &str| wire.ask(&Request::exchange(source));
    assert_eq!(ask("refuse").json()["error"], "invalid_grant");
    assert_eq!(ask("error-access_denied.x").json()["error"], "access_denied");
    assert_eq!(ask("status-503").status, 503);
    assert_eq!(ask("html").header("Content-Type"), Some("text/html"));
    assert!(ask("life-none.x").json().get("expires_in").is_none());
    assert_eq!(ask("life-7.x").json()["expires_in"], 7);
    assert_eq!(ask("jwt.x").token().split('.').count(), 3);
}

#[test]
fn every_configured_path_is_a_token_endpoint() {
    let keycloak = "/auth/realms/master/protocol/openid-connect/token";
    let sts = Sts::builder()
        .client(Client::new("otxclient", "2Federate"))
        .path(keycloak)
        .path("/token2")
        .start()
        .unwrap();
    assert_eq!(sts.endpoint(), format!("http://127.0.0.1:{}{keycloak}", sts.port()));
    let mut wire = Wire::connect(&sts);
    for (path, status) in [(keycloak, 200), ("/token2", 200), ("/token", 404)] {
        assert_eq!(wire.ask(&Request::exchange("x").target(path)).status, status, "{path}");
    }
}
