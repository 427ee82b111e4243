//! The client credentials grant, RFC 6749, section 4.4: a token for the gateway itself. There is no
//! source token, and whose request it is does not matter.

use super::answer;
use super::refusal::Grant;
use super::token_request::TokenRequest;
use crate::error::Failure;
use crate::issued::Issued;
use crate::now::Now;
use crate::profile::{Incoming, Names, Outgoing, Profile, Subject};

/// Writes the request (RFC 6749, section 4.4.2). The source token is not looked at.
///
/// # Errors
/// The gateway cannot prove who it is.
pub fn request(
    profile: &Profile,
    subject: &Subject<'_>,
    names: &Names<'_>,
    now: &Now,
) -> Result<Outgoing, Failure> {
    TokenRequest::new("client_credentials", 1, subject).finish(profile, subject, names, now)
}

/// Reads the answer (RFC 6749, section 4.4.3).
///
/// # Errors
/// The STS refused the gateway, or the answer cannot be used.
pub fn response(answer: &Incoming<'_>, _now: &Now) -> Result<Issued, Failure> {
    answer::read(answer, Grant::OfClient)
}
