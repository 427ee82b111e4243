//! The subject of an assertion or of a `wsse:UsernameToken`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use roxmltree::Node;
use zeroize::Zeroizing;

use super::names::{SAML_1, SAML_2, WSSE};
use super::xml::{self, Origin};
use crate::subjects::About;

/// Reads what is XML, or an assertion encoded as OAuth has it (RFC 8693, section 3).
pub(super) fn read(token: &[u8], origin: Origin) -> About {
    match token {
        [b'<', ..] => of_text(token, origin).unwrap_or(About::Unclear),
        // What begins with "<" becomes "P", and one of these; so does what is opaque.
        [b'P', b'A'..=b'P', ..] => {
            let decoded = URL_SAFE_NO_PAD.decode(token).ok().map(Zeroizing::new);
            decoded.and_then(|text| of_text(&text, origin)).unwrap_or(About::Unsaid)
        }
        _ => About::Unsaid,
    }
}

/// `None` for what is no XML.
fn of_text(text: &[u8], origin: Origin) -> Option<About> {
    let document = xml::parse(text, origin).ok()?;
    Some(of_element(document.root_element()))
}

fn of_element(root: Node<'_, '_>) -> About {
    if root.has_tag_name((SAML_2, "Assertion")) {
        let subjects: Vec<_> = children(root, SAML_2, "Subject").collect();
        return match subjects[..] {
            [] => About::Unsaid,
            [subject] => name(subject, SAML_2, "NameID"),
            _ => About::Unclear,
        };
    }
    if root.has_tag_name((SAML_1, "Assertion")) {
        let statements = root.children().filter(Node::is_element);
        let subjects = statements.flat_map(|statement| children(statement, SAML_1, "Subject"));
        return subjects
            .map(|subject| name(subject, SAML_1, "NameIdentifier"))
            .fold(About::Unsaid, and);
    }
    if root.has_tag_name((WSSE, "UsernameToken")) {
        return name(root, WSSE, "Username");
    }
    About::Unsaid
}

/// What several statements say together.
fn and(one: About, other: About) -> About {
    match (one, other) {
        (About::Named(mut names), About::Named(others)) => {
            names.extend(others);
            About::Named(names)
        }
        (About::Unclear, _) | (_, About::Unclear) => About::Unclear,
        (About::Unsaid, said) | (said, About::Unsaid) => said,
    }
}

/// The text of the only child of this name, whatever comments it is cut by.
fn name(node: Node<'_, '_>, namespace: &'static str, name: &'static str) -> About {
    let names: Vec<_> = children(node, namespace, name).collect();
    let [name] = names[..] else {
        return if names.is_empty() { About::Unsaid } else { About::Unclear };
    };
    if name.children().any(|child| child.is_element()) {
        return About::Unclear;
    }
    let texts = name.children().filter(Node::is_text);
    let text: String = texts.filter_map(|child| child.text()).collect();
    About::one(text.trim())
}

fn children<'a, 'input: 'a>(
    node: Node<'a, 'input>,
    namespace: &'static str,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| child.has_tag_name((namespace, name)))
}
