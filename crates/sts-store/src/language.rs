//! What is asked of a store, in either protocol: each question is some commands in one go, and its answer
//! is read from as many replies.

mod memcache;
mod redis;
mod replies;

use sts_secret::Secret;
use thiserror::Error;

use crate::Millis;
use crate::cluster;
use crate::epoch::Epoch;
use crate::resp::ReadError;
use crate::seal::Place;
pub use replies::{Answer, Replies};

/// The protocol of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// RESP2: Redis 7 and newer, Valkey.
    Redis,
    /// The meta protocol of memcached 1.6 and newer.
    Memcached,
}

/// Commands, as they go out. A password may be in them, or a token.
#[derive(Default)]
pub struct Commands {
    bytes: Secret,
    parts: Vec<Part>,
}

/// One of them.
#[derive(Clone, Copy)]
struct Part {
    /// Where it ends.
    end: usize,
    /// The slot of the name that it is about, in a Cluster.
    slot: u16,
}

impl Commands {
    /// As they are written.
    pub fn into_secret(self) -> Secret {
        self.bytes
    }

    /// How many replies they have.
    pub fn count(&self) -> usize {
        self.parts.len()
    }

    /// The slot of the name in each command.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u16> {
        self.parts.iter().map(|part| part.slot)
    }

    /// Those of these numbers; each behind one that announces it, where its slot is on its way.
    pub(crate) fn some(&self, numbers: &[usize], asks: bool) -> Self {
        let mut some = Self::default();
        for number in numbers {
            let begin =
                number.checked_sub(1).map_or(Some(0), |before| Some(self.parts.get(before)?.end));
            let (Some(begin), Some(part)) = (begin, self.parts.get(*number)) else { continue };
            if asks {
                some.redis(&[b"ASKING"]);
            }
            let command = self.bytes.expose().get(begin..part.end).unwrap_or_default();
            some.bytes.reserve(command.len());
            some.bytes.append(command);
            some.end(part.slot);
        }
        some
    }

    /// One command of Redis.
    pub(crate) fn of_redis(words: &[&[u8]]) -> Self {
        let mut commands = Self::default();
        commands.redis(words);
        commands
    }

    pub(crate) fn redis(&mut self, words: &[&[u8]]) {
        crate::resp::command(&mut self.bytes, words);
        // The name is the first argument of all commands that have one.
        self.end(cluster::slot(words.get(1).copied().unwrap_or_default()));
    }

    fn memcached(&mut self, verb: &str, key: &str, flags: &[&str]) {
        crate::memcached::command(&mut self.bytes, verb, key, flags);
        self.end(0);
    }

    fn memcached_with(&mut self, verb: &str, key: &str, flags: &[&str], data: &[u8]) {
        crate::memcached::command_with(&mut self.bytes, verb, key, flags, data);
        self.end(0);
    }

    fn end(&mut self, slot: u16) {
        self.parts.push(Part { end: self.bytes.len(), slot });
    }
}

/// What a client says first on a connection to Redis.
#[derive(Default)]
pub struct Greeting {
    /// The user of the ACL; without one the default user.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// The number of the database.
    pub db: u32,
}

/// What tells the lease of a call from those of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lease {
    /// What lies in the place of the value.
    Text(String),
    /// The number that the item has.
    Number(u64),
}

/// What lies in the place of a value.
pub enum Entry {
    /// A value, and for how many milliseconds more the store keeps it.
    Value {
        /// As it lies there.
        sealed: Secret,
        /// What is left.
        left: Millis,
    },
    /// Nothing: this one has to call, and the others know it.
    Lead(Lease),
    /// Another node calls.
    Elsewhere,
}

/// What lies under an older passphrase.
pub struct Older {
    /// As it lies there.
    pub sealed: Secret,
    /// For how many milliseconds more.
    pub left: Millis,
    /// Its epochs, where all are there.
    pub epochs: Option<[Epoch; 3]>,
}

/// What lies in the place of a value for one that is to put another there.
pub enum There {
    /// Nothing, any more.
    Nothing,
    /// The lease of a call.
    Lease(Lease),
    /// A value, and the number of the item where it has one.
    Value(Secret, Option<u64>),
}

