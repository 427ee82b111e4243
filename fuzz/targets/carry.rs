//! What backends read as the target token, whatever a client sends: the query, a form, the cookies and
//! the type of the body, read by the rules of some of them.
//!
//! The input is a content type, a `Cookie` field and a query in a line each, and then a form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sts_core::carry::name::Likeness;
use sts_core::carry::{cookies, media_type, pairs};

const PARAMETER: &str = "access_token";
const COOKIE: &str = "sts_token";

/// Not a value that the fuzzer comes upon.
const TOKEN: &[u8] = b"eyJhbGciOiJub25lIn0.the-target";

fuzz_target!(|data: &[u8]| {
    let mut lines = data.splitn(4, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    check_type(next());
    check_cookies(next());
    check_parameters(next());
    check_parameters(next());
});

/// A form that is taken for one is the same form to all.
fn check_type(content_type: &[u8]) {
    if !media_type::is_plain_form(content_type) {
        return;
    }
    assert!(!media_type::may_be_in_unknown_charset(content_type));
    let form = b"application/x-www-form-urlencoded";
    // PHP: what stands before the first of these is the type.
    let end = content_type.iter().position(|byte| b";, ".contains(byte));
    let php = content_type.split_at(end.unwrap_or(content_type.len())).0;
    assert!(php.trim_ascii().eq_ignore_ascii_case(form) || content_type.starts_with(b" "));
    // Tomcat: what stands behind `charset=`, wherever that is.
    let text = String::from_utf8_lossy(content_type).to_ascii_lowercase();
    for charset in text.split("charset=").skip(1) {
        let known = ["utf-8", "us-ascii", "iso-8859-1"];
        assert!(known.contains(&charset.trim_matches(['"', ' ', '\t'])), "{text:?}");
    }
}

fn check_parameters(text: &[u8]) {
    let removed = pairs::remove(text, PARAMETER, Likeness::Alike);
    let left = removed.as_ref().map_or(text, |left| left.expose());
    assert!(pairs::remove(left, PARAMETER, Likeness::Alike).is_none(), "more is found at last");
    let all = pairs::prepend(left, PARAMETER, TOKEN);
    for read in [php, express, rack, tomcat] {
        assert!(read(left).is_empty(), "a client's value is read");
        assert_eq!(read(all.expose()), [TOKEN], "the token is not read");
    }
}

fn check_cookies(field: &[u8]) {
    let removed = cookies::remove(field, COOKIE, Likeness::Alike);
    let left = removed.as_ref().map_or(field, |left| left.expose());
    assert!(cookies::remove(left, COOKIE, Likeness::Alike).is_none(), "more is found at last");
    let all = cookies::prepend(left, COOKIE, TOKEN);
    for read in [php_cookies, lenient_cookies] {
        assert!(read(left).is_empty(), "a client's cookie is read");
        assert_eq!(read(all.expose()), [TOKEN], "the token is not read");
    }
}

/// PHP (`main/php_variables.c`): the name ends at NUL; spaces before it are skipped; up to the first `[`
/// a `.` and a space are `_`, and so is that `[` and all behind it where no `]` follows.
fn php(text: &[u8]) -> Vec<Vec<u8>> {
    let parameters = text.split(|byte| *byte == b'&').take(1_000).map(|part| split(part, b'='));
    let named = parameters.filter(|(key, _)| php_name(&decode(key)) == PARAMETER.as_bytes());
    named.map(|(_, value)| decode(value)).collect()
}

/// Since 8.0 names of cookies are not decoded; before, they were.
fn php_cookies(field: &[u8]) -> Vec<Vec<u8>> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let pairs = field.split(|byte| *byte == b';').map(|pair| {
        let start = pair.iter().position(|byte| !is_space(byte)).unwrap_or(pair.len());
        split(pair.split_at(start).1, b'=')
    });
    let is_it = |name: &[u8]| php_name(name) == COOKIE.as_bytes();
    let named = pairs.filter(|(name, _)| is_it(name) || is_it(&decode(name)));
    named.map(|(_, value)| decode(value)).collect()
}

