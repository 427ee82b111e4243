//! What goes into the zone and comes out of it.

use zeroize::Zeroizing;

use crate::Millis;

/// A digest by which something is found.
pub type Digest = [u8; 32];

/// What the operator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Entries at once.
    pub entries: usize,
    /// Bytes of one value.
    pub value: usize,
}

/// What is kept with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tags {
    /// First bytes of the digest of the exchange.
    pub exchange: u64,
    /// First bytes of the digest of the source token.
    pub source: u64,
}

impl Tags {
    /// Of what was not issued for a source token: no purge forgets it.
    pub const NO_TOKEN: Self = Self { exchange: u64::MAX, source: u64::MAX };
}

/// The process that looks a value up, and what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its process.
    pub process: u32,
    /// The call of another process that it waits for; `None` for a request that has just come.
    pub awaits: Option<u64>,
}

/// A value to be kept.
pub struct Value<'v> {
    /// By what it is found for a purge.
    pub tags: Tags,
    /// Kept with it, and meaning nothing to the zone.
    pub note: u64,
    /// The value itself.
    pub bytes: &'v [u8],
    /// From when its life counts.
    pub sent: Millis,
    /// Milliseconds for which every request may use it.
    pub life: Millis,
}

/// What is known of a value that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What was noted with it.
    pub note: u64,
    /// From when its life counts.
    pub sent: Millis,
    /// Milliseconds that are left of it.
    pub remaining: Millis,
}

/// A value with what is known of it.
pub struct Hit {
    /// The bytes.
    pub value: Zeroizing<Vec<u8>>,
    /// The rest.
    pub kept: Kept,
}

/// What the zone says about a key.
pub enum Found {
    /// It has a value.
    Hit(Hit),
    /// This process has to call. The number tells its call from later ones.
    Lead(u64),
    /// Another process makes the call of this number.
    Wait(u64),
    /// The call for which this one waited failed; the bytes are what its caller left.
    Failed(Zeroizing<Vec<u8>>),
    /// The STS has refused the same a short time ago; the bytes are what the caller left.
    Refused(Zeroizing<Vec<u8>>),
    /// The call for which this one waited had an answer that was for its caller only.
    Unshared,
}

/// How a value suits the one that looks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It does not.
    No,
    /// It does.
    Yes,
    /// It does, and it is time to call for a newer one.
    Due,
}

/// What becomes of a value that suits and is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// The number of the call that this process has to make for a newer one. None is made where
    /// another process makes it, or where one has failed a short time ago.
    pub call: Option<u64>,
    /// The last call for a newer one has failed.
    pub has_failed: bool,
}

/// What is remembered of a refusal.
#[derive(Clone, Copy)]
pub struct Refusal<'v> {
    /// By what it is found for a purge.
    pub tags: Tags,
    /// Milliseconds for which it is remembered at most.
    pub life: Millis,
    /// What those are told that ask for the same.
    pub bytes: &'v [u8],
}

/// What is to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge<'p> {
    /// All tokens.
    All,
    /// What some exchanges issued, by [`Tags::exchange`].
    Exchanges(&'p [u64]),
    /// What was issued for a source token.
    Sources {
        /// By [`Tags::source`]: one for each key that they are made with.
        sources: &'p [u64],
        /// All exchanges that are known, by [`Tags::exchange`] in ascending order. What others have
        /// issued goes as well: the key may be lost with which it was tagged.
        exchanges: &'p [u64],
    },
}

/// How much stands in the zone, and what happened in it since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Entries now.
    pub entries: u64,
    /// Entries that were pushed out by others before their time.
    pub evicted: u64,
    /// Entries that were cleared away after it.
    pub expired: u64,
    /// How often the zone was emptied because it contradicted itself, or a process died in it.
    pub emptied: u64,
}

/// A tag from a digest.
pub fn tag(digest: &Digest) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *digest;
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}
