//! What a JWT says of itself, unverified: good for being careful, never for trusting.

use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::{memchr, memmem};
use serde::{Deserialize, Deserializer};

use crate::encoding;
use crate::expiry::Expiry;
use crate::json::Member;
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

/// When a JWT expires (RFC 7519, section 4.1.4). What is no JWT says nothing.
pub fn expiry(token: &[u8]) -> Expiry {
    match payload(token).and_then(decode) {
        Some(claims) => expiry_with(token, claims.expose()),
        None => Expiry::Unsaid,
    }
}

/// [`expiry`], where the second part of the token has been decoded.
pub(crate) fn expiry_with(token: &[u8], claims: &[u8]) -> Expiry {
    if !has_encoded_header(token) {
        return Expiry::Unsaid;
    }
    match expiry_in(claims) {
        // That part is no claims set, but a key.
        Expiry::Unreadable if is_encrypted(token) => Expiry::Unsaid,
        expiry => expiry,
    }
}

/// Whether its header is that of an encrypted JWT (RFC 7516, section 4.1.2).
fn is_encrypted(token: &[u8]) -> bool {
    let header = token.split(|byte| *byte == b'.').next().and_then(decode);
    header.is_some_and(|header| memmem::find(header.expose(), b"\"enc\"").is_some())
}

/// Whether it begins as the header of every JWT does, with an encoded brace.
pub(crate) fn has_encoded_header(token: &[u8]) -> bool {
    token.starts_with(b"e")
}

/// Whether this is a JWT as it goes over the wire: three parts (RFC 7515, section 3.1), or five (RFC
/// 7516, section 3.1), of which some may be empty.
pub(crate) fn is_compact(token: &[u8]) -> bool {
    let is_part = |part: &[u8]| {
        part.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let mut parts = 0;
    token.starts_with(b"ey")
        && token.split(|byte| *byte == b'.').inspect(|_| parts += 1).all(is_part)
        && matches!(parts, 3 | 5)
}

/// When a JWT with these claims expires.
fn expiry_in(claims: &[u8]) -> Expiry {
    if claims.trim_ascii_start().first() != Some(&b'{') {
        return Expiry::Unsaid;
    }
    // Also what is twice there: two readers may see two ends.
    let Ok(claims) = serde_json::from_slice::<Claims<'_>>(claims) else {
        return Expiry::Unreadable;
    };
    match claims.exp {
        None => Expiry::Unsaid,
        Some(exp) => Expiry::read(time(&exp)),
    }
}

/// A NumericDate (RFC 7519, section 2), or one in a string. A fraction is cut, and a negative one is
/// long past.
fn time(exp: &Member<'_>) -> Option<UnixTime> {
    match exp {
        Member::Integer(seconds) => Some(UnixTime(*seconds)),
        // The cast saturates.
        Member::Float(seconds) => Some(UnixTime(*seconds as u64)),
        Member::Negative => Some(UnixTime(0)),
        Member::Other => None,
        Member::Text(_) | Member::Unescaped(_) => {
            let digits = exp.as_text().filter(|text| !text.is_empty())?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse().map_or(Expiry::FAR, UnixTime))
        }
    }
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Claims<'a> {
    #[serde(default, deserialize_with = "present")]
    exp: Option<Member<'a>>,
}

/// `null` is a value, and no time.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Member<'a>>, D::Error> {
    Member::deserialize(deserializer).map(Some)
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
        assert_eq!(expiry(token), Expiry::At(UnixTime(1_300_819_380)));
    }

    #[test]
    fn fractions_are_cut_and_the_past_stays_past() {
        assert_eq!(expiry(&jwt(r#"{"exp":1000.9}"#)), Expiry::At(UnixTime(1000)));
        assert_eq!(expiry(&jwt(r#"{"exp":-5}"#)), Expiry::At(UnixTime(0)));
        assert_eq!(expiry(&jwt(r#"{"exp":-0.5}"#)), Expiry::At(UnixTime(0)));
    }

    #[test]
    fn a_number_may_stand_in_a_string() {
        for (exp, end) in [
            (r#""1300819380""#, UnixTime(1_300_819_380)),
            (r#""\u0031300""#, UnixTime(1300)),
            (r#""0""#, UnixTime(0)),
            (r#""99999999999999999999""#, Expiry::FAR),
            ("99999999999999999999", Expiry::FAR),
            ("253402300799", UnixTime(253_402_300_799)),
        ] {
            assert_eq!(expiry(&jwt(&format!("{{\"exp\":{exp}}}"))), Expiry::At(end), "{exp}");
        }
    }

    #[test]
    fn what_says_nothing_has_no_expiry() {
        for claims in [r#"{"sub":"a"}"#, r#"{"EXP":5}"#, r#"{"a":{"exp":5}}"#, "[]", "x", ""] {
            assert_eq!(expiry(&jwt(claims)), Expiry::Unsaid, "{claims}");
        }
        for token in ["", "opaque", "a.b.c", "e.e", "e.!.c"] {
            assert_eq!(expiry(token.as_bytes()), Expiry::Unsaid, "{token}");
        }
    }

    #[test]
    fn what_says_something_else_than_a_time_is_no_long_life() {
        for claims in [
            r#"{"exp":"soon"}"#,
            r#"{"exp":""}"#,
            r#"{"exp":" 1300"}"#,
            r#"{"exp":"1300.5"}"#,
            r#"{"exp":"-1"}"#,
            r#"{"exp":"0x10"}"#,
            r#"{"exp":null}"#,
            r#"{"exp":true}"#,
            r#"{"exp":[1300]}"#,
            r#"{"exp":{"a":1300}}"#,
            r#"{"exp":1300,"exp":1300}"#,
            r#"{"exp":1300,"\u0065xp":9999999999}"#,
            r#"{"exp":1e999}"#,
            r#"{"exp":1300,}"#,
            r#"{"exp":1300} x"#,
            r#"{"exp":1300"#,
        ] {
            assert_eq!(expiry(&jwt(claims)), Expiry::Unreadable, "{claims}");
        }
    }

    #[test]
    fn an_encrypted_one_says_nothing() {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let header = encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
        let token = format!("{header}.{}.aXY.eA.dGFn", encode("{an encrypted key"));
        assert_eq!(expiry(token.as_bytes()), Expiry::Unsaid);
    }

    #[test]
    fn a_compact_form_is_known() {
        for token in ["eyJ.e30.c2ln", "eyJ.e30.", "eyJ.AA.AA.AA.AA", "eyJ..AA.AA.AA"] {
            assert!(is_compact(token.as_bytes()), "{token}");
        }
        for token in
            ["", "ey", "eyJ.e30", "eyJ.e30.s.t", "eyJ.e3+.s", "a.b.c", "eyJ.e30.s ", "eyJ.e=.s"]
        {
            assert!(!is_compact(token.as_bytes()), "{token}");
        }
    }
}
