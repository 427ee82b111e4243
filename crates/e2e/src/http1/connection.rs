//! A connection on which the test says what goes out when.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use crate::response::Response;
use crate::wait::patience;

/// More header fields than any response of the tests has.
const MAX_HEADERS: usize = 128;

/// A TCP connection to NGINX.
pub struct Connection {
    stream: TcpStream,
    /// What was read and belongs to no response yet.
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// When it cannot.
    #[track_caller]
    pub fn open(address: SocketAddr) -> Self {
        match TcpStream::connect_timeout(&address, patience()) {
            Ok(stream) => Self::over(stream),
            Err(error) => panic!("cannot connect to {address}: {error}"),
        }
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("TCP_NODELAY can be set");
        stream.set_read_timeout(Some(patience())).expect("the timeout is not zero");
        stream.set_write_timeout(Some(patience())).expect("the timeout is not zero");
        Self { stream, buffer: Vec::new() }
    }

    /// Sends bytes as they are: part of a request, a whole one, or several.
    ///
    /// # Panics
    /// When they cannot be sent.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        if let Err(error) = self.try_send(bytes) {
            panic!("cannot send: {error}");
        }
    }

    /// As [`Connection::send`], for tests in which NGINX may have closed the connection.
    ///
    /// # Errors
    /// It cannot be sent.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Reads the next response that is not an interim one.
    ///
    /// # Panics
    /// When none comes in time, or half a one.
    #[track_caller]
    pub fn read_response(&mut self) -> Response {
        match self.try_read_response() {
            Ok(response) => response,
            Err(error) => panic!("no response: {error}"),
        }
    }

    /// As [`Connection::read_response`], for a request that has a response without a body.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn read_response_to_head(&mut self) -> Response {
        match self.read_final(true) {
            Ok(response) => response,
            Err(error) => panic!("no response: {error}"),
        }
    }

    /// As [`Connection::read_response`], for tests in which there may be none.
    ///
    /// # Errors
    /// The connection was closed or reset, nothing came in time, or it is no HTTP.
    pub fn try_read_response(&mut self) -> io::Result<Response> {
        self.read_final(false)
    }

    /// Changes how long reading may take.
    ///
    /// # Panics
    /// When the time is zero.
    pub fn set_read_timeout(&mut self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).expect("the timeout is not zero");
    }

    /// Whether NGINX has sent nothing so far, and the connection is still open.
    pub fn is_waiting(&mut self) -> bool {
        self.stream.set_nonblocking(true).expect("O_NONBLOCK can be set");
        let peeked = self.stream.peek(&mut [0; 1]);
        self.stream.set_nonblocking(false).expect("O_NONBLOCK can be cleared");
        self.buffer.is_empty()
            && matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Closes our direction only.
    pub fn finish_sending(&mut self) {
        // It may be closed already, which is no less finished.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Closes with a reset, as a client does that is gone at once.
    ///
    /// # Panics
    /// When the socket option is refused.
    pub fn reset(self) {
        SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .expect("SO_LINGER can be set to zero");
    }

    /// The local address, by which NGINX's log names this client.
    ///
    /// # Panics
    /// When the socket has none.
    pub fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().expect("a connected socket has an address")
    }

    fn read_final(&mut self, no_body: bool) -> io::Result<Response> {
        loop {
            let (response, framing) = self.read_head()?;
            if (100..200).contains(&response.status) {
                continue;
            }
            let framing = match response.status {
                204 | 304 => Framing::Length(0),
                _ if no_body => Framing::Length(0),
                _ => framing,
            };
            let body = self.read_body(framing)?;
            return Ok(Response { body, ..response });
        }
    }

    fn read_head(&mut self) -> io::Result<(Response, Framing)> {
        loop {
            if let Some((length, response, framing)) = parse_head(&self.buffer)? {
                self.buffer.drain(..length);
                return Ok((response, framing));
            }
            self.fill()?;
        }
    }

    fn read_body(&mut self, framing: Framing) -> io::Result<Vec<u8>> {
        match framing {
            Framing::Length(length) => self.take(length),
            Framing::Chunked => self.read_chunks(),
            Framing::UntilClose => {
                let mut body = std::mem::take(&mut self.buffer);
                self.stream.read_to_end(&mut body)?;
                Ok(body)
            }
        }
    }

    fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.take_line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            if size == 0 {
                while !self.take_line()?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.take(size)?);
            self.take_line()?;
        }
    }

    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.fill()?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn take_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).map_err(io::Error::other);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                self.buffer.extend_from_slice(&chunk[..length]);
                Ok(())
            }
        }
    }
}

/// How the end of a body is known (RFC 9112, section 6.3).
#[derive(Clone, Copy)]
enum Framing {
    Chunked,
    Length(usize),
    UntilClose,
}

/// The length of the head, the response without its body, and where that ends; nothing while the
/// head is incomplete.
fn parse_head(bytes: &[u8]) -> io::Result<Option<(usize, Response, Framing)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = parsed.parse(bytes).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let headers = parsed.headers.iter();
    let response = Response {
        status: parsed.code.expect("a complete head has a status"),
        headers: headers
            .map(|h| (h.name.to_owned(), String::from_utf8_lossy(h.value).into_owned()))
            .collect(),
        body: Vec::new(),
    };
    let chunked = response.header("Transfer-Encoding").is_some_and(|v| v.contains("chunked"));
    let framing = match response.header("Content-Length") {
        _ if chunked => Framing::Chunked,
        Some(length) => Framing::Length(length.parse().map_err(io::Error::other)?),
        None => Framing::UntilClose,
    };
    Ok(Some((length, response, framing)))
}
