//! OAuth 2.0 Token Exchange, RFC 8693.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use super::answer;
use super::refusal::Grant;
use crate::error::{Failure, FailureKind};
use crate::form::Form;
use crate::issued::Issued;
use crate::now::Now;
use crate::parameters::CLIENT_ID;
use crate::profile::{Incoming, Outgoing, Profile, Subject};

/// Writes the request (RFC 8693, section 2.1).
///
/// # Errors
/// There is no source token.
pub fn request(profile: &Profile, subject: &Subject<'_>, _now: &Now) -> Result<Outgoing, Failure> {
    if subject.source.is_empty() {
        return Err(Failure::new(FailureKind::MissingToken, "the source token is empty"));
    }
    let mut headers = HeaderMap::with_capacity(3);
    headers.insert(CONTENT_TYPE, FORM);
    headers.insert(ACCEPT, JSON);

    // Three of the grant, at most two of the client authentication.
    let mut form = Form::with_capacity(subject.parameters.len() + 5);
    form.push("grant_type", GRANT_TYPE);
    form.push("subject_token", subject.source.expose());
    if !subject.parameters.iter().any(|parameter| parameter.name == SUBJECT_TOKEN_TYPE) {
        form.push(SUBJECT_TOKEN_TYPE, ACCESS_TOKEN);
    }
    for parameter in subject.parameters {
        form.push(parameter.name, parameter.value);
    }
    if let Some(client_id) = profile.body_client_id() {
        form.push(CLIENT_ID, client_id.as_bytes());
    }
    profile.auth.apply(&mut headers, &mut form);

    Ok(Outgoing { headers, body: form.encode() })
}

/// Reads the answer (RFC 8693, section 2.2).
///
/// # Errors
/// The STS refused, or the answer cannot be used.
pub fn response(answer: &Incoming<'_>, _now: &Now) -> Result<Issued, Failure> {
    answer::read(answer, Grant::OfSubject)
}

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

const GRANT_TYPE: &[u8] = b"urn:ietf:params:oauth:grant-type:token-exchange";
const SUBJECT_TOKEN_TYPE: &str = "subject_token_type";
/// RFC 8693, section 3.
const ACCESS_TOKEN: &[u8] = b"urn:ietf:params:oauth:token-type:access_token";
