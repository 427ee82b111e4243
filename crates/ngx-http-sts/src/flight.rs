//! One call for a key, however many requests of however many workers want its token.
//!
//! In a worker, requests with the same key and cache wait for the same flight. Over workers the zone
//! elects the one that calls; the others look into the zone until its answer is there.
//!
//! What locations may differ in although they ask for the same is no part of the key: how long they
//! wait, how large an answer and how many calls they allow, for how long they use a token again, which
//! types of token they take. So a call that ended at such a limit of the request it was made for has ended for those with the same
//! limits or narrower ones. For the others another call is made.

mod heartbeat;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::{mem, ptr};

use sts_core::cache_key::CacheKey;
use sts_core::error::{Failure, FailureKind};
use sts_core::life::LifePolicy;

use crate::cache::{Cache, Found, Lease};
use crate::flow::{About, Ask, Exceeded, Failed, Granted, How, Token, Validity};
use crate::nginx::task::{self, Task};
use crate::nginx::timer::{self, Hold, Timer};
use crate::pending::{Pending, Shared};

/// Milliseconds between two looks into the zone for another worker's answer, at first and at last:
/// all that wait have it within 15 ms. Who has waited for long looks less often, since there may be
/// many.
const FIRST_LOOK: u64 = 5;
const LAST_LOOK: u64 = 10;

/// Milliseconds of waiting that make it one more.
const PATIENCE: u64 = 100;

/// After a call that was not answered in time, another one is made for requests that have at least
/// this part of their time left. The others wait out what they have.
const LEAST_TIME_LEFT: u64 = 4;

thread_local! {
    static FLIGHTS: RefCell<HashMap<Name, Rc<Flight>>> = RefCell::default();
}

/// What requests of one flight have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name {
    /// The address of the cache, which a flight keeps alive.
    cache: *const Cache,
    key: CacheKey,
}

/// The key is a digest: a part of it is as good as all of it.
impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let part = self.key.0.first_chunk().map_or(0, |part| u64::from_ne_bytes(*part));
        state.write_u64(part);
    }
}

/// The call of a key, and who waits for it in this worker.
struct Flight {
    key: CacheKey,
    cache: Rc<Cache>,
    /// While this worker makes the call.
    lease: RefCell<Option<Lease>>,
    waiting: RefCell<Vec<Rc<Pending>>>,
    /// The STS may have seen something.
    sent: Cell<bool>,
    hold: Hold,
    task: RefCell<Option<Task>>,
}

/// What a request gets without waiting, or what it waits for.
pub(crate) enum Boarding {
    Now(Granted),
    Later(Rc<Pending>),
}

/// Takes the token from the cache, or joins the call for it, or starts one.
///
/// # Errors
/// The source fails the `check`, which is told whether it is known to be bound to nothing. With a
/// token from the cache that is known as a rule: to look at the source again would cost as much as
/// all the rest.
pub(crate) fn board(
    cache: &Rc<Cache>,
    key: CacheKey,
    policy: &LifePolicy,
    check: impl Fn(bool) -> Result<(), Failure>,
    ask: impl FnOnce() -> Ask,
) -> Result<Boarding, Failure> {
    let suits = |validity: &Validity| validity.suits(policy);
    let name = Name { cache: Rc::as_ptr(cache), key };
    if let Some(flight) = FLIGHTS.with_borrow(|flights| flights.get(&name).cloned()) {
        // The flight may be for requests that want a fresher token than this one.
        if let Some(token) = cache.look(&key, suits) {
            check(token.unbound)?;
            return Ok(Boarding::Now(token.granted(policy, How::Hit)));
        }
        check(false)?;
        let pending = Pending::new(ask());
        flight.join(&pending);
        pending.set_deadline();
        return Ok(Boarding::Later(pending));
    }
    let found = match cache.find(&key, None, suits) {
        Found::Token(token) => {
            check(token.unbound)?;
            return Ok(Boarding::Now(token.granted(policy, How::Hit)));
        }
        other => other,
    };
    // Where it fails, the duty to call is passed on.
    check(false)?;
    let pending = Pending::new(ask());
    let step = match found {
        Found::Elsewhere(call) => Step::Wait(call),
        Found::Lead(lease) => Step::Lead(lease),
        Found::Failure(_) | Found::Token(_) | Found::Unshared => {
            pending.call_alone();
            return Ok(Boarding::Later(pending));
        }
    };
    let flight = Rc::new(Flight {
        key,
        cache: cache.clone(),
        lease: RefCell::default(),
        waiting: RefCell::default(),
        sent: Cell::new(false),
        hold: Hold::default(),
        task: RefCell::default(),
    });
    FLIGHTS.with_borrow_mut(|flights| flights.insert(name, flight.clone()));
    flight.join(&pending);
    if !matches!(step, Step::Lead(_)) {
        // The deadline of a call of our own is the call's.
        pending.set_deadline();
    }
    // Made here: a task that is cancelled before it first runs has to land, too.
    let task = task::spawn(fly(Landing(flight.clone()), step));
    flight.task.replace(Some(task));
    Ok(Boarding::Later(pending))
}

