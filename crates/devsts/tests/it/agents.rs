//! Agents of a client, whose only credential is a token that was issued for them.

use devsts::{Client, Sts};
use openssl::base64::encode_block;
use serde_json::{Value, json};

use crate::wire::{Request, Wire};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SCOPE: &str = "api://AzureADTokenExchange/.default";

fn sts() -> devsts::sts::Builder {
    Sts::builder()
        .client(Client::new("otxclient", "2Federate"))
        .client(Client::new("other", "2Federate"))
        .client(Client::agent_of("otxclient", "agent-a"))
        .client(Client::agent_of("otxclient", "agent-b"))
        .client(Client::agent_of("other", "agent-c"))
}

fn bare() -> Request {
    let request = Request::exchange("x").without("grant_type").without("subject_token");
    request.without("subject_token_type").with("grant_type", "client_credentials")
}

/// The blueprint asks for a token for an agent.
fn for_agent(agent: &str) -> Request {
    bare().with("scope", SCOPE).with("fmi_path", agent)
}

/// An agent asks for a token of its own.
fn of_agent(agent: &str, assertion: &str) -> Request {
    bare()
        .without_header("Authorization")
        .with("client_id", agent)
        .with("client_assertion_type", JWT_BEARER)
        .with("client_assertion", assertion)
}

#[track_caller]
fn token(wire: &mut Wire, request: &Request) -> String {
    let reply = wire.ask(request);
    assert_eq!(reply.status, 200, "{}", reply.json());
    reply.json()["access_token"].as_str().unwrap().to_owned()
}

#[track_caller]
fn assert_refused(wire: &mut Wire, request: &Request, status: u16, error: &str, words: &str) {
    let reply = wire.ask(request);
    let json = reply.json();
    assert_eq!((reply.status, json["error"].as_str()), (status, Some(error)), "{json}");
    assert!(json["error_description"].as_str().unwrap().contains(words), "{json}");
}

#[test]
fn a_token_for_an_agent_proves_that_agent_again_and_again() {
    let sts = sts().start().unwrap();
    let mut wire = Wire::connect(&sts);
    let assertion = token(&mut wire, &for_agent("agent-a"));
    for _ in 0..2 {
        let own = token(&mut wire, &of_agent("agent-a", &assertion));
        assert!(devsts::is_for(&own, "agent-a"), "{own}");
    }
}

#[test]
fn a_blueprint_gets_tokens_for_its_own_agents_alone() {
    let sts = sts().start().unwrap();
    let mut wire = Wire::connect(&sts);
    for agent in ["agent-c", "agent-z", "otxclient"] {
        let words = "not the blueprint";
        assert_refused(&mut wire, &for_agent(agent), 400, "unauthorized_client", words);
    }
    let unscoped = bare().with("fmi_path", "agent-a");
    assert_refused(&mut wire, &unscoped, 400, "invalid_scope", SCOPE);
}

#[test]
fn nothing_but_a_token_for_it_proves_an_agent() {
    let sts = sts().start().unwrap();
    let mut wire = Wire::connect(&sts);
    let good = token(&mut wire, &for_agent("agent-a"));
    let other = token(&mut wire, &for_agent("agent-b"));
    let foreign = token(&mut wire, &for_agent("agent-c").basic("other:2Federate"));
    let plain = token(&mut wire, &Request::exchange("jwt.alice"));
    let encode = |value: &Value| {
        let text = encode_block(value.to_string().as_bytes());
        text.replace('+', "-").replace('/', "_").replace(['=', '\n'], "")
    };
    let claims = json!({ "sub": "agent-a", "azp": "otxclient", "exp": 4_000_000_000_u64,
        "aud": "api://AzureADTokenExchange" });
    let forged = format!("{}.{}.c2ln", encode(&json!({ "alg": "ES256" })), encode(&claims));
    for (assertion, words) in [
        (&*other, "another agent's"),
        (&foreign, "another blueprint"),
        (&plain, "aud is not"),
        (&forged, "not issued here"),
        ("opaque", "no JWT"),
    ] {
        let request = of_agent("agent-a", assertion);
        assert_refused(&mut wire, &request, 401, "invalid_client", words);
    }
    let request = of_agent("agent-a", &good).without("client_assertion_type");
    assert_refused(&mut wire, &request, 401, "invalid_client", "client_assertion_type");
    let request = of_agent("agent-a", &good).basic("otxclient:2Federate");
    assert_refused(&mut wire, &request, 401, "invalid_client", "another way");
    let request = bare().without_header("Authorization").with("client_id", "agent-a");
    assert_refused(&mut wire, &request, 401, "invalid_client", "agent is refused");
    // Without the id it is an assertion as any other.
    let request = of_agent("agent-a", &good).without("client_id");
    assert_refused(&mut wire, &request, 401, "invalid_client", "iss and sub differ");
}

#[test]
fn a_token_that_is_over_proves_nothing() {
    let sts = sts().expires_in(0).start().unwrap();
    let mut wire = Wire::connect(&sts);
    let over = token(&mut wire, &for_agent("agent-a"));
    assert_refused(&mut wire, &of_agent("agent-a", &over), 401, "invalid_client", "expired");
}
