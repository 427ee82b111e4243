//! What is counted of a store: the words of its row, and how they read.

use std::fmt;

use crate::totals::Totals;
use crate::words::{Duration, Word};

/// What is asked of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A token, or the duty to call for it.
    Get,
    /// To keep a token.
    Put,
    /// To renew the duty to call, or to give it up.
    Lease,
    /// To forget a token.
    Forget,
    /// To let all nodes forget.
    Purge,
}

/// How that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The token was there.
    Hit,
    /// It was not, and this node calls.
    Miss,
    /// It was not, and another node calls.
    Elsewhere,
    /// It is done.
    Ok,
    /// The store has failed.
    Failed,
    /// The store did not answer in time.
    Timeout,
    /// It was not asked, for anything: it has failed too often.
    Skipped,
}

impl Op {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Get, Self::Put, Self::Lease, Self::Forget, Self::Purge];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Lease => "lease",
            Self::Forget => "forget",
            Self::Purge => "purge",
        }
    }

    /// How it can end.
    pub const fn ends(self) -> &'static [Ended] {
        use Ended::{Elsewhere, Failed, Hit, Miss, Ok, Skipped, Timeout};
        match self {
            Self::Get => &[Hit, Miss, Elsewhere, Failed, Timeout, Skipped],
            Self::Put | Self::Lease | Self::Forget => &[Ok, Failed, Timeout],
            Self::Purge => &[Ok, Failed],
        }
    }
}

impl Ended {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Elsewhere => "elsewhere",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Skipped => "skipped",
        }
    }
}

/// Upper bounds of the buckets, in microseconds, and as seconds in a text. What takes longer is in the bucket
/// without a bound.
pub const BUCKETS: [(u64, &str); crate::words::BUCKETS.len()] = [
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (20_000, "0.02"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
];

/// A store, and what happened there.
#[derive(Clone, Debug)]
pub struct Store {
    /// The cache that it is behind.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Where it is.
    pub place: String,
    /// What happened.
    pub totals: Totals,
}

/// Questions that ended so; `None` where they cannot.
pub fn word(op: Op, ended: Ended) -> Option<Word> {
    let before: usize = Op::ALL.iter().take(op as usize).map(|op| op.ends().len()).sum();
    let at = op.ends().iter().position(|one| *one == ended)?;
    Word::of_store(before + at)
}

/// What took at most so many microseconds, and longer than the bucket before.
pub fn bucket(microseconds: u64) -> Word {
    let bucket = BUCKETS.iter().position(|(bound, _)| microseconds <= *bound);
    Word::numbered_bucket(Duration::Call, bucket.unwrap_or(BUCKETS.len()))
}

/// Microseconds that all of it took.
pub const SUM: Word = Word::sum(Duration::Call);

impl Totals {
    /// Questions to a store that ended so.
    pub fn store(&self, op: Op, ended: Ended) -> u64 {
        word(op, ended).map_or(0, |word| self.at(word))
    }
}

/// Microseconds as seconds.
pub(crate) struct Seconds(pub(crate) u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_things_are_counted_in_one_word() {
        let ends = Op::ALL.into_iter().flat_map(|op| op.ends().iter().map(move |it| (op, *it)));
        let words: Vec<_> = ends.map(|(op, ended)| word(op, ended).unwrap().at()).collect();
        let times = (0..=BUCKETS.len()).map(|at| Word::numbered_bucket(Duration::Call, at).at());
        let all: Vec<_> = words
            .into_iter()
            .chain(times)
            .chain([SUM.at()])
            .chain(Word::gauges().map(Word::at))
            .collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert_eq!(word(Op::Purge, Ended::Hit), None);
    }

    #[test]
    fn a_time_is_in_the_first_bucket_that_it_is_not_longer_than() {
        for (microseconds, number) in [(0, 0), (250, 0), (251, 1), (1_000_000, 11), (1_000_001, 12)]
        {
            assert_eq!(bucket(microseconds), Word::numbered_bucket(Duration::Call, number));
        }
        for (bound, text) in BUCKETS {
            assert!((text.parse::<f64>().unwrap() * 1e6 - bound as f64).abs() < 1e-6);
        }
        assert_eq!(Seconds(1_000_250).to_string(), "1.000250");
    }
}
