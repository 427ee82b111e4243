//! A source token that goes to the STS as it is.

use memchr::memchr;
use roxmltree::Node;
use zeroize::Zeroizing;

use super::is_plain;
use super::names::WSSE;
use super::words::{SourceElement, TokenAs};
use super::xml::{self, Origin};
use crate::encoding::Encoding;
use crate::error::{Failure, FailureKind};
use crate::secret::Secret;

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

/// Calls `tell` with the password in credentials as HTTP Basic has them.
pub(super) fn password_of_credentials(source: &[u8], tell: impl FnOnce(&[u8])) {
    if let Ok(credentials) = Credentials::decode(source, TokenAs::Security) {
        tell(credentials.password());
    }
}

/// A user name with its password, as HTTP Basic has them (RFC 7617, section 2).
pub(super) struct Credentials {
    /// `name:password`: text that XML can hold, without control characters.
    pair: Secret,
    colon: usize,
}

impl Credentials {
    /// Decodes them.
    ///
    /// # Errors
    /// They are no such credentials ([`FailureKind::BadToken`]), or have no password where the gateway
    /// would ask for their user.
    pub(super) fn decode(source: &[u8], token_as: TokenAs) -> Result<Self, Failure> {
        let pair = Encoding::Base64.decode(source);
        let pair = pair.map_err(|error| bad(&format!("the source token {error}")))?;
        let text = std::str::from_utf8(pair.expose());
        let text = text.map_err(|_| bad("the credentials in the source token are not UTF-8"))?;
        if !is_plain(text) {
            return Err(bad("the credentials in the source token hold what no message can"));
        }
        let colon = memchr(b':', pair.expose());
        let colon = colon.ok_or_else(|| bad("the source token has no colon behind a user name"))?;
        let credentials = Self { pair, colon };
        if credentials.username().trim_ascii().is_empty() {
            return Err(bad("the source token has no user name"));
        }
        if token_as != TokenAs::Security && credentials.password().trim_ascii().is_empty() {
            return Err(bad("the source token has no password"));
        }
        Ok(credentials)
    }

    pub(super) fn username(&self) -> &[u8] {
        self.pair.expose().get(..self.colon).unwrap_or_default()
    }

    pub(super) fn password(&self) -> &[u8] {
        self.pair.expose().get(self.colon + 1..).unwrap_or_default()
    }
}

fn bad(reason: &str) -> Failure {
    Failure::new(FailureKind::BadToken, reason)
}
