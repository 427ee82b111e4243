//! A source token that goes to the STS as it is.

use roxmltree::Node;
use zeroize::Zeroizing;

use super::names::WSSE;
use super::words::{SourceElement, TokenAs};
use super::xml::{self, Origin};
use crate::error::{Failure, FailureKind};

/// Checks that a source token can be put into a message and changes nothing in it but its own place:
/// one well-formed element that stands alone, of a kind that the operator allows.
///
/// Gives its bytes back. White space and an XML declaration around it are left out, since they cannot
/// stand inside of a message; comments, processing instructions and a DOCTYPE cannot be left out
/// without changing what the client said, so they are refused.
///
/// # Errors
/// The token is something else ([`FailureKind::BadToken`]), or a `UsernameToken` that proves nothing
/// where the gateway would ask for its user.
pub fn check<'a>(
    source: &'a [u8],
    allowed: &[SourceElement],
    token_as: TokenAs,
) -> Result<&'a str, Failure> {
    let document = xml::parse(source, Origin::Client)
        .map_err(|error| bad(&format!("the source token {error}")))?;
    let root = document.root_element();
    // All that is not in the tree is white space.
    if root.has_siblings() {
        return Err(bad("the source token has a comment beside its element"));
    }
    let name = root.tag_name();
    let is_allowed = |element: &SourceElement| {
        name.name() == element.name && name.namespace().unwrap_or_default() == element.namespace
    };
    if !allowed.iter().any(is_allowed) {
        return Err(bad("the source token is not one of the elements that are allowed"));
    }
    if token_as != TokenAs::Security && root.has_tag_name((WSSE, "UsernameToken")) {
        check_password(root)?;
    }
    document
        .input_text()
        .get(root.range())
        .ok_or_else(|| bad("the source token cannot be taken out of its document"))
}

/// A password, or a digest of one: one that is not blank (Username Token Profile 1.1, section 3.1).
fn check_password(token: Node<'_, '_>) -> Result<(), Failure> {
    let mut passwords = token.children().filter(|child| child.has_tag_name((WSSE, "Password")));
    let is_password = |password: Node<'_, '_>| {
        let is_text = password.children().all(|child| child.is_text());
        is_text && password.text().is_some_and(|text| !text.trim().is_empty())
    };
    match (passwords.next(), passwords.next()) {
        (Some(password), None) if is_password(password) => Ok(()),
        _ => Err(bad("the source token is a UsernameToken without a password")),
    }
}

/// Calls `tell` with each password in a source token that is XML, as a `wsse:UsernameToken` has it.
pub(super) fn passwords(source: &[u8], mut tell: impl FnMut(&str)) {
    let Ok(document) = xml::parse(source, Origin::Client) else { return };
    let is_password = |node: &Node<'_, '_>| node.tag_name().name() == "Password";
    for node in document.descendants().filter(is_password) {
        let parts = node.descendants().filter_map(|node| node.text().filter(|_| node.is_text()));
        let password = Zeroizing::new(parts.collect::<String>());
        tell(&password);
        tell(password.trim());
    }
}

fn bad(reason: &str) -> Failure {
    Failure::new(FailureKind::BadToken, reason)
}
