//! A connected socket, with TLS on it or not.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use openssl::ssl::SslStream;

/// A socket of either kind.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What a message goes over.
pub(super) enum Connection {
    Plain(Socket),
    Secure(Box<SslStream<Socket>>),
}

impl Socket {
    /// How long one call may take. A socket that refuses that is one that ends.
    pub(super) fn set_time(&self, left: Duration) {
        let left = Some(left);
        let _ = match self {
            Self::Tcp(socket) => {
                socket.set_read_timeout(left).and_then(|()| socket.set_write_timeout(left))
            }
            Self::Unix(socket) => {
                socket.set_read_timeout(left).and_then(|()| socket.set_write_timeout(left))
            }
        };
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(buffer),
            Self::Unix(socket) => socket.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(buffer),
            Self::Unix(socket) => socket.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.flush(),
            Self::Unix(socket) => socket.flush(),
        }
    }
}

impl Connection {
    pub(super) fn set_time(&self, left: Duration) {
        match self {
            Self::Plain(socket) => socket.set_time(left),
            Self::Secure(stream) => stream.get_ref().set_time(left),
        }
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.write_all(bytes),
            Self::Secure(stream) => stream.write_all(bytes),
        }
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Secure(stream) => stream.read(buffer),
        }
    }
}
