//! As many replies as were asked for, from one connection.

use std::mem;

use sts_net::message::ReadMessage;

use crate::cluster::Redirection;
use crate::language::Language;
use crate::memcached;
use crate::resp::{self, ReadError};

/// Bytes that a value has more in a store than its token.
const AROUND: usize = 4096;

/// Replies within a reply: a Cluster has some for each of its nodes. How large all of them are together has
/// a limit of its own.
const ELEMENTS: usize = 1 << 14;

/// Replies, in the order of the commands.
pub enum Answer {
    /// Of Redis.
    Redis(Vec<resp::Reply>),
    /// Of memcached.
    Memcached(Vec<memcached::Reply>),
}

impl Answer {
    /// Whether a reply is an error, and not only the name of another node.
    pub fn has_error(&self) -> bool {
        match self {
            Self::Redis(replies) => replies.iter().any(|reply| match reply {
                resp::Reply::Error(text) => Redirection::read(text).is_none(),
                _ => false,
            }),
            Self::Memcached(replies) => {
                replies.iter().any(|reply| matches!(reply, memcached::Reply::Error(_)))
            }
        }
    }
}

/// Reads so many replies. An error is final.
pub struct Replies {
    wanted: usize,
    /// Bytes that may still come.
    room: usize,
    reader: Reader,
}

enum Reader {
    Redis(resp::Reader, Vec<resp::Reply>),
    Memcached(memcached::Reader, Vec<memcached::Reply>),
}

impl Replies {
    /// For `wanted` replies, at least one, none of which has more than so many bytes of a token.
    pub fn new(language: Language, wanted: usize, token: usize) -> Self {
        let value = token.saturating_add(AROUND);
        let reader = match language {
            Language::Redis => {
                let limits = resp::Limits { bulk: value, elements: ELEMENTS };
                Reader::Redis(resp::Reader::new(limits), Vec::new())
            }
            Language::Memcached => Reader::Memcached(memcached::Reader::new(value), Vec::new()),
        };
        Self { wanted, room: wanted.saturating_mul(value.saturating_add(AROUND)), reader }
    }
}

impl ReadMessage for Replies {
    type Message = Answer;
    type Error = ReadError;

    fn take(&mut self, arrived: &[u8]) -> Result<Option<Answer>, ReadError> {
        self.room = self.room.checked_sub(arrived.len()).ok_or(ReadError::TooLarge)?;
        let mut rest = arrived;
        let count = loop {
            let (count, left) = match &mut self.reader {
                Reader::Redis(reader, replies) => {
                    let (reply, left) = reader.take(rest)?;
                    replies.extend(reply);
                    (replies.len(), left)
                }
                Reader::Memcached(reader, replies) => {
                    let (reply, left) = reader.take(rest)?;
                    replies.extend(reply);
                    (replies.len(), left)
                }
            };
            rest = left;
            if count >= self.wanted || rest.is_empty() {
                break count;
            }
        };
        if count < self.wanted {
            return Ok(None);
        }
        // The next question would get the rest for its answer.
        if !rest.is_empty() {
            return Err(ReadError::TooMuch);
        }
        Ok(Some(match &mut self.reader {
            Reader::Redis(_, replies) => Answer::Redis(mem::take(replies)),
            Reader::Memcached(_, replies) => Answer::Memcached(mem::take(replies)),
        }))
    }

    fn end(self) -> Result<Answer, ReadError> {
        Err(ReadError::CutOff)
    }
}
