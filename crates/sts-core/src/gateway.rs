//! The gateway as an STS sees it.

use crate::client_auth::ClientAuth;
use crate::endpoint::Endpoint;
use crate::message::Names;

/// The gateway as an STS sees it: where it calls, how it authenticates, and as which client.
#[derive(Clone, Copy)]
pub(crate) struct Gateway<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) auth: &'a ClientAuth,
    /// For the methods that do not carry one of their own.
    pub(crate) client_id: Option<&'a str>,
}

impl<'a> Gateway<'a> {
    /// The client id that goes into the body because the client authentication does not carry one
    /// (RFC 6749, section 3.2.1).
    pub(crate) fn body_client_id(&self, names: &Names<'a>) -> Option<&'a [u8]> {
        let configured = || self.client_id.map(str::as_bytes);
        let client_id = names.client_id.or_else(configured);
        client_id.filter(|id| !id.is_empty() && self.auth.leaves_client_id_to_body())
    }

    /// The user that a password is of.
    pub(crate) fn username(&self, names: &Names<'a>) -> Option<&'a [u8]> {
        let configured = || self.client_id.or_else(|| self.auth.id()).map(str::as_bytes);
        names.username.or(names.client_id).or_else(configured)
    }

    /// Whether a request has a `client_id` parameter without the operator's doing.
    pub(crate) fn sends_client_id(&self) -> bool {
        self.auth.sends_client_id() || self.body_client_id(&Names::default()).is_some()
    }
}
