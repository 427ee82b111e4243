//! The tokens that all workers share, and who calls for one that is not there.

mod seal;

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use sts_core::cache_key::{CacheKey, ExchangeKey};
use sts_core::error::{Failure, FailureKind};
use sts_core::issued::TokenType;
use sts_core::secret::Secret;
use sts_zone::zone::{self, Capacity, Claim, Digest, HEARTBEAT, Hit, Tags, Value, Zone, tag};

use crate::flow::{Granted, How};
use crate::nginx::clock;
use crate::nginx::process;
use crate::nginx::zone::SharedMemory;
use crate::target::Target;
pub(crate) use seal::Seal;

/// Set in the flags of a token that is no bearer token.
const NOT_APPLICABLE: u32 = 1;

/// A shared memory zone that holds tokens.
pub(crate) struct SharedZone {
    memory: SharedMemory,
    capacity: Capacity,
    /// Digests of the exchanges that use it, with their endpoints.
    exchanges: RefCell<Vec<(Digest, String)>>,
}

/// A cache in such a zone, as those see it that seal values alike.
pub(crate) struct Cache {
    zone: Rc<SharedZone>,
    encryption: Encryption,
}

/// Whether what lies in a cache is encrypted.
pub(crate) enum Encryption {
    Off,
    /// With a key of the operator's.
    With(Seal),
    /// With a key that the zone makes and keeps.
    WithOwnKey(OnceCell<Seal>),
}

/// What is to be forgotten.
pub(crate) enum Purge {
    All,
    /// What was issued by some exchanges, named by their digests.
    Exchanges(Vec<Digest>),
    /// What was issued for one source token, named by its digest.
    Source(Digest),
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
    /// The number of the call; `None` once it has ended.
    call: Option<u64>,
}

impl SharedZone {
    pub(crate) fn new(memory: SharedMemory, capacity: Capacity) -> Self {
        Self { memory, capacity, exchanges: RefCell::default() }
    }
}

impl Cache {
    pub(crate) fn new(zone: Rc<SharedZone>, encryption: Encryption) -> Self {
        Self { zone, encryption }
    }

    /// Tells caches with different keys apart.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        match &self.encryption {
            Encryption::Off => [0; 32],
            Encryption::With(seal) => seal.fingerprint(),
            Encryption::WithOwnKey(_) => [1; 32],
        }
    }

    fn seal(&self) -> Option<&Seal> {
        match &self.encryption {
            Encryption::Off => None,
            Encryption::With(seal) => Some(seal),
            Encryption::WithOwnKey(key) => Some(key.get_or_init(|| {
                let own = self.with(|zone| zone.key_material());
                Seal::from_secret(&own.unwrap_or_default())
            })),
        }
    }

    /// Notes that an exchange uses the cache.
    pub(crate) fn serves(&self, exchange: &ExchangeKey, endpoint: &str) {
        let mut exchanges = self.zone.exchanges.borrow_mut();
        if !exchanges.iter().any(|(known, _)| known == exchange.digest()) {
            exchanges.push((*exchange.digest(), endpoint.to_owned()));
        }
    }

    /// The exchanges of an endpoint that use the cache.
    pub(crate) fn exchanges_at(&self, endpoint: &str) -> Vec<Digest> {
        let exchanges = self.zone.exchanges.borrow();
        exchanges.iter().filter(|(_, at)| at == endpoint).map(|(digest, _)| *digest).collect()
    }

    /// Forgets, and says how many tokens. The lock is released now and then in between.
    pub(crate) fn purge(&self, what: &Purge) -> usize {
        let parts: Vec<zone::Purge> = match what {
            Purge::All => vec![zone::Purge::All],
            Purge::Exchanges(digests) => {
                digests.iter().map(|digest| zone::Purge::Exchange(tag(digest))).collect()
            }
            Purge::Source(digest) => vec![zone::Purge::Source(tag(digest))],
        };
        let mut removed = 0;
        for part in parts {
            let mut from = Some(0);
            while let Some(at) = from {
                let (more, next) = self.with(|zone| zone.purge(part, at)).unwrap_or_default();
                removed += more;
                from = next;
            }
        }
        removed
    }

    /// Looks for a token; where there is none, decides who calls. `since` is when the one that asks
    /// began to wait for somebody else's call.
    pub(crate) fn find(self: &Rc<Self>, key: &CacheKey, since: Option<u64>, cap: u64) -> Found {
        let claim = Claim { process: process::id(), since };
        let found = self.with(|zone| zone.find(&key.0, claim, process::is_alive));
        match found {
            // What cannot be opened was sealed by somebody else: the caller asks for itself.
            // Nor is a token used that was kept by a location with a longer STSCacheExpiresIn.
            Some(zone::Found::Hit(hit)) if hit.age >= cap.saturating_mul(1000) => Found::Unshared,
            Some(zone::Found::Hit(hit)) => {
                self.granted(key, &hit).map_or(Found::Unshared, Found::Token)
            }
            Some(zone::Found::Wait) => Found::Elsewhere,
            Some(zone::Found::Failed(payload)) => Found::Failure(decode(&payload)),
            Some(zone::Found::Lead(call)) => {
                Found::Lead(Lease { cache: self.clone(), key: *key, call: Some(call) })
            }
            Some(zone::Found::Unshared) | None => Found::Unshared,
        }
    }

    fn granted(&self, key: &CacheKey, hit: &Hit) -> Option<Granted> {
        let token = match self.seal() {
            None => Secret::new(hit.value.as_slice()),
            Some(seal) => seal.open(&key.0, &hit.value)?,
        };
        let token_type = match hit.flags & NOT_APPLICABLE {
            0 => TokenType::Bearer,
            _ => TokenType::NotApplicable,
        };
        let until = clock::milliseconds().saturating_add(hit.remaining);
        Some(Granted { token: Rc::new(Target::new(token)), token_type, how: How::Hit, until })
    }

    fn with<R>(&self, use_it: impl FnOnce(&mut Zone<'_>) -> R) -> Option<R> {
        let now = clock::milliseconds();
        self.zone.memory.with(|words| {
            let mut zone = Zone::open(words, now, clock::entropy)?;
            Some(use_it(&mut zone))
        })
    }
}

