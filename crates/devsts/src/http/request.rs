//! Reading a request's head and body, kept exactly as they came.

use std::io;

/// A head may be this large, in bytes: the tests send header fields beyond what NGINX forwards.
const MAX_HEAD: usize = 1 << 20;
/// A body may be this large, in bytes.
const MAX_BODY: usize = 64 << 20;
/// A head may have this many fields.
const MAX_FIELDS: usize = 256;

/// The request line and the header fields.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) minor_version: u8,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

/// How the end of the request's body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyLength {
    Chunked,
    Exact(usize),
}

/// Parses a head off the front of `buf` and says how long it is; `None` until it is complete.
pub(crate) fn parse_head(buf: &[u8]) -> io::Result<Option<(Head, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let length = match request.parse(buf).map_err(invalid)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial if buf.len() > MAX_HEAD => {
            return Err(invalid("the request's head is too large"));
        }
        httparse::Status::Partial => return Ok(None),
    };
    let head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        minor_version: request.version.unwrap_or_default(),
        headers: request
            .headers
            .iter()
            .map(|field| (field.name.to_owned(), field.value.to_vec()))
            .collect(),
    };
    // RFC 9112 section 3.2: exactly one Host in HTTP/1.1.
    let hosts = head.values("host").count();
    if hosts > 1 || (hosts == 0 && head.minor_version == 1) {
        return Err(invalid("there must be exactly one Host"));
    }
    Ok(Some((head, length)))
}

impl Head {
    /// All values of the header, in order.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// RFC 9112 section 6.3, without the leniency that it allows: anything ambiguous is an error.
    pub(crate) fn body_length(&self) -> io::Result<BodyLength> {
        let mut lengths = self.values("content-length");
        let mut encodings = self.values("transfer-encoding");
        match (lengths.next(), encodings.next()) {
            (None, None) => Ok(BodyLength::Exact(0)),
            (Some(length), None) if lengths.next().is_none() => std::str::from_utf8(length)
                .ok()
                .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|digits| digits.parse().ok())
                .filter(|length| *length <= MAX_BODY)
                .map(BodyLength::Exact)
                .ok_or_else(|| invalid("a Content-Length that is none")),
            (None, Some(encoding))
                if encodings.next().is_none() && encoding.eq_ignore_ascii_case(b"chunked") =>
            {
                Ok(BodyLength::Chunked)
            }
            _ => Err(invalid("the length of the body is ambiguous")),
        }
    }

    /// RFC 9112 section 9.3.
    pub(crate) fn keeps_alive(&self) -> bool {
        let has = |option: &str| {
            self.values("connection").any(|value| {
                value
                    .split(|b| *b == b',')
                    .any(|o| o.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
            })
        };
        if self.minor_version == 0 { has("keep-alive") } else { !has("close") }
    }

    /// RFC 9110 section 10.1.1.
    pub(crate) fn expects_continue(&self) -> bool {
        self.values("expect").any(|value| value.eq_ignore_ascii_case(b"100-continue"))
    }
}

/// Decodes a chunked body off the front of `buf`: the body and how many bytes it took; `None`
/// until it is complete. Trailers are dropped.
pub(crate) fn parse_chunked(buf: &[u8]) -> io::Result<Option<(Vec<u8>, usize)>> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let rest = buf.get(at..).unwrap_or_default();
        let (line, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete((line, size))) => {
                (line, usize::try_from(size).map_err(invalid)?)
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(invalid("a chunk size that is none")),
        };
        if size > MAX_BODY - body.len() {
            return Err(invalid("the request's body is too large"));
        }
        at += line;
        if size == 0 {
            return Ok(trailers_end(buf, at)?.map(|end| (body, end)));
        }
        let Some(chunk) = buf.get(at..at + size) else { return Ok(None) };
        match buf.get(at + size..at + size + 2) {
            Some(b"\r\n") => body.extend_from_slice(chunk),
            Some(_) => return Err(invalid("a chunk that does not end where it should")),
            None => return Ok(None),
        }
        at += size + 2;
    }
}

fn trailers_end(buf: &[u8], at: usize) -> io::Result<Option<usize>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    match httparse::parse_headers(buf.get(at..).unwrap_or_default(), &mut fields)
        .map_err(invalid)?
    {
        httparse::Status::Complete((length, _)) => Ok(Some(at + length)),
        httparse::Status::Partial => Ok(None),
    }
}

fn invalid(problem: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(fields: &str) -> io::Result<BodyLength> {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        parse_head(head.as_bytes()).unwrap().unwrap().0.body_length()
    }

    #[test]
    fn the_length_of_a_body_is_never_guessed() {
        assert_eq!(length("Content-Length: 5\r\n").unwrap(), BodyLength::Exact(5));
        assert_eq!(length("Transfer-Encoding: chunked\r\n").unwrap(), BodyLength::Chunked);
        assert_eq!(length("").unwrap(), BodyLength::Exact(0));
        for bad in [
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert!(length(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_chunked_body_is_complete_only_with_its_last_byte() {
        let whole = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX: 1\r\n\r\n";
        for end in 0..whole.len() {
            assert!(parse_chunked(&whole[..end]).unwrap().is_none(), "at {end}");
        }
        assert_eq!(parse_chunked(whole).unwrap().unwrap(), (b"abcde".to_vec(), whole.len()));
    }

    #[test]
    fn one_host_is_demanded() {
        assert!(parse_head(b"GET / HTTP/1.1\r\n\r\n").is_err());
        assert!(parse_head(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").is_err());
        assert!(parse_head(b"GET / HTTP/1.0\r\n\r\n").unwrap().is_some());
    }
}
