//! The tokens that all workers share, and who calls for one that is not there.

use std::cell::RefCell;
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

/// Set in the flags of a token that is no bearer token.
const NOT_APPLICABLE: u32 = 1;

/// A cache in a shared memory zone.
pub(crate) struct Cache {
    memory: SharedMemory,
    capacity: Capacity,
    /// Digests of the exchanges that use it, with their endpoints.
    exchanges: RefCell<Vec<(Digest, String)>>,
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

impl Cache {
    pub(crate) fn new(memory: SharedMemory, capacity: Capacity) -> Self {
        Self { memory, capacity, exchanges: RefCell::default() }
    }

    /// Notes that an exchange uses the cache.
    pub(crate) fn serves(&self, exchange: &ExchangeKey, endpoint: &str) {
        let mut exchanges = self.exchanges.borrow_mut();
        if !exchanges.iter().any(|(known, _)| known == exchange.digest()) {
            exchanges.push((*exchange.digest(), endpoint.to_owned()));
        }
    }

    /// The exchanges of an endpoint that use the cache.
    pub(crate) fn exchanges_at(&self, endpoint: &str) -> Vec<Digest> {
        let exchanges = self.exchanges.borrow();
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
    pub(crate) fn find(self: &Rc<Self>, key: &CacheKey, since: Option<u64>) -> Found {
        let claim = Claim { process: process::id(), since };
        let found = self.with(|zone| zone.find(&key.0, claim, process::is_alive));
        match found {
            Some(zone::Found::Hit(hit)) => Found::Token(granted(&hit)),
            Some(zone::Found::Wait) => Found::Elsewhere,
            Some(zone::Found::Failed(payload)) => Found::Failure(decode(&payload)),
            Some(zone::Found::Lead(call)) => {
                Found::Lead(Lease { cache: self.clone(), key: *key, call: Some(call) })
            }
            Some(zone::Found::Unshared) | None => Found::Unshared,
        }
    }

    fn with<R>(&self, use_it: impl FnOnce(&mut Zone<'_>) -> R) -> Option<R> {
        let now = clock::milliseconds();
        self.memory.with(|words| {
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
        let value = Value {
            tags,
            flags: match granted.token_type {
                TokenType::Bearer => 0,
                TokenType::NotApplicable => NOT_APPLICABLE,
            },
            bytes: granted.token.expose(),
            life: granted.until.saturating_sub(clock::milliseconds()),
        };
        let capacity = self.cache.capacity;
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

fn granted(hit: &Hit) -> Granted {
    let token_type = match hit.flags & NOT_APPLICABLE {
        0 => TokenType::Bearer,
        _ => TokenType::NotApplicable,
    };
    Granted {
        token: Rc::new(Secret::new(hit.value.as_slice())),
        token_type,
        how: How::Hit,
        until: clock::milliseconds().saturating_add(hit.remaining),
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
