//! The call for a key, and the requests of this worker that wait for it.

mod refresh;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::{mem, ptr};

use sts_core::cache_key::CacheKey;

use crate::election::{Election, Found};
use crate::failed::{Exceeded, Failed};
use crate::flight::refresh::{is_definitive, unexpected};
use crate::flights::Name;
use crate::granted::CacheStatus;
use crate::heartbeat;
use crate::host::{Ask, Host};
use crate::lease::Lease;
use crate::store::{self, Duty, Sought, StoreOf};
use crate::token::{Token, Validity};
use crate::waiting::{Waiting, lost};

pub(crate) use refresh::Refreshing;

/// Milliseconds between two looks for another worker's answer, at first and at last: all that wait have
/// it within 15 ms. A flight that has waited for long looks less often, since there may be many.
const FIRST_LOOK: u64 = 5;
const LAST_LOOK: u64 = 10;

/// Milliseconds of waiting that make it one more.
const PATIENCE: u64 = 100;

/// After a call that was not answered in time, another one is made for requests that have at least
/// this part of their time left. The others wait out what they have.
const LEAST_TIME_LEFT: u64 = 4;

/// The call for a key, and the requests of this worker that wait for it.
pub struct Flight<H: Host> {
    key: CacheKey,
    cache: Rc<H::Cache>,
    /// While this worker makes the call.
    lease: RefCell<Option<Lease<H::Cache>>>,
    waiting: RefCell<Vec<Rc<Waiting<H>>>>,
    /// The STS may have seen something.
    sent: Cell<bool>,
    hold: H::Hold,
    task: RefCell<Option<H::Task>>,
    /// The token that serves meanwhile, where the call is for the next one.
    refreshing: Option<Refreshing>,
}

/// What most flights do not do: their tasks have no room for it.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What a flight does next. It is small: the task has it all the time.
pub(crate) enum Step<H: Host> {
    Lead(Lease<H::Cache>),
    Look,
    /// For the call of another worker.
    Wait(u64),
}

impl<H: Host> Flight<H> {
    /// Begins one for a request.
    pub(crate) fn start(
        cache: &Rc<H::Cache>,
        key: CacheKey,
        name: Name<H>,
        waiting: &Rc<Waiting<H>>,
        step: Step<H>,
    ) {
        if !matches!(step, Step::Lead(_)) {
            // The deadline of a call of our own is the call's.
            waiting.set_deadline();
        }
        Self::take_off(cache, key, name, waiting, step, None);
    }

    fn take_off(
        cache: &Rc<H::Cache>,
        key: CacheKey,
        name: Name<H>,
        waiting: &Rc<Waiting<H>>,
        step: Step<H>,
        refreshing: Option<Refreshing>,
    ) {
        let hold = H::Hold::default();
        if refreshing.is_some() {
            // No request waits for it.
            H::release(&hold);
        }
        let flight = Rc::new(Self {
            key,
            cache: cache.clone(),
            lease: RefCell::default(),
            waiting: RefCell::default(),
            sent: Cell::new(false),
            hold,
            task: RefCell::default(),
            refreshing,
        });
        H::flights(|flights| flights.table.borrow_mut().insert(name, flight.clone()));
        flight.join(waiting);
        // Made here: a task that is cancelled before it first runs has to end the waits, too.
        let task = H::spawn(run(EndOfFlight(flight.clone()), step));
        flight.task.replace(Some(task));
    }

    pub(crate) fn join(self: &Rc<Self>, waiting: &Rc<Waiting<H>>) {
        let flight = Rc::downgrade(self);
        waiting.wait_for(flight);
        self.waiting.borrow_mut().push(waiting.clone());
    }

    /// Gives a sign of life, where this worker makes the call.
    pub(crate) fn renew(&self) {
        self.lease.borrow().iter().for_each(Lease::renew);
    }

    /// Whether a request that comes now needs a newer answer: what it asks for was purged since the call
    /// began.
    pub(crate) fn is_void(&self) -> bool {
        self.lease.borrow().as_ref().is_some_and(Lease::is_void)
    }

    /// A request needs no answer any more.
    pub(crate) fn leave(&self, waiting: &Waiting<H>) {
        self.waiting.borrow_mut().retain(|one| !ptr::eq(&**one, waiting));
        if !self.waiting.borrow().is_empty() {
            return;
        }
        // A call that the STS has seen goes on and fills the cache, but holds no worker.
        H::release(&self.hold);
        if !self.sent.get() {
            let task = self.task.take();
            if let Some(task) = task {
                H::cancel(&task);
            }
        }
    }

