//! The counters as text, written in slices.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use sts_counters::prometheus::METRICS;
use sts_counters::stores::Store;
use sts_counters::view::{Exchange, Gateway, Zone};
use sts_counters::{json, prometheus};

use crate::conf::cache::NamedZone;
use crate::counters::StoreTally;
use crate::nginx::suspend::Resumer;
use crate::nginx::timer::{Hold, Timer};
use crate::nginx::{clock, process, worker};
use crate::status::{Format, Overview};

/// After this time in one go the event loop has its turn.
const SLICE: Duration = Duration::from_micros(300);

/// Exchanges between two looks at the clock.
const FEW: usize = 4;

/// An answer that is being written.
pub(crate) struct Scrape {
    overview: Rc<Overview>,
    pub(super) format: Format,
    text: RefCell<Option<String>>,
    waiter: RefCell<Option<Resumer>>,
}

/// How long the event loop has waited.
struct Slice(Cell<Instant>);

impl Slice {
    /// Lets the event loop have its turn when it is time.
    async fn pause(&self) {
        if self.0.get().elapsed() >= SLICE {
            // It is over in the next iteration of the event loop, and meanwhile holds a worker that
            // shuts down.
            Timer::new(0, Hold::default()).await;
            self.0.set(Instant::now());
        }
    }
}

impl Scrape {
    pub(super) fn new(overview: &Rc<Overview>, format: Format) -> Self {
        let overview = overview.clone();
        Self { overview, format, text: RefCell::default(), waiter: RefCell::default() }
    }

    pub(super) fn wait_by(&self, waiter: Resumer) {
        self.waiter.replace(Some(waiter));
    }

    /// The text, once it is written.
    pub(super) fn take_text(&self) -> Option<String> {
        self.text.take()
    }

    pub(super) async fn run(&self) {
        let slice = Slice(Cell::new(Instant::now()));
        let mut exchanges = Vec::new();
        let tallies = self.overview.tallies.borrow().clone();
        for few in tallies.chunks(FEW) {
            exchanges.extend(few.iter().map(|tally| Exchange {
                name: tally.name.clone(),
                kind: tally.kind,
                endpoint: tally.endpoint.clone(),
                has_breaker: tally.has_breaker(),
                totals: tally.totals(),
            }));
            slice.pause().await;
        }
        let gateway = self.gateway();
        let text = match self.format {
            Format::Json => json_of(&exchanges, &gateway, &slice).await,
            Format::Prometheus | Format::Html => prometheus_of(&exchanges, &gateway, &slice).await,
        };
        self.text.replace(Some(text));
    }

    fn gateway(&self) -> Gateway {
        Gateway {
            module: env!("CARGO_PKG_VERSION"),
            nginx: process::version(),
            time: clock::milliseconds(),
            process: process::id(),
            workers: worker::number(),
            totals: self.overview.counters.totals(),
            zones: self.overview.zones.borrow().iter().map(zone).collect(),
            stores: self.overview.stores.borrow().iter().map(|it| store(it)).collect(),
        }
    }
}

fn store(tally: &StoreTally) -> Store {
    let StoreTally { name, kind, place, .. } = tally;
    Store { name: name.clone(), kind, place: place.clone(), totals: tally.totals() }
}

fn zone(named: &NamedZone) -> Zone {
    let statistics = named.zone.with(|zone| zone.statistics()).unwrap_or_default();
    Zone {
        name: named.name.clone(),
        size: named.size,
        used: statistics.used,
        entries: statistics.entries,
        evictions: statistics.evicted,
        expirations: statistics.expired,
        purges: statistics.purged,
    }
}

async fn json_of(exchanges: &[Exchange], gateway: &Gateway, slice: &Slice) -> String {
    let mut text = String::new();
    json::begin(&mut text, gateway);
    for (number, exchange) in exchanges.iter().enumerate() {
        json::exchange(&mut text, exchange, number == 0);
        slice.pause().await;
    }
    json::end(&mut text, gateway);
    text
}

async fn prometheus_of(exchanges: &[Exchange], gateway: &Gateway, slice: &Slice) -> String {
    let mut text = String::new();
    // A metric without samples is none.
    let metrics = METRICS.iter().filter(|_| !exchanges.is_empty());
    for metric in metrics {
        metric.begin(&mut text);
        for few in exchanges.chunks(FEW) {
            few.iter().for_each(|exchange| metric.write(&mut text, exchange));
            slice.pause().await;
        }
    }
    prometheus::gateway(&mut text, gateway);
    text
}

/// The end of it, however it comes: its client must not wait for ever.
pub(super) struct Ending(pub(super) Rc<Scrape>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(waiter) = &*self.0.waiter.borrow() {
            waiter.resume();
        }
    }
}
