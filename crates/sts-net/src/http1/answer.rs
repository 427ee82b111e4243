//! What comes back.

use std::mem;

use http::{HeaderMap, StatusCode};
use memchr::memchr;
use zeroize::Zeroizing;

use crate::http1::body::Body;
use crate::http1::chunks::Chunks;
use crate::http1::framing::Framing;
use crate::http1::head::Head;

/// What the answer is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A request that has an answer with a body.
    Answer,
    /// A request for a tunnel. All that is read is the head: after a success come the bytes of somebody
    /// else, and after a refusal nothing of interest.
    Tunnel,
}

/// How large an answer may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Its head, together with those of the interim answers before it.
    pub head: usize,
    /// Its body, without what the coding adds.
    pub body: usize,
}

/// An answer, whole.
pub struct Answer {
    /// The status code; never one of an interim answer.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, wiped when it is dropped.
    pub body: Zeroizing<Vec<u8>>,
    /// Whether the other side means to keep the connection, and knows where the answer ends.
    pub keeps_connection: bool,
    /// Something came after it.
    pub has_more: bool,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Between two chunks there is something else than the end of a line.
    #[error("a chunk is longer or shorter than it says")]
    ChunkEnd,
    /// The line before a chunk has no size in it, or is too long.
    #[error("a chunk has no valid size")]
    ChunkSize,
    /// A transfer coding that was not asked for, or that this version of HTTP does not have.
    #[error("its transfer coding is unknown")]
    Coding,
    /// The connection ended before the answer did.
    #[error("the connection ended before the answer did")]
    CutOff,
    /// A line of the head, or of the trailers, is none.
    #[error("{0}")]
    Head(httparse::Error),
    /// The head, or the trailers.
    #[error("its head is too large")]
    HeadTooLarge,
    /// The length is no number, or there is more than one.
    #[error("its length is not clear")]
    Length,
    /// The body has more than this many bytes.
    #[error("its body is larger than {0} bytes")]
    TooLarge(usize),
    /// Status 101.
    #[error("it switches to a protocol that nobody asked for")]
    Upgrade,
}

/// Reads one answer, in the pieces that arrive.
pub struct Reader {
    asked: Asked,
    limits: Limits,
    /// Bytes of the interim answers that were passed over.
    passed: usize,
    /// What has arrived of a head that is not whole.
    pending: Vec<u8>,
    /// What follows the head.
    rest: Option<Rest>,
}

struct Rest {
    head: Head,
    body: Body,
    end: End,
}

/// What is still to come.
enum End {
    Chunked(Chunks),
    Length(u64),
    UntilClose,
}

impl Reader {
    /// For an answer of which nothing has arrived yet.
    pub fn new(asked: Asked, limits: Limits) -> Self {
        Self { asked, limits, passed: 0, pending: Vec::new(), rest: None }
    }

    /// Takes what has arrived. Returns the answer as soon as it is whole; that is the end of it.
    ///
    /// # Errors
    /// It breaks the rules, or a limit.
    pub fn take(&mut self, arrived: &[u8]) -> Result<Option<Answer>, AnswerError> {
        if self.rest.is_some() {
            return self.take_body(arrived);
        }
        if self.pending.is_empty() {
            return self.take_heads(arrived);
        }
        // A head that comes byte by byte is read again with each line only.
        self.pending.extend_from_slice(arrived);
        if self.pending.len() <= self.limits.head && memchr(b'\n', arrived).is_none() {
            return Ok(None);
        }
        let pending = mem::take(&mut self.pending);
        self.take_heads(&pending)
    }

    /// The connection has ended.
    ///
    /// # Errors
    /// The answer has not.
    pub fn end(self) -> Result<Answer, AnswerError> {
        match self.rest {
            Some(Rest { head, body, end: End::UntilClose }) => {
                Ok(Answer { keeps_connection: false, ..answer(head, body, false) })
            }
            _ => Err(AnswerError::CutOff),
        }
    }

    fn take_heads(&mut self, mut bytes: &[u8]) -> Result<Option<Answer>, AnswerError> {
        loop {
            let Some((head, length)) = Head::parse(bytes)? else {
                if self.passed + bytes.len() > self.limits.head {
                    return Err(AnswerError::HeadTooLarge);
                }
                self.pending = bytes.to_vec();
                return Ok(None);
            };
            self.passed += length;
            if self.passed > self.limits.head {
                return Err(AnswerError::HeadTooLarge);
            }
            bytes = bytes.get(length..).unwrap_or_default();
            if head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Err(AnswerError::Upgrade);
            }
            if !head.status.is_informational() {
                let framing = Framing::of(&head, self.asked)?;
                self.rest = Some(Rest::new(head, framing, self.limits.body)?);
                return self.take_body(bytes);
            }
        }
    }

    fn take_body(&mut self, bytes: &[u8]) -> Result<Option<Answer>, AnswerError> {
        let Some(rest) = &mut self.rest else { return Ok(None) };
        let Some(more) = rest.take(bytes)? else { return Ok(None) };
        let has_more = !more.is_empty();
        let whole = self.rest.take();
        Ok(whole.map(|Rest { head, body, .. }| answer(head, body, has_more)))
    }
}

impl Rest {
    fn new(head: Head, framing: Framing, limit: usize) -> Result<Self, AnswerError> {
        let (end, length) = match framing {
            Framing::Chunked => (End::Chunked(Chunks::default()), None),
            Framing::Length(length) => (End::Length(length), Some(length)),
            Framing::None => (End::Length(0), Some(0)),
            Framing::UntilClose => (End::UntilClose, None),
        };
        Ok(Self { head, body: Body::new(length, limit)?, end })
    }

    /// Takes what has arrived. Once the answer is whole, returns what comes after it.
    fn take<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<&'b [u8]>, AnswerError> {
        match &mut self.end {
            End::Chunked(chunks) => chunks.take(bytes, &mut self.body),
            End::Length(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                let (data, more) = bytes.split_at(length);
                self.body.push(data)?;
                *left -= length as u64;
                Ok((*left == 0).then_some(more))
            }
            End::UntilClose => {
                self.body.push(bytes)?;
                Ok(None)
            }
        }
    }
}

fn answer(head: Head, body: Body, has_more: bool) -> Answer {
    let keeps_connection = head.keeps_connection();
    let Head { status, headers, .. } = head;
    Answer { status, headers, body: body.into_bytes(), keeps_connection, has_more }
}

#[cfg(test)]
mod tests;
