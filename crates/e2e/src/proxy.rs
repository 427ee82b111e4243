//! An HTTP proxy that makes tunnels (RFC 9110, section 9.3.6), all of them to one place.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A proxy on a free port of 127.0.0.1, which works until the test process ends.
pub struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Each `CONNECT` gets a tunnel to this port of 127.0.0.1, whatever name it asks for.
    ///
    /// # Panics
    /// When no port can be bound.
    pub fn to(port: u16) -> Self {
        Self::new(Answer::Tunnel((Ipv4Addr::LOCALHOST, port).into()))
    }

    /// As [`Self::to`], for requests with this value of `Proxy-Authorization`; others are answered
    /// with 407.
    ///
    /// # Panics
    /// When no port can be bound.
    pub fn wanting(authorization: &str, port: u16) -> Self {
        let target = (Ipv4Addr::LOCALHOST, port).into();
        Self::new(Answer::Guarded(authorization.to_owned(), target))
    }

    /// Each `CONNECT` gets these bytes, and the connection is closed.
    ///
    /// # Panics
    /// When no port can be bound.
    pub fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(Answer::Bytes(bytes.into()))
    }

    fn new(answer: Answer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be bound");
        let address = listener.local_addr().expect("it is bound");
        let heads = Arc::new(Mutex::default());
        let (noted, answer) = (Arc::clone(&heads), Arc::new(answer));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
                // A client may leave early.
                thread::spawn(move || drop(answer.give(client, &noted)));
            }
        });
        Self { address, heads }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked for: the heads of the requests, one for each connection.
    ///
    /// # Panics
    /// When the proxy did.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("nothing panics in here").clone()
    }
}

enum Answer {
    Tunnel(SocketAddr),
    Guarded(String, SocketAddr),
    Bytes(Vec<u8>),
}

impl Answer {
    fn give(&self, mut client: TcpStream, heads: &Mutex<Vec<String>>) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte)?;
            head.extend_from_slice(&byte);
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        heads.lock().expect("nothing panics in here").push(text.clone());
        match self {
            Self::Bytes(bytes) => client.write_all(bytes),
            Self::Guarded(authorization, _)
                if !text.contains(&format!("\r\nproxy-authorization: {authorization}\r\n")) =>
            {
                client.write_all(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
                )
            }
            Self::Tunnel(target) | Self::Guarded(_, target) => {
                let server = TcpStream::connect(target)?;
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
                let (from, to) = (client.try_clone()?, server.try_clone()?);
                let back = thread::spawn(move || forward(server, client));
                forward(from, to);
                drop(back.join());
                Ok(())
            }
        }
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream) {
    // Either side may be gone; then the other goes, too.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
