//! How long a token lives.

use roxmltree::Node;

use super::{text, trust_child};
use crate::now::UnixTime;
use crate::wstrust::names::{SAML_1, SAML_2, WSU};
use crate::wstrust::time;

/// What a response says of the life of its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// Seconds from now.
    pub(super) expires_in: u64,
    /// By the clock of the STS.
    pub(super) expires_at: UnixTime,
}

impl Life {
    /// Reads the `Lifetime` of a response (WS-Trust 1.3, section 4.1), and what an assertion says
    /// itself. `None`: neither says anything.
    pub(super) fn read(response: Node<'_, '_>, token: Node<'_, '_>, now: UnixTime) -> Option<Self> {
        let lifetime = trust_child(response, "Lifetime");
        let created = lifetime.and_then(|lifetime| moment(lifetime, "Created"));
        let expires = lifetime.and_then(|lifetime| moment(lifetime, "Expires"));
        // What is there but cannot be understood gives no life at all.
        let expires = expires.map(|time| time.unwrap_or(UnixTime(0)));
        let expires_at = expires.into_iter().chain(assertion_expiry(token)).min()?;
        let by_our_clock = expires_at.0.saturating_sub(now.0);
        // Whatever our clock says, the token lives no longer than the STS meant it to.
        let by_theirs = match created {
            Some(Some(created)) => expires_at.0.saturating_sub(created.0),
            _ => by_our_clock,
        };
        Some(Self { expires_in: by_our_clock.min(by_theirs), expires_at })
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
/// 2.0 core, section 2.5.1.2) and of how its subject is confirmed (section 2.4.1.2).
pub(in crate::wstrust) fn assertion_expiry(assertion: Node<'_, '_>) -> Option<UnixTime> {
    let is_saml =
        |node: &Node<'_, '_>| matches!(node.tag_name().namespace(), Some(SAML_1 | SAML_2));
    if !is_saml(&assertion) || assertion.tag_name().name() != "Assertion" {
        return None;
    }
    assertion
        .descendants()
        .filter(is_saml)
        .filter(|node| matches!(node.tag_name().name(), "Conditions" | "SubjectConfirmationData"))
        .filter_map(|node| node.attribute("NotOnOrAfter"))
        .map(|text| time::parse(text).unwrap_or(UnixTime(0)))
        .min()
}
