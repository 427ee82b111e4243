//! One call for a key, however many requests of however many workers want its token.
//!
//! In a worker, requests with the same key wait for the same flight. Over workers the zone elects the
//! one that calls; the others look into the zone until its answer is there.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::mem;
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::error::{Failure, FailureKind};

use crate::cache::{Cache, Found, Lease};
use crate::flow::{Ask, Granted, How};
use crate::nginx::clock;
use crate::nginx::task::{self, Task};
use crate::nginx::timer::{self, Hold, Timer};
use crate::pending::Pending;

/// Milliseconds between two looks into the zone for another worker's answer.
const FIRST_LOOK: u64 = 5;
const LAST_LOOK: u64 = 20;

thread_local! {
    static FLIGHTS: RefCell<HashMap<CacheKey, Rc<Flight>>> = RefCell::default();
}

/// The call of a key, and who waits for it in this worker.
struct Flight {
    key: CacheKey,
    cache: Rc<Cache>,
    waiting: RefCell<Vec<Rc<Pending>>>,
    /// The STS may have seen something.
    sent: Cell<bool>,
    hold: Hold,
    task: RefCell<Option<Task>>,
}

/// What a request gets without waiting, or what it waits for.
pub(crate) enum Boarding {
    Now(Result<Granted, Failure>),
    Later(Rc<Pending>),
}

/// Takes the token from the cache, or joins the call for it, or starts one.
pub(crate) fn board(
    cache: &Rc<Cache>,
    key: CacheKey,
    cap: u64,
    ask: impl FnOnce() -> Ask,
) -> Boarding {
    let flying = FLIGHTS.with_borrow(|flights| flights.get(&key).cloned());
    if let Some(flight) = flying {
        let pending = Pending::new(ask());
        flight.join(&pending);
        pending.set_deadline();
        return Boarding::Later(pending);
    }
    let found = match cache.find(&key, None, cap) {
        Found::Token(granted) => return Boarding::Now(Ok(granted)),
        Found::Failure(failure) => return Boarding::Now(Err(failure)),
        other => other,
    };
    let pending = Pending::new(ask());
    if matches!(found, Found::Unshared) {
        pending.call_alone();
        return Boarding::Later(pending);
    }
    let flight = Rc::new(Flight {
        key,
        cache: cache.clone(),
        waiting: RefCell::default(),
        sent: Cell::new(false),
        hold: Hold::default(),
        task: RefCell::default(),
    });
    FLIGHTS.with_borrow_mut(|flights| flights.insert(key, flight.clone()));
    flight.join(&pending);
    if matches!(found, Found::Elsewhere) {
        // The deadline of a call of our own is the call's.
        pending.set_deadline();
    }
    // Made here: a task that is cancelled before it first runs has to land, too.
    let task = task::spawn(fly(Landing(flight.clone()), found));
    flight.task.replace(Some(task));
    Boarding::Later(pending)
}

/// What happens when one that waits goes away.
fn leave(flight: &Rc<Flight>, pending: &Rc<Pending>) -> impl FnOnce() + 'static {
    let (flight, pending) = (Rc::downgrade(flight), Rc::downgrade(pending));
    move || {
        let (Some(flight), Some(pending)) = (flight.upgrade(), pending.upgrade()) else { return };
        flight.waiting.borrow_mut().retain(|one| !Rc::ptr_eq(one, &pending));
        if !flight.waiting.borrow().is_empty() {
            return;
        }
        // A call that the STS has seen goes on and fills the cache, but holds no worker.
        flight.hold.release();
        if !flight.sent.get() {
            let task = flight.task.take();
            if let Some(task) = task {
                task.cancel();
            }
        }
    }
}

impl Flight {
    fn join(self: &Rc<Self>, pending: &Rc<Pending>) {
        pending.set_on_leave(leave(self, pending));
        self.waiting.borrow_mut().push(pending.clone());
    }

    /// The request that the call is made for.
    fn first(&self) -> Option<Rc<Pending>> {
        self.waiting.borrow().first().cloned()
    }

    /// Nobody can join any more: whoever comes now asks the zone.
    fn close(&self) -> Vec<Rc<Pending>> {
        FLIGHTS.with_borrow_mut(|flights| flights.remove(&self.key));
        mem::take(&mut *self.waiting.borrow_mut())
    }

    fn deliver(&self, outcome: &Result<Granted, Failure>) {
        for pending in self.close() {
            pending.finish(outcome.clone());
        }
    }

    /// The answer is for the one that called: each of the others calls for itself.
    fn deliver_to_one(&self, one: &Rc<Pending>, granted: &Granted) {
        for pending in self.close() {
            if Rc::ptr_eq(&pending, one) {
                pending.finish(Ok(granted.clone()));
            } else {
                pending.call_alone();
            }
        }
    }

    /// The time of the one that called is over; who may wait longer does.
    fn time_out(&self, failure: &Failure) {
        let all = mem::take(&mut *self.waiting.borrow_mut());
        let (over, rest): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|pending| pending.took() >= pending.ask.callee.limit.timeout);
        self.waiting.replace(rest);
        for pending in over {
            pending.finish(Err(failure.clone()));
        }
    }
}

/// The end of a flight, however it comes: whoever waits must not wait for ever.
struct Landing(Rc<Flight>);

impl Drop for Landing {
    fn drop(&mut self) {
        let reason = "the call ended without a result";
        self.0.deliver(&Err(Failure::new(FailureKind::BadAnswer, reason)));
    }
}

async fn fly(landing: Landing, mut found: Found) {
    let flight = &landing.0;
    let since = clock::milliseconds();
    let mut look = FIRST_LOOK;
    loop {
        match found {
            Found::Token(granted) => {
                return flight.deliver(&Ok(Granted { how: How::Coalesced, ..granted }));
            }
            Found::Failure(failure) => return flight.deliver(&Err(failure)),
            Found::Unshared => {
                return flight.close().iter().for_each(|pending| pending.call_alone());
            }
            Found::Lead(lease) => {
                if lead(flight, lease).await {
                    return;
                }
            }
            Found::Elsewhere => {
                Timer::new(look, flight.hold.clone()).await;
                look = (look * 2).min(LAST_LOOK);
            }
        }
        if flight.waiting.borrow().is_empty() {
            return;
        }
        found = flight.cache.find(&flight.key, Some(since), u64::MAX);
    }
}

/// Makes the call. Returns whether the flight is over.
async fn lead(flight: &Flight, lease: Lease) -> bool {
    let Some(first) = flight.first() else { return true };
    let call = first.ask.call(&flight.sent, flight.hold.clone());
    let outcome = timer::meanwhile(call, Lease::PERIOD, || lease.renew()).await;
    match outcome {
        Ok((issued, 0)) => {
            lease.share_nothing();
            flight.deliver_to_one(&first, &Granted::new(issued, 0, How::Miss));
            true
        }
        Ok((issued, life)) => {
            let granted = Granted::new(issued, life, How::Miss);
            lease.complete(&granted, first.ask.tags());
            first.finish(Ok(granted.clone()));
            flight.deliver(&Ok(Granted { how: How::Coalesced, ..granted }));
            true
        }
        Err(failure) if failure.kind == FailureKind::Timeout => {
            drop(lease);
            first.finish(Err(failure.clone()));
            flight.time_out(&failure);
            flight.sent.set(false);
            false
        }
        Err(failure) => {
            lease.fail(&failure);
            flight.deliver(&Err(failure));
            true
        }
    }
}
