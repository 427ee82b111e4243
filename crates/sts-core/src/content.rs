//! What the head of an answer says of its body.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::excerpt::excerpt;

/// Refuses a body in a coding: every request says that it understands none (RFC 9110, section 12.5.3),
/// and what came all the same may be a bomb.
///
/// # Errors
/// It has one, which the reason names.
pub(crate) fn check_coding(headers: &HeaderMap) -> Result<(), String> {
    let is_none = |coding: &&str| coding.is_empty() || coding.eq_ignore_ascii_case("identity");
    for value in headers.get_all(CONTENT_ENCODING) {
        let codings = value.to_str().unwrap_or("?").split(',').map(str::trim);
        if let Some(coding) = codings.into_iter().find(|coding| !is_none(coding)) {
            return Err(format!(
                "the body has the Content-Encoding \"{}\", which was not asked for",
                excerpt(coding)
            ));
        }
    }
    Ok(())
}

/// A media type with its parameters (RFC 9110, section 8.3.1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MediaType<'a> {
    /// As written.
    essence: &'a str,
    parameters: Vec<(&'a str, String)>,
}

impl<'a> MediaType<'a> {
    /// That of an answer; `None` where there is none, or one that cannot be read.
    pub(crate) fn of(headers: &'a HeaderMap) -> Option<Self> {
        Self::parse(headers.get(CONTENT_TYPE)?.to_str().ok()?)
    }

    /// Reads a value of `Content-Type`.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (essence, mut rest) = split(text, ';');
        let mut parameters = Vec::new();
        while let Some(parameter) = rest {
            let end = parameter.find([';', '=']).unwrap_or(parameter.len());
            let (name, behind) = parameter.split_at(end);
            let value;
            (value, rest) = match behind.strip_prefix('=') {
                Some(value) => parameter_value(value)?,
                None => (String::new(), behind.strip_prefix(';')),
            };
            // An empty parameter is none.
            if !name.trim().is_empty() {
                parameters.push((name.trim(), value));
            }
        }
        Some(Self { essence: essence.trim(), parameters })
    }

    /// Whether it is this type, whatever its parameters.
    pub(crate) fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence)
    }

    /// A parameter; `None` where it is missing, or there twice.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut named =
            self.parameters.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let (_, value) = named.next()?;
        named.next().is_none().then_some(value)
    }
}

/// The value of a parameter, a token or quoted, and what stands behind the semicolon after it.
fn parameter_value(text: &str) -> Option<(String, Option<&str>)> {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = split(text, ';');
        return Some((value.trim().to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    loop {
        match characters.next()? {
            (_, '\\') => value.push(characters.next()?.1),
            (end, '"') => {
                let behind = quoted.get(end + 1..)?;
                let (nothing, rest) = split(behind, ';');
                return nothing.trim().is_empty().then_some((value, rest));
            }
            (_, character) => value.push(character),
        }
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_coding_is_named_wherever_it_stands() {
        for (values, coding) in [
            (&[][..], None),
            (&["identity"], None),
            (&["Identity, "], None),
            (&["gzip"], Some("gzip")),
            (&["identity, br"], Some("br")),
            (&["identity", "x-gzip"], Some("x-gzip")),
            (&["\u{e9}"], Some("?")),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
                headers.append(CONTENT_ENCODING, value);
            }
            let reason = coding.map(|coding| {
                format!("the body has the Content-Encoding \"{coding}\", which was not asked for")
            });
            assert_eq!(check_coding(&headers).err(), reason, "{values:?}");
        }
    }

    #[test]
    fn media_types_are_taken_apart() {
        let text =
            r#"Multipart/Related; type="application/xop+xml";boundary="a;b=\"c";; start=<a@b> ;x"#;
        let media_type = MediaType::parse(text).unwrap();
        assert!(media_type.is("multipart/related"));
        assert_eq!(media_type.parameter("TYPE"), Some("application/xop+xml"));
        assert_eq!(media_type.parameter("boundary"), Some("a;b=\"c"));
        assert_eq!(media_type.parameter("start"), Some("<a@b>"));
        assert_eq!(media_type.parameter("x"), Some(""));
        assert_eq!(media_type.parameter("y"), None);
        assert!(MediaType::parse("text/xml").unwrap().is("text/xml"));
    }

    #[test]
    fn what_is_not_clear_is_none() {
        for text in [r#"a/b; c="d"#, r#"a/b; c="d\"#, r#"a/b; c="d"e"#] {
            assert_eq!(MediaType::parse(text), None, "{text}");
        }
        let twice = MediaType::parse("a/b; c=d; C=e").unwrap();
        assert_eq!(twice.parameter("c"), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[a/;=\" \\\\b]{0,40}|\\PC{0,40}") {
            let _ = MediaType::parse(&text);
        }
    }
}
