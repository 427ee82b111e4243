//! A look at the tags of a document before, or without, building a tree of it.
//!
//! The tree that the parser builds does not tell which prefixes a tag declares itself, and building
//! it takes more than linear time when tags are made for that. So this is strict where it matters
//! for either, and leaves the rest to the parser.

use memchr::{memchr, memchr2, memmem};

use super::limits::MAX_ATTRIBUTES;

/// What a document is made of.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::wstrust) enum Event<'a> {
    Start(Tag<'a>),
    End,
    /// Between tags, not decoded; of a CDATA section what is in it.
    Text(&'a str),
    Comment,
    Instruction,
}

/// A start tag, or the tag of an empty element.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::wstrust) struct Tag<'a> {
    pub(in crate::wstrust) name: &'a str,
    pub(in crate::wstrust) attributes: Vec<Attribute<'a>>,
    pub(in crate::wstrust) empty: bool,
}

/// An attribute, with its value as it stands, not decoded.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::wstrust) struct Attribute<'a> {
    pub(in crate::wstrust) name: &'a str,
    pub(in crate::wstrust) value: &'a str,
}

impl<'a> Attribute<'a> {
    /// The prefix that this declares, empty for the default namespace.
    pub(in crate::wstrust) fn declares(&self) -> Option<&'a str> {
        match split_name(self.name) {
            ("xmlns", prefix) => Some(prefix),
            ("", "xmlns") => Some(""),
            _ => None,
        }
    }
}

/// The two sides of a qualified name; the first is empty where there is no prefix.
pub(in crate::wstrust) fn split_name(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

/// White space (XML 1.0, section 2.3).
pub(in crate::wstrust) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// What cannot be XML, and where, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wstrust) struct Syntax {
    pub(in crate::wstrust) offset: usize,
    pub(in crate::wstrust) kind: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wstrust) enum Fault {
    Doctype,
    Malformed,
    TooManyAttributes,
}

/// Walks over a document, or an element of one.
pub(in crate::wstrust) struct Scanner<'a> {
    rest: &'a str,
    length: usize,
    failed: bool,
}

impl<'a> Scanner<'a> {
    pub(in crate::wstrust) fn new(text: &'a str) -> Self {
        Self { rest: text, length: text.len(), failed: false }
    }

    fn event(&mut self) -> Result<Event<'a>, Fault> {
        if !self.rest.starts_with('<') {
            let end = memchr(b'<', self.rest.as_bytes()).unwrap_or(self.rest.len());
            let text = self.take(end)?;
            return check_references(text).map(|()| Event::Text(text));
        }
        if self.skip("<!--") {
            self.take_to("-->")?;
            return Ok(Event::Comment);
        }
        if self.skip("<![CDATA[") {
            return Ok(Event::Text(self.take_to("]]>")?));
        }
        if self.skip("<?") {
            let content = self.take_to("?>")?;
            let target = content.split(is_space).next().unwrap_or_default();
            // XML 1.0, section 2.6: the name is reserved.
            let reserved = target.eq_ignore_ascii_case("xml");
            return if reserved { Err(Fault::Malformed) } else { Ok(Event::Instruction) };
        }
        if self.skip("<!DOCTYPE") {
            return Err(Fault::Doctype);
        }
        if self.skip("</") {
            self.take_to(">")?;
            return Ok(Event::End);
        }
        self.take(1)?;
        self.tag().map(Event::Start)
    }

    fn tag(&mut self) -> Result<Tag<'a>, Fault> {
        let name = self.name()?;
        let mut attributes = Vec::new();
        loop {
            let spaced = self.skip_space();
            if self.skip(">") {
                return Ok(Tag { name, attributes, empty: false });
            }
            if self.skip("/>") {
                return Ok(Tag { name, attributes, empty: true });
            }
            if !spaced {
                return Err(Fault::Malformed);
            }
            let attribute = self.attribute()?;
            check_declaration(&attribute, &attributes)?;
            attributes.push(attribute);
            if attributes.len() > MAX_ATTRIBUTES {
                return Err(Fault::TooManyAttributes);
            }
        }
    }

    fn attribute(&mut self) -> Result<Attribute<'a>, Fault> {
        let name = self.name()?;
        self.skip_space();
        if !self.skip("=") {
            return Err(Fault::Malformed);
        }
        self.skip_space();
        let quote = match self.take(1)? {
            "\"" => b'"',
            "'" => b'\'',
            _ => return Err(Fault::Malformed),
        };
        let end = memchr2(quote, b'<', self.rest.as_bytes()).ok_or(Fault::Malformed)?;
        let value = self.take(end)?;
        if self.take(1)?.as_bytes() == [quote] {
            check_references(value).map(|()| Attribute { name, value })
        } else {
            Err(Fault::Malformed)
        }
    }

    /// A qualified name; that its characters are allowed is left to the parser.
    fn name(&mut self) -> Result<&'a str, Fault> {
        let ends = |c: char| is_space(c) || matches!(c, '=' | '/' | '>' | '<' | '"' | '\'' | '&');
        let end = self.rest.find(ends).ok_or(Fault::Malformed)?;
        let name = self.take(end)?;
        let (prefix, local) = split_name(name);
        // The parser takes ":name" for "name".
        let malformed = local.is_empty() || local.contains(':') || name.starts_with(':');
        if malformed || prefix == "xmlns" && local == "xmlns" {
            Err(Fault::Malformed)
        } else {
            Ok(name)
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a str, Fault> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Fault::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// What is before `end`, which is skipped.
    fn take_to(&mut self, end: &str) -> Result<&'a str, Fault> {
        let at = memmem::find(self.rest.as_bytes(), end.as_bytes()).ok_or(Fault::Malformed)?;
        let taken = self.take(at)?;
        self.skip(end);
        Ok(taken)
    }

    fn skip(&mut self, start: &str) -> bool {
        match self.rest.strip_prefix(start) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_space(&mut self) -> bool {
        let rest = self.rest.trim_start_matches(is_space);
        let skipped = rest.len() < self.rest.len();
        self.rest = rest;
        skipped
    }
}

