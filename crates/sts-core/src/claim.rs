//! A claim of a token as a text: what the token says itself, unverified. Of a target token that is the
//! word of the STS, which is trusted.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::jwt;

/// The longest text of a claim, in bytes.
const LONGEST: usize = 1024;

/// The claim of a JWT with this name, compared without case: NGINX keeps the names of variables in
/// lower case.
///
/// A text, number or boolean is told as it stands, a list of texts with commas between them. Nothing is
/// told of what is there twice, of objects and `null`, of what is longer than 1,024 bytes, of a text with
/// control characters (it might go into a header), of a list with a comma in one of its texts (it would
/// tell of more than there are), and of a token that is opaque or encrypted.
pub fn text(token: &[u8], name: &str) -> Option<String> {
    let token = token.trim_ascii();
    let claims = jwt::payload(token).filter(|_| jwt::has_encoded_header(token));
    let claims = claims.and_then(jwt::decode)?;
    let mut json = serde_json::Deserializer::from_slice(claims.expose());
    let claim = json.deserialize_map(ClaimVisitor { name }).ok()?;
    json.end().ok()?;
    in_words(&claim?).filter(|text| text.len() <= LONGEST && !text.chars().any(char::is_control))
}

fn in_words(claim: &Value) -> Option<String> {
    match claim {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(claim.to_string()),
        Value::Array(list) => {
            let texts = list.iter().map(|one| one.as_str().filter(|text| !text.contains(',')));
            texts.collect::<Option<Vec<_>>>().map(|texts| texts.join(","))
        }
        Value::Null | Value::Object(_) => None,
    }
}

/// Looks for one claim, of which there may be no second one.
struct ClaimVisitor<'c> {
    name: &'c str,
}

impl<'de> Visitor<'de> for ClaimVisitor<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a set of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Value>, A::Error> {
        let mut found = Vec::new();
        // With its escapes undone.
        while let Some(name) = map.next_key::<String>()? {
            if name.eq_ignore_ascii_case(self.name) {
                found.push(map.next_value::<Value>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(if found.len() == 1 { found.pop() } else { None })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;

    fn of(claims: &str, name: &str) -> Option<String> {
        let token = format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        text(token.as_bytes(), name)
    }

    #[test]
    fn a_claim_is_told_as_it_stands() {
        let claims = r#"{"sub":"alice","n":12.5,"ok":true,"groups":["a","b c"],"preferred_username":"\u00fc"}"#;
        for (name, expected) in [
            ("sub", "alice"),
            ("n", "12.5"),
            ("ok", "true"),
            ("groups", "a,b c"),
            ("preferred_username", "ü"),
        ] {
            assert_eq!(of(claims, name).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(of(r#"{"clientId":"shop"}"#, "clientid").as_deref(), Some("shop"));
        assert_eq!(of(r#"{"groups":[]}"#, "groups").as_deref(), Some(""));
    }

    #[test]
    fn nothing_is_told_of_what_is_in_doubt() {
        for claims in [
            "{}",
            r#"{"sub":"a","sub":"b"}"#,
            r#"{"sub":"a","SUB":"b"}"#,
            r#"{"sub":"a","\u0073ub":"b"}"#,
            r#"{"sub":null}"#,
            r#"{"sub":{"a":1}}"#,
            r#"{"sub":"a\r\nX-Admin: 1"}"#,
            r#"{"sub":["a","b\nc"]}"#,
            r#"{"sub":["a,admin","b"]}"#,
            r#"{"sub":["a",1]}"#,
            r#"{"sub":"a"} x"#,
            r#"["sub"]"#,
            "sub",
        ] {
            assert_eq!(of(claims, "sub"), None, "{claims}");
        }
        assert_eq!(of(&format!("{{\"sub\":\"{}\"}}", "a".repeat(1025)), "sub"), None);
        for token in ["", "opaque", "a.b.c", "eyJ.e30", "<saml:Assertion/>"] {
            assert_eq!(text(token.as_bytes(), "sub"), None, "{token}");
        }
    }

    proptest! {
        #[test]
        fn no_text_of_a_claim_has_a_control_character(value in any::<String>()) {
            let claims = serde_json::json!({ "sub": value }).to_string();
            match of(&claims, "sub") {
                Some(text) => prop_assert!(text == value && !text.chars().any(char::is_control)),
                None => prop_assert!(value.len() > 1024 || value.chars().any(char::is_control)),
            }
        }
    }
}