fn php_name(name: &[u8]) -> Vec<u8> {
    let name = split(name, 0).0;
    let start = name.iter().position(|byte| *byte != b' ').unwrap_or(name.len());
    let name = name.split_at(start).1;
    let bracket = name.iter().position(|byte| *byte == b'[').unwrap_or(name.len());
    let (before, behind) = name.split_at(bracket);
    let kept = if behind.contains(&b']') { before } else { name };
    let mangled = |byte: &u8| if b" .[".contains(byte) { b'_' } else { *byte };
    kept.iter().map(mangled).collect()
}

/// qs, which Express reads queries and forms with: brackets may be encoded, a key ends at `]=` or `=`, and
/// one that begins with a bracket is what stands in it.
fn express(text: &[u8]) -> Vec<Vec<u8>> {
    let key = |part: &[u8]| {
        let decoded: Vec<u8> = decode_brackets(part);
        let end = decoded.windows(2).position(|pair| pair == b"]=").map(|at| at + 1);
        let end = end.or_else(|| decoded.iter().position(|byte| *byte == b'='));
        let end = end.unwrap_or(decoded.len());
        let (key, value) = decoded.split_at(end);
        (decode(key), decode(value.strip_prefix(b"=").unwrap_or_default()))
    };
    let parameters = text.split(|byte| *byte == b'&').take(1_000).map(key);
    let named = parameters.filter(|(key, _)| {
        let (parent, rest) = split(key, b'[');
        let name = if parent.is_empty() { split(rest, b']').0 } else { parent };
        name == PARAMETER.as_bytes()
    });
    named.map(|(_, value)| value).collect()
}

/// Rack 2 (`Rack::QueryParser`): `;` separates too, and a name may stand in brackets.
fn rack(text: &[u8]) -> Vec<Vec<u8>> {
    let parameters = text.split(|byte| matches!(byte, b'&' | b';')).map(|part| {
        let start = part.iter().position(|byte| *byte != b' ').unwrap_or(part.len());
        split(part.split_at(start).1, b'=')
    });
    let named = parameters.filter(|(key, _)| {
        let key = decode(key);
        let is_bracket = |byte: &u8| matches!(byte, b'[' | b']');
        let start = key.iter().position(|byte| !is_bracket(byte)).unwrap_or(key.len());
        key.split_at(start).1.split(is_bracket).next() == Some(PARAMETER.as_bytes())
    });
    named.map(|(_, value)| decode(value)).collect()
}

/// Tomcat (`org.apache.tomcat.util.http.Parameters`), as Django, Flask and aiohttp: the name is the name.
fn tomcat(text: &[u8]) -> Vec<Vec<u8>> {
    let parameters = text.split(|byte| *byte == b'&').map(|part| split(part, b'='));
    let named = parameters.filter(|(key, _)| decode(key) == PARAMETER.as_bytes());
    named.map(|(_, value)| decode(value)).collect()
}

/// More lenient than Python's `http.cookies` and what is like it: whatever stands before any `=`, up to
/// what cannot stand in a name, is the name of a cookie.
fn lenient_cookies(field: &[u8]) -> Vec<Vec<u8>> {
    let ends_name =
        |byte: &u8| !(byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:".contains(byte));
    let mut found = Vec::new();
    for (at, _) in field.iter().enumerate().filter(|(_, byte)| **byte == b'=') {
        let (before, behind) = field.split_at(at);
        let name = before.trim_ascii_end().rsplit(ends_name).next().unwrap_or_default();
        if name == COOKIE.as_bytes() {
            let value = behind.strip_prefix(b"=").unwrap_or_default();
            found.push(split(value, b';').0.to_vec());
        }
    }
    found
}

/// What stands before the first of these bytes, and what behind it.
fn split(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == at).unwrap_or(text.len());
    let (before, behind) = text.split_at(end);
    (before, behind.get(1..).unwrap_or_default())
}

/// A `%` that starts nothing stands for itself.
fn decode(text: &[u8]) -> Vec<u8> {
    let spaces: Vec<u8> =
        text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaces, |_| true)
}

fn decode_brackets(text: &[u8]) -> Vec<u8> {
    percent_decode(text, |byte| matches!(byte, b'[' | b']'))
}

fn percent_decode(text: &[u8], decodes: impl Fn(u8) -> bool) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        rest = behind;
        let encoded = match behind {
            [high, low, ..] if *first == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match encoded.map(|(high, low)| high << 4 | low) {
            Some(byte) if decodes(byte) => {
                decoded.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => decoded.push(*first),
        }
    }
    decoded
}
