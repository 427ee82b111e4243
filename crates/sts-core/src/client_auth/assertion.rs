//! JWTs by which the gateway proves its identity (RFC 7523, section 3).

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::error::CredentialError;
use crate::error::{Failure, FailureKind};
use crate::jose::SigningKey;
use crate::now::Now;
use crate::secret::Secret;

/// Makes one for a single use.
pub(super) fn sign(
    key: &SigningKey,
    kind: &str,
    client_id: &str,
    audience: &str,
    now: &Now,
) -> Result<Rc<Secret>, Failure> {
    let issued = now.wall.0;
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": URL_SAFE_NO_PAD.encode(now.random()?),
        "iat": issued,
        "exp": issued.saturating_add(LIFE),
    });
    let assertion = key.sign_compact(kind, claims.to_string().as_bytes());
    assertion.map(Rc::new).map_err(|error| Failure::new(FailureKind::BadAnswer, error.to_string()))
}

/// Takes one that another program has made.
pub(super) fn check(assertion: Secret) -> Result<Secret, CredentialError> {
    if is_jwt(assertion.expose()) { Ok(assertion) } else { Err(CredentialError::NoAssertion) }
}

/// One that the exchange of a location has brought. Of other types than JWTs nothing is known.
pub(super) fn of_result<'a>(
    result: Option<&'a [u8]>,
    location: &str,
    kind: &str,
) -> Result<&'a [u8], Failure> {
    let reason = match result {
        Some(result) if kind != JWT_BEARER || is_jwt(result) => return Ok(result),
        Some(_) => CredentialError::NoAssertion.to_string(),
        None => "there is none".to_owned(),
    };
    let reason = format!("the token of \"{location}\" cannot be the client assertion: {reason}");
    Err(Failure::new(FailureKind::BadAnswer, reason))
}

/// Whether it can be a JWT with a signature or MAC (RFC 7515, section 7.1), as an assertion has to be
/// (RFC 7523, section 3).
fn is_jwt(assertion: &[u8]) -> bool {
    let is_part = |part: &[u8]| {
        !part.is_empty() && part.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b))
    };
    let mut parts = assertion.split(|b| *b == b'.');
    parts.by_ref().take(3).filter(|part| is_part(part)).count() == 3 && parts.next().is_none()
}

/// In seconds: as short as the strictest servers want it, and longer than clocks differ.
const LIFE: u64 = 60;

/// What an assertion is unless its option says otherwise (RFC 7523, section 2.2).
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
