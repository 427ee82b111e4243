//! Where a store is, and what is written of TLS.

use sts_core::endpoint::Endpoint;
use sts_core::options::Options;

use crate::conf::argument::{self, Problem};
use crate::conf::directives::protocols;
use crate::conf::store::{number, option, text};
use crate::nginx::conf::Conf;
use crate::nginx::tls::{Protocols, TlsSettings};

/// Sentinels that may be named.
const SENTINELS: usize = 16;

const REDIS_PORT: u64 = 6379;
const SENTINEL_PORT: u64 = 26_379;

/// Where a Redis is, the name of its master, and what is written of TLS.
pub(super) type Written = (Vec<Endpoint>, Option<String>, Option<TlsSettings>);

pub(super) fn redis(conf: &Conf<'_>, options: &mut Options) -> Result<Written, Problem> {
    let tls = tls(conf, options)?;
    let host = text(options, "host")?;
    let port = number(options, "port", 1, 65_535)?;
    let sentinels = text(options, "sentinel")?;
    let master = text(options, "master")?;
    match (host, sentinels, master) {
        (Some(host), None, None) => {
            if host.starts_with("unix:") {
                if tls.is_some() {
                    return Err("option \"tls\": a local socket has no TLS: leave it out".into());
                }
                if port.is_some() {
                    return Err("option \"port\": a local socket has none: leave it out".into());
                }
            }
            let endpoint = endpoint("host", &host, port.unwrap_or(REDIS_PORT), tls.is_some())?;
            Ok((vec![endpoint], None, tls))
        }
        (None, Some(sentinels), Some(master)) => {
            if port.is_some() {
                return Err("option \"port\": the Sentinels tell it: leave it out".into());
            }
            let sentinels: Result<Vec<_>, _> =
                sentinels.split(',').map(|it| sentinel(it, tls.is_some())).collect();
            let sentinels = sentinels?;
            if sentinels.len() > SENTINELS {
                return Err(format!("option \"sentinel\": at most {SENTINELS} are allowed"));
            }
            Ok((sentinels, Some(master), tls))
        }
        (None, None, None) => Err("option \"host\" is missing: the host of the Redis server, or \
                                   unix:/path of its socket; or the options \"sentinel\" and \
                                   \"master\""
            .into()),
        (Some(_), _, _) => {
            Err("option \"host\": the Sentinels tell it: leave it out, or the options \
                                \"sentinel\" and \"master\""
                .into())
        }
        (None, _, _) => Err("the options \"sentinel\" and \"master\" need each other".into()),
    }
}

/// `host:port` of a Sentinel, which has a port of its own by default.
fn sentinel(text: &str, uses_tls: bool) -> Result<Endpoint, Problem> {
    let invalid = || Problem::from("option \"sentinel\": allowed are host:port,host:port,...");
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, argument::number(port, 1, 65_535).map_err(|_| invalid())?),
        None => (text, SENTINEL_PORT),
    };
    let is_socket = host.is_empty() || host.starts_with("unix");
    if is_socket { Err(invalid()) } else { endpoint("sentinel", host, port, uses_tls) }
}

/// What is written of TLS, where it is used.
fn tls(conf: &Conf<'_>, options: &mut Options) -> Result<Option<TlsSettings>, Problem> {
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
    if !uses_tls && settings != untouched() {
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
    Ok(uses_tls.then_some(settings))
}

/// TLS of which nothing is written.
pub(super) fn untouched() -> TlsSettings {
    TlsSettings {
        verify: true,
        trusted: None,
        revoked: None,
        protocols: Protocols::DEFAULT,
        ciphers: None,
    }
}

/// `config_string`, as libmemcached has it.
pub(super) fn memcached_server(options: &mut Options) -> Result<Endpoint, Problem> {
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
