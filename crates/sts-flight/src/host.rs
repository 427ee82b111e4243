//! What flights run on.

use std::cell::Cell;
use std::future::Future;

use sts_core::error::Failure;
use sts_core::life::LifePolicy;

use crate::election::Election;
use crate::failed::{Exceeded, Failed};
use crate::flights::Flights;
use crate::token::Token;

/// What a worker gives its flights: tasks, clocks and timers, and the table that they stand in. All of
/// it belongs to one thread, so nothing is an argument.
pub trait Host: Sized + 'static {
    /// A running task. Dropping this lets it run on.
    type Task: 'static;
    /// Whether a worker that shuts down waits for a call: it does, unless the call is released.
    type Hold: Clone + Default + 'static;
    /// The cache that elects.
    type Cache: Election<Ask = Self::Ask>;
    /// What requests ask an STS for.
    type Ask: Ask<Hold = Self::Hold>;
    /// A request that is suspended while it waits.
    type Request: 'static;
    /// Memory that the worker has and nothing uses, on its way back to the system. Dropping this lets the
    /// worker keep the rest.
    type Surplus: Default + 'static;

    /// Starts a task. It runs later, never within this call.
    fn spawn(task: impl Future<Output = ()> + 'static) -> Self::Task;

    /// Destroys a task now, or, if it is running at this moment, as soon as it returns.
    fn cancel(task: &Self::Task);

    /// Lets a worker that shuts down do so without waiting.
    fn release(hold: &Self::Hold);

    /// Whether a request is still to be resumed.
    fn is_suspended(request: &Self::Request) -> bool;

    /// Lets a request go on, later in this iteration of the event loop.
    fn resume(request: &Self::Request);

    /// Milliseconds of a clock that never goes back.
    fn now() -> u64;

    /// Milliseconds since 1970.
    fn wall() -> u64;

    /// Ends after so many milliseconds.
    fn sleep(milliseconds: u64, hold: Self::Hold) -> impl Future<Output = ()> + 'static;

    /// Runs something the panic of which must not end what calls it.
    fn guard(work: impl FnOnce());

    /// Gives a piece of the memory back to the system that nothing uses. Returns whether there is more.
    fn give_back_some(surplus: &mut Self::Surplus) -> bool;

    /// The flights of this worker.
    fn flights<R>(use_them: impl FnOnce(&Flights<Self>) -> R) -> R;
}

/// What a request asks an STS for.
pub trait Ask: 'static {
    /// See [`Host::Hold`].
    type Hold;

    /// Milliseconds that the request waits in all: for another call, in a queue, and for the call that
    /// is made for it.
    fn timeout(&self) -> u64;

    /// Milliseconds that a call may take that no request waits for.
    fn timeout_alone(&self) -> u64 {
        self.timeout()
    }

    /// For how long the request's location uses a token again.
    fn policy(&self) -> &LifePolicy;

    /// Whether a call that ended at a limit of another request would have ended for this one, too. Time
    /// and worker are not asked for here.
    fn is_ended_by(&self, exceeded: &Exceeded) -> bool;

    /// Calls the STS, within so many milliseconds. `sent` is set as soon as the STS may have seen
    /// anything; `hold` tells whether a worker that shuts down has to wait.
    fn call(
        &self,
        time: u64,
        sent: &Cell<bool>,
        hold: Self::Hold,
    ) -> impl Future<Output = Result<Token, Failed>>;

    /// A call that no request waited for, for the next token, has failed after `took` milliseconds.
    /// `is_dropped`: the token that was there serves no more.
    fn refresh_failed(&self, _failure: &Failure, _took: u64, _is_dropped: bool) {}

    /// The call failed, `took` milliseconds after the request had asked for it, and the request has gone
    /// in the meantime.
    fn failed_after_leaving(&self, failure: &Failure, took: u64);
}
