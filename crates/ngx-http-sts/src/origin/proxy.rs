//! An HTTP proxy on the way to an STS.

use ::http::HeaderValue;
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::error::Failure;
use sts_core::fields::Fields;

/// Where the proxy is, and how the gateway authenticates to it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) endpoint: Endpoint,
    pub(crate) auth: Option<ClientAuth>,
}

impl Proxy {
    /// All that makes it this one: of a password the name of its file.
    pub(crate) fn identify(&self, fields: &mut Fields) {
        let Self { endpoint, auth } = self;
        fields.push(endpoint.url().as_bytes());
        match auth {
            Some(auth) => {
                fields.push(b"authorization");
                auth.identify(fields);
            }
            None => fields.push(b"none"),
        }
    }

    /// What it wants to see of the gateway, as of now.
    ///
    /// # Errors
    /// There should be something, and nothing usable was read.
    pub(crate) fn authorization(&self) -> Result<Option<HeaderValue>, Failure> {
        match &self.auth {
            Some(auth) => auth.proxy_authorization(),
            None => Ok(None),
        }
    }
}
