//! The source token is found, and removed from what goes upstream.

use std::borrow::Cow;

use sts_core::carry::name::Likeness;
use sts_core::carry::place::{Kind, Place};
use sts_core::carry::{Found, cookies, credentials, pairs};
use sts_core::error::{Failure, FailureKind};
use sts_core::secret::{Secret, SharedSecret};

use crate::carry::form::{self, Form};
use crate::conf::Carrier;
use crate::conf::actor_token::ActorToken;
use crate::conf::carrier::{Accepted, Variables};
use crate::context::{Context, Ended};
use crate::course::Course;
use crate::nginx::fields::{Change, Field};
use crate::nginx::request::{OutOfMemory, Request};
use crate::source::{Look, Source};

/// The scheme of tokens that are bound to a key (RFC 9449, section 7.1).
const DPOP: &str = "DPoP";

/// What looking for a source token came to.
pub(crate) enum Taken {
    Source(Source),
    /// The request is entered again when its body is there.
    Waits,
    /// NGINX answers with this status.
    Refused(u16),
}

/// The source token of a request, with what acts for it: what the same places gave before, else what
/// they give now. What is to be removed of it is removed.
pub(crate) fn take(
    request: Request<'_>,
    context: &Context,
    course: &Course,
    carrier: &Carrier,
    has_source: bool,
) -> Result<Taken, OutOfMemory> {
    let (source, body) = match see(request, context, course, carrier, has_source)? {
        Seen::Source(source, body) => (source, body),
        Seen::Waits => return Ok(Taken::Waits),
        Seen::Refused(status) => return Ok(Taken::Refused(status)),
    };
    let source = match &carrier.actor {
        // It cannot be looked for while the request is not what it seems.
        _ if source.fault.as_ref().is_some_and(|fault| fault.kind.is_of_request()) => source,
        Some(actor) => with_actor(request, context, course, actor, source)?,
        None => source,
    };
    strip(request, carrier, body)?;
    Ok(Taken::Source(source))
}

/// What a request shows.
pub(crate) enum Seen {
    /// The source token, and the form that was looked through.
    Source(Source, Option<Secret>),
    Waits,
    Refused(u16),
}

/// The source token of a request that keeps all that it has.
pub(crate) fn see(
    request: Request<'_>,
    context: &Context,
    course: &Course,
    carrier: &Carrier,
    has_source: bool,
) -> Result<Seen, OutOfMemory> {
    let body = match form::ready(request, course, carrier) {
        Form::Absent => None,
        Form::Ready(body) => Some(body),
        Form::Waits => return Ok(Seen::Waits),
        Form::Refused(status) => return Ok(Seen::Refused(status)),
        Form::Fault(fault) => return Ok(Seen::Source(Source::unusable(carrier, fault), None)),
    };
    let is_known =
        |ended: &Ended| !ended.source.is_of_visit && ended.source.text == carrier.source_text;
    let source = match context.last_of(request, is_known) {
        _ if !has_source => Source::new(carrier, &[]),
        Some(ended) => ended.source.clone(),
        None => find(request, context, course, carrier, body.as_ref())?,
    };
    Ok(Seen::Source(source, body))
}

/// The place that holds a source, if it holds nothing else.
pub(crate) fn place_of<'c>(
    request: Request<'_>,
    carrier: &'c Carrier,
    source: &Source,
    body: Option<&Secret>,
) -> Result<Option<&'c Place>, OutOfMemory> {
    let accepted = match source.accepted {
        Some(index) => carrier.accept.get(index),
        None => carrier.variables.as_ref().and_then(|variables| variables.place.as_ref()),
    };
    let Some(accepted) = accepted else { return Ok(None) };
    let body = body.map_or(&[][..], Secret::expose);
    let is_it = match look(request, accepted, body)? {
        Look::Token { token, .. } => token.expose() == source.token.expose(),
        Look::Nothing | Look::Unusable(_) => false,
    };
    Ok(is_it.then_some(&accepted.place))
}

/// Removes an actor token alone: it is for no backend, whatever becomes of the source.
pub(crate) fn strip_actor(request: Request<'_>, carrier: &Carrier) -> Result<(), OutOfMemory> {
    strip_places(request, carrier.actor_place(), None)
}

