//! A JWT, looked into without being verified.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

type Object = Map<String, Value>;

/// The header and the claims of a JWT; of an encrypted one there are no claims. `None` for what is none.
pub(crate) fn read(token: &[u8]) -> Option<(Object, Option<Object>)> {
    let mut parts = token.split(|byte| *byte == b'.');
    let object = |part: &[u8]| {
        let text = Zeroizing::new(LENIENT.decode(part).ok()?);
        match serde_json::from_slice(&text) {
            Ok(Value::Object(object)) => Some(object),
            _ => None,
        }
    };
    let header = object(parts.next()?)?;
    let second = parts.next()?;
    parts.next()?;
    Some((header, object(second)))
}

/// The claims of a JWT.
pub(crate) fn claims(token: &[u8]) -> Option<Map<String, Value>> {
    read(token)?.1
}

/// The texts of a claim that is one, or a list of them.
pub(crate) fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(values)) => {
            values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// A point in time, in seconds since 1970.
pub(crate) fn time(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => {
            number.as_u64().or_else(|| number.as_f64().map(|seconds| seconds.max(0.0) as u64))
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jwt_is_three_parts_of_which_two_are_json() {
        let token = b"eyJhbGciOiJub25lIn0.eyJhdWQiOlsiYSIsImIiXSwiZXhwIjoxLjV9.";
        let (header, claims) = read(token).unwrap();
        let claims = claims.unwrap();
        assert_eq!(header["alg"], "none");
        assert_eq!(texts(claims.get("aud")), ["a", "b"]);
        assert_eq!(time(claims.get("exp")), Some(1));
        for none in [&b""[..], b"a", b"eyJhbGciOiJub25lIn0.e30", b"x.y.z", b"..."] {
            assert!(read(none).is_none());
        }
    }
}