impl Flight {
    fn join(self: &Rc<Self>, pending: &Rc<Pending>) {
        let call = Rc::downgrade(self);
        pending.wait_for(call);
        self.waiting.borrow_mut().push(pending.clone());
    }

    /// The request that the first call is made for.
    fn first(&self) -> Option<Rc<Pending>> {
        self.waiting.borrow().first().cloned()
    }

    /// The request that a further call is made for: the one that has the most time left.
    fn most_patient(&self) -> Option<Rc<Pending>> {
        self.waiting.borrow().iter().max_by_key(|pending| pending.time_left()).cloned()
    }

    /// Nobody can join any more: whoever comes now asks the zone.
    fn close(&self) -> Vec<Rc<Pending>> {
        let name = Name { cache: Rc::as_ptr(&self.cache), key: self.key };
        FLIGHTS.with_borrow_mut(|flights| flights.remove(&name));
        mem::take(&mut *self.waiting.borrow_mut())
    }

    /// Whether somebody waits for a token like this.
    fn wants(&self, validity: &Validity) -> bool {
        self.waiting.borrow().iter().any(|pending| validity.suits(pending.life()))
    }

    /// Takes those out that the test is true of.
    fn take_those(&self, test: impl Fn(&Pending) -> bool) -> Vec<Rc<Pending>> {
        self.waiting.borrow_mut().extract_if(.., |pending| test(pending)).collect()
    }

    /// Gives a token to those that may use it. The others wait on.
    fn share(&self, token: &Rc<Token>) {
        for pending in self.take_those(|pending| token.validity.suits(pending.life())) {
            pending.finish(Ok(token.shared(pending.life(), How::Coalesced)));
        }
    }

    /// Lets a failure be that of all whose own limits are no wider.
    fn fail(&self, failed: &Failed) {
        for pending in self.take_those(|pending| ends(failed.exceeded.as_ref(), pending)) {
            pending.finish(Err(failed.failure.clone()));
        }
    }

    /// Each calls for itself.
    fn part(&self) {
        self.close().iter().for_each(|pending| pending.call_alone());
    }

    /// Whether it is worth while to call once more for those whose time is not over yet.
    fn has_time(&self) -> bool {
        self.most_patient().is_some_and(|pending| {
            let most = pending.ask.callee.limit.timeout;
            pending.time_left().saturating_mul(LEAST_TIME_LEFT) >= most
        })
    }
}

impl Shared for Flight {
    fn leave(&self, pending: &Pending) {
        self.waiting.borrow_mut().retain(|one| !ptr::eq(&**one, pending));
        if !self.waiting.borrow().is_empty() {
            return;
        }
        // A call that the STS has seen goes on and fills the cache, but holds no worker.
        self.hold.release();
        if !self.sent.get() {
            let task = self.task.take();
            if let Some(task) = task {
                task.cancel();
            }
        }
    }
}

