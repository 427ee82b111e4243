//! Whether the signature of an assertion outlives its being taken out of an answer.

use std::collections::HashSet;

use roxmltree::Node;

use crate::excerpt::excerpt;
use crate::wstrust::names::{DSIG, ENVELOPED_SIGNATURE, EXCLUSIVE, EXCLUSIVE_WITH_COMMENTS};
use crate::wstrust::xml::scan::{Event, Scanner};

/// Refuses an assertion that has been signed in a form which depends on what stands around it.
///
/// Exclusive canonicalisation is made for elements that move (Exclusive XML Canonicalization, section
/// 1.2); SAML recommends it (SAML 2.0 core, section 5.4.3). Inclusive canonicalisation renders every
/// namespace and each `xml:` attribute in scope: outside of the envelope, its outcome is another one
/// unless nothing is in scope there. Whether a server has signed before or after it put the assertion
/// into its envelope cannot be seen, so what is in doubt is refused.
///
/// # Errors
/// It is such a signature; the error says by what it is known.
pub(super) fn check(token: Node<'_, '_>) -> Result<(), String> {
    // Those of what stands inside, as in an `Advice`, have been moved with it before.
    let signatures = token.children().filter(|child| is(*child, "Signature"));
    let Some(cause) = signatures.filter_map(depends_on_context).next() else { return Ok(()) };
    if is_without_context(token) {
        return Ok(());
    }
    Err(format!(
        "the signature of the assertion does not outlive its being taken out of the answer, since it \
         is made with {cause}: the STS has to sign with exclusive canonicalisation ({EXCLUSIVE})"
    ))
}

/// What of a signature is not exclusive: its own canonicalisation, or how what is signed is made.
fn depends_on_context(signature: Node<'_, '_>) -> Option<String> {
    let Some(info) = child(signature, "SignedInfo") else {
        return Some("no SignedInfo".to_owned());
    };
    let method = child(info, "CanonicalizationMethod").and_then(|node| node.attribute("Algorithm"));
    if !method.is_some_and(is_exclusive) {
        return Some(format!("the CanonicalizationMethod \"{}\"", named(method)));
    }
    let mut references = info.children().filter(|node| is(*node, "Reference"));
    references.find_map(|reference| {
        let transforms = child(reference, "Transforms").into_iter();
        let transforms = transforms.flat_map(|transforms| transforms.children());
        let transforms = transforms.filter(|node| is(*node, "Transform"));
        let algorithms: Vec<_> = transforms.map(|node| node.attribute("Algorithm")).collect();
        let is_fine = |algorithm: &str| algorithm == ENVELOPED_SIGNATURE || is_exclusive(algorithm);
        // SAML 2.0 core, section 5.4.4, has no others.
        if let Some(other) = algorithms.iter().find(|algorithm| !algorithm.is_some_and(is_fine)) {
            return Some(format!("the Transform \"{}\"", named(*other)));
        }
        // Without one, it is the inclusive one (XML Signature, section 4.4.3.2).
        let is_canonical = algorithms.into_iter().flatten().any(is_exclusive);
        (!is_canonical).then(|| "no Transform for a canonical form".to_owned())
    })
}

fn is_exclusive(algorithm: &str) -> bool {
    matches!(algorithm, EXCLUSIVE | EXCLUSIVE_WITH_COMMENTS)
}

fn named(algorithm: Option<&str>) -> String {
    excerpt(algorithm.unwrap_or("none"))
}

/// Whether nothing that is in scope around an element is in scope in it without its own doing.
fn is_without_context(token: Node<'_, '_>) -> bool {
    let Some(parent) = token.parent_element() else { return true };
    let written = token.document().input_text().get(token.range()).unwrap_or_default();
    let own: HashSet<_> = match Scanner::new(written).next() {
        Some(Ok(Event::Start(tag))) => {
            tag.attributes.iter().filter_map(|attribute| attribute.declares()).collect()
        }
        _ => return false,
    };
    // The prefix "xml" is everywhere, and an undeclared default namespace is none.
    let mut around = parent
        .namespaces()
        .filter(|namespace| namespace.name() != Some("xml") && !namespace.uri().is_empty());
    let has_xml_attribute = parent
        .ancestors()
        .any(|node| node.attributes().any(|attribute| attribute.namespace() == Some(XML)));
    around.all(|namespace| own.contains(namespace.name().unwrap_or_default())) && !has_xml_attribute
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| is(*child, name))
}

fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.has_tag_name((DSIG, name))
}

/// Namespaces in XML 1.0, section 3.
const XML: &str = "http://www.w3.org/XML/1998/namespace";
