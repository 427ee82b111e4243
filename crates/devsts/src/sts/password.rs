//! Resource Owner Password Credentials: the request of RFC 6749 section 4.3.2. The source token is the
//! password; the user name is taken to be its owner's.

use std::borrow::Cow;

use super::token_endpoint::{Grant, Refusal, one_value, scope};
use crate::server::call::Call;

pub(super) const GRANT_TYPE: &str = "password";

pub(super) fn check(call: &Call) -> Result<Grant<'_>, Refusal> {
    let needed = |name: &str| {
        one_value(call, name)?
            .ok_or_else(|| Refusal::invalid_request(&format!("{name} is missing")))
    };
    needed("username")?;
    let source = needed("password")?;
    Ok(Grant {
        source: Cow::Borrowed(source),
        steering: None,
        issued_token_type: None,
        scope: scope(call)?,
        typed: None,
    })
}
