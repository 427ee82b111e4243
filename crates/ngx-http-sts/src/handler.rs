//! What happens to a request in the phase that it is exchanged in.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::error::{Failure, FailureKind};
use sts_core::profile::{Names, Parameter, Subject};
use sts_core::secret::{Secret, SharedSecret};
use sts_core::source;

use crate::carry::accept::{self, Taken};
use crate::carry::pass;
use crate::conf::settings::BoundTokens;
use crate::conf::text::Text;
use crate::conf::{Exchange, LocationConf, OnFailure, Phase, State};
use crate::context::{Context, Outcome, Pass, Source};
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
    let Some(location) = request.location() else { return Next::GoOn };
    match &location.state {
        // A subrequest uses what its main request got.
        _ if !request.is_main() => elsewhere(request, location, phase),
        State::Disabled => elsewhere(request, location, phase),
        State::Incomplete(problem) => {
            request.log(Level::Error, format_args!("sts: no location took the request: {problem}"));
            Next::Answer(INTERNAL_SERVER_ERROR)
        }
        // An `if`, or a redirect into the middle of the phases, may bring a request to an exchange
        // whose phase has passed: better late than never.
        State::Enabled(exchange) if exchange.phase <= phase => {
            let next = run(request, exchange).and_then(|next| pass_on(request, exchange, next));
            next.unwrap_or(Next::Answer(INTERNAL_SERVER_ERROR))
        }
        State::Enabled(_) => Next::GoOn,
    }
}

/// Where no exchange is made. The phase before the content sees every pass.
fn elsewhere(request: Request<'_>, location: &LocationConf, phase: Phase) -> Next {
    if phase != Phase::PreContent {
        return Next::GoOn;
    }
    // A subrequest before the exchange must not show its backend a client's own token as a target. But
    // what it is about may be the source that stands in the same place.
    let removes = || {
        let carrier = location.exchange().map(|exchange| &exchange.carrier);
        carrier
            .is_some_and(|carrier| !carrier.pass.is_empty() && !carrier.passes_where_it_accepts())
    };
    let context = match request.context() {
        None if request.is_main() || !removes() => return Next::GoOn,
        Some(context) => Ok(context),
        None => request.context_or_new(),
    };
    let next = context.and_then(|context| pass::elsewhere(request, context, location));
    next.unwrap_or(Next::Answer(INTERNAL_SERVER_ERROR))
}

/// Puts the token where the location wants it. Also when there is none, and when the request is
/// answered and its error page comes from a backend, nothing is left that a client has put there.
fn pass_on(request: Request<'_>, exchange: &Exchange, next: Next) -> Result<Next, OutOfMemory> {
    let Some(context) = request.context().filter(|_| next != Next::Wait) else { return Ok(next) };
    let applied = context.applied();
    if applied.is_some_and(|applied| applied.is(request.pass_number(), &exchange.carrier)) {
        return Ok(next);
    }
    let judged = |pass: &&Pass| pass.is_judged(request.pass_number());
    let pass = context.pass_of(exchange.id).filter(judged).filter(|_| next == Next::GoOn);
    pass::apply(request, context, &exchange.carrier, pass.and_then(Pass::granted))?;
    Ok(next)
}

