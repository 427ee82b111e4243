//! The JSON of an answer.

use std::borrow::Cow;

use memchr::memchr3;
use serde::Deserialize;
use serde_json::error::Category;

use crate::excerpt::{description, excerpt};
use crate::expiry::Expiry;
use crate::issued::{Issued, TokenType, Told};
use crate::json::Member;
use crate::known::Known;
use crate::life::Doubt;
use crate::secret::Secret;
use crate::step_up::{INSUFFICIENT_USER_AUTHENTICATION, StepUp};

/// What the body of an answer says.
pub(super) struct Body<'a> {
    pub(super) token: Token<'a>,
    pub(super) error: Option<OauthError<'a>>,
}

impl<'a> Body<'a> {
    /// Reads the body, or tells why it cannot be read, without a word of it.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, &'static str> {
        // RFC 8259, section 8.1 lets a reader ignore a byte order mark.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        // The derived reader would take an array for the members in their order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err("the body is no JSON object");
        }
        let members: Members<'_> =
            serde_json::from_slice(body).map_err(|error| match error.classify() {
                // All values are accepted, so this is all that can be wrong with the data.
                Category::Data => "a member of the JSON object is given twice",
                _ => "the body is no well-formed JSON object",
            })?;
        let Members {
            access_token,
            token_type,
            expires_in,
            issued_token_type,
            scope,
            error,
            error_description,
            acr_values,
            max_age,
            claims,
        } = members;
        Ok(Self {
            token: Token { access_token, token_type, expires_in, issued_token_type, scope },
            error: error.map(|code| OauthError {
                code,
                description: error_description,
                acr_values,
                max_age,
                claims,
            }),
        })
    }
}

/// The members of interest. A refresh token is not among them: it is neither used nor kept. `null`
/// counts as absent.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Members<'a> {
    access_token: Option<Member<'a>>,
    token_type: Option<Member<'a>>,
    expires_in: Option<Member<'a>>,
    issued_token_type: Option<Member<'a>>,
    scope: Option<Member<'a>>,
    error: Option<Member<'a>>,
    error_description: Option<Member<'a>>,
    acr_values: Option<Member<'a>>,
    max_age: Option<Member<'a>>,
    claims: Option<Member<'a>>,
}

/// The part of a success (RFC 6749, section 5.1).
pub(super) struct Token<'a> {
    access_token: Option<Member<'a>>,
    token_type: Option<Member<'a>>,
    expires_in: Option<Member<'a>>,
    issued_token_type: Option<Member<'a>>,
    scope: Option<Member<'a>>,
}

impl Token<'_> {
    /// What was issued, or why it cannot be used.
    pub(super) fn issued(self) -> Result<Issued, &'static str> {
        let member = self.access_token.ok_or("there is no access_token")?;
        let token = member.as_text().ok_or("the access_token is not a string")?;
        if token.is_empty() {
            return Err("the access_token is empty");
        }
        // Any of these would end a header or a string of NGINX.
        if memchr3(b'\r', b'\n', b'\0', token.as_bytes()).is_some() {
            return Err("the access_token holds CR, LF or NUL");
        }
        if token.trim().is_empty() {
            return Err("the access_token is blank");
        }
        let seconds = self.expires_in.as_ref().map(seconds);
        Ok(Issued {
            token: Secret::new(token),
            token_type: token_type(self.token_type.as_ref(), token)?,
            // For one use only: how long the token is good is not known.
            expires_in: seconds.map(Option::unwrap_or_default),
            expiry: Expiry::Unsaid,
            doubt: (seconds == Some(None)).then_some(Doubt::ExpiresIn),
            issued_token_type: told(self.issued_token_type.as_ref()),
            scope: told(self.scope.as_ref()),
        })
    }
}

/// The part of an error (RFC 6749, section 5.2).
pub(super) struct OauthError<'a> {
    code: Member<'a>,
    description: Option<Member<'a>>,
    acr_values: Option<Member<'a>>,
    max_age: Option<Member<'a>>,
    claims: Option<Member<'a>>,
}

impl OauthError<'_> {
    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_text()
    }

    /// Whether it tells what the client has to ask its own server for. An empty text tells nothing.
    pub(super) fn has_claims(&self) -> bool {
        self.claims.as_ref().is_some_and(|claims| claims.as_text() != Some(""))
    }

    /// What the client has to do: nothing where any of it is in doubt. What the STS must not repeat is
    /// not told either.
    pub(super) fn step_up(&self, known: &Known) -> Option<StepUp> {
        let is_clean = |text: &&str| matches!(known.mask(text), Cow::Borrowed(_));
        if self.code() != Some(INSUFFICIENT_USER_AUTHENTICATION) {
            return StepUp::claims(self.claims.as_ref()?.as_text().filter(is_clean)?);
        }
        let acr_values = match &self.acr_values {
            None => None,
            Some(values) => Some(values.as_text().filter(is_clean)?),
        };
        let max_age = match &self.max_age {
            None => None,
            Some(Member::Integer(seconds)) => Some(*seconds),
            Some(member) => Some(StepUp::seconds(member.as_text()?)?),
        };
        StepUp::authentication(acr_values, max_age)
    }

    /// For the log.
    pub(super) fn in_words(&self, known: &Known) -> String {
        let code = match self.code() {
            Some(code) => format!("error \"{}\"", excerpt(&known.mask(code))),
            None => "an error that is not a string".to_owned(),
        };
        match self.description.as_ref().and_then(Member::as_text) {
            Some(text) => format!("{code}, error_description \"{}\"", description(text, known)),
            None => code,
        }
    }
}

