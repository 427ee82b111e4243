//! Token exchange that issues no access token: identity assertions for another server
//! (draft-ietf-oauth-identity-assertion-authz-grant section 4.3) and transaction tokens
//! (draft-ietf-oauth-transaction-tokens section 7).

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::assertion::{Jwt, now};
use super::token::ISSUER;
use super::token_endpoint::{Grant, Refusal, Typed, one_value, scope};
use crate::server::call::Call;

pub(super) const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";
pub(super) const TXN_TOKEN: &str = "urn:ietf:params:oauth:token-type:txn_token";

/// The `typ` of an identity assertion.
pub(super) const ID_JAG_TYPE: &str = "oauth-id-jag+jwt";

/// The `token_type` of what is no access token (RFC 8693 section 2.2.1).
const NOT_BEARER: &str = "N_A";

const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";

/// Another server that takes identity assertions of this one.
#[derive(Clone, Debug)]
pub(super) struct KnownServer {
    pub(super) issuer: String,
    /// How it knows the client.
    pub(super) client_id: String,
}

/// An identity assertion for one server, made of an ID token of this client.
pub(super) fn id_jag<'a>(
    call: &'a Call,
    source: &'a str,
    client: Option<&str>,
    servers: &[KnownServer],
) -> Result<Grant<'a>, Refusal> {
    if call.parameter("subject_token_type") != Some(ID_TOKEN) {
        let description = "an identity assertion is made of an ID token only";
        return Err(Refusal::invalid_request(description));
    }
    let refused =
        |problem: String| Refusal::invalid_request(&format!("subject_token is no good: {problem}"));
    let jwt = Jwt::parse(source).ok_or_else(|| refused("it is no JWT".to_owned()))?;
    let subject = jwt.text("sub").map_err(refused)?.to_owned();
    jwt.check_times(now(), None).map_err(refused)?;
    if !client.is_some_and(|client| jwt.is_for(client)) {
        return Err(refused("its aud is not the client".to_owned()));
    }
    let audience = only_audience(call)?;
    let server = servers.iter().find(|server| server.issuer == audience).ok_or_else(|| {
        Refusal::new(400, "invalid_target", "audience is no server that is known here")
    })?;
    let mut claims: Map<String, Value> = [
        ("iss", ISSUER),
        ("sub", subject.as_str()),
        ("aud", audience),
        ("client_id", server.client_id.as_str()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.into()))
    .collect();
    for name in ["resource", "scope"] {
        if let Some(value) = one_value(call, name)? {
            claims.insert(name.to_owned(), value.into());
        }
    }
    grant(
        call,
        source,
        Some(subject),
        ID_JAG,
        Typed { kind: ID_JAG_TYPE, token_type: NOT_BEARER, claims },
    )
}

/// A token for what one request sets off in a trust domain.
pub(super) fn txn_token<'a>(call: &'a Call, source: &'a str) -> Result<Grant<'a>, Refusal> {
    if call.parameter("subject_token_type") == Some(REFRESH_TOKEN) {
        return Err(Refusal::invalid_request("a refresh token is no subject of a transaction"));
    }
    let audience = only_audience(call)?;
    let Some(purpose) = scope(call)? else {
        return Err(Refusal::invalid_request("scope is missing"));
    };
    let mut claims = Map::new();
    claims.insert("aud".to_owned(), audience.into());
    claims.insert("scope".to_owned(), purpose.into());
    claims.insert("txn".to_owned(), call.number.to_string().into());
    for (name, claim) in [("request_context", "rctx"), ("request_details", "tctx")] {
        if let Some(text) = one_value(call, name)? {
            let object: Map<String, Value> = serde_json::from_str(text)
                .map_err(|_| Refusal::invalid_request(&format!("{name} is no JSON object")))?;
            claims.insert(claim.to_owned(), object.into());
        }
    }
    grant(
        call,
        source,
        None,
        TXN_TOKEN,
        Typed { kind: "txntoken+jwt", token_type: NOT_BEARER, claims },
    )
}

fn grant<'a>(
    call: &'a Call,
    source: &'a str,
    steering: Option<String>,
    issued: &'static str,
    typed: Typed,
) -> Result<Grant<'a>, Refusal> {
    Ok(Grant {
        source: Cow::Borrowed(source),
        steering,
        issued_token_type: Some(issued),
        scope: scope(call)?,
        typed: Some(typed),
    })
}

fn only_audience(call: &Call) -> Result<&str, Refusal> {
    match call.parameter_values("audience")[..] {
        [audience] if !audience.is_empty() => Ok(audience),
        _ => Err(Refusal::invalid_request("there must be one audience")),
    }
}
