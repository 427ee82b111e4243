//! To what calls go: an origin, and how each request to it begins.

use std::rc::Rc;

use ::http::HeaderValue;
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::{Endpoint, Host, HostField, Scheme};
use sts_core::error::Failure;
use sts_core::fields::Fields;
use sts_core::known::Known;
use sts_net::http1::request::{self, AGENT};

use crate::nginx::conf::Conf;
use crate::nginx::resolve::{Resolver, ResolverSettings};
use crate::nginx::tls::TlsSettings;
use crate::origin::{Contact, Kin, Known as KnownPeer, Origin, Origins, Proxy, Tunnel};

/// Changes when the fields of an identity do.
const LAYOUT: &[u8] = b"sts-destination-2";

/// An STS as the transport sees it. What differs in host, port, `Host`, in what TLS verifies or in the certificate that it shows is
/// another destination.
pub(crate) struct Destination {
    key: Key,
    origin: Rc<Origin>,
    /// How each request begins.
    start: String,
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
    /// What has to be known of the origin.
    fn contact<'k>(&'k self, endpoint: &'k Endpoint, resolver: Option<Resolver>) -> Contact<'k> {
        let is_secure = endpoint.scheme() == Scheme::Https;
        let proxy = self.proxy.as_ref();
        let tunnel = proxy
            .filter(|_| is_secure)
            .map(|proxy| Tunnel { target: endpoint.tunnel(), proxy: proxy.clone() });
        Contact {
            host: endpoint.host(),
            // With a proxy, the name of the STS is the proxy's business.
            peer: proxy.map_or(endpoint, |proxy| &proxy.endpoint),
            is_proxy: proxy.is_some(),
            resolver,
            tls: is_secure.then_some(&self.tls),
            certificate: self.certificate.clone(),
            tunnel,
        }
    }

    /// The target of requests.
    fn target(&self, endpoint: &Endpoint) -> String {
        let target = endpoint.target();
        // RFC 9112, section 3.2.2.
        if self.proxy.is_some() && endpoint.scheme() == Scheme::Http {
            return format!("http://{}{target}", endpoint.authority());
        }
        target.to_owned()
    }

    /// Their `Host`.
    fn authority<'k>(&'k self, endpoint: &'k Endpoint) -> &'k str {
        self.host_field.as_ref().map_or_else(|| endpoint.authority(), HostField::as_str)
    }

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
    origins: Origins,
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
        let origin = Rc::new(self.origins.make(conf, key.contact(endpoint, resolver))?);
        let start = request::start(&key.target(endpoint), key.authority(endpoint), AGENT);
        let destination = Rc::new(Destination { key, origin, start });
        self.known.push(destination.clone());
        Ok(destination)
    }
}

impl Destinations {
    /// What is needed to reach endpoints that are known only at run time, by the block's resolver.
    ///
    /// # Errors
    /// What is wrong, as a lower-case fragment.
    pub(crate) fn kin(&mut self, conf: &Conf<'_>, tls: &TlsSettings) -> Result<Kin, String> {
        self.origins.kin(conf, Resolver::configured(conf), tls)
    }
}

impl Destination {
    /// An endpoint that the STS told of at run time, with the same settings. Where no certificate is
    /// shown and host and port are the same, connections and calls are the same, too.
    ///
    /// # Errors
    /// It cannot be used.
    pub(crate) fn derive(
        &self,
        endpoint: &Endpoint,
        kin: &Kin,
        certificate: Option<&ClientAuth>,
    ) -> Result<Self, &'static str> {
        let is_secure = endpoint.scheme() == Scheme::Https;
        if certificate.is_some() && !is_secure {
            return Err("\"client_cert\" needs an https:// endpoint: only TLS shows a certificate");
        }
        let key = Key {
            url: endpoint.url().to_owned(),
            host: endpoint.host().clone(),
            port: endpoint.port(),
            certificate: certificate.cloned(),
            ..self.key.clone()
        };
        let is_same_host = key.host == self.key.host;
        let is_same_peer = is_same_host && key.port == self.key.port;
        let is_same = is_same_peer && is_secure == self.origin.is_secure() && certificate.is_none();
        let origin = if is_same {
            self.origin.clone()
        } else {
            let known = match &key.proxy {
                // The way to a proxy is the same for all.
                Some(_) => Some(KnownPeer::Peer(&self.origin)),
                None if is_same_peer => Some(KnownPeer::Peer(&self.origin)),
                None => is_same_host.then_some(KnownPeer::Host(&self.origin)),
            };
            Rc::new(kin.origin(key.contact(endpoint, None), known))
        };
        let start = request::start(&key.target(endpoint), key.authority(endpoint), AGENT);
        Ok(Self { key, origin, start })
    }

    /// A question for what stands at another URL of the same host.
    pub(super) fn get(&self, endpoint: &Endpoint) -> String {
        request::get(&self.key.target(endpoint), self.key.authority(endpoint), AGENT)
    }

    /// How the STS is found, and by what it is known to be the one, as a digest. It is the same after
    /// a reload, and without what only limits how long that takes.
    pub(crate) fn identity(&self) -> [u8; 32] {
        self.key.identity()
    }

    /// Whether there was an address to connect to when the configuration was read.
    pub(crate) fn is_found(&self) -> bool {
        self.origin.is_found()
    }

    pub(super) fn origin(&self) -> &Rc<Origin> {
        &self.origin
    }

    /// How each request begins.
    pub(super) fn start(&self) -> &str {
        &self.start
    }

    /// What it is called in the log: its URL without a query.
    pub(super) fn shown(&self) -> &str {
        self.key.url.split('?').next().unwrap_or_default()
    }

    /// The proxy that leads to it.
    pub(crate) fn proxy(&self) -> Option<&Endpoint> {
        self.key.proxy.as_ref().map(|proxy| &proxy.endpoint)
    }

    /// What a proxy that reads the messages wants to see of the gateway, as of now.
    ///
    /// # Errors
    /// There should be something, and nothing usable was read.
    pub(super) fn proxy_authorization(&self) -> Result<Option<HeaderValue>, Failure> {
        match &self.key.proxy {
            // In a tunnel it is the STS that reads them.
            Some(proxy) if !self.origin.has_tunnel() => proxy.authorization(),
            _ => Ok(None),
        }
    }

    /// Tells what the proxy is sent, and may repeat in the place of the STS.
    pub(crate) fn tell(&self, known: &mut Known) {
        if let Some(auth) = self.key.proxy.as_ref().and_then(|proxy| proxy.auth.as_ref()) {
            auth.tell(known);
        }
    }
}
