//! What may be shown of secrets: that they are there, and how long they are.

use serde_json::Value;
use sts_core::known::Known;

use crate::harmless;

/// Bytes of a word that may be a secret by its length alone.
const LONG: usize = 40;

/// Characters of a token that are shown.
const SHOWN: usize = 6;

/// Characters of a text of which nothing is known.
const MAX_TEXT: usize = 2048;

/// In the place of what is a secret however short it is.
pub const SECRET: &str = "[secret]";

/// Whether a parameter, or a member of an answer, is a secret or a token.
pub fn is_secret(name: &str) -> bool {
    const NAMES: [&str; 5] = ["assertion", "password", "client_secret", "code", "request_context"];
    let is_about = ["_type", "_use", "_endpoint"].iter().any(|end| name.ends_with(end));
    NAMES.contains(&name) || name.ends_with("_assertion") || (name.contains("token") && !is_about)
}

/// A token: how it begins where it is long enough, and how long it is.
pub fn token(token: &[u8]) -> String {
    let start = token.get(..SHOWN).and_then(|start| std::str::from_utf8(start).ok());
    let start = start.filter(|start| start.bytes().all(|byte| byte.is_ascii_graphic()));
    match start.filter(|_| token.len() >= LONG) {
        Some(start) => format!("{start}... ({} bytes)", token.len()),
        None => length(token),
    }
}

/// In the place of what may be a secret: how long it is.
fn length(value: &[u8]) -> String {
    format!("[{} bytes]", value.len())
}

/// The value of a parameter of a call: whole where its name says that it is harmless.
pub fn parameter(name: &str, value: &[u8], known: &Known) -> String {
    if harmless::parameter(name) || is_secret(name) {
        return self::value(name, value, known);
    }
    length(value)
}

/// The value of a header of a call.
pub fn header(name: &str, value: &str, known: &Known) -> String {
    match name {
        "authorization" | "proxy-authorization" => {
            let scheme = value.split(' ').next().unwrap_or_default();
            format!("{scheme} {SECRET}")
        }
        name if harmless::header(name) => line(value, known),
        _ => length(value.as_bytes()),
    }
}

/// The value of a header of an answer.
pub fn answer_header(name: &str, value: &[u8], known: &Known) -> String {
    if !harmless::answer_header(name) {
        return length(value);
    }
    let value = String::from_utf8_lossy(value);
    if name == "location" { url(&value, known) } else { line(&value, known) }
}

/// A URL, whose query may hold secrets.
pub fn url(url: &str, known: &Known) -> String {
    let Some((start, query)) = url.split_once('?') else { return line(url, known) };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if !harmless::parameter(name) => {
            format!("{}={}", line(name, known), length(value.as_bytes()))
        }
        None if !pair.is_empty() => length(pair.as_bytes()),
        _ => line(pair, known),
    });
    format!("{}?{}", line(start, known), pairs.collect::<Vec<_>>().join("&"))
}

/// The value of a member of an answer with a name.
pub fn value(name: &str, value: &[u8], known: &Known) -> String {
    match name {
        "client_secret" | "password" => SECRET.to_owned(),
        name if is_secret(name) => token(value),
        _ => text(&String::from_utf8_lossy(value), known),
    }
}

/// A text without what is known to be a secret, without long words, and without control characters.
pub fn text(text: &str, known: &Known) -> String {
    let mut shown = word(text, known);
    if let Some((at, _)) = shown.char_indices().nth(MAX_TEXT) {
        shown.truncate(at);
        shown.push_str("...");
    }
    shown
}

/// The same in one line.
pub fn line(text: &str, known: &Known) -> String {
    self::text(text, known).replace('\n', "\\n")
}

/// The same, however long it is.
pub fn word(text: &str, known: &Known) -> String {
    let masked = known.mask(text);
    let mut shown = String::new();
    for word in masked.split_inclusive(|c: char| !is_of_token(c)) {
        let bare = word.trim_end_matches(|c| !is_of_token(c));
        let rest = word.get(bare.len()..).unwrap_or_default();
        if bare.len() >= LONG && bare.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
            shown.push_str(&token(bare.as_bytes()));
        } else {
            shown.push_str(bare);
        }
        for c in rest.chars() {
            if c != '\n' && commands(c) {
                shown.extend(c.escape_unicode());
            } else {
                shown.push(c);
            }
        }
    }
    shown
}

/// Whether a terminal obeys a character instead of showing it: it moves, colours, or turns around what stands
/// beside it (Unicode Standard Annex 9).
fn commands(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

/// A document of JSON as it is written, without what a terminal obeys. Its values stay what they are.
pub fn printed(value: &Value) -> String {
    let mut text = String::new();
    for c in format!("{value:#}").chars() {
        if c != '\n' && commands(c) {
            // All of them are of the basic plane.
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

/// What a token can be made of, less what stands in URLs and identifiers.
fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '=')
}

/// A document of JSON, its tokens shortened.
pub fn json(value: &Value, known: &Known) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let value = match value {
                    Value::String(value) => Value::from(self::value(name, value.as_bytes(), known)),
                    other => json(other, known),
                };
                (text(name, known), value)
            })
            .collect(),
        Value::Array(values) => values.iter().map(|value| json(value, known)).collect(),
        Value::String(value) => Value::from(text(value, known)),
        other => other.clone(),
    }
}

