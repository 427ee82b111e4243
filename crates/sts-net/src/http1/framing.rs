//! Where an answer ends (RFC 9112, section 6.3).

use http::StatusCode;

use crate::http1::answer::{AnswerError, Asked};
use crate::http1::fields::Fields;

/// What tells the end of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Its last chunk.
    Chunked,
    /// Its length in bytes.
    Length(u64),
    /// There is none that is read, whatever the head says of one.
    None,
    /// The end of the connection.
    UntilClose,
}

impl Framing {
    /// What a head says.
    ///
    /// # Errors
    /// It says more than one thing, or nothing that can be understood. Two readers might then see two
    /// ends, and what lies between them would be the answer to the next request.
    pub(super) fn of(
        status: StatusCode,
        is_http_1_0: bool,
        fields: &Fields<'_>,
        asked: Asked,
    ) -> Result<Self, AnswerError> {
        let is_bare = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if is_bare || status.is_informational() || asked == Asked::Tunnel {
            return Ok(Self::None);
        }
        let length = length(fields)?;
        let mut codings = fields.all("transfer-encoding");
        let Some(coding) = codings.next() else {
            return Ok(length.map_or(Self::UntilClose, Self::Length));
        };
        // No other was asked for, and HTTP/1.0 has none.
        let is_chunked = coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
        if !is_chunked || codings.next().is_some() || is_http_1_0 {
            return Err(AnswerError::Coding);
        }
        if length.is_some() { Err(AnswerError::Length) } else { Ok(Self::Chunked) }
    }
}

/// The length, which may be repeated, in fields or as a list, but not contradicted (RFC 9110, section
/// 8.6; RFC 9112, section 6.3). Of an empty member of a list a reader that knows no lists makes a zero.
fn length(fields: &Fields<'_>) -> Result<Option<u64>, AnswerError> {
    let mut length = None;
    let values = fields.all("content-length").flat_map(|value| value.split(|byte| *byte == b','));
    for digits in values {
        let number = number(digits.trim_ascii()).ok_or(AnswerError::Length)?;
        if length.is_some_and(|other| other != number) {
            return Err(AnswerError::Length);
        }
        length = Some(number);
    }
    Ok(length)
}

fn number(digits: &[u8]) -> Option<u64> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::head::Head;

    fn framing(text: &str, asked: Asked) -> Result<Framing, AnswerError> {
        let text = format!("{text}\r\n\r\n");
        Head::parse(text.as_bytes(), asked, &[]).map(|parsed| parsed.unwrap().0.framing)
    }

    fn of(fields: &str) -> Result<Framing, AnswerError> {
        framing(&format!("HTTP/1.1 200 OK\r\n{fields}"), Asked::Answer)
    }

    #[test]
    fn a_length_is_a_number_and_nothing_else() {
        assert_eq!(of("Content-Length: 0"), Ok(Framing::Length(0)));
        assert_eq!(of("Content-Length: 0042 "), Ok(Framing::Length(42)));
        assert_eq!(of("Content-Length: 18446744073709551615"), Ok(Framing::Length(u64::MAX)));
        for value in ["", "+1", "-1", "1 2", ",", "0x1", "1.0", "18446744073709551616", "\u{b2}"] {
            assert_eq!(
                of(&format!("Content-Length: {value}")),
                Err(AnswerError::Length),
                "{value}"
            );
        }
    }

    #[test]
    fn a_length_may_be_repeated_but_not_contradicted() {
        assert_eq!(of("Content-Length: 5\r\ncontent-length: 05"), Ok(Framing::Length(5)));
        for value in ["5, 5", "5,5", "5 ,\t5, 05"] {
            assert_eq!(of(&format!("Content-Length: {value}")), Ok(Framing::Length(5)), "{value}");
        }
        let both = "Content-Length: 5, 5\r\nContent-Length: 5";
        assert_eq!(of(both), Ok(Framing::Length(5)));
        for fields in [
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: 5\r\nContent-Length:",
            "Content-Length: 5\r\nContent-Length: 5, 6",
            "Content-Length: 5, 6",
            "Content-Length: 5, 5 5",
            "Content-Length: 5, -5",
            "Content-Length: 5; 5",
            "Content-Length: ,5",
            "Content-Length: 5,",
            "Content-Length: 5,,5",
        ] {
            assert_eq!(of(fields), Err(AnswerError::Length), "{fields}");
        }
    }

    #[test]
    fn chunked_is_the_only_coding() {
        assert_eq!(of("Transfer-Encoding: chunked"), Ok(Framing::Chunked));
        assert_eq!(of("Transfer-Encoding: ChunkeD "), Ok(Framing::Chunked));
        for fields in [
            "Transfer-Encoding: gzip",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: identity",
            "Transfer-Encoding:",
            "Transfer-Encoding: chunked;a=b",
        ] {
            assert!(matches!(of(fields), Err(AnswerError::Coding)), "{fields}");
        }
    }

    #[test]
    fn a_coding_and_a_length_contradict_each_other() {
        assert_eq!(of("Transfer-Encoding: chunked\r\nContent-Length: 5"), Err(AnswerError::Length));
    }

    #[test]
    fn http_1_0_has_no_codings() {
        let head = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked";
        assert_eq!(framing(head, Asked::Answer), Err(AnswerError::Coding));
    }

    #[test]
    fn without_either_the_connection_has_to_end() {
        assert_eq!(of("Content-Type: text/plain"), Ok(Framing::UntilClose));
    }

    #[test]
    fn some_answers_have_no_body_whatever_they_say() {
        for status in ["204 No Content", "304 Not Modified"] {
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: 57");
            assert_eq!(framing(&head, Asked::Answer), Ok(Framing::None), "{status}");
        }
        let head = "HTTP/1.1 200 Connected\r\nContent-Length: 57";
        assert_eq!(framing(head, Asked::Tunnel), Ok(Framing::None));
    }
}
