//! The addresses of an STS at run time: its name may move.
//!
//! Asked is NGINX's `resolver` when the location has one, else the servers of `/etc/resolv.conf`.
//! Names of `/etc/hosts` are not asked for. When nobody answers, the addresses that the name had last
//! are used: by the last answer, or when the configuration was read (ADR 6).

use std::cell::{Cell, RefCell};
use std::fs;
use std::pin::pin;

use sts_core::endpoint::Host;
use sts_net::names::{self, ResolvConf};

use crate::nginx::address::SocketAddress;
use crate::nginx::conf::Conf;
use crate::nginx::resolve::{ResolveError, Resolver};
use crate::nginx::timer::{self, Hold, Timer};

/// Milliseconds that one question to the servers of `/etc/resolv.conf` may take.
const TIMEOUT: u64 = 2_000;

/// Milliseconds that a call waits for an answer when it has other addresses.
const PATIENCE: u64 = 1_000;

/// Milliseconds for which nobody is asked again after nobody answered: a DNS that is away must not
/// delay each call.
const PAUSE: u64 = 5_000;

/// How a host is looked up.
pub(super) struct Lookup {
    /// Whom to ask, and for which names, one after the other.
    asked: Option<(Resolver, Vec<String>)>,
    port: u16,
    /// What the name had last.
    known: RefCell<Vec<SocketAddress>>,
    /// When to ask again, after nobody answered.
    again: Cell<Option<u64>>,
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
        Self { asked, port, known: RefCell::new(configured), again: Cell::default() }
    }

    /// The addresses to try, in this order. Asking takes at most `time` milliseconds.
    ///
    /// # Errors
    /// Nobody knows one, and why.
    pub(super) async fn addresses(&self, time: u64) -> Result<Vec<SocketAddress>, String> {
        let known = self.known.borrow().clone();
        let why = match self.patience(time, !known.is_empty()) {
            Some(time) => match self.ask_within(time).await {
                Ok(addresses) => return Ok(addresses),
                Err(why) => why,
            },
            None => "no address was found when the configuration was read".to_owned(),
        };
        if known.is_empty() { Err(why) } else { Ok(known) }
    }

    /// Milliseconds to wait for an answer; `None` when nobody is asked.
    fn patience(&self, time: u64, has_others: bool) -> Option<u64> {
        self.asked.as_ref()?;
        // Who has no other address asks each time.
        if !has_others {
            return Some(time);
        }
        let Some(again) = self.again.get() else { return Some(time.min(PATIENCE)) };
        // One call finds out for all the others.
        (timer::now() >= again).then(|| {
            self.again.set(Some(timer::now() + PAUSE));
            time.min(PATIENCE)
        })
    }

    async fn ask_within(&self, time: u64) -> Result<Vec<SocketAddress>, String> {
        // NGINX's `resolver_timeout` may be longer than the whole call.
        let timer = pin!(Timer::new(time, Hold::default()));
        let answer = match timer::before(timer, pin!(self.ask())).await {
            Some(Ok(addresses)) if addresses.is_empty() => {
                Err("the name has no address".to_owned())
            }
            Some(Ok(addresses)) => Ok(addresses),
            Some(Err(error)) => Err(error.to_string()),
            None => Err(format!("no name server answered within {time} ms")),
        };
        self.again.set(answer.is_err().then(|| timer::now() + PAUSE));
        if let Ok(addresses) = &answer {
            self.known.replace(addresses.clone());
        }
        answer
    }

    /// Asks for one name after the other.
    async fn ask(&self) -> Result<Vec<SocketAddress>, ResolveError> {
        let mut last = Ok(Vec::new());
        let Some((resolver, names)) = &self.asked else { return last };
        for name in names {
            last = resolver.resolve(name, self.port).await;
            if last.as_ref().is_ok_and(|addresses| !addresses.is_empty()) {
                break;
            }
        }
        last
    }
}
