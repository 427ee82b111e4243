//! The status line and the headers of an answer (RFC 9112, sections 4 and 5).

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use httparse::{Header, ParserConfig, Response, Status};

use crate::http1::answer::AnswerError;

/// Headers of one answer.
const MAX_HEADERS: usize = 100;

/// A head, whole.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) version: Version,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

impl Head {
    /// Reads a head, and tells how many bytes it has; `None` when there is more to come.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, AnswerError> {
        let mut room = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_HEADERS];
        let mut response = Response::new(&mut []);
        let parsed = ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            bytes,
            &mut room,
        );
        let Status::Complete(length) = parsed.map_err(AnswerError::Head)? else { return Ok(None) };
        let version = match response.version {
            Some(1) => Version::HTTP_11,
            _ => Version::HTTP_10,
        };
        let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
        let status = status.ok_or(AnswerError::Head(httparse::Error::Status))?;
        // One copy for all values.
        let copy = Bytes::copy_from_slice(bytes.get(..length).unwrap_or_default());
        let mut headers = HeaderMap::with_capacity(response.headers.len());
        for field in response.headers.iter() {
            let name = HeaderName::from_bytes(field.name.as_bytes())
                .map_err(|_| AnswerError::Head(httparse::Error::HeaderName))?;
            let start = (field.value.as_ptr() as usize).wrapping_sub(bytes.as_ptr() as usize);
            let value =
                HeaderValue::from_maybe_shared(copy.slice(start..start + field.value.len()))
                    .map_err(|_| AnswerError::Head(httparse::Error::HeaderValue))?;
            headers.append(name, value);
        }
        Ok(Some((Self { version, status, headers }, length)))
    }

    /// Whether the other side means to keep the connection (RFC 9112, section 9.3).
    pub(super) fn keeps_connection(&self) -> bool {
        if self.version == Version::HTTP_10 {
            self.has_option(b"keep-alive") && !self.has_option(b"close")
        } else {
            !self.has_option(b"close")
        }
    }

    fn has_option(&self, option: &[u8]) -> bool {
        let values = self.headers.get_all(CONNECTION).iter();
        let mut options = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        options.any(|one| one.trim_ascii().eq_ignore_ascii_case(option))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        Head::parse(text.as_bytes()).unwrap().unwrap().0
    }

    #[test]
    fn a_head_is_read_with_its_length() {
        let text = "HTTP/1.1 401 No\r\nA: 1\r\nb:2 \r\nA:\t3\r\n\r\nbody";
        let (head, length) = Head::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(&text[length..], "body");
        assert_eq!((head.version, head.status), (Version::HTTP_11, StatusCode::UNAUTHORIZED));
        let values: Vec<_> = head.headers.get_all("a").iter().collect();
        assert_eq!(values, ["1", "3"]);
        assert_eq!(head.headers["b"], "2");
    }

    #[test]
    fn a_status_is_one_of_http() {
        for code in ["000", "099"] {
            let text = format!("HTTP/1.1 {code} x\r\n\r\n");
            assert!(matches!(Head::parse(text.as_bytes()), Err(AnswerError::Head(_))), "{code}");
        }
        assert_eq!(head("HTTP/1.1 999 x\r\n\r\n").status.as_u16(), 999);
    }

    #[test]
    fn half_a_head_is_none_yet() {
        let text = "HTTP/1.1 200 OK\r\nA: 1\r\n\r\n";
        for length in 0..text.len() {
            assert!(Head::parse(&text.as_bytes()[..length]).unwrap().is_none(), "{length}");
        }
    }

    #[test]
    fn the_version_and_the_options_tell_whether_the_connection_stays() {
        let keeps = |version: &str, connection: &str| {
            let field = if connection.is_empty() { "" } else { "Connection: " };
            let end = if connection.is_empty() { "\r\n" } else { "\r\n\r\n" };
            head(&format!("HTTP/{version} 200 OK\r\n{field}{connection}{end}")).keeps_connection()
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
