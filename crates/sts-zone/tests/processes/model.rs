//! What is expected of the zone: a map with a clock, in plain words.

use std::sync::atomic::{AtomicU64, Ordering};

use sts_zone::zone::Digest;

/// Keys that are used.
pub(crate) const KEYS: usize = 24;

/// The map. Only the holder of the lock has it.
pub(crate) struct Model<'m> {
    pub(crate) clock: &'m AtomicU64,
    pub(crate) purges: &'m AtomicU64,
    /// Something may be missing that was put in: there is not enough room, or a process may have
    /// died between what it did and what it noted here.
    pub(crate) loses: bool,
    pub(crate) keys: &'m [AtomicU64],
}

/// What is known of one key.
#[derive(Clone, Copy)]
pub(crate) struct Key<'m>(&'m [AtomicU64]);

impl<'m> Model<'m> {
    pub(crate) fn now(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    pub(crate) fn advance(&self, milliseconds: u64) {
        self.clock.fetch_add(milliseconds, Ordering::Relaxed);
    }

    pub(crate) fn purges(&self) -> u64 {
        self.purges.load(Ordering::Relaxed)
    }

    pub(crate) fn purge(&self, those: impl Fn(u64) -> bool) {
        self.purges.fetch_add(1, Ordering::Relaxed);
        for number in 0..KEYS as u64 {
            if those(number) {
                self.key(number).set(Key::VERSION, 0);
            }
        }
    }

    pub(crate) fn key(&self, number: u64) -> Key<'m> {
        let start = number as usize * Key::WORDS;
        Key(&self.keys[start..start + Key::WORDS])
    }
}

impl Key<'_> {
    pub(crate) const WORDS: usize = 8;
    /// The version of the value that is there, and until when.
    pub(crate) const VERSION: usize = 0;
    pub(crate) const UNTIL: usize = 1;
    /// The same of one that is just being put there.
    pub(crate) const NEW_VERSION: usize = 2;
    pub(crate) const NEW_UNTIL: usize = 3;
    /// The process that calls, until when it need not show that it is alive, and how often the zone
    /// had been emptied when it began.
    pub(crate) const CALLER: usize = 4;
    pub(crate) const LEASE: usize = 5;
    pub(crate) const EMPTIED: usize = 6;

    pub(crate) fn at(self, word: usize) -> u64 {
        self.0[word].load(Ordering::Relaxed)
    }

    pub(crate) fn set(self, word: usize, value: u64) {
        self.0[word].store(value, Ordering::Relaxed);
    }

    /// Whether this version may be found now.
    pub(crate) fn may_have(self, version: u64, now: u64) -> bool {
        let is = |at, until| self.at(at) == version && self.at(until) > now;
        version != 0 && (is(Self::VERSION, Self::UNTIL) || is(Self::NEW_VERSION, Self::NEW_UNTIL))
    }

    /// Whether it must be found, if nothing got lost.
    pub(crate) fn has_any(self, now: u64) -> bool {
        self.at(Self::VERSION) != 0 && self.at(Self::UNTIL) > now
    }
}

/// The key of a number.
pub(crate) fn digest(number: u64) -> Digest {
    let mut digest = [0; 32];
    let (chunks, _) = digest.as_chunks_mut::<8>();
    for (chunk, turn) in chunks.iter_mut().zip([7, 19, 31, 43]) {
        *chunk = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(turn).to_ne_bytes();
    }
    digest
}

/// The value of a version: its number, and as much as belongs to it.
pub(crate) fn value(number: u64, version: u64) -> Vec<u8> {
    let length = version.wrapping_mul(0x9E37_79B9) % 700;
    let rest = (0..length).map(|at| (number * 31 + version * 7 + at) as u8);
    version.to_ne_bytes().into_iter().chain(rest).collect()
}

/// The version of a value, which has to be one of this key, whole.
pub(crate) fn version(number: u64, bytes: &[u8]) -> u64 {
    let (version, _) = bytes.split_first_chunk().expect("a value begins with its version");
    let version = u64::from_ne_bytes(*version);
    assert_eq!(bytes, value(number, version), "not a value of {number}");
    version
}