/// The source with what acts for it. Without an actor token there is no source that could be used.
fn with_actor(
    request: Request<'_>,
    context: &Context,
    course: &Course,
    actor: &ActorToken,
    source: Source,
) -> Result<Source, OutOfMemory> {
    let look = match &actor.place {
        Some(place) => match seen(request, context, place) {
            Some(look) => look,
            None => {
                let look = look(request, place, &[])?;
                course.saw(place.text.clone(), look.clone());
                look
            }
        },
        None => {
            let value = actor.text.evaluate(request)?;
            let token = || Look::Token { token: SharedSecret::new(value), with_dpop: false };
            if value.is_empty() { Look::Nothing } else { token() }
        }
    };
    let fault = match look {
        Look::Token { token, .. } => return Ok(Source { actor: Some(token), ..source }),
        Look::Nothing if actor.is_optional => return Ok(Source { actor: None, ..source }),
        Look::Nothing => Box::new(Failure::new(FailureKind::MissingActor, "no actor token")),
        Look::Unusable(fault) => fault,
    };
    Ok(Source { actor: None, fault: source.fault.or(Some(fault)), ..source })
}

/// The first place that holds a token wins. All are looked at: a token that is there twice is refused
/// wherever it is.
fn find(
    request: Request<'_>,
    context: &Context,
    course: &Course,
    carrier: &Carrier,
    body: Option<&Secret>,
) -> Result<Source, OutOfMemory> {
    let body = body.map_or(&[][..], Secret::expose);
    let mut winner = None;
    for (index, accepted) in carrier.accept.iter().enumerate() {
        // It may have been removed since, or something else may stand there now.
        let look = match seen(request, context, accepted) {
            Some(look) => look,
            None => {
                let look = look(request, accepted, body)?;
                // A variable is not removed, and may be the result of another exchange, which the next
                // visit has anew.
                if accepted.place.kind != Kind::Environment {
                    course.saw(accepted.text.clone(), look.clone());
                }
                look
            }
        };
        let new = match look {
            Look::Nothing => continue,
            Look::Unusable(fault) if fault.kind == FailureKind::RepeatedToken => {
                return Ok(Source::unusable(carrier, fault));
            }
            Look::Unusable(fault) => Source::unusable(carrier, fault),
            Look::Token { token, with_dpop } => Source {
                text: carrier.source_text.clone(),
                encoding: accepted.place.encoding.unwrap_or(carrier.source_encoding),
                accepted: Some(index),
                with_dpop: with_dpop || came_with_dpop(request, token.expose()),
                token,
                actor: None,
                is_of_visit: false,
                fault: None,
            },
        };
        winner.get_or_insert(new);
    }
    if let Some(winner) = winner {
        return Ok(winner);
    }
    let known = carrier.variables.as_ref().and_then(|it| seen_in(request, context, it));
    if let Some(Look::Token { token, with_dpop }) = known {
        return Ok(Source { token, with_dpop, ..Source::new(carrier, &[]) });
    }
    let token = match &carrier.variables {
        Some(variables) => variables.source.evaluate(request).ok_or(OutOfMemory)?,
        None => &[],
    };
    if token.is_empty() && names_dpop(request) {
        return Ok(not_anonymous(carrier));
    }
    let with_dpop = came_with_dpop(request, token);
    Ok(Source { with_dpop, ..Source::new(carrier, token) })
}

/// What was found in a place before.
fn seen(request: Request<'_>, context: &Context, accepted: &Accepted) -> Option<Look> {
    seen_as(request, context, accepted.place.kind != Kind::Query, &accepted.text)
}

/// What the source of an `STSVariables` was before.
fn seen_in(request: Request<'_>, context: &Context, variables: &Variables) -> Option<Look> {
    let of_query = variables.place.as_ref().is_some_and(|it| it.place.kind == Kind::Query);
    seen_as(request, context, !of_query, &variables.source_text)
}

/// A subrequest has its parent's fields and its parent's form, of which a token may have been removed
/// since, and a query of its own.
fn seen_as(
    request: Request<'_>,
    context: &Context,
    is_inherited: bool,
    text: &str,
) -> Option<Look> {
    context
        .line(request)
        .filter(|course| is_inherited || course.id() == request.id())
        .find_map(|course| course.seen_in(text))
}