/// Refuses declarations of which the parser makes something else than other parsers do
/// (Namespaces in XML 1.0, sections 3 and 5).
fn check_declaration(attribute: &Attribute<'_>, earlier: &[Attribute<'_>]) -> Result<(), Fault> {
    let (prefix, local) = split_name(attribute.name);
    let malformed = match (prefix, local) {
        // A second default namespace would go unnoticed.
        ("", "xmlns") => earlier.iter().any(|known| known.name == "xmlns"),
        // A prefix cannot be undeclared.
        ("xmlns", _) => attribute.value.is_empty(),
        // The parser takes "x:xmlns" for a default namespace.
        (_, "xmlns") => true,
        _ => false,
    };
    if malformed { Err(Fault::Malformed) } else { Ok(()) }
}

/// Refuses references to what is no character, for which the parser puts another (XML 1.0, section
/// 4.1); all others it judges itself.
fn check_references(text: &str) -> Result<(), Fault> {
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("&#") {
        let (digits, radix) = match behind.strip_prefix('x') {
            Some(digits) => (digits, 16),
            None => (behind, 10),
        };
        let (digits, _) = digits.split_once(';').ok_or(Fault::Malformed)?;
        let code = u32::from_str_radix(digits, radix).map_err(|_| Fault::Malformed)?;
        char::from_u32(code).ok_or(Fault::Malformed)?;
        rest = behind;
    }
    Ok(())
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Result<Event<'a>, Syntax>;

    /// After an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() || self.failed {
            return None;
        }
        let offset = self.length - self.rest.len();
        let event = self.event();
        self.failed = event.is_err();
        Some(event.map_err(|kind| Syntax { offset, kind }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(text: &str) -> Vec<Event<'_>> {
        Scanner::new(text).map(|event| event.unwrap()).collect()
    }

    fn fault(text: &str) -> Option<Fault> {
        Scanner::new(text).find_map(|event| event.err().map(|error| error.kind))
    }

    #[test]
    fn tags_are_taken_apart() {
        let text = "<a:b x = '1>'\n xmlns:a=\"u\"><!-- <no> -->t<![CDATA[<c>]]><d/></a:b >";
        let tag = |name, attributes, empty| Event::Start(Tag { name, attributes, empty });
        let attributes =
            vec![Attribute { name: "x", value: "1>" }, Attribute { name: "xmlns:a", value: "u" }];
        assert_eq!(
            events(text),
            [
                tag("a:b", attributes, false),
                Event::Comment,
                Event::Text("t"),
                Event::Text("<c>"),
                tag("d", vec![], true),
                Event::End,
            ]
        );
    }

    #[test]
    fn what_parsers_do_not_agree_on_is_refused() {
        for text in [
            "<:a/>",
            "<a:/>",
            "<a:b:c/>",
            "<a :b='1'/>",
            "<a b:xmlns='u'/>",
            "<a xmlns='u' xmlns='v'/>",
            "<a xmlns:b=''/>",
            "<a xmlns:xmlns='u'/>",
            "<a xmlns:='u'/>",
            "<a b='1'c='2'/>",
            "<a b=1/>",
            "<a b/>",
            "<a b='<'/>",
            "<a b='1/>",
            "<a",
            "<",
            "<a/ >",
            "<?xml version='1.0'?><a/>",
            "<?XML\tversion='1.0'?><a/>",
            "<!-- <a/>",
            "<![CDATA[ ]] >",
            "<a>&#xD800;</a>",
            "<a>&#x110000;</a>",
            "<a>&#99999999999;</a>",
            "<a b='&#57343;'/>",
            "<a>&#x;</a>",
            "<a>&#1</a>;",
            "</a",
            "<?a",
        ] {
            assert_eq!(fault(text), Some(Fault::Malformed), "{text}");
        }
        assert_eq!(fault(" <!DOCTYPE a><a/>"), Some(Fault::Doctype));
        assert_eq!(fault("<a><!DOCTYPE a></a>"), Some(Fault::Doctype));
    }

    #[test]
    fn references_to_characters_are_accepted() {
        for text in ["<a b='&#x10FFFF;'>&#0010;&amp;&#xe9;</a>", "<a><![CDATA[&#xD800; &#]]></a>"] {
            assert_eq!(fault(text), None, "{text}");
        }
    }

    #[test]
    fn attributes_are_counted() {
        let tag = |count: usize| {
            let attributes: String = (0..count).map(|i| format!(" a{i}='1'")).collect();
            format!("<a{attributes}/>")
        };
        assert_eq!(fault(&tag(MAX_ATTRIBUTES)), None);
        assert_eq!(fault(&tag(MAX_ATTRIBUTES + 1)), Some(Fault::TooManyAttributes));
    }

    #[test]
    fn declarations_are_known() {
        let declares = |name| Attribute { name, value: "u" }.declares();
        assert_eq!(declares("xmlns"), Some(""));
        assert_eq!(declares("xmlns:a"), Some("a"));
        assert_eq!(declares("a"), None);
        assert_eq!(declares("a:b"), None);
    }

    proptest! {
        #[test]
        fn scanning_never_panics_and_ends(text in "[<>/!?=:'\"a \\-\\[\\]é&;]{0,60}|\\PC{0,60}") {
            let events = Scanner::new(&text).count();
            prop_assert!(events <= text.len());
        }
    }
}
