//! The resource owner password credentials grant, RFC 6749, section 4.3: the source token takes the
//! place of the password.

use super::answer;
use super::refusal::Grant;
use super::token_request::TokenRequest;
use crate::error::{Failure, FailureKind};
use crate::issued::Issued;
use crate::now::Now;
use crate::parameters::USERNAME;
use crate::profile::{Incoming, Names, Outgoing, Profile, Subject};

/// Writes the request (RFC 6749, section 4.3.2).
///
/// # Errors
/// There is no source token or nobody whose it is, or the gateway cannot prove who it is.
pub fn request(
    profile: &Profile,
    subject: &Subject<'_>,
    names: &Names<'_>,
    now: &Now,
) -> Result<Outgoing, Failure> {
    let missing = |reason| Err(Failure::new(FailureKind::MissingToken, reason));
    if subject.source.is_empty() {
        return missing("the source token is empty");
    }
    // A name that depends on the request is empty when NGINX has authenticated nobody.
    let username = profile.username(names).unwrap_or_default();
    if username.is_empty() {
        return missing("the user name is empty");
    }
    let mut request = TokenRequest::new("password", 3, subject);
    request.push(USERNAME, username);
    request.push("password", subject.source);
    request.finish(profile, subject, names, now)
}

/// Reads the answer (RFC 6749, section 4.3.3).
///
/// # Errors
/// The STS refused, or the answer cannot be used.
pub fn response(answer: &Incoming<'_>, _now: &Now) -> Result<Issued, Failure> {
    answer::read(answer, Grant::OfSubject)
}
