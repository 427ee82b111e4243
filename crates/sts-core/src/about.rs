//! The subject of a token, by what it says itself: unverified, to be careful with and not to trust.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::json::Member;
use crate::jwt;
pub(crate) use crate::subjects::About;
use crate::wstrust::{self, Writer};

/// The subject of a token: of a JWT the claim with this name, of an assertion its `NameID`, and of a
/// `wsse:UsernameToken` the name in it.
pub(crate) fn read(token: &[u8], claim: &str, writer: Writer) -> About {
    let token = token.trim_ascii();
    let is_jwt = jwt::has_encoded_header(token);
    match jwt::payload(token).filter(|_| is_jwt).and_then(jwt::decode) {
        Some(claims) => of_claims(claims.expose(), claim),
        None => wstrust::about(token, writer),
    }
}

fn of_claims(claims: &[u8], claim: &str) -> About {
    // What is encrypted, or no JWT at all.
    if claims.trim_ascii_start().first() != Some(&b'{') {
        return About::Unsaid;
    }
    let mut json = serde_json::Deserializer::from_slice(claims);
    let about = json.deserialize_map(ClaimVisitor { claim });
    about.and_then(|about| json.end().map(|()| about)).unwrap_or(About::Unclear)
}

/// Looks for one claim, of which there may be no second one.
struct ClaimVisitor<'c> {
    claim: &'c str,
}

impl<'de> Visitor<'de> for ClaimVisitor<'_> {
    type Value = About;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a set of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<About, A::Error> {
        let mut about = About::Unsaid;
        // With its escapes undone.
        while let Some(name) = map.next_key::<String>()? {
            if name != self.claim {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value::<Member<'de>>()?;
            about = match (about, value.as_text(), &value) {
                (About::Unsaid, Some(text), _) => About::one(text),
                (About::Unsaid, None, Member::Integer(number)) => About::one(&number.to_string()),
                _ => About::Unclear,
            };
        }
        Ok(about)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;

    fn jwt(claims: &str) -> String {
        format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    fn of(token: &str, claim: &str) -> About {
        read(token.as_bytes(), claim, Writer::Sts)
    }

    #[test]
    fn a_jwt_names_its_subject_in_the_claim_that_is_asked_for() {
        let token =
            jwt(r#"{"sub":"alice","upn":"a@x","uid":17,"s\u0075b2":"bob","n":{"sub":"eve"}}"#);
        for (claim, name) in [("sub", "alice"), ("upn", "a@x"), ("uid", "17"), ("sub2", "bob")] {
            assert_eq!(of(&token, claim), About::one(name), "{claim}");
        }
        assert_eq!(of(&token, "email"), About::Unsaid);
        assert_eq!(of(&jwt(r#"{"sub":"\u0061lice"}"#), "sub"), About::one("alice"));
        assert_eq!(of(&format!(" {} ", jwt(r#"{"sub":"a"}"#)), "sub"), About::one("a"));
    }

    #[test]
    fn a_jwt_with_two_subjects_is_unclear() {
        for claims in [
            r#"{"sub":"alice","sub":"alice"}"#,
            r#"{"sub":"alice","\u0073ub":"bob"}"#,
            r#"{"sub":null}"#,
            r#"{"sub":["alice"]}"#,
            r#"{"sub":{"name":"alice"}}"#,
            r#"{"sub":true}"#,
            r#"{"sub":1.5}"#,
            r#"{"sub":"alice"} {"sub":"bob"}"#,
            r#"{"sub":"alice""#,
        ] {
            assert_eq!(of(&jwt(claims), "sub"), About::Unclear, "{claims}");
        }
    }

    #[test]
    fn an_assertion_names_its_subject() {
        let v2 = "<s:Assertion xmlns:s='urn:oasis:names:tc:SAML:2.0:assertion'><s:Advice><s:Assertion>\
                  <s:Subject><s:NameID>eve</s:NameID></s:Subject></s:Assertion></s:Advice><s:Subject>\
                  <s:NameID> al<!-- -->ice&amp;co\n</s:NameID></s:Subject></s:Assertion>";
        assert_eq!(of(v2, "sub"), About::one("alice&co"));
        assert_eq!(of(&URL_SAFE_NO_PAD.encode(v2), "upn"), About::one("alice&co"));
        let v1 = "<Assertion xmlns='urn:oasis:names:tc:SAML:1.0:assertion'><AuthenticationStatement>\
                  <Subject><NameIdentifier>alice</NameIdentifier></Subject></AuthenticationStatement>\
                  <AttributeStatement><Subject><NameIdentifier>bob</NameIdentifier></Subject>\
                  </AttributeStatement></Assertion>";
        assert_eq!(of(v1, "sub"), About::Named(vec!["alice".to_owned(), "bob".to_owned()]));
        let user = "<w:UsernameToken xmlns:w='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-\
                    wssecurity-secext-1.0.xsd'><w:Username>joe</w:Username></w:UsernameToken>";
        assert_eq!(of(user, "sub"), About::one("joe"));
    }

    #[test]
    fn an_assertion_with_two_names_for_a_subject_is_unclear() {
        let subject = |names: &str| {
            format!(
                "<s:Assertion xmlns:s='urn:oasis:names:tc:SAML:2.0:assertion'>{names}</s:Assertion>"
            )
        };
        let name = "<s:NameID>alice</s:NameID>";
        for names in [
            format!("<s:Subject>{name}{name}</s:Subject>"),
            format!("<s:Subject>{name}</s:Subject><s:Subject>{name}</s:Subject>"),
            "<s:Subject><s:NameID>a<b/></s:NameID></s:Subject>".to_owned(),
        ] {
            assert_eq!(of(&subject(&names), "sub"), About::Unclear, "{names}");
        }
        for names in ["", "<s:Subject/>", "<s:Subject><s:EncryptedID/></s:Subject>"] {
            assert_eq!(of(&subject(names), "sub"), About::Unsaid, "{names}");
        }
        assert_eq!(of("<s:Assertion", "sub"), About::Unclear);
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for token in ["", "opaque", "a.b.c", "e.e.e", "<a/>", "PAopaque", &jwt("[1]"), &jwt("x")] {
            assert_eq!(of(token, "sub"), About::Unsaid, "{token}");
        }
    }

    proptest! {
        #[test]
        fn no_token_panics(token: Vec<u8>, claims: Vec<u8>, claim: String) {
            read(&token, &claim, Writer::Sts);
            let jwt = format!("e.{}.s", URL_SAFE_NO_PAD.encode(claims));
            read(jwt.as_bytes(), &claim, Writer::Client);
        }

        #[test]
        fn the_name_is_the_one_that_was_written(name in "\\PC{0,30}", other in "\\PC{0,30}") {
            let claims = serde_json::json!({ "sub": name, "other": other }).to_string();
            prop_assert_eq!(of(&jwt(&claims), "sub"), About::one(&name));
        }
    }
}