fn run(request: Request<'_>, exchange: &Exchange) -> Result<Next, OutOfMemory> {
    let context = request.context_or_new()?;
    let pass = request.pass_number();
    match context.reading_body() {
        Some(reading) if reading == pass => return Ok(Next::Wait),
        // NGINX could not read it and serves an error page.
        Some(_) => {
            accept::strip(request, &exchange.carrier, None)?;
            return Ok(Next::GoOn);
        }
        None => {}
    }
    if let Some(pending) = context.pending(pass) {
        // NGINX enters a waiting phase again whenever the client's connection becomes writable. An
        // outcome that is there already is for when the request is resumed, and only once.
        if pending.is_suspended() {
            return Ok(Next::Wait);
        }
        let Some(outcome) = pending.take_outcome() else { return Ok(Next::Wait) };
        context.set_pending(pass, None);
        let took = pending.took();
        let source = pending.ask.source.clone();
        return settle(request, context, exchange, source, pending.ask.key, outcome, took);
    }
    if let Some(applied) = context.applied() {
        if applied.is(pass, &exchange.carrier) {
            return Ok(Next::GoOn);
        }
        pass::withdraw(request, context)?;
    }
    let source = match accept::take(request, context, &exchange.carrier, exchange.has_source())? {
        Taken::Source(source) => source,
        Taken::Waits => return Ok(Next::Wait),
        Taken::Refused(status) => return Ok(Next::Answer(status)),
    };
    let token = decode(exchange, &source);
    let values = values(request, exchange)?;
    let decoded = token.as_ref().unwrap_or(&source.token).expose();
    let key = key(exchange, decoded, &values);
    if let Some(pass) = context.pass_of(exchange.id) {
        // An error page is served whatever its location would ask for.
        let is_refused = matches!(pass.outcome, Outcome::Failed(_));
        if is_refused || (pass.key == key && pass.source.fault == source.fault) {
            return meet_again(request, context, exchange, pass);
        }
    }
    match token.and_then(|token| start(exchange, &source, &token, &values, key)) {
        Ok(Boarding::Later(pending)) => wait(request, context, exchange, pending),
        Ok(Boarding::Now(granted)) => {
            settle(request, context, exchange, source, key, Ok(granted), 0)
        }
        Err(failure) => settle(request, context, exchange, source, key, Err(failure), 0),
    }
}

/// A later pass of a request whose exchange has ended. What was let through elsewhere has to meet the
/// policy that is in force here.
fn meet_again(
    request: Request<'_>,
    context: &Context,
    exchange: &Exchange,
    pass: &Pass,
) -> Result<Next, OutOfMemory> {
    let failure = match &pass.outcome {
        // The error page of a request that was refused.
        Outcome::Failed(_) => return Ok(go_on(request, pass)),
        Outcome::Granted(granted) => {
            let token = decode(exchange, &pass.source);
            let good = token
                .and_then(|token| {
                    let is_bound = || source::claims(token.expose()).is_bound;
                    check_bound(exchange, &pass.source, is_bound)
                })
                .and_then(|()| pass::check(&exchange.carrier, granted));
            match good {
                Ok(()) => return Ok(go_on(request, pass)),
                Err(failure) => failure,
            }
        }
        Outcome::Passed(kind) if exchange.policy(*kind) == OnFailure::Pass => {
            return Ok(go_on(request, pass));
        }
        Outcome::Passed(kind) => Failure::new(*kind, "an earlier location let it pass"),
    };
    settle(request, context, exchange, pass.source.clone(), pass.key, Err(failure), 0)
}

fn go_on(request: Request<'_>, pass: &Pass) -> Next {
    pass.judge(request.pass_number());
    Next::GoOn
}

/// `is_bound` tells whether the token itself says so.
fn check_bound(
    exchange: &Exchange,
    source: &Source,
    is_bound: impl FnOnce() -> bool,
) -> Result<(), Failure> {
    let allowed = exchange.bound_tokens == BoundTokens::Allow || !exchange.has_source();
    if allowed || !(source.with_dpop || is_bound()) {
        return Ok(());
    }
    let reason = "the source token is bound to a key of the client (STSBoundTokens)";
    Err(Failure::new(FailureKind::BadToken, reason))
}

fn wait(
    request: Request<'_>,
    context: &Context,
    exchange: &Exchange,
    pending: Rc<Pending>,
) -> Result<Next, OutOfMemory> {
    match suspend(request, !exchange.ignore_client_abort, Some(pending.clone())) {
        Ok(waiter) => pending.set_waiter(waiter),
        Err(error) => {
            pending.abandon();
            return Err(error);
        }
    }
    context.set_pending(request.pass_number(), Some(pending));
    Ok(Next::Wait)
}

/// The source token out of what it is encoded in.
fn decode(exchange: &Exchange, source: &Source) -> Result<SharedSecret, Failure> {
    if let Some(fault) = &source.fault {
        return Err(fault.clone());
    }
    let encoding = source.encoding.filter(|_| exchange.has_source());
    let Some(encoding) = encoding else { return Ok(source.token.clone()) };
    let decoded = encoding.decode(source.token.expose());
    decoded.map(|token| SharedSecret::new(token.expose())).map_err(|problem| {
        let reason = format!("the source token {problem} (STSSourceEncoding)");
        Failure::new(FailureKind::BadToken, reason)
    })
}

