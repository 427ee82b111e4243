//! How many calls run at once, and which wait for a turn.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// How many calls to one STS may run, and how many may wait for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Calls at once.
    pub running: usize,
    /// Calls that wait for their turn.
    pub queued: usize,
}

impl CallLimits {
    /// What holds when nothing is configured.
    pub const DEFAULT: Self = Self { running: 256, queued: 1024 };
}

/// There is no place left in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many calls are running and waiting")]
pub struct Full;

/// The calls to one STS from one worker.
#[derive(Clone, Default)]
pub struct Calls(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    running: usize,
    /// The calls that wait, each with its own limit of calls at once, in the order of arrival. None
    /// stands here that its limit lets run: it gets a turn when the number of running calls falls.
    waiting: VecDeque<(usize, Rc<RefCell<Waiter>>)>,
}

#[derive(Default)]
struct Waiter {
    waker: Option<Waker>,
    /// A call that ended gave its turn to this one.
    granted: bool,
}

/// The right to run one call; dropping it gives the turn to the next.
pub struct Permit(Calls);

/// Waits for a turn: first come, first served among those that may run with as many others. A call
/// that may run with more others does not wait for those that may not.
pub struct Turn {
    calls: Calls,
    limits: CallLimits,
    waiter: Option<Rc<RefCell<Waiter>>>,
}

impl Calls {
    /// Asks for a turn.
    pub fn turn(&self, limits: CallLimits) -> Turn {
        Turn { calls: self.clone(), limits, waiter: None }
    }

    /// Calls that run now.
    pub fn running(&self) -> usize {
        self.0.borrow().running
    }

