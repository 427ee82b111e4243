//! What a client has to do before its token is exchanged, as an STS says it.
//!
//! This is all that a client gets to see of an STS's text: nothing goes out that was not looked at, and
//! what is in doubt does not go out at all.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;

/// The `error` of RFC 9470, section 3.
pub const INSUFFICIENT_USER_AUTHENTICATION: &str = "insufficient_user_authentication";

/// The `error` of a claims challenge as Microsoft's identity platform has it.
const INSUFFICIENT_CLAIMS: &str = "insufficient_claims";

/// What a client has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUp(Needed);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Needed {
    /// The user has to authenticate in another way, or anew (RFC 9470, section 3).
    Authentication {
        acr_values: Option<String>,
        /// In seconds.
        max_age: Option<u64>,
    },
    /// The client has to ask for a token with these claims (OpenID Connect Core, section 5.5), a JSON
    /// object in base64.
    Claims(String),
}

impl StepUp {
    /// Another authentication. Nothing if the values are no list of names as RFC 6749, section 3.3 has
    /// one, which are what may stand in a quoted string, or are longer than any list is.
    pub fn authentication(acr_values: Option<&str>, max_age: Option<u64>) -> Option<Self> {
        if !acr_values.is_none_or(is_list) {
            return None;
        }
        let acr_values = acr_values.map(str::to_owned);
        Some(Self(Needed::Authentication { acr_values, max_age }))
    }

    /// Other claims. Nothing if the text is no JSON object, or is longer than any request for claims is.
    pub fn claims(text: &str) -> Option<Self> {
        let is_object = text.trim_ascii_start().starts_with('{')
            && serde_json::from_str::<IgnoredAny>(text).is_ok();
        let is_claims = is_object && text.len() <= MAX_CLAIMS;
        is_claims.then(|| Self(Needed::Claims(STANDARD.encode(text))))
    }

    /// A `max_age` that is written as digits.
    pub fn seconds(text: &str) -> Option<u64> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok()).flatten()
    }

    /// The parameters of a challenge (RFC 9110, section 11.6.1) that tell it; `None` has nothing to tell
    /// but that something has to be done.
    pub fn challenge(needed: Option<&Self>) -> String {
        match needed.map(|Self(needed)| needed) {
            None => format!("error=\"{INSUFFICIENT_USER_AUTHENTICATION}\""),
            Some(Needed::Authentication { acr_values, max_age }) => {
                let mut text = format!("error=\"{INSUFFICIENT_USER_AUTHENTICATION}\"");
                if let Some(values) = acr_values {
                    text.push_str(&format!(", acr_values=\"{values}\""));
                }
                if let Some(seconds) = max_age {
                    text.push_str(&format!(", max_age=\"{seconds}\""));
                }
                text
            }
            Some(Needed::Claims(claims)) => {
                format!("error=\"{INSUFFICIENT_CLAIMS}\", claims=\"{claims}\"")
            }
        }
    }

    /// One line for another worker.
    pub fn to_line(&self) -> String {
        let Self(needed) = self;
        match needed {
            Needed::Authentication { acr_values, max_age } => {
                let seconds = max_age.map(|seconds| seconds.to_string()).unwrap_or_default();
                let values = acr_values.as_deref().unwrap_or_default();
                format!("{AUTHENTICATION}{seconds}{BETWEEN}{values}")
            }
            Needed::Claims(claims) => format!("{CLAIMS}{claims}"),
        }
    }

    /// What [`Self::to_line`] wrote, looked at as closely as what an STS says.
    pub fn of_line(line: &str) -> Option<Self> {
        if let Some(claims) = line.strip_prefix(CLAIMS) {
            return Self::claims(std::str::from_utf8(&STANDARD.decode(claims).ok()?).ok()?);
        }
        let (seconds, values) = line.strip_prefix(AUTHENTICATION)?.split_once(BETWEEN)?;
        let max_age = match seconds {
            "" => None,
            seconds => Some(Self::seconds(seconds)?),
        };
        Self::authentication(Some(values).filter(|values| !values.is_empty()), max_age)
    }
}

const AUTHENTICATION: &str = "authentication ";
const CLAIMS: &str = "claims ";
/// Stands in no name.
const BETWEEN: &str = "\"";

