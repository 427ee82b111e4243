//! The executor: futures on NGINX's event loop.
//!
//! A woken task is always queued and runs from an event that NGINX posts, never on the stack of the
//! code that woke it; a cancelled task is destroyed at once (ADR 2).

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use async_task::Runnable;
use nginx_sys::{
    ngx_delete_posted_event, ngx_event_t, ngx_post_event, ngx_posted_events, ngx_posted_next_events,
};
use slab::Slab;

use crate::guard::guard;
use crate::log::cycle_log;

/// How often in a row the queue may refill itself before the event loop gets its turn: enough for
/// tasks that hand something on to each other, and no task can starve NGINX.
const ROUNDS: u32 = 32;

/// Bytes of a task. There may be thousands of them, and each is memory that is cold when it runs.
const MAX_SIZE: usize = 1024;

/// A running task. Dropping this lets it run on.
pub struct Task(Rc<Slot>);

/// A future with what is known of it, in one piece of memory.
struct Slot<W: ?Sized = dyn Work> {
    /// Where the executor has noted it.
    key: Cell<Option<usize>>,
    cancelled: Cell<bool>,
    work: RefCell<W>,
}

/// A future that can be destroyed where it lies.
trait Work {
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()>;

    /// Destroys it. Returns whether it was still there.
    fn end(self: Pin<&mut Self>) -> bool;
}

/// What is polled: the future may be destroyed under it.
struct Body(Rc<Slot>);

struct Executor {
    queue: RefCell<VecDeque<Runnable>>,
    /// Empty, and kept for its room.
    spare: Cell<VecDeque<Runnable>>,
    /// Every task that has not ended, for the end of the worker.
    tasks: RefCell<Slab<Rc<Slot>>>,
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
pub fn spawn<F: Future<Output = ()> + 'static>(future: F) -> Task {
    const { assert!(size_of::<Slot<Option<F>>>() <= MAX_SIZE, "box what the task seldom needs") };
    // At once: each hand that a future goes through copies it, and some are large.
    start(Rc::new(Slot {
        key: Cell::new(None),
        cancelled: Cell::new(false),
        work: RefCell::new(Some(future)),
    }))
}

fn start(slot: Rc<Slot>) -> Task {
    let key = EXECUTOR.with(|executor| executor.tasks.borrow_mut().insert(slot.clone()));
    slot.key.set(Some(key));
    let schedule = |runnable| EXECUTOR.with(|executor| executor.enqueue(runnable));
    // SAFETY: the future, the schedule function and every waker stay on the one thread of the
    // worker, and the future owns all that it uses.
    let (runnable, task) = unsafe { async_task::spawn_unchecked(Body(slot.clone()), schedule) };
    task.detach();
    runnable.schedule();
    Task(slot)
}

/// Destroys all tasks, at the end of the worker, and those that are started by that.
pub fn shutdown() {
    EXECUTOR.with(|executor| {
        for _ in 0..ROUNDS {
            let tasks = executor.tasks.take();
            if tasks.is_empty() {
                break;
            }
            // None of them stands in the list any more: its key may be another's.
            tasks.iter().for_each(|(_, slot)| slot.key.set(None));
            for (_, slot) in tasks {
                Task(slot).cancel();
            }
        }
        // A runnable that is dropped drops its body, which is empty by now.
        drop(executor.queue.take());
        executor.withdraw();
    });
}

/// Frees what is kept for more tasks than there are now.
pub fn shrink() {
    EXECUTOR.with(|executor| {
        executor.tasks.borrow_mut().shrink_to_fit();
        executor.queue.borrow_mut().shrink_to_fit();
        executor.spare.take();
    });
}

impl Task {
    /// Destroys the future now, or, if it is running at this moment, as soon as it returns.
    pub fn cancel(&self) {
        self.0.cancelled.set(true);
        self.0.end();
    }
}

impl Slot {
    /// Does something with the work, unless that is being done at this moment.
    fn with_work<R>(&self, act: impl FnOnce(Pin<&mut (dyn Work + 'static)>) -> R) -> Option<R> {
        let mut work = self.work.try_borrow_mut().ok()?;
        // SAFETY: `spawn` makes slots in an `Rc` only, and nothing moves their work out.
        Some(act(unsafe { Pin::new_unchecked(&mut *work) }))
    }

    /// Destroys the work, unless it is running at this moment. A panic of a destructor ends here.
    fn end(&self) {
        let was_there = self.with_work(|work| guard(true, || work.end()));
        if was_there == Some(true)
            && let Some(key) = self.key.take()
        {
            let noted = EXECUTOR.with(|executor| executor.tasks.borrow_mut().try_remove(key));
            drop(noted);
        }
    }
}

impl<F: Future<Output = ()>> Work for Option<F> {
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.as_pin_mut().map_or(Poll::Ready(()), |future| future.poll(context))
    }

    fn end(mut self: Pin<&mut Self>) -> bool {
        let was_there = self.is_some();
        self.set(None);
        was_there
    }
}

impl Future for Body {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let slot = &self.0;
        // A panic ends this task and no other.
        let is_pending = slot.with_work(|work| guard(false, || work.poll(context).is_pending()));
        if is_pending == Some(true) && !slot.cancelled.get() {
            return Poll::Pending;
        }
        slot.end();
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