impl Lease {
    /// Milliseconds after which the others want a sign of life.
    pub(crate) const PERIOD: u64 = HEARTBEAT;

    /// Gives it.
    pub(crate) fn renew(&self) {
        if let Some(call) = self.call {
            self.cache.with(|zone| zone.renew(&self.key.0, call));
        }
    }

    /// Ends the call with a token for everybody who asks for the same.
    pub(crate) fn complete(mut self, granted: &Granted, tags: Tags) {
        let token = granted.token.issued().expose();
        let sealed = match self.cache.seal().map(|seal| seal.close(&self.key.0, token)) {
            None => None,
            Some(Ok(sealed)) => Some(sealed),
            // Nothing goes in clear into a cache that is to be encrypted.
            Some(Err(_)) => return self.share_nothing(),
        };
        let value = Value {
            tags,
            flags: match granted.token_type {
                TokenType::Bearer => 0,
                TokenType::NotApplicable => NOT_APPLICABLE,
            },
            bytes: sealed.as_deref().unwrap_or(token),
            life: granted.until.saturating_sub(clock::milliseconds()),
        };
        let capacity = self.cache.zone.capacity;
        self.end(|zone, key, call| {
            zone.complete(key, call, &value, capacity);
        });
    }

    /// Ends the call with an answer that is for its caller only.
    pub(crate) fn share_nothing(mut self) {
        self.end(|zone, key, call| zone.share_nothing(key, call));
    }

    /// Ends the call without a token, which those that wait shall know.
    pub(crate) fn fail(mut self, failure: &Failure) {
        self.end(|zone, key, call| zone.fail(key, call, &encode(failure)));
    }

    fn end(&mut self, end: impl FnOnce(&mut Zone<'_>, &Digest, u64)) {
        if let Some(call) = self.call.take() {
            self.cache.with(|zone| end(zone, &self.key.0, call));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.end(|zone, key, call| zone.release(key, call));
    }
}

/// The kind of a failure, `Retry-After`, and the reason, for the other workers.
fn encode(failure: &Failure) -> Vec<u8> {
    let retry_after = failure.retry_after.as_deref().unwrap_or_default();
    format!("{}\n{retry_after}\n{}", failure.kind.name(), failure.reason).into_bytes()
}

fn decode(payload: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(payload);
    let mut parts = text.splitn(3, '\n');
    let kind = FailureKind::from_name(parts.next().unwrap_or_default());
    let retry_after = parts.next().filter(|text| !text.is_empty()).map(str::to_owned);
    let reason = parts.next().unwrap_or("another worker's call failed").to_owned();
    Failure { kind: kind.unwrap_or(FailureKind::Unreachable), reason, retry_after }
}
