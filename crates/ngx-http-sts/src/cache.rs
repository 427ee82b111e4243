//! The tokens that all workers share.

use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::error::Failure;

use crate::flow::{Ask, Granted};
use crate::nginx::clock;
use crate::nginx::zone::SharedMemory;

/// What a cache may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// Entries at once, `None` for as many as there is memory for.
    pub(crate) entries: Option<u64>,
    /// Bytes of one token.
    pub(crate) value: usize,
}

/// A cache in a shared memory zone.
pub(crate) struct Cache {
    memory: SharedMemory,
    capacity: Capacity,
}

/// What the zone says about a key.
pub(crate) enum Found {
    /// Another worker calls.
    Elsewhere,
    Failure(Failure),
    /// Nobody calls: it is up to this one.
    Lead(Lease),
    Token(Granted),
    /// The answer was for the one that called: everybody calls for itself.
    Unshared,
}

/// The duty to call for a key. Dropping it passes it on.
pub(crate) struct Lease {
    cache: Rc<Cache>,
    key: CacheKey,
}

impl Cache {
    pub(crate) fn new(memory: SharedMemory, capacity: Capacity) -> Self {
        Self { memory, capacity }
    }

    pub(crate) fn now(&self) -> u64 {
        clock::milliseconds()
    }

    pub(crate) fn find(self: &Rc<Self>, key: &CacheKey, since: Option<u64>) -> Found {
        let _ = (since, self.capacity);
        self.memory.with(|_| Found::Lead(Lease { cache: self.clone(), key: *key }))
    }
}

impl Lease {
    pub(crate) fn period(&self) -> u64 {
        500
    }
    pub(crate) fn renew(&self) {
        let _ = (&self.cache, &self.key);
    }
    pub(crate) fn share_nothing(self) {}
    pub(crate) fn complete(self, _ask: &Ask, _granted: &Granted) {}
    pub(crate) fn fail(self, _failure: &Failure) {}
}
