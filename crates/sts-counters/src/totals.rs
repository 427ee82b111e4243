//! The sums of one row.

use sts_core::error::FailureKind;

use crate::words::{
    BUCKETS, CallResult, Duration, Gauge, Outcome, ROW_WORDS, Reload, Suspect, Unmade, Word,
};

/// The sums of one row over all lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals(pub(crate) [u64; ROW_WORDS]);

impl Default for Totals {
    fn default() -> Self {
        Self([0; ROW_WORDS])
    }
}

/// How long something took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// How often it took at most as long as each of [`BUCKETS`].
    pub at_most: [u64; BUCKETS.len()],
    /// How often it took any time.
    pub count: u64,
    /// Milliseconds that all of it took.
    pub sum: u64,
}

impl Totals {
    pub(crate) fn at(&self, word: Word) -> u64 {
        self.0.get(word.at()).copied().unwrap_or_default()
    }

    /// Requests that ended so.
    pub fn request(&self, outcome: Outcome) -> u64 {
        self.at(Word::request(outcome))
    }

    /// Requests that failed so.
    pub fn failure(&self, kind: FailureKind) -> u64 {
        self.at(Word::failure(kind))
    }

    /// Calls that ended so.
    pub fn call(&self, result: CallResult) -> u64 {
        self.at(Word::call(result))
    }

    /// Files of credentials that were read again.
    pub fn reload(&self, reload: Reload) -> u64 {
        self.at(Word::reload(reload))
    }

    /// Tokens that a backend did not take.
    pub fn suspect(&self, suspect: Suspect) -> u64 {
        self.at(Word::suspect(suspect))
    }

    /// Requests that were sent once more.
    pub fn retries(&self) -> u64 {
        self.at(Word::retry())
    }

    /// Calls that were not made.
    pub fn unmade(&self, unmade: Unmade) -> u64 {
        self.at(Word::unmade(unmade))
    }

    /// What there is now. What one worker has taken away before another one added it is for a moment
    /// less than nothing.
    pub fn gauge(&self, gauge: Gauge) -> u64 {
        u64::try_from(self.at(Word::gauge(gauge)).cast_signed()).unwrap_or(0)
    }

    /// How long something took.
    pub fn histogram(&self, duration: Duration) -> Histogram {
        let mut count = 0;
        let mut at_most = [0; BUCKETS.len()];
        for (number, bucket) in at_most.iter_mut().enumerate() {
            count += self.at(Word::numbered_bucket(duration, number));
            *bucket = count;
        }
        count += self.at(Word::numbered_bucket(duration, BUCKETS.len()));
        Histogram { at_most, count, sum: self.at(Word::sum(duration)) }
    }
}