impl There {
    /// Whether it is this lease.
    pub fn is(&self, lease: &Lease) -> bool {
        matches!(self, Self::Lease(there) if there == lease)
    }
}

/// An epoch that is about to be changed: what it is, and the number of the item where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// What it is.
    pub epoch: Option<Epoch>,
    number: Option<u64>,
}

/// How the change of an epoch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// It is changed. This was there before.
    Done(Option<Epoch>),
    /// Another node was faster: nothing is changed.
    Meanwhile,
}

/// The answer to a look.
pub struct Found {
    /// In the place of the value.
    pub entry: Entry,
    /// The epochs of now; `None` where one has to be made ([`Language::make_epochs`]).
    pub epochs: [Option<Epoch>; 3],
    /// In the places of older passphrases, in their order.
    pub older: Vec<Option<Older>>,
}

/// Why an answer is of no use.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// The store says so.
    #[error("it says \"{0}\"")]
    Refused(String),
    /// It is none that the question could have.
    #[error("it answers what was not asked")]
    Unexpected,
    /// It is a node of a Cluster, and another one has the name.
    #[error("it is one node of a Cluster (cluster=true lets the others be asked)")]
    Moved,
    /// The nodes of a Cluster send a command round and round.
    #[error("its nodes do not agree about which of them has a name")]
    RoundAndRound,
    /// It breaks the rules of the protocol.
    #[error("its answer breaks the rules of the protocol: {0}")]
    Read(#[from] ReadError),
}

/// What is named in errors without telling more than was known before.
const COMMANDS: [&str; 8] =
    ["asking", "auth", "cluster|slots", "get", "pexpire", "pttl", "select", "set"];

/// Characters that are kept of what a store says.
const EXCERPT: usize = 160;

impl StoreError {
    /// The store says this. It may repeat what it was sent, which may be a token or a password: quoted is only
    /// the name of a command, and what else is quoted ends it.
    pub fn refused(text: &str) -> Self {
        let mut shown = String::new();
        let mut parts = text.split(['\'', '"', '`']);
        shown.extend(parts.next());
        while let (Some(quoted), Some(behind)) = (parts.next(), parts.next()) {
            if !COMMANDS.contains(&quoted.to_ascii_lowercase().as_str()) {
                break;
            }
            shown.extend(["'", quoted, "'", behind]);
        }
        let shown: String = shown.chars().take(EXCERPT).collect();
        Self::Refused(shown.trim_end().to_owned())
    }
}

impl Language {
    /// What comes first on a connection, which has one reply for each command.
    pub fn greet(self, greeting: &Greeting) -> Commands {
        match self {
            Self::Redis => redis::greet(greeting),
            Self::Memcached => Commands::default(),
        }
    }

    /// Reads a value, takes the lease where there is none, and reads the epochs, which are made where
    /// there are none. `text` becomes the lease, and `fresh` the epoch.
    pub fn look(self, place: &Place, older: &[Place], text: &str, fresh: &Epoch) -> Commands {
        match self {
            Self::Redis => redis::look(place, older, text, fresh),
            Self::Memcached => memcache::look(place, older),
        }
    }

    /// The answer to [`Self::look`].
    ///
    /// # Errors
    /// There is none.
    pub fn found(
        self,
        answer: Answer,
        older: usize,
        text: &str,
        fresh: &Epoch,
    ) -> Result<Found, StoreError> {
        match self {
            Self::Redis => redis::found(answer, older, text, fresh),
            Self::Memcached => memcache::found(answer, older),
        }
    }

    /// Makes epochs that are missing, unless another node is faster, and reads them.
    pub fn make_epochs(self, names: &[&str], fresh: &Epoch) -> Commands {
        match self {
            Self::Redis => redis::make_epochs(names, fresh),
            Self::Memcached => memcache::make_epochs(names, fresh),
        }
    }

    /// The answer to [`Self::make_epochs`]: as many epochs as were missing.
    ///
    /// # Errors
    /// There is none.
    pub fn made_epochs(self, answer: Answer, fresh: &Epoch) -> Result<Vec<Epoch>, StoreError> {
        match self {
            Self::Redis => redis::made_epochs(answer, fresh),
            Self::Memcached => memcache::made_epochs(answer),
        }
    }

