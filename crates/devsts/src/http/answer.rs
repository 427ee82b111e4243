//! An HTTP answer as a value, in every shape that a client must cope with.

use serde_json::Value;

/// An answer: what it says and how its end is shown.
///
/// Nothing is added to it but `Content-Length` or `Transfer-Encoding` as the framing demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    version: &'static str,
    status: u16,
    reason: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    framing: Framing,
    trailers: Vec<(String, Vec<u8>)>,
}

/// How the client learns where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// RFC 9112 section 7.1, in chunks of so many bytes.
    Chunked(usize),
    /// `Content-Length` with this value, whatever the body's real length.
    Claimed(u64),
    /// `Content-Length`.
    Length,
    /// No header at all: the body ends with the connection, or there is none.
    Silent,
}

impl Answer {
    /// An empty answer with the usual reason phrase of the status.
    pub fn new(status: u16) -> Self {
        Self {
            version: "HTTP/1.1",
            status,
            reason: reason(status).to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            framing: Framing::Length,
            trailers: Vec::new(),
        }
    }

    /// An answer with a JSON body.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::new(status).header("Content-Type", "application/json").body(value.to_string())
    }

    /// The error answer of RFC 6749 section 5.2.
    pub fn oauth_error(status: u16, error: &str, description: &str) -> Self {
        Self::json(status, &serde_json::json!({ "error": error, "error_description": description }))
            .header("Cache-Control", "no-store")
    }

    /// A redirect.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::new(status).header("Location", location)
    }

    /// Replaces the status, and the reason phrase by the usual one.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        reason(status).clone_into(&mut self.reason);
        self
    }

    /// Replaces the reason phrase.
    #[must_use]
    pub fn reason(mut self, reason: &str) -> Self {
        reason.clone_into(&mut self.reason);
        self
    }

    /// Adds a header; a second one of the same name stands beside the first.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Removes all headers of the name.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    /// Replaces the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the body in chunks of `size` bytes each.
    #[must_use]
    pub fn chunked(mut self, size: usize) -> Self {
        self.framing = Framing::Chunked(size.max(1));
        self
    }

    /// Adds a trailer; only a chunked answer carries it.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.trailers.push((name.to_owned(), value.into()));
        self
    }

    /// Sends neither `Content-Length` nor `Transfer-Encoding`: the body ends with the connection,
    /// which is closed.
    #[must_use]
    pub fn until_close(mut self) -> Self {
        self.framing = Framing::Silent;
        self
    }

    /// Claims another length of the body than it has.
    #[must_use]
    pub fn claim_length(mut self, length: u64) -> Self {
        self.framing = Framing::Claimed(length);
        self
    }

    /// Answers as an HTTP/1.0 server does: that version, and the connection is closed.
    #[must_use]
    pub fn http10(mut self) -> Self {
        self.version = "HTTP/1.0";
        self
    }

    /// Asks for the connection to be closed, and closes it.
    #[must_use]
    pub fn closing(self) -> Self {
        self.header("Connection", "close")
    }

    /// The status code.
    pub fn status_code(&self) -> u16 {
        self.status
    }

    /// The body before any framing.
    pub fn body_bytes(&self) -> &[u8] {
        &self.body
    }

    /// The bytes on the wire. `head` leaves the body out, as the answer to a HEAD does.
    pub fn to_bytes(&self, head: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len() + 256);
        out.extend_from_slice(
            format!("{} {} {}\r\n", self.version, self.status, self.reason).as_bytes(),
        );
        for (name, value) in &self.headers {
            field(&mut out, name, value);
        }
        match self.framing {
            Framing::Chunked(_) => field(&mut out, "Transfer-Encoding", b"chunked"),
            Framing::Claimed(length) => {
                field(&mut out, "Content-Length", length.to_string().as_bytes());
            }
            Framing::Length if may_have_body(self.status) => {
                field(&mut out, "Content-Length", self.body.len().to_string().as_bytes());
            }
            Framing::Length | Framing::Silent => {}
        }
        out.extend_from_slice(b"\r\n");
        if head || !may_have_body(self.status) {
            return out;
        }
        if let Framing::Chunked(size) = self.framing {
            for chunk in self.body.chunks(size) {
                out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                out.extend_from_slice(chunk);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"0\r\n");
            for (name, value) in &self.trailers {
                field(&mut out, name, value);
            }
            out.extend_from_slice(b"\r\n");
        } else {
            out.extend_from_slice(&self.body);
        }
        out
    }

    /// Whether the connection cannot be used after this answer.
    pub(crate) fn ends_connection(&self) -> bool {
        self.version == "HTTP/1.0"
            || (self.framing == Framing::Silent && may_have_body(self.status))
            || self.headers.iter().any(|(name, value)| {
                name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case(b"close")
            })
    }
}

fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// RFC 9110 section 6.4.1.
fn may_have_body(status: u16) -> bool {
    !matches!(status, 100..=199 | 204 | 304)
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        103 => "Early Hints",
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(answer: &Answer) -> String {
        String::from_utf8(answer.to_bytes(false)).unwrap()
    }

    #[test]
    fn a_plain_answer_has_its_length() {
        assert_eq!(
            text(&Answer::new(200).header("X-A", "1").body("hello")),
            "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello"
        );
    }

    #[test]
    fn chunks_have_the_asked_size_and_trailers_follow() {
        assert_eq!(
            text(&Answer::new(200).body("hello").chunked(2).trailer("X-T", "1")),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nhe\r\n2\r\nll\r\n1\r\no\r\n0\r\nX-T: 1\r\n\r\n"
        );
    }

    #[test]
    fn a_body_until_close_is_not_announced() {
        let answer = Answer::new(200).body("x").until_close();
        assert_eq!(text(&answer), "HTTP/1.1 200 OK\r\n\r\nx");
        assert!(answer.ends_connection());
    }

    #[test]
    fn statuses_without_body_send_none() {
        assert_eq!(text(&Answer::new(204).body("x")), "HTTP/1.1 204 No Content\r\n\r\n");
    }
}
