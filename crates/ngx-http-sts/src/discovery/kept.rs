//! Where metadata are kept: in the zone, for all workers, or where there is none in this one.

use std::cell::RefCell;
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::metadata::MAX_BYTES;
use sts_core::secret::Secret;
use sts_flight::election::{Election, Found};
use sts_flight::failed::Failed;
use sts_flight::store::NoStore;
use sts_flight::token::{Token, Validity};
use sts_zone::zone::{self, Capacity, Claim, HEARTBEAT, Hit, Kept as Entry, Tags, Value, Zone};

use crate::discovery::LAST;
use crate::discovery::ask::{self, Ask};
use crate::nginx::clock;
use crate::nginx::process;
use crate::shared_zone::{SharedZone, failure};

/// Where the metadata of one issuer are kept.
pub(crate) struct Kept {
    zone: Option<Rc<SharedZone>>,
    /// Without a zone.
    own: RefCell<Option<(u64, Secret)>>,
}

impl Kept {
    pub(super) fn new(zone: Option<Rc<SharedZone>>) -> Self {
        Self { zone, own: RefCell::default() }
    }

    pub(super) fn is_in(&self, zone: Option<&Rc<SharedZone>>) -> bool {
        match (&self.zone, zone) {
            (Some(own), Some(zone)) => Rc::ptr_eq(own, zone),
            (None, None) => true,
            _ => false,
        }
    }

    pub(super) fn forget(&self, key: &CacheKey) {
        self.own.take();
        self.with(|zone| zone.forget(&key.0));
    }

    fn with<R>(&self, use_it: impl FnOnce(&mut Zone<'_>) -> R) -> Option<R> {
        self.zone.as_ref()?.with(use_it)
    }

    fn own(&self, suits: impl Fn(&Validity) -> bool) -> Option<Token> {
        let own = self.own.borrow();
        let (asked, kept) = own.as_ref()?;
        let token = ask::token(Secret::new(kept.expose()), *asked, u64::MAX);
        suits(&token.validity).then_some(token)
    }
}

fn validity(kept: &Entry) -> Validity {
    let at_most = clock::milliseconds().saturating_add(kept.remaining);
    Validity { sent: kept.sent, good_for: None, at_most, is_final: false }
}

fn open(hit: Hit) -> Token {
    let Validity { sent, at_most, .. } = validity(&hit.kept);
    Token { kept: true, ..ask::token(hit.value.into(), sent, at_most) }
}

impl Election for Kept {
    type Ask = Ask;
    type Store = NoStore<Ask>;

    const HEARTBEAT: u64 = HEARTBEAT;

    fn store(&self) -> Option<&Rc<NoStore<Ask>>> {
        None
    }

    fn find(
        &self,
        key: &CacheKey,
        awaits: Option<u64>,
        suits: impl Fn(&Validity) -> bool,
    ) -> Found {
        if self.zone.is_none() {
            // The flights of this worker see to it that one asks.
            return self.own(suits).map_or(Found::Lead(0), Found::Token);
        }
        let claim = Claim { process: process::id(), awaits };
        let found = self.with(|zone| {
            zone.find(&key.0, claim, |kept| suits(&validity(kept)), process::is_alive)
        });
        match found {
            Some(zone::Found::Hit(hit)) => Found::Token(open(hit)),
            Some(zone::Found::Wait(call)) => Found::Elsewhere(call),
            Some(zone::Found::Failed(payload)) => Found::Failure(failure::decode(&payload)),
            Some(zone::Found::Lead(call)) => Found::Lead(call),
            // No server refuses metadata to anything in particular.
            Some(zone::Found::Refused(_) | zone::Found::Unshared) | None => Found::Unshared,
        }
    }

    fn look(&self, key: &CacheKey, suits: impl Fn(&Validity) -> bool) -> Option<Token> {
        if self.zone.is_none() {
            return self.own(suits);
        }
        self.with(|zone| zone.look(&key.0, |kept| suits(&validity(kept)))).flatten().map(open)
    }

    fn renew(&self, key: &CacheKey, call: u64) {
        self.with(|zone| zone.renew(&key.0, call));
    }

    fn complete(&self, key: &CacheKey, call: u64, token: &Token, _: &Ask) -> bool {
        let kept = token.token.issued().expose();
        let sent = token.validity.sent;
        let Some(zone) = &self.zone else {
            self.own.replace(Some((sent, Secret::new(kept))));
            return true;
        };
        let life = LAST.saturating_mul(1000);
        let value = Value { tags: Tags::NO_TOKEN, note: 0, bytes: kept, sent, life };
        // How large a token may be says nothing of these.
        let capacity = Capacity { value: 2 * MAX_BYTES, ..zone.capacity };
        zone.with(|zone| zone.complete(&key.0, call, &value, capacity)).unwrap_or(false)
    }

    fn share_nothing(&self, key: &CacheKey, call: u64) {
        self.with(|zone| zone.share_nothing(&key.0, call));
    }

    fn fail(&self, key: &CacheKey, call: u64, failed: &Failed) {
        self.with(|zone| zone.fail(&key.0, call, &failure::encode(failed)));
    }

    fn release(&self, key: &CacheKey, call: u64) {
        self.with(|zone| zone.release(&key.0, call));
    }
}
