//! What requests ask for, and an STS that answers when the test says so.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::Poll;

use sts_core::error::{Failure, FailureKind};
use sts_core::life::LifePolicy;
use sts_net::calls::CallLimits;

use super::executor::{Hold, note_event, now, settle};
use crate::ahead::{Freshness, RefreshAhead};
use crate::failed::{Exceeded, Failed};
use crate::host::Ask;
use crate::token::Token;

/// What a request asks for, and what its location allows.
#[derive(Clone)]
pub(in crate::tests) struct Wants {
    pub(in crate::tests) key: u8,
    pub(in crate::tests) timeout: u64,
    /// Of a call that no request waits for.
    pub(in crate::tests) timeout_alone: u64,
    pub(in crate::tests) policy: LifePolicy,
    pub(in crate::tests) response: usize,
    pub(in crate::tests) calls: CallLimits,
    /// The value that it shares places with, and whether it wants a breaker.
    pub(in crate::tests) share: Option<std::num::NonZeroU32>,
    pub(in crate::tests) has_breaker: bool,
    /// The types of token that it does not take.
    pub(in crate::tests) refuses: Vec<&'static str>,
    pub(in crate::tests) ahead: RefreshAhead,
    /// Milliseconds for which a refusal is remembered.
    pub(in crate::tests) negative: u64,
}

impl Wants {
    pub(in crate::tests) fn fresh(&self) -> Freshness {
        Freshness { ahead: self.ahead, negative: self.negative }
    }
}

/// A call as the STS and the worker that makes it see it.
struct Call {
    /// It has left the queue.
    is_sent: bool,
    answer: Option<Result<Token, Failed>>,
    /// It has ended, or was destroyed.
    is_over: bool,
    /// Milliseconds that it was given.
    time: u64,
}

thread_local! {
    static CALLS: RefCell<Vec<Call>> = const { RefCell::new(Vec::new()) };
    /// Failures of which the request had gone.
    pub(in crate::tests) static LEFT: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    /// A call is sent as soon as it is made; else it stands in a queue.
    static SENDS: Cell<bool> = const { Cell::new(true) };
}

/// How many calls were made.
pub(in crate::tests) fn calls() -> usize {
    CALLS.with_borrow(Vec::len)
}

/// How many of them run, and the milliseconds that the last one was given.
pub(in crate::tests) fn running() -> (usize, u64) {
    CALLS.with_borrow(|calls| {
        let running = calls.iter().filter(|call| !call.is_over).count();
        (running, calls.last().map_or(0, |call| call.time))
    })
}

/// Whether calls are sent at once.
pub(in crate::tests) fn send(at_once: bool) {
    SENDS.set(at_once);
}

/// A call leaves the queue.
pub(in crate::tests) fn sent_flag(number: usize) {
    CALLS.with_borrow_mut(|calls| calls[number].is_sent = true);
    settle();
}

/// The STS answers a call with a token.
pub(in crate::tests) fn answer(number: usize, token: Token) {
    end(number, Ok(token));
}

/// A call fails.
pub(in crate::tests) fn fail(number: usize, failed: Failed) {
    end(number, Err(failed));
}

fn end(number: usize, answer: Result<Token, Failed>) {
    CALLS.with_borrow_mut(|calls| calls[number].answer = Some(answer));
    settle();
}

/// Marks the call as over, however it ends.
struct Running(usize);

impl Drop for Running {
    fn drop(&mut self) {
        CALLS.with_borrow_mut(|calls| calls[self.0].is_over = true);
    }
}

impl Ask for Wants {
    type Hold = Hold;

    fn timeout(&self) -> u64 {
        self.timeout
    }

    fn timeout_alone(&self) -> u64 {
        self.timeout_alone
    }

    fn policy(&self) -> &LifePolicy {
        &self.policy
    }

    fn is_ended_by(&self, exceeded: &Exceeded) -> bool {
        match exceeded {
            Exceeded::Calls(calls) => self.calls.running <= calls.running,
            Exceeded::Share(value) => self.share == Some(*value),
            Exceeded::Breaker => self.has_breaker,
            Exceeded::Response(bytes) => self.response <= *bytes,
            Exceeded::TokenType(kind) => {
                kind.word().is_some_and(|word| self.refuses.contains(&word))
            }
            Exceeded::Time | Exceeded::Worker => unreachable!("not asked for"),
        }
    }

    async fn call(&self, time: u64, sent: &Cell<bool>, hold: Hold) -> Result<Token, Failed> {
        let number = CALLS.with_borrow_mut(|calls| {
            let is_sent = SENDS.get();
            calls.push(Call { is_sent, answer: None, is_over: false, time });
            calls.len() - 1
        });
        let _running = Running(number);
        let end = now() + time;
        // Arms the clock, so that the test's time stops there.
        let mut deadline = Box::pin(<super::Virtual as crate::host::Host>::sleep(time, hold));
        poll_fn(|context| {
            let (is_sent, answer) =
                CALLS.with_borrow_mut(|calls| (calls[number].is_sent, calls[number].answer.take()));
            if is_sent {
                sent.set(true);
            }
            if let Some(answer) = answer {
                note_event();
                return Poll::Ready(answer);
            }
            let _ = deadline.as_mut().poll(context);
            if now() < end {
                return Poll::Pending;
            }
            note_event();
            let failure = Failure::new(FailureKind::Timeout, "no answer in time");
            Poll::Ready(Err(Failed { failure, exceeded: Some(Exceeded::Time) }))
        })
        .await
    }

    fn refresh_failed(&self, failure: &Failure, took: u64, is_dropped: bool) {
        let what = if is_dropped { "dropped" } else { "kept" };
        let text = format!("{what}: {} after {took}", failure.kind.name());
        LEFT.with_borrow_mut(|left| left.push(text));
    }

    fn failed_after_leaving(&self, failure: &Failure, took: u64) {
        LEFT.with_borrow_mut(|left| left.push(format!("{} after {took}", failure.kind.name())));
    }
}