/// Notes the source of an exchange that another one needs, for a later visit: a target may take its
/// place.
pub(crate) fn remember(
    request: Request<'_>,
    context: &Context,
    course: &Course,
    carrier: &Carrier,
    source: &Source,
) {
    if source.fault.is_some() || source.is_of_visit || source.token.expose().is_empty() {
        return;
    }
    let (known, text) = match source.accepted {
        Some(index) => {
            let Some(accepted) = carrier.accept.get(index) else { return };
            (seen(request, context, accepted), &accepted.text)
        }
        None => {
            let Some(variables) = &carrier.variables else { return };
            (seen_in(request, context, variables), &variables.source_text)
        }
    };
    if known.is_none() {
        let (token, with_dpop) = (source.token.clone(), source.with_dpop);
        course.saw(text.clone(), Look::Token { token, with_dpop });
    }
}

/// Looks at places of which tokens are about to be removed, and which nothing has looked at.
pub(crate) fn look_ahead(
    request: Request<'_>,
    context: &Context,
    course: &Course,
    carrier: &Carrier,
) -> Result<(), OutOfMemory> {
    let body = form::as_read(request, course, carrier);
    for accepted in carrier.taken_from() {
        let is_to_go = match accepted.place.kind {
            Kind::Environment => false,
            // From a form that was not read nothing is removed.
            Kind::Post => body.is_some(),
            Kind::Header | Kind::Query | Kind::Cookie => true,
        };
        if is_to_go && seen(request, context, accepted).is_none() {
            let body = body.as_ref().map_or(&[][..], Secret::expose);
            course.saw(accepted.text.clone(), look(request, accepted, body)?);
        }
    }
    // Other values may be made of results that there are none of.
    let in_place = carrier.variables.as_ref().filter(|variables| variables.place.is_some());
    if let Some(variables) = in_place {
        let token = variables.source.evaluate(request).ok_or(OutOfMemory)?;
        let with_dpop = came_with_dpop(request, token);
        let source = Source { with_dpop, ..Source::new(carrier, token) };
        remember(request, context, course, carrier, &source);
    }
    Ok(())
}

/// Whether `Authorization` has the scheme DPoP, with a token or without.
fn names_dpop(request: Request<'_>) -> bool {
    request.authorization().is_some_and(|field| credentials::behind(DPOP, field).is_some())
}

/// A request that came with a bound token is none without a token, although no place is accepted that
/// the token stands in.
fn not_anonymous(carrier: &Carrier) -> Source {
    let reason = "the token in Authorization has the scheme DPoP, which is not accepted here \
                  (STSBoundTokens, STSAcceptSourceTokenIn)";
    Source::unusable(carrier, Failure::new(FailureKind::BadToken, reason))
}

/// RFC 9449, section 7.1: a token that came with the scheme DPoP is bound, whatever it looks like. A
/// later visit may no longer see what it came with.
fn came_with_dpop(request: Request<'_>, source: &[u8]) -> bool {
    let is_so = || {
        let (scheme, credentials) = request.authorization()?.split_at_checked(5)?;
        Some(scheme.eq_ignore_ascii_case(b"DPoP ") && credentials.trim_ascii() == source)
    };
    is_so() == Some(true)
}

fn look(request: Request<'_>, accepted: &Accepted, body: &[u8]) -> Result<Look, OutOfMemory> {
    let name = &accepted.place.name;
    let found = match accepted.place.kind {
        Kind::Environment => {
            let value = accepted.value.as_ref().map(|value| value.evaluate(request));
            Found::Once(Cow::Borrowed(value.unwrap_or(Some(&[])).ok_or(OutOfMemory)?))
        }
        Kind::Header => {
            let named = request.fields().filter(|field| field.is(name));
            named.map(|field| Cow::Borrowed(field.value)).collect()
        }
        Kind::Cookie => {
            let fields = request.fields().filter(|field| field.is("Cookie"));
            let found = fields.map(|field| cookies::find(field.value, name));
            found.fold(Found::Nothing, Found::and).map(Cow::Borrowed)
        }
        Kind::Query => pairs::find(request.query(), name).map(Cow::Borrowed),
        Kind::Post => pairs::find(body, name).map(|value| Cow::Owned(value.to_vec())),
    };
    Ok(match found {
        Found::Nothing => Look::Nothing,
        Found::Once(value) => read(accepted, &value),
        Found::Repeated => {
            let place = accepted.place.kind.word();
            unusable(FailureKind::RepeatedToken, format!("\"{name}\" is more than once in {place}"))
        }
    })
}

