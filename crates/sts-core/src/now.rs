//! Time and randomness, as arguments.

/// A point in time: seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(pub u64);

/// The moment at which a request is made, and randomness that was never used before.
#[derive(Clone, Copy)]
pub struct Now {
    /// Wall-clock time.
    pub wall: UnixTime,
    /// Fresh random bytes, from which identifiers and nonces are made.
    pub entropy: [u8; 32],
}
