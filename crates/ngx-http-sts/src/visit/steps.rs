//! The exchanges that a visit makes before that of its location, which needs their results.

use sts_core::cache_key::CacheKey;
use sts_core::error::{Failure, FailureKind};
use sts_flight::flights::Lookup;
use sts_flight::granted::Granted;

use super::{Visit, check_bound, check_expected, decode};
use crate::carry::accept::{self, Taken};
use crate::carry::pass;
use crate::chain::{StepResult, VisitId};
use crate::conf::chain::Step;
use crate::conf::{Exchange, OnFailure};
use crate::context::Outcome;
use crate::nginx::phase::Next;
use crate::nginx::request::OutOfMemory;
use crate::nginx::timer;
use crate::source::Source;
use crate::values::{self, Values, Wanted};

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

    /// Makes an exchange that the location's one needs. `None` when its result is there.
    pub(super) fn make_step(
        &self,
        id: VisitId,
        number: usize,
        step: &Step,
    ) -> Result<Option<Next>, OutOfMemory> {
        let Self { request, context, course, exchange } = *self;
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
        let started = token.and_then(|token| {
            let (assertion, time) = (needed.assertion(), self.time_for(inner)?);
            values::start(inner, &values, &Wanted { token: &token, assertion, key, time }, check)
        });
        match started {
            Ok(Lookup::Waits(waiting)) => self.wait(waiting, source, key, Some(number)).map(Some),
            Ok(Lookup::Hit(granted)) => self.end_step(id, step, &source, key, Ok(granted), 0),
            Ok(Lookup::Refused(failure)) | Err(failure) => {
                self.end_step(id, step, &source, key, Err(failure), 0)
            }
        }
    }

    /// A step has ended. Its failure is that of the location's exchange.
    pub(super) fn end_step(
        &self,
        id: VisitId,
        step: &Step,
        source: &Source,
        key: CacheKey,
        outcome: Result<Granted, Failure>,
        took: u64,
    ) -> Result<Option<Next>, OutOfMemory> {
        let Self { request, context, exchange, .. } = *self;
        let inner = &step.exchange;
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
                let exchange = inner.clone();
                let next = Default::default();
                context.results.push(StepResult { visit: id, exchange, granted, key, next });
                return Ok(None);
            }
            Err(failure) => failure,
        };
        // Without a result of the step there is nothing to exchange.
        let kind = match inner.policy(failure.kind) {
            OnFailure::Pass => FailureKind::MissingToken,
            OnFailure::Return => failure.kind,
        };
        let reason = format!("the exchange of \"{}\" failed: {}", step.name, failure.reason);
        // Not all sources were taken out yet.
        self.strip()?;
        let failure = Failure { kind, reason, ..failure };
        // That of the exchange itself was not looked for: a result would be missing in it.
        self.end_by(&inner.way, source.clone(), key, Outcome::Failed(failure), took).map(Some)
    }
}
