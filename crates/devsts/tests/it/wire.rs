//! A client that sees every byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use devsts::server::Server;
use devsts::{Client, Listen, Sts};

/// Longer than anything here takes; a test that waits so long has failed.
pub(crate) const LONG: Duration = Duration::from_secs(10);

pub(crate) const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(crate) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// An STS that knows `otxclient` with secret `2Federate`.
pub(crate) fn sts() -> Sts {
    Sts::builder().client(Client::new("otxclient", "2Federate")).start().unwrap()
}

pub(crate) fn address(server: &Server) -> SocketAddr {
    match server.local() {
        Listen::Tcp(address) => *address,
        Listen::Unix(_) => panic!("a unix socket has no address"),
    }
}

/// A request to be changed and sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) form: Vec<(String, String)>,
    /// Instead of the form.
    pub(crate) body: Option<Vec<u8>>,
}

impl Request {
    /// A good exchange of the token, authenticated by `client_secret_basic`.
    pub(crate) fn exchange(source: &str) -> Self {
        let form = [
            ("grant_type", EXCHANGE),
            ("subject_token", source),
            ("subject_token_type", ACCESS_TOKEN),
        ];
        Self {
            method: "POST",
            target: "/token".to_owned(),
            headers: vec![
                ("Host".to_owned(), "sts".to_owned()),
                ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
                // otxclient:2Federate
                ("Authorization".to_owned(), "Basic b3R4Y2xpZW50OjJGZWRlcmF0ZQ==".to_owned()),
            ],
            form: form.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec(),
            body: None,
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self {
            method: "GET",
            target: target.to_owned(),
            headers: vec![("Host".to_owned(), "backend".to_owned())],
            form: Vec::new(),
            body: Some(Vec::new()),
        }
    }

    pub(crate) fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    pub(crate) fn target(self, target: &str) -> Self {
        Self { target: target.to_owned(), ..self }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    pub(crate) fn basic(self, credentials: &str) -> Self {
        let encoded = openssl::base64::encode_block(credentials.as_bytes());
        self.without_header("Authorization").header("Authorization", &format!("Basic {encoded}"))
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.form.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.form.retain(|(n, _)| n != name);
        self
    }

    pub(crate) fn body(self, body: &[u8]) -> Self {
        Self { body: Some(body.to_vec()), ..self }
    }

    /// The form in chunks of this size; the header that says so is not added.
    pub(crate) fn chunked(self, size: usize) -> Self {
        let whole = devsts::Answer::new(200).body(self.encoded_form()).chunked(size);
        let bytes = whole.to_bytes(false);
        let body = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        self.body(&bytes[body..])
    }

    fn encoded_form(&self) -> String {
        let pairs: Vec<_> =
            self.form.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect();
        pairs.join("&")
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let body = self.body.clone().unwrap_or_else(|| self.encoded_form().into_bytes());
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            out += &format!("{name}: {value}\r\n");
        }
        if self.method != "GET" && !self.headers.iter().any(|(n, _)| n == "Transfer-Encoding") {
            out += &format!("Content-Length: {}\r\n", body.len());
        }
        out += "\r\n";
        [out.into_bytes(), body].concat()
    }
}

/// A connection.
pub(crate) struct Wire<S = TcpStream>(pub(crate) S);

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Reset,
}

/// An answer with `Content-Length`.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Wire {
    pub(crate) fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(address(server)).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        Self(stream)
    }
}

impl<S: Read + Write> Wire<S> {
    pub(crate) fn send(&mut self, request: &Request) {
        self.0.write_all(&request.bytes()).unwrap();
    }

    /// Sends a request and reads its answer.
    pub(crate) fn ask(&mut self, request: &Request) -> Reply {
        self.send(request);
        self.reply(request.method == "HEAD")
    }

    /// Everything until the stream ends.
    pub(crate) fn rest(&mut self) -> (Vec<u8>, End) {
        let mut out = Vec::new();
        let mut buf = [0; 65536];
        loop {
            match self.0.read(&mut buf) {
                Ok(0) => return (out, End::Closed),
                Ok(count) => out.extend_from_slice(&buf[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return (out, End::Reset);
                }
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&out)),
            }
        }
    }

    /// Exactly so many bytes, as text.
    pub(crate) fn exactly(&mut self, count: usize) -> String {
        let mut out = vec![0; count];
        self.0.read_exact(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    pub(crate) fn reply(&mut self, head_only: bool) -> Reply {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head[9..12].parse().unwrap();
        let mut reply = Reply { status, head, body: Vec::new() };
        let length = reply.header("Content-Length").map_or(0, |length| length.parse().unwrap());
        if !head_only {
            reply.body = vec![0; length];
            self.0.read_exact(&mut reply.body).unwrap();
        }
        reply
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn token(&self) -> String {
        assert_eq!(self.status, 200, "{:?}", String::from_utf8_lossy(&self.body));
        self.json()["access_token"].as_str().unwrap().to_owned()
    }
}

/// Encodes everything that need not stand for itself.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
