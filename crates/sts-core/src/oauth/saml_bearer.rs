//! SAML assertions as authorization grants, RFC 7522, section 2.1: the source token is the assertion.

use super::grant::{Given, Grant, Source};
use super::token_request::TokenRequest;
use crate::encoding::Encoding;
use crate::error::{Failure, FailureKind};
use crate::parameters::ASSERTION;
use crate::wstrust::source;
use crate::wstrust::words::{SourceElement, TokenAs};

/// RFC 7522, section 2.1. The STS gets the bytes of the source as they are, so that a signature over
/// them stays good.
pub static GRANT: Grant = Grant {
    name: "saml_bearer",
    source: Source::Token,
    is_repeatable: false,
    grant_type: "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Asaml2-bearer",
    write,
};

fn write<'a>(request: &mut TokenRequest<'a>, given: &Given<'a>) -> Result<(), Failure> {
    let source = given.subject.source;
    // The standard is about SAML 2.0; some servers take the assertions before it as well. Nothing else
    // speaks for another subject.
    let assertions = SourceElement::default_list(TokenAs::OnBehalfOf);
    source::check(source, &assertions, TokenAs::Security)?;
    // Without padding and line breaks.
    let encoded = Encoding::Base64Url
        .encode(source)
        .ok_or_else(|| Failure::new(FailureKind::BadToken, "the source token cannot be encoded"))?;
    request.push_owned(ASSERTION, encoded);
    Ok(())
}
