//! Time and randomness, as arguments.

use thiserror::Error;

use crate::error::{Failure, FailureKind};

/// A point in time: seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(pub u64);

/// Makes random bytes that were never used before.
pub type Entropy = fn() -> Result<[u8; 32], NoEntropy>;

/// The moment at which a request is made, and where randomness comes from.
#[derive(Clone, Copy)]
pub struct Now {
    /// Wall-clock time.
    pub wall: UnixTime,
    /// A function and not the bytes: most requests need none, and good randomness has its price.
    pub entropy: Entropy,
}

impl Now {
    /// Fresh random bytes, others with each call, for an identifier or a nonce.
    ///
    /// # Errors
    /// There are none. What is predictable must not take their place.
    pub fn random(&self) -> Result<[u8; 32], NoEntropy> {
        (self.entropy)()
    }
}

/// The generator of random bytes has failed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the gateway has no random bytes")]
pub struct NoEntropy;

impl From<NoEntropy> for Failure {
    fn from(error: NoEntropy) -> Self {
        Self::new(FailureKind::BadAnswer, error.to_string())
    }
}
