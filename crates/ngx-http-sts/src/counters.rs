//! What is counted of exchanges, calls, connections and credentials, in memory that all workers share.

mod of_store;

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

use sts_counters::region::{Lane, Name, Region, Row, Shape};
use sts_counters::totals::Totals;
use sts_counters::words::{Duration, Gauge, LAYOUT, Reload, Word};
use sts_net::breaker::State;

use crate::nginx::conf::Conf;
use crate::nginx::log::{self, Level};
use crate::nginx::process;
use crate::nginx::value::Reported;
use crate::nginx::zone::SharedMemory;
use crate::sts::Sts;
pub(crate) use of_store::StoreTally;

/// The counters of a configuration.
#[derive(Default)]
pub(crate) struct Counters {
    memory: OnceCell<SharedMemory>,
    shape: Cell<Shape>,
    /// Where this worker counts, from when it first has something to count.
    lane: Cell<Option<Lane>>,
    /// Of what belongs to no exchange.
    common: Cell<Option<Row>>,
}

/// What is counted of the exchanges that are called the same.
pub(crate) struct Tally {
    counters: Rc<Counters>,
    /// `None` until the configuration is in force, and where the region is full.
    row: Cell<Option<Row>>,
    /// What they are called.
    pub(crate) name: String,
    /// Whether the operator has called them so (`STSName`).
    is_named: bool,
    /// Their type.
    pub(crate) kind: &'static str,
    /// Where their calls go, without a query; nothing where none is made.
    pub(crate) endpoint: String,
    /// Whether one of them has a breaker, and how it stands in this worker.
    has_breaker: Cell<bool>,
    breaker: Cell<State>,
    /// A task waits for the end of its pause, and holds this.
    breaker_watch: Cell<Weak<()>>,
}

thread_local! {
    /// Those of the configuration that is in force.
    static IN_FORCE: RefCell<Option<Rc<Counters>>> = const { RefCell::new(None) };
}

impl Counters {
    /// Declares the memory, when it is known how many exchanges and stores there are.
    pub(crate) fn declare(&self, conf: &Conf<'_>, rows: usize) -> Result<(), Reported> {
        let shape = Shape::of(rows, conf.workers());
        // NGINX has its own part in front, which grows with the size.
        let bytes = shape.words() * size_of::<u64>();
        let size = bytes + bytes / 64 + 16 * 4096;
        let memory = SharedMemory::declare::<Sts>(conf, &zone_name(), size)?;
        self.shape.set(shape);
        // A configuration is read once.
        let _ = self.memory.set(memory);
        Ok(())
    }

    /// The configuration comes into force: its exchanges get their rows, by their names.
    pub(crate) fn take_effect(self: &Rc<Self>, tallies: &[Rc<Tally>], stores: &[Rc<StoreTally>]) {
        IN_FORCE.set(Some(self.clone()));
        let Some(memory) = self.memory.get() else { return };
        memory.with(|words| {
            let Some(region) = Region::open(words, self.shape.get()) else {
                log::cycle(Level::Error, format_args!("sts: there is no room for the counters"));
                return;
            };
            self.common.set(region.claim(Name::COMMON));
            for tally in tallies {
                let name = Name::of(&openssl::sha::sha256(tally.name.as_bytes()));
                tally.row.set(region.claim(name));
            }
            stores.iter().for_each(|store| store.claim(&region));
            if let Some(before) = memory.before(&zone_name()) {
                before.without_lock(|words| {
                    Region::of_other(words).iter().for_each(|before| region.take_over(before));
                });
            }
        });
        if let Some(tally) = tallies.iter().find(|tally| tally.row.get().is_none()) {
            log::cycle(
                Level::Warn,
                format_args!(
                    "sts: the memory for counters is full: nothing is counted of the exchange \
                     \"{}\"",
                    tally.name
                ),
            );
        }
    }

    fn count(&self, row: Option<Row>, word: Word) {
        self.with(row, |region, lane, row| region.count(lane, row, word));
    }

    fn change(&self, row: Option<Row>, gauge: Gauge, by: i64) {
        self.with(row, |region, lane, row| region.change(lane, row, gauge, by));
    }

    /// What belongs to no exchange.
    pub(crate) fn totals(&self) -> Totals {
        self.totals_of(self.common.get())
    }

    fn totals_of(&self, row: Option<Row>) -> Totals {
        let Some((memory, row)) = self.memory.get().zip(row) else { return Totals::default() };
        memory.without_lock(|words| {
            Region::new(words, self.shape.get()).totals(row, process::is_alive)
        })
    }

