//! Token exchange that issues no access token: identity assertions for another server, and transaction
//! tokens.

use std::time::{SystemTime, UNIX_EPOCH};

use devsts::{Client, Sts};
use openssl::base64::{decode_block, encode_block};
use serde_json::{Value, json};

use crate::wire::{Request, Wire};

const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const TXN_TOKEN: &str = "urn:ietf:params:oauth:token-type:txn_token";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const PARTNER: &str = "https://as.partner.example.com/";

fn sts() -> devsts::sts::Builder {
    Sts::builder().client(Client::new("otxclient", "2Federate"))
}

fn id_token(audience: &str, lives: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let exp = now.checked_add_signed(lives).unwrap();
    let claims = json!({ "iss": "idp", "sub": "alice", "aud": audience, "exp": exp });
    let encode = |text: &str| {
        encode_block(text.as_bytes()).replace('+', "-").replace('/', "_").replace(['=', '\n'], "")
    };
    format!("{}.{}.c2ln", encode(r#"{"alg":"ES256"}"#), encode(&claims.to_string()))
}

/// Header and claims of a JWT.
fn read(jwt: &str) -> [Value; 2] {
    let mut parts = jwt.split('.').map(|part| {
        let mut text = part.replace('-', "+").replace('_', "/");
        text.push_str(&"===="[..(4 - text.len() % 4) % 4]);
        serde_json::from_slice(&decode_block(&text).unwrap()).unwrap_or_default()
    });
    [parts.next().unwrap(), parts.next().unwrap()]
}

#[track_caller]
fn assert_refused(wire: &mut Wire, request: &Request, error: &str) {
    let reply = wire.ask(request);
    assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some(error)));
}

/// A request for an identity assertion for the partner.
fn for_partner(id_token: &str) -> Request {
    Request::exchange(id_token)
        .without("subject_token_type")
        .with("subject_token_type", ID_TOKEN)
        .with("requested_token_type", ID_JAG)
        .with("audience", PARTNER)
}

#[test]
fn an_identity_assertion_is_for_one_known_server_and_its_client() {
    let provider = sts().known_server(PARTNER, "acme").start().unwrap();
    let mut wire = Wire::connect(&provider);
    let good = for_partner(&id_token("otxclient", 60));
    let asked = good.clone().with("scope", "a b").with("resource", "https://api.example.com/");
    let reply = wire.ask(&asked);
    let answer = reply.json();
    assert_eq!(
        (&answer["token_type"], &answer["issued_token_type"]),
        (&"N_A".into(), &ID_JAG.into())
    );
    let [header, claims] = read(&reply.token());
    assert_eq!(header["typ"], "oauth-id-jag+jwt");
    for (name, value) in [
        ("aud", PARTNER),
        ("sub", "alice"),
        ("client_id", "acme"),
        ("scope", "a b"),
        ("resource", "https://api.example.com/"),
    ] {
        assert_eq!(claims[name], value);
    }

    for bad in [
        for_partner(&id_token("another", 60)),
        for_partner(&id_token("otxclient", -1)),
        for_partner("opaque"),
        good.clone().without("audience"),
        good.clone().with("audience", PARTNER),
        good.clone().without("subject_token_type").with("subject_token_type", TXN_TOKEN),
        Request::exchange(&id_token("otxclient", 60))
            .with("requested_token_type", ID_JAG)
            .with("audience", PARTNER),
    ] {
        assert_refused(&mut wire, &bad, "invalid_request");
    }
    let elsewhere = good.without("audience").with("audience", "https://unknown.example.com/");
    assert_refused(&mut wire, &elsewhere, "invalid_target");
}

#[test]
fn an_identity_assertion_is_a_grant_of_the_client_that_it_names() {
    let provider = sts().known_server(PARTNER, "acme").start().unwrap();
    let mut wire = Wire::connect(&provider);
    let assertion = wire.ask(&for_partner(&id_token("otxclient", 60))).token();
    let bearer = |id: &str| {
        let bare = Request::exchange("x").without("grant_type").without("subject_token");
        let bare = bare.without("subject_token_type").without_header("Authorization");
        let named = bare.with("client_id", id).with("client_secret", "s");
        named.with("grant_type", JWT_BEARER).with("assertion", &assertion)
    };
    let partner = Sts::builder().client(Client::new("acme", "s")).client(Client::new("other", "s"));
    let partner = partner.audience(PARTNER).start().unwrap();
    let mut wire = Wire::connect(&partner);
    assert_eq!(wire.ask(&bearer("acme")).status, 200);
    assert_refused(&mut wire, &bearer("other"), "invalid_grant");
}

#[test]
fn a_transaction_token_has_a_domain_a_purpose_and_a_context_in_json() {
    let sts = sts().start().unwrap();
    let mut wire = Wire::connect(&sts);
    let good = Request::exchange("alice")
        .with("requested_token_type", TXN_TOKEN)
        .with("audience", "domain.example")
        .with("scope", "trade");
    let reply = wire.ask(&good.clone().with("request_context", r#"{"req_ip":"::1"}"#));
    let answer = reply.json();
    assert_eq!(
        (&answer["token_type"], &answer["issued_token_type"]),
        (&"N_A".into(), &TXN_TOKEN.into())
    );
    let [header, claims] = read(&reply.token());
    assert_eq!(header["typ"], "txntoken+jwt");
    assert_eq!((&claims["aud"], &claims["scope"]), (&"domain.example".into(), &"trade".into()));
    assert_eq!(claims["rctx"]["req_ip"], "::1");

    for bad in [
        good.clone().without("audience"),
        good.clone().without("scope"),
        good.clone().with("request_context", "[]"),
        good.clone().with("request_details", r#"{"a":"b"c"}"#),
        good.clone()
            .without("subject_token_type")
            .with("subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
    ] {
        assert_refused(&mut wire, &bad, "invalid_request");
    }
}
