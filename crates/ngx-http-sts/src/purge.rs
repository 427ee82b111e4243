//! `STSCachePurge`: forgetting tokens. The zone outlives reloads, so this is the way to empty it.

use sts_core::cache_key::source_tag;

use crate::cache::Purge;
use crate::nginx::content::Answer;
use crate::nginx::log::Level;
use crate::nginx::request::Request;

/// The header that names one source token: a query would end up in logs.
const SOURCE: &str = "STS-Source-Token";

/// Forgets what the request names: everything; with `exchange=NAME` in the query what was issued at
/// that endpoint; with the header what was issued for that source token.
pub(crate) fn handle(request: Request<'_>) -> Answer {
    if request.method() != b"POST" {
        return answer(405, "only POST purges\n");
    }
    let location = request.location();
    let Some((location, cache)) =
        location.and_then(|location| Some((location, location.purges.as_ref()?)))
    else {
        return answer(404, "no cache to purge\n");
    };
    let what = match (request.header(SOURCE), exchange(request)) {
        // It stands there as it stands in what it is read from.
        (Some(source), _) => {
            match location.settings().and_then(|settings| settings.source_encoding.flatten()) {
                None => Purge::Source(source_tag(source)),
                Some(encoding) => match encoding.decode(source) {
                    Ok(token) => Purge::Source(source_tag(token.expose())),
                    Err(problem) => return answer(400, &format!("the source token {problem}\n")),
                },
            }
        }
        (None, Some(endpoint)) => match cache.exchanges_at(&endpoint) {
            exchanges if exchanges.is_empty() => return answer(404, "no such exchange\n"),
            exchanges => Purge::Exchanges(exchanges),
        },
        (None, None) => Purge::All,
    };
    let removed = cache.purge(&what);
    request.log(Level::Info, format_args!("sts: purged {removed} tokens"));
    answer(200, &format!("purged {removed}\n"))
}

fn exchange(request: Request<'_>) -> Option<String> {
    let mut pairs = form_urlencoded::parse(request.query());
    pairs.find(|(name, _)| name == "exchange").map(|(_, endpoint)| endpoint.into_owned())
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, content_type: "text/plain", body: body.to_owned() }
}
