//! What is counted of a store.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use sts_counters::region::{Name, Region, Row};
use sts_counters::stores::{self, Ended, Op};
use sts_counters::totals::Totals;
use sts_counters::words::Gauge;

use crate::counters::Counters;
use crate::nginx::timer;

/// What is counted of the store behind a cache.
pub(crate) struct StoreTally {
    counters: Rc<Counters>,
    /// `None` until the configuration is in force, and where the region is full.
    row: Cell<Option<Row>>,
    /// The cache.
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    /// Where it is.
    pub(crate) place: String,
    /// Whether this worker leaves it alone.
    is_open: Cell<bool>,
}

/// A question that has begun.
struct Question<'a> {
    tally: &'a StoreTally,
    op: Op,
    /// Milliseconds after which it is given up.
    bound: u64,
    began: Instant,
    /// The same by the clock of the timers.
    at: u64,
    has_ended: bool,
}

impl StoreTally {
    pub(crate) fn new(
        counters: &Rc<Counters>,
        name: String,
        kind: &'static str,
        place: String,
    ) -> Self {
        let (row, is_open) = Default::default();
        Self { counters: counters.clone(), row, name, kind, place, is_open }
    }

    /// A row for the configuration that comes into force. An exchange has no name like this: `store` is no
    /// type, and a name that the operator gives has no blank.
    pub(super) fn claim(&self, region: &Region<'_>) {
        let name = format!("store {} {}", self.kind, self.name);
        self.row.set(region.claim(Name::of(&openssl::sha::sha256(name.as_bytes()))));
    }

    /// Counts something.
    pub(crate) fn count(&self, op: Op, ended: Ended) {
        if let Some(word) = stores::word(op, ended) {
            self.counters.count(self.row.get(), word);
        }
    }

    /// Whether this worker leaves the store alone now.
    pub(crate) fn sees_breaker(&self, is_open: bool) {
        if self.is_open.replace(is_open) != is_open {
            let by = if is_open { 1 } else { -1 };
            self.counters.change(self.row.get(), Gauge::BreakerOpen, by);
        }
    }

    /// Counts how this ends, and how long it takes. When it is dropped after `bound` milliseconds, it was
    /// given up; before that, nothing wants to know any more.
    pub(crate) async fn counted<T, E>(
        &self,
        op: Op,
        bound: u64,
        work: impl Future<Output = Result<T, E>>,
        ended: impl FnOnce(&T) -> Ended,
    ) -> Result<T, E> {
        let (began, at) = (Instant::now(), timer::now());
        let question = Question { tally: self, op, bound, began, at, has_ended: false };
        let answer = work.await;
        question.ends(answer.as_ref().map_or(Ended::Failed, ended));
        answer
    }

    /// The sums over all workers.
    pub(crate) fn totals(&self) -> Totals {
        self.counters.totals_of(self.row.get())
    }
}

impl Question<'_> {
    fn ends(mut self, ended: Ended) {
        self.has_ended = true;
        self.note(ended);
    }

    fn note(&self, ended: Ended) {
        let took = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.tally.count(self.op, ended);
        self.tally.counters.with(self.tally.row.get(), |region, lane, row| {
            region.observe_as(lane, row, stores::bucket(took), stores::SUM, took);
        });
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        if !self.has_ended && timer::now() >= self.at.saturating_add(self.bound) {
            self.note(Ended::Timeout);
        }
    }
}
