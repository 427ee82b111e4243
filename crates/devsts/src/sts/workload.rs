//! Tokens of platforms as client assertions: those of service accounts of Kubernetes (RFC 7523
//! section 3, with an issuer that is not the client) and the JWT-SVIDs of SPIFFE
//! (draft-ietf-oauth-spiffe-client-auth section 3). A platform gives the same token until it is nearly
//! over, so one that comes again is no replay, and a `jti` is not asked for.

use super::assertion::{Expected, Jwt, audience, invalid, now};
use super::client::{Client, Method};
use super::token_endpoint::Refusal;
use crate::server::call::Call;

pub(super) const JWT_SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";

/// The client whose platform has signed this token; `None` where no client is known by it.
pub(super) fn find<'c>(assertion: &str, kind: &str, clients: &'c [Client]) -> Option<&'c Client> {
    let jwt = Jwt::parse(assertion)?;
    let subject = jwt.text("sub").ok()?;
    let issuer = jwt.text("iss").ok();
    clients.iter().find(|client| {
        client.allows(Method::Workload)
            && client.workload.as_ref().is_some_and(|workload| {
                let is_its_platform = match &workload.issuer {
                    None => kind == JWT_SPIFFE && subject.starts_with("spiffe://"),
                    known => kind != JWT_SPIFFE && known.as_deref() == issuer,
                };
                is_its_platform && workload.subject == subject
            })
    })
}

/// Verifies the token of a client that was found by it.
pub(super) fn verify<'c>(
    call: &Call,
    assertion: &str,
    client: &'c Client,
    expected: &Expected,
) -> Result<&'c Client, Refusal> {
    let jwt = Jwt::parse(assertion).ok_or_else(|| invalid("it is no JWT"))?;
    if call.parameter("client_id").is_some_and(|id| !id.is_empty() && id != client.id) {
        return Err(invalid("client_id is not the client that its subject is known as"));
    }
    let this = match expected {
        Expected::Endpoint => audience(call),
        Expected::Issuer(issuer) => issuer.clone(),
    };
    if !jwt.is_for_alone(&this) {
        return Err(invalid("aud is not this server alone"));
    }
    jwt.verify_signature(client)?;
    jwt.check_times(now(), None).map_err(|problem| invalid(&problem))?;
    Ok(client)
}
