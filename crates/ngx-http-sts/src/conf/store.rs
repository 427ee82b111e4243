//! `STSCache redis`, `STSCache memcache` and `STSCache file`: what is behind a zone.

mod directory;
mod place;
mod secrets;

use std::rc::Rc;

use sts_core::endpoint::{Endpoint, Host};
use sts_core::options::Options;
use sts_core::secret::Secret;
use sts_store::language::{Greeting, Language};
use sts_store::memcached;
use sts_store::seal::{Keys, Prefix};

use crate::conf::argument::{self, Problem};
use crate::conf::store::directory::Written;
use crate::conf::store::place::{At, memcached_server, redis, untouched};
use crate::conf::store::secrets::{credentials, passphrases};
use crate::nginx::conf::Conf;
use crate::nginx::tls::TlsSettings;
use crate::origin::{Contact, Origins};
use crate::store::Configured;
use crate::store::cluster::{Cluster, Node};
use crate::store::place::{Place, Sentinels, Servers};

/// The options of each kind, besides those of every cache.
pub(super) const OF_REDIS: &[&str] = &[
    "host",
    "port",
    "cluster",
    "sentinel",
    "master",
    "username",
    "password",
    "password_file",
    "db",
    "prefix",
    "timeout",
    "pool",
    "passphrase_file",
    "passphrase_old",
    "tls",
    "ssl_verify",
    "ssl_trusted_certificate",
    "ssl_crl",
    "ssl_protocols",
    "ssl_ciphers",
];
pub(super) const OF_MEMCACHE: &[&str] =
    &["config_string", "prefix", "timeout", "pool", "passphrase_file", "passphrase_old"];

pub(super) const OF_FILE: &[&str] =
    &["dir", "clean_interval", "timeout", "passphrase_file", "passphrase_old"];

/// What is behind a zone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Redis,
    Memcached,
    Files,
}

impl Kind {
    /// The word for it.
    fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Memcached => "memcache",
            Self::Files => "file",
        }
    }

    /// What is said to it. A directory knows some commands of Redis.
    fn language(self) -> Language {
        match self {
            Self::Redis | Self::Files => Language::Redis,
            Self::Memcached => Language::Memcached,
        }
    }
}

const PREFIX: &str = "sts:";
/// Bytes of a prefix: with a name behind it, it is still a key of memcached.
const LONGEST_PREFIX: usize = memcached::KEY - 64;
const TIMEOUT: u64 = 20;
const POOL: u64 = 8;

/// What is written of a store.
#[derive(PartialEq, Eq)]
pub(super) struct StoreDefinition {
    kind: Kind,
    at: At,
    tls: Option<TlsSettings>,
    username: Option<String>,
    password: Option<Secret>,
    db: u32,
    prefix: String,
    timeout: u64,
    pool: usize,
    /// The first one writes; `None`: nothing is encrypted.
    passphrases: Option<Vec<Secret>>,
}

/// The keys of all passphrases: each takes a tenth of a second.
#[derive(Default)]
pub(super) struct Derived(Vec<(Secret, Rc<Keys>)>);

impl Derived {
    fn of(&mut self, passphrase: &Secret) -> Result<Rc<Keys>, Problem> {
        if let Some((_, keys)) = self.0.iter().find(|(known, _)| known == passphrase) {
            return Ok(keys.clone());
        }
        let keys = Keys::derive(passphrase.expose());
        let keys = Rc::new(keys.map_err(|error| format!("OpenSSL makes no key: {error}"))?);
        self.0.push((passphrase.clone(), keys.clone()));
        Ok(keys)
    }
}