/// RFC 6749, section 7.1: a token whose type is not understood must not be used. Whether it is, is for
/// the location to say.
fn token_type(member: Option<&Member<'_>>, token: &str) -> Result<TokenType, &'static str> {
    let Some(member) = member else { return Ok(TokenType::Unsaid) };
    let word = member.as_text().ok_or("the token_type is not a string")?;
    // The word goes into the log.
    if word == token {
        return Err("the token_type is the token itself");
    }
    if word.len() > TokenType::LONGEST {
        return Err("the token_type is longer than any is");
    }
    Ok(TokenType::of(word))
}

fn told(member: Option<&Member<'_>>) -> Told {
    match member.map(Member::as_text) {
        None => Told::Nothing,
        Some(None) => Told::Unreadable,
        Some(Some(text)) => Told::Text(text.into()),
    }
}

/// A number, or a number in a string; what is negative is over. `None` for anything else.
fn seconds(member: &Member<'_>) -> Option<u64> {
    let seconds = match (member, member.as_text().map(str::trim)) {
        (Member::Integer(seconds), _) => *seconds,
        (Member::Negative, _) => 0,
        (Member::Float(seconds), _) => round_down(*seconds)?,
        (_, Some(text)) => text.parse().ok().or_else(|| round_down(text.parse().ok()?))?,
        (_, None) => return None,
    };
    Some(seconds.min(MAX_LIFE))
}

fn round_down(seconds: f64) -> Option<u64> {
    // The conversion stops at both ends of the range.
    seconds.is_finite().then_some(seconds as u64)
}

/// In seconds, about 68 years: no sum with a time of day overflows.
const MAX_LIFE: u64 = i32::MAX as u64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn issued(body: &str) -> Result<Issued, &'static str> {
        let body = Body::parse(body.as_bytes())?;
        assert!(body.error.is_none());
        body.token.issued()
    }

    fn expires_in(value: &str) -> (Option<u64>, Option<Doubt>) {
        let body = format!(r#"{{"access_token":"t","expires_in":{value}}}"#);
        let issued = issued(&body).unwrap_or_else(|reason| panic!("{value}: {reason}"));
        (issued.expires_in, issued.doubt)
    }

    #[test]
    fn a_life_is_read_as_leniently_as_is_safe() {
        for (value, seconds) in [
            ("3600", Some(3600)),
            ("0", Some(0)),
            ("\"3600\"", Some(3600)),
            ("\" 60 \"", Some(60)),
            ("59.99", Some(59)),
            ("\"59.99\"", Some(59)),
            ("6e1", Some(60)),
            ("null", None),
            // Already over.
            ("-1", Some(0)),
            ("-0.5", Some(0)),
            ("\"-1\"", Some(0)),
            // Absurd, and bounded by the cache anyway.
            ("18446744073709551615", Some(MAX_LIFE)),
            ("18446744073709551616", Some(MAX_LIFE)),
            ("1e300", Some(MAX_LIFE)),
            ("\"99999999999999999999\"", Some(MAX_LIFE)),
        ] {
            assert_eq!(expires_in(value), (seconds, None), "{value}");
        }
        assert_eq!(issued(r#"{"access_token":"t"}"#).unwrap().expires_in, None);
    }

    #[test]
    fn a_life_that_is_no_time_is_for_one_use_and_is_told() {
        for value in [
            r#""""#,
            r#""soon""#,
            r#""3600s""#,
            r#""1,800""#,
            r#""2026-11-30T03:43:09Z""#,
            r#""NaN""#,
            r#""inf""#,
            r#""1e999""#,
            "true",
            "[60]",
            "{\"a\":60}",
        ] {
            assert_eq!(expires_in(value), (Some(0), Some(Doubt::ExpiresIn)), "{value}");
        }
    }

    #[test]
    fn the_type_of_a_token_is_read_and_left_to_the_location() {
        use TokenType::{Bearer, NotApplicable, Other, Unsaid};
        let longest = "x".repeat(TokenType::LONGEST);
        for (value, token_type) in [
            ("\"Bearer\"", Ok(Bearer)),
            ("\"bearer\"", Ok(Bearer)),
            ("\"BEARER\"", Ok(Bearer)),
            ("null", Ok(Unsaid)),
            ("\"N_A\"", Ok(NotApplicable)),
            ("\"n_a\"", Ok(NotApplicable)),
            ("\"\"", Ok(Other("".into()))),
            ("\"DPoP\"", Ok(Other("DPoP".into()))),
            ("\"Bearer \"", Ok(Other("Bearer ".into()))),
            (&format!("\"{longest}\""), Ok(Other(longest.as_str().into()))),
            (&format!("\"{longest}x\""), Err("the token_type is longer than any is")),
            ("1", Err("the token_type is not a string")),
            ("[\"Bearer\"]", Err("the token_type is not a string")),
        ] {
            let body = format!(r#"{{"access_token":"t","token_type":{value}}}"#);
            assert_eq!(issued(&body).map(|issued| issued.token_type), token_type, "{value}");
        }
        assert_eq!(issued(r#"{"access_token":"t"}"#).unwrap().token_type, Unsaid);
    }

    #[test]
    fn tokens_that_may_be_used() {
        for (value, token) in [
            (r#""a.b-c""#, Ok("a.b-c")),
            (r#""a\/b\u002bc""#, Ok("a/b+c")),
            (r#""ü \ud83d\ude00""#, Ok("ü 😀")),
            (r#""""#, Err("the access_token is empty")),
            (r#"" ""#, Err("the access_token is blank")),
            (r#""\t \u00a0""#, Err("the access_token is blank")),
            (r#""a\r""#, Err("the access_token holds CR, LF or NUL")),
            (r#""a\n""#, Err("the access_token holds CR, LF or NUL")),
            (r#""\u0000""#, Err("the access_token holds CR, LF or NUL")),
            ("null", Err("there is no access_token")),
            ("1", Err("the access_token is not a string")),
            ("{}", Err("the access_token is not a string")),
            ("[\"a\"]", Err("the access_token is not a string")),
            ("\"a\nb\"", Err("the body is no well-formed JSON object")),
            (r#""\ud83d""#, Err("the body is no well-formed JSON object")),
        ] {
            let result = issued(&format!(r#"{{"access_token":{value}}}"#));
            let result = result.as_ref().map(|issued| issued.token.expose()).map_err(|e| *e);
            assert_eq!(result, token.map(str::as_bytes), "{value}");
        }
        assert_eq!(issued("{}").err(), Some("there is no access_token"));
    }

    #[test]
    fn what_is_no_json_object_is_told_apart() {
        const NONE: &str = "the body is no JSON object";
        const MALFORMED: &str = "the body is no well-formed JSON object";
        const TWICE: &str = "a member of the JSON object is given twice";
        for (body, reason) in [
            ("", NONE),
            (" ", NONE),
            ("null", NONE),
            ("\"token\"", NONE),
            (r#"["token","Bearer",60,null,null]"#, NONE),
            ("<html>", NONE),
            ("access_token=t&token_type=bearer", NONE),
            ("{", MALFORMED),
            (r#"{"access_token":"t""#, MALFORMED),
            (r#"{"access_token":"t"} x"#, MALFORMED),
            (r#"{"access_token":"t"}{}"#, MALFORMED),
            (r#"{"access_token":"t",}"#, MALFORMED),
            (r#"{access_token:"t"}"#, MALFORMED),
            (r#"{"access_token":"t","expires_in":1e999}"#, MALFORMED),
            (r#"{"access_token":"t","access_token":"u"}"#, TWICE),
            (r#"{"access_token":"t","\u0065rror":"a","error":null}"#, TWICE),
        ] {
            assert_eq!(Body::parse(body.as_bytes()).err(), Some(reason), "{body}");
        }
        assert_eq!(Body::parse(b"{\"access_token\":\"\xff\"}").err(), Some(MALFORMED));
        assert_eq!(Body::parse(b"\xff\xfe{\0}\0").err(), Some(NONE), "UTF-16");
    }

    #[test]
    fn what_is_not_asked_for_is_ignored() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for body in [
            "\u{feff}{\"access_token\":\"t\"}".to_owned(),
            " \r\n\t{\"access_token\":\"t\"}\n ".to_owned(),
            format!(r#"{{"x":{deep},"access_token":"t"}}"#),
            format!(r#"{{"expires_in":{deep},"access_token":"t"}}"#),
            r#"{"x":1,"x":2,"refresh_token":5,"n":1e999,"access_token":"t"}"#.to_owned(),
            r#"{"issued_token_type":[],"scope":{},"access_token":"t","error":null}"#.to_owned(),
        ] {
            let body = body.as_str();
            assert!(issued(body).is_ok_and(|issued| issued.token.expose() == b"t"), "{body:.60}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(
            bytes: Vec<u8>,
            text in r#"\{("(access_token|token_type|expires_in|error)":("[^"]{0,8}"|-?[0-9eE.]{1,30}|[\[{]{0,200}|null),?){0,6}\}?"#,
        ) {
            for body in [&bytes[..], text.as_bytes()] {
                if let Ok(body) = Body::parse(body) {
                    if let Some(error) = body.error {
                        let _ = error.in_words(&Known::nothing());
                    }
                    let _ = body.token.issued();
                }
            }
        }

        #[test]
        fn any_token_arrives_as_it_was_sent(token in "[^\r\n\0]{0,40}[!-~][^\r\n\0]{0,40}") {
            let body = serde_json::json!({ "access_token": token }).to_string();
            prop_assert!(issued(&body).unwrap().token.expose() == token.as_bytes());
        }
    }
}
