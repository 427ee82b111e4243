//! `STSCachePurge`: forgetting tokens. The zone outlives reloads, so this is the way to empty it.
//!
//! It takes a while when the zone is large. So it goes in steps, one in each iteration of the event
//! loop, and the answer is sent at the end.

pub(crate) mod purging;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use sts_zone::zone::tag;

use crate::nginx::content::{Answer, Content, Made};
use crate::nginx::log::Level;
use crate::nginx::request::{OutOfMemory, Request};
use crate::nginx::suspend::suspend;
use crate::nginx::task;
use crate::purge::purging::{Ending, Purging, What};
use crate::served::Served;

/// The header that names one source token: a query would end up in logs.
const SOURCE: &str = "STS-Source-Token";

/// Answers the requests of a location with `STSCachePurge`.
pub(crate) struct Purge;

impl Content for Purge {
    fn make(request: Request<'_>) -> Result<Made, OutOfMemory> {
        handle(request)
    }
}

/// Forgets what the request names: everything; with `exchange=URL` in the query what was issued at
/// that endpoint; with the header what was issued for that source token.
fn handle(request: Request<'_>) -> Result<Made, OutOfMemory> {
    let context = request.context_or_new()?;
    if let Some(purging) = context.purging() {
        return Ok(Made::Answer(match purging.from.get() {
            None => done(request, &purging),
            Some(_) => answer(500, "the purge came to no end\n"),
        }));
    }
    let purging = match purge(request) {
        Ok(purging) => Rc::new(purging),
        Err(answer) => {
            if answer.status == 405 {
                // RFC 9110, section 15.5.6.
                request.add_header("Allow", "POST")?;
            }
            return Ok(Made::Answer(answer));
        }
    };
    if purging.store.is_none() {
        purging.step();
        if purging.from.get().is_none() {
            return Ok(Made::Answer(done(request, &purging)));
        }
    }
    // A client that leaves does not end it: what was asked for is done.
    purging.waiter.replace(Some(suspend(request, false, None)?));
    context.set_purging(purging.clone());
    // Made here: a task that is cancelled before it first runs has to answer, too.
    let ending = Ending(purging);
    task::spawn(async move { ending.0.run().await });
    Ok(Made::Wait)
}

/// The purge that a request asks for, or why there is none.
fn purge(request: Request<'_>) -> Result<Purging, Answer> {
    if request.method() != b"POST" {
        return Err(answer(405, "only POST purges\n"));
    }
    // A subrequest's client asked for something else.
    let location = request.location().filter(|_| request.is_main());
    let Some((location, cache)) =
        location.and_then(|location| Some((location, location.purges.as_ref()?)))
    else {
        return Err(answer(404, "no cache to purge\n"));
    };
    let store = cache.shares().cloned();
    let mut names = store.as_ref().map(|store| store.names_of_all()).unwrap_or_default();
    let what = match (request.header(SOURCE), exchange(request)) {
        // It stands there as it stands in what it is read from.
        (Some(source), _) => {
            let encoding = location.settings().and_then(|it| it.source_encoding.flatten());
            let decoded = encoding.map(|encoding| encoding.decode(source)).transpose();
            let decoded =
                decoded.map_err(|problem| answer(400, &format!("the source token {problem}\n")))?;
            let source = decoded.as_ref().map_or(source, |token| token.expose());
            if let Some(store) = &store {
                names = store.names_of_source(source);
            }
            let tags = cache.tags_of(source);
            let Some(tags) = tags else { return Err(answer(500, "the source has no tag\n")) };
            What::Source(tags)
        }
        (None, Some(endpoint)) => match cache.exchanges_at(&endpoint) {
            exchanges if exchanges.is_empty() => return Err(answer(404, "no such exchange\n")),
            exchanges => {
                if let Some(store) = &store {
                    names = store.names_of_exchanges(&exchanges);
                }
                What::Exchanges(exchanges.iter().map(tag).collect())
            }
        },
        (None, None) => What::All,
    };
    Ok(Purging {
        cache: cache.clone(),
        what,
        store: store.map(|store| (store, names)),
        untold: RefCell::default(),
        from: Cell::new(Some(0)),
        removed: Cell::new(0),
        waiter: RefCell::default(),
    })
}

fn done(request: Request<'_>, purging: &Purging) -> Answer {
    let removed = purging.removed.get();
    request.log(Level::Info, format_args!("sts: purged {removed} tokens"));
    if let Some(why) = &*purging.untold.borrow() {
        request.log(
            Level::Error,
            format_args!(
                "sts: the purge is that of this node only, its store could not be told of it: {why}"
            ),
        );
        // What lies in the store comes back from there.
        return answer(503, "the store could not be told of it: try again\n");
    }
    answer(200, &format!("purged {removed}\n"))
}

fn exchange(request: Request<'_>) -> Option<String> {
    let mut pairs = form_urlencoded::parse(request.query());
    pairs.find(|(name, _)| name == "exchange").map(|(_, endpoint)| endpoint.into_owned())
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, content_type: "text/plain", body: body.to_owned() }
}
