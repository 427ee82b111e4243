//! The chunked coding (RFC 9112, section 7.1).

use httparse::{EMPTY_HEADER, Status};
use memchr::memchr;

use crate::http1::answer::AnswerError;
use crate::http1::body::Body;
use crate::http1::extensions::are_extensions;
use crate::http1::lines;

/// Bytes of the line with the size of a chunk. What it has beyond the size has no use.
const MAX_LINE: usize = 1024;

/// Bytes that all these lines may have beyond the longest size, together.
const MAX_EXTENSIONS: usize = 16 * 1024;

/// Bytes of sixteen digits and the end of the line.
const PLAIN_LINE: usize = 18;

/// Bytes of the fields after the last chunk, and how many fields they may be.
const MAX_TRAILERS: usize = 16 * 1024;
const MAX_TRAILER_FIELDS: usize = 100;

/// Takes the coding off.
#[derive(Default)]
pub(super) struct Chunks {
    stage: Stage,
    /// What has arrived of the line, or of the trailers.
    pending: Vec<u8>,
    extensions: usize,
}

#[derive(Clone, Copy, Default)]
enum Stage {
    #[default]
    Size,
    Data(u64),
    /// The end of the line after a chunk, and the second half of it.
    DataEnd,
    DataEndFeed,
    Trailers,
}

impl Chunks {
    /// Takes what has arrived. Once the end is there, returns what comes after it.
    ///
    /// # Errors
    /// It is not as it should be, or too much.
    pub(super) fn take<'b>(
        &mut self,
        mut bytes: &'b [u8],
        body: &mut Body,
    ) -> Result<Option<&'b [u8]>, AnswerError> {
        while let Some((first, rest)) = bytes.split_first() {
            match self.stage {
                Stage::Size => match self.size(bytes)? {
                    Some((size, after)) => {
                        self.stage = if size == 0 { Stage::Trailers } else { Stage::Data(size) };
                        bytes = after;
                    }
                    None => return Ok(None),
                },
                Stage::Data(left) => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (data, after) = bytes.split_at(length);
                    body.push(data)?;
                    let left = left - length as u64;
                    self.stage = if left == 0 { Stage::DataEnd } else { Stage::Data(left) };
                    bytes = after;
                }
                Stage::DataEnd if *first == b'\r' => {
                    self.stage = Stage::DataEndFeed;
                    bytes = rest;
                }
                Stage::DataEndFeed if *first == b'\n' => {
                    self.stage = Stage::Size;
                    bytes = rest;
                }
                Stage::DataEnd | Stage::DataEndFeed => return Err(AnswerError::ChunkEnd),
                Stage::Trailers => return self.trailers(bytes),
            }
        }
        Ok(None)
    }

    /// The size of the next chunk, and what comes after its line.
    fn size<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<(u64, &'b [u8])>, AnswerError> {
        let end = memchr(b'\n', bytes).map_or(bytes.len(), |feed| feed + 1);
        let (arrived, after) = bytes.split_at(end);
        let is_whole = arrived.last() == Some(&b'\n');
        let parsed = if is_whole && self.pending.is_empty() {
            line(arrived)
        } else {
            if self.pending.len() + arrived.len() > MAX_LINE {
                return Err(AnswerError::ChunkSize);
            }
            self.pending.extend_from_slice(arrived);
            line(&self.pending)
        };
        match parsed? {
            Status::Complete((length, size)) => {
                self.pending.clear();
                self.extensions += length.saturating_sub(PLAIN_LINE);
                if self.extensions > MAX_EXTENSIONS {
                    return Err(AnswerError::ChunkSize);
                }
                Ok(Some((size, after)))
            }
            // The end of a line within an extension.
            Status::Partial if is_whole => Err(AnswerError::ChunkSize),
            Status::Partial => Ok(None),
        }
    }

    /// Nothing is taken from them: they come after what they would have to be checked with.
    fn trailers<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<&'b [u8]>, AnswerError> {
        let had = self.pending.len();
        let room = MAX_TRAILERS.saturating_sub(had).min(bytes.len());
        self.pending.extend_from_slice(bytes.get(..room).unwrap_or_default());
        // As with a head, they are read again with each line only.
        if room == bytes.len() && memchr(b'\n', bytes).is_none() {
            return Ok(None);
        }
        let mut fields = [EMPTY_HEADER; MAX_TRAILER_FIELDS];
        match httparse::parse_headers(&self.pending, &mut fields).map_err(AnswerError::Head)? {
            Status::Complete((length, _)) => {
                // The lines of the chunks before them end in CR and LF, and so do these.
                if !lines::ends(self.pending.get(..length).unwrap_or_default()).all(|end| end) {
                    return Err(AnswerError::Head(httparse::Error::NewLine));
                }
                Ok(bytes.get(length - had..))
            }
            Status::Partial if room < bytes.len() => Err(AnswerError::HeadTooLarge),
            Status::Partial => Ok(None),
        }
    }
}

