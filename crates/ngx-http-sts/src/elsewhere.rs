//! A request in a location without an exchange.

use std::rc::Rc;

use sts_core::error::Failure;

use crate::carry::form::{self, Form};
use crate::carry::pass;
use crate::conf::LocationConf;
use crate::context::Context;
use crate::course::{Course, Refusal, Stage};
use crate::nginx::log::Level;
use crate::nginx::phase::Next;
use crate::nginx::request::{OutOfMemory, Request};
use crate::served::Served;

const BAD_GATEWAY: u16 = 502;

/// What the request, or the one that it is a subrequest of, was given is passed on only where this
/// location says so, too.
pub(crate) fn visit(request: Request<'_>, location: &LocationConf) -> Result<Next, OutOfMemory> {
    let none = Rc::default();
    let carrier = location.carrier.as_ref().unwrap_or(&none);
    let known = request.context();
    // A subrequest before the exchange must not show its backend a client's own token as a target. But
    // what it is about may be the source that stands in the same place. What a subrequest has exchanged
    // is no business of a request whose own location makes no exchange.
    let has_nothing_to_take_back =
        request.is_main() || carrier.pass.is_empty() || carrier.passes_where_it_accepts();
    if has_nothing_to_take_back && known.is_none_or(|context| !has_been_to_one(context, request)) {
        return Ok(Next::GoOn);
    }
    let context = match known {
        Some(context) => context,
        None => request.context_or_new()?,
    };
    let course = context.course(request);
    if matches!(course.stage(request), Stage::ReadingBody) {
        return Ok(Next::Wait);
    }
    if course.applied().is_some_and(|applied| applied.is(request.visit(), carrier)) {
        return Ok(Next::GoOn);
    }
    match form::ready(request, course, carrier) {
        Form::Absent | Form::Ready(_) => {}
        Form::Waits => return Ok(Next::Wait),
        Form::Refused(status) => {
            course.refuse(Refusal::unreadable(status));
            return Ok(Next::Answer(status));
        }
        Form::Fault(fault) => return Ok(refuse(request, course, &fault)),
    }
    let granted = context.last_of(request, |_| true).and_then(|ended| context.granted(ended));
    if let Some(granted) = granted
        && let Err(failure) = pass::check(carrier, granted)
    {
        return Ok(refuse(request, course, &failure));
    }
    pass::apply(request, course, carrier, granted)?;
    Ok(Next::GoOn)
}

/// Whether a request, or one that it is a subrequest of, has been to a location with an exchange.
fn has_been_to_one(context: &Context, request: Request<'_>) -> bool {
    let is_marked = |course: &Course| course.refusal().is_some() || course.applied().is_some();
    context.last_of(request, |_| true).is_some() || context.line(request).any(is_marked)
}

fn refuse(request: Request<'_>, course: &Course, failure: &Failure) -> Next {
    request.log(Level::Error, format_args!("sts: the request cannot be passed on: {failure}"));
    let status = match failure.kind.status() {
        status @ 400..500 => status,
        _ => BAD_GATEWAY,
    };
    course.refuse(Refusal::whatever(status));
    Next::Answer(status)
}
