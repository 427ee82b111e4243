//! The answer: a token or a fault, in an envelope.

mod confirmation;
mod fault;
mod lifetime;
mod multipart;
mod signature;
mod token;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use memchr::memmem;
use roxmltree::{Document, Node};
use thiserror::Error;

use super::names::{SOAP_1_1, SOAP_1_2, WST_2005_02, WST_200512, WST_200802, XOP};
use super::settings::WsTrust;
use super::xml::{self, Origin};
use crate::advice;
use crate::content::{self, MediaType};
use crate::error::{Codes, Failure, FailureKind};
use crate::excerpt::excerpt;
use crate::issued::Issued;
use crate::message::Incoming;
use crate::now::UnixTime;
use crate::retry_after;
use fault::Blame;
pub use fault::Fault;
pub(super) use lifetime::assertion_expiry;

/// Reads an answer.
///
/// Faults come with a status of failure (SOAP 1.1, section 6.2; SOAP 1.2 part 2, section 7.5.2), so
/// the fault says what happened, whatever the status; but a server that says 429 or 503 has not
/// judged the token.
///
/// # Errors
/// The STS refused, or the answer cannot be used.
pub(crate) fn read(
    answer: &Incoming<'_>,
    exchange: &WsTrust,
    now: UnixTime,
) -> Result<Issued, Failure> {
    let status = answer.status;
    let known = || (answer.known)();
    let http = format!("HTTP {}", status.as_u16());
    if let Some(remark) = advice::of_status(answer, &known()).filter(|_| !status.is_success()) {
        return Err(Failure::new(kind_of_status(status), format!("{http}, {remark}")));
    }
    let reply = body(answer).and_then(|body| parse(body, exchange, now));
    let mut codes = Codes::default();
    let (kind, reason) = match reply {
        Ok(Reply::Issued(issued)) if status.is_success() => return Ok(issued),
        Ok(Reply::Fault(fault)) => {
            codes = fault.codes();
            let reason = format!("{http}, {}", fault.in_words(&known()));
            (kind_of_fault(status, fault.blame()), reason)
        }
        Ok(Reply::Issued(_)) => (kind_of_status(status), format!("{http} with a token")),
        Err(unusable) => {
            (kind_of_status(status), format!("{http}: {unusable}{}", foreign_type(answer)))
        }
    };
    let retry_after = (kind == FailureKind::Busy).then(|| retry_after::read(answer.headers));
    Err(Failure { retry_after: retry_after.flatten(), codes, ..Failure::new(kind, reason) })
}

/// What a fault means that came with a status.
fn kind_of_fault(status: StatusCode, blame: Blame) -> FailureKind {
    // A redirect that claims to be a fault is none.
    if status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::SERVICE_UNAVAILABLE
        || !(status.is_success() || status.is_client_error() || status.is_server_error())
    {
        return kind_of_status(status);
    }
    // SOAP 1.2 part 2, section 7.5.2.2 has 400 and 500 for faults. Any other 4xx, 401 first of all, is
    // about the request of the gateway, where the fault has nothing more to say.
    let is_of_http = status.is_client_error() && status != StatusCode::BAD_REQUEST;
    match blame {
        Blame::Known(kind) => kind,
        Blame::Sender | Blame::Receiver if is_of_http => kind_of_status(status),
        // The token is a part of the message, and some servers say no more of a bad one than of a
        // message that they do not understand. As with `invalid_request` of OAuth, the operator is told
        // when it looks like the gateway's mistake.
        Blame::Sender => FailureKind::Refused,
        Blame::Receiver => FailureKind::Unreachable,
    }
}

/// What a status means by itself.
fn kind_of_status(status: StatusCode) -> FailureKind {
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => FailureKind::Busy,
        // RFC 9110, section 15.5.8: it is not the STS that says so.
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => FailureKind::Unreachable,
        status if status.is_server_error() => FailureKind::Unreachable,
        status if status.is_client_error() => FailureKind::GatewayRefused,
        _ => FailureKind::BadAnswer,
    }
}

/// The envelope, as far as the head tells where it is.
fn body<'a>(answer: &Incoming<'a>) -> Result<&'a [u8], Unusable> {
    content::check_coding(answer.headers).map_err(Unusable)?;
    match MediaType::of(answer.headers) {
        Some(media_type) if media_type.is("multipart/related") => {
            multipart::root(&media_type, answer.body).map_err(|reason| Unusable(reason.to_owned()))
        }
        media_type => check_charset(media_type.as_ref(), answer.body).map(|()| answer.body),
    }
}

/// Refuses a character set that the body may not be in (RFC 7303, section 3.2). One that has ASCII
/// in it does no harm as long as the body has nothing else: servers name one without being asked.
fn check_charset(media_type: Option<&MediaType<'_>>, body: &[u8]) -> Result<(), Unusable> {
    let charset = media_type.and_then(|media_type| media_type.parameter("charset"));
    if charset.is_none_or(xml::is_utf8) || body.is_ascii() {
        Ok(())
    } else {
        Err(Unusable("the answer is in an encoding that is not UTF-8".to_owned()))
    }
}