/// The token in what stands at a place.
fn read(accepted: &Accepted, value: &[u8]) -> Look {
    let place = &accepted.place;
    let is_encoded = matches!(place.kind, Kind::Query | Kind::Post);
    let decoded = is_encoded.then(|| pairs::decode(value));
    let text = match &decoded {
        None => value.trim_ascii(),
        Some(Some(decoded)) => decoded.expose(),
        Some(None) => {
            let reason = format!("the source token in {} is not encoded well", place.kind.word());
            return unusable(FailureKind::BadToken, reason);
        }
    };
    let token = match &place.scheme {
        None => Some(text),
        Some(scheme) => credentials::behind(scheme, text),
    };
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Look::Nothing };
    if place.is_bearer_header() && !credentials::is_b64token(token) {
        let reason = "what stands behind \"Bearer\" is no token (RFC 6750, section 2.1)";
        return unusable(FailureKind::BadToken, reason.to_owned());
    }
    let with_dpop = place.scheme.as_ref().is_some_and(|scheme| scheme.eq_ignore_ascii_case(DPOP));
    Look::Token { token: SharedSecret::new(token), with_dpop }
}

fn unusable(kind: FailureKind, reason: String) -> Look {
    Look::Unusable(Box::new(Failure::new(kind, reason)))
}

/// Removes tokens from all places that say so. Also from a request that is answered: its error page
/// may come from a backend.
pub(crate) fn strip(
    request: Request<'_>,
    carrier: &Carrier,
    body: Option<Secret>,
) -> Result<(), OutOfMemory> {
    strip_places(request, carrier.taken_from(), body)
}

fn strip_places<'c>(
    request: Request<'_>,
    accept: impl Iterator<Item = &'c Accepted> + Clone,
    body: Option<Secret>,
) -> Result<(), OutOfMemory> {
    let at = |kind| accept.clone().filter(move |one| one.strip && one.place.kind == kind);
    let mut changed = strip_fields(request, accept.clone())?;
    let without = |text: &[u8], accepted: &Accepted| {
        pairs::remove(text, &accepted.place.name, Likeness::Same)
    };
    for accepted in at(Kind::Query) {
        if let Some(query) = without(request.query(), accepted) {
            request.set_query(query.expose())?;
            changed = true;
        }
        if let Some(query) = without(request.sent_query(), accepted) {
            request.set_sent_query(query.expose())?;
            changed = true;
        }
    }
    if let Some(body) = body {
        let mut left = None;
        for accepted in at(Kind::Post) {
            let text = left.as_ref().unwrap_or(&body).expose();
            left = without(text, accepted).or(left);
        }
        if let Some(left) = left {
            request.set_body(left.expose())?;
            changed = true;
        }
    }
    if changed {
        accept.for_each(|accepted| request.forget_variables(&accepted.tellers));
    }
    Ok(())
}

/// Whether something was there to be removed.
fn strip_fields<'c>(
    request: Request<'_>,
    accept: impl Iterator<Item = &'c Accepted> + Clone,
) -> Result<bool, OutOfMemory> {
    let strips =
        |one: &&Accepted| one.strip && matches!(one.place.kind, Kind::Header | Kind::Cookie);
    let stripped = accept.filter(strips);
    if stripped.clone().next().is_none() {
        return Ok(false);
    }
    let change = |field: Field<'_>| {
        let mut change = Change::Keep;
        for accepted in stripped.clone() {
            let place = &accepted.place;
            match place.kind {
                Kind::Header if field.is(&place.name) && carries(accepted, field.value) => {
                    return Change::Drop;
                }
                Kind::Cookie if field.is("Cookie") => {
                    let value = match &change {
                        Change::Set(value) => value.expose(),
                        Change::Keep | Change::Drop => field.value,
                    };
                    if let Some(left) = cookies::remove(value, &place.name, Likeness::Same) {
                        change = Change::Set(left);
                    }
                }
                _ => {}
            }
        }
        match change {
            Change::Set(left) if left.expose().trim_ascii().is_empty() => Change::Drop,
            change => change,
        }
    };
    if request.fields().all(|field| matches!(change(field), Change::Keep)) {
        return Ok(false);
    }
    request.change_fields(change, &[])?;
    Ok(true)
}

/// Whether a header has a token of the scheme: one of another scheme is none of ours.
fn carries(accepted: &Accepted, value: &[u8]) -> bool {
    let scheme = accepted.place.scheme.as_deref();
    scheme.is_none_or(|scheme| credentials::behind(scheme, value).is_some())
}
