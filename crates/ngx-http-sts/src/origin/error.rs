//! Why there is no connection.

use sts_core::error::Failure;

use crate::nginx::peer::ConnectError;

/// Why there is no connection to an origin. Nothing was said to it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// What a proxy wants to see of the gateway is not there.
    #[error("{}", .0.reason)]
    Credentials(Box<Failure>),
    #[error("no address known: {0}")]
    NoAddress(String),
    /// The proxy itself is not there.
    #[error("{0}; this is the outgoing proxy, and not the STS")]
    ToProxy(ConnectError),
    #[error("the outgoing proxy gives no tunnel to {target}: {why}")]
    Proxy { target: String, why: String },
}

impl OpenError {
    /// Whether another attempt may do better.
    pub(super) fn may_pass(&self) -> bool {
        !self.is_about_the_worker()
    }

    /// Whether there was a server, with which TLS failed.
    pub(super) fn is_of_a_handshake(&self) -> bool {
        matches!(self, Self::Connect(error) if error.is_of_a_handshake())
    }

    /// Whether it says nothing of the origin: this worker has no free connections, or ends.
    pub(crate) fn is_about_the_worker(&self) -> bool {
        matches!(self, Self::Connect(error) | Self::ToProxy(error) if error.is_about_the_worker())
    }
}
