//! The addresses of an origin at run time: its name may move, or be withdrawn.
//!
//! Asked is NGINX's `resolver` when the location has one, else the servers of `/etc/resolv.conf`; these
//! not for names of `/etc/hosts`. When there is no answer, the addresses that the name had last are
//! used: by the last answer, or when the configuration was read (ADR 6).

use std::borrow::Cow;
use std::cell::RefCell;
use std::fs;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;

use sts_core::endpoint::{Endpoint, Host};
use sts_net::names::{self, ResolvConf};
use sts_net::whereabouts::{Reply, Search, Whereabouts};

use crate::nginx::address::SocketAddress;
use crate::nginx::conf::Conf;
use crate::nginx::resolve::Resolver;
use crate::nginx::timer::{self, Hold, Timer};

/// Milliseconds that one question to the servers of `/etc/resolv.conf` may take.
const TIMEOUT: u64 = 2_000;

/// What to say of a name that had an address when the configuration was read, and that a name server
/// does not know.
const HINT: &str = "; it had an address when the configuration was read: if that is not of DNS, or \
                    found by a search list, write it into /etc/hosts";

/// What to say of a name that only metadata tell, and that a name server does not know.
const HINT_OF_METADATA: &str = "; the metadata of the issuer name it, and such a name is asked of name \
                                servers alone: if it is not of DNS, write it into /etc/hosts, and reload";

/// What to say of a name that only metadata tell, where no name server can be asked.
const UNKNOWN: &str = "the metadata of the issuer name it, it was not in /etc/hosts when the configuration \
                       was read, and no name server is known: set \"resolver\", or write it into \
                       /etc/hosts, and reload";

/// How a host is looked up.
pub(super) enum Lookup {
    /// No name server is asked for it.
    Fixed(Vec<SocketAddress>),
    Name(Name),
    /// Another port of the same host.
    Port {
        of: Rc<Lookup>,
        port: u16,
    },
    /// Nothing knows it; and what to do.
    Unknown(&'static str),
}

/// A name for which a name server is asked.
pub(super) struct Name {
    resolver: Resolver,
    /// What is asked for, one after the other.
    candidates: Vec<String>,
    port: u16,
    /// Its addresses when the configuration was read.
    configured: Vec<SocketAddress>,
    /// This machine knows it by itself.
    is_in_hosts: bool,
    /// What to say where a name server does not know it.
    hint: &'static str,
    state: RefCell<Whereabouts<SocketAddress>>,
}

/// What all origins of a configuration share.
#[derive(Default)]
pub(super) struct System {
    resolver: Option<Option<Resolver>>,
    conf: Option<ResolvConf>,
    hosts: Option<Rc<str>>,
}

/// What is needed to find hosts that are known only at run time: all that is in files was read with the
/// configuration.
pub(super) struct Finder {
    /// That of the location.
    resolver: Option<Resolver>,
    /// The servers of this machine, and how it asks them.
    system: Option<(Resolver, ResolvConf)>,
    hosts: Rc<str>,
}

impl System {
    fn conf(&mut self) -> &ResolvConf {
        self.conf.get_or_insert_with(|| {
            ResolvConf::parse(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
        })
    }

    fn hosts(&mut self) -> &Rc<str> {
        self.hosts.get_or_insert_with(|| {
            // Other encodings than UTF-8 may stand in comments.
            let text = fs::read("/etc/hosts").unwrap_or_default();
            String::from_utf8_lossy(&text).into()
        })
    }

    fn is_in_hosts(&mut self, name: &str) -> bool {
        names::is_in_hosts(self.hosts(), name)
    }

    /// Finds hosts at run time as this finds them.
    pub(super) fn finder(&mut self, conf: &Conf<'_>, resolver: Option<Resolver>) -> Finder {
        let system = match resolver {
            Some(_) => None,
            None => self.resolver(conf).map(|it| (it, self.conf().clone())),
        };
        Finder { resolver, system, hosts: self.hosts().clone() }
    }

    /// The host of an endpoint as it is looked up. This machine knows its own names without the dot of
    /// an absolute one.
    pub(super) fn host_of<'e>(&mut self, endpoint: &'e Endpoint) -> Cow<'e, Host> {
        match endpoint.host() {
            Host::Name(name) if self.is_in_hosts(name) => Cow::Borrowed(endpoint.host()),
            _ => endpoint.looked_up(),
        }
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
        let Host::Name(name) = host else { return Self::Fixed(configured) };
        let is_in_hosts = system.is_in_hosts(name);
        let asked = match resolver {
            Some(resolver) => Some((resolver, vec![name.clone()])),
            None if is_in_hosts => None,
            None => system.resolver(conf).map(|it| (it, system.conf().candidates(name))),
        };
        let Some((resolver, candidates)) = asked else { return Self::Fixed(configured) };
        let state = RefCell::new(Whereabouts::new(configured.clone()));
        let hint = if configured.is_empty() { "" } else { HINT };
        Self::Name(Name { resolver, candidates, port, configured, is_in_hosts, hint, state })
    }

