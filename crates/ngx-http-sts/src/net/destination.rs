//! Whom a call goes to: a host with its addresses and its TLS configuration.

use std::cell::Cell;
use std::rc::Rc;

use http::HeaderValue;
use sts_core::client_auth::{ClientAuth, KeyPair};
use sts_core::endpoint::{Endpoint, Host, HostField, Scheme};
use sts_core::error::Failure;
use sts_core::fields::Fields;
use sts_core::known::Known;
use sts_net::calls::Calls;
use sts_net::http1::request;

use crate::net::lookup::{Lookup, System};
use crate::net::proxy::Proxy;
use crate::nginx::address::{self, SocketAddress};
use crate::nginx::conf::Conf;
use crate::nginx::resolve::{Resolver, ResolverSettings};
use crate::nginx::tls::{Contexts, Tls, TlsSettings};

/// Changes when the fields of an identity do.
const LAYOUT: &[u8] = b"sts-destination-2";

const AGENT: &str = concat!("nginx-sts/", env!("CARGO_PKG_VERSION"));

/// An STS as the transport sees it. Connections are kept and calls are counted per destination, and
/// what differs in host, port, `Host`, in what TLS verifies or in the certificate that it shows is
/// another destination.
pub(crate) struct Destination {
    id: u64,
    key: Key,
    lookup: Lookup,
    is_found: bool,
    tls: Option<Rc<Tls>>,
    calls: Calls,
    /// How each request begins.
    start: String,
    /// The host and port to which a proxy makes a tunnel.
    tunnel: Option<String>,
}

#[derive(Clone, PartialEq, Eq)]
struct Key {
    url: String,
    host: Host,
    port: u16,
    tls: TlsSettings,
    /// That of the system without one.
    resolver: Option<ResolverSettings>,
    proxy: Option<Proxy>,
    /// In the place of the endpoint's.
    host_field: Option<HostField>,
    /// Whose certificate TLS shows.
    certificate: Option<ClientAuth>,
}

impl Key {
    /// How the STS is found, and by what it is known to be the one. The same after a reload.
    fn identity(&self) -> [u8; 32] {
        // Host and port stand in the URL.
        let Self { url, host: _, port: _, tls, resolver, proxy, host_field, certificate } = self;
        let mut fields = Fields::new(LAYOUT);
        fields.push(url.as_bytes());
        tls.identify(&mut fields);
        match resolver {
            Some(resolver) => {
                fields.push(b"resolver");
                resolver.identify(&mut fields);
            }
            None => fields.push(b"system"),
        }
        match proxy {
            Some(proxy) => {
                fields.push(b"proxy");
                proxy.identify(&mut fields);
            }
            None => fields.push(b"none"),
        }
        fields.push_optional(host_field.as_ref().map(|host| host.as_str().as_bytes()));
        match certificate {
            Some(certificate) => {
                fields.push(b"certificate");
                certificate.identify(&mut fields);
            }
            None => fields.push(b"none"),
        }
        fields.finish()
    }
}

/// The destinations of a configuration.
#[derive(Default)]
pub(crate) struct Destinations {
    known: Vec<Rc<Destination>>,
    contexts: Contexts,
    system: System,
}

thread_local! {
    /// Names stay unique over reloads in a single process.
    static NEXT_ID: Cell<u64> = const { Cell::new(0) };
}

