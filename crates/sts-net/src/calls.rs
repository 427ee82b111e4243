//! How many calls run at once, and which wait for a turn.
//!
//! Locations with the same limits stand in one line. A turn that becomes free goes to the lines one after
//! the other, so that none waits for ever behind a longer one. What many calls have in common, such as the
//! address of a client, can be bounded to a number of places.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::num::NonZeroU32;
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

/// What bounds the calls that have a value in common. It is small: calls carry it with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// A digest of the value.
    pub value: NonZeroU32,
    /// Calls with it that run and wait.
    pub places: u32,
}

/// There is no place left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// In the line.
    #[error("too many calls are running and waiting")]
    Queue,
    /// For this value.
    #[error("too many calls for one value are running and waiting (STSMaxCalls, per)")]
    Value(NonZeroU32),
}

/// The calls to one STS from one worker.
#[derive(Clone, Default)]
pub struct Calls(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    running: usize,
    /// Less than the limits allow, after an outage.
    allowance: Option<usize>,
    /// One for each pair of limits; they are as many as a configuration has.
    lines: Vec<Line>,
    /// The line that the next free turn is offered to first.
    next: usize,
    /// The places that values have.
    places: HashMap<NonZeroU32, u32>,
}

/// The calls of locations with the same limits.
struct Line {
    limits: CallLimits,
    running: usize,
    /// By their numbers, which are in the order of arrival: one that leaves is found among many. None stands
    /// here that may run: it gets a turn when a call ends.
    waiting: BTreeMap<u64, Rc<RefCell<Waiter>>>,
    /// The number of the next one.
    next: u64,
}

#[derive(Default)]
struct Waiter {
    waker: Option<Waker>,
    /// A call that ended gave its turn to this one.
    granted: bool,
}

/// The right to run one call; dropping it gives the turn to the next.
pub struct Permit {
    calls: Calls,
    held: Held,
}

/// What a call holds that runs or waits.
#[derive(Clone, Copy)]
struct Held {
    /// A place in this line.
    line: u32,
    /// One of this value.
    value: Option<NonZeroU32>,
}

/// Waits for a turn: first come, first served in its line.
pub struct Turn {
    calls: Calls,
    limits: CallLimits,
    share: Option<Share>,
    waits: Option<Waits>,
}

/// What a call is told that asks for a turn.
enum Asked {
    Runs(Permit),
    /// There is a place in the line.
    Waits,
}

struct Waits {
    held: Held,
    /// In its line.
    number: u64,
    waiter: Rc<RefCell<Waiter>>,
}

impl Calls {
    /// Asks for a turn.
    pub fn turn(&self, limits: CallLimits) -> Turn {
        Turn { calls: self.clone(), limits, share: None, waits: None }
    }

    /// A turn for a call that need not wait for it; `None` where it has to.
    ///
    /// # Errors
    /// It would have no place in the line.
    pub fn turn_now(
        &self,
        limits: CallLimits,
        share: Option<Share>,
    ) -> Result<Option<Permit>, Full> {
        match self.turn(limits).of(share).ask()? {
            Asked::Runs(permit) => Ok(Some(permit)),
            Asked::Waits => Ok(None),
        }
    }

    /// Calls that run now.
    pub fn running(&self) -> usize {
        self.0.borrow().running
    }

    /// Calls that wait for their turn now.
    pub fn waiting(&self) -> usize {
        self.0.borrow().lines.iter().map(|line| line.waiting.len()).sum()
    }

    /// Lets fewer calls run than the limits allow; `None` ends that.
    pub fn set_allowance(&self, calls: Option<usize>) {
        if self.0.borrow().allowance == calls {
            return;
        }
        self.0.borrow_mut().allowance = calls;
        self.grant();
    }

