//! A request that was refused stays refused.
//!
//! After a refusal NGINX may lead a request on: to an error page, by `try_files`, or where the answer
//! of an error page's backend leads. It reaches a backend there only where the configuration says in
//! so many words that it may, or with the token of another exchange.

use crate::conf::LocationConf;
use crate::course::Course;
use crate::module::Served;
use crate::nginx::log::Level;
use crate::nginx::phase::Next;
use crate::nginx::request::{OutOfMemory, Request};

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
    if serves_files || location.admits(refusal) || has_token() {
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
