//! Reading and writing XML.

use roxmltree::{Document, Node};

use super::fault::Fault;

pub(super) fn parse(body: &[u8]) -> Result<Document<'_>, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::sender("the message is not UTF-8"))?;
    // Without DTD: the parser refuses it.
    Document::parse(text).map_err(|error| Fault::sender(&format!("the message: {error}")))
}

/// Whether an element has this name.
pub(super) fn is(node: Node<'_, '_>, namespace: &str, name: &str) -> bool {
    node.is_element()
        && node.tag_name().name() == name
        && node.tag_name().namespace() == Some(namespace)
}

/// The elements in an element; anything else in it but white space is an error.
pub(super) fn children<'a, 'input>(
    node: Node<'a, 'input>,
) -> Result<Vec<Node<'a, 'input>>, String> {
    for child in node.children() {
        let is_space = child.is_text() && child.text().is_some_and(|text| text.trim().is_empty());
        if !child.is_element() && !is_space {
            return Err(format!("{} holds more than elements", node.tag_name().name()));
        }
    }
    Ok(node.children().filter(Node::is_element).collect())
}

/// The only element of this name among some; none is fine.
pub(super) fn at_most_one<'a, 'input>(
    nodes: &[Node<'a, 'input>],
    namespace: &str,
    name: &str,
) -> Result<Option<Node<'a, 'input>>, String> {
    let mut found = nodes.iter().filter(|node| is(**node, namespace, name));
    match (found.next(), found.next()) {
        (first, None) => Ok(first.copied()),
        _ => Err(format!("{name} comes more than once")),
    }
}

/// The only element of this name among some.
pub(super) fn one<'a, 'input>(
    nodes: &[Node<'a, 'input>],
    namespace: &str,
    name: &str,
) -> Result<Node<'a, 'input>, String> {
    at_most_one(nodes, namespace, name)?.ok_or_else(|| format!("{name} is missing"))
}

/// The text of an element that holds nothing else.
pub(super) fn text(node: Node<'_, '_>) -> Result<String, String> {
    if node.children().any(|child| !child.is_text()) {
        return Err(format!("{} holds more than text", node.tag_name().name()));
    }
    match node.text().unwrap_or_default() {
        "" => Err(format!("{} is empty", node.tag_name().name())),
        text => Ok(text.to_owned()),
    }
}

/// For text, and for attributes in double quotes, as canonical XML has both (section 1.1), except that
/// it would leave `>` in an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\r' => escaped.push_str("&#xD;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// As canonical XML has the text of an element.
pub(super) fn escape_text(text: &str) -> String {
    escape(text).replace("&quot;", "\"")
}
