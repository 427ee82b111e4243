//! The commands of Redis that a directory knows.

use sts_secret::Secret;
use sts_store::Millis;
use sts_store::resp::{Limits, Reader, Reply};

use crate::Problem;

/// Words of a command at most.
const WORDS: usize = 8;

pub(crate) enum Command {
    /// `GET`.
    Get { name: String },
    /// `PTTL`.
    Left { name: String },
    /// `PEXPIRE`, with `GT`.
    Expire { name: String, life: Millis, only_longer: bool },
    /// `SET`, with `PX`, `NX` or `XX`, and `GET`.
    Set { name: String, value: Secret, life: Option<Millis>, condition: Condition, tells: bool },
}

/// When something is set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    None,
    /// `NX`.
    Missing,
    /// `XX`.
    There,
}

impl Command {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Get { name }
            | Self::Left { name }
            | Self::Expire { name, .. }
            | Self::Set { name, .. } => name,
        }
    }

    fn of(words: Vec<Secret>) -> Option<Self> {
        let mut words = words.into_iter();
        let verb = text(&words.next()?)?;
        let name = text(&words.next()?)?;
        let command = match &*verb {
            "GET" => Self::Get { name },
            "PTTL" => Self::Left { name },
            "PEXPIRE" => {
                let life = text(&words.next()?)?.parse().ok()?;
                let condition = words.next();
                let only_longer = condition.is_some();
                if condition.is_some_and(|word| word.expose() != b"GT") {
                    return None;
                }
                Self::Expire { name, life, only_longer }
            }
            "SET" => {
                let value = words.next()?;
                let (mut life, mut condition, mut tells) = (None, Condition::None, false);
                while let Some(word) = words.next() {
                    match &*text(&word)? {
                        "PX" => life = Some(text(&words.next()?)?.parse().ok()?),
                        "NX" => condition = Condition::Missing,
                        "XX" => condition = Condition::There,
                        "GET" => tells = true,
                        _ => return None,
                    }
                }
                Self::Set { name, value, life, condition, tells }
            }
            _ => return None,
        };
        words.next().is_none().then_some(command)
    }
}

fn text(word: &Secret) -> Option<String> {
    str::from_utf8(word.expose()).ok().map(str::to_owned)
}

/// Reads commands as they would go to a server.
pub(crate) fn read(commands: &Secret, largest: usize) -> Result<Vec<Command>, Problem> {
    let mut reader = Reader::new(Limits { bulk: largest, elements: WORDS });
    let mut rest = commands.expose();
    let mut read = Vec::new();
    while !rest.is_empty() {
        let (reply, after) = reader.take(rest).map_err(|_| Problem::Command)?;
        rest = after;
        let Some(Reply::Array(Some(words))) = reply else { return Err(Problem::Command) };
        let words = words.into_iter().map(|word| match word {
            Reply::Bulk(word) => word,
            _ => None,
        });
        let words = words.collect::<Option<_>>().ok_or(Problem::Command)?;
        read.push(Command::of(words).ok_or(Problem::Command)?);
    }
    Ok(read)
}
