//! The `RequestSecurityToken` (WS-Trust 1.3, section 3.1).

use roxmltree::Node;

use super::WsTrust;
use super::envelope::Envelope;
use super::fault::Fault;
use super::names::{NO_PROOF_KEY, WSA, WSP, WST_1_2, WST_1_3, WST_1_4};
use super::xml::{at_most_one, children, is, one, text};

/// What is asked for.
pub(super) struct Request<'a> {
    /// The namespace of the version that is spoken.
    pub(super) namespace: &'static str,
    pub(super) token_type: String,
    pub(super) applies_to: Option<String>,
    key_type: Option<String>,
    /// What stands in `OnBehalfOf` or `ActAs`.
    pub(super) for_whom: Option<Node<'a, 'a>>,
}

impl<'a> Request<'a> {
    pub(super) fn read(envelope: &Envelope<'a>) -> Result<Self, Fault> {
        let bad = |reason: String| Fault::wst("BadRequest", &reason);
        let content = envelope.content;
        let namespace = [WST_1_2, WST_1_3]
            .into_iter()
            .find(|namespace| is(content, namespace, "RequestSecurityToken"))
            .ok_or_else(|| bad("the Body is no RequestSecurityToken".to_owned()))?;
        if envelope.action != format!("{namespace}/RST/Issue") {
            return Err(Fault::wsa("ActionNotSupported", "the Action is not that of the Body"));
        }
        let parts = children(content).map_err(bad)?;
        let request_type = one(&parts, namespace, "RequestType").and_then(text).map_err(bad)?;
        if request_type != format!("{namespace}/Issue") {
            return Err(bad("the RequestType is not Issue".to_owned()));
        }
        let token_type = one(&parts, namespace, "TokenType").and_then(text).map_err(bad)?;
        let key_type = at_most_one(&parts, namespace, "KeyType").map_err(bad)?;
        let key_type = key_type.map(text).transpose().map_err(bad)?;
        let applies_to = at_most_one(&parts, WSP, "AppliesTo").map_err(bad)?;
        let applies_to = applies_to.map(address).transpose().map_err(bad)?;
        let on_behalf_of = at_most_one(&parts, namespace, "OnBehalfOf").map_err(bad)?;
        let act_as = at_most_one(&parts, WST_1_4, "ActAs").map_err(bad)?;
        if act_as.is_some() && namespace == WST_1_2 {
            return Err(bad("ActAs is none of this version".to_owned()));
        }
        let known = 2
            + usize::from(key_type.is_some())
            + usize::from(applies_to.is_some())
            + usize::from(on_behalf_of.is_some())
            + usize::from(act_as.is_some());
        if parts.len() != known {
            return Err(bad("the request has an element that is not known here".to_owned()));
        }
        let for_whom = match (on_behalf_of, act_as) {
            (Some(_), Some(_)) => {
                return Err(bad("OnBehalfOf and ActAs are both there".to_owned()));
            }
            (one, other) => one.or(other),
        };
        let for_whom = for_whom.map(|node| children(node).map_err(bad)).transpose()?;
        let for_whom = match for_whom.as_deref() {
            None => None,
            Some([token]) => Some(*token),
            Some(_) => return Err(bad("there has to be one token".to_owned())),
        };
        Ok(Self { namespace, token_type, applies_to, key_type, for_whom })
    }

    /// What is asked for is issued here.
    pub(super) fn check(&self, settings: &WsTrust) -> Result<(), Fault> {
        let bearer = if self.namespace == WST_1_2 {
            NO_PROOF_KEY.to_owned()
        } else {
            format!("{}/Bearer", self.namespace)
        };
        if self.key_type.as_ref().is_some_and(|key_type| *key_type != bearer) {
            return Err(Fault::wst("BadRequest", "only bearer tokens are issued here"));
        }
        let known = &settings.applies_to;
        if known.is_empty() || self.applies_to.as_ref().is_some_and(|one| known.contains(one)) {
            return Ok(());
        }
        Err(Fault::wst("InvalidScope", "AppliesTo is nobody who is known here"))
    }
}

/// WS-Policy 1.5 Attachment, section 3.4, with an endpoint reference of WS-Addressing.
fn address(applies_to: Node<'_, '_>) -> Result<String, String> {
    let reference = one(&children(applies_to)?, WSA, "EndpointReference")?;
    one(&children(reference)?, WSA, "Address").and_then(text)
}
