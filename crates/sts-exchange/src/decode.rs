//! A token in words: what it says of itself, and what is to be looked at. Nothing of it is verified.

use std::fmt::Write;

use serde_json::{Map, Value, json};
use sts_core::known::Known;
use sts_core::wstrust::assertion_expiry;

use crate::jwt;
use crate::redact;
use crate::saml::{self, Assertion};
use crate::words;

/// What a token is, and what is strange about it.
pub struct Decoded {
    /// What it is.
    pub kind: &'static str,
    /// The header of a JWT.
    pub header: Option<Map<String, Value>>,
    /// What it says, by name.
    pub claims: Option<Map<String, Value>>,
    /// Points in time, in words.
    pub times: Vec<(String, String)>,
    /// What to look at.
    pub warnings: Vec<String>,
}

/// Claims that are points in time.
const TIMES: [&str; 5] = ["exp", "nbf", "iat", "auth_time", "updated_at"];

/// Seconds that a token of a user lives at most, without that being worth a word.
const LONG: u64 = 24 * 60 * 60;

/// Looks at a token, at a moment in seconds since 1970.
pub fn decode(token: &[u8], now: u64) -> Decoded {
    if let Some((header, claims)) = jwt::read(token) {
        return of_jwt(token, header, claims, now);
    }
    match saml::read(token) {
        Some(assertion) => of_assertion(token, &assertion, now),
        None => {
            let mut warnings = Vec::new();
            if token.is_empty() {
                warnings.push("there is no token".to_owned());
            } else if token.iter().any(u8::is_ascii_whitespace) {
                warnings.push(
                    "it holds blanks: a token has none; \"Bearer\" is no part of it".to_owned(),
                );
            } else if token.starts_with(b"ey") {
                warnings.push("it begins as a JWT and is none: it may be cut off".to_owned());
            }
            Decoded {
                kind: "opaque token",
                header: None,
                claims: None,
                times: Vec::new(),
                warnings,
            }
        }
    }
}

fn of_jwt(
    token: &[u8],
    header: Map<String, Value>,
    claims: Option<Map<String, Value>>,
    now: u64,
) -> Decoded {
    let mut warnings = Vec::new();
    let parts = token.split(|byte| *byte == b'.').count();
    let Some(claims) = claims else {
        warnings.push(format!("its claims cannot be read: it is encrypted, with {parts} parts"));
        return Decoded {
            kind: "encrypted JWT",
            header: Some(header),
            claims: None,
            times: Vec::new(),
            warnings,
        };
    };
    let algorithm = header.get("alg").and_then(Value::as_str).unwrap_or_default();
    if algorithm.eq_ignore_ascii_case("none") {
        warnings.push("it is not signed (alg none)".to_owned());
    }
    let time = |name: &str| jwt::time(claims.get(name));
    for (name, value) in
        [("exp", claims.get("exp")), ("nbf", claims.get("nbf")), ("iat", claims.get("iat"))]
    {
        if value.is_some() && jwt::time(value).is_none() {
            warnings.push(format!("its {name} is no time"));
        }
    }
    match time("exp") {
        None if !claims.contains_key("exp") => {
            warnings.push("it never expires: it has no exp".to_owned())
        }
        Some(exp) if exp <= now => {
            warnings.push(format!("it has expired {} ago", words::seconds(now - exp)));
        }
        _ => {}
    }
    if let Some(nbf) = time("nbf").filter(|nbf| *nbf > now) {
        warnings.push(format!("it is not valid yet, but in {}", words::seconds(nbf - now)));
    }
    if let Some(iat) = time("iat").filter(|iat| *iat > now) {
        let ahead = words::seconds(iat - now);
        warnings.push(format!(
            "it was issued {ahead} in the future: the clock of its issuer, or this one, is wrong"
        ));
    }
    if let (Some(iat), Some(exp)) = (time("iat"), time("exp"))
        && exp.saturating_sub(iat) > LONG
    {
        warnings.push(format!("it lives for {}", words::seconds(exp - iat)));
    }
    if let Some(confirmation) = claims.get("cnf") {
        let keys =
            confirmation.as_object().map(|it| it.keys().cloned().collect::<Vec<_>>().join(", "));
        warnings.push(format!(
            "it is bound to a key of its client (cnf: {}): the module refuses it as a source, and a backend takes \
             it with a proof only",
            keys.unwrap_or_default()
        ));
    }
    let audience = jwt::texts(claims.get("aud"));
    match audience.len() {
        0 => warnings.push("it is for no one in particular: it has no aud".to_owned()),
        1 => {}
        number => warnings.push(format!(
            "it is for {number} audiences: each of them can use it at the others ({})",
            audience.join(", ")
        )),
    }
    let kind = claims.get("typ").and_then(Value::as_str).unwrap_or_default();
    if kind.eq_ignore_ascii_case("refresh") {
        warnings.push("it is a refresh token of Keycloak, which no STS exchanges".to_owned());
    } else if kind.eq_ignore_ascii_case("id")
        || claims.contains_key("nonce")
        || claims.contains_key("at_hash")
    {
        warnings.push("it is an ID token: exchange it with subject_token_type=id_token".to_owned());
    }
    let times =
        TIMES.into_iter().filter_map(|name| Some((name.to_owned(), words::time(time(name)?, now))));
    Decoded {
        kind: "JWT",
        times: times.collect(),
        header: Some(header),
        claims: Some(claims),
        warnings,
    }
}

