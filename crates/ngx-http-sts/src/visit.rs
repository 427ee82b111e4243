//! One visit of a request to a location with an exchange.
//!
//! The stages of a visit are those of [`Stage`]: a fresh one looks at the source, once; then the
//! request waits for its form or for a call; when the exchange has ended, the target is put in, once,
//! and the request goes on or is refused.

mod bypass;
mod settle;
mod steps;

use std::cell::Cell;
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::error::{Failure, FailureKind};
use sts_core::secret::SharedSecret;
use sts_core::source;
use sts_counters::words::Duration;
use sts_flight::flights::Lookup;
use sts_flight::granted::Granted;
use sts_flight::waiting::Waiting;

use crate::carry::accept::{self, Taken};
use crate::carry::{form, pass};
use crate::chain::VisitId;
use crate::conf::policy::BoundTokens;
use crate::conf::{Exchange, OnFailure};
use crate::context::{Context, Ended, Outcome, Verdict};
use crate::course::{Course, Refusal, Stage};
use crate::minter::Turn;
use crate::nginx::body::Reading;
use crate::nginx::phase::Next;
use crate::nginx::request::{OutOfMemory, Request};
use crate::nginx::suspend::suspend;
use crate::refusal;
use crate::report;
use crate::served::Served;
use crate::source::Source;
use crate::values::{self, Started, Values, Wanted};
use crate::way::Way;
use crate::worker::{Nginx, Waited};

use settle::{Came, settle};
use steps::StepEnd;

struct Visit<'v> {
    request: Request<'v>,
    context: &'v Context,
    course: &'v Course,
    exchange: &'v Rc<Exchange>,
    /// The turn that the request waited for to have a token made.
    turn: Option<Rc<Turn>>,
}

/// Makes the exchange of a request's location, or goes on with it.
pub(crate) fn make(request: Request<'_>, exchange: &Rc<Exchange>) -> Result<Next, OutOfMemory> {
    let context = request.context_or_new()?;
    let course = context.course(request);
    let visit = Visit { request, context, course, exchange, turn: None };
    match visit.course.stage(request) {
        Stage::Fresh => visit.begin(),
        // As for a call: what enters the phase before the request is resumed does not go on.
        Stage::Minting(turn) if turn.is_awaited() => Ok(Next::Wait),
        Stage::Minting(turn) => Visit { turn: Some(turn), ..visit }.begin(),
        Stage::ReadingBody => Ok(Next::Wait),
        Stage::Waiting(waited) => visit.go_on(&waited),
        Stage::Ended(number) if visit.has_judged(number) => Ok(Next::GoOn),
        // An `if` was chosen since, which says something else.
        Stage::Ended(_) => visit.begin(),
    }
}