/// Elements whose content is a token or a secret.
const TOKENS: [&str; 8] = [
    "Assertion",
    "EncryptedAssertion",
    "BinarySecurityToken",
    "BinarySecret",
    "CipherValue",
    "Password",
    "TokenWrapper",
    "X509Certificate",
];

/// A document of XML without its tokens; `None` where it is none.
pub fn xml(document: &str, known: &Known) -> Option<String> {
    let parsed = roxmltree::Document::parse(document).ok()?;
    let mut shown = String::new();
    let mut end = 0;
    for node in parsed.descendants() {
        let range = node.range();
        if !node.is_element() || range.start < end || !TOKENS.contains(&node.tag_name().name()) {
            continue;
        }
        shown.push_str(&text(document.get(end..range.start)?, known));
        let name = node.tag_name().name();
        shown.push_str(&format!("<{name}>[{} bytes]</{name}>", range.len()));
        end = range.end;
    }
    shown.push_str(&text(document.get(end..)?, known));
    Some(shown)
}

/// A body of which the type is not known beforehand.
pub fn body(body: &[u8], known: &Known) -> String {
    let lossy = String::from_utf8_lossy(body);
    if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_slice(body) {
        return serde_json::to_string_pretty(&json(&value, known)).unwrap_or_default();
    }
    xml(&lossy, known).unwrap_or_else(|| text(&lossy, known))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_are_short_and_secrets_are_not_shown() {
        let long = "abcdef".repeat(10);
        let nothing = Known::nothing();
        for (name, given, expected) in [
            ("access_token", long.as_str(), "abcdef... (60 bytes)"),
            ("subject_token", "alice", "[5 bytes]"),
            (
                "subject_token_type",
                "urn:ietf:params:oauth:token-type:jwt",
                "urn:ietf:params:oauth:token-type:jwt",
            ),
            ("requested_token_use", "on_behalf_of", "on_behalf_of"),
            ("client_secret", &long, "[secret]"),
            ("client_assertion", &long, "abcdef... (60 bytes)"),
            ("client_assertion_type", "urn:x", "urn:x"),
            ("error_description", &format!("bad token {long}."), "bad token abcdef... (60 bytes)."),
        ] {
            assert_eq!(value(name, given.as_bytes(), &nothing), expected, "{name}");
        }
        let mut known = Known::nothing();
        known.add(b"opensesame");
        assert_eq!(value("scope", b"opensesame x", &known), "[secret] x");
    }

    #[test]
    fn a_body_is_shown_as_what_it_is() {
        let nothing = Known::nothing();
        let long = "x".repeat(50);
        let shown = body(format!("{{\"a\":[\"{long}\"],\"id_token\":\"t\"}}").as_bytes(), &nothing);
        assert!(!shown.contains(&long) && shown.contains("\"id_token\": \"[1 bytes]\""), "{shown}");
        let shown =
            body(b"<a><s:Assertion xmlns:s='u'><b>secret</b></s:Assertion><c>d</c></a>", &nothing);
        assert_eq!(shown, "<a><Assertion>[52 bytes]</Assertion><c>d</c></a>");
        assert_eq!(body(b"<html>\x1b[1m", &nothing), "<html>\\u{1b}[1m");
    }

    #[test]
    fn what_a_terminal_obeys_is_shown_as_what_it_is() {
        let nothing = Known::nothing();
        let odd = "a\u{1b}]0;b\u{7}\u{9b}2J\u{202e}c\u{2028}\r\td\ne";
        let shown = text(odd, &nothing);
        assert_eq!(
            shown,
            r"a\u{1b}]0;b\u{7}\u{9b}2J\u{202e}c\u{2028}\u{d}\u{9}d".to_owned() + "\ne"
        );
        assert_eq!(line("a\nb", &nothing), r"a\nb");
        let written = printed(&Value::from(odd));
        assert!(!written.chars().any(commands), "{written}");
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), odd);
    }

    #[test]
    fn only_what_is_harmless_is_shown_of_a_call() {
        let mut known = Known::nothing();
        known.add(b"opensesame");
        for (name, value, expected) in [
            ("scope", "read", "read"),
            ("scope", "opensesame", "[secret]"),
            ("client_info", "abc", "[3 bytes]"),
            ("subject_token", "abc", "[3 bytes]"),
            ("client_secret", "abc", "[secret]"),
            ("request_context", "{}", "[2 bytes]"),
        ] {
            assert_eq!(parameter(name, value.as_bytes(), &known), expected, "{name}");
        }
        for (name, value, expected) in [
            ("authorization", "Basic abc", "Basic [secret]"),
            ("x-api-key", "abc", "[3 bytes]"),
            ("traceparent", "00-a", "00-a"),
            ("x-request-id", "opensesame", "[secret]"),
        ] {
            assert_eq!(header(name, value, &known), expected, "{name}");
        }
        assert_eq!(answer_header("set-cookie", b"a=b", &known), "[3 bytes]");
        assert_eq!(
            url("https://a/b?scope=c&key=d&e", &known),
            "https://a/b?scope=c&key=[1 bytes]&[1 bytes]"
        );
        assert_eq!(url("https://a/b?", &known), "https://a/b?");
    }

    proptest! {
        #[test]
        fn no_long_word_is_shown_whole(word in "[A-Za-z0-9_-]{40,100}", before in ".{0,10}") {
            let shown = body(format!("{before} {word} x").as_bytes(), &Known::nothing());
            prop_assert!(!shown.contains(&word));
        }

        #[test]
        fn no_body_panics(bytes: Vec<u8>) {
            body(&bytes, &Known::nothing());
        }
    }
}
