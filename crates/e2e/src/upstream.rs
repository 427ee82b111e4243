//! Backends behind the other protocols that NGINX proxies to: SCGI, uwsgi, gRPC. Each answers with
//! what it received. For FastCGI there is a [PHP](crate::php).

mod grpc;
mod scgi;
mod uwsgi;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::response::Response;
use crate::wait::DEADLINE;

/// A running backend; it stops when this is dropped.
pub struct Upstream {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a backend received: parameters as CGI names them, or headers, by name.
struct Received {
    parameters: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// What a backend received, read from its response.
pub struct SeenUpstream(Value);

impl Upstream {
    /// Starts one that speaks SCGI.
    ///
    /// # Panics
    /// When it cannot start.
    pub fn scgi() -> Self {
        Self::start(|stream| cgi(stream, scgi::receive))
    }

    /// Starts one that speaks uwsgi.
    ///
    /// # Panics
    /// When it cannot start.
    pub fn uwsgi() -> Self {
        Self::start(|stream| cgi(stream, uwsgi::receive))
    }

    /// Starts one that speaks gRPC, as far as that is HTTP/2 with trailers.
    ///
    /// # Panics
    /// When it cannot start.
    pub fn grpc() -> Self {
        Self::start(grpc::serve)
    }

    /// Where it listens, as `127.0.0.1:1234`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    fn start(serve: impl Fn(TcpStream) -> io::Result<()> + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let stopped = Arc::new(AtomicBool::new(false));
        let is_stopped = stopped.clone();
        let work = move || {
            for stream in listener.incoming() {
                if is_stopped.load(Ordering::Acquire) {
                    return;
                }
                // The test that waits for an answer says when it fails.
                if let Err(error) = stream.and_then(|stream| {
                    stream.set_read_timeout(Some(DEADLINE))?;
                    serve(stream)
                }) {
                    eprintln!("a backend failed: {error}");
                }
            }
        };
        Self { address, stopped, thread: Some(std::thread::spawn(work)) }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // It looks at the flag when a connection comes.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            // What it died of was printed.
            let _ = thread.join();
        }
    }
}

impl Received {
    fn to_json(&self) -> Vec<u8> {
        let body = String::from_utf8_lossy(&self.body);
        json!({"parameters": self.parameters, "body": body}).to_string().into_bytes()
    }
}

impl SeenUpstream {
    /// What the backend saw.
    ///
    /// # Panics
    /// When the response is not one of a backend.
    #[track_caller]
    pub fn new(response: Response) -> Self {
        Self(response.expect_status(200).json())
    }

    /// A parameter or a header.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.0["parameters"][name].as_str().map(str::to_owned)
    }

    /// The body.
    pub fn body(&self) -> String {
        self.0["body"].as_str().unwrap_or_default().to_owned()
    }

    /// All of it, to look for what must not be there.
    pub fn everything(&self) -> String {
        self.0.to_string()
    }
}

/// Answers one request as CGI has it.
fn cgi(
    mut stream: TcpStream,
    receive: fn(&mut dyn Read) -> io::Result<Received>,
) -> io::Result<()> {
    let received = receive(&mut stream)?;
    stream.write_all(b"Status: 200 OK\r\nContent-Type: application/json\r\n\r\n")?;
    stream.write_all(&received.to_json())
}

/// Reads as many bytes as `CONTENT_LENGTH` says.
fn read_body(stream: &mut dyn Read, parameters: &BTreeMap<String, String>) -> io::Result<Vec<u8>> {
    let length = parameters.get("CONTENT_LENGTH").map_or("", String::as_str);
    let length = if length.is_empty() { 0 } else { length.parse().map_err(io::Error::other)? };
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
