//! JWTs as authorization grants: the request of RFC 7523 section 2.1, and the assertion of its section
//! 3. Which issuers are trusted is not asked: no signature is looked at.

use std::borrow::Cow;

use super::assertion::{Jwt, audience, now};
use super::foreign::ID_JAG_TYPE;
use super::token_endpoint::{Grant, Refusal, no_subject_token, one_value, scope};
use crate::server::call::Call;

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Parameter and value by which Entra tells its on-behalf-of flow from other uses of the grant.
const TOKEN_USE: &str = "requested_token_use";
const ON_BEHALF_OF: &str = "on_behalf_of";

/// `client` has authenticated; `audiences` are those that an assertion may have besides the endpoint.
pub(super) fn check<'a>(
    call: &'a Call,
    client: Option<&str>,
    audiences: &[String],
    on_behalf_of: bool,
) -> Result<Grant<'a>, Refusal> {
    no_subject_token(call)?;
    match one_value(call, TOKEN_USE)? {
        Some(ON_BEHALF_OF) => {}
        None if !on_behalf_of => {}
        _ => {
            let description = format!("{TOKEN_USE} has to be {ON_BEHALF_OF}");
            return Err(Refusal::invalid_request(&description));
        }
    }
    let source = one_value(call, "assertion")?
        .ok_or_else(|| Refusal::invalid_request("assertion is missing"))?;
    let subject = subject(source, client, &audience(call), audiences).map_err(|problem| {
        Refusal::invalid_grant(&format!("the assertion is refused: {problem}"))
    })?;
    Ok(Grant {
        source: Cow::Borrowed(source),
        steering: Some(subject),
        issued_token_type: None,
        scope: scope(call)?,
        typed: None,
    })
}

/// The subject of an assertion for this server.
fn subject(
    assertion: &str,
    client: Option<&str>,
    endpoint: &str,
    audiences: &[String],
) -> Result<String, String> {
    let jwt = Jwt::parse(assertion).ok_or("it is no JWT")?;
    jwt.text("iss")?;
    let subject = jwt.text("sub")?.to_owned();
    let is_ours = jwt.is_for(endpoint) || audiences.iter().any(|audience| jwt.is_for(audience));
    if !is_ours {
        return Err("aud is not this server".to_owned());
    }
    // draft-ietf-oauth-identity-assertion-authz-grant section 4.4.1
    if jwt.kind() == Some(ID_JAG_TYPE) && client != Some(jwt.text("client_id")?) {
        return Err("it is for another client".to_owned());
    }
    jwt.check_times(now(), None)?;
    Ok(subject)
}