impl Visit<'_> {
    fn has_judged(&self, number: usize) -> bool {
        let ended = self.context.ended(number);
        ended.is_some_and(|ended| Rc::ptr_eq(&ended.exchange.carrier, &self.exchange.carrier))
    }

    fn begin(&self) -> Result<Next, OutOfMemory> {
        let Self { request, context, course, exchange, .. } = *self;
        let carrier = &exchange.carrier;
        pass::withdraw(request, course)?;
        if course.refusal().is_some_and(|refusal| refusal.binds(exchange)) {
            return self.leave_refused();
        }
        // What was refused needs an exchange to go on.
        if course.refusal().is_none() && exchange.bypass.holds(request)? {
            return self.bypass();
        }
        if exchange.after_body && request.has_unread_body() {
            match course.read_body(request) {
                Reading::Done => {}
                Reading::Waits => return Ok(Next::Wait),
                Reading::Refused(status) => return self.refuse_unreadable(status),
            }
        }
        let id = VisitId { request: course.id(), visit: request.visit() };
        let steps = exchange.chain.steps();
        for (number, step) in steps.iter().enumerate() {
            if context.results.number(id, &step.exchange).is_some() {
                continue;
            }
            if let Some(next) = self.make_step(id, number, step)? {
                return Ok(next);
            }
        }
        let needs = exchange.chain.needs();
        let taken = context.results.show(id, steps, needs, || {
            accept::take(request, context, course, carrier, exchange.has_source())
        })?;
        let source = match taken {
            Taken::Source(source) => source,
            Taken::Waits => return Ok(Next::Wait),
            Taken::Refused(status) => return self.refuse_unreadable(status),
        };
        let needed = context.results.needed(id, exchange, steps, needs);
        let is_of_visit = needed.make(source.token.expose());
        let source = Source { is_of_visit, ..source };
        let token = decode(exchange, &source);
        let values =
            context.results.show(id, steps, needs, || Values::of(request, exchange, &source))?;
        let decoded = token.as_ref().unwrap_or(&source.token).expose();
        let key = values.key(exchange, decoded, &needed);
        if let Some(number) = context.same(exchange.id, &key, source.fault.as_deref()) {
            return self.end(source, key, Outcome::Same(number), 0);
        }
        let check = |is_bound: &dyn Fn() -> bool| check_bound(exchange, &source, is_bound);
        let started = token.and_then(|token| {
            let (token, needed, time) = (&token, &needed, self.time_for(exchange)?);
            let wanted = Wanted { token, needed, key, time, turn: self.turn.as_deref() };
            values::start(exchange, &values, &wanted, check)
        });
        let outcome = match started {
            Ok(Started::Later(turn)) => return self.wait_for_turn(turn),
            Ok(Started::Known(Lookup::Waits(waiting))) => {
                return self.wait(waiting, source, key, None);
            }
            Ok(Started::Known(Lookup::Hit(granted))) => Outcome::Granted(granted),
            Ok(Started::Known(Lookup::Refused(failure))) => Outcome::Remembered(failure),
            Err(failure) => Outcome::Failed(failure),
        };
        let took = self.turn.as_ref().map_or(0, |turn| turn.took());
        self.end(source, key, outcome, took)
    }

    /// Others have a token made that takes long: the request goes on from the beginning when it is its turn.
    fn wait_for_turn(&self, turn: Rc<Turn>) -> Result<Next, OutOfMemory> {
        let Self { request, course, exchange, .. } = *self;
        turn.suspend(request, !exchange.ignore_client_abort)?;
        course.set_stage(request.visit(), Stage::Minting(turn));
        Ok(Next::Wait)
    }

    /// NGINX cannot read the body, and answers with this status.
    fn refuse_unreadable(&self, status: u16) -> Result<Next, OutOfMemory> {
        let Self { request, course, exchange, .. } = *self;
        course.refuse(Refusal::unreadable(status));
        accept::strip(request, &exchange.carrier, None)?;
        pass::apply(request, course, &exchange.carrier, None)?;
        Ok(Next::Answer(status))
    }

    /// A request that was refused, and that this exchange cannot help: where it may go is judged
    /// before the content. Its error page may come from a backend, which is to see neither a source
    /// nor what a client sent in the place of a target.
    fn leave_refused(&self) -> Result<Next, OutOfMemory> {
        let Self { request, course, exchange, .. } = *self;
        self.strip()?;
        pass::apply(request, course, &exchange.carrier, None)?;
        Ok(Next::GoOn)
    }

    /// Removes the sources of the exchange, and of those that it needs, and notes those that were not
    /// looked at yet: a later visit may need them.
    fn strip(&self) -> Result<(), OutOfMemory> {
        let Self { request, context, course, exchange, .. } = *self;
        let inner = exchange.chain.steps().iter().map(|step| &step.exchange.carrier);
        let all = inner.chain([&exchange.carrier]);
        for carrier in all.clone() {
            accept::look_ahead(request, context, course, carrier)?;
        }
        for carrier in all {
            let form = form::as_read(request, course, carrier);
            accept::strip(request, carrier, form)?;
        }
        Ok(())
    }

    fn wait(
        &self,
        waiting: Rc<Waiting<Nginx>>,
        source: Source,
        key: CacheKey,
        step: Option<usize>,
    ) -> Result<Next, OutOfMemory> {
        let Self { request, course, exchange, .. } = *self;
        let waited = Rc::new(Waited { waiting, source, key, step });
        match suspend(request, !exchange.ignore_client_abort, Some(waited.clone())) {
            Ok(resumer) => waited.waiting.set_request(resumer),
            Err(error) => {
                waited.waiting.leave();
                return Err(error);
            }
        }
        course.set_stage(request.visit(), Stage::Waiting(waited));
        Ok(Next::Wait)
    }

    fn go_on(&self, waited: &Waited) -> Result<Next, OutOfMemory> {
        let Waited { waiting, source, key, step } = waited;
        // NGINX enters a waiting phase again whenever the client's connection becomes writable. An
        // outcome that is there already is for when the request is resumed, and only once.
        if waiting.is_suspended() {
            return Ok(Next::Wait);
        }
        let Some(outcome) = waiting.take_outcome() else { return Ok(Next::Wait) };
        waiting.ask().callee.tally.observe(Duration::Wait, waiting.took());
        let outcome = match outcome {
            Ok(granted) => Outcome::Granted(granted),
            Err(failed) => Outcome::Failed(failed.failure),
        };
        let steps = self.exchange.chain.steps();
        if let Some(step) = step.and_then(|number| steps.get(number)) {
            let id = VisitId { request: self.course.id(), visit: self.request.visit() };
            let (key, took) = (*key, waiting.took());
            let ended =
                self.end_step(id, step, StepEnd { source, key, outcome, took, minted: None })?;
            return ended.map_or_else(|| self.begin(), Ok);
        }
        self.end(source.clone(), *key, outcome, waiting.took())
    }

    /// The exchange has ended: the target is put in, and the request goes on or is refused.
    fn end(
        &self,
        source: Source,
        key: CacheKey,
        outcome: Outcome,
        took: u64,
    ) -> Result<Next, OutOfMemory> {
        self.end_by(&self.exchange.way, source, key, outcome, took)
    }

    /// [`Self::end`], where the failure is that of a call to this one.
    fn end_by(
        &self,
        way: &Way,
        source: Source,
        key: CacheKey,
        outcome: Outcome,
        took: u64,
    ) -> Result<Next, OutOfMemory> {
        let Self { request, context, course, exchange, .. } = *self;
        let failure = self.failure(&source, &outcome);
        let verdict = match &failure {
            None => Verdict::Granted,
            Some(failure) => match exchange.policy(failure.kind) {
                OnFailure::Pass => Verdict::Passed(failure.kind),
                OnFailure::Return => Verdict::Refused(failure.kind),
            },
        };
        // What was counted when the same was asked for before is not counted again.
        let is_new = match (&outcome, &failure) {
            (Outcome::Same(_), None) => false,
            (Outcome::Same(_), Some(failure)) => {
                !matches!(context.result(&outcome), Some(Err(before)) if before == failure)
            }
            _ => true,
        };
        let is_remembered = context.is_remembered(&outcome);
        let number = self.note(source, key, outcome, verdict, took);
        let granted = context.ended(number).and_then(|ended| context.granted(ended));
        if is_new {
            let came = match (granted, is_remembered) {
                (Some(granted), _) => Came::To(granted.status),
                (None, true) => Came::ByMemory,
                (None, false) => Came::ToNone,
            };
            settle(exchange, verdict, &came);
        }
        pass::apply(request, course, &exchange.carrier, granted)?;
        let Some(failure) = failure else { return Ok(Next::GoOn) };
        report::failure(request, way, &failure, took);
        if !matches!(verdict, Verdict::Refused(_)) {
            return Ok(Next::GoOn);
        }
        let refused = Refusal::by(exchange, &failure);
        course.refuse(refused);
        refusal::prepare(request, &exchange.challenge, &failure, refused.status)?;
        Ok(Next::Answer(refused.status))
    }

    /// Notes how the exchange has ended in this visit, and gives that a number.
    fn note(
        &self,
        source: Source,
        key: CacheKey,
        outcome: Outcome,
        verdict: Verdict,
        took: u64,
    ) -> usize {
        let Self { request, context, course, exchange, .. } = *self;
        let number = context.push(Ended {
            course: course.id(),
            exchange: exchange.clone(),
            source,
            key,
            outcome,
            verdict,
            took: self.took_in_all(took),
            is_suspect: Cell::default(),
            next: Default::default(),
        });
        course.set_stage(request.visit(), Stage::Ended(number));
        number
    }

    /// Why the request has no token that it can use here. What was issued for another visit, or for
    /// another request of the client, has to meet what holds here.
    fn failure(&self, source: &Source, outcome: &Outcome) -> Option<Failure> {
        let Self { context, exchange, .. } = *self;
        let Some(result) = context.result(outcome) else {
            return Some(Failure::new(FailureKind::BadAnswer, "the result is lost"));
        };
        let granted = match result {
            Ok(granted) => granted,
            Err(failure) => return Some(failure.clone()),
        };
        let check = || {
            if matches!(outcome, Outcome::Same(_)) {
                let token = decode(exchange, source)?;
                let actor = source.actor.as_ref();
                let is_bound = |token: &SharedSecret| source::claims(token.expose()).is_bound;
                check_bound(exchange, source, &|| is_bound(&token) || actor.is_some_and(is_bound))?;
            }
            pass::check(&exchange.carrier, granted)?;
            let id = VisitId { request: self.course.id(), visit: self.request.visit() };
            let chain = &exchange.chain;
            check_expected(self.request, exchange, source, granted, |evaluate| {
                context.results.show(id, chain.steps(), chain.needs(), evaluate)
            })
        };
        check().err()
    }
}

