//! What shows only when a request is over: its token was exchanged for nothing, or its location has an
//! exchange that it never came to. NGINX does not let a module see what makes it so, which is
//! directives of other modules.

use crate::conf::Carrier;
use crate::context::Ended;
use crate::nginx::log::Level;
use crate::nginx::request::Request;
use crate::served::Served;

/// Looks at a request in the log phase. What is told is told once for each location and worker, since
/// it is the same for all requests to it.
pub(crate) fn look(request: Request<'_>) {
    let Some(location) = request.location().filter(|_| request.is_main()) else { return };
    let Some(exchange) = location.exchange() else { return };
    let context = request.context();
    let ended = context.and_then(|context| {
        context.last_of(request, |ended: &Ended| ended.exchange.id == exchange.id)
    });
    let Some(ended) = ended else {
        let is_early = request.has_gone_well() && request.is_at_rewrite();
        if is_early && !location.told.returned.replace(true) {
            tell_of_return(request);
        }
        return;
    };
    let is_granted = context.is_some_and(|context| context.granted(ended).is_some());
    let is_unused = is_unused(&exchange.carrier) && is_unused(&ended.exchange.carrier);
    if is_granted && request.was_sent_upstream() && is_unused && !location.told.unused.replace(true)
    {
        warn_of_unused(request);
    }
}

/// Whether a location neither puts the token into requests nor has let anything read it.
fn is_unused(carrier: &Carrier) -> bool {
    carrier.pass.is_empty() && !carrier.was_read.get()
}

fn tell_of_return(request: Request<'_>) {
    request.log(
        Level::Info,
        format_args!(
            "sts: the request was answered by \"return\" or a redirect before its exchange, which \
             such requests to this location never make: leave one of them out, or exchange earlier \
             with \"STSPhase rewrite\""
        ),
    );
}

fn warn_of_unused(request: Request<'_>) {
    request.log(
        Level::Warn,
        format_args!(
            "sts: the token was exchanged, and nothing passed it on: no directive that is in force \
             in this location reads the target variable, and the client's own token may have gone \
             to the backend; a \"proxy_set_header\" (or \"fastcgi_param\") in a location leaves out \
             those around it, so repeat them there, or use \"STSPassTargetTokenIn\""
        ),
    );
}
