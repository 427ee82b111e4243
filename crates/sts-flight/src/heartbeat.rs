//! The sign of life of the calls that this worker makes for others: one timer for all of them.

use std::marker::PhantomData;

use crate::election::Election;
use crate::host::Host;

/// Resets the mark, however the task ends.
struct Beating<H: Host>(PhantomData<H>);

impl<H: Host> Drop for Beating<H> {
    fn drop(&mut self) {
        H::flights(|flights| flights.beats.set(false));
    }
}

/// Sees to it that there is a heartbeat as long as there are flights.
pub(crate) fn start<H: Host>() {
    if !H::flights(|flights| flights.beats.replace(true)) {
        // Made here: a task that is cancelled before it first runs has to reset the mark, too.
        let beating = Beating(PhantomData);
        H::spawn(beat::<H>(beating));
    }
}

async fn beat<H: Host>(_beating: Beating<H>) {
    loop {
        // A call holds a worker that shuts down, its heartbeat does not.
        let hold = H::Hold::default();
        H::release(&hold);
        H::sleep(H::Cache::HEARTBEAT, hold).await;
        let has_flights = H::flights(|flights| {
            let table = flights.table.borrow();
            // A panic in one is no reason to let the others go.
            table.values().for_each(|flight| H::guard(|| flight.renew()));
            !table.is_empty()
        });
        if !has_flights {
            return;
        }
    }
}
