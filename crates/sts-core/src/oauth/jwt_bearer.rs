//! JWTs as authorization grants, RFC 7523, section 2.1: the source token is the assertion.

use super::grant::{Given, Grant, Source};
use super::token_request::TokenRequest;
use crate::error::Failure;
use crate::parameters::ASSERTION;

/// RFC 7523, section 2.1. The STS judges the assertion, and whether it is a JWT at all.
pub static GRANT: Grant = Grant {
    name: "jwt_bearer",
    source: Source::Token,
    is_repeatable: false,
    grant_type: "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer",
    write,
};

fn write<'a>(request: &mut TokenRequest<'a>, given: &Given<'a>) -> Result<(), Failure> {
    request.push(ASSERTION, given.subject.source);
    Ok(())
}
