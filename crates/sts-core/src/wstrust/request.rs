//! The request: a `RequestSecurityToken` in an envelope (WS-Trust 1.3, section 4.1).

use std::fmt::Write;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::endpoint_auth::{PasswordType, UsernameToken};
use super::names::{
    BASE64_BINARY, PASSWORD_DIGEST, PASSWORD_TEXT, WSA, WSP, WSSE, WST_200802, WSU,
};
use super::settings::{Settings, WsTrust};
use super::words::{SoapVersion, TokenAs, Version};
use super::xml::write::Writer;
use super::{source, time};
use crate::endpoint::{Endpoint, Host, Scheme};
use crate::error::{Failure, FailureKind};
use crate::now::{NoEntropy, Now, UnixTime};
use crate::profile::{Outgoing, Profile, Subject};
use crate::secret::Secret;

/// Writes the request.
///
/// # Errors
/// There is no source token, or it cannot go verbatim; or there are no random bytes.
pub(crate) fn write(
    profile: &Profile,
    exchange: &WsTrust,
    subject: &Subject<'_>,
    now: &Now,
) -> Result<Outgoing, Failure> {
    if subject.source.is_empty() {
        return Err(Failure::new(FailureKind::MissingToken, "the source token is empty"));
    }
    let settings = exchange.settings();
    let token = match &settings.value_type {
        Some(value_type) => Token::Binary { value_type, bytes: subject.source },
        None => Token::Verbatim(source::check(
            subject.source,
            &settings.source_elements,
            settings.token_as,
        )?),
    };
    let fresh = Fresh::new(now, settings.username_token.as_ref())?;
    let to = address(&profile.endpoint);
    let envelope = Envelope { settings, to: &to, token, fresh: &fresh };
    let mut headers = headers(settings);
    profile.auth.apply_to_headers(&mut headers)?;
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

/// `wsa:To`: the URL as the operator wrote it. That of a local socket means nothing elsewhere.
fn address(endpoint: &Endpoint) -> String {
    match endpoint.host() {
        Host::Unix(_) => {
            let scheme = match endpoint.scheme() {
                Scheme::Http => "http",
                Scheme::Https => "https",
            };
            format!("{scheme}://{}{}", endpoint.authority(), endpoint.target())
        }
        Host::Name(_) | Host::Ip(_) => endpoint.url().to_owned(),
    }
}

/// What is new in each message.
struct Fresh {
    message_id: String,
    /// Makes the `wsu:Id`s unique also beside those that a source token brings along.
    id: String,
    created: String,
    expires: String,
    nonce: [u8; 16],
    digest: String,
}

impl Fresh {
    fn new(now: &Now, username_token: Option<&UsernameToken>) -> Result<Self, NoEntropy> {
        // What is sent as an identifier tells nothing of the nonce.
        let (mut uuid, mut nonce) = ([0; 16], [0; 16]);
        let random = now.random()?;
        let (first, second) = random.split_at(16);
        uuid.copy_from_slice(first);
        nonce.copy_from_slice(second);
        let created = time::format(now.wall);
        let digest = match username_token {
            Some(token) if token.password_type == PasswordType::Digest => {
                token.digest(&nonce, &created)
            }
            _ => String::new(),
        };
        Ok(Self {
            message_id: uuid_urn(uuid),
            id: hex(&uuid),
            expires: time::format(UnixTime(now.wall.0.saturating_add(LIFE))),
            created,
            nonce,
            digest,
        })
    }
}

/// A version 4 UUID (RFC 9562, sections 4 and 5.4).
fn uuid_urn(bytes: [u8; 16]) -> String {
    let random = u128::from_be_bytes(bytes);
    let uuid = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{uuid:032x}");
    let mut urn = String::from("urn:uuid:");
    for (position, digit) in digits.chars().enumerate() {
        if matches!(position, 8 | 12 | 16 | 20) {
            urn.push('-');
        }
        urn.push(digit);
    }
    urn
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// The source token as it stands in the message.
#[derive(Clone, Copy)]
enum Token<'a> {
    Verbatim(&'a str),
    Binary { value_type: &'a str, bytes: &'a [u8] },
}

/// All that an envelope is made of.
struct Envelope<'a> {
    settings: &'a Settings,
    to: &'a str,
    token: Token<'a>,
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
        if let Some(token) = &self.settings.username_token {
            self.username_token(token, xml);
        }
        if self.settings.token_as == TokenAs::Security {
            self.token(xml);
        }
        xml.markup("</wsse:Security>");
    }

    /// Username Token Profile 1.1, section 3.1. Nonce and time are there with a password in clear,
    /// too: without them an STS could not refuse a message that comes again.
    fn username_token(&self, token: &'a UsernameToken, xml: &mut Writer<'a>) {
        xml.markup("<wsse:UsernameToken wsu:Id=\"UT-");
        xml.markup(&self.fresh.id);
        xml.markup("\"><wsse:Username>");
        xml.text(&token.username);
        xml.markup("</wsse:Username><wsse:Password Type=\"");
        match token.password_type {
            PasswordType::Text => {
                xml.markup(PASSWORD_TEXT);
                xml.markup("\">");
                xml.secret(&token.password);
            }
            PasswordType::Digest => {
                xml.markup(PASSWORD_DIGEST);
                xml.markup("\">");
                xml.markup(&self.fresh.digest);
            }
        }
        xml.markup("</wsse:Password><wsse:Nonce EncodingType=\"");
        xml.markup(BASE64_BINARY);
        xml.markup("\">");
        xml.base64(&self.fresh.nonce);
        xml.markup("</wsse:Nonce><wsu:Created>");
        xml.markup(&self.fresh.created);
        xml.markup("</wsu:Created></wsse:UsernameToken>");
    }

    /// WS-Trust 1.3, sections 3.1, 4.1 and 9.2.
    fn request(&self, xml: &mut Writer<'a>) {
        let settings = self.settings;
        xml.markup("<wst:RequestSecurityToken xmlns:wst=\"");
        xml.markup(settings.version.namespace());
        xml.markup("\"><wst:TokenType>");
        xml.text(&settings.token_type);
        xml.markup("</wst:TokenType><wst:RequestType>");
        xml.markup(request_type(settings.version));
        xml.markup("</wst:RequestType>");
        if let Some(address) = &settings.applies_to {
            xml.markup("<wsp:AppliesTo xmlns:wsp=\"");
            xml.markup(WSP);
            xml.markup("\"><wsa:EndpointReference><wsa:Address>");
            xml.text(address);
            xml.markup("</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>");
        }
        match settings.token_as {
            TokenAs::Security => {}
            TokenAs::OnBehalfOf => {
                xml.markup("<wst:OnBehalfOf>");
                self.token(xml);
                xml.markup("</wst:OnBehalfOf>");
            }
            TokenAs::ActAs => {
                xml.markup("<wst14:ActAs xmlns:wst14=\"");
                xml.markup(WST_200802);
                xml.markup("\">");
                self.token(xml);
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

    fn token(&self, xml: &mut Writer<'a>) {
        let (value_type, bytes) = match self.token {
            Token::Verbatim(element) => return xml.markup(element),
            Token::Binary { value_type, bytes } => (value_type, bytes),
        };
        // SOAP Message Security 1.1, section 6.3. Around it in the body there is neither namespace.
        xml.markup("<wsse:BinarySecurityToken xmlns:wsse=\"");
        xml.markup(WSSE);
        xml.markup("\" xmlns:wsu=\"");
        xml.markup(WSU);
        xml.markup("\" wsu:Id=\"BST-");
        xml.markup(&self.fresh.id);
        xml.markup("\" ValueType=\"");
        xml.text(value_type);
        xml.markup("\" EncodingType=\"");
        xml.markup(BASE64_BINARY);
        xml.markup("\">");
        xml.base64(bytes);
        xml.markup("</wsse:BinarySecurityToken>");
    }
}

/// Seconds until the STS may forget the message: time for a slow call, and for clocks that differ.
const LIFE: u64 = 300;

/// Headers of a request, with that of a client authentication.
const HEADERS: usize = 4;

const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");
