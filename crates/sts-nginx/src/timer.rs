//! Timers as futures.

use std::cell::{Cell, UnsafeCell};
use std::future::{Future, poll_fn};
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use nginx_sys::{ngx_add_timer, ngx_current_msec, ngx_del_timer, ngx_event_t, ngx_msec_t};

use crate::guard::guard;
use crate::log::cycle_log;

/// Milliseconds of NGINX's monotonic clock, as of the current iteration of the event loop.
pub fn now() -> u64 {
    // SAFETY: a plain global that only the main thread changes.
    unsafe { ngx_current_msec as u64 }
}

/// Ends after a time.
///
/// A graceful shutdown of the worker waits for it, unless [`Hold::release`] was called: a client
/// that waits for an answer must get it, a call that no request waits for must not delay the
/// worker.
pub struct Timer {
    inner: UnsafeCell<Inner>,
    hold: Hold,
    milliseconds: u64,
    /// NGINX has its address from the first poll on.
    _pinned: PhantomPinned,
}

/// Whether a running timer holds a worker that wants to shut down.
#[derive(Clone, Default)]
pub struct Hold(Rc<HoldState>);

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
    Running(Waker),
    Fired,
}

impl Hold {
    /// Lets the worker shut down without waiting for the timer.
    pub fn release(&self) {
        self.0.released.set(true);
        if let Some(event) = self.0.event.get() {
            // SAFETY: the timer removes its event from here before the event goes away.
            unsafe { (*event).set_cancelable(1) };
        }
    }
}

impl Timer {
    /// A timer that starts when it is polled first.
    pub fn new(milliseconds: u64, hold: Hold) -> Self {
        // SAFETY: all zeroes is a valid event that is not armed.
        let event = unsafe { mem::zeroed::<ngx_event_t>() };
        let inner = Inner { connection_prefix: [0; 4], event, state: State::New };
        let inner = UnsafeCell::new(inner);
        Self { inner, hold, milliseconds, _pinned: PhantomPinned }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.as_ref().get_ref();
        let inner = this.inner.get();
        // SAFETY: the handler, the only other user, never runs at the same time.
        let state = unsafe { &mut (*inner).state };
        match state {
            State::Fired => return Poll::Ready(()),
            State::Running(waker) => waker.clone_from(context.waker()),
            State::New => {
                *state = State::Running(context.waker().clone());
                // SAFETY: it is pinned, and nothing else refers to it.
                let event = unsafe { &mut (*inner).event };
                event.data = inner.cast();
                event.log = cycle_log();
                event.handler = Some(fired);
                event.set_cancelable(this.hold.0.released.get().into());
                this.hold.0.event.set(Some(event));
                // SAFETY: the event is initialised, and `drop` removes its timer.
                unsafe { ngx_add_timer(event, this.milliseconds as ngx_msec_t) };
            }
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.hold.0.event.set(None);
        // SAFETY: NGINX's handler never runs at the same time. If it has the address, the timer is pinned.
        let event = unsafe { &mut (*self.inner.get()).event };
        if event.timer_set() != 0 {
            // SAFETY: a timer that is set is in NGINX's tree.
            unsafe { ngx_del_timer(event) };
        }
    }
}

/// Runs a future until it ends or the timer does; `None` when the timer was first.
///
/// Both are pinned where they were made: what was moved in here would be there twice, and what awaits
/// this would be twice as large.
pub fn before<'a, F: Future>(
    mut timer: Pin<&'a mut Timer>,
    mut future: Pin<&'a mut F>,
) -> impl Future<Output = Option<F::Output>> + 'a {
    poll_fn(move |context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        timer.as_mut().poll(context).map(|()| None)
    })
}

extern "C" fn fired(event: *mut ngx_event_t) {
    guard((), || {
        // SAFETY: `poll` made `data` point at what holds this event.
        let inner = unsafe { (*event).data.cast::<Inner>() };
        // SAFETY: the timer is alive: dropping it takes it from NGINX.
        let state = unsafe { mem::replace(&mut (*inner).state, State::Fired) };
        if let State::Running(waker) = state {
            waker.wake();
        }
    });
}
