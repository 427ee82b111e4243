//! Finding out who the client is: RFC 6749 sections 2.3 and 3.2.1, exactly one method a request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::client::{Client, Method};
use super::token_endpoint::Refusal;
use crate::http::form::decode_value;
use crate::server::call::Call;

/// The client; `None` for one that did not say, where that is allowed.
pub(super) fn authenticate<'a>(
    call: &Call,
    clients: &'a [Client],
    anonymous: bool,
) -> Result<Option<&'a Client>, Refusal> {
    let id = present(call, "client_id");
    let secret = present(call, "client_secret");
    let headers = call.header_values("authorization");
    match (&headers[..], id, secret) {
        ([_, _, ..], ..) => Err(Refusal::invalid_request("more than one Authorization header")),
        ([_], _, Some(_)) => {
            Err(Refusal::invalid_request("more than one way of client authentication"))
        }
        ([header], id, None) => {
            let client = by_header(header, clients)?;
            if id.is_some_and(|id| id != client.id) {
                return Err(Refusal::invalid_request("client_id is not the authenticated client"));
            }
            Ok(Some(client))
        }
        ([], Some(id), Some(secret)) => {
            find(clients, Method::ClientSecretPost, id, Some(secret)).map(Some)
        }
        ([], None, Some(_)) => Err(Refusal::invalid_request("client_secret without client_id")),
        ([], Some(id), None) => find(clients, Method::None, id, None).map(Some),
        ([], None, None) if anonymous => Ok(None),
        ([], None, None) => Err(Refusal::invalid_client("no client authentication")),
    }
}

/// A parameter sent without a value counts as omitted (RFC 6749 section 3.2).
fn present<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    call.parameter(name).filter(|value| !value.is_empty())
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
