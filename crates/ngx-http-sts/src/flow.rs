//! One exchange at an STS, from the source token to the target token.
//!
//! The call belongs to the worker, not to the request that started it: it owns all that it uses, and
//! a client that leaves does not take it away from a connection that can be kept. (The shared cache
//! has its place here: asked before a call, filled after it.)

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use sts_core::error::{Failure, FailureKind};
use sts_core::issued::Issued;
use sts_core::profile::{Incoming, Outgoing};

use crate::conf::exchange::Callee;
use crate::context::Source;
use crate::net;
use crate::nginx::clock;
use crate::nginx::log::{self, Level};
use crate::nginx::suspend::Resumer;
use crate::nginx::task::{self, Task};
use crate::nginx::timer::{self, Hold};

/// An exchange that a request waits for.
pub(crate) struct Pending {
    pub(crate) source: Source,
    /// Milliseconds of NGINX's clock.
    started: u64,
    outcome: RefCell<Option<Result<Issued, Failure>>>,
    waiter: RefCell<Option<Resumer>>,
    task: RefCell<Option<Task>>,
    /// The STS may have seen something of the request.
    sent: Cell<bool>,
    /// The request has gone.
    abandoned: Cell<bool>,
    hold: Hold,
}

impl Pending {
    /// Starts a call.
    pub(crate) fn start(callee: Rc<Callee>, outgoing: Outgoing, source: Source) -> Rc<Self> {
        let pending = Rc::new(Self {
            source,
            started: timer::now(),
            outcome: RefCell::default(),
            waiter: RefCell::default(),
            task: RefCell::default(),
            sent: Cell::new(false),
            abandoned: Cell::new(false),
            hold: Hold::default(),
        });
        let task = task::spawn(run(callee, outgoing, pending.clone()));
        pending.task.replace(Some(task));
        pending
    }

    /// Who is resumed when the call ends.
    pub(crate) fn set_waiter(&self, waiter: Resumer) {
        self.waiter.replace(Some(waiter));
    }

    /// How the call ended, once it has.
    pub(crate) fn take_outcome(&self) -> Option<Result<Issued, Failure>> {
        self.outcome.take()
    }

    /// Milliseconds since the start.
    pub(crate) fn took(&self) -> u64 {
        timer::now().saturating_sub(self.started)
    }

    /// Nobody waits any more. A call that the STS has seen goes on, but holds no worker; one that
    /// still waits for its turn or its connection is of no use to anybody.
    pub(crate) fn abandon(&self) {
        self.abandoned.set(true);
        self.hold.release();
        if !self.sent.get()
            && let Some(task) = self.task.take()
        {
            task.cancel();
        }
    }
}

async fn run(callee: Rc<Callee>, outgoing: Outgoing, pending: Rc<Pending>) {
    let end = End(pending);
    let pending = &end.0;
    let outcome = exchange(&callee, outgoing, pending).await;
    if pending.abandoned.get() {
        report_abandoned(&callee, pending, outcome.err());
    } else {
        pending.outcome.replace(Some(outcome));
    }
}

/// The end of a call, however it comes: whoever waits must not wait for ever, even after a panic.
struct End(Rc<Pending>);

impl Drop for End {
    fn drop(&mut self) {
        let pending = &self.0;
        pending.task.take();
        if pending.abandoned.get() {
            return;
        }
        pending.outcome.borrow_mut().get_or_insert_with(|| {
            Err(Failure::new(FailureKind::BadAnswer, "the call ended without a result"))
        });
        if let Some(waiter) = pending.waiter.take() {
            waiter.resume();
        }
    }
}

fn report_abandoned(callee: &Callee, pending: &Pending, failure: Option<Failure>) {
    let Some(failure) = failure else { return };
    log::cycle(
        Level::Info,
        format_args!(
            "sts: {} exchange at \"{}\" failed after its client had left: {}: {failure}, \
             took {} ms",
            callee.profile.protocol.name(),
            callee.profile.endpoint.authority(),
            failure.kind.name(),
            pending.took(),
        ),
    );
}

async fn exchange(
    callee: &Callee,
    outgoing: Outgoing,
    pending: &Pending,
) -> Result<Issued, Failure> {
    let hold = pending.hold.clone();
    let answer =
        net::call(&callee.destination, outgoing, &callee.limit, &pending.sent, hold).await?;
    let answer = Incoming { status: answer.status, headers: &answer.headers, body: &answer.body };
    callee.profile.response(&answer, &clock::now())
}
