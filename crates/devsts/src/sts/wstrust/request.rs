//! The `RequestSecurityToken` (WS-Trust 1.3, section 3.1).

use roxmltree::Node;

use super::WsTrust;
use super::envelope::Envelope;
use super::fault::Fault;
use super::names::{IDENTITY, NO_PROOF_KEY, SAML_2_TOKEN, WSA, WSP, WST_1_2, WST_1_3, WST_1_4};
use super::xml::{at_most_one, children, is, one, text};

/// What is asked for.
pub(super) struct Request<'a> {
    /// The namespace of the version that is spoken.
    pub(super) namespace: &'static str,
    pub(super) token_type: String,
    pub(super) applies_to: Option<String>,
    /// The types of the claims that are asked for.
    pub(super) claims: Vec<String>,
    key_type: Option<String>,
    /// What stands in `OnBehalfOf` or `ActAs`.
    pub(super) subject: Option<Node<'a, 'a>>,
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
        let token_type = at_most_one(&parts, namespace, "TokenType").map_err(bad)?;
        let has_token_type = token_type.is_some();
        // A requestor that does not say gets what most want.
        let token_type =
            token_type.map_or_else(|| Ok(SAML_2_TOKEN.to_owned()), text).map_err(bad)?;
        let claims = at_most_one(&parts, namespace, "Claims").map_err(bad)?;
        let has_claims = claims.is_some();
        let claims = claims.map(claim_types).transpose().map_err(bad)?.unwrap_or_default();
        let key_type = at_most_one(&parts, namespace, "KeyType").map_err(bad)?;
        let key_type = key_type.map(text).transpose().map_err(bad)?;
        let applies_to = at_most_one(&parts, WSP, "AppliesTo").map_err(bad)?;
        let applies_to = applies_to.map(address).transpose().map_err(bad)?;
        let on_behalf_of = at_most_one(&parts, namespace, "OnBehalfOf").map_err(bad)?;
        let act_as = at_most_one(&parts, WST_1_4, "ActAs").map_err(bad)?;
        if act_as.is_some() && namespace == WST_1_2 {
            return Err(bad("ActAs is none of this version".to_owned()));
        }
        let known = 1
            + usize::from(has_token_type)
            + usize::from(has_claims)
            + usize::from(key_type.is_some())
            + usize::from(applies_to.is_some())
            + usize::from(on_behalf_of.is_some())
            + usize::from(act_as.is_some());
        if parts.len() != known {
            return Err(bad("the request has an element that is not known here".to_owned()));
        }
        let subject = match (on_behalf_of, act_as) {
            (Some(_), Some(_)) => {
                return Err(bad("OnBehalfOf and ActAs are both there".to_owned()));
            }
            (one, other) => one.or(other),
        };
        let subject = subject.map(|node| children(node).map_err(bad)).transpose()?;
        let subject = match subject.as_deref() {
            None => None,
            Some([token]) => Some(*token),
            Some(_) => return Err(bad("there has to be one token".to_owned())),
        };
        Ok(Self { namespace, token_type, applies_to, claims, key_type, subject })
    }

    /// What is asked for is issued here.
    pub(super) fn check(&self, settings: &WsTrust) -> Result<(), Fault> {
        // That of 1.2 has two names: CXF and Metro know the first, and ADFS knows the second.
        let bearer = format!("{}/Bearer", self.namespace);
        let is_bearer = |key_type: &String| {
            *key_type == bearer || self.namespace == WST_1_2 && key_type == NO_PROOF_KEY
        };
        if !self.key_type.as_ref().is_none_or(is_bearer) {
            return Err(Fault::wst("BadRequest", "only bearer tokens are issued here"));
        }
        let is_known = |uri: &String| settings.claims.iter().any(|(known, _)| known == uri);
        if !self.claims.iter().all(is_known) {
            return Err(Fault::wst("RequestFailed", "a claim is asked for that is not known here"));
        }
        let known = &settings.applies_to;
        if known.is_empty() || self.applies_to.as_ref().is_some_and(|one| known.contains(one)) {
            return Ok(());
        }
        Err(Fault::wst("InvalidScope", "AppliesTo is not known here"))
    }
}

/// WS-Policy 1.5 Attachment, section 3.4, with an endpoint reference of WS-Addressing.
fn address(applies_to: Node<'_, '_>) -> Result<String, String> {
    let reference = one(&children(applies_to)?, WSA, "EndpointReference")?;
    one(&children(reference)?, WSA, "Address").and_then(text)
}

/// WS-Trust 1.3, section 9.3, in the dialect of the Identity Selector Interoperability Profile 1.5,
/// section 3.3.4, as CXF and Metro read it.
fn claim_types(claims: Node<'_, '_>) -> Result<Vec<String>, String> {
    if claims.attribute("Dialect") != Some(IDENTITY) {
        return Err("the claims are in a dialect that is not known here".to_owned());
    }
    let types = children(claims)?;
    if types.is_empty() {
        return Err("Claims is empty".to_owned());
    }
    let uri = |node: &Node<'_, '_>| {
        let uri = node.attribute("Uri").filter(|uri| uri.contains(':'));
        let is_type = is(*node, IDENTITY, "ClaimType") && !node.has_children();
        uri.filter(|_| is_type).map(str::to_owned).ok_or("a claim is no ClaimType with a Uri")
    };
    types.iter().map(uri).collect::<Result<_, _>>().map_err(str::to_owned)
}