/// Whether a token is what the location expects. `evaluate` runs what evaluates values.
fn check_expected(
    request: Request<'_>,
    exchange: &Exchange,
    source: &Source,
    granted: &Granted,
    evaluate: impl for<'f> FnOnce(&'f mut dyn FnMut() -> Result<(), Failure>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    // What the gateway makes itself is as it was asked for.
    let Way::Call(callee) = &exchange.way else { return Ok(()) };
    let expect = &callee.expect;
    expect.judge(granted.findings)?;
    if !expect.needs_subject(granted.findings) {
        return Ok(());
    }
    let token = decode(exchange, source)?;
    evaluate(&mut || {
        let values = Values::of(request, exchange, source).map_err(|OutOfMemory| {
            Failure::new(FailureKind::BadAnswer, "no memory for the values of the request")
        })?;
        values.check_subject(callee, token.expose(), granted.token.issued().expose())
    })
}

/// `is_bound` tells whether the token itself says so.
fn check_bound(
    exchange: &Exchange,
    source: &Source,
    is_bound: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    // Claims are no token of the client.
    let is_token = exchange.has_source() && matches!(exchange.way, Way::Call(_));
    let allowed = exchange.bound_tokens == BoundTokens::Allow || !is_token;
    if allowed || !(source.with_dpop || is_bound()) {
        return Ok(());
    }
    let reason = "the source token is bound to a key of the client (STSBoundTokens)";
    Err(Failure::new(FailureKind::BadToken, reason))
}

/// The source token out of what it is encoded in.
fn decode(exchange: &Exchange, source: &Source) -> Result<SharedSecret, Failure> {
    if let Some(fault) = &source.fault {
        return Err((**fault).clone());
    }
    let encoding = source.encoding.filter(|_| exchange.has_source());
    let Some(encoding) = encoding else { return Ok(source.token.clone()) };
    let decoded = encoding.decode(source.token.expose());
    decoded.map(|token| SharedSecret::new(token.expose())).map_err(|problem| {
        let reason = format!("the source token {problem} (STSSourceEncoding)");
        Failure::new(FailureKind::BadToken, reason)
    })
}
