//! All flights of a worker, and how a request comes to one.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::error::Failure;
use sts_core::life::LifePolicy;

use crate::ahead::Freshness;
use crate::election::{Election, Found};
use crate::flight::{Flight, Refreshing, Step};
use crate::granted::{CacheStatus, Granted};
use crate::host::Host;
use crate::lease::Lease;
use crate::rush::Rush;
use crate::token::Validity;
use crate::waiting::Waiting;

/// The flights of a worker.
pub struct Flights<H: Host> {
    pub(crate) table: RefCell<HashMap<Name<H>, Rc<Flight<H>>>>,
    /// There is a heartbeat.
    pub(crate) beats: Cell<bool>,
    pub(crate) rush: Rc<Rush>,
}

impl<H: Host> Default for Flights<H> {
    fn default() -> Self {
        Self { table: RefCell::default(), beats: Cell::new(false), rush: Rc::default() }
    }
}

/// What requests of one flight have in common.
pub(crate) struct Name<H: Host> {
    /// The address of the cache, which a flight keeps alive.
    cache: *const H::Cache,
    key: CacheKey,
}

impl<H: Host> Name<H> {
    pub(crate) fn new(cache: &Rc<H::Cache>, key: CacheKey) -> Self {
        Self { cache: Rc::as_ptr(cache), key }
    }
}

impl<H: Host> PartialEq for Name<H> {
    fn eq(&self, other: &Self) -> bool {
        self.cache == other.cache && self.key == other.key
    }
}

impl<H: Host> Eq for Name<H> {}

/// The key is a digest: a part of it is as good as all of it.
impl<H: Host> Hash for Name<H> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        let part = self.key.0.first_chunk().map_or(0, |part| u64::from_ne_bytes(*part));
        state.write_u64(part);
    }
}

/// What a request gets without waiting, or what it waits for.
pub enum Lookup<H: Host> {
    /// The token was there.
    Hit(Granted),
    /// The STS has refused the same a short time ago, and is not asked again.
    Refused(Failure),
    /// The request waits.
    Waits(Rc<Waiting<H>>),
}

/// Takes the token from the cache, or joins the call for it, or starts one.
///
/// # Errors
/// The source fails the `check`, which is told whether it is known to be bound to nothing. With a
/// token from the cache that is known as a rule: to look at the source again would cost as much as
/// all the rest.
pub fn lookup<H: Host>(
    cache: &Rc<H::Cache>,
    key: CacheKey,
    policy: &LifePolicy,
    fresh: Freshness,
    check: impl Fn(bool) -> Result<(), Failure>,
    ask: impl FnOnce() -> H::Ask,
) -> Result<Lookup<H>, Failure> {
    let now = H::wall();
    let name = Name::new(cache, key);
    let flight = H::flights(|flights| flights.table.borrow().get(&name).cloned());
    if let Some(flight) = flight.filter(|flight| !flight.is_void()) {
        // The flight may be for requests that want a fresher token than this one.
        if let Some(token) = cache.look(&key, |validity| validity.suits(policy, now)) {
            check(token.unbound)?;
            return Ok(Lookup::Hit(token.granted(policy, flight.status_of_hit())));
        }
        check(false)?;
        let waiting = Waiting::new(ask());
        flight.join(&waiting);
        waiting.set_deadline();
        return Ok(Lookup::Waits(waiting));
    }
    let judge = |validity: &Validity| fresh.ahead.judge(validity, policy, &key, now);
    let step = match cache.find_or_refresh(&key, judge, fresh.negative) {
        (Found::Token(token), refresh) => {
            let status = refresh.map_or(CacheStatus::Hit, |refresh| {
                let lease = refresh.call.map(|call| Lease::new(cache.clone(), key, call));
                let checked = || check(token.unbound).and_then(|()| check(false)).is_ok();
                let refreshes = lease.filter(|_| checked()).map(|lease| {
                    let state = Refreshing::new(token.validity, refresh.has_failed);
                    Flight::refresh(cache, key, name, ask(), lease, state);
                });
                match refreshes {
                    _ if refresh.has_failed => CacheStatus::Stale,
                    Some(()) => CacheStatus::Refreshed,
                    None => CacheStatus::Hit,
                }
            });
            check(token.unbound)?;
            return Ok(Lookup::Hit(token.granted(policy, status)));
        }
        (Found::Refused(failed), _) => {
            check(false)?;
            return Ok(Lookup::Refused(failed.failure));
        }
        (found, _) => found,
    };
    let step = match step {
        // Taken above.
        Found::Token(_) | Found::Refused(_) => None,
        Found::Elsewhere(call) => Some(Step::Wait(call)),
        // Where the check fails, the duty to call goes with the lease.
        Found::Lead(call) => Some(Step::Lead(Lease::new(cache.clone(), key, call))),
        Found::Failure(_) | Found::Unshared => None,
    };
    check(false)?;
    let waiting = Waiting::new(ask());
    match step {
        Some(step) => Flight::start(cache, key, name, &waiting, step),
        None => waiting.call_alone(),
    }
    Ok(Lookup::Waits(waiting))
}
