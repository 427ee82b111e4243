//! Where calls go: a host with its addresses, its TLS configuration and the way through a proxy, its
//! connections, and the count of its calls. What is said on a connection is the business of a protocol.

mod connection;
mod conversation;
mod counted;
mod error;
mod lookup;
mod opening;
mod pool;
mod proxy;
mod tunnel;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use sts_core::client_auth::{ClientAuth, KeyPair};
use sts_core::endpoint::{Endpoint, Host};
use sts_core::error::Failure;
use sts_net::breaker::Breaker;
use sts_net::calls::Calls;

use crate::nginx::address::{self, SocketAddress};
use crate::nginx::conf::Conf;
use crate::nginx::resolve::Resolver;
use crate::nginx::tls::{Contexts, Tls, TlsSettings};

pub(crate) use connection::Connection;
pub(crate) use conversation::{Received, SendError, Sending, TalkError};
pub(crate) use error::OpenError;
pub(crate) use opening::{Retries, look, open};
pub(crate) use pool::{park, shutdown, take};
pub(crate) use proxy::Proxy;

use lookup::{Finder, Lookup, System};

/// Where calls go. Connections are kept and calls are counted per origin.
pub(crate) struct Origin {
    id: u64,
    host: Host,
    lookup: Rc<Lookup>,
    is_found: bool,
    /// What is connected to is a proxy.
    is_proxy: bool,
    tls: Option<Rc<Tls>>,
    /// Whose certificate TLS shows.
    certificate: Option<ClientAuth>,
    /// What a proxy has to make first.
    tunnel: Option<Tunnel>,
    calls: Calls,
    breaker: RefCell<Breaker>,
}

/// A way through a proxy that sees nothing of what is said.
pub(crate) struct Tunnel {
    /// The host and port to which it leads.
    pub(crate) target: String,
    pub(crate) proxy: Proxy,
}

/// What has to be known of an origin.
pub(crate) struct Contact<'a> {
    /// Its name, by which its certificate is checked.
    pub(crate) host: &'a Host,
    /// To what is connected: itself, or a proxy.
    pub(crate) peer: &'a Endpoint,
    /// It is a proxy.
    pub(crate) is_proxy: bool,
    /// What looks names up; the servers of the system without one.
    pub(crate) resolver: Option<Resolver>,
    pub(crate) tls: Option<&'a TlsSettings>,
    pub(crate) certificate: Option<ClientAuth>,
    pub(crate) tunnel: Option<Tunnel>,
}

/// What all origins of a configuration share.
#[derive(Default)]
pub(crate) struct Origins {
    contexts: Contexts,
    system: System,
}

/// What origins share that are made at run time: of the one that told of them, and of its files, nothing
/// is read again.
pub(crate) struct Kin {
    tls: Tls,
    finder: Finder,
}

