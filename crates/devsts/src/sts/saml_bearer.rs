//! SAML assertions as authorization grants: the request of RFC 7522 section 2.1, and the assertion of
//! its section 3. Which issuers are trusted is not asked: no signature is looked at.

use std::borrow::Cow;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::assertion::audience;
use super::token_endpoint::{Grant, Refusal, no_subject_token, one_value, scope};
use super::wstrust;
use crate::server::call::Call;

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";

/// `audiences` are those that an assertion may have besides the endpoint.
pub(super) fn check<'a>(call: &'a Call, audiences: &[String]) -> Result<Grant<'a>, Refusal> {
    no_subject_token(call)?;
    let encoded = one_value(call, "assertion")?
        .ok_or_else(|| Refusal::invalid_request("assertion is missing"))?;
    let refused =
        |problem: String| Refusal::invalid_grant(&format!("the assertion is refused: {problem}"));
    let source = decode(encoded).map_err(refused)?;
    let endpoint = audience(call);
    let is_ours =
        |audience: &str| audience == endpoint || audiences.iter().any(|known| known == audience);
    let subject =
        wstrust::subject_of_grant(&source, is_ours, SystemTime::now()).map_err(refused)?;
    Ok(Grant {
        source: Cow::Owned(source),
        steering: Some(subject),
        issued_token_type: None,
        scope: scope(call)?,
        typed: None,
    })
}

/// RFC 7522 section 2.1: base64url, without padding and line breaks.
fn decode(encoded: &str) -> Result<String, String> {
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| "it is not in base64url")?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}
