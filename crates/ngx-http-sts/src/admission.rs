//! A request that was refused stays refused.
//!
//! After a refusal NGINX may lead a request on: to an error page, by `try_files`, or where the answer
//! of an error page's backend leads. It reaches a backend there only where the configuration says in
//! so many words that it may, or with the token of another exchange.

use sts_core::error::FailureKind;

use crate::conf::{LocationConf, OnFailure};
use crate::course::{Course, Refusal};
use crate::nginx::log::Level;
use crate::nginx::phase::Next;
use crate::nginx::request::{OutOfMemory, Request};
use crate::served::Served;

/// Judges whether a request may go on to what makes its answer, before it does.
pub(crate) fn judge(request: Request<'_>, location: &LocationConf) -> Result<Next, OutOfMemory> {
    let Some(context) = request.context() else { return Ok(Next::GoOn) };
    let Some(course) = context.line(request).next() else { return Ok(Next::GoOn) };
    let Some(refusal) = course.refusal() else { return Ok(Next::GoOn) };
    // NGINX's own files are no secret of a backend, but methods that change them are not for this
    // request.
    let serves_files = !request.has_content_handler() && request.only_reads();
    let has_token = || {
        let ended = course.ended_in(request.visit()).filter(|_| course.id() == request.id());
        ended.and_then(|number| context.granted(context.ended(number)?)).is_some()
    };
    if serves_files || admits(location, refusal) || has_token() {
        return Ok(Next::GoOn);
    }
    Ok(answer_again(request, location, course, refusal.status))
}

/// Answers with the status of the refusal. A location's own error pages may show it once: with
/// `recursive_error_pages` they could lead here for ever.
fn answer_again(
    request: Request<'_>,
    location: &LocationConf,
    course: &Course,
    status: u16,
) -> Next {
    if !course.is_first_answer_at(location) {
        request.leave_out_error_pages();
    }
    request.log(
        Level::Info,
        format_args!(
            "sts: a request that was refused with {status} is not passed on: its location has \
             neither \"STSType disabled\" nor \"STSOnError pass\""
        ),
    );
    Next::Answer(status)
}

/// Whether the configuration says in so many words that a request which was refused so may go on:
/// by `STSType disabled`, or by a policy that lets it through.
fn admits(location: &LocationConf, refusal: Refusal) -> bool {
    let Some(settings) = location.settings() else { return false };
    let policy = match refusal.kind() {
        _ if refusal.is_final() => None,
        // No policy is about requests without an actor.
        Some(FailureKind::MissingActor) => None,
        Some(FailureKind::MissingToken) => settings.on_missing.or(settings.on_error),
        _ => settings.on_error,
    };
    location.is_disabled() || policy == Some(OnFailure::Pass)
}
