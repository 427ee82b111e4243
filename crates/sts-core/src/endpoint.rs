//! The address of an STS.

mod error;
mod host_field;
mod issuer;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

pub use error::EndpointError;
pub use host_field::{HostField, HostFieldError};

/// A checked URL of an STS: `http://`, `https://`, or either of them over a local socket, as
/// `http://unix:/path:/uri`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    url: String,
    /// Where the dot of an absolute name stands in the URL.
    dot: Option<usize>,
    scheme: Scheme,
    host: Host,
    port: u16,
    /// It was written.
    has_port: bool,
    authority: String,
    target: String,
    /// It is an issuer's, and no endpoint itself.
    is_issuer: bool,
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
        let Location { host, dot, port, has_port, authority, target } = location;
        let dot = dot.map(|dot| url.len() - rest.len() + dot);
        let url = url.to_owned();
        Ok(Self { url, dot, scheme, host, port, has_port, authority, target, is_issuer: false })
    }

    /// Whether TLS is spoken.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Where the STS is: what TLS expects there, and what the messages are for. A name has no dot at
    /// its end here.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The same as it is looked up. A name that was written with a dot at its end has it: it is
    /// absolute, and no search list applies (RFC 1034, section 3.1).
    pub fn looked_up(&self) -> Cow<'_, Host> {
        match &self.host {
            Host::Name(name) if self.dot.is_some() => Cow::Owned(Host::Name(format!("{name}."))),
            host => Cow::Borrowed(host),
        }
    }

    /// The TCP port; without meaning for a local socket.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the port stands in the URL.
    pub fn has_port(&self) -> bool {
        self.has_port
    }

    /// The value of the `Host` header (RFC 9110, section 7.2), without the scheme's default port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Host and port, the default port included, for messages.
    pub fn host_and_port(&self) -> String {
        self.host.with_port(self.port)
    }

    /// Host and port, the default port included, as a tunnel asks for them (RFC 9110, section 9.3.6).
    /// It is the proxy that looks the name up.
    pub fn tunnel(&self) -> String {
        self.looked_up().with_port(self.port)
    }

    /// The request target in origin form (RFC 9112, section 3.2.1): path and query, never empty.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The URL as it was configured.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL by which the STS may know itself: the configured one, without the dot at the end of its
    /// host, which only says how to look the name up.
    pub fn name(&self) -> Cow<'_, str> {
        match self.dot.and_then(|dot| self.url.split_at_checked(dot)) {
            Some((start, rest)) => {
                Cow::Owned(format!("{start}{}", rest.strip_prefix('.').unwrap_or(rest)))
            }
            None => Cow::Borrowed(&self.url),
        }
    }

    /// Scheme, host, port and path, for a line of the log: not the query, and not more than there is
    /// room for.
    pub fn shown(&self) -> String {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let at = match &self.host {
            Host::Unix(socket) => format!("unix:{}:", socket.display()),
            Host::Ip(_) | Host::Name(_) => self.host_and_port(),
        };
        let path = self.target.split('?').next().unwrap_or_default();
        // All of it is ASCII.
        match path.split_at_checked(MAX_SHOWN_PATH) {
            Some((start, rest)) if !rest.is_empty() => format!("{scheme}://{at}{start}..."),
            _ => format!("{scheme}://{at}{path}"),
        }
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

impl Host {
    fn with_port(&self, port: u16) -> String {
        match self {
            Self::Ip(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
            Self::Ip(IpAddr::V4(ip)) => format!("{ip}:{port}"),
            Self::Name(name) => format!("{name}:{port}"),
            Self::Unix(_) => format!("localhost:{port}"),
        }
    }
}

/// What the part of a URL after the scheme says.
struct Location {
    host: Host,
    /// Where the dot at the end of the host stands.
    dot: Option<usize>,
    port: u16,
    has_port: bool,
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
            dot: None,
            port: scheme.default_port(),
            has_port: false,
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
        let (host, dot, port) = split_authority(authority)?;
        let has_port = !port.is_empty();
        let port = match port.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if port.is_empty() => scheme.default_port(),
            None => return Err(EndpointError::Host),
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
        Ok(Self { host, dot, port, has_port, authority: name, target: parse_target(target)? })
    }
}

/// The host, where the dot at its end stands, and what follows it: nothing, or a colon and the port.
fn split_authority(authority: &str) -> Result<(Host, Option<usize>, &str), EndpointError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (ip, port) = rest.split_once(']').ok_or(EndpointError::Host)?;
        let ip: Ipv6Addr = ip.parse().map_err(|_| EndpointError::Host)?;
        return Ok((Host::Ip(ip.into()), None, port));
    }
    let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
    // An IPv6 address without its brackets: do not complain of its "port".
    if port.matches(':').count() > 1 {
        return Err(EndpointError::Host);
    }
    // An address has no name to be absolute.
    match host.strip_suffix('.') {
        Some(name) => Ok((Host::Name(parse_name(name)?), Some(name.len()), port)),
        None => Ok((parse_host(host)?, None, port)),
    }
}

