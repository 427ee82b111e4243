//! A request that waits for a call.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use sts_core::error::{Failure, FailureKind};

use crate::failed::{Exceeded, Failed};
use crate::flight::Flight;
use crate::granted::{CacheStatus, Granted};
use crate::host::{Ask, Host};
use crate::rush::{self, Counted};

/// What a request waits for, and how it ended. The request and the call hold it together; either may
/// go first.
pub struct Waiting<H: Host> {
    ask: H::Ask,
    /// Milliseconds of the host's clock.
    started: u64,
    /// Milliseconds that it may take.
    time: u64,
    /// Boxed: it is large, and is not there while the request waits.
    outcome: RefCell<Option<Box<Result<Granted, Failed>>>>,
    request: RefCell<Option<H::Request>>,
    /// The request has gone.
    has_left: Cell<bool>,
    /// There was none: the call is for the next token, while the one that is there serves.
    is_refresh: bool,
    /// What the request waits for, which is told when it goes.
    call: RefCell<Option<Call<H>>>,
    deadline: RefCell<Option<H::Task>>,
    _counted: Counted,
}

/// The call that a request waits for.
enum Call<H: Host> {
    Alone(Alone<H>),
    Shared(Weak<Flight<H>>),
}

/// A call for one request.
struct Alone<H: Host> {
    task: H::Task,
    /// The STS may have seen something.
    sent: Rc<Cell<bool>>,
    hold: H::Hold,
}

impl<H: Host> Call<H> {
    /// The request has gone, and needs no answer any more.
    fn leave(self, waiting: &Waiting<H>) {
        match self {
            Self::Alone(alone) => {
                H::release(&alone.hold);
                // What still waits for its turn or its connection is of no use any more.
                if !alone.sent.get() {
                    H::cancel(&alone.task);
                }
            }
            Self::Shared(flight) => {
                if let Some(flight) = flight.upgrade() {
                    flight.leave(waiting);
                }
            }
        }
    }
}

impl<H: Host> Waiting<H> {
    pub(crate) fn new(ask: H::Ask) -> Rc<Self> {
        Self::made(ask, false)
    }

    /// For a call that no request waits for.
    pub(crate) fn for_refresh(ask: H::Ask) -> Rc<Self> {
        Self::made(ask, true)
    }

    fn made(ask: H::Ask, is_refresh: bool) -> Rc<Self> {
        let time = if is_refresh { ask.timeout_alone() } else { ask.timeout() };
        Rc::new(Self {
            ask,
            started: H::now(),
            time,
            outcome: RefCell::default(),
            request: RefCell::default(),
            has_left: Cell::new(is_refresh),
            is_refresh,
            call: RefCell::default(),
            deadline: RefCell::default(),
            _counted: rush::count::<H>(),
        })
    }

    /// Makes a call for one request alone: there is no cache.
    pub fn alone(ask: H::Ask) -> Rc<Self> {
        let waiting = Self::new(ask);
        waiting.call_alone();
        waiting
    }

    /// Whether there is no request, and the call is for the next token.
    pub(crate) fn is_refresh(&self) -> bool {
        self.is_refresh
    }

    /// What the request asks for.
    pub fn ask(&self) -> &H::Ask {
        &self.ask
    }

    /// Calls the STS for this request alone: there is no cache, or the answer may not be shared.
    pub(crate) fn call_alone(self: &Rc<Self>) {
        let sent = Rc::new(Cell::new(false));
        let hold = H::Hold::default();
        // Made here: a task that is cancelled before it first runs has to end the wait, too.
        let call = EndOfCall(self.clone());
        let (was_sent, held) = (sent.clone(), hold.clone());
        let task = H::spawn(async move {
            let waiting = &call.0;
            let outcome = waiting.ask.call(waiting.time_left(), &sent, hold).await;
            let granted =
                outcome.map(|token| token.granted(waiting.ask.policy(), CacheStatus::Miss));
            waiting.finish(granted);
        });
        self.call.replace(Some(Call::Alone(Alone { task, sent: was_sent, hold: held })));
    }

    /// Waits for a call that others wait for, too.
    pub(crate) fn wait_for(&self, flight: Weak<Flight<H>>) {
        self.call.replace(Some(Call::Shared(flight)));
    }

    /// Ends the wait when the time of this request is over, whatever others wait for.
    pub(crate) fn set_deadline(self: &Rc<Self>) {
        let waiting = Rc::downgrade(self);
        let timer = H::sleep(self.time_left(), H::Hold::default());
        let task = H::spawn(async move {
            timer.await;
            if let Some(waiting) = waiting.upgrade() {
                let reason = format!("no answer within {} ms", waiting.time);
                let call = waiting.call.take();
                let failure = Failure::new(FailureKind::Timeout, reason);
                waiting.finish(Err(Failed { failure, exceeded: Some(Exceeded::Time) }));
                // As for what it waited for, it has left.
                if let Some(call) = call {
                    call.leave(&waiting);
                }
            }
        });
        self.deadline.replace(Some(task));
    }

    /// The request that is resumed when the wait ends.
    pub fn set_request(&self, request: H::Request) {
        self.request.replace(Some(request));
    }

    /// Ends the wait; the first end counts.
    pub(crate) fn finish(&self, outcome: Result<Granted, Failed>) {
        if self.has_left.get() {
            // The flight says how a refresh has failed.
            if let (Err(failed), false) = (outcome, self.is_refresh) {
                self.ask.failed_after_leaving(&failed.failure, self.took());
            }
            return;
        }
        if self.is_over() {
            return;
        }
        self.outcome.replace(Some(Box::new(outcome)));
        self.stop_clock();
        self.call.take();
        if let Some(request) = &*self.request.borrow() {
            H::resume(request);
        }
    }

    /// Whether the request is still to be resumed.
    pub fn is_suspended(&self) -> bool {
        self.request.borrow().as_ref().is_some_and(H::is_suspended)
    }

    /// How it ended, once it has.
    pub fn take_outcome(&self) -> Option<Result<Granted, Failed>> {
        self.outcome.take().map(|outcome| *outcome)
    }

    /// Whether the request does not wait any more.
    pub fn is_over(&self) -> bool {
        self.has_left.get() || self.outcome.borrow().is_some()
    }

    /// Milliseconds since the start.
    pub fn took(&self) -> u64 {
        H::now().saturating_sub(self.started)
    }

    /// Milliseconds that it may take in all.
    pub(crate) fn time(&self) -> u64 {
        self.time
    }

    /// Milliseconds that are left of the time that it may take.
    pub fn time_left(&self) -> u64 {
        self.time.saturating_sub(self.took())
    }

    /// The request has gone.
    pub fn leave(&self) {
        self.has_left.set(true);
        self.stop_clock();
        let call = self.call.take();
        if let Some(call) = call {
            call.leave(self);
        }
    }

    fn stop_clock(&self) {
        if let Some(deadline) = self.deadline.take() {
            H::cancel(&deadline);
        }
    }
}

/// The end of a call, however it comes: the request must not wait for ever, even after a panic.
struct EndOfCall<H: Host>(Rc<Waiting<H>>);

impl<H: Host> Drop for EndOfCall<H> {
    fn drop(&mut self) {
        if !self.0.is_over() {
            self.0.finish(Err(lost().into()));
        }
    }
}

/// A call that was destroyed, or that panicked.
pub(crate) fn lost() -> Failure {
    Failure::new(FailureKind::BadAnswer, "the call ended without a result")
}
