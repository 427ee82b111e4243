//! How a store does: when it is left alone, and what the log says of it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use sts_store::breaker::Breaker;

use crate::counters::StoreTally;
use crate::nginx::clock;
use crate::nginx::log::{self, Level};
use crate::nginx::timer;

/// Milliseconds between two lines about the same.
const SILENCE: u64 = 60_000;

/// How a store does, by what one worker saw of it.
pub(super) struct Health {
    /// The store's kind, host and port, and its cache.
    shown: String,
    breaker: RefCell<Breaker>,
    failures: Spoken,
    unreadable: Spoken,
    has_failed: Cell<bool>,
    tally: Rc<StoreTally>,
}

/// What is said once in a while, with a count.
#[derive(Default)]
struct Spoken {
    count: Cell<u64>,
    /// When it was said last.
    at: Cell<Option<u64>>,
}

impl Spoken {
    /// Counts one more. Returns how many there were since the last line, where one is due.
    fn is_due(&self) -> Option<u64> {
        let (count, now) = (self.count.get() + 1, timer::now());
        if self.at.get().is_some_and(|at| now < at + SILENCE) {
            self.count.set(count);
            return None;
        }
        self.at.set(Some(now));
        self.count.set(0);
        Some(count)
    }
}

impl Health {
    pub(super) fn new(shown: String, tally: Rc<StoreTally>) -> Self {
        Self {
            shown,
            breaker: RefCell::default(),
            failures: Spoken::default(),
            unreadable: Spoken::default(),
            has_failed: Cell::new(false),
            tally,
        }
    }

    pub(super) fn admits(&self) -> bool {
        self.breaker.borrow_mut().admits(timer::now())
    }

    pub(super) fn succeed(&self) {
        let was_open = self.breaker.borrow().is_open();
        self.breaker.borrow_mut().succeed();
        self.tally.sees_breaker(false);
        if was_open {
            log::cycle(Level::Notice, format_args!("sts: {} answers again", self.shown));
        }
    }

    /// It is another server from now on.
    pub(super) fn start_anew(&self) {
        log::cycle(Level::Notice, format_args!("sts: {} has another master now", self.shown));
        self.breaker.borrow_mut().succeed();
        self.tally.sees_breaker(false);
    }

    pub(super) fn fail(&self, why: Option<&str>, timeout: u64) {
        self.has_failed.set(true);
        let random = clock::entropy().map_or(0, |random| random.first().copied().unwrap_or(0));
        self.breaker.borrow_mut().fail(timer::now(), random);
        self.tally.sees_breaker(self.breaker.borrow().is_open());
        let Some(count) = self.failures.is_due() else { return };
        let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
        let late = format!("it did not answer in time (option \"timeout\" is {timeout} ms)");
        log::cycle(
            Level::Warn,
            format_args!(
                "sts: {} is of no use{times}, requests go on without it: {}",
                self.shown,
                why.unwrap_or(&late),
            ),
        );
    }

    /// Whether it was ever of no use to this worker.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.get()
    }

    /// A value lies there that this passphrase does not open.
    pub(super) fn is_unreadable(&self) {
        let Some(count) = self.unreadable.is_due() else { return };
        let times = if count > 1 { format!(" ({count} values)") } else { String::new() };
        log::cycle(
            Level::Warn,
            format_args!(
                "sts: {} has a value that does not open{times}: it was changed there, belongs elsewhere, \
                 or was kept with another passphrase; the STS is called instead",
                self.shown,
            ),
        );
    }
}