    /// Sets epochs: what was written under others is old from then on.
    pub fn set_epochs(self, names: &[String], epoch: &Epoch) -> Commands {
        match self {
            Self::Redis => redis::set_epochs(names, epoch),
            Self::Memcached => memcache::set_epochs(names, epoch),
        }
    }

    /// Reads an epoch that is to be [changed](Self::swap_epoch).
    pub fn read_epoch(self, name: &str) -> Commands {
        match self {
            Self::Redis => redis::check(name),
            Self::Memcached => memcache::check(name),
        }
    }

    /// The answer to [`Self::read_epoch`].
    ///
    /// # Errors
    /// There is none.
    pub fn epoch_before(self, answer: Answer) -> Result<Before, StoreError> {
        match self {
            Self::Redis => redis::epoch_before(answer),
            Self::Memcached => memcache::epoch_before(answer),
        }
    }

    /// Changes an epoch in one step that tells what was there before.
    pub fn swap_epoch(self, name: &str, epoch: &Epoch, before: &Before) -> Commands {
        match self {
            Self::Redis => redis::swap_epoch(name, epoch),
            Self::Memcached => memcache::swap_epoch(name, epoch, before.number),
        }
    }

    /// The answer to [`Self::swap_epoch`].
    ///
    /// # Errors
    /// There is none.
    pub fn swapped(self, answer: Answer, before: &Before) -> Result<Swapped, StoreError> {
        match self {
            Self::Redis => redis::swapped(answer),
            Self::Memcached => memcache::swapped(answer, before),
        }
    }

    /// Keeps a value in place of what lies there; where that has changed meanwhile, nothing is done, as
    /// far as the store can tell.
    pub fn put(self, name: &str, sealed: &[u8], life: Millis, over: &There) -> Commands {
        match self {
            Self::Redis => redis::put(name, sealed, life, over),
            Self::Memcached => memcache::put(name, sealed, life, over),
        }
    }

    /// The answer to [`Self::put`] and [`Self::set_epochs`].
    ///
    /// # Errors
    /// The store does not do such things.
    pub fn is_done(self, answer: Answer) -> Result<(), StoreError> {
        match self {
            Self::Redis => redis::is_done(answer),
            Self::Memcached => memcache::is_done(answer),
        }
    }

    /// Takes a lease in a place of its own, unless another node has it. `text` becomes the lease.
    pub fn elect(self, name: &str, text: &str) -> Commands {
        match self {
            Self::Redis => redis::elect(name, text),
            Self::Memcached => memcache::elect(name),
        }
    }

    /// The answer to [`Self::elect`]; `None`: another node has it.
    ///
    /// # Errors
    /// There is none.
    pub fn elected(self, answer: Answer, text: &str) -> Result<Option<Lease>, StoreError> {
        match self {
            Self::Redis => redis::elected(answer, text),
            Self::Memcached => memcache::elected(answer),
        }
    }

    /// Asks what lies in the place of a lease, or of a value.
    pub fn check(self, name: &str) -> Commands {
        match self {
            Self::Redis => redis::check(name),
            Self::Memcached => memcache::check(name),
        }
    }

    /// The answer to [`Self::check`].
    ///
    /// # Errors
    /// There is none.
    pub fn there(self, answer: Answer) -> Result<There, StoreError> {
        match self {
            Self::Redis => redis::there(answer),
            Self::Memcached => memcache::there(answer),
        }
    }

    /// Renews a lease that was found to be the own one just now. A value that came in between is not
    /// harmed.
    pub fn renew(self, name: &str) -> Commands {
        match self {
            Self::Redis => redis::renew(name),
            Self::Memcached => memcache::renew(name),
        }
    }

    /// Forgets what lies in the place of a value.
    pub fn forget(self, name: &str) -> Commands {
        match self {
            Self::Redis => redis::release(name),
            Self::Memcached => memcache::forget(name),
        }
    }

    /// Gives a lease up that was found to be the own one just now. What has come in between goes with
    /// it, at worst.
    pub fn release(self, name: &str, lease: &Lease) -> Commands {
        match self {
            Self::Redis => redis::release(name),
            Self::Memcached => memcache::release(name, lease),
        }
    }
}

#[cfg(test)]
mod tests;
