//! Tokens that are bound to a key of the client.
//!
//! Such a token is worth something only together with a proof that the gateway cannot give; to
//! exchange it for a bearer token would take the protection away (RFC 9449, section 11).

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// Whether a source token is of the scheme `DPoP` (RFC 9449, section 7.1), or a JWT with a `cnf`
/// claim (RFC 7800, section 3.1).
///
/// The check does not verify the JWT: it protects clients from a mistake of the operator, and a
/// client gains nothing by hiding the claim of its own token.
pub fn is_bound(source: &[u8]) -> bool {
    let source = source.trim_ascii_start();
    has_dpop_scheme(source) || jwt_payload(source).is_some_and(has_confirmation)
}

fn has_dpop_scheme(source: &[u8]) -> bool {
    match source.split_at_checked(DPOP.len()) {
        Some((scheme, rest)) => {
            scheme.eq_ignore_ascii_case(DPOP) && rest.first().is_some_and(u8::is_ascii_whitespace)
        }
        None => false,
    }
}

/// The second of the parts between dots. That they are three is not asked for: an SD-JWT goes on
/// after its signature.
fn jwt_payload(source: &[u8]) -> Option<&[u8]> {
    // All JWT headers are JSON objects, which start with `{"` or with `{` and white space.
    if source.first() != Some(&b'e') {
        return None;
    }
    let mut parts = source.splitn(3, |b| *b == b'.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    Some(payload)
}

fn has_confirmation(payload: &[u8]) -> bool {
    if payload.len() > MAX_PAYLOAD {
        return true;
    }
    let Ok(claims) = BASE64URL.decode(payload).map(Zeroizing::new) else { return false };
    // Most tokens are done with here: no such name, not even in other letters (`\u0063nf`).
    if memmem::find(&claims, b"\"cnf\"").is_none() && memmem::find(&claims, b"\\u00").is_none() {
        return false;
    }
    // What looks like bound but cannot be read is not let through.
    serde_json::from_slice(&claims).map_or(true, |claims: Claims| claims.cnf)
}

#[derive(Deserialize)]
struct Claims {
    /// Whether the name is there, whatever its value.
    #[serde(default, deserialize_with = "present")]
    cnf: bool,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer)?;
    Ok(true)
}

const DPOP: &[u8] = b"DPoP";

/// Encoded bytes. Nobody issues such a token; whoever sends one is refused without looking further.
const MAX_PAYLOAD: usize = 1024 * 1024;

/// As forgiving as the laziest reader of JWTs, so that nothing is a JWT to the STS but not to us.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
