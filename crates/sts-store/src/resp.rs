//! RESP2, the protocol of Redis and Valkey: commands out, replies in.
//!
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>

use std::mem;

use sts_secret::Secret;
use thiserror::Error;

/// Appends a command: an array of bulk strings, which may hold any bytes.
pub fn command(out: &mut Secret, words: &[&[u8]]) {
    out.reserve(words.iter().map(|word| HEAD + word.len() + CRLF.len()).sum::<usize>() + HEAD);
    let head = |mark: u8, number: usize, out: &mut Secret| {
        out.append(&[mark]);
        out.append(number.to_string().as_bytes());
        out.append(CRLF);
    };
    head(b'*', words.len(), out);
    for word in words {
        head(b'$', word.len(), out);
        out.append(word);
        out.append(CRLF);
    }
}

/// Bytes before a word, at most: a mark, a number, and the end of the line.
const HEAD: usize = 1 + 20 + 2;

/// What a server replies.
#[derive(PartialEq, Eq)]
#[cfg_attr(test, derive(Clone))]
pub enum Reply {
    /// `+OK`.
    Simple(String),
    /// `-ERR …`: a word in capitals, and what it means.
    Error(String),
    /// `:1`.
    Integer(i64),
    /// A text of any bytes, or nothing.
    Bulk(Option<Secret>),
    /// Several replies, or nothing.
    Array(Option<Vec<Self>>),
}

/// How much a reply may have.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one bulk string.
    pub bulk: usize,
    /// Replies within a reply, in all.
    pub elements: usize,
}

/// Arrays within arrays.
pub const DEPTH: usize = 4;

/// Bytes of a line: an error, or the redirection of a cluster.
pub const LINE: usize = 1024;

/// Why what arrived is no reply.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ReadError {
    /// A reply begins with a mark that RESP2 does not have.
    #[error("a reply begins with a byte that this protocol does not have")]
    Mark,
    /// A line is too long, or is no text.
    #[error("a line is too long, or no text")]
    Line,
    /// A number is none, or has an impossible value.
    #[error("a length is no number")]
    Number,
    /// A text does not end where it says.
    #[error("a value is longer or shorter than it says")]
    End,
    /// It is larger than the limits allow.
    #[error("a reply is too large")]
    TooLarge,
    /// More has come than was asked for, or an earlier error was not the end.
    #[error("more has come than was asked for")]
    TooMuch,
    /// The connection ended before the reply did.
    #[error("the connection ended before the reply did")]
    CutOff,
}

/// Reads replies, in the pieces that arrive. An error is final.
pub struct Reader {
    limits: Limits,
    stage: Stage,
    /// Arrays that are not whole: what is missing, and what is there.
    open: Vec<(usize, Vec<Reply>)>,
    /// Replies begun within the one that is read.
    elements: usize,
}

enum Stage {
    Line(Vec<u8>),
    /// A text, with the two bytes behind it.
    Bulk {
        length: usize,
        text: Secret,
        end: usize,
    },
    Failed,
}

