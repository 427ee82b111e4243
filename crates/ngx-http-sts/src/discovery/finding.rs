//! How flights of metadata run on NGINX. What waits for them are tasks.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use sts_flight::failed::Failed;
use sts_flight::flights::Flights;
use sts_flight::granted::Granted;
use sts_flight::host::Host;
use sts_flight::waiting::Waiting;

use crate::discovery::ask::Ask;
use crate::discovery::kept::Kept;
use crate::nginx::clock;
use crate::nginx::guard::guard;
use crate::nginx::memory::Surplus;
use crate::nginx::task::{self, Task};
use crate::nginx::timer::{self, Hold, Timer};

/// NGINX, as what flights of metadata run on.
pub(crate) struct Finding;

thread_local! {
    static FLIGHTS: Flights<Finding> = Flights::default();
}

impl Host for Finding {
    type Task = Task;
    type Hold = Hold;
    type Cache = Kept;
    type Ask = Ask;
    type Request = Waker;
    type Surplus = Surplus;

    fn spawn(task: impl Future<Output = ()> + 'static) -> Task {
        // Boxed: they are rare, and need no place of their own in each task.
        task::spawn(Box::pin(task))
    }

    fn cancel(task: &Task) {
        task.cancel();
    }

    fn release(hold: &Hold) {
        hold.release();
    }

    fn is_suspended(_: &Waker) -> bool {
        true
    }

    fn resume(request: &Waker) {
        request.wake_by_ref();
    }

    fn now() -> u64 {
        timer::now()
    }

    fn wall() -> u64 {
        clock::milliseconds()
    }

    /// A worker that shuts down waits for the deadlines of requests, and for none of these.
    fn sleep(milliseconds: u64, hold: Hold) -> impl Future<Output = ()> + 'static {
        hold.release();
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

/// Ends with what is waited for. Dropping it leaves the flight.
pub(super) struct Wait(pub(super) Rc<Waiting<Finding>>);

impl Future for Wait {
    type Output = Result<Granted, Failed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0.take_outcome() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                self.0.set_request(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.0.leave();
    }
}
