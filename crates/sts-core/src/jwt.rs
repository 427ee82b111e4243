//! What a JWT says of itself, unverified: good for being careful, never for trusting.

use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memchr;
use serde::Deserialize;

use crate::encoding;
use crate::now::UnixTime;
use crate::secret::Secret;

/// The second of the parts between dots. That they are three is not asked for: an SD-JWT goes on
/// after its signature.
pub(crate) fn payload(token: &[u8]) -> Option<&[u8]> {
    let (_header, rest) = token.split_at_checked(memchr(b'.', token)? + 1)?;
    let (payload, _signature) = rest.split_at_checked(memchr(b'.', rest)?)?;
    Some(payload)
}

/// The text of a part.
pub(crate) fn decode(part: &[u8]) -> Option<Secret> {
    encoding::decode(&BASE64URL, part)
}

/// When a JWT expires (RFC 7519, section 4.1.4); `None` for what is no JWT and for one that does not
/// say.
pub fn expiry(token: &[u8]) -> Option<UnixTime> {
    let payload = has_encoded_header(token).then(|| payload(token)).flatten()?;
    expiry_in(decode(payload)?.expose())
}

/// Whether it begins as the header of every JWT does, with an encoded brace.
pub(crate) fn has_encoded_header(token: &[u8]) -> bool {
    token.starts_with(b"e")
}

/// When a JWT with these claims expires.
pub(crate) fn expiry_in(claims: &[u8]) -> Option<UnixTime> {
    let claims: Claims = serde_json::from_slice(claims).ok()?;
    // NumericDate may have a fraction; a negative one is long past. The cast saturates.
    claims.exp.map(|exp| UnixTime(exp as u64))
}

#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
}

/// As forgiving as the laziest reader of JWTs, so that nothing is a JWT to the STS but not to us.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn jwt(claims: &str) -> Vec<u8> {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.sig", encode("{\"alg\":\"none\"}"), encode(claims)).into_bytes()
    }

    #[test]
    fn the_expiry_of_rfc_7519_section_3_1_is_found() {
        let token = b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4\
                      MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K2\
                      7uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(expiry(token), Some(UnixTime(1_300_819_380)));
    }

    #[test]
    fn fractions_are_cut_and_the_past_stays_past() {
        assert_eq!(expiry(&jwt(r#"{"exp":1000.9}"#)), Some(UnixTime(1000)));
        assert_eq!(expiry(&jwt(r#"{"exp":-5}"#)), Some(UnixTime(0)));
    }

    #[test]
    fn what_says_nothing_has_no_expiry() {
        for claims in [r#"{"sub":"a"}"#, r#"{"exp":null}"#, r#"{"exp":"soon"}"#, "[]", "x"] {
            assert_eq!(expiry(&jwt(claims)), None, "{claims}");
        }
        for token in ["", "opaque", "a.b.c", "e.e", "e.!.c"] {
            assert_eq!(expiry(token.as_bytes()), None, "{token}");
        }
    }
}
