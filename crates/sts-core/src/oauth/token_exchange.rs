//! OAuth 2.0 Token Exchange, RFC 8693.

use super::answer;
use super::refusal::Grant;
use super::token_request::TokenRequest;
use crate::error::{Failure, FailureKind};
use crate::issued::Issued;
use crate::now::Now;
use crate::profile::{Incoming, Names, Outgoing, Profile, Subject};

/// Writes the request (RFC 8693, section 2.1).
///
/// # Errors
/// There is no source token, or the gateway cannot prove who it is.
pub fn request(
    profile: &Profile,
    subject: &Subject<'_>,
    names: &Names<'_>,
    now: &Now,
) -> Result<Outgoing, Failure> {
    if subject.source.is_empty() {
        return Err(Failure::new(FailureKind::MissingToken, "the source token is empty"));
    }
    let mut request = TokenRequest::new(GRANT_TYPE, 3, subject);
    request.push("subject_token", subject.source);
    if !subject.parameters.iter().any(|parameter| parameter.name == SUBJECT_TOKEN_TYPE) {
        request.push_encoded(SUBJECT_TOKEN_TYPE, ACCESS_TOKEN);
    }
    request.finish(profile, subject, names, now)
}

/// Reads the answer (RFC 8693, section 2.2).
///
/// # Errors
/// The STS refused, or the answer cannot be used.
pub fn response(answer: &Incoming<'_>, _now: &Now) -> Result<Issued, Failure> {
    answer::read(answer, Grant::OfSubject)
}

// As they stand in a form.
const GRANT_TYPE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange";
const SUBJECT_TOKEN_TYPE: &str = "subject_token_type";
/// RFC 8693, section 3.
const ACCESS_TOKEN: &str = "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token";