fn of_assertion(token: &[u8], assertion: &Assertion, now: u64) -> Decoded {
    let mut warnings = Vec::new();
    let mut times = Vec::new();
    for (name, text) in &assertion.times {
        match saml::time(text) {
            Some(at) => {
                times.push((name.clone(), words::time(at, now)));
                if name == "NotOnOrAfter" && at <= now {
                    warnings.push(format!("it has expired {} ago", words::seconds(now - at)));
                } else if name == "NotBefore" && at > now {
                    warnings
                        .push(format!("it is not valid yet, but in {}", words::seconds(at - now)));
                }
            }
            None => warnings.push(format!("its {name} is no time")),
        }
    }
    if assertion_expiry(token) == sts_core::expiry::Expiry::OneUse {
        warnings.push("it may be used once only: nothing made of it is kept".to_owned());
    }
    if assertion.audiences.len() > 1 {
        warnings.push(format!("it is for {} audiences", assertion.audiences.len()));
    }
    if !assertion.is_signed {
        warnings.push("it is not signed itself".to_owned());
    }
    if assertion.is_holder_of_key {
        warnings.push("it is for the holder of a key, and no bearer can use it".to_owned());
    }
    let mut claims = Map::new();
    for (name, value) in [("Issuer", &assertion.issuer), ("Subject", &assertion.subject)] {
        if let Some(value) = value {
            claims.insert(name.to_owned(), Value::from(value.as_str()));
        }
    }
    claims.insert("Audience".to_owned(), Value::from(assertion.audiences.clone()));
    for (name, values) in &assertion.attributes {
        claims.insert(name.clone(), Value::from(values.clone()));
    }
    let kind = if assertion.is_saml_1 { "SAML 1.1 assertion" } else { "SAML 2.0 assertion" };
    Decoded { kind, header: None, claims: Some(claims), times, warnings }
}

impl Decoded {
    /// For a reader.
    pub fn text(&self, length: usize) -> String {
        let nothing = Known::nothing();
        let mut text = format!("{} of {length} bytes; nothing of it was verified\n", self.kind);
        let pretty = |object: &Map<String, Value>| {
            let shown = redact::json(&Value::Object(object.clone()), &nothing);
            serde_json::to_string_pretty(&shown).unwrap_or_default()
        };
        for (name, object) in [("header", &self.header), ("claims", &self.claims)] {
            if let Some(object) = object {
                let _ = write!(text, "\n{name}:\n{}\n", pretty(object));
            }
        }
        if !self.times.is_empty() {
            text.push('\n');
        }
        for (name, time) in &self.times {
            let _ = writeln!(text, "{name}: {time}");
        }
        if !self.warnings.is_empty() {
            text.push('\n');
        }
        for warning in &self.warnings {
            let _ = writeln!(text, "!! {}", redact::text(warning, &nothing));
        }
        text
    }

