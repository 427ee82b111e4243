//! A directory that answers as a store does: the commands of Redis that are said to one
//! ([`sts_store::language`]) are done on files, each by itself in one step for all processes.
//!
//! It blocks, so the caller chooses the thread. Where it may not wait at all, it does not wait for the
//! lock of another process either.
//!
//! | module | what it is |
//! |---|---|
//! | [`clock`] | what is left of the life of a file, whatever becomes of the clocks |
//! | [`clean`] | files that are over go, some at a time |
//! | `command` | the commands |
//! | `entry` | what is in a file |
//! | `shard` | reading, writing in one step, and the lock |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod clean;
pub mod clock;
mod command;
mod entry;
mod shard;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use sts_secret::Secret;
use sts_store::resp::Reply;
use thiserror::Error;

use crate::clock::Now;
use crate::command::{Command, Condition};
use crate::entry::{Entry, State};
use crate::shard::Shard;

/// Bytes that a value has more in a file than its token.
const AROUND: usize = 4096;

/// A directory of files.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
    waits: bool,
    /// Bytes of a value at most.
    largest: usize,
}

/// Why a directory is of no use.
#[derive(Debug, Error)]
pub enum Problem {
    /// It has no such command.
    #[error("it does not know the command")]
    Command,
    /// Another process has the lock for longer than is waited.
    #[error("another process has it locked")]
    Locked,
    /// A file cannot be locked.
    #[error("a file cannot be locked: {0}")]
    Lock(io::Error),
    /// A file cannot be read.
    #[error("a file cannot be read: {0}")]
    Read(io::Error),
    /// A file cannot be written.
    #[error("a file cannot be written: {0}")]
    Write(io::Error),
}

impl Directory {
    /// The directory of this path. `waits`: for the lock of another process, half a second at most. No
    /// token has more than `token` bytes.
    pub fn new(path: PathBuf, waits: bool, token: usize) -> Self {
        Self { path, waits, largest: token.saturating_add(AROUND) }
    }

    /// Does commands of RESP, one after the other, and replies to each.
    ///
    /// # Errors
    /// One of them cannot be done; those before it are.
    pub fn answer(&self, commands: &Secret, now: &Now) -> Result<Vec<Reply>, Problem> {
        let commands = command::read(commands, self.largest)?;
        let mut replies = Vec::with_capacity(commands.len());
        // What was read last: its end belongs to the very value that was replied.
        let mut last: Option<(String, State)> = None;
        for command in commands {
            let name = command.name();
            let shard = Shard::of(&self.path, name)?;
            let state = match (&command, last.take()) {
                (Command::Left { name }, Some((of, state))) if of == *name => state,
                _ => shard.read(name, self.largest, now)?,
            };
            let (reply, state) = self.run(&command, &shard, state, now)?;
            last = Some((name.to_owned(), state));
            replies.push(reply);
        }
        Ok(replies)
    }

    /// Does one command, where this lay there a moment ago. Returns the reply, and what was there when it was
    /// done.
    fn run(
        &self,
        command: &Command,
        shard: &Shard,
        state: State,
        now: &Now,
    ) -> Result<(Reply, State), Problem> {
        match command {
            Command::Get { .. } => Ok((Reply::Bulk(state.value(false)), state)),
            Command::Left { .. } => Ok((Reply::Integer(state.left()), state)),
            Command::Set { name, value, life, condition, tells } => {
                // What asks for a token learns that there is one that it cannot read; what puts one replaces it.
                let is_look = life.is_some() && *tells;
                let may = |state: &State| match condition {
                    Condition::None => true,
                    Condition::Missing => !state.is_there(is_look),
                    Condition::There => state.is_there(is_look),
                };
                let reply = |state: &State, done| match (tells, done) {
                    (true, _) => Reply::Bulk(state.value(is_look)),
                    (false, true) => Reply::Simple("OK".into()),
                    (false, false) => Reply::Bulk(None),
                };
                let read = || shard.read(name, self.largest, now);
                let lock = if may(&state) {
                    shard.lock(self.waits, || read().map(|state| !may(&state)))?
                } else {
                    None
                };
                // As it is now: another process may have been faster.
                let state = if lock.is_some() || may(&state) { read()? } else { state };
                if lock.is_none() && may(&state) {
                    return Err(Problem::Locked);
                }
                let lock = lock.filter(|_| may(&state));
                if let Some(lock) = &lock {
                    // What is made where there was nothing may be lost: it is made anew.
                    let stays = life.is_none() && *condition != Condition::Missing;
                    lock.write(name, &Entry::new(*life, now, value), stays)?;
                }
                Ok((reply(&state, lock.is_some()), state))
            }
            Command::Expire { name, life, only_longer } => {
                let lock = shard.lock(self.waits, || Ok(false))?.ok_or(Problem::Locked)?;
                let state = shard.read(name, self.largest, now)?;
                let is_shorter =
                    |left: i64| left < 0 || i64::try_from(*life).is_ok_and(|life| life <= left);
                let value = state.value(true);
                let done = match value {
                    None => false,
                    Some(_) if *only_longer && is_shorter(state.left()) => false,
                    Some(_) if *life <= 1 => lock.remove(name).map(|()| true)?,
                    Some(value) => {
                        lock.write(name, &Entry::new(Some(*life), now, &value), false)?;
                        true
                    }
                };
                Ok((Reply::Integer(done.into()), state))
            }
        }
    }
}

/// Whether a directory, or the one in which it would be made, is memory: nothing waits for a disk there.
///
/// # Errors
/// That cannot be told.
pub fn is_memory(path: &Path) -> io::Result<bool> {
    let there = path.ancestors().find(|path| fs::symlink_metadata(path).is_ok());
    let there = there.ok_or(io::ErrorKind::NotFound)?;
    Ok(statfs(there)?.filesystem_type() == TMPFS_MAGIC)
}

#[cfg(test)]
mod tests;