/// Whether a call that ended at a limit has ended for this request, too.
fn ends(exceeded: Option<&Exceeded>, pending: &Pending) -> bool {
    let limit = &pending.ask.callee.limit;
    match exceeded {
        // All that wait here are this worker's.
        None | Some(Exceeded::Worker) => true,
        Some(Exceeded::Calls(calls)) => {
            limit.calls.running <= calls.running && limit.calls.queued <= calls.queued
        }
        Some(Exceeded::Response(bytes)) => limit.response <= *bytes,
        Some(Exceeded::TokenType(token_type)) => {
            pending.ask.callee.token_types.check(token_type).is_err()
        }
        Some(Exceeded::Time) => pending.time_left() == 0,
    }
}

/// The end of a flight, however it comes: whoever waits must not wait for ever.
struct Landing(Rc<Flight>);

impl Drop for Landing {
    fn drop(&mut self) {
        // The duty to call goes to somebody else.
        self.0.lease.take();
        for pending in self.0.close() {
            let reason = "the call ended without a result";
            pending.finish(Err(Failure::new(FailureKind::BadAnswer, reason)));
        }
    }
}

/// What a flight does next. It is small: the task has it all the time.
enum Step {
    Lead(Lease),
    Look,
    /// For another worker's call.
    Wait(u64),
}

impl Flight {
    /// Gives those that wait what was found in the zone.
    fn meet(&self, found: Found) -> Step {
        match found {
            Found::Elsewhere(call) => return Step::Wait(call),
            Found::Lead(lease) => return Step::Lead(lease),
            Found::Failure(failed) => {
                self.fail(&failed);
                if failed.exceeded == Some(Exceeded::Time) && !self.has_time() {
                    // Each has a deadline of its own.
                    self.close();
                }
            }
            Found::Token(token) => self.share(&Rc::new(token)),
            Found::Unshared => self.part(),
        }
        Step::Look
    }
}

/// Gets a token, or tokens, until nobody waits any more. What it was started with is no argument of an
/// `async fn`, which would have it twice.
fn fly(landing: Landing, mut step: Step) -> impl Future<Output = ()> {
    let started = timer::now();
    async move {
        let flight = &landing.0;
        // Who boarded to call has nothing but the call to end its wait.
        let mut caller = flight.first().filter(|_| matches!(step, Step::Lead(_)));
        loop {
            let mut awaits = None;
            match step {
                Step::Wait(call) => {
                    let waited = timer::now().saturating_sub(started);
                    let pause = LAST_LOOK.min(FIRST_LOOK + waited / PATIENCE);
                    Timer::new(pause, flight.hold.clone()).await;
                    awaits = Some(call);
                }
                Step::Lead(lease) => {
                    let next = caller.take().or_else(|| flight.most_patient());
                    let Some(caller) = next else { return };
                    flight.lease.replace(Some(lease));
                    lead(flight, &caller).await;
                }
                Step::Look => {}
            }
            if flight.waiting.borrow().is_empty() {
                return;
            }
            step = flight
                .meet(flight.cache.find(&flight.key, awaits, |validity| flight.wants(validity)));
        }
    }
}

/// Makes the call that the flight has the lease for. Who waits on then wants another one.
async fn lead(flight: &Flight, caller: &Rc<Pending>) {
    heartbeat::start();
    let outcome = caller.ask.call(&flight.sent, flight.hold.clone()).await;
    let Some(lease) = flight.lease.take() else { return };
    flight.waiting.borrow_mut().retain(|pending| !Rc::ptr_eq(pending, caller));
    match outcome {
        Ok(mut token) => {
            if token.about == About::Unexpected {
                lease.share_nothing();
            } else {
                token.kept = lease.complete(&token, &caller.ask);
            }
            let token = Rc::new(token);
            caller.finish(Ok(token.shared(caller.life(), How::Miss)));
            flight.share(&token);
            // Nobody else's answer would suit them any better.
            flight.part();
        }
        Err(failed) => {
            match failed.exceeded {
                // Another worker has a queue and connections of its own, and may not end yet.
                Some(Exceeded::Calls(_) | Exceeded::Worker) => drop(lease),
                _ => lease.fail(&failed),
            }
            flight.sent.set(false);
            caller.finish(Err(failed.failure.clone()));
            flight.fail(&failed);
            if failed.exceeded == Some(Exceeded::Time) && !flight.has_time() {
                flight.close();
            }
        }
    }
}