    fn release(&self) {
        let waker = {
            let mut state = self.0.borrow_mut();
            state.running -= 1;
            state.grant()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl State {
    /// Gives the turn of a call that ended to the first whose limit lets it run. With that as many run
    /// as before, so that there is no turn for a second one.
    fn grant(&mut self) -> Option<Waker> {
        let first = self.waiting.iter().position(|(limit, _)| self.running < *limit)?;
        let (_, waiter) = self.waiting.remove(first)?;
        self.running += 1;
        let mut waiter = waiter.borrow_mut();
        waiter.granted = true;
        waiter.waker.take()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl Future for Turn {
    type Output = Result<Permit, Full>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(waiter) = self.waiter.clone() {
            if waiter.borrow().granted {
                self.waiter = None;
                return Poll::Ready(Ok(Permit(self.calls.clone())));
            }
            waiter.borrow_mut().waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        let calls = self.calls.clone();
        let mut state = calls.0.borrow_mut();
        // No call is overtaken: one that waits and could run has its turn already.
        if state.running < self.limits.running {
            state.running += 1;
            return Poll::Ready(Ok(Permit(self.calls.clone())));
        }
        if state.waiting.len() >= self.limits.queued {
            return Poll::Ready(Err(Full));
        }
        let waiter =
            Rc::new(RefCell::new(Waiter { waker: Some(context.waker().clone()), granted: false }));
        state.waiting.push_back((self.limits.running, waiter.clone()));
        self.waiter = Some(waiter);
        Poll::Pending
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter.take() else { return };
        if waiter.borrow().granted {
            // The turn came, and is not used.
            self.calls.release();
            return;
        }
        self.calls.0.borrow_mut().waiting.retain(|(_, one)| !Rc::ptr_eq(one, &waiter));
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    const ONE_AND_ONE: CallLimits = CallLimits { running: 1, queued: 1 };

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn granted(poll: Poll<Result<Permit, Full>>) -> Permit {
        match poll {
            Poll::Ready(Ok(permit)) => permit,
            Poll::Ready(Err(full)) => panic!("refused: {full}"),
            Poll::Pending => panic!("has to wait"),
        }
    }

    #[test]
    fn a_call_beyond_the_limit_waits_until_another_ends() {
        let calls = Calls::default();
        let first = granted(poll(pin!(calls.turn(ONE_AND_ONE))));
        let mut second = pin!(calls.turn(ONE_AND_ONE));
        assert!(poll(second.as_mut()).is_pending());
        drop(first);
        let second = granted(poll(second));
        assert_eq!(calls.running(), 1);
        drop(second);
        assert_eq!(calls.running(), 0);
    }

    #[test]
    fn a_call_beyond_the_queue_is_refused_at_once() {
        let calls = Calls::default();
        let _first = granted(poll(pin!(calls.turn(ONE_AND_ONE))));
        let mut second = pin!(calls.turn(ONE_AND_ONE));
        assert!(poll(second.as_mut()).is_pending());
        assert!(matches!(poll(pin!(calls.turn(ONE_AND_ONE))), Poll::Ready(Err(Full))));
    }

    #[test]
    fn a_call_that_stops_waiting_gives_its_place_in_the_queue_back() {
        let calls = Calls::default();
        let first = granted(poll(pin!(calls.turn(ONE_AND_ONE))));
        {
            let mut second = pin!(calls.turn(ONE_AND_ONE));
            assert!(poll(second.as_mut()).is_pending());
        }
        let mut third = pin!(calls.turn(ONE_AND_ONE));
        assert!(poll(third.as_mut()).is_pending());
        drop(first);
        granted(poll(third));
    }

    #[test]
    fn a_turn_that_came_too_late_goes_to_the_next() {
        let calls = Calls::default();
        let limits = CallLimits { running: 1, queued: 2 };
        let first = granted(poll(pin!(calls.turn(limits))));
        let mut second = Box::pin(calls.turn(limits));
        let mut third = pin!(calls.turn(limits));
        assert!(poll(second.as_mut()).is_pending());
        assert!(poll(third.as_mut()).is_pending());
        drop(first);
        drop(second);
        granted(poll(third));
        assert_eq!(calls.running(), 0);
    }

    #[test]
    fn a_narrow_limit_with_a_queue_does_not_slow_a_call_with_a_wide_one() {
        let calls = Calls::default();
        let wide = CallLimits { running: 3, queued: 10 };
        let first = granted(poll(pin!(calls.turn(ONE_AND_ONE))));
        let mut narrow = pin!(calls.turn(ONE_AND_ONE));
        assert!(poll(narrow.as_mut()).is_pending());
        let second = granted(poll(pin!(calls.turn(wide))));
        let third = granted(poll(pin!(calls.turn(wide))));
        // The one that waits for the wide limit is behind the other in the queue.
        let mut fourth = pin!(calls.turn(wide));
        assert!(poll(fourth.as_mut()).is_pending());
        drop(first);
        assert!(poll(narrow.as_mut()).is_pending());
        let fourth = granted(poll(fourth));
        drop((second, third));
        assert!(poll(narrow.as_mut()).is_pending(), "one runs");
        drop(fourth);
        let narrow = granted(poll(narrow));
        assert_eq!(calls.running(), 1);
        drop(narrow);
        assert_eq!(calls.running(), 0);
    }

    #[test]
    fn the_first_in_the_queue_has_its_turn_first() {
        let calls = Calls::default();
        let limits = CallLimits { running: 2, queued: 10 };
        let first = granted(poll(pin!(calls.turn(limits))));
        let second = granted(poll(pin!(calls.turn(limits))));
        let (mut third, mut fourth) = (pin!(calls.turn(limits)), pin!(calls.turn(limits)));
        assert!(poll(third.as_mut()).is_pending());
        assert!(poll(fourth.as_mut()).is_pending());
        drop(first);
        // A turn that was given counts before it is taken.
        assert!(poll(pin!(calls.turn(limits))).is_pending());
        assert!(poll(fourth.as_mut()).is_pending());
        let _third = granted(poll(third));
        drop(second);
        granted(poll(fourth));
    }

    #[test]
    fn a_turn_that_came_too_late_goes_to_the_next_whatever_its_limit() {
        let calls = Calls::default();
        let (narrow, wide) =
            (CallLimits { running: 1, queued: 10 }, CallLimits { running: 2, queued: 10 });
        let first = granted(poll(pin!(calls.turn(wide))));
        let second = granted(poll(pin!(calls.turn(wide))));
        let mut leaves = Box::pin(calls.turn(narrow));
        let mut late = Box::pin(calls.turn(wide));
        let mut last = pin!(calls.turn(narrow));
        assert!(poll(leaves.as_mut()).is_pending());
        assert!(poll(late.as_mut()).is_pending());
        assert!(poll(last.as_mut()).is_pending());
        drop(leaves);
        drop(first);
        drop(second);
        assert!(poll(last.as_mut()).is_pending(), "the turn of the other is not taken yet");
        drop(late);
        granted(poll(last));
        assert_eq!(calls.running(), 0);
    }
}
