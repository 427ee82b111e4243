//! The envelope in an answer of several parts: SOAP with attachments, and MTOM, with which some servers
//! answer although they were not asked to. The envelope is the root part (RFC 2387, section 3.2), and
//! has to stand whole in it.

use memchr::memmem;

use crate::content::MediaType;
use crate::wstrust::xml::is_utf8;

/// The root part of a body of the type `multipart/related`.
///
/// # Errors
/// There is none that could be an envelope as it stands; the reason says why.
pub(super) fn root<'a>(of: &MediaType<'_>, body: &'a [u8]) -> Result<&'a [u8], &'static str> {
    let boundary = of.parameter("boundary").filter(|boundary| is_boundary(boundary));
    let boundary = boundary.ok_or("the answer has several parts and no clear boundary of them")?;
    let parts = parts(body, boundary)?;
    let start = of.parameter("start").map(without_brackets);
    let mut found = None;
    for part in parts {
        let part = Part::parse(part)?;
        let is_root = match start {
            Some(start) => part.id.as_deref().map(without_brackets) == Some(start),
            // Without a name it is the first.
            None => found.is_none(),
        };
        if is_root && found.is_some() {
            return Err("the answer has two root parts");
        }
        if is_root {
            found = Some(part);
        }
    }
    found.ok_or("the answer has several parts and no root among them")?.envelope()
}

/// RFC 2046, section 5.1.1.
fn is_boundary(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    (1..=70).contains(&text.len()) && text.bytes().all(is_allowed) && !text.ends_with(' ')
}

/// What stands between the boundaries (RFC 2046, section 5.1.1). What stands before the first of them
/// and behind the last is nothing.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<&'a [u8]>, &'static str> {
    const UNCLEAR: &str = "the parts of the answer do not end where they should";
    let dashes = format!("--{boundary}");
    let delimiter = format!("\r\n{dashes}");
    // The first one may be the beginning of the body.
    let mut rest = match body.strip_prefix(dashes.as_bytes()) {
        Some(rest) => rest,
        None => split(body, delimiter.as_bytes()).ok_or(UNCLEAR)?.1,
    };
    let mut parts = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            let is_end = end.first().is_none_or(u8::is_ascii_whitespace);
            return if is_end && !parts.is_empty() { Ok(parts) } else { Err(UNCLEAR) };
        }
        // White space may stand behind a boundary.
        let (padding, part) = split(rest, b"\r\n").ok_or(UNCLEAR)?;
        if !padding.iter().all(|byte| matches!(byte, b' ' | b'\t')) || parts.len() == MOST_PARTS {
            return Err(UNCLEAR);
        }
        // A part may have no header, and then begins with the end of a line.
        let (part, next) = split(part, delimiter.as_bytes()).ok_or(UNCLEAR)?;
        parts.push(part);
        rest = next;
    }
}

/// One part, with the fields of its head that matter.
struct Part<'a> {
    id: Option<String>,
    media_type: Option<String>,
    coding: Option<String>,
    body: &'a [u8],
}

impl<'a> Part<'a> {
    fn parse(part: &'a [u8]) -> Result<Self, &'static str> {
        const UNCLEAR: &str = "a part of the answer has no clear head";
        let (head, body) = match part.strip_prefix(b"\r\n") {
            Some(body) => (&[][..], body),
            None => split(part, b"\r\n\r\n").ok_or(UNCLEAR)?,
        };
        let head = str::from_utf8(head).ok().filter(|head| head.len() <= LONGEST_HEAD);
        // A line that begins with white space goes on with the one before it (RFC 5322, section 2.2.3).
        let head = head.ok_or(UNCLEAR)?.replace("\r\n ", " ").replace("\r\n\t", " ");
        let mut read = Self { id: None, media_type: None, coding: None, body };
        for line in head.split("\r\n").filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').ok_or(UNCLEAR)?;
            let field = match name.to_ascii_lowercase().as_str() {
                "content-id" => &mut read.id,
                "content-type" => &mut read.media_type,
                "content-transfer-encoding" => &mut read.coding,
                _ => continue,
            };
            if field.replace(value.trim().to_owned()).is_some() {
                return Err(UNCLEAR);
            }
        }
        Ok(read)
    }

    /// Its body, if that can be an envelope as it stands.
    fn envelope(self) -> Result<&'a [u8], &'static str> {
        let coding = self.coding.as_deref().unwrap_or("binary").to_ascii_lowercase();
        if !matches!(coding.as_str(), "7bit" | "8bit" | "binary") {
            return Err("the root part of the answer is in a transfer encoding");
        }
        let media_type = self.media_type.as_deref().and_then(MediaType::parse);
        let media_type = media_type.ok_or("the root part of the answer has no type")?;
        let known = ["application/xop+xml", "application/soap+xml", "text/xml"];
        if !known.iter().any(|known| media_type.is(known)) {
            return Err("the root part of the answer is no envelope");
        }
        if media_type.parameter("charset").is_some_and(|charset| !is_utf8(charset)) {
            return Err("the root part of the answer is in an encoding that is not UTF-8");
        }
        Ok(self.body)
    }
}

/// The name of a part, which stands between `<` and `>`; some leave them out in one of two places.
fn without_brackets(id: &str) -> &str {
    id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id)
}

