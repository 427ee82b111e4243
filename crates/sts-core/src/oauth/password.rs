//! The resource owner password credentials grant, RFC 6749, section 4.3: the source token takes the
//! place of the password.

use super::grant::{Given, Grant, Source};
use super::token_request::TokenRequest;
use crate::error::{Failure, FailureKind};
use crate::parameters::USERNAME;

/// RFC 6749, section 4.3.2.
pub static GRANT: Grant = Grant {
    name: "ropc",
    source: Source::Password,
    is_repeatable: false,
    grant_type: "password",
    write,
};

fn write<'a>(request: &mut TokenRequest<'a>, given: &Given<'a>) -> Result<(), Failure> {
    let Given { gateway, subject, names } = given;
    // A name that depends on the request is empty when NGINX has authenticated no user.
    let username = gateway.username(names).unwrap_or_default();
    if username.is_empty() {
        return Err(Failure::new(FailureKind::MissingToken, "the user name is empty"));
    }
    request.push(USERNAME, username);
    request.push("password", subject.source);
    Ok(())
}
