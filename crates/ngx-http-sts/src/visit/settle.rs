//! The one place where requests are counted: where the exchange of a visit has ended.

use sts_counters::words::{Outcome, Word};
use sts_flight::granted::CacheStatus;

use crate::conf::Exchange;
use crate::context::Verdict;
use crate::way::Way;

/// How an exchange came to its end for a request.
pub(super) enum Came {
    /// To a token, so.
    To(CacheStatus),
    /// To none, by a refusal that was remembered.
    ByMemory,
    /// To none, otherwise.
    ToNone,
}

/// Counts how an exchange has ended for a request.
pub(super) fn settle(exchange: &Exchange, verdict: Verdict, came: &Came) {
    let outcome = match (verdict, came) {
        (Verdict::Granted, Came::To(CacheStatus::Hit)) => Outcome::Hit,
        (Verdict::Granted, Came::To(CacheStatus::Coalesced)) => Outcome::Coalesced,
        (Verdict::Granted, Came::To(CacheStatus::Refreshed)) => Outcome::Refreshed,
        (Verdict::Granted, Came::To(CacheStatus::Stale)) => Outcome::Stale,
        (Verdict::Granted, Came::To(CacheStatus::Miss) | Came::ByMemory | Came::ToNone) => {
            match exchange.way {
                Way::Call(_) => Outcome::Miss,
                Way::Mint(_) => Outcome::Minted,
            }
        }
        (Verdict::Bypassed, _) => Outcome::Bypassed,
        (Verdict::Passed(_) | Verdict::Refused(_), Came::ByMemory) => Outcome::Negative,
        (Verdict::Passed(_), _) => Outcome::Passed,
        (Verdict::Refused(_), _) => Outcome::Failed,
    };
    let tally = exchange.way.tally();
    tally.count(Word::request(outcome));
    if let Verdict::Passed(kind) | Verdict::Refused(kind) = verdict {
        tally.count(Word::failure(kind));
    }
}
