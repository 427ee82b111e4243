//! The meta protocol of memcached (1.6 and newer): commands out, replies in.
//!
//! <https://github.com/memcached/memcached/blob/master/doc/protocol.txt>, "Meta Commands"

use std::mem;

use sts_secret::Secret;

use crate::resp::ReadError;

/// Bytes of a key.
pub const KEY: usize = 250;

/// Bytes of a line.
const LINE: usize = 1024;

/// Appends a command without data. Key and flags hold neither blanks nor control characters.
pub fn command(out: &mut Secret, verb: &str, key: &str, flags: &[&str]) {
    head(out, verb, key, None, flags);
}

/// Appends a command with data, which may hold any bytes.
pub fn command_with(out: &mut Secret, verb: &str, key: &str, flags: &[&str], data: &[u8]) {
    head(out, verb, key, Some(data.len()), flags);
    out.reserve(data.len() + CRLF.len());
    out.append(data);
    out.append(CRLF);
}

fn head(out: &mut Secret, verb: &str, key: &str, length: Option<usize>, flags: &[&str]) {
    debug_assert!(key.bytes().all(|byte| byte.is_ascii_graphic()) && key.len() <= KEY, "{key}");
    let length = length.map(|length| length.to_string());
    let words = [verb, key].into_iter().chain(length.as_deref()).chain(flags.iter().copied());
    let line = words.collect::<Vec<_>>().join(" ");
    out.reserve(line.len() + CRLF.len());
    out.append(line.as_bytes());
    out.append(CRLF);
}

/// What a server replies.
#[derive(PartialEq, Eq)]
#[cfg_attr(test, derive(Clone))]
pub enum Reply {
    /// `HD`: done.
    Done(Flags),
    /// `VA`: a value.
    Value(Secret, Flags),
    /// `EN`, and `NF` of what was to be changed: there is none.
    Missing,
    /// `NS`: not stored.
    NotStored,
    /// `EX`: it was changed meanwhile.
    Changed,
    /// `ERROR`, `CLIENT_ERROR …`, `SERVER_ERROR …`.
    Error(String),
}

/// What a reply says of an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `t`: seconds that it has left; -1 for one that does not end.
    pub left: Option<i64>,
    /// `c`: its number, which changes with it.
    pub number: Option<u64>,
    /// `W`: this client has to make it.
    pub won: bool,
    /// `Z`: another client has to make it.
    pub sent: bool,
}

/// Reads replies, in the pieces that arrive. An error is final.
pub struct Reader {
    /// Bytes of a value.
    limit: usize,
    stage: Stage,
}

enum Stage {
    Line(Vec<u8>),
    /// A value, with the two bytes behind it.
    Value {
        length: usize,
        value: Secret,
        flags: Flags,
        end: usize,
    },
    Failed,
}

impl Reader {
    /// Nothing has arrived yet, and a value has at most so many bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, stage: Stage::Line(Vec::new()) }
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
        }
        taken
    }

    /// Whether it is between two replies.
    pub fn is_between(&self) -> bool {
        matches!(&self.stage, Stage::Line(line) if line.is_empty())
    }

    fn advance<'a>(
        &mut self,
        mut arrived: &'a [u8],
    ) -> Result<(Option<Reply>, &'a [u8]), ReadError> {
        while let Some((&byte, rest)) = arrived.split_first() {
            match &mut self.stage {
                Stage::Line(line) => {
                    arrived = rest;
                    line.push(byte);
                    if line.ends_with(CRLF) {
                        let line = mem::take(line);
                        let reply = self.line(line.strip_suffix(CRLF).unwrap_or_default())?;
                        if reply.is_some() {
                            return Ok((reply, arrived));
                        }
                    } else if byte == b'\n'
                        || line.len() >= LINE
                        || line.iter().rev().nth(1) == Some(&b'\r')
                    {
                        return Err(ReadError::Line);
                    }
                }
                Stage::Value { length, value, flags, end } => {
                    let missing = *length - value.len();
                    if missing > 0 {
                        let (part, rest) = arrived.split_at(missing.min(arrived.len()));
                        value.append(part);
                        arrived = rest;
                        continue;
                    }
                    arrived = rest;
                    if CRLF.get(*end) != Some(&byte) {
                        return Err(ReadError::End);
                    }
                    *end += 1;
                    if *end == CRLF.len() {
                        let reply = Reply::Value(mem::take(value), *flags);
                        self.stage = Stage::Line(Vec::new());
                        return Ok((Some(reply), arrived));
                    }
                }
                Stage::Failed => return Err(ReadError::TooMuch),
            }
        }
        match self.stage {
            Stage::Failed => Err(ReadError::TooMuch),
            Stage::Line(_) | Stage::Value { .. } => Ok((None, arrived)),
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<Reply>, ReadError> {
        let text = str::from_utf8(line).map_err(|_| ReadError::Line)?;
        if text.chars().any(char::is_control) {
            return Err(ReadError::Line);
        }
        let mut words = text.split(' ');
        let reply = match words.next().unwrap_or_default() {
            "HD" => Reply::Done(flags(words)?),
            "VA" => {
                let length = number(words.next().unwrap_or_default())?;
                let length = usize::try_from(length).map_err(|_| ReadError::Number)?;
                if length > self.limit {
                    return Err(ReadError::TooLarge);
                }
                let value = Secret::with_capacity(length);
                self.stage = Stage::Value { length, value, flags: flags(words)?, end: 0 };
                return Ok(None);
            }
            "EN" | "NF" if words.next().is_none() => Reply::Missing,
            "NS" if words.next().is_none() => Reply::NotStored,
            "EX" if words.next().is_none() => Reply::Changed,
            "ERROR" | "CLIENT_ERROR" | "SERVER_ERROR" => Reply::Error(text.to_owned()),
            _ => return Err(ReadError::Mark),
        };
        Ok(Some(reply))
    }
}

/// The flags of a reply: those that are asked for, or come unasked.
fn flags<'t>(words: impl Iterator<Item = &'t str>) -> Result<Flags, ReadError> {
    let mut flags = Flags::default();
    // Debian's memcached ends a line with a blank before the flags that it adds.
    for word in words.filter(|word| !word.is_empty()) {
        let (letter, rest) = word.split_at_checked(1).ok_or(ReadError::Mark)?;
        match (letter, rest) {
            ("t", "-1") => flags.left = Some(-1),
            ("t", digits) => {
                let left = i64::try_from(number(digits)?).map_err(|_| ReadError::Number)?;
                flags.left = Some(left);
            }
            ("c", digits) => flags.number = Some(number(digits)?),
            ("W", "") => flags.won = true,
            ("Z", "") => flags.sent = true,
            _ => return Err(ReadError::Mark),
        }
    }
    Ok(flags)
}

const CRLF: &[u8] = b"\r\n";

fn number(digits: &str) -> Result<u64, ReadError> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ReadError::Number);
    }
    digits.parse().map_err(|_| ReadError::Number)
}

#[cfg(test)]
mod tests;
