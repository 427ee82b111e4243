//! One message, one answer, within one deadline. A command may wait, so its sockets do.

mod socket;
mod tls;

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use http::HeaderName;
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER, SERVER, WWW_AUTHENTICATE,
};
use openssl::ssl::SslStream;
use sts_core::client_auth::KeyPair;
use sts_core::endpoint::{Endpoint, Host, Scheme};
use sts_core::error::{Failure, FailureKind};
use sts_core::secret::Secret;
use sts_net::http1::answer::{Answer, AnswerError, Asked, Limits, Reader};
use sts_net::http1::request::{self, AGENT};
use zeroize::Zeroizing;

use crate::exchange::{Contact, Proxy};
use socket::{Connection, Socket};

/// Bytes that the status line and the headers of an answer may have.
const MAX_HEAD: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// No such name.
    #[error("no address known: {0}")]
    NoAddress(String),
    /// No connection.
    #[error("{address}: {why}")]
    Connect {
        /// To what.
        address: String,
        /// What the system says.
        why: String,
        /// The system's kind of error.
        kind: std::io::ErrorKind,
    },
    /// No TLS.
    #[error("TLS: {0}")]
    Tls(String),
    /// A file of TLS.
    #[error("{0}")]
    File(String),
    /// No tunnel.
    #[error("the outgoing proxy gives no tunnel to {target}: {why}")]
    Proxy {
        /// Where to.
        target: String,
        /// What the proxy says.
        why: String,
    },
    /// The connection ended before the answer did.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// Nothing came in time.
    #[error("no answer within {0} ms")]
    Timeout(u64),
    /// No HTTP.
    #[error("the answer breaks the rules of HTTP: {0}")]
    Malformed(String),
    /// Larger than is allowed.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The gateway's credentials for the proxy.
    #[error("{}", .0.reason)]
    Credentials(Box<Failure>),
}

impl WireError {
    /// What a client of the module would be told.
    pub fn failure(&self) -> Failure {
        let kind = match self {
            Self::Credentials(failure) => return (**failure).clone(),
            Self::NoAddress(_)
            | Self::Connect { .. }
            | Self::Tls(_)
            | Self::File(_)
            | Self::Proxy { .. }
            | Self::Lost(_) => FailureKind::Unreachable,
            Self::Timeout(_) => FailureKind::Timeout,
            Self::Malformed(_) | Self::TooLarge(_) => FailureKind::BadAnswer,
        };
        Failure::new(kind, self.to_string())
    }

    /// Another attempt may do better, since nothing was sent.
    fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::NoAddress(_) | Self::Connect { .. } | Self::Tls(_) | Self::Proxy { .. }
        )
    }
}

/// To what a message goes: the first line and the fields that all have are made of it.
pub struct Destination<'d> {
    /// The endpoint.
    pub endpoint: &'d Endpoint,
    /// How it is reached.
    pub contact: &'d Contact,
    /// The certificate that TLS shows.
    pub key_pair: Option<Rc<KeyPair>>,
}

impl Destination<'_> {
    fn proxy(&self) -> Option<&Proxy> {
        self.contact.proxy_to(self.endpoint)
    }

    /// The target of requests: to a proxy that reads them an absolute URL (RFC 9112, section 3.2.2).
    pub fn target(&self) -> String {
        let target = self.endpoint.target();
        if self.proxy().is_some() && self.endpoint.scheme() == Scheme::Http {
            return format!("http://{}{target}", self.endpoint.authority());
        }
        target.to_owned()
    }

    fn authority(&self) -> &str {
        let own = self.contact.host.as_ref();
        own.map_or_else(|| self.endpoint.authority(), |host| host.as_str())
    }

    /// How a POST to it begins.
    pub fn start(&self) -> String {
        request::start(&self.target(), self.authority(), AGENT)
    }

    /// How a question for a document begins.
    pub fn get(&self) -> String {
        request::get(&self.target(), self.authority(), AGENT)
    }

    /// What a proxy that reads the messages wants to see.
    ///
    /// # Errors
    /// Nothing usable was read.
    pub fn proxy_authorization(&self) -> Result<Option<http::HeaderValue>, Failure> {
        let is_read = self.endpoint.scheme() == Scheme::Http;
        match self.proxy().and_then(|proxy| proxy.auth.as_ref()).filter(|_| is_read) {
            Some(auth) => auth.proxy_authorization(),
            None => Ok(None),
        }
    }

    /// Sends a message, and collects the answer.
    ///
    /// # Errors
    /// There is none.
    pub fn send(&self, message: &Secret, deadline: &Deadline) -> Result<Answer, WireError> {
        let mut left = self.contact.retries;
        let mut connection = loop {
            match self.open(deadline) {
                Err(error) if error.may_pass() && left > 0 => {
                    left -= 1;
                    thread::sleep(Duration::from_millis(self.contact.pause).min(deadline.left()?));
                }
                opened => break opened?,
            }
        };
        let limits = Limits { head: MAX_HEAD, body: self.contact.max_response };
        let reader = Reader::new(Asked::Answer, &WANTED, limits);
        converse(&mut connection, message, reader, deadline)
    }

    fn open(&self, deadline: &Deadline) -> Result<Connection, WireError> {
        let peer = self.proxy().map_or(self.endpoint, |proxy| &proxy.endpoint);
        let socket = connect(peer, deadline)?;
        if self.endpoint.scheme() == Scheme::Http {
            return Ok(Connection::Plain(socket));
        }
        let socket = match self.proxy() {
            Some(proxy) => tunnel(socket, proxy, &self.endpoint.tunnel(), deadline)?,
            None => socket,
        };
        socket.set_time(deadline.left()?);
        let stream: SslStream<Socket> =
            tls::handshake(self.contact, self.endpoint.host(), self.key_pair.as_deref(), socket)
                .map_err(|error| deadline.left().err().unwrap_or(error))?;
        Ok(Connection::Secure(Box::new(stream)))
    }
}