    /// Gives turns to those that may have one now.
    fn grant(&self) {
        while let Some(waker) = self.grant_one() {
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn grant_one(&self) -> Option<Option<Waker>> {
        self.0.borrow_mut().grant()
    }

    fn release(&self, held: Held) {
        {
            let mut state = self.0.borrow_mut();
            state.running -= 1;
            if let Some(line) = state.line_mut(held.line) {
                line.running -= 1;
            }
            state.give_place_back(held.value);
        }
        self.grant();
    }
}

impl State {
    /// The line of these limits.
    fn line(&mut self, limits: CallLimits) -> u32 {
        let known = self.lines.iter().position(|line| line.limits == limits);
        let number = known.unwrap_or_else(|| {
            self.lines.push(Line { limits, running: 0, waiting: BTreeMap::new(), next: 0 });
            self.lines.len() - 1
        });
        u32::try_from(number).unwrap_or_default()
    }

    fn line_mut(&mut self, number: u32) -> Option<&mut Line> {
        self.lines.get_mut(usize::try_from(number).ok()?)
    }

    /// Whether there is one more place for a value.
    fn has_place(&self, share: Share) -> Result<(), Full> {
        let taken = self.places.get(&share.value).copied().unwrap_or_default();
        if taken < share.places { Ok(()) } else { Err(Full::Value(share.value)) }
    }

    /// A place in a line, and one of the value.
    fn hold(&mut self, line: u32, share: Option<Share>) -> Result<Held, Full> {
        if let Some(share) = share {
            self.has_place(share)?;
            *self.places.entry(share.value).or_default() += 1;
        }
        Ok(Held { line, value: share.map(|share| share.value) })
    }

    fn give_place_back(&mut self, value: Option<NonZeroU32>) {
        let Some(value) = value else { return };
        if let Some(taken) = self.places.get_mut(&value) {
            *taken -= 1;
            if *taken == 0 {
                self.places.remove(&value);
            }
        }
    }

    /// Whether one more call may run at all: the widest limit of those that call bounds all of them.
    fn has_turn(&self) -> bool {
        let busy = self.lines.iter().filter(|line| line.running > 0 || !line.waiting.is_empty());
        let widest = busy.map(|line| line.limits.running).max().unwrap_or(usize::MAX);
        self.running < widest.min(self.allowance.unwrap_or(usize::MAX))
    }

    /// Gives a turn to the first call of the next line that may run one more.
    fn grant(&mut self) -> Option<Option<Waker>> {
        if !self.has_turn() {
            return None;
        }
        let count = self.lines.len();
        let next = self.next;
        let lines = (0..count).map(|step| (next + step) % count);
        let is_free = |line: &Line| line.running < line.limits.running && !line.waiting.is_empty();
        let at = lines.into_iter().find(|at| self.lines.get(*at).is_some_and(is_free))?;
        let line = self.lines.get_mut(at)?;
        let (_, waiter) = line.waiting.pop_first()?;
        line.running += 1;
        self.running += 1;
        self.next = (at + 1) % count;
        let mut waiter = waiter.borrow_mut();
        waiter.granted = true;
        Some(waiter.waker.take())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.calls.release(self.held);
    }
}

impl Turn {
    /// Bounds the calls with a value.
    #[must_use]
    pub fn of(mut self, share: Option<Share>) -> Self {
        self.share = share;
        self
    }

    /// The permit, or whether there is a place in the line, which is not taken.
    fn ask(&self) -> Result<Asked, Full> {
        let calls = &self.calls;
        let mut state = calls.0.borrow_mut();
        let number = state.line(self.limits);
        let may_run = {
            let allowance = state.allowance.unwrap_or(usize::MAX);
            state.running < allowance && (state.running < self.limits.running || state.has_turn())
        };
        let Some(line) = state.line_mut(number) else { return Err(Full::Queue) };
        // No call is overtaken: one that waits and could run has its turn already.
        let has_turn = may_run && line.running < line.limits.running;
        if !has_turn && line.waiting.len() >= line.limits.queued {
            return Err(Full::Queue);
        }
        if !has_turn {
            return self
                .share
                .map_or(Ok(()), |share| state.has_place(share))
                .map(|()| Asked::Waits);
        }
        let held = state.hold(number, self.share)?;
        if let Some(line) = state.line_mut(number) {
            line.running += 1;
            state.running += 1;
        }
        drop(state);
        // A wider limit than those before may make room for others, too.
        calls.grant();
        Ok(Asked::Runs(Permit { calls: calls.clone(), held }))
    }

    /// The permit, or a place in the line.
    fn begin(&mut self, waker: &Waker) -> Result<Option<Permit>, Full> {
        if let Asked::Runs(permit) = self.ask()? {
            return Ok(Some(permit));
        }
        let mut state = self.calls.0.borrow_mut();
        let line = state.line(self.limits);
        let held = state.hold(line, self.share)?;
        let Some(line) = state.line_mut(line) else { return Err(Full::Queue) };
        let waiter = Rc::new(RefCell::new(Waiter { waker: Some(waker.clone()), granted: false }));
        let number = line.next;
        line.next += 1;
        line.waiting.insert(number, waiter.clone());
        drop(state);
        self.waits = Some(Waits { held, number, waiter });
        Ok(None)
    }
}

impl Future for Turn {
    type Output = Result<Permit, Full>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(waits) = self.waits.take() else {
            return match self.begin(context.waker()) {
                Ok(Some(permit)) => Poll::Ready(Ok(permit)),
                Ok(None) => Poll::Pending,
                Err(full) => Poll::Ready(Err(full)),
            };
        };
        if waits.waiter.borrow().granted {
            return Poll::Ready(Ok(Permit { calls: self.calls.clone(), held: waits.held }));
        }
        waits.waiter.borrow_mut().waker = Some(context.waker().clone());
        self.waits = Some(waits);
        Poll::Pending
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(Waits { held, number, waiter }) = self.waits.take() else { return };
        if waiter.borrow().granted {
            // The turn came, and is not used.
            self.calls.release(held);
            return;
        }
        let mut state = self.calls.0.borrow_mut();
        if let Some(line) = state.line_mut(held.line) {
            line.waiting.remove(&number);
        }
        state.give_place_back(held.value);
    }
}

#[cfg(test)]
mod tests;
