//! The address of an STS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use http::uri::{Authority, PathAndQuery};
use thiserror::Error;

/// A checked URL of an STS: `http://`, `https://`, or either of them over a local socket, as
/// `http://unix:/path:/uri`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    url: String,
    scheme: Scheme,
    host: Host,
    port: u16,
    authority: String,
    target: String,
}

impl Endpoint {
    /// Reads a URL as an operator writes it.
    ///
    /// # Errors
    /// It is no such URL, or has a part that an endpoint may not have. The error never shows the
    /// URL, since credentials may be in it.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(EndpointError::Space);
        }
        if url.contains('$') {
            return Err(EndpointError::Variable);
        }
        if url.contains('#') {
            return Err(EndpointError::Fragment);
        }
        let (scheme, rest) = Scheme::split(url)?;
        let location = match strip_prefix_ignore_case(rest, SOCKET_PREFIX) {
            Some(socket) => Location::of_socket(socket, scheme)?,
            None => Location::of_network(rest, scheme)?,
        };
        let Location { host, port, authority, target } = location;
        Ok(Self { url: url.to_owned(), scheme, host, port, authority, target })
    }

    /// Whether TLS is spoken.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Where the STS is.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The TCP port; without meaning for a local socket.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of the `Host` header (RFC 9110, section 7.2), without the scheme's default port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The request target in origin form (RFC 9112, section 3.2.1): path and query, never empty.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The URL as it was configured.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether what is sent there stays on this machine.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            // RFC 6761, section 6.3: these names never leave the machine.
            Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ip(ip) => ip.to_canonical().is_loopback(),
            Host::Unix(_) => true,
        }
    }
}

/// The scheme of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The port that a URL of this scheme means when it names none.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn split(url: &str) -> Result<(Self, &str), EndpointError> {
        for (prefix, scheme) in [("http://", Self::Http), ("https://", Self::Https)] {
            if let Some(rest) = strip_prefix_ignore_case(url, prefix) {
                return Ok((scheme, rest));
            }
        }
        Err(EndpointError::Scheme)
    }
}

/// Where an STS is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name to be resolved, in lower case.
    Name(String),
    /// An address.
    Ip(IpAddr),
    /// A local socket.
    Unix(PathBuf),
}

/// Why a URL cannot be an endpoint.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointError {
    /// A fragment is never sent, so its author expected something else.
    #[error("a fragment (#...) is not allowed in the URL")]
    Fragment,
    /// The host is neither a name nor an address.
    #[error(
        "the host of the URL must be a name of letters, digits, \"-\", \"_\" and \".\", an IPv4 \
         address, or an IPv6 address in brackets"
    )]
    Host,
    /// There is no host.
    #[error("the URL must name a host: http://host[:port][/path] or https://host[:port][/path]")]
    NoHost,
    /// The port is not usable.
    #[error("the port of the URL must be a number from 1 to 65535")]
    Port,
    /// Another scheme, or none.
    #[error("the URL must start with http:// or https://")]
    Scheme,
    /// The path of the socket is relative, empty, or longer than the system allows.
    #[error(
        "a local socket must be written as http://unix:/path:/uri, with an absolute path of at \
         most {} bytes",
        MAX_SOCKET_PATH
    )]
    Socket,
    /// White space or control characters.
    #[error("spaces and control characters are not allowed in the URL: percent-encode them")]
    Space,
    /// A character that a URI cannot hold.
    #[error(
        "the path and query of the URL may hold only the characters of RFC 3986: percent-encode \
         the others"
    )]
    Target,
    /// `user:password@`.
    #[error(
        "credentials are not allowed in the URL: the client authentication of the endpoint is the \
         place for them"
    )]
    UserInfo,
    /// URLs of endpoints are fixed.
    #[error("variables are not allowed in the URL: a literal \"$\" is written %24")]
    Variable,
}

/// What the part of a URL after the scheme says.
struct Location {
    host: Host,
    port: u16,
    authority: String,
    target: String,
}

impl Location {
    fn of_socket(socket: &str, scheme: Scheme) -> Result<Self, EndpointError> {
        let (path, target) = socket.split_once(':').unwrap_or((socket, ""));
        if !path.starts_with('/') || path.len() == 1 || path.len() > MAX_SOCKET_PATH {
            return Err(EndpointError::Socket);
        }
        if !(target.is_empty() || target.starts_with('/')) {
            return Err(EndpointError::Socket);
        }
        Ok(Self {
            host: Host::Unix(Path::new(path).to_owned()),
            port: scheme.default_port(),
            authority: "localhost".to_owned(),
            target: parse_target(target)?,
        })
    }

    fn of_network(rest: &str, scheme: Scheme) -> Result<Self, EndpointError> {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        if authority.is_empty() || authority.starts_with(':') {
            return Err(EndpointError::NoHost);
        }
        let authority: Authority = authority.parse().map_err(|_| match authority.find("]:") {
            // The crate checks a port behind an address, too; say which of the two it is.
            Some(_) => EndpointError::Port,
            None => EndpointError::Host,
        })?;
        let host = parse_host(authority.host())?;
        let port = match authority.as_str().strip_prefix(authority.host()) {
            None | Some("") => scheme.default_port(),
            Some(port) => parse_port(port)?,
        };
        let mut name = match &host {
            Host::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
            Host::Ip(IpAddr::V4(ip)) => ip.to_string(),
            Host::Name(name) => name.clone(),
            Host::Unix(_) => return Err(EndpointError::Host),
        };
        if port != scheme.default_port() {
            name.push_str(&format!(":{port}"));
        }
        Ok(Self { host, port, authority: name, target: parse_target(target)? })
    }
}

fn parse_host(host: &str) -> Result<Host, EndpointError> {
    if let Some(ip) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let ip: Ipv6Addr = ip.parse().map_err(|_| EndpointError::Host)?;
        return Ok(Host::Ip(ip.into()));
    }
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(ip.into()));
    }
    // RFC 1035, section 2.3.4, for the lengths; "_" because container networks use it.
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    // What ends in a number is no name, yet resolvers take "127.1" or "0x7f.1" for an address.
    let numeric = host.rsplit('.').next().is_some_and(|last| {
        last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X")
    });
    if host.len() > 253 || numeric || !host.split('.').all(label) {
        return Err(EndpointError::Host);
    }
    Ok(Host::Name(host.to_ascii_lowercase()))
}

fn parse_port(port: &str) -> Result<u16, EndpointError> {
    let digits = port.strip_prefix(':').ok_or(EndpointError::Port)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(EndpointError::Port);
    }
    digits.parse().ok().filter(|port| *port != 0).ok_or(EndpointError::Port)
}

fn parse_target(target: &str) -> Result<String, EndpointError> {
    if !target.bytes().all(is_uri_byte) {
        return Err(EndpointError::Target);
    }
    let target: PathAndQuery = target.parse().map_err(|_| EndpointError::Target)?;
    // A query without a path gets the slash that the origin form needs.
    Ok(match target.as_str() {
        query if query.starts_with('?') => format!("/{query}"),
        target => target.to_owned(),
    })
}

/// RFC 3986, appendix A: `pchar`, `/` and `?`.
fn is_uri_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@/?".contains(&b)
}

fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

const SOCKET_PREFIX: &str = "unix:";

/// `sun_path` on Linux is 108 bytes long with its final NUL (unix(7)).
const MAX_SOCKET_PATH: usize = 107;