impl Reader {
    /// Nothing has arrived yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, stage: Stage::Line(Vec::new()), open: Vec::new(), elements: 0 }
    }

    /// Takes of what has arrived as much as belongs to one reply. Returns the reply once it is whole,
    /// and what is left.
    ///
    /// # Errors
    /// It breaks the rules of the protocol, or a limit.
    pub fn take<'a>(&mut self, arrived: &'a [u8]) -> Result<(Option<Reply>, &'a [u8]), ReadError> {
        let taken = self.advance(arrived);
        if taken.is_err() {
            self.stage = Stage::Failed;
            self.open.clear();
        }
        taken
    }

    /// Whether it is between two replies.
    pub fn is_between(&self) -> bool {
        matches!(&self.stage, Stage::Line(line) if line.is_empty()) && self.open.is_empty()
    }

    fn advance<'a>(
        &mut self,
        mut arrived: &'a [u8],
    ) -> Result<(Option<Reply>, &'a [u8]), ReadError> {
        while let Some((&byte, rest)) = arrived.split_first() {
            let reply = match &mut self.stage {
                Stage::Line(line) => {
                    arrived = rest;
                    line.push(byte);
                    if !line.ends_with(CRLF) {
                        // A bare CR or LF is none of a line.
                        let is_broken = byte == b'\n'
                            || line.len() >= LINE
                            || line.iter().rev().nth(1) == Some(&b'\r');
                        if is_broken {
                            return Err(ReadError::Line);
                        }
                        continue;
                    }
                    let line = mem::take(line);
                    self.line(line.strip_suffix(CRLF).unwrap_or_default())?
                }
                Stage::Bulk { length, text, end } => {
                    let missing = *length - text.len();
                    if missing > 0 {
                        let (part, rest) = arrived.split_at(missing.min(arrived.len()));
                        text.append(part);
                        arrived = rest;
                        continue;
                    }
                    arrived = rest;
                    if CRLF.get(*end) != Some(&byte) {
                        return Err(ReadError::End);
                    }
                    *end += 1;
                    if *end < CRLF.len() {
                        continue;
                    }
                    let text = mem::take(text);
                    self.stage = Stage::Line(Vec::new());
                    Some(Reply::Bulk(Some(text)))
                }
                Stage::Failed => return Err(ReadError::TooMuch),
            };
            if let Some(reply) = reply.and_then(|reply| self.close(reply)) {
                self.elements = 0;
                return Ok((Some(reply), arrived));
            }
        }
        match self.stage {
            Stage::Failed => Err(ReadError::TooMuch),
            _ => Ok((None, arrived)),
        }
    }

    /// A line without its end: a whole reply, or the beginning of one.
    fn line(&mut self, line: &[u8]) -> Result<Option<Reply>, ReadError> {
        let (mark, rest) = line.split_first().ok_or(ReadError::Mark)?;
        self.elements += 1;
        if self.elements > self.limits.elements.saturating_add(1) {
            return Err(ReadError::TooLarge);
        }
        let text = || match str::from_utf8(rest) {
            Ok(text) if !text.chars().any(char::is_control) => Ok(text.to_owned()),
            _ => Err(ReadError::Line),
        };
        Ok(Some(match mark {
            b'+' => Reply::Simple(text()?),
            b'-' => Reply::Error(text()?),
            b':' => Reply::Integer(number(rest)?),
            b'$' => match length(rest)? {
                None => Reply::Bulk(None),
                Some(length) if length > self.limits.bulk => return Err(ReadError::TooLarge),
                Some(length) => {
                    let text = Secret::with_capacity(length);
                    self.stage = Stage::Bulk { length, text, end: 0 };
                    return Ok(None);
                }
            },
            b'*' => match length(rest)? {
                None => Reply::Array(None),
                Some(0) => Reply::Array(Some(Vec::new())),
                Some(length) => {
                    if length > self.limits.elements || self.open.len() >= DEPTH {
                        return Err(ReadError::TooLarge);
                    }
                    // Room is made for what comes, and not for what is announced.
                    self.open.push((length, Vec::new()));
                    return Ok(None);
                }
            },
            _ => return Err(ReadError::Mark),
        }))
    }

    /// Puts a whole reply into the array that it belongs to. Returns what is whole by that.
    fn close(&mut self, mut reply: Reply) -> Option<Reply> {
        while let Some((missing, replies)) = self.open.last_mut() {
            replies.push(reply);
            *missing -= 1;
            if *missing > 0 {
                return None;
            }
            let (_, replies) = self.open.pop()?;
            reply = Reply::Array(Some(replies));
        }
        Some(reply)
    }
}

const CRLF: &[u8] = b"\r\n";

/// A number as this protocol writes it.
fn number(digits: &[u8]) -> Result<i64, ReadError> {
    let (is_negative, digits) = match digits.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(ReadError::Number);
    }
    let text = str::from_utf8(digits).map_err(|_| ReadError::Number)?;
    let text = if is_negative { format!("-{text}") } else { text.to_owned() };
    text.parse().map_err(|_| ReadError::Number)
}

/// A length; `None` is that of nothing.
fn length(digits: &[u8]) -> Result<Option<usize>, ReadError> {
    match number(digits)? {
        -1 => Ok(None),
        length => usize::try_from(length).map(Some).map_err(|_| ReadError::Number),
    }
}

#[cfg(test)]
mod tests;