/// What is known of the peer of an origin that is made at run time.
pub(crate) enum Known<'o> {
    /// It is that of another origin.
    Peer(&'o Origin),
    /// It is at another port of the same host.
    Host(&'o Origin),
}

thread_local! {
    /// Names stay unique over reloads in a single process.
    static NEXT_ID: Cell<u64> = const { Cell::new(0) };
}

impl Origins {
    /// The origin that a contact describes.
    ///
    /// # Errors
    /// What is wrong, as a lower-case fragment.
    pub(crate) fn make(&mut self, conf: &Conf<'_>, contact: Contact<'_>) -> Result<Origin, String> {
        let Contact { host, peer, is_proxy, resolver, tls, certificate, tunnel } = contact;
        let tls = tls.map(|tls| self.contexts.tls(conf, tls)).transpose()?;
        let (looked_up, port) = (self.system.host_of(peer), peer.port());
        let addresses = address::at_configuration(conf, &looked_up, port).unwrap_or_else(|why| {
            // NGINX has to start while the STS is away.
            let role = if is_proxy { "the outgoing proxy " } else { "" };
            conf.warn(format_args!(
                "{role}\"{}\" has no address now, requests for it will fail until it has one: {why}; if \
                 the name is right, name a \"resolver\" that knows it, or write it into /etc/hosts",
                peer.authority()
            ));
            Vec::new()
        });
        let is_found = !addresses.is_empty();
        let lookup = Lookup::new(conf, &mut self.system, resolver, &looked_up, port, addresses);
        Ok(Origin {
            id: NEXT_ID.replace(NEXT_ID.get() + 1),
            host: host.clone(),
            lookup: Rc::new(lookup),
            is_found,
            is_proxy,
            tls: tls.map(Rc::new),
            certificate,
            tunnel,
            calls: Calls::default(),
            breaker: RefCell::default(),
        })
    }
}

impl Origins {
    /// What origins need that are made at run time, with the same settings.
    ///
    /// # Errors
    /// What is wrong, as a lower-case fragment.
    pub(crate) fn kin(
        &mut self,
        conf: &Conf<'_>,
        resolver: Option<Resolver>,
        tls: &TlsSettings,
    ) -> Result<Kin, String> {
        let tls = self.contexts.tls(conf, tls)?;
        Ok(Kin { tls, finder: self.system.finder(conf, resolver) })
    }
}

impl Kin {
    /// The origin that a contact describes, at run time. Its peer is looked up as that of `known` is,
    /// where the host is the same. The settings of the contact are these ones.
    pub(crate) fn origin(&self, contact: Contact<'_>, known: Option<Known<'_>>) -> Origin {
        let Contact { host, peer, is_proxy, resolver: _, tls, certificate, tunnel } = contact;
        let lookup = known.map(|known| match known {
            Known::Peer(known) => known.lookup.clone(),
            Known::Host(known) => Rc::new(known.lookup.at_port(peer.port())),
        });
        Origin {
            id: NEXT_ID.replace(NEXT_ID.get() + 1),
            host: host.clone(),
            lookup: lookup.unwrap_or_else(|| Rc::new(self.finder.lookup(peer))),
            is_found: true,
            is_proxy,
            tls: tls.map(|_| Rc::new(self.tls.to_another_host())),
            certificate,
            tunnel,
            calls: Calls::default(),
            breaker: RefCell::default(),
        }
    }
}

impl Origin {
    /// Whether what is connected to is a proxy, and not the origin itself.
    fn is_proxy(&self) -> bool {
        self.is_proxy
    }

    /// Unique in this process.
    fn id(&self) -> u64 {
        self.id
    }

    fn host(&self) -> &Host {
        &self.host
    }

    /// Whether there was an address to connect to when the configuration was read.
    pub(crate) fn is_found(&self) -> bool {
        self.is_found
    }

    /// Addresses to connect to, in this order; or why there are none.
    async fn addresses(&self, time: u64) -> Result<Vec<SocketAddress>, String> {
        self.lookup.addresses(time).await
    }

    /// Whether it is known that its name still leads where it led.
    fn is_fresh(&self) -> bool {
        self.lookup.is_fresh()
    }

    /// Whether its name leads to this address, as far as is known.
    fn has(&self, address: &SocketAddress) -> bool {
        self.lookup.has(address)
    }

    /// The certificate that TLS shows, as of now.
    ///
    /// # Errors
    /// There should be one, and nothing usable was read.
    fn key_pair(&self) -> Result<Option<Rc<KeyPair>>, Failure> {
        self.certificate.as_ref().and_then(ClientAuth::key_pair).transpose()
    }

    /// Whether a connection on which this certificate was shown is still good: it may have been
    /// replaced.
    fn is_current(&self, shown: Option<&Rc<KeyPair>>) -> bool {
        match (shown, self.key_pair()) {
            (Some(shown), Ok(Some(current))) => Rc::ptr_eq(shown, &current),
            (None, Ok(None)) => true,
            _ => false,
        }
    }

    fn tls(&self) -> Option<Rc<Tls>> {
        self.tls.clone()
    }

    /// Whether what is said is encrypted.
    pub(crate) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether a proxy passes bytes on without reading them.
    pub(crate) fn has_tunnel(&self) -> bool {
        self.tunnel.is_some()
    }

    /// Whether it is there, as far as the calls of this worker have shown.
    pub(crate) fn breaker(&self) -> &RefCell<Breaker> {
        &self.breaker
    }

    /// The calls that run, and those that wait for their turn.
    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }
}
