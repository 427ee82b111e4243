//! A shared memory zone: what all workers know.

pub(crate) mod failure;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use sts_core::cache_key::ExchangeKey;
use sts_core::source_tag::TagKey;
use sts_zone::zone::{Capacity, Digest, Zone};
use zeroize::Zeroizing;

use crate::nginx::clock;
use crate::nginx::zone::SharedMemory;

/// A shared memory zone that holds tokens.
pub(crate) struct SharedZone {
    memory: SharedMemory,
    pub(crate) capacity: Capacity,
    /// The exchanges that use it, by their digests.
    pub(crate) exchanges: RefCell<HashMap<Digest, Served>>,
    /// The keys that tags in it are made with, besides the zone's own.
    pub(crate) tag_keys: RefCell<Vec<Rc<TagKey>>>,
}

/// An exchange that uses a cache.
pub(crate) struct Served {
    pub(crate) endpoint: String,
    /// Seconds for which the location uses a token that uses it the longest: `STSCacheExpiresIn`.
    pub(crate) longest: u64,
    /// It was told that a token is too large to be kept.
    pub(crate) told: bool,
}

/// The zone has no random bytes of its own, and keeps nothing.
pub(crate) struct NoKeyMaterial;

impl SharedZone {
    pub(crate) fn new(memory: SharedMemory, capacity: Capacity) -> Self {
        Self { memory, capacity, exchanges: RefCell::default(), tag_keys: RefCell::default() }
    }

    /// Uses the zone; `None` when there is none, for lack of random bytes.
    pub(crate) fn with<R>(&self, use_it: impl FnOnce(&mut Zone<'_>) -> R) -> Option<R> {
        self.memory.with(|words| {
            let mut now = clock::milliseconds();
            if Zone::is_behind(words, now) {
                // Unless this worker was only held up, the clock was set back, and the zone is emptied.
                clock::update();
                now = clock::milliseconds();
            }
            let mut zone = Zone::open(words, now, || clock::entropy().ok())?;
            Some(use_it(&mut zone))
        })
    }

    /// Seconds for which the location uses a token of an exchange that uses it the longest.
    pub(crate) fn longest(&self, exchange: &ExchangeKey) -> u64 {
        self.exchanges.borrow().get(exchange.digest()).map_or(0, |served| served.longest)
    }

    /// Whether no token lies in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.with(|zone| zone.statistics().entries == 0).unwrap_or(true)
    }

    pub(crate) fn key_material(&self) -> Result<Zeroizing<[u8; 32]>, NoKeyMaterial> {
        self.with(|zone| zone.key_material()).flatten().ok_or(NoKeyMaterial)
    }

    /// The key of tags that are not made with a passphrase. Not kept: the zone may come to have
    /// another one.
    pub(crate) fn own_tag_key(&self) -> Option<TagKey> {
        self.key_material().ok().map(|secret| TagKey::from_secret(&*secret))
    }
}
