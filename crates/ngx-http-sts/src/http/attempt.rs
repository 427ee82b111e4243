//! What one call tells of an STS, for the calls that follow it (`STSBreaker`).

use std::cell::Cell;
use std::rc::Rc;

use sts_core::now::UnixTime;
use sts_core::retry_after;
use sts_net::breaker::{Admission, Change, Outcome, Policy, State};
use sts_net::calls::{Permit, Share};
use sts_net::http1::answer::Answer;

use crate::http::destination::Destination;
use crate::http::error::CallError;
use crate::http::limit::Limit;
use crate::nginx::clock;
use crate::nginx::log::{self, Level};
use crate::nginx::peer::ConnectError;
use crate::nginx::timer;
use crate::origin::{OpenError, Origin};

/// A call, from when it asks for its turn. One that is destroyed has told nothing.
pub(super) struct Attempt<'c> {
    destination: &'c Rc<Destination>,
    pub(super) limit: &'c Limit,
    /// What its calls have in common with others.
    share: Option<Share>,
    /// Held until the call has ended.
    turn: Cell<Option<Permit>>,
    admission: Cell<Option<Admission>>,
}

impl<'c> Attempt<'c> {
    pub(super) fn new(
        destination: &'c Rc<Destination>,
        limit: &'c Limit,
        share: Option<Share>,
    ) -> Self {
        Self { destination, limit, share, turn: Cell::default(), admission: Cell::default() }
    }

    /// Whether the call has a turn, and need not wait for it.
    pub(super) fn has_turn(&self) -> Result<bool, CallError> {
        let turn = self.origin().calls().turn_now(self.limit.calls, self.share)?;
        let has_turn = turn.is_some();
        self.turn.set(turn);
        Ok(has_turn)
    }

    pub(super) async fn wait_for_turn(&self) -> Result<(), CallError> {
        let turn = self.origin().calls().turn(self.limit.calls).of(self.share).await?;
        self.turn.set(Some(turn));
        Ok(())
    }

    pub(super) fn origin(&self) -> &'c Rc<Origin> {
        self.destination.origin()
    }

    /// Whether the call may be made.
    pub(super) fn check(&self) -> Result<(), CallError> {
        let checked =
            self.destination.origin().breaker().borrow().check(self.limit.breaker, timer::now());
        checked.map_err(CallError::Halted)
    }

    /// How the breaker stands, where there is one.
    pub(super) fn breaker(&self) -> Option<State> {
        let policy = self.limit.breaker?;
        Some(self.origin().breaker().borrow().state(policy, timer::now()))
    }

    /// It is made now.
    pub(super) fn begin(&self) -> Result<(), CallError> {
        let begun = self
            .destination
            .origin()
            .breaker()
            .borrow_mut()
            .begin(self.limit.breaker, timer::now());
        self.admission.set(Some(begun.map_err(CallError::Halted)?));
        Ok(())
    }

    /// It has ended, for which it had so many milliseconds.
    pub(super) fn end(&self, answer: &Result<Answer, CallError>, time: u64) {
        let outcome = match answer {
            Ok(answer) => of_answer(answer),
            Err(error) => self.of_error(error, time),
        };
        self.note(outcome);
        self.turn.take();
    }

    fn of_error(&self, error: &CallError, time: u64) -> Outcome {
        // Enough to blame the STS when it is over.
        let is_patient = time >= self.limit.timeout / 2;
        match error {
            CallError::Open(
                OpenError::Credentials(_) | OpenError::Connect(ConnectError::Exhausted { .. }),
            ) => Outcome::Nothing,
            CallError::Open(_) | CallError::Lost(_) | CallError::Silent(_) => Outcome::Failed,
            CallError::Timeout(_) if is_patient => Outcome::Failed,
            CallError::Timeout(_)
            | CallError::Halted(_)
            | CallError::Queue(_)
            | CallError::Unwritten(_) => Outcome::Nothing,
            CallError::Malformed(_) | CallError::TooLarge(_) => Outcome::Answered,
        }
    }

    fn note(&self, outcome: Outcome) {
        // A call that had no turn says nothing.
        let Some(admission) = self.admission.take() else { return };
        let (change, allowance) = {
            let mut breaker = self.destination.origin().breaker().borrow_mut();
            let change = breaker.end(admission, self.limit.breaker, outcome, timer::now());
            (change, breaker.allowance())
        };
        self.destination.origin().calls().set_allowance(allowance);
        match (change, self.limit.breaker) {
            (Change::Opened, Some(Policy { failures, time })) => log::cycle(
                Level::Warn,
                format_args!(
                    "sts: the STS \"{}\" did not answer {failures} calls in a row: no call is made for \
                     {} s, and then one (STSBreaker)",
                    self.destination.shown(),
                    time.div_ceil(1000),
                ),
            ),
            (Change::Closed, _) => log::cycle(
                Level::Notice,
                format_args!(
                    "sts: the STS \"{}\" answers again (STSBreaker)",
                    self.destination.shown()
                ),
            ),
            (Change::None | Change::Opened, _) => {}
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.note(Outcome::Nothing);
    }
}

/// 502 and 504 are what a gateway says before a server that is not there, and 503 one that cannot.
fn of_answer(answer: &Answer) -> Outcome {
    let pause = || retry_after::seconds(&answer.headers, UnixTime(clock::milliseconds() / 1000));
    match answer.status.as_u16() {
        429 | 503 => match (pause(), answer.status.as_u16()) {
            (Some(seconds), _) => Outcome::Paused(seconds.saturating_mul(1000)),
            (None, 429) => Outcome::Answered,
            (None, _) => Outcome::Failed,
        },
        502 | 504 => Outcome::Failed,
        _ => Outcome::Answered,
    }
}
