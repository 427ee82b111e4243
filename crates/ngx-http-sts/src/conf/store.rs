//! `STSCache redis` and `STSCache memcache`: what is behind a zone.

use std::path::Path;
use std::rc::Rc;

use sts_core::endpoint::{Endpoint, Host};
use sts_core::options::Options;
use sts_core::secret::Secret;
use sts_store::language::{Greeting, Language};
use sts_store::memcached;
use sts_store::seal::Keys;

use crate::conf::argument::{self, Problem};
use crate::conf::directives::protocols;
use crate::credentials::contents;
use crate::nginx::conf::Conf;
use crate::nginx::tls::{Protocols, TlsSettings};
use crate::origin::{Contact, Origins};
use crate::store::Configured;

/// The options of each kind, besides those of every cache.
pub(super) const OF_REDIS: &[&str] = &[
    "host",
    "port",
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

/// Options of the manual that are not there yet: they must not be taken for unknown ones, nor ignored.
const NOT_YET: &[&str] = &["sentinel", "master", "cluster"];

const REDIS_PORT: u64 = 6379;
const PREFIX: &str = "sts:";
/// Bytes of a prefix: with a name behind it, it is still a key of memcached.
const LONGEST_PREFIX: usize = memcached::KEY - 64;
const TIMEOUT: u64 = 20;
const POOL: u64 = 8;

/// What is written of a store.
#[derive(PartialEq, Eq)]
pub(super) struct StoreDefinition {
    language: Language,
    /// Where it is, as the transport has it.
    endpoint: Endpoint,
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
        language: Language,
        options: &mut Options,
    ) -> Result<Self, Problem> {
        if let Some(key) = NOT_YET.iter().find(|key| options.contains(key)) {
            return Err(format!(
                "option \"{key}\": Sentinel and Cluster are not supported yet: name the host of one server \
                 (option \"host\")"
            ));
        }
        let passphrases = passphrases(conf, options)?;
        let (endpoint, tls) = match language {
            Language::Redis => redis(conf, options)?,
            Language::Memcached => (memcached_server(options)?, None),
        };
        let (username, password) = match language {
            Language::Redis => credentials(conf, options)?,
            Language::Memcached => (None, None),
        };
        let is_exposed = password.is_some() && tls.is_none() && !is_of_this_machine(&endpoint);
        if is_exposed {
            conf.warn(format_args!(
                "\"STSCache\": the password goes to \"{}\" unencrypted: use tls=true",
                endpoint.host_and_port()
            ));
        }
        let db = number(options, "db", 0, 65_535)?.unwrap_or(0);
        let timeout = option(options, "timeout", |text| argument::time(text, 1, 10_000))?;
        let pool = number(options, "pool", 1, 1_024)?.unwrap_or(POOL);
        let prefix = text(options, "prefix")?.unwrap_or_else(|| PREFIX.to_owned());
        if prefix.len() > LONGEST_PREFIX || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "option \"prefix\": at most {LONGEST_PREFIX} printable ASCII characters without blanks are \
                 allowed"
            ));
        }
        Ok(Self {
            language,
            endpoint,
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

    /// What the workers use.
    pub(super) fn configure(
        &self,
        conf: &Conf<'_>,
        name: &str,
        origins: &mut Origins,
        derived: &mut Derived,
    ) -> Result<Configured, Problem> {
        let Self {
            language,
            endpoint,
            tls,
            username,
            password,
            db,
            prefix,
            timeout,
            pool,
            passphrases,
        } = self;
        let contact = Contact {
            host: endpoint.host(),
            peer: endpoint,
            resolver: None,
            tls: tls.as_ref(),
            certificate: None,
            tunnel: None,
        };
        let keys = match passphrases {
            Some(passphrases) => {
                passphrases.iter().map(|it| derived.of(it)).collect::<Result<_, _>>()?
            }
            None => vec![Rc::new(Keys::Insecure)],
        };
        let kind = match language {
            Language::Redis => "redis",
            Language::Memcached => "memcache",
        };
        Ok(Configured {
            origin: Rc::new(origins.make(conf, contact)?),
            language: *language,
            greeting: Greeting { username: username.clone(), password: password.clone(), db: *db },
            keys,
            prefix: prefix.clone(),
            timeout: *timeout,
            pool: *pool,
            shown: format!("the {kind} of the cache \"{name}\" at {}", shown(endpoint)),
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

/// `host`, `port` and what is written of TLS.
fn redis(
    conf: &Conf<'_>,
    options: &mut Options,
) -> Result<(Endpoint, Option<TlsSettings>), Problem> {
    let switch = |options: &mut Options, key| option(options, key, argument::switch);
    let uses_tls = switch(options, "tls")?.unwrap_or(false);
    let settings = TlsSettings {
        verify: switch(options, "ssl_verify")?.unwrap_or(true),
        trusted: text(options, "ssl_trusted_certificate")?,
        revoked: text(options, "ssl_crl")?,
        protocols: option(options, "ssl_protocols", |text| {
            protocols(&text.split(' ').collect::<Vec<_>>())
        })?
        .unwrap_or(Protocols::DEFAULT),
        ciphers: text(options, "ssl_ciphers")?,
    };
    let unset = TlsSettings {
        verify: true,
        trusted: None,
        revoked: None,
        protocols: Protocols::DEFAULT,
        ciphers: None,
    };
    if !uses_tls && settings != unset {
        return Err(
            "the options \"ssl_...\" have no effect without tls=true: write it, or leave them \
                    out"
            .into(),
        );
    }
    if uses_tls && !settings.verify {
        conf.warn(format_args!(
            "\"STSCache\": ssl_verify=off accepts any server as the store, and shows it the password"
        ));
    }
    let host = text(options, "host")?.ok_or(
        "option \"host\" is missing: the host of the Redis server, or unix:/path of its socket",
    )?;
    let port = number(options, "port", 1, 65_535)?;
    if host.starts_with("unix:") {
        if uses_tls {
            return Err("option \"tls\": a local socket has no TLS: leave it out".into());
        }
        if port.is_some() {
            return Err("option \"port\": a local socket has none: leave it out".into());
        }
    }
    let endpoint = endpoint("host", &host, port.unwrap_or(REDIS_PORT), uses_tls)?;
    Ok((endpoint, uses_tls.then_some(settings)))
}

/// `config_string`, as libmemcached has it.
fn memcached_server(options: &mut Options) -> Result<Endpoint, Problem> {
    let allowed = "allowed is --SERVER=host:port, once and percent-encoded (--SERVER%3Dhost:port)";
    let text = text(options, "config_string")?
        .ok_or_else(|| format!("option \"config_string\" is missing: {allowed}"))?;
    let invalid = || format!("option \"config_string\": {allowed}");
    let mut words = text.split_ascii_whitespace();
    let server = words.next().and_then(|word| word.strip_prefix("--SERVER="));
    let server = server.filter(|_| words.next().is_none()).ok_or_else(invalid)?;
    let (host, port) = server.rsplit_once(':').ok_or_else(invalid)?;
    let port = argument::number(port, 1, 65_535).map_err(|_| invalid())?;
    endpoint("config_string", host, port, false)
}

/// What the transport takes for a host with a port.
fn endpoint(option: &str, host: &str, port: u64, uses_tls: bool) -> Result<Endpoint, Problem> {
    let is_socket = host.starts_with("unix:");
    let is_plain = is_socket || host.bytes().all(|byte| !b"/?#@".contains(&byte));
    let url = match (uses_tls, is_socket) {
        (_, true) => format!("http://{host}:/"),
        (true, false) => format!("https://{}:{port}/", bracketed(host)),
        (false, false) => format!("http://{}:{port}/", bracketed(host)),
    };
    let endpoint = Some(url).filter(|_| is_plain).and_then(|url| Endpoint::parse(&url).ok());
    endpoint.ok_or_else(|| format!("option \"{option}\": the host has to be a name, or an address"))
}

fn bracketed(host: &str) -> String {
    match host.parse::<std::net::Ipv6Addr>() {
        Ok(_) => format!("[{host}]"),
        Err(_) => host.to_owned(),
    }
}

/// `username`, and `password` or `password_file`.
fn credentials(
    conf: &Conf<'_>,
    options: &mut Options,
) -> Result<(Option<String>, Option<Secret>), Problem> {
    let username = text(options, "username")?;
    let password = secret(options, "password")?;
    let file = text(options, "password_file")?;
    let password = match (password, file) {
        (Some(_), Some(_)) => {
            return Err("the options \"password\" and \"password_file\" exclude each other".into());
        }
        (password, None) => password,
        (None, Some(file)) => lines(conf, "password_file", &file, 1)?.pop(),
    };
    if username.is_some() && password.is_none() {
        return Err("option \"username\": a password is needed with it (\"password_file\", or \
                    \"password\")"
            .into());
    }
    Ok((username, password))
}

/// `passphrase` or `passphrase_file`, and `passphrase_old`; `None` is `encrypt=insecure`.
fn passphrases(conf: &Conf<'_>, options: &mut Options) -> Result<Option<Vec<Secret>>, Problem> {
    let encrypts = match text(options, "encrypt")?.as_deref() {
        None => true,
        Some("insecure") => false,
        Some(word) => {
            let on = argument::switch(word)
                .map_err(|_| "option \"encrypt\": allowed are \"true\" and \"insecure\"")?;
            if !on {
                return Err(
                    "option \"encrypt\": tokens do not lie in clear where others may read them: \
                            leave the option out and give a passphrase, or write encrypt=insecure"
                        .into(),
                );
            }
            true
        }
    };
    let written = secret(options, "passphrase")?;
    let file = text(options, "passphrase_file")?;
    let old = secret(options, "passphrase_old")?;
    let mut passphrases = match (written, file) {
        (Some(_), Some(_)) => {
            return Err(
                "the options \"passphrase\" and \"passphrase_file\" exclude each other".into()
            );
        }
        (Some(written), None) => vec![written],
        (None, Some(file)) => lines(conf, "passphrase_file", &file, 2)?,
        (None, None) => Vec::new(),
    };
    passphrases.extend(old);
    match (encrypts, passphrases.is_empty()) {
        (true, true) => Err("a passphrase is needed, by which the tokens are encrypted that lie in the \
                             store: passphrase_file=file (or passphrase=...), the same on all nodes; or \
                             encrypt=insecure, which does without"
            .into()),
        (true, false) => Ok(Some(passphrases)),
        (false, true) => {
            conf.warn(format_args!(
                "\"STSCache\": encrypt=insecure lets anybody who reads the store use its tokens, and \
                 anybody who writes there choose them"
            ));
            Ok(None)
        }
        (false, false) => {
            Err("option \"encrypt\": a passphrase has no effect with encrypt=insecure: leave one of \
                 them out"
                .into())
        }
    }
}

/// The first lines of a file.
fn lines(conf: &Conf<'_>, key: &str, file: &str, most: usize) -> Result<Vec<Secret>, Problem> {
    let path = conf.absolute(Path::new(file));
    let content = contents(std::slice::from_ref(&path));
    let content = content.map_err(|error| {
        format!("option \"{key}\": the file \"{}\" cannot be read: {error}", path.display())
    })?;
    let lines = content.expose().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).take(most).map(Secret::new).collect();
    if lines.is_empty() {
        return Err(format!("option \"{key}\": the file \"{}\" is empty", path.display()));
    }
    Ok(lines)
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
