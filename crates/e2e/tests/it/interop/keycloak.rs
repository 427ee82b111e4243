//! Keycloak.

use e2e::interop::{Server, post_form};
use e2e::scene::Seen;

use super::jwt::verified;
use super::{Failure, Source, Trial, Way};

const TRIAL: Trial = Trial {
    server: "keycloak",
    title: "Keycloak",
    files: &[("secrets/sts", "gateway-secret")],
    secrets: &["gateway-secret"],
    http: "",
    way: Way {
        what: "standard token exchange",
        exchange: "
            STSType otx;
            STSEndpoint %%ENDPOINT%%;
            STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
            STSRequestParameter audience orders;
            STSExpect issued_token_type audience;",
        source,
        user,
    },
    others: &[],
    failures: &[Failure {
        what: "no token at all",
        instead: &[],
        source: |_| "abc".to_owned(),
        status: 401,
        error: "refused",
    }],
    more: None,
    rotate: None,
    after_restart: (200, ""),
};

#[test]
#[ignore = "make interop has the server"]
fn exchanges_and_failures() {
    TRIAL.run();
}

/// The ids of the realm's users.
fn id(user: usize) -> String {
    format!("00000000-0000-4000-8000-{user:012}")
}

fn source(server: &Server, user: usize) -> Source {
    let name = format!("user{user}");
    let fields = [
        ("grant_type", "password"),
        ("client_id", "shop"),
        ("username", &name),
        ("password", &name),
    ];
    let answer = post_form(server.value("ENDPOINT"), &fields).expect_status(200).json();
    let token = answer["access_token"].as_str().expect("a token").to_owned();
    Source { token, user: id(user) }
}

fn user(server: &Server, seen: &Seen) -> String {
    let header = seen.header("Authorization").expect("a token");
    let token = header.strip_prefix("Bearer ").expect("a token");
    let claims = verified(server.value("JWKS"), token);
    assert_eq!(claims["iss"], server.value("ISSUER"));
    assert_eq!(claims["aud"], "orders");
    assert_eq!(claims["azp"], "gateway");
    claims["sub"].as_str().expect("a subject").to_owned()
}