/// What protocols look at, and what helps to know the server.
static WANTED: [HeaderName; 6] =
    [CONTENT_TYPE, CONTENT_ENCODING, LOCATION, RETRY_AFTER, SERVER, WWW_AUTHENTICATE];

/// When all has to be over.
pub struct Deadline {
    end: Instant,
    milliseconds: u64,
}

impl Deadline {
    /// So many milliseconds from now.
    pub fn new(milliseconds: u64) -> Self {
        Self { end: Instant::now() + Duration::from_millis(milliseconds), milliseconds }
    }

    fn left(&self) -> Result<Duration, WireError> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(WireError::Timeout(self.milliseconds)) } else { Ok(left) }
    }
}

fn connect(peer: &Endpoint, deadline: &Deadline) -> Result<Socket, WireError> {
    let failed = |address: String, error: &std::io::Error| WireError::Connect {
        address,
        why: error.to_string(),
        kind: error.kind(),
    };
    let looked_up = peer.looked_up();
    let addresses = match &*looked_up {
        Host::Unix(path) => {
            let socket = UnixStream::connect(path);
            return socket
                .map(Socket::Unix)
                .map_err(|error| failed(format!("unix:{}", path.display()), &error));
        }
        Host::Ip(ip) => vec![SocketAddr::new(*ip, peer.port())],
        Host::Name(name) => look_up(name.clone(), peer.port(), deadline)?,
    };
    let mut last = WireError::NoAddress("the name has no addresses".to_owned());
    for address in addresses {
        match TcpStream::connect_timeout(&address, deadline.left()?) {
            Ok(socket) => {
                // What it means for a single message is nothing to fail for.
                let _ = socket.set_nodelay(true);
                return Ok(Socket::Tcp(socket));
            }
            Err(error) => last = failed(address.to_string(), &error),
        }
    }
    deadline.left()?;
    Err(last)
}

/// The system's resolver has time-outs of its own, so that it is asked by a thread of its own.
fn look_up(name: String, port: u16, deadline: &Deadline) -> Result<Vec<SocketAddr>, WireError> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let found = (name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        // It may be too late.
        let _ = sender.send(found);
    });
    match receiver.recv_timeout(deadline.left()?) {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(WireError::NoAddress(error.to_string())),
        Err(_) => Err(WireError::Timeout(deadline.milliseconds)),
    }
}

fn tunnel(
    socket: Socket,
    proxy: &Proxy,
    target: &str,
    deadline: &Deadline,
) -> Result<Socket, WireError> {
    let failed = |why: String| WireError::Proxy { target: target.to_owned(), why };
    let authorization = match &proxy.auth {
        Some(auth) => auth.proxy_authorization(),
        None => Ok(None),
    };
    let authorization = authorization.map_err(|error| WireError::Credentials(Box::new(error)))?;
    let message = request::connect(target, authorization.as_ref());
    let limits = Limits { head: 16 * 1024, body: 0 };
    let mut connection = Connection::Plain(socket);
    let reader = Reader::new(Asked::Tunnel, &[], limits);
    let answer = converse(&mut connection, &message, reader, deadline)
        .map_err(|error| deadline.left().err().unwrap_or_else(|| failed(error.to_string())))?;
    if !answer.status.is_success() {
        return Err(failed(format!("it answered {}", answer.status)));
    }
    match connection {
        Connection::Plain(socket) if !answer.has_more => Ok(socket),
        _ => Err(failed("it sent more than its answer".to_owned())),
    }
}

fn converse(
    connection: &mut Connection,
    message: &Secret,
    mut reader: Reader,
    deadline: &Deadline,
) -> Result<Answer, WireError> {
    let lost = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
            WireError::Timeout(deadline.milliseconds)
        }
        _ => WireError::Lost(error.to_string()),
    };
    connection.set_time(deadline.left()?);
    connection.write_all(message.expose()).map_err(|error| lost(&error))?;
    let mut buffer = Zeroizing::new(vec![0; 16 * 1024]);
    loop {
        connection.set_time(deadline.left()?);
        let answer = match connection.read(&mut buffer) {
            Ok(0) => return reader.end().map_err(of_answer),
            Ok(length) => reader.take(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(lost(&error)),
        };
        if let Some(answer) = answer.map_err(of_answer)? {
            return Ok(answer);
        }
    }
}

fn of_answer(error: AnswerError) -> WireError {
    match error {
        AnswerError::CutOff => WireError::Lost(error.to_string()),
        AnswerError::TooLarge(limit) => WireError::TooLarge(limit),
        other => WireError::Malformed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use sts_core::profile::ANSWER_HEADERS;

    use super::*;

    #[test]
    fn the_headers_that_protocols_look_at_are_wanted() {
        assert!(ANSWER_HEADERS.iter().all(|name| WANTED.contains(name)));
    }
}
