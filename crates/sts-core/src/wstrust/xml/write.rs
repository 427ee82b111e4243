//! Writing XML: parts are collected before any is written, so that a document with a token in it
//! fits its buffer at once.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// A document in the making.
pub(in crate::wstrust) struct Writer<'a> {
    parts: Vec<Part<'a>>,
}

enum Part<'a> {
    Markup(&'a str),
    Text(&'a [u8]),
    Base64(&'a [u8]),
}

impl<'a> Writer<'a> {
    pub(in crate::wstrust) fn with_capacity(parts: usize) -> Self {
        Self { parts: Vec::with_capacity(parts) }
    }

    /// Appends what is XML already.
    pub(in crate::wstrust) fn markup(&mut self, markup: &'a str) {
        self.parts.push(Part::Markup(markup));
    }

    /// Appends text, for an element or an attribute in double quotes.
    pub(in crate::wstrust) fn text(&mut self, text: &'a str) {
        self.parts.push(Part::Text(text.as_bytes()));
    }

    /// Appends text that nothing but the STS may see. It has been checked to be text.
    pub(in crate::wstrust) fn secret(&mut self, text: &'a [u8]) {
        self.parts.push(Part::Text(text));
    }

    /// Appends the base64 of some bytes, padded.
    pub(in crate::wstrust) fn base64(&mut self, bytes: &'a [u8]) {
        self.parts.push(Part::Base64(bytes));
    }

    /// Writes the document into a buffer that it fits.
    pub(in crate::wstrust) fn finish(&self) -> Secret {
        let capacity = self.parts.iter().map(Part::len).sum();
        let mut out = Secret::with_capacity(capacity);
        for part in &self.parts {
            part.write(&mut out);
        }
        debug_assert!(out.len() == capacity, "wrong capacity");
        out
    }
}

impl Part<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Markup(markup) => markup.len(),
            Self::Text(text) => text.iter().map(|b| escaped(*b).map_or(1, str::len)).sum(),
            Self::Base64(bytes) => bytes.len().div_ceil(3) * 4,
        }
    }

    fn write(&self, out: &mut Secret) {
        match self {
            Self::Markup(markup) => out.append(markup.as_bytes()),
            Self::Text(text) => {
                for byte in *text {
                    match escaped(*byte) {
                        Some(reference) => out.append(reference.as_bytes()),
                        None => out.append(&[*byte]),
                    }
                }
            }
            Self::Base64(bytes) => {
                let mut encoded = Zeroizing::new([0; 4 * CHUNK / 3]);
                for chunk in bytes.chunks(CHUNK) {
                    // There is room for a whole chunk.
                    let length = STANDARD.encode_slice(chunk, &mut *encoded).unwrap_or(0);
                    out.append(encoded.get(..length).unwrap_or_default());
                }
            }
        }
    }
}

/// Bytes that are encoded at once: a multiple of three, so that only the last has padding.
const CHUNK: usize = 3 * 1024;

/// The reference that stands for a byte which does not stand for itself, in text or in an attribute:
/// a reader would take white space of an attribute, or a CR anywhere, for something else (XML 1.0,
/// sections 2.11 and 3.3.3).
const fn escaped(byte: u8) -> Option<&'static str> {
    Some(match byte {
        b'&' => "&amp;",
        b'<' => "&lt;",
        b'>' => "&gt;",
        b'"' => "&quot;",
        b'\t' => "&#9;",
        b'\n' => "&#10;",
        b'\r' => "&#13;",
        _ => return None,
    })
}

/// Whether every character may stand in a document (XML 1.0, section 2.2).
pub(in crate::wstrust) fn is_text(text: &str) -> bool {
    let allowed = |c| match c {
        '\t' | '\n' | '\r' => true,
        '\0'..' ' | '\u{fffe}' | '\u{ffff}' => false,
        _ => true,
    };
    text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written<'a>(fill: impl FnOnce(&mut Writer<'a>)) -> String {
        let mut writer = Writer::with_capacity(0);
        fill(&mut writer);
        String::from_utf8(writer.finish().expose().to_vec()).unwrap()
    }

    #[test]
    fn everything_is_escaped_in_text_and_nothing_in_markup() {
        let escaped = written(|w| w.text("<a b=\"c\">'&'\t\r\n</a>é"));
        assert_eq!(escaped, "&lt;a b=&quot;c&quot;&gt;'&amp;'&#9;&#13;&#10;&lt;/a&gt;é");
        assert_eq!(written(|w| w.markup("<a/>")), "<a/>");
        assert_eq!(written(|w| w.secret(b"a&b")), "a&amp;b");
    }

    #[test]
    fn base64_is_that_of_rfc_4648_section_10() {
        for (bytes, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(written(|w| w.base64(bytes.as_bytes())), encoded);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in "(\\PC|[\\t\\r\\n<>&\"'\\]]){0,60}") {
            prop_assume!(is_text(&text));
            let document = written(|w| {
                w.markup("<a b=\"");
                w.text(&text);
                w.markup("\">");
                w.text(&text);
                w.markup("</a>");
            });
            let document = roxmltree::Document::parse(&document).unwrap();
            let root = document.root_element();
            prop_assert_eq!(root.attribute("b"), Some(text.as_str()));
            prop_assert_eq!(root.text().unwrap_or_default(), text.as_str());
        }

        #[test]
        fn what_is_no_text_is_not_read(text in "\\PC{0,3}[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\u{fffe}\u{ffff}]\\PC{0,3}") {
            prop_assert!(!is_text(&text));
            let document = written(|w| {
                w.markup("<a>");
                w.text(&text);
                w.markup("</a>");
            });
            prop_assert!(roxmltree::Document::parse(&document).is_err());
        }
    }
}