fn line(bytes: &[u8]) -> Result<Status<(usize, u64)>, AnswerError> {
    // httparse takes no digits at all for a zero.
    if !bytes.first().is_some_and(u8::is_ascii_hexdigit) || bytes.len() > MAX_LINE {
        return Err(AnswerError::ChunkSize);
    }
    let parsed = httparse::parse_chunk_size(bytes).map_err(|_| AnswerError::ChunkSize)?;
    // It looks at nothing that comes after the size.
    if let Status::Complete((length, _)) = parsed {
        let whole = bytes.get(..length - "\r\n".len()).unwrap_or_default();
        let digits = whole.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if !are_extensions(whole.get(digits..).unwrap_or_default()) {
            return Err(AnswerError::ChunkSize);
        }
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Taken = Result<Option<(Vec<u8>, Vec<u8>)>, AnswerError>;

    /// The body and what comes after it, when it arrives in pieces of this size.
    fn in_pieces(text: &[u8], size: usize) -> Taken {
        let mut chunks = Chunks::default();
        let mut body = Body::new(None, 1 << 20)?;
        let mut offset = 0;
        for piece in text.chunks(size) {
            offset += piece.len();
            if let Some(rest) = chunks.take(piece, &mut body)? {
                let rest = [rest, &text[offset..]].concat();
                return Ok(Some((body.into_bytes().expose().to_vec(), rest)));
            }
        }
        Ok(None)
    }

    #[track_caller]
    fn assert_taken(text: &str, expected: &Taken) {
        for size in 1..=text.len().max(1) {
            assert_eq!(&in_pieces(text.as_bytes(), size), expected, "{text:?} in pieces of {size}");
        }
    }

    #[track_caller]
    fn assert_body(text: &str, body: &str, rest: &str) {
        assert_taken(text, &Ok(Some((body.into(), rest.into()))));
    }

    #[track_caller]
    fn assert_wrong(text: &str, error: AnswerError) {
        assert_taken(text, &Err(error));
    }

    #[test]
    fn chunks_are_joined() {
        assert_body(
            "4\r\nWiki\r\n7\r\npedia i\r\nB\r\nn \r\nchunks.\r\n0\r\n\r\n",
            "Wikipedia in \r\nchunks.",
            "",
        );
        assert_body("0\r\n\r\n", "", "");
        assert_body("001\r\na\r\n000\r\n\r\nHTTP", "a", "HTTP");
    }

    #[test]
    fn extensions_and_trailers_are_left_out() {
        assert_body("1;a=b;c=\"d\"\r\nx\r\n0;e\r\n\r\n", "x", "");
        assert_body("1 \t;a\r\nx\r\n0\r\nA: 1\r\nB: 2\r\n\r\nmore", "x", "more");
        assert_body("1 ; a = \"\\\";\u{e9}\t\";b\r\nx\r\n0\r\n\r\n", "x", "");
    }

    #[test]
    fn an_extension_is_a_name_with_or_without_a_value() {
        for extension in [
            ";",
            "; ",
            ";;a",
            ";a;",
            ";=b",
            ";a=",
            ";a=b c",
            ";a b",
            ";a=\"b",
            ";a=\"b\"c",
            ";a=b\"",
            ";a=\"\\",
            ";a=\"\u{0}\"",
            ";a=\"\\\u{7f}\"",
            ";\u{0}",
            ";a\u{1}",
            ";{",
            ";\u{e9}",
            ";a ",
            ";a=b ",
            "; a=\"b\" ",
        ] {
            assert_wrong(&format!("1{extension}\r\nx\r\n0\r\n\r\n"), AnswerError::ChunkSize);
        }
    }

    #[test]
    fn white_space_after_a_size_belongs_to_an_extension() {
        for space in [" ", "\t", "   "] {
            assert_wrong(&format!("1{space}\r\nx\r\n0\r\n\r\n"), AnswerError::ChunkSize);
            assert_body(&format!("1{space};a\r\nx\r\n0\r\n\r\n"), "x", "");
        }
    }

    #[test]
    fn each_line_of_the_trailers_ends_in_cr_and_lf() {
        for trailers in ["\n", "A: 1\n\n", "A: 1\r\n\n", "A: 1\n\r\n", "A: 1\r\nB: 2\n\r\n"] {
            let text = format!("1\r\nx\r\n0\r\n{trailers}");
            assert_wrong(&text, AnswerError::Head(httparse::Error::NewLine));
        }
    }

    #[test]
    fn trailers_are_not_folded_and_have_no_space_before_the_colon() {
        for trailers in ["A: 1\r\n 2\r\n\r\n", " A: 1\r\n\r\n", "A : 1\r\n\r\n", ": 1\r\n\r\n"] {
            let text = format!("0\r\n{trailers}");
            assert_wrong(&text, AnswerError::Head(httparse::Error::HeaderName));
        }
        let text = "0\r\nA: 1\r2\r\n\r\n";
        assert!(matches!(in_pieces(text.as_bytes(), 1), Err(AnswerError::Head(_))));
    }

    #[test]
    fn what_has_no_end_is_not_over() {
        for text in
            ["", "1", "1\r", "1\r\n", "1\r\nx", "1\r\nx\r\n0\r\n", "0\r\nA: 1\r\n", "0\r\n\r"]
        {
            assert_taken(text, &Ok(None));
        }
    }

    #[test]
    fn a_size_is_a_hexadecimal_number() {
        for text in [
            "\r\n", "xyz\r\n", "-1\r\n", "+1\r\n", " 1\r\n", "0x1\r\n", "1 1\r\n", ";a\r\n", "1\n",
            "1\rx",
        ] {
            assert_wrong(text, AnswerError::ChunkSize);
        }
        assert_wrong("fffffffffffffffff\r\n", AnswerError::ChunkSize);
        assert_wrong("1;a\nb\r\nx\r\n0\r\n\r\n", AnswerError::ChunkSize);
    }

    #[test]
    fn a_chunk_ends_where_its_size_says() {
        assert_wrong("3\r\nabcd\r\n0\r\n\r\n", AnswerError::ChunkEnd);
        assert_wrong("3\r\nab\r\n0\r\n\r\n", AnswerError::ChunkEnd);
        assert_wrong("1\r\nx\n0\r\n\r\n", AnswerError::ChunkEnd);
        assert_wrong("1\r\nx\rx", AnswerError::ChunkEnd);
    }

    #[test]
    fn lines_and_trailers_are_limited() {
        let long = "a".repeat(MAX_LINE);
        let text = format!("1;{long}\r\nx\r\n");
        assert_eq!(in_pieces(text.as_bytes(), 4096), Err(AnswerError::ChunkSize));
        assert_eq!(in_pieces(text.as_bytes(), 10), Err(AnswerError::ChunkSize));
        let some = format!("1;{}\r\nx\r\n", "a".repeat(1000));
        assert_eq!(in_pieces(some.repeat(16).as_bytes(), 4096), Ok(None));
        assert_eq!(in_pieces(some.repeat(17).as_bytes(), 4096), Err(AnswerError::ChunkSize));
        let trailers = format!("0\r\nA: {}\r\n\r\n", "1".repeat(MAX_TRAILERS));
        assert_eq!(in_pieces(trailers.as_bytes(), 4096), Err(AnswerError::HeadTooLarge));
        assert_eq!(in_pieces(trailers.as_bytes(), 1 << 20), Err(AnswerError::HeadTooLarge));
    }

    #[test]
    fn a_trailer_is_a_field() {
        assert_wrong("0\r\nA 1\r\n\r\n", AnswerError::Head(httparse::Error::HeaderName));
    }
}
