//! Memory after a rush: what many requests took while they waited goes back to the system.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use crate::host::Host;

/// Requests that wait at once and make a rush.
pub(crate) const RUSH: usize = 128;

/// Requests whose memory is worth no work.
const FEW: usize = RUSH / REST;

/// A rush is over when this part of its requests, or less, still waits.
const REST: usize = 4;

/// Milliseconds between two looks whether a rush is over.
pub(crate) const PAUSE: u64 = 1_000;

/// Milliseconds between two pieces of memory that are given back, in which the worker serves requests.
pub(crate) const BREATH: u64 = 5;

/// How many requests of a worker wait.
#[derive(Default)]
pub(crate) struct Rush {
    waiting: Cell<usize>,
    /// The most that waited at once since memory was given back.
    most: Cell<usize>,
    is_watched: Cell<bool>,
}

impl Rush {
    fn is_over(&self) -> bool {
        self.waiting.get() <= self.most.get() / REST
    }
}

/// A request that waits. Dropping this counts it no more.
pub(crate) struct Counted(Rc<Rush>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get().saturating_sub(1));
    }
}

/// Resets the mark, however the task ends.
struct Watched(Rc<Rush>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.is_watched.set(false);
    }
}

/// Counts a request for as long as it waits, and sees to it that a rush is watched.
pub(crate) fn count<H: Host>() -> Counted {
    let rush = H::flights(|flights| flights.rush.clone());
    let waiting = rush.waiting.get() + 1;
    rush.waiting.set(waiting);
    rush.most.set(waiting.max(rush.most.get()));
    if waiting >= RUSH && !rush.is_watched.replace(true) {
        // Made here: a task that is cancelled before it first runs has to reset the mark, too.
        let watched = Watched(rush.clone());
        H::spawn(watch::<H>(watched));
    }
    Counted(rush)
}

async fn watch<H: Host>(watched: Watched) {
    let rush = &watched.0;
    while rush.most.get() > FEW {
        // Twice in a row: a request that waits no more may still be at its answer.
        let was_over = rush.is_over();
        sleep::<H>(PAUSE).await;
        if !was_over || !rush.is_over() {
            continue;
        }
        H::flights(|flights| flights.table.borrow_mut().shrink_to_fit());
        let mut surplus = H::Surplus::default();
        while rush.is_over() && H::give_back_some(&mut surplus) {
            sleep::<H>(BREATH).await;
        }
        if rush.is_over() {
            rush.most.set(rush.waiting.get());
        }
    }
}

/// A request holds a worker that shuts down, memory does not.
fn sleep<H: Host>(milliseconds: u64) -> impl Future<Output = ()> {
    let hold = H::Hold::default();
    H::release(&hold);
    H::sleep(milliseconds, hold)
}
