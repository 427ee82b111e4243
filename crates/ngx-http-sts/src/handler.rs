//! What happens to a request in the phases.

use crate::admission;
use crate::conf::State;
use crate::course::Refusal;
use crate::nginx::log::Level;
use crate::nginx::phase::{Next, Phase};
use crate::nginx::request::{OutOfMemory, Request};
use crate::served::Served;
use crate::{elsewhere, visit};

const INTERNAL_SERVER_ERROR: u16 = 500;

/// The handler of all phases.
pub(crate) fn handle(request: Request<'_>, phase: Phase) -> Next {
    let Some(location) = request.location() else { return Next::GoOn };
    let before_content = phase == Phase::PreContent;
    let next = match &location.state {
        // An `if`, or a redirect into the middle of the phases, may bring a request to an exchange
        // whose phase is over: better late than never. NGINX leaves out the access phase for
        // subrequests.
        State::Enabled(exchange) if exchange.is_step.get() => {
            request.log(
                Level::Error,
                format_args!(
                    "sts: the location is a part of another exchange (\"STSDependsOn\"), and serves \
                     no request"
                ),
            );
            refuse(request)
        }
        State::Enabled(exchange) if exchange.phase <= phase => visit::make(request, exchange),
        State::Disabled if before_content => elsewhere::visit(request, location),
        State::Disabled | State::Enabled(_) => Ok(Next::GoOn),
        State::Incomplete(problem) => {
            request.log(Level::Error, format_args!("sts: no location took the request: {problem}"));
            refuse(request)
        }
    };
    let next = next.and_then(|next| match next {
        Next::GoOn if before_content => admission::judge(request, location),
        _ => Ok(next),
    });
    next.unwrap_or_else(|OutOfMemory| give_up(request))
}

/// The gateway cannot serve the request.
fn refuse(request: Request<'_>) -> Result<Next, OutOfMemory> {
    request.context_or_new().map(|context| {
        context.course(request).refuse(Refusal::whatever(INTERNAL_SERVER_ERROR));
        Next::Answer(INTERNAL_SERVER_ERROR)
    })
}

/// Nothing is known of the request, nor whether it may go where its error page would lead it.
pub(crate) fn give_up(request: Request<'_>) -> Next {
    request.leave_out_error_pages();
    Next::Answer(INTERNAL_SERVER_ERROR)
}
