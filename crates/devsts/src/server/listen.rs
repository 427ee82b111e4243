//! Where a server listens.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use tokio::net::{TcpListener, TcpSocket, UnixListener};

use super::stream::Wire;

/// How many connections may wait to be accepted: as many as a test opens at once.
const BACKLOG: u32 = 4096;

/// An address to listen on. The default is a free port of 127.0.0.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An IP address and a port; port 0 is any that is free.
    Tcp(SocketAddr),
    /// A unix socket at this path, which is removed at the end.
    Unix(PathBuf),
}

impl Listen {
    /// A free port of `::1`.
    pub fn ipv6() -> Self {
        Self::Tcp((Ipv6Addr::LOCALHOST, 0).into())
    }

    /// A port of an IP address.
    pub fn tcp(ip: impl Into<IpAddr>, port: u16) -> Self {
        Self::Tcp((ip.into(), port).into())
    }

    /// A unix socket.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::Unix(path.into())
    }

    /// The port; 0 for a unix socket.
    pub fn port(&self) -> u16 {
        match self {
            Self::Tcp(address) => address.port(),
            Self::Unix(_) => 0,
        }
    }

    /// What stands between the scheme and the path of a URL, as `proxy_pass` writes it.
    pub fn authority(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(path) => format!("unix:{}:", path.display()),
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self::tcp(Ipv4Addr::LOCALHOST, 0)
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

/// `127.0.0.1:0`, `[::1]:8080` or `unix:/path`.
impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("unix:") {
            Some("") => Err("a unix socket needs a path".to_owned()),
            Some(path) => Ok(Self::unix(path)),
            None => text.parse().map(Self::Tcp).map_err(|error| format!("\"{text}\": {error}")),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Listener {
    pub(crate) fn bind(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Tcp(address) => {
                let socket =
                    if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
                socket.set_reuseaddr(true)?;
                socket.bind(*address)?;
                Ok(Self::Tcp(socket.listen(BACKLOG)?))
            }
            Listen::Unix(path) => Ok(Self::Unix(UnixListener::bind(path)?, path.clone())),
        }
    }

    pub(crate) fn local(&self) -> io::Result<Listen> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Listen::Tcp),
            Self::Unix(_, path) => Ok(Listen::unix(path)),
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<Wire> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // A drip is to leave in the pieces in which it is written.
                stream.set_nodelay(true)?;
                Ok(Wire::Tcp(stream))
            }
            Self::Unix(listener, _) => Ok(Wire::Unix(listener.accept().await?.0)),
        }
    }
}
