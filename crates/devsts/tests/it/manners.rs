//! How real servers say no, in the words of each.

use devsts::sts::manners::Manners;
use devsts::{Client, Sts, WsTrust, is_for};

use crate::wire::{Request, Wire};

fn sts(name: &str) -> Sts {
    let manners: Manners = name.parse().unwrap();
    let client = Client::new("otxclient", "2Federate");
    Sts::builder()
        .client(client)
        .manners(manners)
        .wstrust(WsTrust::at("/trust"))
        .path("/token")
        .start()
        .unwrap()
}

#[test]
fn each_mistake_is_answered_as_the_server_did() {
    let good = || Request::exchange("alice");
    let garbage = || Request::exchange("refuse.alice");
    let jwt = || good().with("requested_token_type", "urn:ietf:params:oauth:token-type:jwt");
    let unknown = || good().basic("unknown:2Federate");
    let secret = || good().basic("otxclient:wrong");
    let silent = || good().without_header("Authorization");
    let away = || good().target("/elsewhere");
    for (server, request, status, code) in [
        ("keycloak", garbage(), 400, "invalid_request"),
        ("keycloak", jwt(), 400, "invalid_request"),
        ("keycloak", secret(), 401, "unauthorized_client"),
        ("keycloak", unknown(), 401, "invalid_client"),
        ("keycloak", away(), 404, "Realm does not exist"),
        ("keycloak", Request::exchange("as-not-enabled.x"), 400, "invalid_request"),
        ("keycloak", Request::exchange("as-subject-wrong-audience.x"), 403, "access_denied"),
        ("dex", garbage(), 401, "access_denied"),
        ("dex", jwt(), 400, "request_not_supported"),
        ("dex", silent(), 401, "invalid_client"),
        ("dex", away(), 404, ""),
        ("oidc-provider", garbage(), 400, "invalid_grant"),
        ("oidc-provider", silent(), 400, "invalid_request"),
        ("zitadel", garbage(), 400, "invalid_request"),
        ("zitadel", Request::exchange("as-not-permitted"), 500, "server_error"),
        ("navikt", garbage(), 500, "server_error"),
        ("navikt", silent(), 400, "invalid_request"),
        // What was not recorded is its own answer.
        ("navikt", secret(), 401, "invalid_client"),
    ] {
        let reply = Wire::connect(&sts(server)).ask(&request);
        assert_eq!(reply.status, status, "{server} {code}");
        if !code.is_empty() {
            assert_eq!(reply.json()["error"], code, "{server}");
        }
    }
}

#[test]
fn a_good_exchange_is_granted_with_any_manners() {
    for server in ["keycloak", "dex", "oidc-provider", "zitadel", "navikt", "cxf"] {
        let reply = Wire::connect(&sts(server)).ask(&Request::exchange("alice"));
        assert_eq!(reply.status, 200, "{server}");
        assert!(is_for(reply.json()["access_token"].as_str().unwrap(), "alice"), "{server}");
    }
    // A client that is not let in asks for nothing.
    let request = Request::exchange("as-subject-expired.x").basic("otxclient:wrong");
    assert_eq!(
        Wire::connect(&sts("keycloak")).ask(&request).json()["error"],
        "unauthorized_client"
    );
}

#[test]
fn a_message_that_is_refused_gets_the_recorded_fault() {
    let request = Request::get("/trust").method("POST").header("Content-Type", "text/xml");
    let reply = Wire::connect(&sts("cxf")).ask(&request.body(b"<no-envelope/>"));
    assert_eq!(reply.status, 500);
    assert!(String::from_utf8_lossy(&reply.body).contains("ns1:SecurityError"));
}