impl Destinations {
    /// The destination of an endpoint, which is no local socket where there is a proxy.
    ///
    /// # Errors
    /// What is wrong, as a lower-case fragment.
    pub(crate) fn of(
        &mut self,
        conf: &Conf<'_>,
        endpoint: &Endpoint,
        tls: &TlsSettings,
        auth: &ClientAuth,
        proxy: Option<&Proxy>,
        host_field: Option<&HostField>,
    ) -> Result<Rc<Destination>, String> {
        let certificate = auth.key_pair().map(|_| auth.clone());
        if certificate.is_some() && endpoint.scheme() == Scheme::Http {
            return Err(
                "\"client_cert\" needs an https:// endpoint: only TLS shows a certificate".into()
            );
        }
        let resolver = Resolver::configured(conf);
        let key = Key {
            url: endpoint.url().to_owned(),
            host: endpoint.host().clone(),
            port: endpoint.port(),
            resolver: resolver.map(Resolver::settings),
            proxy: proxy.cloned(),
            host_field: host_field.cloned(),
            certificate,
            tls: tls.clone(),
        };
        if let Some(known) = self.known.iter().find(|known| known.key == key) {
            return Ok(known.clone());
        }
        let is_secure = endpoint.scheme() == Scheme::Https;
        let tls = is_secure.then(|| self.contexts.tls(conf, tls)).transpose()?;
        // Whom to connect to: with a proxy, the name of the STS is the proxy's business.
        let contact = proxy.map_or(endpoint, |proxy| &proxy.endpoint);
        let (host, port) = (self.system.host_of(contact), contact.port());
        let addresses = address::at_configuration(conf, &host, port).unwrap_or_else(|why| {
            // NGINX has to start while the STS is away.
            conf.warn(format_args!(
                "\"{}\" has no address now, requests for it will fail until it has one: {why}",
                contact.authority()
            ));
            Vec::new()
        });
        let is_found = !addresses.is_empty();
        let lookup = Lookup::new(conf, &mut self.system, resolver, &host, port, addresses);
        let (target, tunnel) = match (proxy, endpoint.scheme()) {
            (None, _) => (endpoint.target().to_owned(), None),
            // RFC 9112, section 3.2.2.
            (Some(_), Scheme::Http) => {
                (format!("http://{}{}", endpoint.authority(), endpoint.target()), None)
            }
            (Some(_), Scheme::Https) => (endpoint.target().to_owned(), Some(endpoint.tunnel())),
        };
        let authority = host_field.map_or_else(|| endpoint.authority(), HostField::as_str);
        let destination = Rc::new(Destination {
            id: NEXT_ID.replace(NEXT_ID.get() + 1),
            start: request::start(&target, authority, AGENT),
            tunnel,
            key,
            lookup,
            is_found,
            tls: tls.map(Rc::new),
            calls: Calls::default(),
        });
        self.known.push(destination.clone());
        Ok(destination)
    }
}

impl Destination {
    /// How the STS is found, and by what it is known to be the one, as a digest. It is the same after
    /// a reload, and without what only limits how long that takes.
    pub(crate) fn identity(&self) -> [u8; 32] {
        self.key.identity()
    }

    /// Unique in this process.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Whether there was an address to connect to when the configuration was read.
    pub(crate) fn is_found(&self) -> bool {
        self.is_found
    }

    /// How each request begins.
    pub(super) fn start(&self) -> &str {
        &self.start
    }

    pub(super) fn host(&self) -> &Host {
        &self.key.host
    }

    /// Addresses to connect to, in this order; or why there are none.
    pub(super) async fn addresses(&self, time: u64) -> Result<Vec<SocketAddress>, String> {
        self.lookup.addresses(time).await
    }

    /// Whether it is known that its name still leads where it led.
    pub(super) fn is_fresh(&self) -> bool {
        self.lookup.is_fresh()
    }

    /// Whether its name leads to this address, as far as is known.
    pub(super) fn has(&self, address: &SocketAddress) -> bool {
        self.lookup.has(address)
    }

    /// The certificate that TLS shows, as of now.
    ///
    /// # Errors
    /// There should be one, and nothing usable was read.
    pub(super) fn key_pair(&self) -> Result<Option<Rc<KeyPair>>, Failure> {
        self.key.certificate.as_ref().and_then(ClientAuth::key_pair).transpose()
    }

    /// Whether a connection on which this certificate was shown is still good: it may have been
    /// replaced.
    pub(super) fn is_current(&self, shown: Option<&Rc<KeyPair>>) -> bool {
        match (shown, self.key_pair()) {
            (Some(shown), Ok(Some(current))) => Rc::ptr_eq(shown, &current),
            (None, Ok(None)) => true,
            _ => false,
        }
    }

    pub(super) fn tls(&self) -> Option<Rc<Tls>> {
        self.tls.clone()
    }

    /// The proxy that leads to it.
    pub(crate) fn proxy(&self) -> Option<&Endpoint> {
        self.key.proxy.as_ref().map(|proxy| &proxy.endpoint)
    }

    /// What the proxy wants to see of the gateway, as of now.
    ///
    /// # Errors
    /// There should be something, and nothing usable was read.
    pub(super) fn proxy_authorization(&self) -> Result<Option<HeaderValue>, Failure> {
        match &self.key.proxy {
            Some(proxy) => proxy.authorization(),
            None => Ok(None),
        }
    }

    /// Tells what the proxy is sent, and may repeat in the place of the STS.
    pub(crate) fn tell(&self, known: &mut Known) {
        if let Some(auth) = self.key.proxy.as_ref().and_then(|proxy| proxy.auth.as_ref()) {
            auth.tell(known);
        }
    }

    pub(super) fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Where a proxy has to make a tunnel to first.
    pub(super) fn tunnel(&self) -> Option<&str> {
        self.tunnel.as_deref()
    }
}
