//! Where a store is, and what is written of TLS.

use std::net::Ipv6Addr;

use sts_core::endpoint::Endpoint;
use sts_core::options::Options;

use crate::conf::argument::{self, Problem};
use crate::conf::directives::protocols;
use crate::conf::store::directory::Written;
use crate::conf::store::{number, option, text};
use crate::nginx::conf::Conf;
use crate::nginx::tls::{Protocols, TlsSettings};

/// Sentinels, or nodes of a Cluster, that may be named.
const MOST: usize = 16;

const REDIS_PORT: u64 = 6379;
const SENTINEL_PORT: u64 = 26_379;

/// What is written of where a store is.
#[derive(PartialEq, Eq)]
pub(super) enum At {
    /// On one server.
    Server(Endpoint),
    /// On the master that they have by this name.
    Sentinels(Vec<Endpoint>, String),
    /// On all nodes of a Cluster, of which these are some.
    Cluster(Vec<Endpoint>),
    /// In a directory of this machine.
    Directory(Written),
}

impl At {
    /// The servers that are named.
    pub(super) fn endpoints(&self) -> &[Endpoint] {
        match self {
            Self::Server(endpoint) => std::slice::from_ref(endpoint),
            Self::Sentinels(endpoints, _) | Self::Cluster(endpoints) => endpoints,
            Self::Directory(_) => &[],
        }
    }
}

/// Where a Redis is, and what is written of TLS.
pub(super) fn redis(
    conf: &Conf<'_>,
    options: &mut Options,
) -> Result<(At, Option<TlsSettings>), Problem> {
    let tls = tls(conf, options)?;
    let host = text(options, "host")?;
    let port = number(options, "port", 1, 65_535)?;
    let sentinels = text(options, "sentinel")?;
    let master = text(options, "master")?;
    if option(options, "cluster", argument::switch)?.unwrap_or(false) {
        if sentinels.is_some() || master.is_some() {
            return Err("option \"cluster\": a Cluster needs no Sentinels: leave the options \
                        \"sentinel\" and \"master\" out"
                .into());
        }
        let hosts = host.ok_or(
            "option \"cluster\": the option \"host\" is missing: one or more nodes as \
             host:port,host:port,..., which tell of the others",
        )?;
        let nodes = servers("host", &hosts, port.unwrap_or(REDIS_PORT), tls.is_some())?;
        return Ok((At::Cluster(nodes), tls));
    }
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
            Ok((At::Server(endpoint), tls))
        }
        (None, Some(sentinels), Some(master)) => {
            if port.is_some() {
                return Err("option \"port\": the Sentinels tell it: leave it out".into());
            }
            let sentinels = servers("sentinel", &sentinels, SENTINEL_PORT, tls.is_some())?;
            Ok((At::Sentinels(sentinels, master), tls))
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

/// `host:port,host:port,...`, with a port that holds where none is written. An IPv6 address is in brackets.
fn servers(
    option: &str,
    text: &str,
    default: u64,
    uses_tls: bool,
) -> Result<Vec<Endpoint>, Problem> {
    let invalid = || {
        format!(
            "option \"{option}\": allowed are host:port,host:port,..., IPv6 addresses in brackets"
        )
    };
    let server = |text: &str| {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
            Some(_) | None => (text, None),
        };
        let port = port.map(|port| argument::number(port, 1, 65_535)).transpose();
        let port = port.map_err(|_| invalid())?.unwrap_or(default);
        let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let is_odd =
            host.is_empty() || host.starts_with("unix:") || bare.is_none() && host.contains(':');
        if is_odd { Err(invalid()) } else { endpoint(option, bare.unwrap_or(host), port, uses_tls) }
    };
    let servers = text.split(',').map(server).collect::<Result<Vec<_>, _>>()?;
    if servers.len() > MOST {
        return Err(format!("option \"{option}\": at most {MOST} are allowed"));
    }
    Ok(servers)
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
    let is_plain = is_socket || host.bytes().all(|byte| !b"/?#@,".contains(&byte));
    let url = match (uses_tls, is_socket) {
        (_, true) => format!("http://{host}:/"),
        (true, false) => format!("https://{}:{port}/", bracketed(host)),
        (false, false) => format!("http://{}:{port}/", bracketed(host)),
    };
    let endpoint = Some(url).filter(|_| is_plain).and_then(|url| Endpoint::parse(&url).ok());
    endpoint.ok_or_else(|| format!("option \"{option}\": the host has to be a name, or an address"))
}

fn bracketed(host: &str) -> String {
    match host.parse::<Ipv6Addr>() {
        Ok(_) => format!("[{host}]"),
        Err(_) => host.to_owned(),
    }
}
