//! A pool of threads, as NGINX's own modules use it for files (`ngx_thread_pool.c`).

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::task::{Poll, Waker};

use nginx_sys::{
    NGX_OK, ngx_cycle, ngx_cycle_t, ngx_event_t, ngx_int_t, ngx_log_t, ngx_thread_pool_add,
    ngx_thread_pool_t, ngx_thread_task_post, ngx_thread_task_t,
};

use crate::conf::Conf;
use crate::guard::guard;
use crate::log::{self, Level, cycle_log};
use crate::threads::NotDone;
use crate::value::Reported;

thread_local! {
    /// The configuration that this process has started threads for.
    static STARTED: Cell<*const ngx_cycle_t> = const { Cell::new(ptr::null()) };
}

/// The threads of a configuration, which each of its workers has.
#[derive(Clone, Copy)]
pub struct Threads(NonNull<ngx_thread_pool_t>);

/// Work on its way: the thread has `work` and `result` from when it is posted until NGINX says that it is
/// complete, and the worker has the rest.
#[repr(C)]
struct Job<W, T, H> {
    task: ngx_thread_task_t,
    work: Option<W>,
    /// `None`: it panicked.
    result: Option<T>,
    awaited: Rc<Awaited<T>>,
    /// What ends with the work, and not before.
    _held: H,
}

/// What is awaited, if it still is.
struct Awaited<T> {
    ended: RefCell<Option<Result<T, NotDone>>>,
    waker: Cell<Option<Waker>>,
}

/// A worker begins: NGINX has started the threads of this configuration.
pub(crate) fn started(cycle: *const ngx_cycle_t) {
    STARTED.set(cycle);
}

impl Threads {
    /// The threads of the configuration that is being read.
    ///
    /// # Errors
    /// NGINX has no memory.
    pub fn of(conf: &Conf<'_>) -> Result<Option<Self>, Reported> {
        // SAFETY: the configuration is valid for the call; without a name it is the pool `default`.
        let pool = unsafe { ngx_thread_pool_add(conf.as_ptr(), ptr::null_mut()) };
        NonNull::new(pool).map(|pool| Some(Self(pool))).ok_or(Reported)
    }

    /// Does work on one of them. When this is dropped the work goes on, and its result is dropped. `held`
    /// is dropped when it has ended.
    ///
    /// # Errors
    /// It is not done.
    pub async fn run<T: Send + 'static, W: FnOnce() -> T + Send + 'static, H: 'static>(
        self,
        work: W,
        held: H,
    ) -> Result<T, NotDone> {
        let awaited = self.post(work, held)?;
        poll_fn(|context| {
            if let Some(ended) = awaited.ended.borrow_mut().take() {
                return Poll::Ready(ended);
            }
            awaited.waker.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await
    }

    fn post<T: Send + 'static, W: FnOnce() -> T + Send + 'static, H: 'static>(
        self,
        work: W,
        held: H,
    ) -> Result<Rc<Awaited<T>>, NotDone> {
        // SAFETY: a plain global that only the main thread changes.
        if STARTED.get().is_null() || !ptr::eq(STARTED.get(), unsafe { ngx_cycle }) {
            return Err(NotDone::NotStarted);
        }
        let awaited = Rc::new(Awaited { ended: RefCell::new(None), waker: Cell::new(None) });
        let job = Box::into_raw(Box::new(Job {
            // SAFETY: all zeroes is a valid task that is not posted.
            task: unsafe { mem::zeroed::<ngx_thread_task_t>() },
            work: Some(work),
            result: None,
            awaited: awaited.clone(),
            _held: held,
        }));
        // SAFETY: it was made just now, and nothing else refers to it.
        let task = unsafe { &mut (*job).task };
        task.ctx = job.cast();
        task.handler = Some(run::<W, T, H>);
        task.event.data = job.cast();
        task.event.handler = Some(done::<W, T, H>);
        task.event.log = cycle_log();
        // SAFETY: the pool is that of the configuration in force, whose threads run. The job lives until
        // `done`.
        if unsafe { ngx_thread_task_post(self.0.as_ptr(), task) } != NGX_OK as ngx_int_t {
            // SAFETY: NGINX has not taken it.
            drop(unsafe { Box::from_raw(job) });
            return Err(NotDone::Refused);
        }
        Ok(awaited)
    }
}

/// On the thread.
extern "C" fn run<W: FnOnce() -> T, T, H>(job: *mut std::ffi::c_void, _log: *mut ngx_log_t) {
    let job = job.cast::<Job<W, T, H>>();
    // SAFETY: the thread alone has these two from when the job is posted until it is complete; NGINX's
    // lock orders that. Both may be moved between threads: `Threads::run` asks for `Send`.
    let (work, result) = unsafe { (&mut (*job).work, &mut (*job).result) };
    // Nothing may unwind into C. What the work was about to change is dropped with it.
    let done = catch_unwind(AssertUnwindSafe(|| work.take().map(|work| work())));
    *result = done.unwrap_or_else(|panic| {
        // A payload could panic again when it is dropped.
        mem::forget(panic);
        None
    });
}

/// On the thread of the worker.
extern "C" fn done<W, T, H>(event: *mut ngx_event_t) {
    guard((), || {
        // SAFETY: `post` has put the job there, and NGINX calls this once for it, when the thread is
        // done with it.
        let job = unsafe { Box::from_raw((*event).data.cast::<Job<W, T, H>>()) };
        let Job { result, awaited, .. } = *job;
        if result.is_none() {
            log::cycle(Level::Alert, format_args!("sts: work on a thread panicked, this is a bug"));
        }
        awaited.ended.replace(Some(result.ok_or(NotDone::Panicked)));
        if let Some(waker) = awaited.waker.take() {
            waker.wake();
        }
    });
}
