//! What comes back.

use std::mem;
use std::num::NonZeroU32;

use http::{HeaderMap, HeaderName, StatusCode};
use memchr::memchr;
use sts_secret::{Secret, wipe};

use crate::http1::body::Body;
use crate::http1::chunks::Chunks;
use crate::http1::framing::Framing;
use crate::http1::head::Head;

/// What the answer is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A request that has an answer with a body.
    Answer,
    /// A request for a tunnel. All that is read is the head: after a success come the bytes of the
    /// server behind the proxy, and after a refusal nothing of interest.
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
    /// The headers that are wanted.
    pub headers: HeaderMap,
    /// The body.
    pub body: Secret,
    /// Whether the other side means to keep the connection, and knows where the answer ends.
    pub keeps_connection: bool,
    /// For how many milliseconds the connection may stay unused, where the other side says so.
    pub idle: Option<NonZeroU32>,
    /// Something came after it.
    pub has_more: bool,
}

impl Answer {
    /// Whether the other side says that nothing of the request was processed, for a reason that lies
    /// in the connection: it is not for this server (421, RFC 9110, section 15.5.20), or it waited
    /// for too long (408, section 15.5.9) before the request was written. On a connection that was
    /// used before, a new one does better.
    pub fn is_about_the_connection(&self, was_written: bool) -> bool {
        match self.status {
            StatusCode::MISDIRECTED_REQUEST => true,
            StatusCode::REQUEST_TIMEOUT => !was_written,
            _ => false,
        }
    }
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
    /// The head, with those of interim answers, or the trailers.
    #[error("its head or its trailers are too large")]
    HeadTooLarge,
    /// The length is no number, or there is more than one.
    #[error("its length is not clear")]
    Length,
    /// It is a record of TLS.
    #[error("it is TLS, as an https:// URL has it")]
    Tls,
    /// The body has more than this many bytes.
    #[error("its body is larger than {0} bytes")]
    TooLarge(usize),
    /// Status 101.
    #[error("it switches to a protocol that was not asked for")]
    Upgrade,
}

/// Reads one answer, in the pieces that arrive.
pub struct Reader {
    asked: Asked,
    wanted: &'static [HeaderName],
    limits: Limits,
    stage: Stage,
}

enum Stage {
    Head {
        /// Bytes of the interim answers that were skipped.
        skipped: usize,
        /// What has arrived of a head that is not whole.
        pending: Vec<u8>,
    },
    /// Boxed: many readers wait for the first byte, and an answer that comes in one piece never gets here.
    Body(Box<Rest>),
    Over,
}

/// How much of what has arrived belongs to heads that are whole.
enum Taken {
    /// All of it, and behind the last head there may be an answer that is whole, too.
    Wholly(Option<Answer>),
    /// So many bytes, of interim answers; the rest is a part of a head.
    Partly { skipped: usize, length: usize },
}

impl Taken {
    fn answer(self) -> Option<Answer> {
        match self {
            Self::Wholly(answer) => answer,
            Self::Partly { .. } => None,
        }
    }
}

/// What follows the head.
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
    /// For an answer of which nothing has arrived yet, and of whose headers these are wanted.
    pub fn new(asked: Asked, wanted: &'static [HeaderName], limits: Limits) -> Self {
        let stage = Stage::Head { skipped: 0, pending: Vec::new() };
        Self { asked, wanted, limits, stage }
    }

    /// Takes what has arrived. Returns the answer as soon as it is whole; that is the end of it.
    ///
    /// # Errors
    /// It breaks the rules, or a limit.
    pub fn take(&mut self, arrived: &[u8]) -> Result<Option<Answer>, AnswerError> {
        match &mut self.stage {
            Stage::Body(_) => self.take_body(arrived),
            Stage::Head { skipped, pending } if pending.is_empty() => {
                let skipped = *skipped;
                let taken = self.take_heads(skipped, arrived)?;
                if let Taken::Partly { skipped, length } = taken {
                    let pending = arrived.get(length..).unwrap_or_default().to_vec();
                    self.stage = Stage::Head { skipped, pending };
                }
                Ok(taken.answer())
            }
            Stage::Head { skipped, pending } => {
                // A head that comes byte by byte is read again with each line only.
                pending.extend_from_slice(arrived);
                let is_small = pending.len() <= self.limits.head;
                if is_small && memchr(b'\n', arrived).is_none() {
                    return Ok(None);
                }
                let (skipped, mut pending) = (*skipped, mem::take(pending));
                let taken = self.take_heads(skipped, &pending);
                if let Ok(Taken::Partly { skipped, length }) = taken {
                    pending.drain(..length);
                    self.stage = Stage::Head { skipped, pending };
                } else {
                    // The beginning of the body has come with it.
                    wipe(&mut pending);
                }
                taken.map(Taken::answer)
            }
            Stage::Over => Err(AnswerError::CutOff),
        }
    }

    /// The connection has ended.
    ///
    /// # Errors
    /// The answer has not.
    pub fn end(self) -> Result<Answer, AnswerError> {
        match self.stage {
            Stage::Body(rest) if matches!(rest.end, End::UntilClose) => {
                Ok(Answer { keeps_connection: false, ..rest.into_answer(false) })
            }
            _ => Err(AnswerError::CutOff),
        }
    }

    /// Takes all heads that are whole, and what follows the last of them.
    fn take_heads(&mut self, mut skipped: usize, bytes: &[u8]) -> Result<Taken, AnswerError> {
        let mut taken = 0;
        loop {
            let rest = bytes.get(taken..).unwrap_or_default();
            let Some((head, length)) = Head::parse(rest, self.asked, self.wanted)? else {
                if skipped + rest.len() > self.limits.head {
                    return Err(AnswerError::HeadTooLarge);
                }
                return Ok(Taken::Partly { skipped, length: taken });
            };
            skipped += length;
            taken += length;
            if skipped > self.limits.head {
                return Err(AnswerError::HeadTooLarge);
            }
            if head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Err(AnswerError::Upgrade);
            }
            if !head.status.is_informational() {
                self.stage = Stage::Over;
                let mut rest = Rest::new(head, self.limits.body)?;
                let more = rest.take(bytes.get(taken..).unwrap_or_default())?;
                let Some(more) = more else {
                    self.stage = Stage::Body(Box::new(rest));
                    return Ok(Taken::Wholly(None));
                };
                return Ok(Taken::Wholly(Some(rest.into_answer(!more.is_empty()))));
            }
        }
    }

    fn take_body(&mut self, bytes: &[u8]) -> Result<Option<Answer>, AnswerError> {
        let Stage::Body(rest) = &mut self.stage else { return Err(AnswerError::CutOff) };
        let Some(more) = rest.take(bytes)? else { return Ok(None) };
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Body(rest) => Ok(Some(rest.into_answer(!more.is_empty()))),
            Stage::Head { .. } | Stage::Over => Err(AnswerError::CutOff),
        }
    }
}

impl Rest {
    fn new(head: Head, limit: usize) -> Result<Self, AnswerError> {
        let (end, length) = match head.framing {
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

    fn into_answer(self, has_more: bool) -> Answer {
        let Head { status, headers, keeps_connection, idle, .. } = self.head;
        Answer { status, headers, body: self.body.into_bytes(), keeps_connection, idle, has_more }
    }
}

#[cfg(test)]
mod tests;
