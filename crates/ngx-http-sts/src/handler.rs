//! What happens to a request in the phase that it is exchanged in.

use std::rc::Rc;

use sts_core::bound;
use sts_core::error::{Failure, FailureKind};
use sts_core::profile::{Parameter, Subject};
use sts_core::secret::Secret;

use crate::conf::settings::BoundTokens;
use crate::conf::{Exchange, OnFailure, Phase, State};
use crate::context::{Context, Outcome, Source};
use crate::flight::{self, Boarding};
use crate::flow::{Ask, Granted};
use crate::nginx::log::Level;
use crate::nginx::request::{OutOfMemory, Request};
use crate::nginx::suspend::suspend;
use crate::pending::Pending;
use crate::refusal;

/// What NGINX does with the request now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It goes on. Never "OK": an exchange authenticates nobody.
    GoOn,
    /// It waits, and the handler is entered again.
    Wait,
    /// It is answered with this status.
    Answer(u16),
}

const INTERNAL_SERVER_ERROR: u16 = 500;

/// The handler of all phases.
pub(crate) fn handle(request: Request<'_>, phase: Phase) -> Next {
    // A subrequest uses what its main request got.
    if !request.is_main() {
        return Next::GoOn;
    }
    let Some(location) = request.location() else { return Next::GoOn };
    match &location.state {
        State::Disabled => Next::GoOn,
        State::Incomplete(problem) => {
            request.log(Level::Error, format_args!("sts: no location took the request: {problem}"));
            Next::Answer(INTERNAL_SERVER_ERROR)
        }
        State::Enabled(exchange) if exchange.phase == phase => {
            run(request, exchange).unwrap_or(Next::Answer(INTERNAL_SERVER_ERROR))
        }
        State::Enabled(_) => Next::GoOn,
    }
}

fn run(request: Request<'_>, exchange: &Exchange) -> Result<Next, OutOfMemory> {
    let context = request.context_or_new()?;
    let pass = request.pass_number();
    if let Some(pending) = context.pending(pass) {
        // NGINX enters a waiting phase again whenever the client's connection becomes writable.
        let Some(outcome) = pending.take_outcome() else { return Ok(Next::Wait) };
        context.set_pending(pass, None);
        let took = pending.took();
        return settle(request, context, exchange, pending.ask.source.clone(), outcome, took);
    }
    if context.pass_of(exchange.id).is_some() {
        // A later pass of a request that has its token, or an error page of one that has none.
        return Ok(Next::GoOn);
    }
    let source = source(request, context, exchange)?;
    match start(request, exchange, &source) {
        Ok(Boarding::Later(pending)) => wait(request, context, exchange, pending),
        Ok(Boarding::Now(outcome)) => settle(request, context, exchange, source, outcome, 0),
        Err(Refusal::OutOfMemory) => Err(OutOfMemory),
        Err(Refusal::Failure(failure)) => {
            settle(request, context, exchange, source, Err(failure), 0)
        }
    }
}

fn wait(
    request: Request<'_>,
    context: &Context,
    exchange: &Exchange,
    pending: Rc<Pending>,
) -> Result<Next, OutOfMemory> {
    let left = pending.clone();
    match suspend(request, !exchange.ignore_client_abort, move || left.abandon()) {
        Ok(waiter) => pending.set_waiter(waiter),
        Err(error) => {
            pending.abandon();
            return Err(error);
        }
    }
    context.set_pending(request.pass_number(), Some(pending));
    Ok(Next::Wait)
}

