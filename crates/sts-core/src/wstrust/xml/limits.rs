//! What a document may hold, so that reading it takes time and memory that its length bounds.
//!
//! The parser compares each attribute of an element with the others, and copies the namespaces in
//! scope for each element that declares one.

use memchr::memchr_iter;

use super::scan::{Event, Fault, Scanner, Syntax, Tag};
use super::{Instructions, XmlError};

/// Walks over the whole document.
pub(super) fn check(text: &str, instructions: Instructions) -> Result<(), XmlError> {
    let count = |byte| memchr_iter(byte, text.as_bytes()).count();
    if count(b'<') > MAX_MARKUP || count(b'=') > MAX_MARKUP {
        return Err(XmlError::TooLarge);
    }
    let mut open = Open::default();
    for event in Scanner::new(text) {
        match event.map_err(|error| refused(text, error))? {
            Event::Start(tag) => open.start(&tag)?,
            Event::End => open.end(),
            Event::Instruction if instructions == Instructions::Refused => {
                return Err(XmlError::Instruction);
            }
            Event::Comment | Event::Instruction | Event::Text(_) => {}
        }
    }
    Ok(())
}

/// How many namespaces each open element declares.
#[derive(Default)]
struct Open {
    elements: Vec<usize>,
    in_scope: usize,
    /// In the whole document so far.
    declared: usize,
}

impl Open {
    fn start(&mut self, tag: &Tag<'_>) -> Result<(), XmlError> {
        let declarations = tag.attributes.iter().filter(|a| a.declares().is_some());
        let mut declared = 0;
        for declaration in declarations {
            if declaration.value.len() > MAX_NAMESPACE {
                return Err(XmlError::TooLarge);
            }
            declared += 1;
        }
        self.declared += declared;
        if self.in_scope + declared > MAX_IN_SCOPE || self.declared > MAX_DECLARED {
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

/// `<` and `=` in the whole document, each: room for an assertion with ten thousand groups. Of
/// either the parser makes an entry of about a hundred bytes.
const MAX_MARKUP: usize = 100_000;

/// Nodes in the parser's tree: each `<` may end a text before it.
pub(super) const MAX_NODES: u32 = 2 * 100_000 + 2;

/// Open elements. Those of an assertion in an answer are about fifteen.
const MAX_DEPTH: usize = 100;

/// Of one element. Envelopes that declare all their namespaces at once have about twenty.
pub(super) const MAX_ATTRIBUTES: usize = 64;

/// Namespaces declared anywhere, each time that they are: those of ten thousand groups, each with
/// `xs` and `xsi`. The parser keeps them sorted, which takes the longer the more there are.
const MAX_DECLARED: usize = 20_000;

/// Namespaces declared by an element and those around it.
const MAX_IN_SCOPE: usize = 128;

/// Bytes of the name of a namespace.
const MAX_NAMESPACE: usize = 512;
