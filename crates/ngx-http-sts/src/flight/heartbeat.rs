//! The sign of life of the calls that this worker makes for others: one timer for all of them.

use std::cell::Cell;

use super::FLIGHTS;
use crate::cache::Lease;
use crate::nginx::guard::guard;
use crate::nginx::task;
use crate::nginx::timer::{Hold, Timer};

thread_local! {
    static BEATS: Cell<bool> = const { Cell::new(false) };
}

/// Resets the mark, however the task ends.
struct Beating;

impl Drop for Beating {
    fn drop(&mut self) {
        BEATS.set(false);
    }
}

/// Sees to it that there is a heartbeat as long as there are flights.
pub(super) fn start() {
    if !BEATS.replace(true) {
        task::spawn(beat(Beating));
    }
}

async fn beat(_beating: Beating) {
    loop {
        // A call holds a worker that shuts down, its heartbeat does not.
        let hold = Hold::default();
        hold.release();
        Timer::new(Lease::PERIOD, hold).await;
        let has_flights = FLIGHTS.with_borrow(|flights| {
            for lease in flights.values().map(|flight| flight.lease.borrow()) {
                // A panic in one is no reason to let the others go.
                guard((), || lease.iter().for_each(Lease::renew));
            }
            !flights.is_empty()
        });
        if !has_flights {
            return;
        }
    }
}
