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
use sts_store::seal::Keys;

use crate::conf::argument::{self, Problem};
use crate::conf::store::directory::Written;
use crate::conf::store::place::{memcached_server, redis, untouched};
use crate::conf::store::secrets::{credentials, passphrases};
use crate::nginx::conf::Conf;
use crate::nginx::tls::TlsSettings;
use crate::origin::{Contact, Origins};
use crate::store::Configured;
use crate::store::place::{Place, Sentinels};

/// The options of each kind, besides those of every cache.
pub(super) const OF_REDIS: &[&str] = &[
    "host",
    "port",
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

/// An option of the manual that is not there yet: it must not be taken for an unknown one, nor ignored.
const NOT_YET: &str = "cluster";
const PREFIX: &str = "sts:";
/// Bytes of a prefix: with a name behind it, it is still a key of memcached.
const LONGEST_PREFIX: usize = memcached::KEY - 64;
const TIMEOUT: u64 = 20;
const POOL: u64 = 8;

/// What is written of a store.
#[derive(PartialEq, Eq)]
pub(super) struct StoreDefinition {
    kind: Kind,
    /// Where it is, as the transport has it; of a master its Sentinels.
    endpoints: Vec<Endpoint>,
    /// The name that the Sentinels have for it.
    master: Option<String>,
    tls: Option<TlsSettings>,
    username: Option<String>,
    password: Option<Secret>,
    db: u32,
    prefix: String,
    timeout: u64,
    pool: usize,
    /// The first one writes; `None`: nothing is encrypted.
    passphrases: Option<Vec<Secret>>,
    directory: Option<Written>,
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
        if options.contains(NOT_YET) {
            return Err(format!(
                "option \"{NOT_YET}\": Cluster is not supported yet: name the host of one server (option \
                 \"host\"), or the Sentinels of a master (options \"sentinel\" and \"master\")"
            ));
        }
        let passphrases = passphrases(conf, options)?;
        let (endpoints, master, tls) = match kind {
            Kind::Redis => redis(conf, options)?,
            Kind::Memcached => (vec![memcached_server(options)?], None, None),
            Kind::Files => (Vec::new(), None, None),
        };
        let (username, password) = match kind {
            Kind::Redis => credentials(conf, options)?,
            Kind::Memcached | Kind::Files => (None, None),
        };
        let directory = match kind {
            Kind::Files => Some(Written::take(conf, options)?),
            Kind::Redis | Kind::Memcached => None,
        };
        let far = endpoints.iter().find(|endpoint| !is_of_this_machine(endpoint));
        if let (Some(_), None, Some(far)) = (&password, &tls, far) {
            conf.warn(format_args!(
                "\"STSCache\": the password goes to \"{}\" unencrypted: use tls=true",
                far.host_and_port()
            ));
        }
        let db = match kind {
            Kind::Redis => number(options, "db", 0, 65_535)?.unwrap_or(0),
            Kind::Memcached | Kind::Files => 0,
        };
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
            endpoints,
            master,
            tls,
            username,
            password,
            db: u32::try_from(db).map_err(|error| error.to_string())?,
            prefix,
            timeout: timeout.unwrap_or(TIMEOUT),
            pool: usize::try_from(pool).map_err(|error| error.to_string())?,
            passphrases,
            directory,
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
        let Self {
            kind,
            endpoints,
            master,
            tls,
            username,
            password,
            db,
            prefix,
            timeout,
            pool,
            passphrases,
            directory,
        } = self;
        let contact = |endpoint| Contact {
            host: Endpoint::host(endpoint),
            peer: endpoint,
            resolver: None,
            tls: tls.as_ref(),
            certificate: None,
            tunnel: None,
        };
        let made: Result<Vec<_>, _> = endpoints
            .iter()
            .map(|endpoint| origins.make(conf, contact(endpoint)).map(Rc::new))
            .collect();
        let mut made = made?;
        let place = match (directory, master) {
            (Some(directory), _) => Place::Files(directory.make(conf)?),
            (None, None) => Place::Fixed(made.pop().ok_or("there is no host")?),
            (None, Some(master)) => {
                let settings = tls.clone().unwrap_or_else(untouched);
                let kin = origins.kin(conf, None, &settings)?;
                Place::Watched(Box::new(Sentinels::new(made, master.clone(), kin, tls.clone())))
            }
        };
        let shown: Vec<_> = endpoints.iter().map(shown).collect();
        let shown = match (directory, master) {
            (Some(directory), _) => directory.shown(),
            (None, None) => shown.join(", "),
            (None, Some(master)) => format!("the master \"{master}\" of {}", shown.join(", ")),
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
            prefix: prefix.clone(),
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
