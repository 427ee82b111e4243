//! OAuth 2.0 Token Exchange: the request of RFC 8693 section 2.1.

use std::borrow::Cow;

use super::foreign::{self, ID_JAG, KnownServer, TXN_TOKEN};
use super::token_endpoint::{Grant, Refusal, one_value, scope};
use crate::server::call::Call;

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// The token types of RFC 8693 section 3.
const TOKEN_TYPES: [&str; 6] = [
    ACCESS_TOKEN,
    "urn:ietf:params:oauth:token-type:refresh_token",
    "urn:ietf:params:oauth:token-type:id_token",
    "urn:ietf:params:oauth:token-type:saml1",
    "urn:ietf:params:oauth:token-type:saml2",
    JWT,
];

/// `client` has authenticated; `servers` are those for which identity assertions are issued.
pub(super) fn check<'a>(
    call: &'a Call,
    client: Option<&str>,
    servers: &[KnownServer],
) -> Result<Grant<'a>, Refusal> {
    let source = one_value(call, "subject_token")?
        .ok_or_else(|| Refusal::invalid_request("subject_token is missing"))?;
    let subject_token_type = one_value(call, "subject_token_type")?
        .ok_or_else(|| Refusal::invalid_request("subject_token_type is missing"))?;
    check_type("subject_token_type", subject_token_type)?;
    match (one_value(call, "actor_token")?, one_value(call, "actor_token_type")?) {
        (None, None) => {}
        (Some(_), Some(kind)) => check_type("actor_token_type", kind)?,
        (Some(_), None) => {
            return Err(Refusal::invalid_request("actor_token without actor_token_type"));
        }
        (None, Some(_)) => {
            return Err(Refusal::invalid_request("actor_token_type without actor_token"));
        }
    }
    if !call.parameter_values("resource").into_iter().all(is_resource) {
        let description = "resource is no absolute URI without fragment";
        return Err(Refusal::new(400, "invalid_target", description));
    }
    let issued_token_type = match one_value(call, "requested_token_type")? {
        None => ACCESS_TOKEN,
        Some(kind @ (ACCESS_TOKEN | JWT)) => kind,
        Some(ID_JAG) => return foreign::id_jag(call, source, client, servers),
        Some(TXN_TOKEN) => return foreign::txn_token(call, source),
        Some(_) => {
            return Err(Refusal::invalid_request("requested_token_type is not issued here"));
        }
    };
    Ok(Grant {
        source: Cow::Borrowed(source),
        steering: None,
        issued_token_type: Some(issued_token_type),
        typed: None,
        scope: scope(call)?,
    })
}

fn check_type(name: &str, value: &str) -> Result<(), Refusal> {
    if TOKEN_TYPES.contains(&value) {
        return Ok(());
    }
    Err(Refusal::invalid_request(&format!("{name} is not a token type known here")))
}

/// RFC 8693 section 2.1: an absolute URI, without fragment (RFC 3986 section 4.3).
fn is_resource(value: &str) -> bool {
    let Some((scheme, rest)) = value.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte))
}
