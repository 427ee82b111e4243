//! The status line and the headers of an answer (RFC 9112, sections 4 and 5).

use std::mem::MaybeUninit;
use std::num::NonZeroU32;
use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use httparse::{Header, ParserConfig, Response, Status};
use memchr::{memchr, memchr_iter};

use crate::http1::answer::{AnswerError, Asked};
use crate::http1::fields::Fields;
use crate::http1::framing::Framing;
use crate::http1::keep_alive::{self, Idle};
use crate::http1::lines;

/// Headers of one answer.
const MAX_HEADERS: usize = 100;

/// A head, whole.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    /// Those that are wanted: most heads have more, which is not looked at.
    pub(super) headers: HeaderMap,
    /// What follows it.
    pub(super) framing: Framing,
    /// Whether the other side means to keep the connection.
    pub(super) keeps_connection: bool,
    /// For how many milliseconds it does, if it says so.
    pub(super) idle: Option<NonZeroU32>,
}

impl Head {
    /// Reads a head, and tells how many bytes it has; `None` when there is more to come.
    ///
    /// # Errors
    /// It is none, or what follows it is not clear.
    pub(super) fn parse(
        bytes: &[u8],
        asked: Asked,
        wanted: &[HeaderName],
    ) -> Result<Option<(Self, usize)>, AnswerError> {
        // A server may ignore empty lines before a request (RFC 9112, section 2.2). Before an
        // answer they are the rest of something else, and any number of them would be read again
        // and again.
        if matches!(bytes.first(), Some(b'\r' | b'\n')) {
            return Err(AnswerError::Head(httparse::Error::Version));
        }
        // A record of TLS, an alert or a handshake, of any version (RFC 8446, section 5.1).
        if let [21 | 22, 3, ..] = bytes {
            return Err(AnswerError::Tls);
        }
        Self::parse_with(&FOLDING, bytes, asked, wanted)
    }

    fn parse_with(
        parser: &ParserConfig,
        bytes: &[u8],
        asked: Asked,
        wanted: &[HeaderName],
    ) -> Result<Option<(Self, usize)>, AnswerError> {
        let mut room = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_HEADERS];
        let mut response = Response::new(&mut []);
        let parsed = parser.parse_response_with_uninit_headers(&mut response, bytes, &mut room);
        let Status::Complete(length) = parsed.map_err(AnswerError::Head)? else { return Ok(None) };
        // A bare LF may end a line (RFC 9112, section 2.2). In a head with both ends it may as well be a
        // part of a value, as another reader of this answer would take it.
        let head = bytes.get(..length).unwrap_or_default();
        if !lines::end_alike(head) {
            return Err(AnswerError::Head(httparse::Error::NewLine));
        }
        if response.headers.iter().any(|field| memchr(b'\n', field.value).is_some()) {
            let unfolded = unfold(head);
            return Self::parse_with(&ParserConfig::default(), &unfolded, asked, wanted);
        }
        let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
        let status = status.ok_or(AnswerError::Head(httparse::Error::Status))?;
        let is_http_1_0 = response.version != Some(1);
        // A reader that holds itself to HTTP/1.0 takes an interim answer, and all that comes after it, for
        // the one that is asked for (RFC 9110, section 15.2).
        if is_http_1_0 && status.is_informational() {
            return Err(AnswerError::Head(httparse::Error::Version));
        }
        let fields = Fields(response.headers);
        let framing = Framing::of(status, is_http_1_0, &fields, asked)?;
        // What is not read of it would be read as the next answer.
        let is_clear = framing != Framing::None || !announces_body(&fields);
        let idle = keep_alive::idle(&fields);
        let head = Self {
            status,
            headers: select(&fields, wanted)?,
            framing,
            keeps_connection: is_clear
                && idle != Idle::Closed
                && keeps_connection(is_http_1_0, &fields),
            idle: if let Idle::For(time) = idle { Some(time) } else { None },
        };
        Ok(Some((head, length)))
    }
}

/// A value may go on in a line that begins with white space (RFC 9112, section 5.2). No server should
/// write that any more, and all that read it have to put spaces in the place of the end of the line.
static FOLDING: LazyLock<ParserConfig> = LazyLock::new(|| {
    let mut config = ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);
    config
});