/// Says of what type an answer is, where that is none that an envelope comes with.
fn foreign_type(answer: &Incoming<'_>) -> String {
    let known = ["application/soap+xml", "text/xml", "application/xml"];
    let is_known =
        MediaType::of(answer.headers).is_some_and(|own| known.iter().any(|known| own.is(known)));
    match answer.headers.get(CONTENT_TYPE).map(|value| value.to_str()) {
        Some(Ok(value)) if !is_known => format!(" (content type \"{}\")", excerpt(value)),
        _ => String::new(),
    }
}

/// What an STS answered.
pub enum Reply {
    /// The token that was asked for.
    Issued(Issued),
    /// It refused or failed.
    Fault(Fault),
}

/// Why an answer is neither, as a lower-case fragment without anything of a token in it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Unusable(String);

/// Reads the body of an answer.
///
/// # Errors
/// It is no envelope with a fault or the right token in it.
pub fn parse(body: &[u8], exchange: &WsTrust, now: UnixTime) -> Result<Reply, Unusable> {
    let document =
        xml::parse(body, Origin::Sts).map_err(|error| Unusable(format!("the answer {error}")))?;
    if has_parts_elsewhere(&document) {
        let reason = "the answer keeps a part of its envelope in an attachment (xop:Include)";
        return Err(Unusable(reason.to_owned()));
    }
    let content = content(&document)?;
    if is_soap(content) && content.tag_name().name() == "Fault" {
        let token_as = exchange.settings().token_as;
        return Ok(Reply::Fault(Fault::read(content, token_as)));
    }
    let responses = responses(content).ok_or_else(|| {
        let name = excerpt(content.tag_name().name());
        Unusable(format!("the body of the envelope has \"{name}\", not a response of WS-Trust"))
    })?;
    token::find(&responses, exchange.settings().token_type.as_deref(), now)
        .map(Reply::Issued)
        .map_err(Unusable)
}

/// Whether something of the document stands in another part of the answer (XML-binary Optimized
/// Packaging, section 2.1).
fn has_parts_elsewhere(document: &Document<'_>) -> bool {
    // Most answers are done with here.
    memmem::find(document.input_text().as_bytes(), XOP.as_bytes()).is_some()
        && document.descendants().any(|node| node.tag_name() == (XOP, "Include").into())
}

/// The first element in the body of the envelope.
fn content<'a, 'input>(document: &'a Document<'input>) -> Result<Node<'a, 'input>, Unusable> {
    let root = document.root_element();
    if !is_soap(root) || root.tag_name().name() != "Envelope" {
        let name = excerpt(root.tag_name().name());
        return Err(Unusable(format!("the answer is \"{name}\", not an envelope of SOAP")));
    }
    let soap = root.tag_name().namespace();
    let body = root
        .children()
        .find(|child| child.tag_name().name() == "Body" && child.tag_name().namespace() == soap);
    let content = body.and_then(|body| body.first_element_child());
    content.ok_or_else(|| Unusable("the envelope has nothing in its body".to_owned()))
}

fn is_soap(node: Node<'_, '_>) -> bool {
    matches!(node.tag_name().namespace(), Some(SOAP_1_1 | SOAP_1_2))
}

/// The responses: those of a collection (WS-Trust 1.3, section 4.3), or the one that 1.2 has, which
/// some servers of 1.3 send, too.
fn responses<'a, 'input>(content: Node<'a, 'input>) -> Option<Vec<Node<'a, 'input>>> {
    if is_trust(content, "RequestSecurityTokenResponse") {
        return Some(vec![content]);
    }
    let is_collection = is_trust(content, "RequestSecurityTokenResponseCollection");
    let is_response = |child: &Node<'_, '_>| is_trust(*child, "RequestSecurityTokenResponse");
    is_collection.then(|| content.children().filter(is_response).collect())
}

/// Whether an element is this one of WS-Trust, of whatever version.
fn is_trust(node: Node<'_, '_>, name: &str) -> bool {
    node.tag_name().name() == name && is_trust_namespace(node.tag_name().namespace())
}

/// The schema of WS-Trust 1.3 had a slash at the end, its text none; servers have either.
fn is_trust_namespace(namespace: Option<&str>) -> bool {
    let namespace = namespace.map(|name| name.strip_suffix('/').unwrap_or(name));
    matches!(namespace, Some(WST_2005_02 | WST_200512 | WST_200802))
}

/// The child of WS-Trust with this name.
fn trust_child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| is_trust(*child, name))
}

/// All text in an element, whatever comments or CDATA it is cut by.
fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|child| child.text()).collect()
}
