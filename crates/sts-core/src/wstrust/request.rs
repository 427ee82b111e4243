//! The request: a `RequestSecurityToken` in an envelope (WS-Trust 1.3, section 4.1).

mod asked;
mod fresh;
mod token;
mod username_token;

use std::borrow::Cow;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::names::{IDENTITY, WSA, WSP, WSSE, WST_200802, WSU};
use super::settings::{Settings, WsTrust};
use super::words::{SoapVersion, TokenAs, Version};
use super::xml::write::Writer;
use crate::client_auth::{MessageProof, PasswordType};
use crate::endpoint::{Endpoint, Host, Scheme};
use crate::error::{Failure, FailureKind};
use crate::gateway::Gateway;
use crate::message::{Outgoing, Subject};
use crate::now::Now;
use crate::secret::Secret;
use asked::Asked;
use fresh::Fresh;
use token::Token;
use username_token::{Password, UsernameToken};

/// Writes the request.
///
/// # Errors
/// There is no source token, it cannot go as the settings say, a value of the request cannot stand in a
/// message, or there are no random bytes.
pub(crate) fn write(
    gateway: &Gateway<'_>,
    exchange: &WsTrust,
    subject: &Subject<'_>,
    now: &Now,
) -> Result<Outgoing, Failure> {
    if subject.source.is_empty() {
        return Err(Failure::new(FailureKind::MissingToken, "the source token is empty"));
    }
    let settings = exchange.settings();
    let token = Token::read(settings, subject.source)?;
    let asked = Asked::read(settings, subject.parameters)?;
    let proof = gateway.auth.message_proof()?;
    let fresh = Fresh::new(now, &token, proof.as_ref())?;
    let to = match &settings.to {
        Some(to) => Cow::Borrowed(to.as_str()),
        None => Cow::Owned(address(gateway.endpoint)),
    };
    let envelope = Envelope {
        settings,
        to: &to,
        token: &token,
        asked: &asked,
        proof: proof.as_ref(),
        fresh: &fresh,
    };
    let mut headers = headers(settings);
    gateway.auth.apply_to_headers(&mut headers)?;
    Ok(Outgoing { headers, body: envelope.write() })
}

/// The action of the request (WS-Trust 1.3, section 4.1).
const fn action(version: Version) -> &'static str {
    match version {
        Version::Trust12 => "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue",
        Version::Trust13 | Version::Trust14 => {
            "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue"
        }
    }
}

const fn request_type(version: Version) -> &'static str {
    match version {
        Version::Trust12 => "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue",
        Version::Trust13 | Version::Trust14 => {
            "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue"
        }
    }
}

/// The headers that belong to the envelope.
fn headers(settings: &Settings) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    // A fault may come in the other version (SOAP 1.2 part 1, appendix A).
    headers.insert(ACCEPT, HeaderValue::from_static("application/soap+xml, text/xml"));
    let (content_type, soap_action) = match (settings.soap_version, settings.version) {
        // RFC 3902, section 2.
        (SoapVersion::Soap12, Version::Trust12) => (
            "application/soap+xml; charset=utf-8; \
             action=\"http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue\"",
            None,
        ),
        (SoapVersion::Soap12, Version::Trust13 | Version::Trust14) => (
            "application/soap+xml; charset=utf-8; \
             action=\"http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue\"",
            None,
        ),
        // SOAP 1.1, section 6.1.1.
        (SoapVersion::Soap11, Version::Trust12) => (
            "text/xml; charset=utf-8",
            Some("\"http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue\""),
        ),
        (SoapVersion::Soap11, Version::Trust13 | Version::Trust14) => (
            "text/xml; charset=utf-8",
            Some("\"http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue\""),
        ),
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(action) = soap_action {
        headers.insert(SOAP_ACTION, HeaderValue::from_static(action));
    }
    headers
}

/// `wsa:To`: the URL by which the STS may know itself. That of a local socket means nothing elsewhere.
fn address(endpoint: &Endpoint) -> String {
    match endpoint.host() {
        Host::Unix(_) => {
            let scheme = match endpoint.scheme() {
                Scheme::Http => "http",
                Scheme::Https => "https",
            };
            format!("{scheme}://{}{}", endpoint.authority(), endpoint.target())
        }
        Host::Name(_) | Host::Ip(_) => endpoint.name().into_owned(),
    }
}

/// All that an envelope is made of.
struct Envelope<'a> {
    settings: &'a Settings,
    to: &'a str,
    token: &'a Token<'a>,
    asked: &'a Asked<'a>,
    /// The gateway's own credentials, where they stand in the message.
    proof: Option<&'a MessageProof<'a>>,
    fresh: &'a Fresh,
}

