//! The executor: futures on NGINX's event loop.
//!
//! A woken task is always queued and runs from an event that NGINX posts, never on the stack of who
//! woke it; a cancelled task is destroyed at once (ADR 2).

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use async_task::Runnable;
use nginx_sys::{
    ngx_delete_posted_event, ngx_event_t, ngx_post_event, ngx_posted_events, ngx_posted_next_events,
};

use crate::nginx::guard::guard;
use crate::nginx::log::cycle_log;

/// How often in a row the queue may refill itself before the event loop gets its turn: enough for
/// tasks that pass something on to each other, and no task can starve NGINX.
const ROUNDS: u32 = 32;

/// A running task. Dropping this lets it run on.
pub(crate) struct Task(Rc<Slot>);

struct Slot {
    id: u64,
    future: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>,
    cancelled: Cell<bool>,
}

/// What is polled: the future may be taken out from under it.
struct Body(Rc<Slot>);

struct Executor {
    queue: RefCell<VecDeque<Runnable>>,
    /// Empty, and kept for its room.
    spare: Cell<VecDeque<Runnable>>,
    /// Every task that has not ended, for the end of the worker.
    tasks: RefCell<HashMap<u64, Rc<Slot>>>,
    next_id: Cell<u64>,
    running: Cell<bool>,
    rounds: Cell<u32>,
    event: Box<UnsafeCell<PostedEvent>>,
}

#[repr(C)]
struct PostedEvent {
    /// NGINX prints `ev->data` as if it were a connection: its `fd` lies here.
    connection_prefix: [usize; 4],
    event: ngx_event_t,
}

thread_local! {
    static EXECUTOR: Executor = Executor::new();
}

/// Starts a task. It is polled later in the same iteration of the event loop.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) -> Task {
    // At once: each hand that a future goes through copies it, and some are large.
    start(Box::pin(future))
}

fn start(future: Pin<Box<dyn Future<Output = ()>>>) -> Task {
    let slot = EXECUTOR.with(|executor| {
        let id = executor.next_id.get();
        executor.next_id.set(id.wrapping_add(1));
        let slot =
            Rc::new(Slot { id, future: RefCell::new(Some(future)), cancelled: Cell::new(false) });
        executor.tasks.borrow_mut().insert(id, slot.clone());
        slot
    });
    let schedule = |runnable| EXECUTOR.with(|executor| executor.enqueue(runnable));
    // SAFETY: the future, the schedule function and every waker stay on the one thread of the
    // worker, and the future owns all that it uses.
    let (runnable, task) = unsafe { async_task::spawn_unchecked(Body(slot.clone()), schedule) };
    task.detach();
    runnable.schedule();
    Task(slot)
}

/// Destroys all tasks, at the end of the worker.
pub(crate) fn shutdown() {
    EXECUTOR.with(|executor| {
        let tasks: Vec<_> = executor.tasks.borrow_mut().drain().collect();
        for (_, slot) in tasks {
            Task(slot).cancel();
        }
        // A runnable that is dropped drops its body, which is empty by now.
        drop(executor.queue.take());
        executor.withdraw();
    });
}

impl Task {
    /// Destroys the future now, or, if it is running at this moment, as soon as it returns.
    pub(crate) fn cancel(&self) {
        self.0.cancelled.set(true);
        let future = self.0.future.try_borrow_mut().ok().and_then(|mut future| future.take());
        if future.is_some() {
            self.0.forget();
        }
    }
}

impl Slot {
    fn forget(&self) {
        EXECUTOR.with(|executor| executor.tasks.borrow_mut().remove(&self.id));
    }
}

impl Future for Body {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let slot = &self.0;
        let mut future = slot.future.borrow_mut();
        let Some(running) = future.as_mut() else { return Poll::Ready(()) };
        // A panic ends this task and no other.
        let ended = guard(true, || running.as_mut().poll(context).is_ready());
        if !ended && !slot.cancelled.get() {
            return Poll::Pending;
        }
        let ended = future.take();
        drop(future);
        drop(ended);
        slot.forget();
        Poll::Ready(())
    }
}

impl Executor {
    fn new() -> Self {
        // SAFETY: all zeroes is a valid event that is not posted.
        let event = unsafe { mem::zeroed::<ngx_event_t>() };
        Self {
            queue: RefCell::default(),
            spare: Cell::default(),
            tasks: RefCell::default(),
            next_id: Cell::new(0),
            running: Cell::new(false),
            rounds: Cell::new(0),
            event: Box::new(UnsafeCell::new(PostedEvent { connection_prefix: [0; 4], event })),
        }
    }

    fn enqueue(&self, runnable: Runnable) {
        self.queue.borrow_mut().push_back(runnable);
        if !self.running.get() {
            self.rounds.set(0);
        }
        let posted = self.event.get();
        // SAFETY: the box keeps its address; the handler, the only other user, is not holding a
        // reference to the event while tasks run.
        let event = unsafe { &mut (*posted).event };
        event.data = posted.cast();
        // The log may have changed with a reload in a single-process NGINX.
        event.log = cycle_log();
        event.handler = Some(run_queue);
        let queue = if self.rounds.get() < ROUNDS {
            &raw mut ngx_posted_events
        } else {
            self.rounds.set(0);
            &raw mut ngx_posted_next_events
        };
        // SAFETY: the event is initialised, and it is withdrawn before the worker ends.
        unsafe { ngx_post_event(event, queue) };
    }

    fn withdraw(&self) {
        // SAFETY: as in `enqueue`.
        let event = unsafe { &mut (*self.event.get()).event };
        if event.posted() != 0 {
            // SAFETY: a posted event is in one of NGINX's queues.
            unsafe { ngx_delete_posted_event(event) };
        }
    }

    fn run(&self) {
        self.running.set(true);
        self.rounds.set(self.rounds.get() + 1);
        // What is queued meanwhile runs in the next round.
        let mut queue = self.queue.replace(self.spare.take());
        for runnable in queue.drain(..) {
            runnable.run();
        }
        self.spare.set(queue);
        self.running.set(false);
    }
}

extern "C" fn run_queue(_event: *mut ngx_event_t) {
    guard((), || EXECUTOR.with(Executor::run));
}