/// Names with single spaces between them.
fn is_list(values: &str) -> bool {
    // RFC 6749, section 3.3: no quote and no backslash.
    let is_name = |byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
    values.len() <= MAX_VALUES
        && values.split(' ').all(|name| !name.is_empty() && name.bytes().all(is_name))
}

/// Bytes of a list of names. The longest in use are some URIs.
const MAX_VALUES: usize = 1024;

/// Bytes of a request for claims. Those in use have some hundreds, and clients bound a header field.
const MAX_CLAIMS: usize = 2048;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn authentication(values: Option<&str>, max_age: Option<u64>) -> Option<String> {
        StepUp::authentication(values, max_age).map(|needed| StepUp::challenge(Some(&needed)))
    }

    #[test]
    fn the_challenge_of_rfc_9470_section_3() {
        assert_eq!(
            authentication(Some("myACR"), None).as_deref(),
            Some("error=\"insufficient_user_authentication\", acr_values=\"myACR\"")
        );
        assert_eq!(
            authentication(Some("urn:a#b c"), Some(5)).as_deref(),
            Some(
                "error=\"insufficient_user_authentication\", acr_values=\"urn:a#b c\", max_age=\"5\""
            )
        );
        let plain = "error=\"insufficient_user_authentication\"";
        assert_eq!(authentication(None, None).as_deref(), Some(plain));
        assert_eq!(StepUp::challenge(None), plain);
    }

    #[test]
    fn values_that_cannot_stand_in_a_quoted_string_are_refused() {
        for values in [
            "",
            " ",
            "a ",
            " a",
            "a  b",
            "a\"",
            "a\\",
            "a\tb",
            "a\r\nX: y",
            "\u{7f}",
            "ü",
            "a\0",
            &"a".repeat(MAX_VALUES + 1),
        ] {
            assert_eq!(authentication(Some(values), None), None, "{values:?}");
        }
    }

    #[test]
    fn claims_are_a_json_object_in_base64() {
        let text = r#"{"access_token":{"polids":{"essential":true,"values":["5ce7"]}}}"#;
        let challenge = StepUp::claims(text).map(|needed| StepUp::challenge(Some(&needed)));
        let expected =
            format!("error=\"insufficient_claims\", claims=\"{}\"", STANDARD.encode(text));
        assert_eq!(challenge, Some(expected));
        let long = format!("{{\"a\":\"{}\"}}", "a".repeat(MAX_CLAIMS));

        for text in ["", "a", "[]", "\"{}\"", "{", "{}{}", "{\"a\":1", &long] {
            assert_eq!(StepUp::claims(text), None, "{text}");
        }
    }

    #[test]
    fn seconds_are_digits() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("300", Some(300)),
            ("", None),
            ("-1", None),
            ("+1", None),
            (" 1", None),
            ("1.5", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(StepUp::seconds(text), seconds, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_nothing_wrote_is_refused() {
        for line in
            ["", "claims", "claims %", "claims bm8=", "authentication ", "authentication -1\"", "x"]
        {
            assert_eq!(StepUp::of_line(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_one_worker_writes_another_reads(
            values in prop::option::of("[!#-\\[\\]-~]{1,9}( [!#-\\[\\]-~]{1,9}){0,3}"),
            max_age: Option<u64>,
            claim in "[a-z\n ]{0,20}",
        ) {
            let claims = serde_json::json!({ claim: 1 }).to_string();
            for needed in
                [StepUp::authentication(values.as_deref(), max_age), StepUp::claims(&claims)]
            {
                let line = needed.as_ref().map(StepUp::to_line).unwrap_or_default();
                prop_assert!(!line.contains('\n'));
                prop_assert_eq!(StepUp::of_line(&line), needed);
            }
        }

        #[test]
        fn no_value_leaves_its_quotes(values: String, claims: String) {
            let needed = [StepUp::authentication(Some(&values), Some(1)), StepUp::claims(&claims)];
            for needed in needed.iter().flatten() {
                let text = StepUp::challenge(Some(needed));
                prop_assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')));
                prop_assert!(!text.contains('\\'));
                prop_assert_eq!(text.matches('"').count() % 2, 0);
            }
        }
    }
}
