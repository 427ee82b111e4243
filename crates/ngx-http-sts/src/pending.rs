//! A request that waits for a call.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use sts_core::error::{Failure, FailureKind};
use sts_core::life::LifePolicy;

use crate::flow::{Ask, Granted, How};
use crate::nginx::suspend::{Resumer, Waits};
use crate::nginx::task::{self, Task};
use crate::nginx::timer::{self, Hold, Timer};
use crate::report;

/// What a request waits for, and how it ended.
pub(crate) struct Pending {
    pub(crate) ask: Ask,
    /// Milliseconds of NGINX's clock.
    started: u64,
    outcome: RefCell<Option<Result<Granted, Failure>>>,
    waiter: RefCell<Option<Resumer>>,
    /// The request has gone.
    abandoned: Cell<bool>,
    /// What it waits for, which is told when it goes.
    call: RefCell<Option<Call>>,
    deadline: RefCell<Option<Task>>,
}

/// The call that a request waits for.
enum Call {
    Alone(Alone),
    Shared(Weak<dyn Shared>),
}

/// A call for several requests.
pub(crate) trait Shared {
    /// One of them needs no answer any more.
    fn leave(&self, pending: &Pending);
}

/// A call for one request.
struct Alone {
    task: Task,
    /// The STS may have seen something.
    sent: Rc<Cell<bool>>,
    hold: Hold,
}

impl Call {
    /// The request has gone, and needs no answer any more.
    fn leave(self, pending: &Pending) {
        match self {
            Self::Alone(alone) => {
                alone.hold.release();
                // What still waits for its turn or its connection is of no use to anybody.
                if !alone.sent.get() {
                    alone.task.cancel();
                }
            }
            Self::Shared(call) => {
                if let Some(call) = call.upgrade() {
                    call.leave(pending);
                }
            }
        }
    }
}

impl Pending {
    pub(crate) fn new(ask: Ask) -> Rc<Self> {
        Rc::new(Self {
            ask,
            started: timer::now(),
            outcome: RefCell::default(),
            waiter: RefCell::default(),
            abandoned: Cell::new(false),
            call: RefCell::default(),
            deadline: RefCell::default(),
        })
    }

    /// Calls the STS for this request alone: there is no cache, or the answer may not be shared.
    pub(crate) fn call_alone(self: &Rc<Self>) {
        let sent = Rc::new(Cell::new(false));
        let hold = Hold::default();
        let call = End(self.clone());
        let (was_sent, held) = (sent.clone(), hold.clone());
        let task = task::spawn(async move {
            let outcome = call.0.ask.call(&sent, hold).await;
            let granted = outcome.map(|token| token.granted(call.0.life(), How::Miss));
            call.0.finish(granted.map_err(|failed| failed.failure));
        });
        self.call.replace(Some(Call::Alone(Alone { task, sent: was_sent, hold: held })));
    }

    /// Waits for a call that others wait for, too.
    pub(crate) fn wait_for(&self, call: Weak<dyn Shared>) {
        self.call.replace(Some(Call::Shared(call)));
    }

    /// Ends the wait when the time of this request is over, whatever others wait for.
    pub(crate) fn set_deadline(self: &Rc<Self>) {
        let waiting = Rc::downgrade(self);
        let timeout = self.ask.callee.limit.timeout;
        let timer = Timer::new(self.time_left(), Hold::default());
        let task = task::spawn(async move {
            timer.await;
            if let Some(waiting) = waiting.upgrade() {
                let reason = format!("no answer within {timeout} ms");
                let call = waiting.call.take();
                waiting.finish(Err(Failure::new(FailureKind::Timeout, reason)));
                // As for what it waited for, it has left.
                if let Some(call) = call {
                    call.leave(&waiting);
                }
            }
        });
        self.deadline.replace(Some(task));
    }

    /// Who is resumed when the wait ends.
    pub(crate) fn set_waiter(&self, waiter: Resumer) {
        self.waiter.replace(Some(waiter));
    }

    /// Ends the wait; the first end counts.
    pub(crate) fn finish(&self, outcome: Result<Granted, Failure>) {
        if self.abandoned.get() {
            if let Err(failure) = outcome {
                report::abandoned(&self.ask.callee, &failure, self.took());
            }
            return;
        }
        if self.is_over() {
            return;
        }
        self.outcome.replace(Some(outcome));
        self.stop_clock();
        self.call.take();
        if let Some(waiter) = &*self.waiter.borrow() {
            waiter.resume();
        }
    }

    /// Whether the request is still to be resumed.
    pub(crate) fn is_suspended(&self) -> bool {
        self.waiter.borrow().as_ref().is_some_and(Resumer::is_suspended)
    }

    /// How it ended, once it has.
    pub(crate) fn take_outcome(&self) -> Option<Result<Granted, Failure>> {
        self.outcome.take()
    }

    /// Whether nobody waits any more.
    pub(crate) fn is_over(&self) -> bool {
        self.abandoned.get() || self.outcome.borrow().is_some()
    }

    /// Milliseconds since the start.
    pub(crate) fn took(&self) -> u64 {
        timer::now().saturating_sub(self.started)
    }

    /// Milliseconds that are left of the time that it may take.
    pub(crate) fn time_left(&self) -> u64 {
        self.ask.callee.limit.timeout.saturating_sub(self.took())
    }

    /// For how long it lets a token be used again.
    pub(crate) fn life(&self) -> &LifePolicy {
        &self.ask.callee.life
    }

    /// The request has gone.
    pub(crate) fn abandon(&self) {
        self.abandoned.set(true);
        self.stop_clock();
        let call = self.call.take();
        if let Some(call) = call {
            call.leave(self);
        }
    }

    fn stop_clock(&self) {
        if let Some(deadline) = self.deadline.take() {
            deadline.cancel();
        }
    }
}

impl Waits for Pending {
    fn left(&self) {
        self.abandon();
    }
}

/// The end of a call, however it comes: whoever waits must not wait for ever, even after a panic.
struct End(Rc<Pending>);

impl Drop for End {
    fn drop(&mut self) {
        if !self.0.is_over() {
            let reason = "the call ended without a result";
            self.0.finish(Err(Failure::new(FailureKind::BadAnswer, reason)));
        }
    }
}