/// What a request brings to the exchange besides its token.
struct Values<'e> {
    /// Extra parameters by name.
    parameters: Vec<(&'e str, Cow<'e, [u8]>)>,
    client_id: Option<Cow<'e, [u8]>>,
    username: Option<Cow<'e, [u8]>>,
}

/// The values as they are for this request.
fn values<'e>(request: Request<'e>, exchange: &'e Exchange) -> Result<Values<'e>, OutOfMemory> {
    let mut parameters = Vec::with_capacity(exchange.parameters.len());
    for parameter in exchange.parameters.iter() {
        let value = parameter.text.evaluate(request)?;
        // A variable that is empty for this request means that there is no such parameter.
        if !value.is_empty() || !parameter.text.template.has_variables() {
            parameters.push((parameter.name.as_str(), value));
        }
    }
    let evaluate = |text: Option<&'e Text>| text.map(|text| text.evaluate(request)).transpose();
    Ok(Values {
        parameters,
        client_id: evaluate(exchange.client_id.as_deref())?,
        username: evaluate(exchange.username.as_deref().map(|username| &username.text))?,
    })
}

/// The name of what is asked for.
fn key(exchange: &Exchange, token: &[u8], values: &Values<'_>) -> CacheKey {
    let parameters: Vec<_> =
        values.parameters.iter().map(|(name, value)| Parameter { name, value }).collect();
    let subject = Subject { source: token, parameters: &parameters };
    let names =
        Names { client_id: values.client_id.as_deref(), username: values.username.as_deref() };
    exchange.callee.key.of_names(&subject, &names)
}

fn start(
    exchange: &Exchange,
    source: &Source,
    token: &SharedSecret,
    values: &Values<'_>,
    key: CacheKey,
) -> Result<Boarding, Failure> {
    let missing = |reason| Err(Failure::new(FailureKind::MissingToken, reason));
    if exchange.has_source() && token.expose().is_empty() {
        return missing("no source token");
    }
    if values.username.as_ref().is_some_and(|name| name.is_empty()) {
        return missing("there is nobody whose password the source token could be");
    }
    let looked = OnceCell::new();
    let claims = || *looked.get_or_init(|| source::claims(token.expose()));
    let check = |unbound: bool| check_bound(exchange, source, || !unbound && claims().is_bound);
    // Only what has passed the check asks.
    let ask = || Ask {
        callee: exchange.callee.clone(),
        source: source.clone(),
        token: token.clone(),
        key,
        parameters: values
            .parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Secret::new(&**value)))
            .collect(),
        client_id: values.client_id.as_deref().map(Rc::from),
        username: values.username.as_deref().map(Rc::from),
        claims: claims(),
        unbound: exchange.has_source() && exchange.bound_tokens == BoundTokens::Refuse,
    };
    let Some(cache) = &exchange.cache else {
        check(false)?;
        let pending = Pending::new(ask());
        pending.call_alone();
        return Ok(Boarding::Later(pending));
    };
    flight::board(cache, key, &exchange.callee.life, check, ask)
}

fn settle(
    request: Request<'_>,
    context: &Context,
    exchange: &Exchange,
    source: Source,
    key: CacheKey,
    outcome: Result<Granted, Failure>,
    took: u64,
) -> Result<Next, OutOfMemory> {
    let push = |outcome| context.push(exchange, source, key, outcome, request.pass_number());
    let passable =
        outcome.and_then(|granted| pass::check(&exchange.carrier, &granted).map(|()| granted));
    let failure = match passable {
        Ok(granted) => {
            push(Outcome::Granted(granted));
            return Ok(Next::GoOn);
        }
        Err(failure) => failure,
    };
    let kind = failure.kind;
    report(request, exchange, &failure, took);
    match exchange.policy(kind) {
        OnFailure::Pass => {
            push(Outcome::Passed(kind));
            Ok(Next::GoOn)
        }
        OnFailure::Return => {
            push(Outcome::Failed(kind));
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
        kind if kind.is_of_request() => Level::Warn,
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
