//! What a document may hold, so that reading it takes time and memory that its length bounds.
//!
//! The parser compares each attribute of an element with the others, and copies the namespaces in
//! scope for each element that declares one.

use memchr::memchr_iter;

use super::scan::{Event, Fault, Scanner, Syntax, Tag};
use super::{Origin, XmlError};

/// Walks over the whole document.
pub(super) fn check(text: &str, origin: Origin) -> Result<(), XmlError> {
    let bounds = Bounds::of(origin);
    let count = |byte| memchr_iter(byte, text.as_bytes()).count();
    if count(b'<') > bounds.markup || count(b'=') > bounds.markup {
        return Err(XmlError::TooLarge);
    }
    let mut open = Open::default();
    for event in Scanner::new(text) {
        match event.map_err(|error| refused(text, error))? {
            Event::Start(tag) => open.start(&tag, &bounds)?,
            Event::End => open.end(),
            Event::Instruction if origin == Origin::Client => return Err(XmlError::Instruction),
            Event::Comment | Event::Instruction | Event::Text(_) => {}
        }
    }
    Ok(())
}

/// What a whole document may have.
struct Bounds {
    /// `<` and `=`, each. Of either the parser makes an entry of about a hundred bytes.
    markup: usize,
    /// Namespaces declared anywhere, each time that they are. The parser keeps them sorted, which takes
    /// the longer the more there are.
    declared: usize,
    /// Namespaces in scope at the elements that declare any. The parser copies all of them.
    copied: usize,
}

impl Bounds {
    const fn of(origin: Origin) -> Self {
        match origin {
            // Room for an assertion of 256 KiB, each of whose values declares `xs` and `xsi`; the
            // worst that fits takes some milliseconds.
            Origin::Client => Self { markup: 10_000, declared: 10_000, copied: 20_000 },
            // Room for ten thousand such values.
            Origin::Sts => Self { markup: MAX_MARKUP, declared: 20_000, copied: 200_000 },
        }
    }
}

/// How many namespaces each open element declares.
#[derive(Default)]
struct Open {
    elements: Vec<usize>,
    in_scope: usize,
    /// In the whole document so far.
    declared: usize,
    copied: usize,
}

impl Open {
    fn start(&mut self, tag: &Tag<'_>, bounds: &Bounds) -> Result<(), XmlError> {
        let declarations = tag.attributes.iter().filter(|a| a.declares().is_some());
        let mut declared = 0;
        for declaration in declarations {
            if declaration.value.len() > MAX_NAMESPACE {
                return Err(XmlError::TooLarge);
            }
            declared += 1;
        }
        let in_scope = self.in_scope + declared;
        self.declared += declared;
        self.copied += if declared > 0 { in_scope } else { 0 };
        if in_scope > MAX_IN_SCOPE || self.declared > bounds.declared || self.copied > bounds.copied
        {
            return Err(XmlError::TooLarge);
        }
        if self.elements.len() == MAX_DEPTH {
            return Err(XmlError::TooDeep);
        }
        if !tag.empty {
            self.elements.push(declared);
            self.in_scope += declared;
        }
        Ok(())
    }

    /// That the tags fit each other is left to the parser.
    fn end(&mut self) {
        self.in_scope -= self.elements.pop().unwrap_or(0);
    }
}

fn refused(text: &str, error: Syntax) -> XmlError {
    match error.kind {
        Fault::Doctype => XmlError::Doctype,
        Fault::Malformed => XmlError::malformed(text, error),
        Fault::TooManyAttributes => XmlError::TooLarge,
    }
}

/// In an answer; see [`Bounds::markup`].
const MAX_MARKUP: usize = 100_000;

/// Nodes in the parser's tree: each `<` may end a text before it.
pub(super) const MAX_NODES: u32 = 2 * 100_000 + 2;

/// Open elements. Those of an assertion in an answer are about fifteen.
const MAX_DEPTH: usize = 100;

/// Of one element. Envelopes that declare all their namespaces at once have about twenty.
pub(super) const MAX_ATTRIBUTES: usize = 64;

/// Namespaces declared by an element and those around it.
const MAX_IN_SCOPE: usize = 128;

/// Bytes of the name of a namespace.
const MAX_NAMESPACE: usize = 512;
