//! A connection, as it is counted.

use std::cell::Cell;

use sts_counters::words::Gauge;

use crate::counters;

/// One connection among those that are counted, until it is dropped. The counters of another
/// configuration are in force only when all connections are closed.
pub(super) struct Counted(Cell<Gauge>);

impl Counted {
    pub(super) fn active() -> Self {
        counters::change_connections(Gauge::ConnectionsActive, 1);
        Self(Cell::new(Gauge::ConnectionsActive))
    }

    /// It is in use.
    pub(super) fn set_active(&self) {
        self.set(Gauge::ConnectionsActive);
    }

    /// It is kept for the next call.
    pub(super) fn set_idle(&self) {
        self.set(Gauge::ConnectionsIdle);
    }

    fn set(&self, state: Gauge) {
        counters::change_connections(self.0.replace(state), -1);
        counters::change_connections(state, 1);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        counters::change_connections(self.0.get(), -1);
    }
}