    /// For programs.
    pub fn json(&self, length: usize) -> Value {
        let nothing = Known::nothing();
        let object = |object: &Option<Map<String, Value>>| {
            object.as_ref().map(|it| redact::json(&Value::Object(it.clone()), &nothing))
        };
        let times: Map<String, Value> = self
            .times
            .iter()
            .map(|(name, time)| (name.clone(), Value::from(time.as_str())))
            .collect();
        let warnings: Vec<String> =
            self.warnings.iter().map(|warning| redact::text(warning, &nothing)).collect();
        json!({
            "version": 1,
            "kind": self.kind,
            "bytes": length,
            "header": object(&self.header),
            "claims": object(&self.claims),
            "times": times,
            "warnings": warnings,
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn jwt(claims: &str) -> Vec<u8> {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", encode("{\"alg\":\"RS256\"}"), encode(claims)).into_bytes()
    }

    fn warnings(claims: &str) -> String {
        decode(&jwt(claims), NOW).warnings.join("; ")
    }

    #[test]
    fn what_is_to_be_looked_at_is_told() {
        for (claims, expected) in [
            (r#"{"aud":"a","exp":1800000060,"iat":1799999990}"#, ""),
            (r#"{"aud":"a","exp":1799999940}"#, "it has expired 1 minute ago"),
            (
                r#"{"aud":"a","exp":1800000060,"nbf":1800000030}"#,
                "it is not valid yet, but in 30 seconds",
            ),
            (r#"{"aud":"a"}"#, "it never expires: it has no exp"),
            (r#"{"exp":1800000060}"#, "it is for no one in particular: it has no aud"),
            (
                r#"{"aud":["a","b"],"exp":1800000060}"#,
                "it is for 2 audiences: each of them can use it at the others (a, b)",
            ),
            (r#"{"aud":"a","exp":"soon"}"#, "its exp is no time"),
        ] {
            assert_eq!(warnings(claims), expected, "{claims}");
        }
        assert!(warnings(r#"{"aud":"a","exp":1800000060,"cnf":{"jkt":"x"}}"#).contains("cnf: jkt"));
        assert!(
            warnings(r#"{"aud":"a","exp":1800000060,"iat":1800000030}"#).contains("in the future")
        );
        assert!(
            warnings(r#"{"aud":"a","exp":1800000060,"typ":"Refresh"}"#).contains("refresh token")
        );
        assert!(warnings(r#"{"aud":"a","exp":1800000060,"nonce":"n"}"#).contains("ID token"));
        let none = format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode("{\"alg\":\"none\"}"),
            URL_SAFE_NO_PAD.encode("{}")
        );
        assert!(decode(none.as_bytes(), NOW).warnings[0].contains("not signed"));
    }

    #[test]
    fn the_signature_is_not_shown() {
        let token = jwt(r#"{"sub":"alice","exp":1800000060,"aud":"a"}"#);
        let decoded = decode(&token, NOW);
        let text = decoded.text(token.len());
        assert!(text.contains("\"sub\": \"alice\"") && !text.contains("c2ln"), "{text}");
        assert!(text.contains("exp: 2027-01-15T08:01:00Z, in 1 minute"), "{text}");
        assert!(!decoded.json(token.len()).to_string().contains("c2ln"));
    }

    #[test]
    fn an_assertion_is_read_also_in_base64() {
        let xml = r#"<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0" IssueInstant="2027-01-15T08:00:00Z"><saml2:Issuer>https://idp/</saml2:Issuer><saml2:Subject><saml2:NameID>alice</saml2:NameID></saml2:Subject><saml2:Conditions NotBefore="2027-01-15T07:59:00Z" NotOnOrAfter="2027-01-15T07:59:30Z"><saml2:AudienceRestriction><saml2:Audience>a</saml2:Audience></saml2:AudienceRestriction><saml2:OneTimeUse/></saml2:Conditions></saml2:Assertion>"#;
        for token in [xml.to_owned(), URL_SAFE_NO_PAD.encode(xml)] {
            let decoded = decode(token.as_bytes(), NOW);
            assert_eq!(decoded.kind, "SAML 2.0 assertion");
            let warnings = decoded.warnings.join("; ");
            for expected in ["expired 30 seconds ago", "once only", "not signed itself"] {
                assert!(warnings.contains(expected), "{warnings}");
            }
            let text = decoded.text(token.len());
            assert!(text.contains("\"Issuer\": \"https://idp/\""), "{text}");
            assert!(text.contains("\"Subject\": \"alice\""), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_opaque() {
        assert_eq!(decode(b"abc", NOW).kind, "opaque token");
        assert!(decode(b"Bearer abc", NOW).warnings[0].contains("blanks"));
        assert!(decode(b"eyJhbGciOiJub25lIn0", NOW).warnings[0].contains("cut off"));
        assert!(decode(b"", NOW).warnings[0].contains("no token"));
    }

    proptest! {
        #[test]
        fn no_token_panics(token: Vec<u8>) {
            decode(&token, NOW).text(token.len());
        }
    }
}
