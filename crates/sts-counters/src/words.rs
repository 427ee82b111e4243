//! What is counted, and which word of a row it is.

use sts_core::error::FailureKind;

use crate::stores::{self, Op};

/// How a request came to its token, or went on or ended without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The token was in the cache.
    Hit,
    /// The STS was called for it.
    Miss,
    /// It came with the call of another request.
    Coalesced,
    /// It was in the cache, and is renewed meanwhile.
    Refreshed,
    /// It was in the cache, and could not be renewed.
    Stale,
    /// The refusal was in the cache.
    Negative,
    /// The gateway has made it.
    Minted,
    /// No exchange was made (`STSBypass`).
    Bypassed,
    /// The exchange failed, and the request went on without a token.
    Passed,
    /// The exchange failed, and the request was refused.
    Failed,
}

impl Outcome {
    /// Each of them.
    pub const ALL: [Self; 10] = [
        Self::Hit,
        Self::Miss,
        Self::Coalesced,
        Self::Refreshed,
        Self::Stale,
        Self::Negative,
        Self::Minted,
        Self::Bypassed,
        Self::Passed,
        Self::Failed,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Coalesced => "coalesced",
            Self::Refreshed => "refreshed",
            Self::Stale => "stale",
            Self::Negative => "negative",
            Self::Minted => "minted",
            Self::Bypassed => "bypassed",
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }
}

/// How a call to an STS ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// A token was issued.
    Ok,
    /// The STS said no.
    Refused,
    /// There was no answer, or none that could be used.
    Failed,
    /// No request waited for it any more before it was sent, or its worker ended.
    Abandoned,
}

impl CallResult {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Refused, Self::Failed, Self::Abandoned];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }

    /// How a call ended that failed so.
    pub const fn of(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Refused
            | FailureKind::StepUp
            | FailureKind::Denied
            | FailureKind::GatewayRefused => Self::Refused,
            _ => Self::Failed,
        }
    }
}

/// Whether files of a credential that have changed could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// They are in use.
    Ok,
    /// What was read before stays in use.
    Failed,
}

impl Reload {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Ok, Self::Failed];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
        }
    }
}

/// What became of a token that a backend did not take (`STSPurgeOn`, `STSRetryOn`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspect {
    /// It was forgotten.
    Forgotten,
    /// Another one lies in its place already, or none.
    Replaced,
    /// It stays: another one would be no better.
    Kept,
}

impl Suspect {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Forgotten, Self::Replaced, Self::Kept];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forgotten => "forgotten",
            Self::Replaced => "replaced",
            Self::Kept => "kept",
        }
    }
}

/// Why a call was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmade {
    /// No place was left in the queue (`STSMaxCalls`).
    Queue,
    /// No place was left for its value (`STSMaxCalls … per`).
    Value,
    /// The STS did not answer others (`STSBreaker`).
    Breaker,
    /// The STS has asked for a pause (`Retry-After`, with `STSBreaker`).
    Pause,
}

impl Unmade {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Queue, Self::Value, Self::Breaker, Self::Pause];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Value => "value",
            Self::Breaker => "breaker",
            Self::Pause => "pause",
        }
    }
}

/// What there is now, and is not summed up for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gauge {
    /// Calls of an exchange that run.
    CallsActive,
    /// Calls of an exchange that wait for their turn.
    CallsQueued,
    /// Connections that are in use.
    ConnectionsActive,
    /// Connections that are kept for the next call.
    ConnectionsIdle,
    /// Workers that make no calls for an exchange (`STSBreaker`).
    BreakerOpen,
    /// Workers that find out by one call whether the STS is there again.
    BreakerProbing,
}

/// What takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duration {
    /// A call, from its turn to its end.
    Call,
    /// A request that waited for a call.
    Wait,
}

/// Upper bounds of the buckets of both histograms, in milliseconds, and as seconds in a text. What
/// takes longer is in the bucket without a bound.
pub const BUCKETS: [(u64, &str); 12] = [
    (5, "0.005"),
    (10, "0.01"),
    (25, "0.025"),
    (50, "0.05"),
    (100, "0.1"),
    (250, "0.25"),
    (500, "0.5"),
    (1_000, "1"),
    (2_500, "2.5"),
    (5_000, "5"),
    (10_000, "10"),
    (20_000, "20"),
];

/// A word of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word(usize);

/// Words of a row: whole cache lines, so that two rows share none.
pub const ROW_WORDS: usize = 72;

const FAILURES: usize = Outcome::ALL.len();
const CALLS: usize = FAILURES + FailureKind::ALL.len();
const RELOADS: usize = CALLS + CallResult::ALL.len();
const GAUGES: usize = RELOADS + Reload::ALL.len();
const HISTOGRAMS: usize = GAUGES + 6;
/// The buckets with the one without a bound, and the sum.
const HISTOGRAM: usize = BUCKETS.len() + 2;
const SUSPECTS: usize = HISTOGRAMS + 2 * HISTOGRAM;
const RETRIES: usize = SUSPECTS + Suspect::ALL.len();
const UNMADE: usize = RETRIES + 1;
const END: usize = UNMADE + Unmade::ALL.len();
const _: () = assert!(END <= ROW_WORDS, "make a row longer");

impl Word {
    /// Requests that ended so.
    pub const fn request(outcome: Outcome) -> Self {
        Self(outcome as usize)
    }

    /// Requests that failed so. Those that are the same for a client are one.
    pub fn failure(kind: FailureKind) -> Self {
        let at = FailureKind::ALL.iter().position(|one| one.name() == kind.name());
        Self(FAILURES + at.unwrap_or_default())
    }

    /// Calls that ended so.
    pub const fn call(result: CallResult) -> Self {
        Self(CALLS + result as usize)
    }

