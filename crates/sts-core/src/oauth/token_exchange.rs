//! OAuth 2.0 Token Exchange, RFC 8693.

use super::grant::{Given, Grant, Source};
use super::token_request::TokenRequest;
use crate::error::Failure;

/// RFC 8693, section 2.1. An access token is exchanged unless a parameter says otherwise.
pub static GRANT: Grant = Grant {
    name: "otx",
    source: Source::Token,
    is_repeatable: true,
    grant_type: "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange",
    write,
};

fn write<'a>(request: &mut TokenRequest<'a>, given: &Given<'a>) -> Result<(), Failure> {
    let Given { subject, .. } = given;
    request.push("subject_token", subject.source);
    if !subject.parameters.iter().any(|parameter| parameter.name == SUBJECT_TOKEN_TYPE) {
        request.push_encoded(SUBJECT_TOKEN_TYPE, ACCESS_TOKEN);
    }
    Ok(())
}

const SUBJECT_TOKEN_TYPE: &str = "subject_token_type";

/// RFC 8693, section 3, as it stands in a form.
const ACCESS_TOKEN: &str = "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token";
