//! What a source token says of itself, unverified: whether it is bound to a key of the client, and when
//! it expires.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::expiry::Expiry;
use crate::jwt;
use crate::wstrust::assertion_expiry;

/// What is found by one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whether it is of the scheme `DPoP` (RFC 9449, section 7.1), or a JWT with a `cnf` claim (RFC
    /// 7800, section 3.1).
    ///
    /// Such a token is worth something only together with a proof that the gateway cannot give; to
    /// exchange it for a bearer token would take the protection away (RFC 9449, section 11). This
    /// protects clients from a mistake of the operator, and a client gains nothing by hiding the claim
    /// of its own token.
    pub is_bound: bool,
    /// When a JWT expires.
    expiry: Expiry,
}

/// Looks at a source token. A JWT is decoded once for all of it.
pub fn claims(source: &[u8]) -> Claims {
    let source = source.trim_ascii_start();
    let has_dpop_scheme = has_dpop_scheme(source);
    let Some(payload) = jwt::payload(source) else {
        return Claims { is_bound: has_dpop_scheme, expiry: Expiry::Unsaid };
    };
    if payload.len() > MAX_PAYLOAD {
        let is_bound = has_dpop_scheme || payload.first() == Some(&ENCODED_BRACE);
        let is_jwt = jwt::has_encoded_header(source);
        let expiry = if is_jwt { Expiry::Unreadable } else { Expiry::Unsaid };
        return Claims { is_bound, expiry };
    }
    let decoded = jwt::decode(payload);
    let text = decoded.as_ref().map_or(&[][..], |text| text.expose());
    let expiry = jwt::expiry_with(source, text);
    Claims { is_bound: has_dpop_scheme || has_confirmation(text), expiry }
}

impl Claims {
    /// When the token expires that these are of.
    ///
    /// An assertion is read here and not before: that takes time, and is for what an STS has accepted.
    pub fn expiry(&self, source: &[u8]) -> Expiry {
        match self.expiry {
            Expiry::Unsaid => assertion_expiry(source),
            said => said,
        }
    }
}

fn has_dpop_scheme(source: &[u8]) -> bool {
    match source.split_at_checked(DPOP.len()) {
        Some((scheme, rest)) => {
            scheme.eq_ignore_ascii_case(DPOP) && rest.first().is_some_and(u8::is_ascii_whitespace)
        }
        None => false,
    }
}

fn has_confirmation(text: &[u8]) -> bool {
    // Most tokens are done with here: no such name, not even in other letters (`\u0063nf`).
    if NAME.find(text).is_none() && ESCAPE.find(text).is_none() {
        return false;
    }
    // What looks like bound but cannot be read is not let through.
    serde_json::from_slice(text).map_or(true, |claims: Confirmation| claims.cnf)
}

#[derive(Deserialize)]
struct Confirmation {
    /// Whether the name is there, whatever its value.
    #[serde(default, deserialize_with = "present")]
    cnf: bool,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer)?;
    Ok(true)
}

const DPOP: &[u8] = b"DPoP";

/// The name of the claim, and how one of its letters may be written. To prepare the search takes longer than
/// the search.
static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"cnf\""));
static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\\u00"));

/// Encoded bytes. No server issues such a JWT; it is taken for bound without looking further, and its expiry
/// for one that cannot be read.
const MAX_PAYLOAD: usize = 1024 * 1024;