    /// The request that the first call is made for.
    fn first(&self) -> Option<Rc<Waiting<H>>> {
        self.waiting.borrow().first().cloned()
    }

    /// The request that a further call is made for: the one that has the most time left.
    fn most_patient(&self) -> Option<Rc<Waiting<H>>> {
        self.waiting.borrow().iter().max_by_key(|waiting| waiting.time_left()).cloned()
    }

    /// No request joins any more: one that comes now asks the cache.
    fn close(&self) -> Vec<Rc<Waiting<H>>> {
        let name = Name::new(&self.cache, self.key);
        let flight = H::flights(|flights| {
            let mut table = flights.table.borrow_mut();
            // Another one may have its place since a purge.
            let is_own = table.get(&name).is_some_and(|there| ptr::eq(&**there, self));
            if is_own { table.remove(&name) } else { None }
        });
        drop(flight);
        mem::take(&mut *self.waiting.borrow_mut())
    }

    /// Takes those out that the test is true of.
    fn take_those(&self, test: impl Fn(&Waiting<H>) -> bool) -> Vec<Rc<Waiting<H>>> {
        self.waiting.borrow_mut().extract_if(.., |waiting| test(waiting)).collect()
    }

    /// Gives a token to those that may use it. The others wait on.
    fn share(&self, token: &Rc<Token>) {
        let now = H::wall();
        let suits = |waiting: &Waiting<H>| token.validity.suits(waiting.ask().policy(), now);
        for waiting in self.take_those(suits) {
            let granted = token.shared(waiting.ask().policy(), CacheStatus::Coalesced);
            waiting.finish(Ok(granted));
        }
    }

    /// Lets a failure be that of all requests whose own limits are no wider.
    fn fail(&self, failed: &Failed) {
        for waiting in self.take_those(|waiting| is_ended_by(waiting, failed.exceeded.as_ref())) {
            waiting.finish(Err(failed.clone()));
        }
    }

    /// Makes a call of its own for each request.
    fn call_for_each(&self) {
        self.close().iter().for_each(|waiting| waiting.call_alone());
    }

    /// Whether it is worth while to call once more for the requests that have time left.
    fn has_time(&self) -> bool {
        self.most_patient().is_some_and(|waiting| {
            waiting.time_left().saturating_mul(LEAST_TIME_LEFT) >= waiting.time()
        })
    }

    /// Asks the cache what comes next, and gives those that wait what is there.
    fn look(&self, awaits: Option<u64>) -> Step<H> {
        let now = H::wall();
        let suits_one = |validity: &Validity| {
            let waiting = self.waiting.borrow();
            waiting.iter().any(|waiting| validity.suits(waiting.ask().policy(), now))
        };
        match self.cache.find(&self.key, awaits, suits_one) {
            Found::Elsewhere(call) => return Step::Wait(call),
            Found::Lead(call) => {
                return Step::Lead(Lease::new(self.cache.clone(), self.key, call));
            }
            Found::Failure(failed) | Found::Refused(failed) => {
                self.fail(&failed);
                self.give_up_without_time(&failed);
            }
            Found::Token(token) => self.share(&Rc::new(token)),
            Found::Unshared => self.call_for_each(),
        }
        Step::Look
    }

    /// Makes no further call where the last one took the time. Each request has a deadline of its own.
    fn give_up_without_time(&self, failed: &Failed) {
        if failed.exceeded == Some(Exceeded::Time) && !self.has_time() {
            self.close();
        }
    }

