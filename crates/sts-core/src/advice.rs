//! What an answer tells the operator beyond what it says: that it is not the STS's, or not that of the
//! endpoint that was meant.

use http::header::{CONTENT_TYPE, LOCATION};
use http::{StatusCode, Uri};

use crate::endpoint::Scheme;
use crate::excerpt::description;
use crate::known::Known;
use crate::message::Incoming;

/// What a status means whatever the body says.
pub(crate) fn of_status(answer: &Incoming<'_>, known: &Known) -> Option<String> {
    if answer.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Some("a proxy on the way to the STS wants credentials".to_owned());
    }
    answer.status.is_redirection().then(|| match target(answer) {
        Some(target) => {
            let target = description(&target, known);
            format!("a redirect to \"{target}\", which is not followed")
        }
        None => "a redirect, which is not followed".to_owned(),
    })
}

/// The type of a body that cannot be read, where it is given.
pub(crate) fn content_type(answer: &Incoming<'_>, known: &Known) -> String {
    match answer.headers.get(CONTENT_TYPE).map(|value| value.to_str()) {
        Some(Ok(value)) => format!(" (content type \"{}\")", description(value, known)),
        _ => String::new(),
    }
}

/// Whether another endpoint may be meant, as the end of a sentence.
pub(crate) fn of_endpoint(answer: &Incoming<'_>, scheme: Scheme) -> Option<&'static str> {
    let status = answer.status;
    let is_missing = matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
    if scheme == Scheme::Http && status == StatusCode::BAD_REQUEST && wants_tls(answer.body) {
        return Some("; is this a port for TLS? Write https:// in the endpoint");
    }
    // What stands before an STS that fails says so in HTML, too. A 407 is of a proxy.
    let judged = !status.is_server_error()
        && status != StatusCode::TOO_MANY_REQUESTS
        && status != StatusCode::PROXY_AUTHENTICATION_REQUIRED;
    (is_missing || status.is_redirection() || (judged && is_html(answer)))
        .then_some("; is this the token endpoint?")
}

/// Scheme, host and path of `Location` (RFC 9110, section 10.2.2). A query, a fragment and a user name
/// may hold secrets.
fn target(answer: &Incoming<'_>) -> Option<String> {
    let uri: Uri = answer.headers.get(LOCATION)?.to_str().ok()?.trim().parse().ok()?;
    let authority = uri.authority().map(|authority| authority.as_str());
    let host = authority.map(|authority| authority.rsplit('@').next().unwrap_or_default());
    Some(match (uri.scheme_str(), host) {
        (Some(scheme), Some(host)) => format!("{scheme}://{host}{}", uri.path()),
        _ if uri.path().starts_with('/') => uri.path().to_owned(),
        _ => return None,
    })
}

/// HTML, by what is said of it or by how it begins.
fn is_html(answer: &Incoming<'_>) -> bool {
    let content_type = answer.headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
    let names = |kind: &[u8]| content_type.is_some_and(|value| starts_with(value, kind));
    let body = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(answer.body).trim_ascii_start();
    let is_json = body.first() == Some(&b'{');
    (!is_json && (names(b"text/html") || names(b"application/xhtml+xml")))
        || starts_with(body, b"<!doctype html")
        || starts_with(body, b"<html")
}

/// Whether an answer to plain HTTP says that TLS is wanted, as servers do at a port for TLS (NGINX,
/// Apache, Go, Envoy): in a text, and not in an error of OAuth.
fn wants_tls(body: &[u8]) -> bool {
    let start = body.get(..body.len().min(WANTED_WITHIN)).unwrap_or_default();
    let start = start.to_ascii_lowercase();
    let says = |word: &[u8]| start.windows(word.len()).any(|window| window == word);
    let is_json = start.trim_ascii_start().first() == Some(&b'{');
    !is_json
        && says(b"http")
        && [&b"https server"[..], b"https port", b"ssl", b"tls"].map(says).contains(&true)
}

fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}

/// Bytes of a body in which a server says what it has against the request.
const WANTED_WITHIN: usize = 2048;