/// The head with spaces where its values are folded, as long as before.
fn unfold(head: &[u8]) -> Vec<u8> {
    let mut unfolded = head.to_vec();
    for at in memchr_iter(b'\n', head) {
        if !matches!(head.get(at + 1), Some(b' ' | b'\t')) {
            continue;
        }
        let start = if at > 0 && head.get(at - 1) == Some(&b'\r') { at - 1 } else { at };
        if let Some(fold) = unfolded.get_mut(start..=at) {
            fold.fill(b' ');
        }
    }
    unfolded
}

fn select(fields: &Fields<'_>, wanted: &[HeaderName]) -> Result<HeaderMap, AnswerError> {
    let mut headers = HeaderMap::new();
    for name in wanted {
        for value in fields.all(name.as_str()) {
            let value = HeaderValue::from_bytes(value)
                .map_err(|_| AnswerError::Head(httparse::Error::HeaderValue))?;
            headers.append(name, value);
        }
    }
    Ok(headers)
}

fn announces_body(fields: &Fields<'_>) -> bool {
    let mut lengths = fields.all("content-length");
    lengths.any(|length| length.trim_ascii() != b"0")
        || fields.all("transfer-encoding").next().is_some()
}

/// RFC 9112, section 9.3.
fn keeps_connection(is_http_1_0: bool, fields: &Fields<'_>) -> bool {
    let has_option = |option: &str| {
        let mut options =
            fields.all("connection").flat_map(|value| value.split(|byte| *byte == b','));
        options.any(|one| one.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
    };
    !has_option("close") && (!is_http_1_0 || has_option("keep-alive"))
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_TYPE, RETRY_AFTER};

    use super::*;

    fn parse(text: &str) -> Result<Option<(Head, usize)>, AnswerError> {
        Head::parse(text.as_bytes(), Asked::Answer, &[CONTENT_TYPE, RETRY_AFTER])
    }

    fn head(text: &str) -> Head {
        parse(text).unwrap().unwrap().0
    }

    #[test]
    fn a_head_is_read_with_its_length_and_what_is_wanted_of_it() {
        let text = "HTTP/1.1 401 No\r\nA: 1\r\ncontent-TYPE:2 \r\nContent-Type:\t3\r\n\r\nbody";
        let (head, length) = parse(text).unwrap().unwrap();
        assert_eq!(&text[length..], "body");
        assert_eq!(head.status, StatusCode::UNAUTHORIZED);
        let values: Vec<_> = head.headers.get_all(CONTENT_TYPE).iter().collect();
        assert_eq!(values, ["2", "3"]);
        assert_eq!(head.headers.len(), 2);
    }

    #[test]
    fn a_status_is_one_of_http() {
        for code in ["000", "099"] {
            let text = format!("HTTP/1.1 {code} x\r\n\r\n");
            assert!(matches!(parse(&text), Err(AnswerError::Head(_))), "{code}");
        }
        assert_eq!(head("HTTP/1.1 999 x\r\n\r\n").status.as_u16(), 999);
    }

    #[test]
    fn a_folded_value_is_one_line() {
        for fold in ["\r\n ", "\r\n\t", "\r\n  \t", "\r\n \r\n "] {
            let text =
                format!("HTTP/1.1 200 OK\r\nContent-Type: a/b;{fold}c=d\r\nA: 1\r\n\r\nbody");
            let (head, length) = parse(&text).unwrap().unwrap();
            assert_eq!(&text[length..], "body");
            let value = head.headers.get(CONTENT_TYPE).unwrap().to_str().unwrap();
            assert_eq!(value.split_whitespace().collect::<Vec<_>>(), ["a/b;", "c=d"], "{fold:?}");
        }
        let text = "HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\nTransfer-Encoding:\r\n\r\n";
        assert!(matches!(parse(text), Err(AnswerError::Coding)));
    }

    #[test]
    fn what_is_folded_counts_for_where_the_answer_ends() {
        let framing = |fields: &str| {
            parse(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n"))
                .map(|parsed| parsed.unwrap().0.framing)
        };
        assert_eq!(framing("Content-Length:\r\n 5"), Ok(Framing::Length(5)));
        assert_eq!(framing("Content-Length: 5,\r\n\t5"), Ok(Framing::Length(5)));
        assert_eq!(framing("Content-Length: 5\r\n 6"), Err(AnswerError::Length));
        assert_eq!(framing("A: 1\r\n Content-Length: 5"), Ok(Framing::UntilClose));
        assert_eq!(framing("Transfer-Encoding:\r\n chunked"), Ok(Framing::Chunked));
        assert_eq!(framing("Transfer-Encoding: gzip,\r\n chunked"), Err(AnswerError::Coding));
    }

    #[test]
    fn a_fold_needs_a_value_before_it() {
        for text in ["HTTP/1.1 200 OK\r\n A: 1\r\n\r\n", "HTTP/1.1 200 OK\r\nA\r\n : 1\r\n\r\n"] {
            assert!(matches!(parse(text), Err(AnswerError::Head(_))), "{text:?}");
        }
    }

    #[test]
    fn all_lines_end_alike() {
        for text in [
            "HTTP/1.1 200 OK\n\r\n",
            "HTTP/1.1 200 OK\r\n\n",
            "HTTP/1.1 200 OK\r\nA: 1\n\r\n",
            "HTTP/1.1 200 OK\nA: 1\r\n\n",
            "HTTP/1.1 200 OK\r\nA: 1\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: 1\n 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: 1\r\n 2\n 3\r\n\r\n",
        ] {
            let error = AnswerError::Head(httparse::Error::NewLine);
            assert_eq!(parse(text).err(), Some(error), "{text:?}");
        }
        for text in ["HTTP/1.1 200 OK\n\n", "HTTP/1.1 200 OK\nA: 1\n 2\n\n"] {
            assert_eq!(parse(text).unwrap().unwrap().1, text.len(), "{text:?}");
        }
        for text in ["HTTP/1.1 200 OK\rA: 1\r\n\r\n", "HTTP/1.1 200 OK\r\nA: 1\rB: 2\r\n\r\n"] {
            assert!(matches!(parse(text), Err(AnswerError::Head(_))), "{text:?}");
        }
    }

    #[test]
    fn a_name_ends_with_its_colon() {
        for field in ["A : 1", "A\t: 1", "Transfer-Encoding : chunked", ": 1", "A", "A\u{0}: 1"] {
            let text = format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n");
            assert!(matches!(parse(&text), Err(AnswerError::Head(_))), "{field:?}");
        }
    }

    #[test]
    fn half_a_head_is_none_yet() {
        let text = "HTTP/1.1 200 OK\r\nA: 1\r\n\r\n";
        for length in 0..text.len() {
            assert!(parse(&text[..length]).unwrap().is_none(), "{length}");
        }
    }

    #[test]
    fn there_is_nothing_before_a_head() {
        for text in ["\n", "\r\nHTTP/1.1 200 OK\r\n\r\n", "\n\n\n"] {
            assert!(matches!(parse(text), Err(AnswerError::Head(_))), "{text:?}");
        }
    }

    #[test]
    fn an_answer_without_a_body_that_announces_one_ends_the_connection() {
        assert!(head("HTTP/1.1 204 No\r\n\r\n").keeps_connection);
        assert!(head("HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n").keeps_connection);
        for field in ["Content-Length: 5", "Content-Length: 00", "Transfer-Encoding: chunked"] {
            for status in [204, 304] {
                let text = format!("HTTP/1.1 {status} No\r\n{field}\r\n\r\n");
                assert!(!head(&text).keeps_connection, "{text}");
            }
        }
    }

    #[test]
    fn the_version_and_the_options_tell_whether_the_connection_stays() {
        let keeps = |version: &str, connection: &str| {
            let field = if connection.is_empty() { "" } else { "Connection: " };
            let end = if connection.is_empty() { "\r\n" } else { "\r\n\r\n" };
            head(&format!("HTTP/{version} 200 OK\r\n{field}{connection}{end}")).keeps_connection
        };
        assert!(keeps("1.1", ""));
        assert!(keeps("1.1", "keep-alive"));
        assert!(keeps("1.1", "closed"));
        assert!(!keeps("1.1", "close"));
        assert!(!keeps("1.1", "X-One , CLOSE"));
        assert!(!keeps("1.1", "keep-alive\r\nConnection: close"));
        assert!(!keeps("1.0", ""));
        assert!(keeps("1.0", "Keep-Alive"));
        assert!(!keeps("1.0", "keep-alive, close"));
    }
}
