//! XML, as far as messages of WS-Trust need it: bounded, without DTD, and with the bytes of an
//! element as they are.

pub(super) mod extract;
pub(super) mod limits;
pub(super) mod scan;
pub(super) mod write;

use roxmltree::{Document, ParsingOptions};
use thiserror::Error;

use limits::MAX_NODES;
use scan::{Event, Scanner, Syntax};

/// Where a document comes from, which decides what it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Any client: it is small, and has no processing instruction, since none can stand in a token
    /// that goes on as it is.
    Client,
    /// The STS that the operator chose.
    Sts,
}

/// Reads a document in time and memory that its length bounds.
///
/// # Errors
/// It is not well-formed, or larger or deeper than any message or token is.
pub(super) fn parse(bytes: &[u8], origin: Origin) -> Result<Document<'_>, XmlError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
    let text = skip_declaration(text)?;
    limits::check(text, origin)?;
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::NodesLimitReached
        | roxmltree::Error::AttributesLimitReached
        | roxmltree::Error::NamespacesLimitReached => XmlError::TooLarge,
        // The error itself repeats what it complains about.
        error => XmlError::Malformed { line: error.pos().row, column: error.pos().col },
    })
}

/// The document behind its XML declaration (XML 1.0, section 2.8).
///
/// The parser reads it leniently and ignores what it says, so it does not get it.
fn skip_declaration(text: &str) -> Result<&str, XmlError> {
    let Some(rest) = text.strip_prefix("<?xml").filter(|rest| rest.starts_with(scan::is_space))
    else {
        return Ok(text);
    };
    let (declaration, rest) = rest.split_once("?>").ok_or(XmlError::Declaration)?;
    // What is read of it has the syntax of a tag.
    let tag = format!("<xml{declaration}/>");
    let mut events = Scanner::new(&tag);
    let (Some(Ok(Event::Start(tag))), None) = (events.next(), events.next()) else {
        return Err(XmlError::Declaration);
    };
    let mut names = ["version", "encoding", "standalone"].into_iter();
    for (position, attribute) in tag.attributes.iter().enumerate() {
        let in_order = names.any(|name| name == attribute.name);
        if !in_order || (position == 0) != (attribute.name == "version") {
            return Err(XmlError::Declaration);
        }
        match attribute.name {
            "version" if attribute.value != "1.0" => return Err(XmlError::Version),
            "encoding" if !is_utf8(attribute.value) => return Err(XmlError::Encoding),
            _ => {}
        }
    }
    if tag.attributes.is_empty() { Err(XmlError::Declaration) } else { Ok(rest) }
}

/// Whether an encoding is UTF-8, or a part of it.
pub(super) fn is_utf8(name: &str) -> bool {
    ["utf-8", "utf8", "us-ascii"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Why XML is not read. No message holds anything of what it complains about.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum XmlError {
    #[error("has an XML declaration that is not well-formed")]
    Declaration,
    #[error("has a DOCTYPE")]
    Doctype,
    #[error("declares an encoding that is not UTF-8")]
    Encoding,
    #[error("has a processing instruction")]
    Instruction,
    #[error("is not well-formed XML at line {line}, column {column}")]
    Malformed { line: u32, column: u32 },
    #[error("is not UTF-8")]
    NotUtf8,
    #[error("is nested too deeply")]
    TooDeep,
    #[error("has too many elements, attributes or namespaces")]
    TooLarge,
    #[error("is not XML 1.0")]
    Version,
}

impl XmlError {
    fn malformed(text: &str, at: Syntax) -> Self {
        let before = text.get(..at.offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self::Malformed { line: number(line), column: number(column) }
    }
}