fn parse_host(host: &str) -> Result<Host, EndpointError> {
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(ip.into()));
    }
    parse_name(host).map(Host::Name)
}

fn parse_name(host: &str) -> Result<String, EndpointError> {
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
    Ok(host.to_ascii_lowercase())
}

fn parse_port(digits: &str) -> Result<u16, EndpointError> {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(EndpointError::Port);
    }
    digits.parse().ok().filter(|port| *port != 0).ok_or(EndpointError::Port)
}

fn parse_target(target: &str) -> Result<String, EndpointError> {
    if !target.bytes().all(is_uri_byte) {
        return Err(EndpointError::Target);
    }
    // A query without a path gets the slash that the origin form needs.
    Ok(if target.starts_with('/') { target.to_owned() } else { format!("/{target}") })
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

/// Bytes of a path in a line of the log.
const MAX_SHOWN_PATH: usize = 256;

/// `sun_path` on Linux is 108 bytes long with its final NUL (unix(7)).
const MAX_SOCKET_PATH: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Endpoint {
        Endpoint::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn urls_are_taken_apart() {
        use Scheme::{Http, Https};
        let name = |name: &str| Host::Name(name.to_owned());
        let ip = |ip: &str| Host::Ip(ip.parse().unwrap());
        let unix = |path: &str| Host::Unix(path.into());
        for (url, scheme, host, port, authority, target) in [
            ("http://sts", Http, name("sts"), 80, "sts", "/"),
            ("https://sts", Https, name("sts"), 443, "sts", "/"),
            ("https://keycloak:8443/a/b", Https, name("keycloak"), 8443, "keycloak:8443", "/a/b"),
            ("http://sts:80/", Http, name("sts"), 80, "sts", "/"),
            ("http://sts:443/", Http, name("sts"), 443, "sts:443", "/"),
            ("https://sts:443/", Https, name("sts"), 443, "sts", "/"),
            ("https://sts:80/", Https, name("sts"), 80, "sts:80", "/"),
            ("HTTPS://STS.Example/P", Https, name("sts.example"), 443, "sts.example", "/P"),
            ("http://my_sts-1/", Http, name("my_sts-1"), 80, "my_sts-1", "/"),
            ("http://sts?a=b", Http, name("sts"), 80, "sts", "/?a=b"),
            ("http://sts/t?a=b?c&d=%20@:", Http, name("sts"), 80, "sts", "/t?a=b?c&d=%20@:"),
            ("http://sts//t", Http, name("sts"), 80, "sts", "//t"),
            ("http://127.0.0.1:9031/t", Http, ip("127.0.0.1"), 9031, "127.0.0.1:9031", "/t"),
            ("https://[::1]/t", Https, ip("::1"), 443, "[::1]", "/t"),
            ("https://[2001:DB8::0:1]:1/", Https, ip("2001:db8::1"), 1, "[2001:db8::1]:1", "/"),
            (
                "http://unix:/run/sts.sock:/t?a",
                Http,
                unix("/run/sts.sock"),
                80,
                "localhost",
                "/t?a",
            ),
            ("http://unix:/run/sts.sock", Http, unix("/run/sts.sock"), 80, "localhost", "/"),
            ("https://unix:/s:", Https, unix("/s"), 443, "localhost", "/"),
            ("http://unix/", Http, name("unix"), 80, "unix", "/"),
        ] {
            let endpoint = parse(url);
            assert_eq!(endpoint.scheme(), scheme, "{url}");
            assert_eq!(endpoint.host(), &host, "{url}");
            assert_eq!(endpoint.port(), port, "{url}");
            let written = [format!(":{port}"), format!(":{port}/")];
            let is_written = written.iter().any(|port| url.contains(port.as_str()));
            assert_eq!(endpoint.has_port(), is_written, "{url}");
            assert_eq!(endpoint.authority(), authority, "{url}");
            assert_eq!(endpoint.target(), target, "{url}");
            assert_eq!(endpoint.url(), url);
        }
    }

    #[test]
    fn a_name_with_a_dot_at_its_end_is_absolute_where_it_is_looked_up_and_nowhere_else() {
        for (url, looked_up, authority, tunnel, known) in [
            ("https://sts./t", "sts.", "sts", "sts.:443", "https://sts/t"),
            (
                "HTTPS://STS.ns.svc.:8443/t?a=b.",
                "sts.ns.svc.",
                "sts.ns.svc:8443",
                "sts.ns.svc.:8443",
                "HTTPS://STS.ns.svc:8443/t?a=b.",
            ),
            ("http://sts.?a", "sts.", "sts", "sts.:80", "http://sts?a"),
            ("http://sts.ns/t.", "sts.ns", "sts.ns", "sts.ns:80", "http://sts.ns/t."),
        ] {
            let endpoint = parse(url);
            let host = authority.split(':').next().unwrap_or_default();
            assert_eq!(*endpoint.host(), Host::Name(host.to_owned()), "{url}");
            assert_eq!(*endpoint.looked_up(), Host::Name(looked_up.to_owned()), "{url}");
            assert_eq!(endpoint.authority(), authority, "{url}");
            assert_eq!(endpoint.tunnel(), tunnel, "{url}");
            assert_eq!(endpoint.name(), known, "{url}");
            assert_eq!(endpoint.url(), url);
            assert!(!endpoint.host_and_port().contains(".:") && !endpoint.shown().contains(".:"));
        }
        assert!(parse("http://localhost./").is_loopback());
        assert!(parse("http://sts.localhost.:1/").is_loopback());
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_its_reason() {
        use EndpointError as E;
        let long = format!("http://unix:/{}:/", "s".repeat(107));
        let long_label = format!("http://{}/", "a".repeat(64));
        let long_name = format!("http://{}a/", "a.".repeat(127));
        for (url, error) in [
            ("", E::Scheme),
            ("sts", E::Scheme),
            ("ftp://sts/", E::Scheme),
            ("http:/sts/", E::Scheme),
            ("//sts/", E::Scheme),
            ("http//:sts", E::Scheme),
            ("http://", E::NoHost),
            ("http:///t", E::NoHost),
            ("http://:80/", E::NoHost),
            ("http://?a", E::NoHost),
            ("http://sts:/", E::Port),
            ("http://sts:0/", E::Port),
            ("http://sts:65536/", E::Port),
            ("http://sts:+80/", E::Port),
            ("http://sts:8o/", E::Port),
            ("http://[::1]:x/", E::Port),
            ("http://[::1]80/", E::Host),
            ("http://[::1/", E::Host),
            ("http://[]/", E::Host),
            ("http://[127.0.0.1]/", E::Host),
            ("http://[fe80::1%25eth0]/", E::Host),
            ("http://::1/", E::NoHost),
            ("http://fe80::1/", E::Host),
            ("http://sts../", E::Host),
            ("http://./", E::Host),
            ("http://.:80/", E::Host),
            ("http://127.0.0.1./", E::Host),
            ("http://[::1]./", E::Host),
            ("http://sts.:/", E::Port),
            ("http://.sts/", E::Host),
            ("http://s..ts/", E::Host),
            ("http://s*s/", E::Host),
            ("http://s%20s/", E::Host),
            ("http://stš/", E::Host),
            ("http://127.1/", E::Host),
            ("http://300.0.0.1/", E::Host),
            ("http://2130706433/", E::Host),
            ("http://0x7f.0x1/", E::Host),
            (&long_label, E::Host),
            (&long_name, E::Host),
            ("http://user@sts/", E::UserInfo),
            ("http://user:secret@sts/", E::UserInfo),
            ("http://sts/#f", E::Fragment),
            ("http://unix:/s:/#f", E::Fragment),
            ("http://sts/$arg_a", E::Variable),
            ("http://$host/", E::Variable),
            ("http://sts/a b", E::Space),
            (" http://sts/", E::Space),
            ("http://sts/\r\nX: y", E::Space),
            ("http://sts/\0", E::Space),
            ("http://sts/š", E::Target),
            ("http://sts/\"", E::Target),
            ("http://sts/{a}", E::Target),
            ("http://sts\\t/", E::Host),
            ("http://unix:", E::Socket),
            ("http://unix:8080/", E::Socket),
            ("http://unix:/", E::Socket),
            ("http://unix:s:/t", E::Socket),
            ("http://unix:/s:t", E::Socket),
            (&long, E::Socket),
        ] {
            assert_eq!(Endpoint::parse(url).err(), Some(error), "{url}");
        }
    }

    #[test]
    fn what_stays_on_the_machine_is_known() {
        for url in [
            "http://127.0.0.1/",
            "http://127.9.9.9/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost/",
            "http://sts.LOCALHOST/",
            "http://unix:/s:/",
        ] {
            assert!(parse(url).is_loopback(), "{url}");
        }
        for url in [
            "http://sts/",
            "http://10.0.0.1/",
            "http://[::2]/",
            "http://notlocalhost/",
            "http://localhost.example/",
        ] {
            assert!(!parse(url).is_loopback(), "{url}");
        }
    }
}
