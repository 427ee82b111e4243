//! Why a URL cannot be an endpoint.

use thiserror::Error;

use super::MAX_SOCKET_PATH;

/// Why a URL cannot be an endpoint. The URL itself is never shown: credentials may be in it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
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
    /// What an issuer says decides where secrets go.
    #[error("the URL of an issuer must be https://, unless its host is this machine")]
    IssuerClear,
    /// It is compared byte for byte.
    #[error("the host of an issuer has no dot at its end")]
    IssuerDot,
    /// RFC 8414, section 2.
    #[error("the URL of an issuer has no query")]
    IssuerQuery,
    /// Metadata are found by host and path.
    #[error("an issuer cannot be at a local socket: write its URL as its metadata have it")]
    IssuerSocket,
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