/// What is before and behind the first place where something stands.
fn split<'a>(bytes: &'a [u8], what: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memmem::find(bytes, what)?;
    Some((bytes.get(..at)?, bytes.get(at + what.len()..)?))
}

/// An answer of an STS has one; more than a few attachments are none.
const MOST_PARTS: usize = 32;

/// Bytes of the head of a part.
const LONGEST_HEAD: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "Content-Type: application/xop+xml; charset=UTF-8;\r\n type=\"text/xml\"\r\n\
                        Content-Transfer-Encoding: binary\r\nContent-ID: <root@a>\r\n";

    fn read(media_type: &str, body: &str) -> Result<String, &'static str> {
        let media_type = MediaType::parse(media_type).unwrap();
        root(&media_type, body.as_bytes()).map(|root| String::from_utf8(root.to_vec()).unwrap())
    }

    fn read_named(body: &str) -> Result<String, &'static str> {
        read("multipart/related; boundary=\"b:1\"; start=\"<root@a>\"", body)
    }

    #[test]
    fn the_root_is_the_part_that_is_named_or_the_first() {
        let root = format!("--b:1\r\n{HEAD}\r\n<e/>\r\n");
        let other = "--b:1\r\nContent-ID: <other>\r\n\r\n\0\x01\r\n--b:2\r\n";
        for body in [
            format!("{root}--b:1--"),
            format!("\r\n{root}--b:1--\r\n"),
            format!("This is MIME.\r\n{root}{other}--b:1--\r\nbehind it"),
            format!("{other}{root}--b:1--  \r\n"),
            format!("--b:1 \t\r\n{HEAD}\r\n<e/>\r\n--b:1--"),
        ] {
            assert_eq!(read_named(&body).as_deref(), Ok("<e/>"), "{body}");
        }
        let first = "--b\r\nContent-Type: text/xml\r\n\r\n<e/>\r\n--b\r\n\r\nother\r\n--b--";
        assert_eq!(read("multipart/related; boundary=b", first).as_deref(), Ok("<e/>"));
        let brackets = format!("{root}--b:1--");
        let name = "multipart/related; boundary=\"b:1\"; start=root@a";
        assert_eq!(read(name, &brackets).as_deref(), Ok("<e/>"));
    }

    #[test]
    fn parts_without_a_clear_end_are_refused() {
        let part = format!("--b:1\r\n{HEAD}\r\n<e/>\r\n");
        for body in [
            String::new(),
            "<e/>".to_owned(),
            "--b:1--".to_owned(),
            part.clone(),
            format!("{part}--b:1"),
            format!("{part}--b:1-"),
            format!("{part}--b:1--x"),
            format!("x{part}--b:1--"),
            part.replace("\r\n", "\n") + "--b:1--",
            format!("{part}--b:1x\r\n\r\n\r\n--b:1--"),
            format!("{}--b:1--", part.repeat(MOST_PARTS + 1)),
        ] {
            let reason = "the parts of the answer do not end where they should";
            assert_eq!(read_named(&body), Err(reason), "{body:.60}");
        }
        for boundary in ["", "; boundary=", "; boundary=\"a\u{e9}\"", "; boundary=a; boundary=b"] {
            let reason = "the answer has several parts and no clear boundary of them";
            assert_eq!(read(&format!("multipart/related{boundary}"), &part), Err(reason));
        }
    }

    #[test]
    fn what_cannot_be_an_envelope_as_it_stands_is_refused() {
        for (head, reason) in [
            (
                HEAD.replace("binary", "base64"),
                "the root part of the answer is in a transfer encoding",
            ),
            (
                HEAD.replace("application/xop+xml", "text/html"),
                "the root part of the answer is no envelope",
            ),
            (
                HEAD.replace("UTF-8", "utf-16"),
                "the root part of the answer is in an encoding that is not UTF-8",
            ),
            ("Content-ID: <root@a>\r\n".to_owned(), "the root part of the answer has no type"),
            (
                HEAD.replace("root@a", "root@b"),
                "the answer has several parts and no root among them",
            ),
            (format!("{HEAD}content-id: <root@a>\r\n"), "a part of the answer has no clear head"),
            (format!("{HEAD}nothing\r\n"), "a part of the answer has no clear head"),
            (
                format!("{HEAD}a: {}\r\n", "b".repeat(LONGEST_HEAD)),
                "a part of the answer has no clear head",
            ),
        ] {
            let body = format!("--b:1\r\n{head}\r\n<e/>\r\n--b:1--");
            assert_eq!(read_named(&body), Err(reason), "{head:.60}");
        }
        let part = format!("--b:1\r\n{HEAD}\r\n<e/>\r\n");
        let twice = format!("{part}{part}--b:1--");
        assert_eq!(read_named(&twice), Err("the answer has two root parts"));
    }

    proptest! {
        #[test]
        fn reading_never_panics(
            body in r"(--b(--)?|\r\n|[ -~]|Content-(Type|ID): ?|<a>|text/xml){0,30}",
        ) {
            let _ = read("multipart/related; boundary=b", &body);
            let _ = read("multipart/related; boundary=b; start=a", &body);
        }
    }
}
