//! Signatures that take long, one after the other: a worker makes one in an iteration of its event loop, and
//! serves in between what else has come.
//!
//! RSA with 2048 bits takes a quarter of a millisecond up to one. Sixty requests whose tokens are made with
//! it may come at once, and without this a request for a file would wait for all of them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::nginx::suspend::Resumer;
use crate::nginx::task;
use crate::nginx::timer::{Hold, Timer};

/// The signatures of a worker.
#[derive(Default)]
struct Turns {
    /// One was made in this iteration, or others wait: the next one waits as well.
    is_busy: Cell<bool>,
    waiting: RefCell<VecDeque<Rc<Turn>>>,
}

thread_local! {
    static TURNS: Turns = Turns::default();
}

/// The place of one that waits.
#[derive(Default)]
pub(crate) struct Turn {
    has_come: Cell<bool>,
    wake: RefCell<Option<Wake>>,
}

enum Wake {
    Request(Resumer),
    Task(Waker),
}

impl Turn {
    /// Whether a signature may be made now: `None`. Else the place of what waits for it.
    pub(crate) fn take() -> Option<Rc<Self>> {
        TURNS.with(|turns| {
            if turns.is_busy.replace(true) {
                let turn = Rc::<Self>::default();
                turns.waiting.borrow_mut().push_back(turn.clone());
                return Some(turn);
            }
            // The worker runs on one thread: it looks at what else has come before this goes on.
            task::spawn(go_round());
            None
        })
    }

    /// A request waits for it.
    pub(crate) fn resumes(&self, resumer: Resumer) {
        self.wake.replace(Some(Wake::Request(resumer)));
    }

    /// Ends when a signature may be made.
    pub(crate) async fn wait() {
        let Some(turn) = Self::take() else { return };
        poll_fn(|context| {
            if turn.has_come.get() {
                return Poll::Ready(());
            }
            turn.wake.replace(Some(Wake::Task(context.waker().clone())));
            Poll::Pending
        })
        .await;
    }

    /// Lets it come; false where nothing waits for it any more.
    fn come(&self) -> bool {
        self.has_come.set(true);
        match self.wake.take() {
            Some(Wake::Request(resumer)) if resumer.is_suspended() => resumer.resume(),
            Some(Wake::Task(waker)) => waker.wake(),
            Some(Wake::Request(_)) | None => return false,
        }
        true
    }
}

/// Gives each its turn, in the order in which they have come.
async fn go_round() {
    loop {
        // It fires in the next iteration, after what NGINX has found in the sockets.
        Timer::new(0, Hold::default()).await;
        let next = || TURNS.with(|turns| turns.waiting.borrow_mut().pop_front());
        let has_come = std::iter::from_fn(next).any(|turn| turn.come());
        if !has_come {
            TURNS.with(|turns| turns.is_busy.set(false));
            return;
        }
    }
}