/// Namespaces are declared where they are used first and no default namespace is, so that a token
/// finds as little as can be around it.
impl<'a> Envelope<'a> {
    fn write(&self) -> Secret {
        let mut xml = Writer::with_capacity(128);
        xml.markup("<s:Envelope xmlns:s=\"");
        xml.markup(self.settings.soap_version.namespace());
        xml.markup("\" xmlns:wsa=\"");
        xml.markup(WSA);
        xml.markup("\"><s:Header><wsa:Action>");
        xml.markup(action(self.settings.version));
        xml.markup("</wsa:Action><wsa:MessageID>");
        xml.markup(&self.fresh.message_id);
        xml.markup("</wsa:MessageID><wsa:To>");
        xml.text(self.to);
        xml.markup("</wsa:To>");
        self.security(&mut xml);
        xml.markup("</s:Header><s:Body>");
        self.request(&mut xml);
        xml.markup("</s:Body></s:Envelope>");
        xml.finish()
    }

    /// SOAP Message Security 1.1, sections 5 and 10.
    fn security(&self, xml: &mut Writer<'a>) {
        xml.markup("<wsse:Security xmlns:wsse=\"");
        xml.markup(WSSE);
        xml.markup("\" xmlns:wsu=\"");
        xml.markup(WSU);
        xml.markup("\" s:mustUnderstand=\"1\"><wsu:Timestamp wsu:Id=\"TS-");
        xml.markup(&self.fresh.id);
        xml.markup("\"><wsu:Created>");
        xml.markup(&self.fresh.created);
        xml.markup("</wsu:Created><wsu:Expires>");
        xml.markup(&self.fresh.expires);
        xml.markup("</wsu:Expires></wsu:Timestamp>");
        if let Some(proof) = self.proof {
            let password = match proof.password_type {
                PasswordType::Digest => Password::Digest(&self.fresh.digest),
                PasswordType::Text => Password::Text(proof.password.expose()),
            };
            let token = UsernameToken {
                id: "UT-",
                username: proof.username.as_bytes(),
                password,
                nonce: &self.fresh.nonce,
                stands_alone: false,
            };
            token.write(self.fresh, xml);
        }
        if self.settings.token_as == TokenAs::Security {
            self.token.write(self.fresh, xml);
        }
        xml.markup("</wsse:Security>");
    }

    /// WS-Trust 1.3, sections 3.1, 4.1 and 9.2.
    fn request(&self, xml: &mut Writer<'a>) {
        let settings = self.settings;
        xml.markup("<wst:RequestSecurityToken xmlns:wst=\"");
        xml.markup(settings.version.namespace());
        xml.markup("\">");
        if let Some(token_type) = &settings.token_type {
            xml.markup("<wst:TokenType>");
            xml.text(token_type);
            xml.markup("</wst:TokenType>");
        }
        xml.markup("<wst:RequestType>");
        xml.markup(request_type(settings.version));
        xml.markup("</wst:RequestType>");
        if let Some(address) = self.asked.applies_to {
            xml.markup("<wsp:AppliesTo xmlns:wsp=\"");
            xml.markup(WSP);
            xml.markup("\"><wsa:EndpointReference><wsa:Address>");
            xml.text(address);
            xml.markup("</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>");
        }
        self.claims(xml);
        match settings.token_as {
            TokenAs::Security => {}
            TokenAs::OnBehalfOf => {
                xml.markup("<wst:OnBehalfOf>");
                self.token.write(self.fresh, xml);
                xml.markup("</wst:OnBehalfOf>");
            }
            TokenAs::ActAs => {
                xml.markup("<wst14:ActAs xmlns:wst14=\"");
                xml.markup(WST_200802);
                xml.markup("\">");
                self.token.write(self.fresh, xml);
                xml.markup("</wst14:ActAs>");
            }
        }
        if let Some(key_type) = settings.key_type.uri(settings.version) {
            xml.markup("<wst:KeyType>");
            xml.text(key_type);
            xml.markup("</wst:KeyType>");
        }
        xml.markup("</wst:RequestSecurityToken>");
    }

    /// WS-Trust 1.3, section 9.3. The standard leaves it to a dialect how a claim is named; that of the
    /// Identity Selector Interoperability Profile 1.5, section 3.3.4, is the one that STSs know without
    /// being told. What is asked for there is not optional.
    fn claims(&self, xml: &mut Writer<'a>) {
        if self.asked.claims.is_empty() {
            return;
        }
        xml.markup("<wst:Claims Dialect=\"");
        xml.markup(IDENTITY);
        xml.markup("\" xmlns:ic=\"");
        xml.markup(IDENTITY);
        xml.markup("\">");
        for claim in &self.asked.claims {
            xml.markup("<ic:ClaimType Uri=\"");
            xml.text(claim);
            xml.markup("\"/>");
        }
        xml.markup("</wst:Claims>");
    }
}

/// Headers of a request, with that of a client authentication.
const HEADERS: usize = 4;

const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");
