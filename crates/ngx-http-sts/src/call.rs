//! One call to an STS, as it is counted: what it is at, how it ends, and how long it takes.

use std::cell::Cell;
use std::rc::Rc;

use sts_core::error::{Failure, FailureKind};
use sts_counters::words::{CallResult, Duration, Gauge, Word};
use sts_net::breaker::{Policy, State};

use crate::callee::Callee;
use crate::counters::Tally;
use crate::http::Watch;
use crate::nginx::task;
use crate::nginx::timer::{self, Hold, Timer};
use crate::origin::Origin;
use crate::report;

/// A call. One that is dropped before it has ended was abandoned; one that never had its turn was none.
pub(crate) struct Call<'c> {
    callee: &'c Callee,
    /// The STS may have seen any of it.
    sent: &'c Cell<bool>,
    stage: Cell<Stage>,
}

#[derive(Clone, Copy)]
enum Stage {
    New,
    Queued,
    /// Since these milliseconds of NGINX's clock.
    Running(u64),
    Ended,
}

impl<'c> Call<'c> {
    pub(crate) fn to(callee: &'c Callee, sent: &'c Cell<bool>) -> Self {
        Self { callee, sent, stage: Cell::new(Stage::New) }
    }

    /// The call has ended so. Returns how many milliseconds it took, if it had its turn.
    pub(crate) fn end(&self, failure: Option<&Failure>) -> Option<u64> {
        let result = failure.map_or(CallResult::Ok, |failure| CallResult::of(failure.kind));
        self.end_as(result, failure.map(|failure| failure.kind))
    }

    fn end_as(&self, result: CallResult, kind: Option<FailureKind>) -> Option<u64> {
        let tally = &self.callee.tally;
        match self.stage.replace(Stage::Ended) {
            Stage::New | Stage::Ended => None,
            Stage::Queued => {
                tally.change(Gauge::CallsQueued, -1);
                None
            }
            Stage::Running(since) => {
                let took = timer::now().saturating_sub(since);
                tally.change(Gauge::CallsActive, -1);
                tally.count(Word::call(result));
                tally.observe(Duration::Call, took);
                report::call(self.callee, result, kind, took);
                Some(took)
            }
        }
    }
}

impl Watch for Call<'_> {
    fn waits(&self) {
        self.callee.tally.change(Gauge::CallsQueued, 1);
        self.stage.set(Stage::Queued);
    }

    fn begins(&self) {
        self.callee.tally.change(Gauge::CallsQueued, -1);
        self.callee.tally.change(Gauge::CallsActive, 1);
        self.stage.set(Stage::Running(timer::now()));
    }

    fn is_sent(&self, is_sent: bool) {
        self.sent.set(is_sent);
    }

    fn sees_breaker(&self, state: State, origin: &Rc<Origin>) {
        let tally = &self.callee.tally;
        tally.sees_breaker(state);
        if state == State::Open
            && let Some(policy) = self.callee.limit.breaker
        {
            watch_breaker(tally, origin, policy);
        }
    }
}

/// Sees to it that the counters show when the pause of a breaker is over, although no call comes.
fn watch_breaker(tally: &Rc<Tally>, origin: &Rc<Origin>, policy: Policy) {
    let Some(watched) = tally.watch_breaker() else { return };
    let (tally, origin) = (tally.clone(), origin.clone());
    task::spawn(Box::pin(async move {
        loop {
            let now = timer::now();
            let (state, pause) = {
                let breaker = origin.breaker().borrow();
                (breaker.state(policy, now), breaker.pause(policy, now))
            };
            tally.sees_breaker(state);
            let Some(pause) = pause else { break };
            let hold = Hold::default();
            // A worker that ends does not wait for it.
            hold.release();
            Timer::new(pause, hold).await;
        }
        drop(watched);
    }));
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.end_as(CallResult::Abandoned, None);
    }
}
