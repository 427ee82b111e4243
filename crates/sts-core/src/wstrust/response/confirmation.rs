//! Whether the bearer of an assertion may use it.

use roxmltree::Node;

use super::lifetime::children;
use super::text;

/// Refuses an assertion that only the holder of a key may use: it must not be taken for one that its
/// bearer may use, and no backend would ask the gateway for the proof.
///
/// Each subject may be confirmed in one of several ways (SAML 2.0 core, section 2.4.1; SAML 1.1 core,
/// section 2.4.2.3): that of a bearer is enough.
///
/// # Errors
/// It is such an assertion.
pub(super) fn check(token: Node<'_, '_>) -> Result<(), String> {
    // SAML 1.1 has a subject in each of its statements.
    let statements = token.children().filter(Node::is_element);
    let subjects = children(token, "Subject")
        .chain(statements.flat_map(|statement| children(statement, "Subject")));
    if subjects.map(methods).all(|methods| is_for_bearers(&methods)) {
        return Ok(());
    }
    Err("the assertion is for the holder of a key, which no backend sees".to_owned())
}

/// The ways in which a subject is confirmed: an attribute of SAML 2.0, and an element of 1.1.
fn methods(subject: Node<'_, '_>) -> Vec<String> {
    let confirmations = children(subject, "SubjectConfirmation");
    let methods = confirmations.flat_map(|confirmation| {
        let elements = children(confirmation, "ConfirmationMethod").map(text);
        confirmation.attribute("Method").map(str::to_owned).into_iter().chain(elements)
    });
    methods.map(|method| method.trim().to_owned()).collect()
}

/// Whether one is for a bearer, or none is about a key.
fn is_for_bearers(methods: &[String]) -> bool {
    let is_of_key = |method: &String| HOLDER_OF_KEY.contains(&method.as_str());
    let is_of_bearer = |method: &String| BEARER.contains(&method.as_str());
    !methods.iter().any(is_of_key) || methods.iter().any(is_of_bearer)
}

/// SAML 2.0 profiles, section 3.1, and SAML 1.1 bindings, section 5.1.
const HOLDER_OF_KEY: [&str; 2] = [
    "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key",
    "urn:oasis:names:tc:SAML:1.0:cm:holder-of-key",
];

/// SAML 2.0 profiles, section 3.3, and SAML 1.1 bindings, section 5.3.
const BEARER: [&str; 2] =
    ["urn:oasis:names:tc:SAML:2.0:cm:bearer", "urn:oasis:names:tc:SAML:1.0:cm:bearer"];
