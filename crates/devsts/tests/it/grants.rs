//! Assertions as grants: which of them the token endpoint takes (RFC 7521, 7522, 7523).

use std::time::{SystemTime, UNIX_EPOCH};

use devsts::{Client, Sts, is_for};
use openssl::base64::encode_block;
use serde_json::json;

use crate::wire::{Request, Wire};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SAML_BEARER: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";

fn encode(text: &str) -> String {
    encode_block(text.as_bytes()).replace('+', "-").replace('/', "_").replace(['=', '\n'], "")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn sts() -> devsts::sts::Builder {
    Sts::builder().client(Client::new("otxclient", "2Federate")).audience("gateway")
}

/// A request with nothing but the grant and its assertion.
fn request(grant: &str, assertion: &str) -> Request {
    let bare = Request::exchange("x").without("grant_type").without("subject_token");
    bare.without("subject_token_type").with("grant_type", grant).with("assertion", assertion)
}

fn jwt(audience: &str, lives: i64) -> String {
    let exp = now().checked_add_signed(lives).unwrap();
    let claims = json!({ "iss": "idp", "sub": "alice", "aud": audience, "exp": exp });
    format!("{}.{}.c2ln", encode(r#"{"alg":"ES256"}"#), encode(&claims.to_string()))
}

fn saml(audience: &str, until: &str) -> String {
    format!(
        "<s:Assertion xmlns:s=\"urn:oasis:names:tc:SAML:2.0:assertion\"><s:Issuer>idp</s:Issuer>\
         <s:Subject><s:NameID>alice</s:NameID></s:Subject><s:Conditions NotOnOrAfter=\"{until}\">\
         <s:AudienceRestriction><s:Audience>{audience}</s:Audience></s:AudienceRestriction>\
         </s:Conditions></s:Assertion>"
    )
}

const FAR: &str = "2999-01-01T00:00:00Z";

#[track_caller]
fn assert_refused(wire: &mut Wire, request: &Request, error: &str) {
    let reply = wire.ask(request);
    assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some(error)));
}

#[test]
fn a_jwt_is_a_grant_when_it_is_for_this_server_and_not_over() {
    let sts = sts().start().unwrap();
    let mut wire = Wire::connect(&sts);
    let good = jwt("gateway", 60);
    let reply = wire.ask(&request(JWT_BEARER, &good).with("scope", "read"));
    assert!(is_for(&reply.token(), &good));
    assert!(reply.json().get("issued_token_type").is_none());
    for bad in [jwt("other", 60), jwt("gateway", -1), "opaque".to_owned(), encode("<a/>")] {
        assert_refused(&mut wire, &request(JWT_BEARER, &bad), "invalid_grant");
    }
    for bad in [
        request(JWT_BEARER, &good).with("subject_token", &good),
        request(JWT_BEARER, &good).with("subject_token_type", "x"),
        request(JWT_BEARER, &good).with("assertion", &good),
        request(JWT_BEARER, &good).with("requested_token_use", "other"),
        request(JWT_BEARER, &good).without("assertion"),
        request(JWT_BEARER, &good).target("/token?assertion=x"),
    ] {
        assert_refused(&mut wire, &bad, "invalid_request");
    }
}

#[test]
fn on_behalf_of_has_to_be_said_where_it_is_wanted() {
    let sts = sts().on_behalf_of().start().unwrap();
    let mut wire = Wire::connect(&sts);
    let good = request(JWT_BEARER, &jwt("gateway", 60));
    assert_refused(&mut wire, &good, "invalid_request");
    assert_eq!(wire.ask(&good.with("requested_token_use", "on_behalf_of")).status, 200);
}

#[test]
fn an_assertion_of_saml_is_a_grant_in_base64url_without_padding() {
    let sts = sts().start().unwrap();
    let mut wire = Wire::connect(&sts);
    let good = saml("gateway", FAR);
    let reply = wire.ask(&request(SAML_BEARER, &encode(&good)));
    assert!(is_for(&reply.token(), &good));
    assert!(reply.json().get("issued_token_type").is_none());
    let older = good.replace(":2.0:", ":1.0:").replace("NameID", "NameIdentifier");
    assert_eq!(wire.ask(&request(SAML_BEARER, &encode(&older))).status, 200);

    let padded = format!("{good}\n\n");
    let padded = [&padded, &padded[..padded.len() - 1]]
        .map(|text| encode_block(text.as_bytes()).replace('+', "-").replace('/', "_"));
    let padded = padded.iter().find(|text| text.ends_with('=')).unwrap();
    for bad in [
        good.clone(),
        padded.clone(),
        encode(&saml("other", FAR)),
        encode(&saml("gateway", "2020-01-01T00:00:00Z")),
        encode(&good.replace(" NotOnOrAfter", " NotBefore")),
        encode(&good.replace(":2.0:", ":3.0:")),
        encode(&good.replace("<s:Issuer>idp</s:Issuer>", "")),
        encode("opaque"),
    ] {
        assert_refused(&mut wire, &request(SAML_BEARER, &bad), "invalid_grant");
    }
    let with = |name: &str| request(SAML_BEARER, &encode(&good)).with(name, "x");
    for name in ["subject_token", "subject_token_type", "actor_token"] {
        assert_refused(&mut wire, &with(name), "invalid_request");
    }
}
