//! A request, written out at once.

use std::net::SocketAddr;

use crate::http1::Connection;
use crate::response::Response;

/// A request that is put together and sent; see [`Connection`] for a request in pieces.
#[derive(Clone, Debug)]
pub struct Request {
    address: SocketAddr,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A request without body and without headers, but for those that framing needs.
    pub fn new(address: SocketAddr, method: &str, target: &str) -> Self {
        Self {
            address,
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header field.
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.headers.push((name.into(), value.as_ref().into()));
        self
    }

    /// Adds `Authorization: Bearer` with the token.
    pub fn bearer(self, token: impl AsRef<str>) -> Self {
        self.header("Authorization", format!("Bearer {}", token.as_ref()))
    }

    /// Sets the body; its length goes with it.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it on a connection of its own.
    ///
    /// # Panics
    /// When there is no whole response in time.
    #[track_caller]
    pub fn send(self) -> Response {
        let mut connection = Connection::open(self.address);
        self.header("Connection", "close").send_on(&mut connection)
    }

    /// Sends it on a connection that stays open.
    ///
    /// # Panics
    /// When there is no whole response in time.
    #[track_caller]
    pub fn send_on(self, connection: &mut Connection) -> Response {
        connection.send(self.to_bytes());
        if self.method == "HEAD" {
            return connection.read_response_to_head();
        }
        connection.read_response()
    }

    /// Sends it on a connection of its own and leaves it to the caller to read the response.
    ///
    /// # Panics
    /// When it cannot be sent.
    #[track_caller]
    pub fn start(self) -> Connection {
        let mut connection = Connection::open(self.address);
        connection.send(self.to_bytes());
        connection
    }

    /// As it goes out.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let given = |name: &str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if !given("Host") {
            head.push_str("Host: localhost\r\n");
        }
        if !self.body.is_empty() && !given("Content-Length") && !given("Transfer-Encoding") {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}