    /// Files of credentials that were read again.
    pub const fn reload(reload: Reload) -> Self {
        Self(RELOADS + reload as usize)
    }

    /// Tokens that a backend did not take.
    pub const fn suspect(suspect: Suspect) -> Self {
        Self(SUSPECTS + suspect as usize)
    }

    /// Requests that were sent once more.
    pub const fn retry() -> Self {
        Self(RETRIES)
    }

    /// Calls that were not made.
    pub const fn unmade(unmade: Unmade) -> Self {
        Self(UNMADE + unmade as usize)
    }

    /// What happened at a store: the words of a row that are neither there at a time nor a time; an exchange
    /// has its own there.
    pub(crate) const fn of_store(number: usize) -> Option<Self> {
        if number < GAUGES { Some(Self(number)) } else { None }
    }

    /// What there is now.
    pub const fn gauge(gauge: Gauge) -> Self {
        Self(GAUGES + gauge as usize)
    }

    /// What took at most this long, and longer than the bucket before.
    pub fn bucket(duration: Duration, milliseconds: u64) -> Self {
        let bucket = BUCKETS.iter().position(|(bound, _)| milliseconds <= *bound);
        Self::numbered_bucket(duration, bucket.unwrap_or(BUCKETS.len()))
    }

    /// The bucket of this number; the last one has no bound.
    pub(crate) const fn numbered_bucket(duration: Duration, number: usize) -> Self {
        Self(HISTOGRAMS + duration as usize * HISTOGRAM + number)
    }

    /// Milliseconds that all of it took.
    pub const fn sum(duration: Duration) -> Self {
        Self(HISTOGRAMS + duration as usize * HISTOGRAM + BUCKETS.len() + 1)
    }

    /// Its place in a row.
    pub(crate) const fn at(self) -> usize {
        self.0
    }

    /// Those that a worker that dies cannot take back.
    pub(crate) fn gauges() -> impl Iterator<Item = Self> {
        (GAUGES..HISTOGRAMS).map(Self)
    }

    pub(crate) const fn is_gauge(number: usize) -> bool {
        number >= GAUGES && number < HISTOGRAMS
    }
}

/// Changes with whatever is counted: a region in which the words mean something else is another one.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
pub const LAYOUT: u64 = {
    let mut hash = mix(FORM, END as u64);
    let mut number = 0;
    while number < Outcome::ALL.len() {
        hash = mix_text(hash, Outcome::ALL[number].name());
        number += 1;
    }
    number = 0;
    while number < FailureKind::ALL.len() {
        hash = mix_text(hash, FailureKind::ALL[number].name());
        number += 1;
    }
    number = 0;
    while number < Suspect::ALL.len() {
        hash = mix_text(hash, Suspect::ALL[number].name());
        number += 1;
    }
    number = 0;
    while number < Unmade::ALL.len() {
        hash = mix_text(hash, Unmade::ALL[number].name());
        number += 1;
    }
    number = 0;
    while number < BUCKETS.len() {
        hash = mix(hash, BUCKETS[number].0);
        hash = mix(hash, stores::BUCKETS[number].0);
        number += 1;
    }
    number = 0;
    while number < Op::ALL.len() {
        hash = mix_text(hash, Op::ALL[number].name());
        let ends = Op::ALL[number].ends();
        let mut end = 0;
        while end < ends.len() {
            hash = mix_text(hash, ends[end].name());
            end += 1;
        }
        number += 1;
    }
    hash
};

/// Changes when the region is divided in another way.
const FORM: u64 = 2;

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn mix_text(mut hash: u64, text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut number = 0;
    while number < bytes.len() {
        hash = mix(hash, bytes[number] as u64);
        number += 1;
    }
    mix(hash, 0x100)
}

/// FNV-1a.
const fn mix(hash: u64, value: u64) -> u64 {
    (hash ^ value).wrapping_mul(0x0000_0100_0000_01b3)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_things_are_counted_in_one_word() {
        let durations = [Duration::Call, Duration::Wait];
        let buckets = durations
            .iter()
            .flat_map(|one| (0..=BUCKETS.len()).map(|at| Word::numbered_bucket(*one, at)));
        let all: Vec<usize> = Outcome::ALL
            .map(Word::request)
            .into_iter()
            .chain(FailureKind::ALL.map(Word::failure))
            .chain(CallResult::ALL.map(Word::call))
            .chain(Reload::ALL.map(Word::reload))
            .chain(Word::gauges())
            .chain(buckets)
            .chain(durations.map(Word::sum))
            .chain(Suspect::ALL.map(Word::suspect))
            .chain([Word::retry()])
            .chain(Unmade::ALL.map(Word::unmade))
            .map(Word::at)
            .collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert_eq!(all.len(), END);
        assert!(all.iter().all(|at| *at < END));
        assert_eq!(Word::gauges().count(), Gauge::BreakerProbing as usize + 1);
    }

    #[test]
    fn a_time_is_in_the_first_bucket_that_it_is_not_longer_than() {
        for (milliseconds, bucket) in [(0, 0), (5, 0), (6, 1), (20_000, 11), (20_001, 12)] {
            let word = Word::bucket(Duration::Wait, milliseconds);
            assert_eq!(word, Word::numbered_bucket(Duration::Wait, bucket), "{milliseconds}");
        }
        for (bound, text) in BUCKETS {
            assert_eq!(text.parse::<f64>().unwrap() * 1000.0, bound as f64);
        }
    }

    #[test]
    fn an_actor_that_is_missing_counts_as_a_missing_token() {
        let missing = Word::failure(FailureKind::MissingToken);
        assert_eq!(Word::failure(FailureKind::MissingActor), missing);
        assert_ne!(Word::failure(FailureKind::Timeout), missing);
    }
}
