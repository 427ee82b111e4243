//! Timers as futures.

use std::cell::{Cell, UnsafeCell};
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use nginx_sys::{ngx_add_timer, ngx_current_msec, ngx_del_timer, ngx_event_t, ngx_msec_t};

use crate::nginx::guard::guard;
use crate::nginx::log::cycle_log;

/// Milliseconds of NGINX's monotonic clock, as of the current iteration of the event loop.
pub(crate) fn now() -> u64 {
    // SAFETY: a plain global that only the main thread changes.
    unsafe { ngx_current_msec as u64 }
}

/// Ends after a time.
///
/// A graceful shutdown of the worker waits for it, unless [`Hold::release`] was called: a client
/// that waits for an answer must get it, a call that nobody waits for must not delay the worker.
pub(crate) struct Timer {
    inner: Box<UnsafeCell<Inner>>,
    hold: Hold,
    milliseconds: u64,
}

/// Whether a running timer holds a worker that wants to shut down.
#[derive(Clone, Default)]
pub(crate) struct Hold(Rc<HoldState>);

#[derive(Default)]
struct HoldState {
    released: Cell<bool>,
    event: Cell<Option<*mut ngx_event_t>>,
}

#[repr(C)]
struct Inner {
    /// NGINX prints `ev->data` as if it were a connection: its `fd` lies here.
    connection_prefix: [usize; 4],
    event: ngx_event_t,
    state: State,
}

enum State {
    New,
    Running(Option<Waker>),
    Fired,
}

impl Hold {
    /// Lets the worker shut down without waiting for the timer.
    pub(crate) fn release(&self) {
        self.0.released.set(true);
        if let Some(event) = self.0.event.get() {
            // SAFETY: the timer removes its event from here before the event goes away.
            unsafe { (*event).set_cancelable(1) };
        }
    }
}

impl Timer {
    /// A timer that starts when it is polled first.
    pub(crate) fn new(milliseconds: u64, hold: Hold) -> Self {
        // SAFETY: all zeroes is a valid event that is not armed.
        let event = unsafe { mem::zeroed::<ngx_event_t>() };
        let inner = Inner { connection_prefix: [0; 4], event, state: State::New };
        Self { inner: Box::new(UnsafeCell::new(inner)), hold, milliseconds }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let inner = self.inner.get();
        // SAFETY: the handler, the only other user, never runs at the same time.
        let state = unsafe { &mut (*inner).state };
        match state {
            State::Fired => return Poll::Ready(()),
            State::Running(waker) => *waker = Some(context.waker().clone()),
            State::New => {
                *state = State::Running(Some(context.waker().clone()));
                // SAFETY: the box keeps its address, and nobody else refers to it.
                let event = unsafe { &mut (*inner).event };
                event.data = inner.cast();
                event.log = cycle_log();
                event.handler = Some(fired);
                event.set_cancelable(self.hold.0.released.get().into());
                self.hold.0.event.set(Some(event));
                // SAFETY: the event is initialised, and `drop` removes its timer.
                unsafe { ngx_add_timer(event, self.milliseconds as ngx_msec_t) };
            }
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.hold.0.event.set(None);
        // SAFETY: as in `poll`.
        let event = unsafe { &mut (*self.inner.get()).event };
        if event.timer_set() != 0 {
            // SAFETY: a timer that is set is in NGINX's tree.
            unsafe { ngx_del_timer(event) };
        }
    }
}

/// Runs a future until it ends or the timer does; `None` when the timer was first.
///
/// The future is pinned where it was made: one that was moved in here would be there twice, and what
/// awaits this would be twice as large.
pub(crate) async fn before<F: Future>(
    mut timer: Timer,
    mut future: Pin<&mut F>,
) -> Option<F::Output> {
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        Pin::new(&mut timer).poll(context).map(|()| None)
    })
    .await
}

/// Runs a future, and something else each `period` milliseconds meanwhile. As for [`before`], the
/// future stays where it is.
pub(crate) async fn meanwhile<F: Future>(
    mut future: Pin<&mut F>,
    period: u64,
    mut each: impl FnMut(),
) -> F::Output {
    // A call holds a worker that shuts down, its heartbeat does not.
    let hold = Hold::default();
    hold.release();
    let mut timer = Timer::new(period, hold.clone());
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        while Pin::new(&mut timer).poll(context).is_ready() {
            each();
            timer = Timer::new(period, hold.clone());
        }
        Poll::Pending
    })
    .await
}

extern "C" fn fired(event: *mut ngx_event_t) {
    guard((), || {
        // SAFETY: `poll` made `data` point at the box that holds this event.
        let inner = unsafe { (*event).data.cast::<Inner>() };
        // SAFETY: the box is alive: dropping it removes the timer.
        let state = unsafe { mem::replace(&mut (*inner).state, State::Fired) };
        if let State::Running(Some(waker)) = state {
            waker.wake();
        }
    });
}
