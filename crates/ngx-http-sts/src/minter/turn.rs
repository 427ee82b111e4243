//! Tokens that take long to make, one after the other: a worker makes one in an iteration of its event loop,
//! and serves in between what else has come.
//!
//! A signature of RSA with 2048 bits takes a quarter of a millisecond up to one, and a filter may take as
//! long. Sixty requests for such tokens may come at once, and without this a request for a file would wait
//! for all of them. The line is one of [`Calls`] in which one runs: it is as long as `STSMaxCalls` says, and
//! so many of one value stand in it.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;

use sts_core::error::{Failure, FailureKind};
use sts_net::calls::{CallLimits, Calls, Full, Permit, Share};

use crate::nginx::request::{OutOfMemory, Request};
use crate::nginx::suspend::{Resumer, Waits, suspend};
use crate::nginx::task::{self, Task};
use crate::nginx::timer::{self, Hold, Timer};

thread_local! {
    /// What this worker makes. Its turns are the iterations of the event loop.
    static LINE: Calls = Calls::default();
}

/// What a wait for a turn is bounded by.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// How many may stand in the line.
    pub(crate) queued: usize,
    /// What the request shares places with.
    pub(crate) share: Option<Share>,
    /// For how many milliseconds it waits.
    pub(crate) time: u64,
}

/// Why there is no turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoTurn {
    /// Not within so many milliseconds.
    Late(u64),
    Full(Full),
}

/// What asks for a turn is told.
pub(crate) enum Asked {
    /// It makes its token now.
    Now,
    /// It waits.
    Later(Rc<Turn>),
}

/// The place of a request that waits.
pub(crate) struct Turn {
    bounds: Bounds,
    /// When it began to wait.
    since: u64,
    /// How that has ended. It counts once: a second token has a turn of its own.
    end: Cell<Option<Result<(), NoTurn>>>,
    resumer: RefCell<Option<Resumer>>,
    /// What stands in the line for it.
    task: RefCell<Option<Task>>,
}

impl From<NoTurn> for Failure {
    fn from(why: NoTurn) -> Self {
        match why {
            NoTurn::Late(time) => {
                let reason = format!("no turn to make a token within {time} ms");
                Self::new(FailureKind::Timeout, reason)
            }
            NoTurn::Full(Full::Queue) => {
                Self::new(FailureKind::Busy, "too many tokens wait to be made (STSMaxCalls, queue)")
            }
            NoTurn::Full(Full::Value(_)) => Self::new(
                FailureKind::Busy,
                "too many tokens of one value wait to be made (STSMaxCalls, per)",
            ),
        }
    }
}

impl Bounds {
    fn limits(&self) -> CallLimits {
        CallLimits { running: 1, queued: self.queued }
    }

    /// The turn of one that waits; the next one has it when the permit is dropped.
    async fn wait(self) -> Result<Permit, NoTurn> {
        let timer = pin!(Timer::new(self.time, Hold::default()));
        let turn = pin!(LINE.with(|line| line.turn(self.limits())).of(self.share));
        match timer::before(timer, turn).await {
            Some(turn) => turn.map_err(NoTurn::Full),
            None => Err(NoTurn::Late(self.time)),
        }
    }
}

impl Turn {
    /// Asks whether a token may be made now.
    ///
    /// # Errors
    /// Not now, and there is no place to wait.
    pub(crate) fn ask(bounds: Bounds) -> Result<Asked, NoTurn> {
        let now = LINE.with(|line| line.turn_now(bounds.limits(), bounds.share));
        if let Some(permit) = now.map_err(NoTurn::Full)? {
            task::spawn(go_round(permit));
            return Ok(Asked::Now);
        }
        Ok(Asked::Later(Rc::new(Self {
            bounds,
            since: timer::now(),
            end: Cell::new(None),
            resumer: RefCell::new(None),
            task: RefCell::new(None),
        })))
    }

    /// Suspends a request until its turn has come, or does not come any more.
    pub(crate) fn suspend(
        self: &Rc<Self>,
        request: Request<'_>,
        watch_client: bool,
    ) -> Result<(), OutOfMemory> {
        let resumer = suspend(request, watch_client, Some(self.clone()))?;
        self.resumer.replace(Some(resumer));
        self.task.replace(Some(task::spawn(self.clone().stand_in_line())));
        Ok(())
    }

    async fn stand_in_line(self: Rc<Self>) {
        let turn = self.bounds.wait().await;
        self.end.set(Some(turn.as_ref().map(|_| ()).map_err(|why| *why)));
        if let Some(resumer) = &*self.resumer.borrow() {
            resumer.resume();
        }
        if let Ok(permit) = turn {
            go_round(permit).await;
        }
        self.task.take();
    }

    /// Whether the request waits on: also when the turn has come, until it is resumed.
    pub(crate) fn is_awaited(&self) -> bool {
        self.resumer.borrow().as_ref().is_some_and(Resumer::is_suspended)
    }

    /// How the wait has ended, unless that was asked before.
    pub(crate) fn take_end(&self) -> Option<Result<(), NoTurn>> {
        self.end.take()
    }

    /// Gives the place in the line up, or the turn that has come.
    pub(crate) fn leave(&self) {
        if let Some(task) = self.task.take() {
            task.cancel();
        }
    }

    /// Milliseconds since it began to wait.
    pub(crate) fn took(&self) -> u64 {
        timer::now().saturating_sub(self.since)
    }

    /// Ends when a token may be made for a call.
    ///
    /// # Errors
    /// It may not be made in time, or there is no place to wait.
    pub(crate) async fn wait(bounds: Bounds) -> Result<(), NoTurn> {
        task::spawn(go_round(bounds.wait().await?));
        Ok(())
    }
}

impl Waits for Turn {
    fn left(&self) {
        self.leave();
    }
}

/// Keeps a turn until the worker has looked at what else has come: the timer fires in the next iteration,
/// after what NGINX has found in the sockets.
async fn go_round(permit: Permit) {
    Timer::new(0, Hold::default()).await;
    drop(permit);
}
