//! The exchanges that a visit makes before that of its location, which needs their results.

use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::error::{Failure, FailureKind};
use sts_flight::flights::Lookup;

use super::{Came, Visit, check_bound, check_expected, decode, settle};
use crate::carry::accept::{self, Taken};
use crate::carry::pass;
use crate::chain::{StepResult, VisitId};
use crate::conf::chain::Step;
use crate::conf::{Exchange, OnFailure};
use crate::context::{Outcome, Verdict};
use crate::minter::Once;
use crate::nginx::phase::Next;
use crate::nginx::request::OutOfMemory;
use crate::nginx::timer;
use crate::source::Source;
use crate::values::{self, Started, Values, Wanted};

/// How a step has ended.
pub(super) struct StepEnd<'s> {
    pub(super) source: &'s Source,
    pub(super) key: CacheKey,
    pub(super) outcome: Outcome,
    /// Milliseconds that the request waited for it.
    pub(super) took: u64,
    /// How the token is made anew, if the gateway has made it.
    pub(super) minted: Option<Rc<Once>>,
}

impl Visit<'_> {
    /// Milliseconds that are left for an exchange: its own time, within that of the location's exchange,
    /// which began with the first step.
    pub(super) fn time_for(&self, exchange: &Exchange) -> Result<u64, Failure> {
        let own = exchange.way.timeout();
        if self.exchange.chain.steps().is_empty() {
            return Ok(own);
        }
        let now = timer::now();
        let began = self.course.chain_started.in_visit(self.request.visit(), now);
        let all = self.exchange.way.timeout();
        match all.saturating_sub(now.saturating_sub(began)) {
            0 => Err(Failure::new(FailureKind::Timeout, format!("no answer within {all} ms"))),
            left => Ok(own.min(left)),
        }
    }

    /// Milliseconds that the exchange took of which the last call took so many: all of its steps are in it.
    pub(super) fn took_in_all(&self, last: u64) -> u64 {
        if self.exchange.chain.steps().is_empty() {
            return last;
        }
        let now = timer::now();
        now.saturating_sub(self.course.chain_started.in_visit(self.request.visit(), now))
    }

    /// Makes an exchange that the location's one needs. `None` when its result is there.
    pub(super) fn make_step(
        &self,
        id: VisitId,
        number: usize,
        step: &Step,
    ) -> Result<Option<Next>, OutOfMemory> {
        let Self { request, context, course, exchange, .. } = *self;
        let (steps, results) = (exchange.chain.steps(), &context.results);
        let inner = &step.exchange;
        let taken = results.show(id, steps, &step.needs, || {
            accept::take(request, context, course, &inner.carrier, inner.has_source())
        })?;
        let source = match taken {
            Taken::Source(source) => source,
            Taken::Waits => return Ok(Some(Next::Wait)),
            Taken::Refused(status) => return self.refuse_unreadable(status).map(Some),
        };
        let needed = results.needed(id, inner, steps, &step.needs);
        let source = Source { is_of_visit: needed.make(source.token.expose()), ..source };
        accept::remember(request, context, course, &inner.carrier, &source);
        let token = decode(inner, &source);
        let values =
            results.show(id, steps, &step.needs, || Values::of(request, inner, &source))?;
        let decoded = token.as_ref().unwrap_or(&source.token).expose();
        let key = values.key(inner, decoded, &needed);
        let check = |is_bound: &dyn Fn() -> bool| check_bound(inner, &source, is_bound);
        let token = token.as_ref();
        let started = token.map_err(Failure::clone).and_then(|token| {
            let (needed, time) = (&needed, self.time_for(inner)?);
            let wanted = Wanted { token, needed, key, time, turn: self.turn.as_deref() };
            values::start(inner, &values, &wanted, check)
        });
        let mut minted = None;
        let outcome = match started {
            Ok(Started::Later(turn)) => return self.wait_for_turn(turn).map(Some),
            Ok(Started::Known(Lookup::Waits(waiting))) => {
                return self.wait(waiting, source, key, Some(number)).map(Some);
            }
            Ok(Started::Known(Lookup::Hit(granted))) => {
                let once = |token| values.once(inner, token, &needed, granted.status);
                minted = token.ok().and_then(once);
                Outcome::Granted(granted)
            }
            Ok(Started::Known(Lookup::Refused(failure))) => Outcome::Remembered(failure),
            Err(failure) => Outcome::Failed(failure),
        };
        let took = self.turn.as_ref().map_or(0, |turn| turn.took());
        self.end_step(id, step, StepEnd { source: &source, key, outcome, took, minted })
    }

    /// A step has ended. Its failure is that of the location's exchange.
    pub(super) fn end_step(
        &self,
        id: VisitId,
        step: &Step,
        end: StepEnd<'_>,
    ) -> Result<Option<Next>, OutOfMemory> {
        let Self { request, context, exchange, .. } = *self;
        let StepEnd { source, key, outcome, took, minted } = end;
        let inner = &step.exchange;
        let is_remembered = matches!(outcome, Outcome::Remembered(_));
        let outcome = match outcome {
            Outcome::Granted(granted) => Ok(granted),
            Outcome::Failed(failure) | Outcome::Remembered(failure) => Err(failure),
            // A step has no visit before to take that of.
            Outcome::Same(_) | Outcome::Bypassed => {
                Err(Failure::new(FailureKind::BadAnswer, "the result is lost"))
            }
        };
        let checked = outcome.and_then(|granted| {
            // One that another location has got may be of no use here.
            pass::check_value(&inner.carrier, &granted)?;
            let expected = check_expected(request, inner, source, &granted, |evaluate| {
                let steps = exchange.chain.steps();
                context.results.show(id, steps, &step.needs, evaluate)
            });
            expected.map(|()| granted)
        });
        let failure = match checked {
            Ok(granted) => {
                settle(inner, Verdict::Granted, &Came::To(granted.status));
                let exchange = inner.clone();
                let next = Default::default();
                let result = StepResult { visit: id, exchange, granted, key, minted, next };
                context.results.push(result);
                return Ok(None);
            }
            Err(failure) => failure,
        };
        // Without a result of the step there is nothing to exchange.
        let (kind, verdict) = match inner.policy(failure.kind) {
            OnFailure::Pass => (FailureKind::MissingToken, Verdict::Passed(failure.kind)),
            OnFailure::Return => (failure.kind, Verdict::Refused(failure.kind)),
        };
        settle(inner, verdict, &if is_remembered { Came::ByMemory } else { Came::ToNone });
        let reason = format!("the exchange of \"{}\" failed: {}", step.name, failure.reason);
        // Not all sources were taken out yet.
        self.strip()?;
        let failure = Failure { kind, reason, ..failure };
        // That of the exchange itself was not looked for: a result would be missing in it.
        self.end_by(&inner.way, source.clone(), key, Outcome::Failed(failure), took).map(Some)
    }
}
