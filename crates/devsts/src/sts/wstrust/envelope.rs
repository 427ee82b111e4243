//! The envelope, and the headers that say where it goes and what it wants.

use roxmltree::{Document, Node};

use super::fault::Fault;
use super::names::{SOAP_1_1, SOAP_1_2, WSA, WSSE};
use super::xml::{at_most_one, children, is, one, text};
use crate::server::call::Call;

/// The versions of SOAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Soap {
    V1_1,
    V1_2,
}

impl Soap {
    /// The version that a message is in.
    pub(super) fn of(document: &Document<'_>) -> Result<Self, Fault> {
        match document.root_element().tag_name().namespace() {
            Some(SOAP_1_1) => Ok(Self::V1_1),
            Some(SOAP_1_2) => Ok(Self::V1_2),
            _ => Err(Fault::sender("the message is no envelope of SOAP")),
        }
    }

    pub(super) const fn namespace(self) -> &'static str {
        match self {
            Self::V1_1 => SOAP_1_1,
            Self::V1_2 => SOAP_1_2,
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::V1_1 => "text/xml; charset=utf-8",
            Self::V1_2 => "application/soap+xml; charset=utf-8",
        }
    }
}

/// A message that is an envelope in good order.
pub(super) struct Envelope<'a> {
    pub(super) soap: Soap,
    pub(super) action: String,
    pub(super) message_id: String,
    pub(super) security: Node<'a, 'a>,
    pub(super) content: Node<'a, 'a>,
}

/// What a fault needs to know of the message.
#[derive(Debug)]
pub(super) struct Essence {
    pub(super) soap: Soap,
    pub(super) message_id: String,
    pub(super) trust_1_2: bool,
}

impl Essence {
    /// Of a message that is not understood further.
    pub(super) fn of(soap: Soap) -> Self {
        Self { soap, message_id: String::new(), trust_1_2: false }
    }
}

impl<'a> Envelope<'a> {
    pub(super) fn read(
        call: &Call,
        soap: Soap,
        document: &'a Document<'a>,
        own_address: Option<&str>,
    ) -> Result<Self, Fault> {
        let root = document.root_element();
        let sender = |reason: String| Fault::sender(&reason);
        if root.tag_name().name() != "Envelope" {
            return Err(Fault::sender("the message is no envelope of SOAP"));
        }
        let parts = children(root).map_err(sender)?;
        let [header, body] = parts[..] else {
            return Err(Fault::sender("the envelope has to have a Header and a Body"));
        };
        if !is(header, soap.namespace(), "Header") || !is(body, soap.namespace(), "Body") {
            return Err(Fault::sender("the envelope has to have a Header and a Body"));
        }
        let headers = children(header).map_err(sender)?;
        check_understood(soap, &headers)?;
        let required = |name: &str| {
            let node = one(&headers, WSA, name)
                .map_err(|reason| Fault::wsa("MessageAddressingHeaderRequired", &reason))?;
            text(node).map_err(|reason| Fault::wsa("InvalidAddressingHeader", &reason))
        };
        let (action, message_id, to) =
            (required("Action")?, required("MessageID")?, required("To")?);
        check_http_says_the_same(call, soap, &action)?;
        if !is_uuid_urn(&message_id) {
            return Err(Fault::wsa("InvalidAddressingHeader", "MessageID is no UUID"));
        }
        check_to(call, &to, own_address)?;
        let security = at_most_one(&headers, WSSE, "Security")
            .and_then(|security| security.ok_or_else(|| "Security is missing".to_owned()))
            .map_err(|reason| Fault::wsse("InvalidSecurity", &reason))?;
        if security.attribute((soap.namespace(), "mustUnderstand")) != Some("1") {
            return Err(Fault::wsse("InvalidSecurity", "Security need not be understood"));
        }
        let content = children(body).map_err(sender)?;
        let [content] = content[..] else {
            return Err(Fault::sender("the Body has to have one element"));
        };
        Ok(Self { soap, action, message_id, security, content })
    }

    pub(super) fn essence(&self) -> Essence {
        Essence {
            soap: self.soap,
            message_id: self.message_id.clone(),
            trust_1_2: self.content.tag_name().namespace() == Some(super::names::WST_1_2),
        }
    }
}

/// SOAP 1.2 part 1, section 5.2.3.
fn check_understood(soap: Soap, headers: &[Node<'_, '_>]) -> Result<(), Fault> {
    let known = |node: &Node<'_, '_>| {
        ["Action", "MessageID", "To", "ReplyTo"].iter().any(|name| is(*node, WSA, name))
            || is(*node, WSSE, "Security")
    };
    let Some(header) = headers.iter().find(|header| !known(header)) else { return Ok(()) };
    let name = header.tag_name().name();
    if header.attribute((soap.namespace(), "mustUnderstand")).is_some() {
        return Err(Fault::must_understand(name));
    }
    Err(Fault::sender(&format!("the header {name} has no business here")))
}

/// RFC 3902, section 2, and SOAP 1.1, section 6.1.1: HTTP says the action as well.
fn check_http_says_the_same(call: &Call, soap: Soap, action: &str) -> Result<(), Fault> {
    let content_type = call.header("content-type").unwrap_or_default();
    let soap_action = call.header_values("soapaction");
    let expected = match soap {
        Soap::V1_1 => "text/xml; charset=utf-8".to_owned(),
        Soap::V1_2 => format!("application/soap+xml; charset=utf-8; action=\"{action}\""),
    };
    if content_type != expected {
        return Err(Fault::wsa("ActionMismatch", "Content-Type is not that of the message"));
    }
    let expected = match soap {
        Soap::V1_1 => vec![format!("\"{action}\"")],
        Soap::V1_2 => Vec::new(),
    };
    if soap_action == expected {
        Ok(())
    } else {
        Err(Fault::wsa("ActionMismatch", "SOAPAction is not that of the message"))
    }
}

/// The URL that was called, unless the STS has an address of its own.
fn check_to(call: &Call, to: &str, own: Option<&str>) -> Result<(), Fault> {
    let host = call.header("host").unwrap_or_default();
    let scheme = if call.tls.is_some() { "https" } else { "http" };
    let called = |host: &str| format!("{scheme}://{host}{}", call.target);
    let default_port = if call.tls.is_some() { ":443" } else { ":80" };
    if let Some(own) = own {
        return if to == own {
            Ok(())
        } else {
            Err(Fault::wsa("DestinationUnreachable", "To is not the address of this STS"))
        };
    }
    if to == called(&host) || to == called(&format!("{host}{default_port}")) {
        Ok(())
    } else {
        Err(Fault::wsa("DestinationUnreachable", "To is not this endpoint"))
    }
}

/// RFC 9562, section 4, version 4.
fn is_uuid_urn(id: &str) -> bool {
    let Some(uuid) = id.strip_prefix("urn:uuid:") else { return false };
    let lengths: Vec<_> = uuid.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
        && uuid.bytes().all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        && uuid.as_bytes().get(14) == Some(&b'4')
        && uuid.as_bytes().get(19).is_some_and(|b| b"89ab".contains(b))
}