    /// Makes the call that the flight has the lease for. A request that waits on after it wants another
    /// one.
    async fn lead(&self, caller: &Rc<Waiting<H>>) {
        heartbeat::start::<H>();
        let duty = match self.cache.store() {
            Some(store) => match self.look_behind(store.clone(), caller.clone()).await {
                Some(duty) => duty,
                None => return,
            },
            None => None,
        };
        let outcome = caller.ask().call(caller.time_left(), &self.sent, self.hold.clone()).await;
        let Some(lease) = self.lease.take() else { return };
        self.waiting.borrow_mut().retain(|waiting| !Rc::ptr_eq(waiting, caller));
        match outcome {
            Ok(mut token) => {
                self.look_for_gain(&mut token);
                if caller.is_refresh() && !token.look.is_expected {
                    self.fail_refresh(lease, caller, &unexpected());
                } else if token.look.is_expected {
                    token.kept = lease.complete(&token, caller.ask());
                    duty.into_iter().for_each(|duty| duty.keep(&token, caller.ask()));
                } else {
                    lease.share_nothing();
                }
                let token = Rc::new(token);
                let granted = token.shared(caller.ask().policy(), CacheStatus::Miss);
                caller.finish(Ok(granted));
                self.share(&token);
                // No other answer would suit them any better.
                self.call_for_each();
            }
            Err(failed) => {
                if is_definitive(&failed) {
                    self.refuse(lease, caller, &failed);
                    duty.into_iter().for_each(|duty| duty.refuse());
                } else if caller.is_refresh() {
                    self.fail_refresh(lease, caller, &failed);
                } else if failed.is_of_worker() {
                    drop(lease);
                } else {
                    lease.fail(&failed);
                }
                self.sent.set(false);
                caller.finish(Err(failed.clone()));
                self.fail(&failed);
                self.give_up_without_time(&failed);
            }
        }
    }

    /// Looks into the store of the nodes. Returns the duty to call for all of them, where the store knows
    /// of it; `None` when the token was there.
    fn look_behind<'a>(
        &'a self,
        store: Rc<StoreOf<H>>,
        caller: Rc<Waiting<H>>,
    ) -> Boxed<'a, Option<Option<Box<Duty<H>>>>> {
        Box::pin(async move {
            let suits = |token: &Token| {
                let validity = &token.validity;
                validity.suits(caller.ask().policy(), H::wall())
                    && self.is_next(validity)
                    && !self.cache.is_suspect(&self.key, token)
            };
            match store::seek(store, self.key, &caller, suits, self.hold.clone()).await {
                Sought::Token(token) => {
                    self.use_stored(&caller, token);
                    None
                }
                Sought::Call(duty) => Some(duty.map(Box::new)),
            }
        })
    }

    /// Ends with a token that another node has got. It is not fresh: those that want a fresher one wait
    /// on.
    fn use_stored(&self, caller: &Rc<Waiting<H>>, mut token: Token) {
        let Some(lease) = self.lease.take() else { return };
        self.waiting.borrow_mut().retain(|waiting| !Rc::ptr_eq(waiting, caller));
        token.kept = lease.complete(&token, caller.ask());
        let token = Rc::new(token);
        caller.finish(Ok(token.shared(caller.ask().policy(), CacheStatus::Hit)));
        self.share(&token);
    }
}

/// Whether a call that ended at a limit has ended for this request, too.
fn is_ended_by<H: Host>(waiting: &Waiting<H>, exceeded: Option<&Exceeded>) -> bool {
    match exceeded {
        // All that wait here are this worker's.
        None | Some(Exceeded::Worker) => true,
        Some(Exceeded::Time) => waiting.time_left() == 0,
        Some(exceeded) => waiting.ask().is_ended_by(exceeded),
    }
}

/// The end of a flight, however it comes: a request must not wait for ever.
struct EndOfFlight<H: Host>(Rc<Flight<H>>);

impl<H: Host> Drop for EndOfFlight<H> {
    fn drop(&mut self) {
        // The duty to call goes to another worker.
        self.0.lease.take();
        for waiting in self.0.close() {
            waiting.finish(Err(lost().into()));
        }
    }
}

/// Gets a token, or tokens, until no request waits any more. What it was started with is no argument of
/// an `async fn`, which would have it twice.
fn run<H: Host>(end: EndOfFlight<H>, mut step: Step<H>) -> impl Future<Output = ()> {
    let started = H::now();
    async move {
        let flight = &end.0;
        // A request that came to call has nothing but the call to end its wait.
        let mut caller = flight.first().filter(|_| matches!(step, Step::Lead(_)));
        loop {
            let mut awaits = None;
            match step {
                Step::Wait(call) => {
                    let waited = H::now().saturating_sub(started);
                    let pause = LAST_LOOK.min(FIRST_LOOK + waited / PATIENCE);
                    H::sleep(pause, flight.hold.clone()).await;
                    awaits = Some(call);
                }
                Step::Lead(lease) => {
                    let next = caller.take().or_else(|| flight.most_patient());
                    let Some(caller) = next else { return };
                    flight.lease.replace(Some(lease));
                    flight.lead(&caller).await;
                }
                Step::Look => {}
            }
            if flight.waiting.borrow().is_empty() {
                return;
            }
            step = flight.look(awaits);
        }
    }
}
