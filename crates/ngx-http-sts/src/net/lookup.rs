//! The addresses of an STS at run time: its name may move.
//!
//! Asked is NGINX's `resolver` when the location has one, else the servers of `/etc/resolv.conf`.
//! Names of `/etc/hosts` are not asked for. When nobody answers, the addresses that the name had
//! when the configuration was read are used (ADR 6).

use std::cell::Cell;
use std::fs;

use sts_core::endpoint::Host;
use sts_net::names::{self, ResolvConf};

use crate::nginx::address::SocketAddress;
use crate::nginx::conf::Conf;
use crate::nginx::resolve::{ResolveError, Resolver};
use crate::nginx::timer::{self, Hold, Timer};

/// Milliseconds that one question to the servers of `/etc/resolv.conf` may take.
const TIMEOUT: u64 = 2_000;

/// Milliseconds for which nobody is asked again after nobody answered: a DNS that is away must not
/// delay each call.
const PAUSE: u64 = 5_000;

/// How a host is looked up.
pub(super) struct Lookup {
    /// Whom to ask, and for which names, one after the other.
    asked: Option<(Resolver, Vec<String>)>,
    port: u16,
    /// What the name had when the configuration was read.
    configured: Vec<SocketAddress>,
    /// When to ask again, after nobody answered.
    again: Cell<u64>,
}

/// What all destinations of a configuration share.
#[derive(Default)]
pub(super) struct System {
    resolver: Option<Option<Resolver>>,
    conf: Option<ResolvConf>,
}

impl System {
    fn conf(&mut self) -> &ResolvConf {
        self.conf.get_or_insert_with(|| {
            ResolvConf::parse(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
        })
    }

    fn resolver(&mut self, conf: &Conf<'_>) -> Option<Resolver> {
        if let Some(known) = self.resolver {
            return known;
        }
        let servers = self.conf().servers.clone();
        let resolver =
            (!servers.is_empty()).then(|| Resolver::asking(conf, &servers, TIMEOUT)).flatten();
        self.resolver = Some(resolver);
        resolver
    }
}

impl Lookup {
    pub(super) fn new(
        conf: &Conf<'_>,
        system: &mut System,
        resolver: Option<Resolver>,
        host: &Host,
        port: u16,
        configured: Vec<SocketAddress>,
    ) -> Self {
        let asked = match (host, resolver) {
            (Host::Ip(_) | Host::Unix(_), _) => None,
            (Host::Name(name), Some(resolver)) => Some((resolver, vec![name.clone()])),
            (Host::Name(name), None) => {
                let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
                let known = names::is_in_hosts(&hosts, name);
                let resolver = if known { None } else { system.resolver(conf) };
                resolver.map(|resolver| (resolver, system.conf().candidates(name)))
            }
        };
        Self { asked, port, configured, again: Cell::new(0) }
    }

    /// The addresses to try, in this order. Asking takes at most `time` milliseconds.
    ///
    /// # Errors
    /// Nobody knows one, and why.
    pub(super) async fn addresses(&self, time: u64) -> Result<Vec<SocketAddress>, String> {
        let mut why = "no address was found when the configuration was read".to_owned();
        if self.asked.is_some() && timer::now() >= self.again.get() {
            // NGINX's `resolver_timeout` may be longer than the whole call.
            let timer = Timer::new(time, Hold::default());
            match timer::before(timer, self.ask()).await {
                Some(Ok(Some(addresses))) => return Ok(addresses),
                Some(Ok(None)) => {}
                Some(Err(error)) => why = error.to_string(),
                None => why = format!("no name server answered within {time} ms"),
            }
            self.again.set(timer::now() + PAUSE);
        }
        if self.configured.is_empty() { Err(why) } else { Ok(self.configured.clone()) }
    }

    /// Asks for one name after the other. `None` when there is nobody to ask, or no address.
    async fn ask(&self) -> Result<Option<Vec<SocketAddress>>, ResolveError> {
        let Some((resolver, names)) = &self.asked else { return Ok(None) };
        let mut last = Ok(None);
        for name in names {
            last = match resolver.resolve(name, self.port).await {
                Ok(addresses) if !addresses.is_empty() => return Ok(Some(addresses)),
                Ok(_) => Ok(None),
                Err(error) => Err(error),
            };
        }
        last
    }
}
