//! Client Credentials: the request of RFC 6749 section 4.4.2. The token is the client's own, so the
//! client's id takes the place of a source token.

use std::borrow::Cow;

use super::agent;
use super::client::Client;
use super::token_endpoint::{Grant, Refusal, scope};
use crate::server::call::Call;

pub(super) const GRANT_TYPE: &str = "client_credentials";

/// `client` has authenticated: RFC 6749 section 4.4 knows no public clients.
pub(super) fn check<'a>(
    call: &'a Call,
    client: Option<&'a str>,
    clients: &[Client],
) -> Result<Grant<'a>, Refusal> {
    let Some(client) = client else {
        let description = "only a client that authenticates gets a token of its own";
        return Err(Refusal::new(400, "unauthorized_client", description));
    };
    Ok(Grant {
        source: Cow::Borrowed(client),
        steering: None,
        issued_token_type: None,
        scope: scope(call)?,
        typed: agent::asked(call, client, clients)?,
    })
}
