//! The token that another one is asked for with.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;

use super::WsTrust;
use super::fault::Fault;
use super::names::{BASE64_BINARY, SAML_1, SAML_2, WSSE};
use super::request::Request;
use super::security::{Security, UsernameToken};
use super::time;
use super::xml::{is, text};

/// The token and what it says.
pub(super) struct Subject {
    /// As it came; what is binary is decoded.
    pub(super) source: String,
    /// What may ask for an answer; the name of the subject of an assertion.
    pub(super) steering: String,
    not_on_or_after: Option<SystemTime>,
}

impl Subject {
    /// It stands in the request where the gateway asks for a subject, and else in `wsse:Security`.
    pub(super) fn find(
        request: &Request<'_>,
        security: &Security<'_>,
        settings: &WsTrust,
    ) -> Result<Self, Fault> {
        let node = match (request.subject, &security.tokens[..]) {
            (Some(_), [_, ..]) => {
                return Err(Fault::wsse("InvalidSecurity", "there are two tokens"));
            }
            (Some(_), []) if settings.requestors.is_empty() => {
                return Err(Fault::wst(
                    "FailedAuthentication",
                    "no client may ask for another subject",
                ));
            }
            (Some(node), []) => node,
            (None, [node]) => *node,
            (None, []) => {
                let user = security
                    .user()
                    .ok_or_else(|| Fault::wsse("SecurityTokenUnavailable", "there is no token"))?;
                return Self::user(user, settings);
            }
            (None, _) => return Err(Fault::wsse("InvalidSecurity", "there are many tokens")),
        };
        if is(node, SAML_1, "Assertion") || is(node, SAML_2, "Assertion") {
            return Self::assertion(node);
        }
        if is(node, WSSE, "UsernameToken") {
            let user = UsernameToken::read(node);
            let user = user.map_err(|reason| Fault::wsse("InvalidSecurityToken", &reason))?;
            return Self::user(&user, settings);
        }
        if node.has_tag_name("TokenWrapper") && node.tag_name().namespace().is_none() {
            return Self::wrapped(node);
        }
        if is(node, WSSE, "BinarySecurityToken") {
            return Self::binary(node, settings);
        }
        Err(Fault::wsse("UnsupportedSecurityToken", "the token is of no kind that is known here"))
    }

    fn assertion(node: Node<'_, '_>) -> Result<Self, Fault> {
        let invalid = |reason: &str| Fault::wsse("InvalidSecurityToken", reason);
        let named = |name: &str| {
            node.descendants().find(|node| {
                node.tag_name().name() == name
                    && matches!(node.tag_name().namespace(), Some(SAML_1 | SAML_2))
            })
        };
        let name = named("NameID").or_else(|| named("NameIdentifier"));
        let name = name.ok_or_else(|| invalid("the assertion has no subject"))?;
        let until = named("Conditions").and_then(|node| node.attribute("NotOnOrAfter"));
        let until =
            until.map(|text| time::parse(text).ok_or_else(|| invalid("it ends at no time")));
        let written = node.document().input_text().get(node.range());
        Ok(Self {
            source: written.unwrap_or_default().to_owned(),
            steering: text(name).map_err(|reason| invalid(&reason))?,
            not_on_or_after: until.transpose()?,
        })
    }

    /// A user that is known, with its password.
    fn user(user: &UsernameToken, settings: &WsTrust) -> Result<Self, Fault> {
        let is_known = settings.users.iter().any(|(name, password)| user.has_text(name, password));
        if !is_known {
            return Err(Fault::wst("FailedAuthentication", "the user is not known here"));
        }
        let name = user.name.clone();
        Ok(Self { source: name.clone(), steering: name, not_on_or_after: None })
    }

    /// As Apache CXF has a JWT: an element without namespace, with nothing but the token in it.
    fn wrapped(node: Node<'_, '_>) -> Result<Self, Fault> {
        let token = text(node).map_err(|reason| Fault::wsse("InvalidSecurityToken", &reason))?;
        if node.attributes().len() > 0 || token.split('.').count() != 3 {
            return Err(Fault::wsse("InvalidSecurityToken", "the TokenWrapper holds no JWT"));
        }
        Ok(Self { steering: token.clone(), source: token, not_on_or_after: None })
    }

    /// SOAP Message Security 1.1, section 6.3.
    fn binary(node: Node<'_, '_>, settings: &WsTrust) -> Result<Self, Fault> {
        let value_type = node.attribute("ValueType").unwrap_or_default();
        let known = &settings.value_types;
        if value_type.is_empty() || !known.is_empty() && !known.iter().any(|one| one == value_type)
        {
            let reason = "the ValueType is none that is known here";
            return Err(Fault::wsse("UnsupportedSecurityToken", reason));
        }
        if node.attribute("EncodingType") != Some(BASE64_BINARY) {
            return Err(Fault::wsse("InvalidSecurityToken", "the EncodingType is not known"));
        }
        let bytes = text(node).ok().and_then(|text| STANDARD.decode(text).ok());
        let source = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let source = source
            .ok_or_else(|| Fault::wsse("InvalidSecurityToken", "the token cannot be decoded"))?;
        Ok(Self { steering: source.clone(), source, not_on_or_after: None })
    }

    pub(super) fn check(&self, now: SystemTime) -> Result<(), Fault> {
        match self.not_on_or_after {
            Some(until) if until <= now => {
                Err(Fault::wst("ExpiredData", "the time of the assertion is over"))
            }
            _ => Ok(()),
        }
    }
}
