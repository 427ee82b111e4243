//! A token that the backend does not take, as its answer shows: it is forgotten, and the next request
//! asks for another one (`STSPurgeOn`), or the request itself does, and is sent once more (`STSRetryOn`).

use sts_counters::words::{Suspect, Word};

use crate::conf::purge_on::Gone;
use crate::context::{Context, Ended};
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
    let Some(ended) = last_granted(context, request) else { return };
    let (Some(purge_on), Some(granted)) = (&ended.exchange.purge_on, context.granted(ended)) else {
        return;
    };
    // Those before were asked with another token.
    let before = context.sent_again_after().unwrap_or(0);
    let mut statuses = request.backend_statuses().skip(before);
    let Some(status) = statuses.find(|status| purge_on.names(*status)) else { return };
    let gone = purge_on.forget(&ended.key, granted);
    count(ended, gone);
    if gone == Gone::Now {
        request.log(
            Level::Info,
            format_args!(
                "sts: the backend has answered {status}: the token that it got is forgotten \
                 (STSPurgeOn)"
            ),
        );
    }
}

/// Looks at the answer of a backend to a request that can be sent once more. Returns the location where
/// that happens: once for a request, and only where another token is to be had.
pub(crate) fn send_again(request: Request<'_>, status: usize) -> Option<&str> {
    let exchange = request.location()?.exchange()?;
    let purge_on = exchange.purge_on.as_ref()?;
    let name = purge_on.retry_at(status)?;
    let context = request.context()?;
    if context.sent_again_after().is_some() {
        return None;
    }
    let number = context.known_course(request)?.ended_in(request.visit())?;
    let ended = context.ended(number)?;
    let granted = context.granted(ended)?;
    let gone = purge_on.forget(&ended.key, granted);
    if gone == Gone::Not {
        // It is looked at once more when the request is over.
        return None;
    }
    count(ended, gone);
    ended.exchange.way.tally().count(Word::retry());
    context.send_again(request.backends_asked(), ended);
    request.log(
        Level::Info,
        format_args!(
            "sts: the backend has answered {status}: the token that it got is forgotten, and the \
             request is sent once more by way of \"{name}\" (STSRetryOn)"
        ),
    );
    Some(name)
}

fn count(ended: &Ended, gone: Gone) {
    let suspect = match gone {
        Gone::Now => Suspect::Forgotten,
        Gone::Before => Suspect::Replaced,
        Gone::Not => Suspect::Kept,
    };
    ended.exchange.way.tally().count(Word::suspect(suspect));
}

fn last_granted<'r>(context: &'r Context, request: Request<'r>) -> Option<&'r Ended> {
    context.last_of(request, |ended: &Ended| context.granted(ended).is_some())
}