/// With what `{` starts in base64url.
const ENCODED_BRACE: u8 = b'e';

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;
    use crate::now::UnixTime;

    fn is_bound(source: &[u8]) -> bool {
        claims(source).is_bound
    }

    fn jwt(payload: &str) -> String {
        format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn the_scheme_dpop_is_known_in_any_case() {
        for source in ["DPoP abc", "dpop abc", "DPOP\tabc", "  DPoP abc", "DPoP "] {
            assert!(is_bound(source.as_bytes()), "{source:?}");
        }
        for source in ["", "DPoP", "DPoPabc", "Bearer abc", "XDPoP abc", "Bearer DPoP abc"] {
            assert!(!is_bound(source.as_bytes()), "{source:?}");
        }
    }

    #[test]
    fn a_jwt_with_a_confirmation_claim_is_bound() {
        for payload in [
            // RFC 9449, section 6.1, figure 8, and RFC 8705, section 3.1, figure 2.
            r#"{"sub":"someone@example.com","iss":"https://server.example.com","cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}"#,
            r#"{"iss":"https://server.example.com","cnf":{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}}"#,
            r#"{"cnf":null}"#,
            r#"{"\u0063nf":{}}"#,
            r#"{"c\u006ef":{}}"#,
            " {\n\"a\": [[\"cnf\"]], \"cnf\" :{}}",
            // Not readable, but by its looks bound.
            r#"{"cnf":{},}"#,
            r#"{"cnf":{},"cnf":{}}"#,
            r#"{"cnf":{}"#,
        ] {
            assert!(is_bound(jwt(payload).as_bytes()), "{payload}");
        }
    }

    #[test]
    fn a_jwt_without_one_is_not() {
        for payload in [
            "{}",
            "",
            r#"{"sub":"cnf"}"#,
            r#"{"act":{"cnf":{}}}"#,
            r#"{"sub":"\"cnf\""}"#,
            r#"{"a":["cnf"]}"#,
            r#"{"CNF":{},"cnf2":{},"\u00e9":1}"#,
        ] {
            assert!(!is_bound(jwt(payload).as_bytes()), "{payload}");
        }
    }

    #[test]
    fn what_readers_of_jwts_forgive_is_forgiven() {
        let payload = r#"{"a":1,"cnf":{}}"#;
        assert_eq!(payload.len() % 3, 1, "so that there is padding");
        assert!(is_bound(format!("e.{}.s", URL_SAFE.encode(payload)).as_bytes()), "padded");
        // One byte into the last group of four leaves four bits over, which should be zero.
        let untidy = URL_SAFE_NO_PAD.encode(r#"{"cnf":{}}"#).replace("fQ", "fR");
        assert!(is_bound(format!("e.{untidy}.s").as_bytes()), "{untidy}");
        // The issuer's part of an SD-JWT with key binding has more dots after it.
        assert!(is_bound(format!("{}~disclosed~h.p.s", jwt(payload)).as_bytes()));
    }

    #[test]
    fn what_is_no_jwt_is_not_bound() {
        for source in ["opaque", "a.b", "..", "...", "a.b.c", "a.{\"cnf\":1}.c", "<a>.<cnf>.</a>"] {
            assert!(!is_bound(source.as_bytes()), "{source}");
        }
        assert!(!is_bound(b"\xff.\xff.\xff"));
    }

    #[test]
    fn a_jwt_beyond_all_reason_is_taken_for_bound() {
        let padding = "x".repeat(MAX_PAYLOAD);
        assert!(is_bound(jwt(&format!("{{\"a\":\"{padding}\"}}")).as_bytes()));
        assert!(!is_bound(format!("a.{padding}.c").as_bytes()), "no JWT, however long");
    }

    #[test]
    fn the_expiry_is_that_of_a_jwt_or_of_an_assertion() {
        let expiry = |source: &str| claims(source.as_bytes()).expiry(source.as_bytes());
        assert_eq!(expiry(&jwt(r#"{"exp":1000}"#)), Expiry::At(UnixTime(1000)));
        assert_eq!(
            expiry(&format!(" {}", jwt(r#"{"exp":1000,"cnf":{}}"#))),
            Expiry::At(UnixTime(1000))
        );
        let assertion = "<Assertion xmlns='urn:oasis:names:tc:SAML:2.0:assertion'><Conditions \
                         NotOnOrAfter='1970-01-12T13:47:10.5Z'/><a>b.c.d</a></Assertion>";
        assert_eq!(expiry(assertion), Expiry::At(UnixTime(1_000_030)));
        for source in ["", "opaque", "a.b.c", &jwt("{}"), "<a/>"] {
            assert_eq!(expiry(source), Expiry::Unsaid, "{source}");
        }
        let long = jwt(&format!("{{\"exp\":1000,\"a\":\"{}\"}}", "x".repeat(MAX_PAYLOAD)));
        assert_eq!(expiry(&long), Expiry::Unreadable);
        let long = assertion.replace("b.c.d", &format!("b.{}.d", "x".repeat(MAX_PAYLOAD + 1)));
        assert_eq!(expiry(&long), Expiry::At(UnixTime(1_000_030)));
    }

    #[test]
    fn deep_nesting_is_no_danger() {
        let deep = "[".repeat(100_000);
        assert!(is_bound(jwt(&format!("{{\"cnf\":{deep}")).as_bytes()));
    }

    proptest! {
        #[test]
        fn no_source_panics(source: Vec<u8>, payload: Vec<u8>) {
            is_bound(&source);
            is_bound(format!("e.{}.s", URL_SAFE_NO_PAD.encode(payload)).as_bytes());
        }
    }
}
