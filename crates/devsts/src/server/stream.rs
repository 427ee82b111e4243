//! The byte streams of a connection: TCP or unix socket, with or without TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_openssl::SslStream;

/// A socket.
#[derive(Debug)]
pub(crate) enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Wire {
    /// Makes dropping it a reset. A unix socket has none: its peer sees the end of the stream, or
    /// a reset when bytes are left unread.
    pub(crate) fn reset_on_drop(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_zero_linger(),
            Self::Unix(_) => Ok(()),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A socket under TLS, and what was seen on it during the handshake.
#[derive(Debug)]
pub(crate) struct Tapped {
    wire: Wire,
    /// Bytes that were read before TLS began.
    unread: Vec<u8>,
    pub(crate) tap: Tap,
}

impl Tapped {
    pub(crate) fn new(wire: Wire, unread: Vec<u8>) -> Self {
        Self { wire, unread, tap: Tap::default() }
    }
}

impl AsyncRead for Tapped {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        if this.unread.is_empty() {
            let polled = Pin::new(&mut this.wire).poll_read(cx, buf);
            if !matches!(polled, Poll::Ready(Ok(()))) {
                return polled;
            }
        } else {
            let count = this.unread.len().min(buf.remaining());
            for byte in this.unread.drain(..count) {
                buf.put_slice(&[byte]);
            }
        }
        this.tap.see(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_shutdown(cx)
    }
}

/// Tells from the records on the wire whether a client whose handshake failed sent a request all
/// the same.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    pub(crate) received: u64,
    pub(crate) application: u64,
    in_clear: bool,
    /// The bytes of a record's header that were seen so far (RFC 8446 section 5.1).
    header: Vec<u8>,
    /// What is left of the current record.
    left: usize,
    off: bool,
}

/// The content types of records that are handshake and application data.
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
/// TLS 1.3 hides Finished (at most 69 bytes, with SHA-384) and alerts in application data records;
/// no request is as small.
const LARGEST_FINISHED: usize = 69;

impl Tap {
    /// The handshake is over: looks no further.
    pub(crate) fn turn_off(&mut self) {
        self.off = true;
    }

    fn see(&mut self, mut bytes: &[u8]) {
        if self.off {
            return;
        }
        if self.received == 0 && bytes.first().is_some_and(|kind| *kind != HANDSHAKE) {
            self.in_clear = true;
        }
        self.received += bytes.len() as u64;
        if self.in_clear {
            self.application = self.received;
            return;
        }
        while let [first, rest @ ..] = bytes {
            if self.left > 0 {
                let skip = self.left.min(bytes.len());
                self.left -= skip;
                bytes = bytes.get(skip..).unwrap_or_default();
                continue;
            }
            self.header.push(*first);
            bytes = rest;
            if let [kind, _, _, high, low] = self.header[..] {
                self.left = usize::from(u16::from_be_bytes([high, low]));
                if kind == APPLICATION_DATA && self.left > LARGEST_FINISHED {
                    self.application += self.left as u64;
                }
                self.header.clear();
            }
        }
    }
}

/// What a connection speaks over.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(Wire),
    Tls(SslStream<Tapped>),
}

impl Stream {
    pub(crate) fn wire(&self) -> &Wire {
        match self {
            Self::Plain(wire) => wire,
            Self::Tls(stream) => &stream.get_ref().wire,
        }
    }

    /// Ends the sending side without a word of TLS.
    pub(crate) async fn shutdown_wire(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(wire) => wire.shutdown().await,
            Self::Tls(stream) => stream.get_mut().wire.shutdown().await,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, length: u16) -> Vec<u8> {
        let mut record = vec![kind, 3, 3];
        record.extend(length.to_be_bytes());
        record.extend(std::iter::repeat_n(0, usize::from(length)));
        record
    }

    #[test]
    fn a_request_is_told_from_a_handshake_in_whatever_pieces_it_comes() {
        let bytes = [record(22, 300), record(20, 1), record(23, 69), record(23, 500)].concat();
        for size in [1, 4, 7, 1000] {
            let mut tap = Tap::default();
            bytes.chunks(size).for_each(|piece| tap.see(piece));
            assert_eq!((tap.received, tap.application), (bytes.len() as u64, 500), "in {size}s");
        }
    }

    #[test]
    fn a_request_in_clear_counts_whole() {
        let mut tap = Tap::default();
        tap.see(b"POST ");
        tap.see(b"/token");
        assert_eq!(tap.application, 11);
    }
}
