//! Client authentication: RFC 6749 sections 2.3 and 3.2.1, RFC 7521 section 4.2, RFC 8705
//! section 2; exactly one method a request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::agent;
use super::assertion::{self, Expected, JWT_BEARER, Seen};
use super::client::{Client, Method};
use super::token::Issuer;
use super::token_endpoint::Refusal;
use super::workload::{self, JWT_SPIFFE};
use crate::http::form::decode_value;
use crate::server::call::Call;

/// The client; `None` for one that did not say, where that is allowed.
pub(super) fn authenticate<'a>(
    call: &Call,
    clients: &'a [Client],
    anonymous: bool,
    seen: &Seen,
    expected: &Expected,
    issuer: &Issuer,
) -> Result<Option<&'a Client>, Refusal> {
    if let Some(agent) = agent::authenticate(call, clients, issuer) {
        return agent.map(Some);
    }
    let id = present(call, "client_id");
    let secret = present(call, "client_secret");
    let headers = call.header_values("authorization");
    if headers.len() > 1 {
        return Err(Refusal::invalid_request("more than one Authorization header"));
    }
    let header = headers.first();
    let assertion = assertion(call)?;
    match (header, secret, assertion) {
        (None, None, None) => by_id(call, id, clients, anonymous),
        (Some(header), None, None) => {
            let client = by_header(header, clients)?;
            if id.is_some_and(|id| id != client.id) {
                return Err(Refusal::invalid_request("client_id is not the authenticated client"));
            }
            Ok(Some(client))
        }
        (None, Some(secret), None) => {
            let id =
                id.ok_or_else(|| Refusal::invalid_request("client_secret without client_id"))?;
            find(clients, Method::ClientSecretPost, id, Some(secret)).map(Some)
        }
        (None, None, Some((kind, assertion))) => {
            match (workload::find(assertion, kind, clients), kind) {
                (Some(client), _) => workload::verify(call, assertion, client, expected),
                (None, JWT_SPIFFE) => Err(Refusal::invalid_client("no client has this SPIFFE ID")),
                (None, _) => assertion::authenticate(call, assertion, clients, seen, expected),
            }
            .map(Some)
        }
        _ => Err(Refusal::invalid_request("more than one way of client authentication")),
    }
}

/// A client that sends nothing but an id is known by its certificate, or is public.
fn by_id<'a>(
    call: &Call,
    id: Option<&str>,
    clients: &'a [Client],
    anonymous: bool,
) -> Result<Option<&'a Client>, Refusal> {
    let Some(id) = id else {
        return match anonymous {
            true => Ok(None),
            false => Err(Refusal::invalid_client("no client authentication")),
        };
    };
    let shown = call.tls.as_ref().and_then(|tls| tls.client_subject.as_ref());
    if let Some(client) = clients.iter().find(|client| client.id == id)
        && client.allows(Method::TlsClientAuth)
    {
        return match (shown, &client.certificate) {
            (Some(shown), Some(known)) if shown == known => Ok(Some(client)),
            _ => Err(Refusal::invalid_client("the client shows no certificate, or another's")),
        };
    }
    find(clients, Method::None, id, None).map(Some)
}

/// RFC 7521 section 4.2: the type and the assertion go together.
fn assertion(call: &Call) -> Result<Option<(&str, &str)>, Refusal> {
    match (present(call, "client_assertion_type"), present(call, "client_assertion")) {
        (None, None) => Ok(None),
        (Some(kind @ (JWT_BEARER | JWT_SPIFFE)), Some(assertion)) => Ok(Some((kind, assertion))),
        (Some(_), Some(_)) => {
            Err(Refusal::invalid_client("client_assertion_type is not a type known here"))
        }
        _ => {
            Err(Refusal::invalid_request("client_assertion and client_assertion_type go together"))
        }
    }
}

/// A parameter sent without a value counts as omitted (RFC 6749 section 3.2).
pub(super) fn present<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    call.parameter(name).filter(|value| !value.is_empty())
}

/// The client that a call says it is of, whether that is so or not.
pub(super) fn claimed(call: &Call) -> Option<String> {
    let in_header = || {
        let header = call.header("authorization")?;
        let pair = STANDARD.decode(header.split_once(' ')?.1).ok()?;
        let (id, _) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
        decode_value(id.as_bytes()).ok()
    };
    in_header().or_else(|| present(call, "client_id").map(ToOwned::to_owned))
}

fn by_header<'a>(header: &str, clients: &'a [Client]) -> Result<&'a Client, Refusal> {
    let unreadable = || Refusal::invalid_client("the Authorization header cannot be read");
    let (scheme, credentials) = header.split_once(' ').ok_or_else(unreadable)?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Err(Refusal::invalid_client("not a way of client authentication known here"));
    }
    let pair = STANDARD.decode(credentials).map_err(|_| unreadable())?;
    let pair = String::from_utf8(pair).map_err(|_| unreadable())?;
    // RFC 7617 section 2: no control characters; the first colon ends the user name.
    if pair.chars().any(char::is_control) {
        return Err(unreadable());
    }
    let (id, secret) = pair.split_once(':').ok_or_else(unreadable)?;
    let decoded = decode_value(id.as_bytes()).ok().zip(decode_value(secret.as_bytes()).ok());
    if let Some((id, secret)) = decoded
        && let Ok(client) = find(clients, Method::ClientSecretBasic, &id, Some(&secret))
    {
        return Ok(client);
    }
    find(clients, Method::Basic, id, Some(secret))
}

fn find<'a>(
    clients: &'a [Client],
    method: Method,
    id: &str,
    secret: Option<&str>,
) -> Result<&'a Client, Refusal> {
    clients
        .iter()
        .find(|client| {
            client.id == id
                && client.allows(method)
                && secret.is_none_or(|secret| {
                    // Of different lengths the function makes a panic.
                    secret.len() == client.secret.len()
                        && openssl::memcmp::eq(secret.as_bytes(), client.secret.as_bytes())
                })
        })
        .ok_or_else(|| Refusal::invalid_client("unknown client, wrong secret or wrong method"))
}
