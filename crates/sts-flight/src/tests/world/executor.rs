//! Tasks and timers of several workers under one clock.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::mem::{self, ManuallyDrop};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::cache::ModelCache;
use super::sts::Wants;
use crate::flights::Flights;
use crate::host::Host;

/// Workers of the world.
const WORKERS: usize = 2;

/// The host of flights in these tests.
pub(in crate::tests) struct Virtual;

/// A task, by its number.
pub(in crate::tests) struct Task(usize);

/// Whether a worker that shuts down waits for a call.
#[derive(Clone)]
pub(in crate::tests) struct Hold(Rc<Cell<bool>>);

impl Default for Hold {
    fn default() -> Self {
        Self(Rc::new(Cell::new(true)))
    }
}

/// Memory that can be given back.
#[derive(Default)]
pub(in crate::tests) struct Surplus {
    pieces: u32,
}

/// In how many pieces it goes.
pub(in crate::tests) const PIECES: u32 = 3;

struct Entry {
    worker: usize,
    /// `None` while it runs, and when it has ended.
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    is_over: bool,
}

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
    static WORKER: Cell<usize> = const { Cell::new(0) };
    /// Not dropped: a test ends as a process does, and what still waits then would look at the rest.
    static TASKS: ManuallyDrop<RefCell<Vec<Entry>>> =
        const { ManuallyDrop::new(RefCell::new(Vec::new())) };
    /// When timers end, with what says whether a worker waits for them.
    static TIMERS: ManuallyDrop<RefCell<Vec<Timer>>> =
        const { ManuallyDrop::new(RefCell::new(Vec::new())) };
    /// Counts what may let another task go on.
    static EVENTS: Cell<u64> = const { Cell::new(0) };
    static GIVEN_BACK: Cell<u32> = const { Cell::new(0) };
    static FLIGHTS: ManuallyDrop<[Flights<Virtual>; WORKERS]> = ManuallyDrop::default();
}

/// A timer that is set.
struct Timer {
    number: u64,
    end: u64,
    worker: usize,
    hold: Hold,
}

/// Takes the timer back when the future is dropped.
struct Armed {
    number: u64,
    end: u64,
}

impl Armed {
    fn new(milliseconds: u64, worker: usize, hold: Hold) -> Self {
        note_event();
        let (number, end) = (EVENTS.get(), now() + milliseconds);
        let timer = Timer { number, end, worker, hold };
        TIMERS.with(|timers| timers.borrow_mut().push(timer));
        Self { number, end }
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        TIMERS.with(|timers| timers.borrow_mut().retain(|timer| timer.number != self.number));
    }
}

/// Milliseconds since the test began.
pub(super) fn now() -> u64 {
    NOW.get()
}

/// How many pieces of memory went back.
pub(in crate::tests) fn given_back() -> u32 {
    GIVEN_BACK.get()
}

/// Something happened that a task may wait for.
pub(super) fn note_event() {
    EVENTS.set(EVENTS.get() + 1);
}

/// The worker that runs.
pub(super) fn worker() -> usize {
    WORKER.get()
}

/// Runs something in a worker.
pub(in crate::tests) fn in_worker<R>(worker: usize, work: impl FnOnce() -> R) -> R {
    let before = WORKER.replace(worker);
    let result = work();
    WORKER.set(before);
    result
}

/// Runs all tasks until each waits for the clock or for the STS.
pub(in crate::tests) fn settle() {
    loop {
        let before = EVENTS.get();
        let count = TASKS.with(|tasks| tasks.borrow().len());
        for number in 0..count {
            poll(number);
        }
        if EVENTS.get() == before && TASKS.with(|tasks| tasks.borrow().len()) == count {
            return;
        }
    }
}

fn poll(number: usize) {
    let taken = TASKS.with(|tasks| {
        let tasks = &mut *tasks.borrow_mut();
        let entry = &mut tasks[number];
        entry.future.take().map(|future| (entry.worker, future))
    });
    let Some((worker, mut future)) = taken else { return };
    let mut context = Context::from_waker(Waker::noop());
    let polled = in_worker(worker, || future.as_mut().poll(&mut context));
    let is_over = TASKS.with(|tasks| tasks.borrow()[number].is_over);
    if polled.is_ready() || is_over {
        TASKS.with(|tasks| tasks.borrow_mut()[number].is_over = true);
        note_event();
        in_worker(worker, || drop(future));
    } else {
        TASKS.with(|tasks| tasks.borrow_mut()[number].future = Some(future));
    }
}

