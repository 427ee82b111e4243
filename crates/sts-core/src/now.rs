//! Time and randomness, as arguments.

/// A point in time: seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(pub u64);

/// The moment at which a request is made, and where randomness comes from.
#[derive(Clone, Copy)]
pub struct Now {
    /// Wall-clock time.
    pub wall: UnixTime,
    /// Makes random bytes that were never used before. A function and not the bytes: most requests
    /// need none, and good randomness has its price.
    pub entropy: fn() -> [u8; 32],
}

impl Now {
    /// Fresh random bytes, others with each call, for an identifier or a nonce.
    pub fn random(&self) -> [u8; 32] {
        (self.entropy)()
    }
}
