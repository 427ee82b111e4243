//! As much of HTTP/1.1 as the two ends of the benchmark need: bodies have a `Content-Length`.

use memchr::memmem;

/// How long a message and its head are, once all of it is there.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) head: usize,
    pub(crate) whole: usize,
}

/// The extent of the first message; `None` while some of it is still to come.
pub(crate) fn extent(bytes: &[u8]) -> Option<Extent> {
    let head = memmem::find(bytes, b"\r\n\r\n")? + 4;
    let body = header(bytes.get(..head)?, b"content-length")
        .and_then(|value| std::str::from_utf8(value).ok()?.parse::<usize>().ok())
        .unwrap_or(0);
    let whole = head + body;
    (bytes.len() >= whole).then_some(Extent { head, whole })
}

/// The value of the first header of a name.
pub(crate) fn header<'m>(head: &'m [u8], name: &[u8]) -> Option<&'m [u8]> {
    let mut rest = head;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let (line, after) = rest.split_at(end + 1);
        rest = after;
        if let Some((key, value)) = line.split_at_checked(name.len())
            && key.eq_ignore_ascii_case(name)
            && let Some(value) = value.strip_prefix(b":")
        {
            return Some(value.trim_ascii());
        }
    }
    None
}

/// The status of an answer.
pub(crate) fn status(answer: &[u8]) -> &[u8] {
    answer.get(9..12).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_with_its_body() {
        let message = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\n\r\nokHTTP";
        assert_eq!(extent(message).unwrap().whole, message.len() - 4);
        assert!(extent(&message[..message.len() - 5]).is_none());
        assert_eq!(status(message), b"200");
    }

    #[test]
    fn a_message_without_a_length_has_no_body() {
        assert_eq!(extent(b"GET / HTTP/1.1\r\n\r\n").unwrap().whole, 18);
    }
}