    /// The same host at another port: what is known of its name, and what is asked for it, is the same.
    pub(super) fn at_port(self: &Rc<Self>, port: u16) -> Self {
        Self::Port { of: self.clone(), port }
    }

    /// The addresses to try, in this order. Asking takes at most `time` milliseconds.
    ///
    /// # Errors
    /// There is none, and why.
    pub(super) async fn addresses(&self, time: u64) -> Result<Vec<SocketAddress>, String> {
        match self {
            Self::Fixed(addresses) if addresses.is_empty() => {
                Err("no address was found when the configuration was read".to_owned())
            }
            Self::Fixed(addresses) => Ok(addresses.clone()),
            Self::Name(name) => name.addresses(time).await,
            Self::Port { of, port } => {
                // Boxed: of one that has no port of another there is no end.
                let addresses = Box::pin(of.addresses(time)).await?;
                Ok(addresses.iter().filter_map(|address| address.at_port(*port)).collect())
            }
            Self::Unknown(why) => Err((*why).to_owned()),
        }
    }

    /// Whether what is known is recent enough to go to an address again without asking.
    pub(super) fn is_fresh(&self) -> bool {
        match self {
            Self::Fixed(_) | Self::Unknown(_) => true,
            Self::Name(name) => name.state.borrow().is_fresh(timer::now()),
            Self::Port { of, .. } => of.is_fresh(),
        }
    }

    /// Whether this is one of the addresses, as far as is known.
    pub(super) fn has(&self, address: &SocketAddress) -> bool {
        match self {
            Self::Fixed(_) | Self::Unknown(_) => true,
            Self::Name(name) => name.state.borrow().known().contains(address),
            Self::Port { of, port } => of.is_at(address, *port),
        }
    }
}

impl Lookup {
    /// Whether this is one of the addresses at another port.
    fn is_at(&self, address: &SocketAddress, port: u16) -> bool {
        match self {
            Self::Fixed(_) | Self::Unknown(_) => true,
            Self::Port { of, .. } => of.is_at(address, port),
            Self::Name(name) => {
                let state = name.state.borrow();
                state.known().iter().any(|known| known.at_port(port).as_ref() == Some(address))
            }
        }
    }
}

impl Finder {
    /// How an endpoint is looked up that the configuration does not name: nothing is asked yet.
    pub(super) fn lookup(&self, endpoint: &Endpoint) -> Lookup {
        let port = endpoint.port();
        let of_ip = |ip| SocketAddress::of_ip(SocketAddr::new(ip, port));
        let name = match endpoint.host() {
            Host::Ip(ip) => return Lookup::Fixed(vec![of_ip(*ip)]),
            // Metadata name none.
            Host::Unix(_) => return Lookup::Fixed(Vec::new()),
            Host::Name(name) => name,
        };
        let is_in_hosts = names::is_in_hosts(&self.hosts, name);
        let known = if is_in_hosts { names::addresses_in_hosts(&self.hosts, name) } else { vec![] };
        let configured: Vec<_> = known.into_iter().map(of_ip).collect();
        let looked_up = endpoint.looked_up();
        let asked = match (&*looked_up, &self.system, self.resolver) {
            (_, _, Some(resolver)) if is_in_hosts => Some((resolver, vec![name.clone()])),
            (Host::Name(name), _, Some(resolver)) => Some((resolver, vec![name.clone()])),
            (Host::Name(name), Some((resolver, conf)), None) if !is_in_hosts => {
                Some((*resolver, conf.candidates(name)))
            }
            _ => None,
        };
        let Some((resolver, candidates)) = asked else {
            let is_known = !configured.is_empty();
            return if is_known { Lookup::Fixed(configured) } else { Lookup::Unknown(UNKNOWN) };
        };
        let state = RefCell::new(Whereabouts::new(configured.clone()));
        let hint = HINT_OF_METADATA;
        Lookup::Name(Name { resolver, candidates, port, configured, is_in_hosts, hint, state })
    }
}

impl Name {
    async fn addresses(&self, time: u64) -> Result<Vec<SocketAddress>, String> {
        let patience = self.state.borrow_mut().ask(timer::now(), time);
        let Some(time) = patience else { return Ok(self.state.borrow().known().to_vec()) };
        // NGINX's `resolver_timeout` may be longer than the whole call.
        let timer = pin!(Timer::new(time, Hold::default()));
        let reply = timer::before(timer, pin!(self.ask()))
            .await
            .unwrap_or_else(|| Reply::Silent(format!("no name server answered within {time} ms")));
        let reply = match reply {
            // What a name server does not know of is not gone from this machine.
            Reply::Gone(_) if self.is_in_hosts && !self.configured.is_empty() => {
                Reply::Found(self.configured.clone())
            }
            Reply::Gone(why) => Reply::Gone(why + self.hint),
            reply => reply,
        };
        self.state.borrow_mut().learn(reply, timer::now()).map(<[_]>::to_vec)
    }

    async fn ask(&self) -> Reply<SocketAddress> {
        let mut search = Search::default();
        for name in &self.candidates {
            if let Some(reply) = search.take(self.resolver.resolve(name, self.port).await) {
                return reply;
            }
        }
        search.end()
    }
}
