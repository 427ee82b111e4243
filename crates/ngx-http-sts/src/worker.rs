//! What a worker has for all its requests, and how flights run on NGINX.

use std::future::Future;
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_flight::flights::Flights;
use sts_flight::host::Host;
use sts_flight::waiting::Waiting;

use crate::ask::Ask;
use crate::cache::Cache;
use crate::nginx::clock;
use crate::nginx::guard::guard;
use crate::nginx::memory::Surplus;
use crate::nginx::suspend::{Resumer, Waits};
use crate::nginx::task::{self, Task};
use crate::nginx::timer::{self, Hold, Timer};
use crate::source::Source;

/// NGINX, as what flights run on.
pub(crate) struct Nginx;

thread_local! {
    static FLIGHTS: Flights<Nginx> = Flights::default();
}

impl Host for Nginx {
    type Task = Task;
    type Hold = Hold;
    type Cache = Cache;
    type Ask = Ask;
    type Request = Resumer;
    type Surplus = Surplus;

    fn spawn(task: impl Future<Output = ()> + 'static) -> Task {
        task::spawn(task)
    }

    fn cancel(task: &Task) {
        task.cancel();
    }

    fn release(hold: &Hold) {
        hold.release();
    }

    fn is_suspended(request: &Resumer) -> bool {
        request.is_suspended()
    }

    fn resume(request: &Resumer) {
        request.resume();
    }

    fn now() -> u64 {
        timer::now()
    }

    fn wall() -> u64 {
        clock::milliseconds()
    }

    fn sleep(milliseconds: u64, hold: Hold) -> impl Future<Output = ()> + 'static {
        Timer::new(milliseconds, hold)
    }

    fn guard(work: impl FnOnce()) {
        guard((), work);
    }

    fn give_back_some(surplus: &mut Surplus) -> bool {
        surplus.give_back_some()
    }

    fn flights<R>(use_them: impl FnOnce(&Flights<Self>) -> R) -> R {
        FLIGHTS.with(use_them)
    }
}

/// A visit that waits for a token, with what the request has brought.
pub(crate) struct Waited {
    pub(crate) waiting: Rc<Waiting<Nginx>>,
    pub(crate) source: Source,
    pub(crate) key: CacheKey,
    /// The number of the step that it waits for; `None` for the exchange itself.
    pub(crate) step: Option<usize>,
}

impl Waits for Waited {
    fn left(&self) {
        self.waiting.leave();
    }
}
