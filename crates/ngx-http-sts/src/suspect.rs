//! A token that the backend does not take, as its answer shows: it is forgotten, and the next request
//! asks for another one (`STSPurgeOn`).

use crate::context::Ended;
use crate::nginx::log::Level;
use crate::nginx::request::Request;
use crate::served::Served;

/// Looks at a request in the log phase. What a subrequest was answered is a part of something else, and
/// what comes out of NGINX's cache was asked for with another token.
pub(crate) fn look(request: Request<'_>) {
    if !request.is_main() || request.is_answered_from_cache() {
        return;
    }
    let Some(context) = request.context() else { return };
    let last = context.last_of(request, |ended: &Ended| context.granted(ended).is_some());
    let Some(ended) = last else { return };
    let (Some(purge_on), Some(granted)) = (&ended.exchange.purge_on, context.granted(ended)) else {
        return;
    };
    let Some(status) = request.backend_statuses().find(|status| purge_on.names(*status)) else {
        return;
    };
    if purge_on.forget(&ended.key, granted) {
        request.log(
            Level::Info,
            format_args!(
                "sts: the backend has answered {status}: the token that it got is forgotten \
                 (STSPurgeOn)"
            ),
        );
    }
}