impl StoreDefinition {
    /// Takes the options of a store.
    pub(super) fn parse(
        conf: &Conf<'_>,
        kind: Kind,
        options: &mut Options,
    ) -> Result<Self, Problem> {
        let passphrases = passphrases(conf, options)?;
        let (at, tls) = match kind {
            Kind::Redis => redis(conf, options)?,
            Kind::Memcached => (At::Server(memcached_server(options)?), None),
            Kind::Files => (At::Directory(Written::take(conf, options)?), None),
        };
        let (username, password) = match kind {
            Kind::Redis => credentials(conf, options)?,
            Kind::Memcached | Kind::Files => (None, None),
        };
        let far = at.endpoints().iter().find(|endpoint| !is_of_this_machine(endpoint));
        if let (Some(_), None, Some(far)) = (&password, &tls, far) {
            let far = far.host_and_port();
            let to = match &at {
                At::Server(_) | At::Cluster(_) | At::Directory(_) => format!("to \"{far}\""),
                // They themselves are told none.
                At::Sentinels(..) => format!("to the master that \"{far}\" tells"),
            };
            conf.warn(format_args!(
                "\"STSCache\": the password goes {to} unencrypted: use tls=true"
            ));
        }
        let db = match kind {
            Kind::Redis => number(options, "db", 0, 65_535)?.unwrap_or(0),
            Kind::Memcached | Kind::Files => 0,
        };
        if db != 0 && matches!(at, At::Cluster(_)) {
            return Err("option \"db\": a Cluster has one database: leave it out".into());
        }
        let timeout = option(options, "timeout", |text| argument::time(text, 1, 10_000))?;
        let (pool, prefix) = match kind {
            Kind::Redis | Kind::Memcached => (
                number(options, "pool", 1, 1_024)?.unwrap_or(POOL),
                text(options, "prefix")?.unwrap_or_else(|| PREFIX.to_owned()),
            ),
            // A directory is nothing else's.
            Kind::Files => (POOL, String::new()),
        };
        if prefix.len() > LONGEST_PREFIX || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "option \"prefix\": at most {LONGEST_PREFIX} printable ASCII characters without blanks are \
                 allowed"
            ));
        }
        Ok(Self {
            kind,
            at,
            tls,
            username,
            password,
            db: u32::try_from(db).map_err(|error| error.to_string())?,
            prefix,
            timeout: timeout.unwrap_or(TIMEOUT),
            pool: usize::try_from(pool).map_err(|error| error.to_string())?,
            passphrases,
        })
    }

    /// The word for its kind.
    pub(super) fn kind(&self) -> &'static str {
        self.kind.name()
    }

    /// What the workers use.
    pub(super) fn configure(
        &self,
        conf: &Conf<'_>,
        name: &str,
        origins: &mut Origins,
        derived: &mut Derived,
    ) -> Result<Configured, Problem> {
        let Self { kind, at, tls, username, password, db, prefix, timeout, pool, passphrases } =
            self;
        let contact = |endpoint| Contact {
            host: Endpoint::host(endpoint),
            peer: endpoint,
            is_proxy: false,
            resolver: None,
            tls: tls.as_ref(),
            certificate: None,
            tunnel: None,
        };
        let mut made = Vec::new();
        for endpoint in at.endpoints() {
            made.push(Rc::new(origins.make(conf, contact(endpoint))?));
        }
        let mut servers = || -> Result<Servers, Problem> {
            let kin = origins.kin(conf, None, &tls.clone().unwrap_or_else(untouched))?;
            Ok(Servers { kin, tls: tls.clone(), hear_password: password.is_some() })
        };
        let place = match at {
            At::Server(_) => Place::Fixed(made.pop().ok_or("there is no host")?),
            At::Sentinels(_, master) => {
                Place::Watched(Box::new(Sentinels::new(made, master.clone(), servers()?)))
            }
            At::Cluster(endpoints) => {
                let node = |(endpoint, origin): (&Endpoint, _)| Node {
                    host: bare_host(endpoint),
                    port: endpoint.port(),
                    origin,
                };
                let nodes = endpoints.iter().zip(made).map(node).collect();
                Place::Spread(Box::new(Cluster::new(nodes, servers()?)))
            }
            At::Directory(directory) => Place::Files(directory.make(conf)?),
        };
        let shown: Vec<_> = at.endpoints().iter().map(shown).collect();
        let shown = match at {
            At::Server(_) => shown.join(", "),
            At::Sentinels(_, master) => format!("the master \"{master}\" of {}", shown.join(", ")),
            At::Cluster(_) => format!("the Cluster of {}", shown.join(", ")),
            At::Directory(directory) => directory.shown(),
        };
        let prefix = match at {
            At::Server(_) | At::Sentinels(..) | At::Directory(_) => Prefix::new(prefix),
            At::Cluster(_) => Prefix::of_cluster(prefix),
        };
        let keys = match passphrases {
            Some(passphrases) => {
                passphrases.iter().map(|it| derived.of(it)).collect::<Result<_, _>>()?
            }
            None => vec![Rc::new(Keys::Insecure)],
        };
        Ok(Configured {
            place,
            language: kind.language(),
            greeting: Greeting { username: username.clone(), password: password.clone(), db: *db },
            keys,
            prefix,
            timeout: *timeout,
            pool: *pool,
            shown: format!("the {} of the cache \"{name}\" at {shown}", kind.name()),
            at: shown,
        })
    }
}

fn shown(endpoint: &Endpoint) -> String {
    match endpoint.host() {
        Host::Unix(path) => format!("unix:{}", path.display()),
        Host::Ip(_) | Host::Name(_) => endpoint.host_and_port(),
    }
}

/// A host as nodes tell it.
fn bare_host(endpoint: &Endpoint) -> String {
    match endpoint.host() {
        Host::Ip(address) => address.to_string(),
        Host::Name(name) => name.to_string(),
        Host::Unix(path) => path.display().to_string(),
    }
}

fn is_of_this_machine(endpoint: &Endpoint) -> bool {
    matches!(endpoint.host(), Host::Unix(_)) || endpoint.is_loopback()
}

fn text(options: &mut Options, key: &'static str) -> Result<Option<String>, Problem> {
    options.take_text(key).map_err(|error| error.to_string())
}

fn secret(options: &mut Options, key: &str) -> Result<Option<Secret>, Problem> {
    match options.take(key) {
        Some(secret) if secret.is_empty() => {
            Err(format!("option \"{key}\": the value must not be empty"))
        }
        secret => Ok(secret),
    }
}

fn option<T>(
    options: &mut Options,
    key: &'static str,
    read: impl FnOnce(&str) -> Result<T, Problem>,
) -> Result<Option<T>, Problem> {
    let text = text(options, key)?;
    let value = text.map(|text| read(&text)).transpose();
    value.map_err(|problem| format!("option \"{key}\": {problem}"))
}

fn number(
    options: &mut Options,
    key: &'static str,
    least: u64,
    most: u64,
) -> Result<Option<u64>, Problem> {
    option(options, key, |text| argument::number(text, least, most))
}