/// Why no call was started.
enum Refusal {
    Failure(Failure),
    OutOfMemory,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<OutOfMemory> for Refusal {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// The source token: what the same expression gave before, else what it gives now.
fn source(
    request: Request<'_>,
    context: &Context,
    exchange: &Exchange,
) -> Result<Source, OutOfMemory> {
    let text = &exchange.carrier.source_text;
    let known = context.passes().find(|pass| pass.source.text == *text);
    if let Some(pass) = known {
        return Ok(pass.source.clone());
    }
    let token = exchange.carrier.source.evaluate(request).ok_or(OutOfMemory)?;
    Ok(Source { text: text.clone(), token: Rc::new(Secret::new(token)) })
}

fn start(request: Request<'_>, exchange: &Exchange, source: &Source) -> Result<Boarding, Refusal> {
    let token = source.token.expose();
    if token.is_empty() {
        return Err(Failure::new(FailureKind::MissingToken, "no source token").into());
    }
    if exchange.bound_tokens == BoundTokens::Refuse && is_bound(request, token) {
        let reason = "the source token is bound to a key of the client (STSBoundTokens)";
        return Err(Failure::new(FailureKind::BadToken, reason).into());
    }
    let mut values = Vec::with_capacity(exchange.parameters.len());
    for parameter in exchange.parameters.iter() {
        let value = parameter.value.evaluate(request).ok_or(OutOfMemory)?;
        // A variable that is empty for this request means that there is no such parameter.
        if parameter.literal || !value.is_empty() {
            values.push((parameter.name.as_str(), value));
        }
    }
    let ask = || Ask {
        callee: exchange.callee.clone(),
        source: source.clone(),
        parameters: values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Secret::new(&**value)))
            .collect::<Vec<_>>()
            .into(),
    };
    let Some(cache) = &exchange.cache else {
        let pending = Pending::new(ask());
        pending.call_alone();
        return Ok(Boarding::Later(pending));
    };
    let parameters: Vec<_> = values.iter().map(|(name, value)| Parameter { name, value }).collect();
    let subject = Subject { source: &source.token, parameters: &parameters };
    Ok(flight::board(cache, exchange.callee.key.of(&subject), ask))
}

/// RFC 9449, section 7.1: a token that came with the scheme DPoP is bound, whatever it looks like.
fn is_bound(request: Request<'_>, token: &[u8]) -> bool {
    let came_with_dpop = || {
        let (scheme, credentials) = request.authorization()?.split_at_checked(5)?;
        let same = credentials.trim_ascii() == token;
        Some(scheme.eq_ignore_ascii_case(b"DPoP ") && same)
    };
    bound::is_bound(token) || came_with_dpop() == Some(true)
}

fn settle(
    request: Request<'_>,
    context: &Context,
    exchange: &Exchange,
    source: Source,
    outcome: Result<Granted, Failure>,
    took: u64,
) -> Result<Next, OutOfMemory> {
    let target = exchange.carrier.target;
    let failure = match outcome {
        Ok(granted) => {
            context.push(exchange.id, target, source, Outcome::Granted(granted));
            return Ok(Next::GoOn);
        }
        Err(failure) => failure,
    };
    let kind = failure.kind;
    let policy = match kind {
        FailureKind::MissingToken => exchange.on_missing,
        _ => exchange.on_error,
    };
    report(request, exchange, &failure, took);
    match policy {
        OnFailure::Pass => {
            context.push(exchange.id, target, source, Outcome::Passed(kind));
            Ok(Next::GoOn)
        }
        OnFailure::Return => {
            context.push(exchange.id, target, source, Outcome::Failed(kind));
            refusal::prepare(request, &exchange.challenge, &failure)?;
            Ok(Next::Answer(kind.status()))
        }
    }
}

/// One line a failure: refusals of clients are everyday, outages are not.
fn report(request: Request<'_>, exchange: &Exchange, failure: &Failure, took: u64) {
    let level = match failure.kind {
        FailureKind::MissingToken => Level::Info,
        FailureKind::BadToken | FailureKind::Refused | FailureKind::Denied => Level::Warn,
        _ => Level::Error,
    };
    let endpoint = &exchange.callee.profile.endpoint;
    request.log(
        level,
        format_args!(
            "sts: {} exchange at \"{}\" failed: {}: {failure}, took {took} ms",
            exchange.callee.profile.protocol.name(),
            endpoint.authority(),
            failure.kind.name(),
        ),
    );
}