    fn with(&self, row: Option<Row>, use_it: impl FnOnce(&Region<'_>, Lane, Row)) {
        let Some((memory, row)) = self.memory.get().zip(row) else { return };
        memory.without_lock(|words| {
            let region = Region::new(words, self.shape.get());
            let lane = self.lane.get().unwrap_or_else(|| self.take_lane(&region));
            use_it(&region, lane, row);
        });
    }

    #[cold]
    fn take_lane(&self, region: &Region<'_>) -> Lane {
        let lane = region.take_lane(process::id(), process::is_alive);
        self.lane.set(Some(lane));
        lane
    }

    fn leave(&self) {
        if let Some((memory, lane)) = self.memory.get().zip(self.lane.take()) {
            memory.without_lock(|words| Region::new(words, self.shape.get()).leave_lane(lane));
        }
    }
}

impl Tally {
    pub(crate) fn new(
        counters: &Rc<Counters>,
        name: String,
        is_named: bool,
        kind: &'static str,
        endpoint: String,
    ) -> Self {
        let counters = counters.clone();
        let (row, has_breaker, breaker, breaker_watch) = Default::default();
        Self { counters, row, name, is_named, kind, endpoint, has_breaker, breaker, breaker_watch }
    }

    /// A location of theirs has a breaker.
    pub(crate) fn has_breaker_as_well(&self, has_breaker: bool) {
        self.has_breaker.set(self.has_breaker.get() || has_breaker);
    }

    /// Whether one of their locations has a breaker.
    pub(crate) fn has_breaker(&self) -> bool {
        self.has_breaker.get()
    }

    /// How the breaker stands in this worker.
    pub(crate) fn sees_breaker(&self, state: State) {
        let before = self.breaker.replace(state);
        if before != state {
            gauge_of(before).into_iter().for_each(|gauge| self.change(gauge, -1));
            gauge_of(state).into_iter().for_each(|gauge| self.change(gauge, 1));
        }
    }

    /// The turn to wait for the end of its pause; `None` while another task has it.
    pub(crate) fn watch_breaker(&self) -> Option<Rc<()>> {
        let known = self.breaker_watch.take();
        if known.strong_count() > 0 {
            self.breaker_watch.set(known);
            return None;
        }
        let turn = Rc::new(());
        self.breaker_watch.set(Rc::downgrade(&turn));
        Some(turn)
    }

    /// What the operator calls it, if that is more than its type and host.
    pub(crate) fn given_name(&self) -> Option<&str> {
        self.is_named.then_some(&*self.name)
    }

    /// Counts something.
    pub(crate) fn count(&self, word: Word) {
        self.counters.count(self.row.get(), word);
    }

    /// Counts how long something took, in milliseconds.
    pub(crate) fn observe(&self, duration: Duration, milliseconds: u64) {
        self.counters.with(self.row.get(), |region, lane, row| {
            region.observe(lane, row, duration, milliseconds);
        });
    }

    /// There is one more of something now, or one less.
    pub(crate) fn change(&self, gauge: Gauge, by: i64) {
        self.counters.change(self.row.get(), gauge, by);
    }

    /// The sums over all workers.
    pub(crate) fn totals(&self) -> Totals {
        self.counters.totals_of(self.row.get())
    }
}

/// What counts workers with a breaker in this state.
fn gauge_of(state: State) -> Option<Gauge> {
    match state {
        State::Closed => None,
        State::Open => Some(Gauge::BreakerOpen),
        State::Probing => Some(Gauge::BreakerProbing),
    }
}

/// Files of a credential have changed.
pub(crate) fn reloaded(reload: Reload) {
    with_common(|counters, row| counters.count(row, Word::reload(reload)));
}

/// One more connection is at this now, or one less.
pub(crate) fn change_connections(gauge: Gauge, by: i64) {
    with_common(|counters, row| counters.change(row, gauge, by));
}

/// What belongs to no exchange, in the configuration that is in force.
fn with_common(use_it: impl FnOnce(&Counters, Option<Row>)) {
    IN_FORCE.with_borrow(|counters| {
        if let Some(counters) = counters {
            use_it(counters, counters.common.get());
        }
    });
}

/// The worker ends, or its configuration goes.
pub(crate) fn shutdown() {
    if let Some(counters) = IN_FORCE.take() {
        counters.leave();
    }
}

/// Another layout is another zone: workers of another version of the module count there until they end.
fn zone_name() -> String {
    format!("sts_counters:{LAYOUT:016x}")
}
