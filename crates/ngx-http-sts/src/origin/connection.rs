//! A connection to an origin.

use std::rc::Rc;

use sts_core::client_auth::KeyPair;
use sts_net::message::ReadMessage;
use sts_net::wear::Wear;

use crate::nginx::address::SocketAddress;
use crate::nginx::peer::Peer;
use crate::nginx::timer;
use crate::origin::conversation::{Conversation, Sending};
use crate::origin::counted::Counted;
use crate::origin::{OpenError, Origin, tunnel};

/// An open connection that nothing else uses.
pub(crate) struct Connection {
    pub(super) peer: Peer,
    /// What TLS has shown.
    pub(super) key_pair: Option<Rc<KeyPair>>,
    pub(super) wear: Wear,
    /// It is counted as what it is at, until it is dropped.
    pub(super) counted: Counted,
}

impl Connection {
    /// Connects to an address, and secures the connection.
    pub(super) async fn open(
        address: &SocketAddress,
        origin: &Rc<Origin>,
    ) -> Result<Self, OpenError> {
        let peer = Peer::connect(address).await?;
        if let Some(tunnel) = &origin.tunnel {
            let authorization = tunnel.proxy.authorization();
            let authorization =
                authorization.map_err(|failure| OpenError::Credentials(failure.into()))?;
            tunnel::open(&peer, &tunnel.target, authorization).await?;
        }
        let key_pair = origin.key_pair().map_err(|failure| OpenError::Lost(failure.reason))?;
        if let Some(tls) = origin.tls() {
            peer.secure(tls, origin.host(), key_pair.clone()).await?;
        }
        let counted = Counted::active();
        Ok(Self { peer, key_pair, wear: Wear::new(timer::now()), counted })
    }

    /// Sends a message and collects the answer.
    pub(crate) fn send<'a, R: ReadMessage + Unpin>(
        &'a mut self,
        message: Sending<'a>,
        reader: R,
    ) -> Conversation<'a, R> {
        self.wear.count_request();
        Conversation::new(&self.peer, message, reader)
    }

    /// Whether it is too old, or has served too often, for another message.
    pub(crate) fn is_worn_out(&self) -> bool {
        self.wear.is_worn_out(timer::now())
    }
}
