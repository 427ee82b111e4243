//! How long a token lives.

use roxmltree::Node;

use super::{text, trust_child};
use crate::expiry::Expiry;
use crate::now::UnixTime;
use crate::wstrust::names::{SAML_1, SAML_2, WSU, XSI};
use crate::wstrust::time;
use crate::wstrust::xml::scan::split_name;

/// What a response says of the life of its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// Seconds from now, if it says anything.
    pub(super) expires_in: Option<u64>,
    /// By the clock of the STS.
    pub(super) expiry: Expiry,
}

impl Life {
    /// Reads the `Lifetime` of a response (WS-Trust 1.3, section 4.1), and what an assertion says
    /// itself.
    pub(super) fn read(response: Node<'_, '_>, token: Node<'_, '_>, now: UnixTime) -> Self {
        let lifetime = trust_child(response, "Lifetime");
        let created = lifetime.and_then(|lifetime| moment(lifetime, "Created"));
        let expires = lifetime.and_then(|lifetime| moment(lifetime, "Expires"));
        let expiry = expires.map_or(Expiry::Unsaid, Expiry::read).and(assertion_expiry(token));
        let by_our_clock = expiry.seconds_left(now);
        // Whatever our clock says, the token lives no longer than the STS meant it to.
        let by_theirs = created.flatten().and_then(|created| expiry.seconds_left(created));
        Self { expires_in: by_our_clock.into_iter().chain(by_theirs).min(), expiry }
    }
}

/// `Some(None)`: it is there and no time.
fn moment(lifetime: Node<'_, '_>, name: &str) -> Option<Option<UnixTime>> {
    let is_it = |child: &Node<'_, '_>| {
        child.tag_name().name() == name && child.tag_name().namespace() == Some(WSU)
    };
    lifetime.children().find(is_it).map(|child| time::parse(&text(child)))
}

/// When the first of the conditions of an assertion ends: `NotOnOrAfter` of its `Conditions` (SAML
/// 2.0 core, section 2.5.1.2) and of how its subject is confirmed (section 2.4.1.2). Its own: an
/// assertion that stands in its `Advice` is about something else.
pub(in crate::wstrust) fn assertion_expiry(assertion: Node<'_, '_>) -> Expiry {
    if !is_saml(assertion, "Assertion") {
        return Expiry::Unsaid;
    }
    let subjects = children(assertion, "Subject");
    let confirmations = subjects.flat_map(|subject| children(subject, "SubjectConfirmation"));
    let data = confirmations.flat_map(|one| children(one, "SubjectConfirmationData"));
    let ends = children(assertion, "Conditions")
        .chain(data)
        .filter_map(|node| node.attribute("NotOnOrAfter"))
        .map(|text| Expiry::read(time::parse(text)));
    let end = ends.fold(Expiry::Unsaid, Expiry::and);
    let mut conditions =
        children(assertion, "Conditions").flat_map(|node| node.children().filter(Node::is_element));
    if conditions.any(is_for_one_use) { Expiry::OneUse } else { end }
}

/// Whether a condition forbids to use the assertion again: by its element, or as a `Condition` of that
/// type.
fn is_for_one_use(condition: Node<'_, '_>) -> bool {
    let is_typed = |name: &str| {
        let named = condition.attribute((XSI, "type")).unwrap_or_default();
        let (prefix, local) = split_name(named.trim());
        let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
        is_saml(condition, "Condition")
            && local == name
            && matches!(condition.lookup_namespace_uri(prefix), Some(SAML_1 | SAML_2))
    };
    is_saml(condition, "OneTimeUse")
        || is_saml(condition, "DoNotCacheCondition")
        || is_typed("OneTimeUseType")
        || is_typed("DoNotCacheConditionType")
}

pub(super) fn children<'a, 'input: 'a>(
    node: Node<'a, 'input>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| is_saml(*child, name))
}

fn is_saml(node: Node<'_, '_>, name: &str) -> bool {
    node.tag_name().name() == name && matches!(node.tag_name().namespace(), Some(SAML_1 | SAML_2))
}