/// Moves the clock on, and runs all that is due until then.
pub(in crate::tests) fn advance(milliseconds: u64) {
    let end = now() + milliseconds;
    settle();
    loop {
        let next = TIMERS.with(|timers| {
            timers.borrow().iter().map(|timer| timer.end).filter(|end| *end > now()).min()
        });
        let Some(next) = next.filter(|next| *next <= end) else { break };
        NOW.set(next.max(now()));
        settle();
    }
    NOW.set(end);
    settle();
}

/// A worker dies at once: nothing of it runs any more, not even a destructor.
pub(in crate::tests) fn kill(worker: usize) {
    super::cache::bury(worker);
    TASKS.with(|tasks| {
        let tasks = &mut *tasks.borrow_mut();
        for entry in tasks.iter_mut().filter(|entry| entry.worker == worker) {
            mem::forget(entry.future.take());
            entry.is_over = true;
        }
    });
    FLIGHTS.with(|flights| mem::forget(flights[worker].table.take()));
}

/// A worker ends as it should: its tasks are destroyed.
pub(in crate::tests) fn shut_down(worker: usize) {
    let count = TASKS.with(|tasks| tasks.borrow().len());
    for number in 0..count {
        if TASKS.with(|tasks| tasks.borrow()[number].worker == worker) {
            in_worker(worker, || Virtual::cancel(&Task(number)));
        }
    }
    settle();
}

/// How many tasks and unreleased timers of a worker there are.
pub(in crate::tests) fn tasks_of(worker: usize) -> (usize, usize) {
    let is_running = |entry: &&Entry| entry.worker == worker && !entry.is_over;
    let tasks = TASKS.with(|tasks| tasks.borrow().iter().filter(is_running).count());
    let holds = |timer: &&Timer| timer.worker == worker && timer.hold.0.get();
    (tasks, TIMERS.with(|timers| timers.borrow().iter().filter(holds).count()))
}

impl Host for Virtual {
    type Task = Task;
    type Hold = Hold;
    type Cache = ModelCache;
    type Ask = Wants;
    type Request = Rc<Cell<u32>>;
    type Surplus = Surplus;

    fn spawn(task: impl Future<Output = ()> + 'static) -> Task {
        let entry = Entry { worker: worker(), future: Some(Box::pin(task)), is_over: false };
        TASKS.with(|tasks| {
            let tasks = &mut *tasks.borrow_mut();
            tasks.push(entry);
            Task(tasks.len() - 1)
        })
    }

    fn cancel(task: &Task) {
        let future = TASKS.with(|tasks| {
            let tasks = &mut *tasks.borrow_mut();
            tasks[task.0].is_over = true;
            tasks[task.0].future.take()
        });
        drop(future);
    }

    fn release(hold: &Hold) {
        hold.0.set(false);
    }

    fn is_suspended(request: &Rc<Cell<u32>>) -> bool {
        request.get() == 0
    }

    fn resume(request: &Rc<Cell<u32>>) {
        request.set(request.get() + 1);
    }

    fn now() -> u64 {
        now()
    }

    fn wall() -> u64 {
        super::EPOCH + now()
    }

    fn sleep(milliseconds: u64, hold: Hold) -> impl Future<Output = ()> + 'static {
        let worker = worker();
        let mut armed: Option<Armed> = None;
        poll_fn(move |_| {
            let armed = armed.get_or_insert_with(|| Armed::new(milliseconds, worker, hold.clone()));
            if now() < armed.end {
                return Poll::Pending;
            }
            note_event();
            Poll::Ready(())
        })
    }

    fn guard(work: impl FnOnce()) {
        work();
    }

    fn give_back_some(surplus: &mut Surplus) -> bool {
        GIVEN_BACK.set(GIVEN_BACK.get() + 1);
        surplus.pieces += 1;
        surplus.pieces < PIECES
    }

    fn flights<R>(use_them: impl FnOnce(&Flights<Self>) -> R) -> R {
        FLIGHTS.with(|flights| use_them(&flights[worker()]))
    }
}
