//! A store behind the shared cache, which the nodes share: the holder of the lease of the cache looks there
//! before it calls, and puts there what it got. It is never waited for longer than its time-out.

mod duty;
mod none;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use sts_core::cache_key::CacheKey;

use crate::election::Election;
use crate::host::Host;
use crate::token::{Token, Validity};
use crate::waiting::Waiting;
pub(crate) use duty::Duty;
pub use none::NoStore;

/// Work on a store, which takes as long as the store does. Its caller bounds it.
pub type Work<T, E> = Pin<Box<dyn Future<Output = Result<T, E>>>>;

/// A store that several nodes share.
pub trait Store: 'static {
    /// What a request asks for.
    type Ask;
    /// The duty to call for all nodes, and what a value has to be put with.
    type Claim: 'static;
    /// Why the store is of no use.
    type Error: 'static;

    /// Milliseconds between two renewals of a claim.
    const HEARTBEAT: u64;

    /// Milliseconds that one question may take in all, connecting included.
    fn timeout(&self) -> u64;

    /// Whether it may be asked now: one that fails is left alone for a while. What becomes of the question
    /// is told to it, by [`Self::succeeded`] or [`Self::failed`], unless the request leaves before.
    fn admits(&self) -> bool;

    /// It has answered.
    fn succeeded(&self);

    /// It has not; `None`: not in time.
    fn failed(&self, why: Option<&Self::Error>);

    /// Looks for a token, and takes the duty to call for it where there is none.
    fn look(
        self: Rc<Self>,
        key: &CacheKey,
        ask: &Self::Ask,
    ) -> Work<Seen<Self::Claim>, Self::Error>;

    /// Takes the duty to replace what lies there, and is too old; `None`: another node has it.
    fn elect(self: Rc<Self>, claim: &Self::Claim) -> Work<Option<Self::Claim>, Self::Error>;

    /// Puts a token there, which ends the duty; `None` where it is not to be kept. One that was asked for
    /// later stays there.
    fn put(
        self: Rc<Self>,
        claim: &Self::Claim,
        token: &Token,
        ask: &Self::Ask,
    ) -> Option<Work<(), Self::Error>>;

    /// Whether other nodes know of a claim, and wait.
    fn is_lease(claim: &Self::Claim) -> bool;

    /// The call for a claim is still made.
    fn renew(self: Rc<Self>, claim: &Self::Claim) -> Work<(), Self::Error>;

    /// Gives the duty up.
    fn release(self: Rc<Self>, claim: &Self::Claim) -> Work<(), Self::Error>;

    /// Forgets the token that lies there, and gives the duty up: the STS has refused another one.
    fn forget(self: Rc<Self>, claim: &Self::Claim) -> Work<(), Self::Error>;
}

/// What a store says about a key.
pub enum Seen<C> {
    /// It is there. A request that wants a fresher one has the claim to be elected to replace it.
    Token(Token, C),
    /// What is there is of no use to any node.
    Stale(C),
    /// This node has to call.
    Lead(C),
    /// Another node calls. A request that waits no longer has the claim to put its token with.
    Elsewhere(C),
}

/// What a look comes to.
enum Next<H: Host> {
    Ends(Sought<H>),
    /// Another node calls. A request that waits no longer calls with this duty.
    Wait(Duty<H>),
}

/// What is next for the holder of the lease.
pub(crate) enum Sought<H: Host> {
    Token(Token),
    /// The duty to call, where the store knows of it.
    Call(Option<Duty<H>>),
}

/// The store of a host.
pub(crate) type StoreOf<H> = <<H as Host>::Cache as Election>::Store;

/// Milliseconds between two looks for another node's answer, at first and at last.
const FIRST_LOOK: u64 = 10;
const LAST_LOOK: u64 = 25;
const LONGER: u64 = 5;

/// The part of a request's time that it waits for another node.
const PART: u64 = 2;

/// Milliseconds for which a question waits that nothing else waits for, at most.
pub const DETACHED: u64 = 1_000;

/// Looks into the store for a token that `suits`, and waits for another node's call.
pub(crate) async fn seek<H: Host>(
    store: Rc<StoreOf<H>>,
    key: CacheKey,
    caller: &Waiting<H>,
    suits: impl Fn(&Validity) -> bool,
    hold: H::Hold,
) -> Sought<H> {
    let end = H::now() + caller.time_left() / PART;
    let mut pause = FIRST_LOOK;
    loop {
        match look_once(&store, &key, caller, &suits, &hold).await {
            Next::Ends(sought) => return sought,
            Next::Wait(_) if H::now() + pause < end => {
                H::sleep(pause, hold.clone()).await;
                pause = LAST_LOOK.min(pause + LONGER);
            }
            Next::Wait(duty) => return Sought::Call(Some(duty)),
        }
    }
}

/// Looks for a token, and is elected to replace one that does not suit. All of it takes no longer than
/// one question may.
async fn look_once<H: Host>(
    store: &Rc<StoreOf<H>>,
    key: &CacheKey,
    caller: &Waiting<H>,
    suits: &impl Fn(&Validity) -> bool,
    hold: &H::Hold,
) -> Next<H> {
    let end = H::now() + store.timeout().min(caller.time_left());
    let time = || end.saturating_sub(H::now());
    let duty_of = |claim| Duty::new(store.clone(), claim);
    let mut elected = None;
    loop {
        let work = || store.clone().look(key, caller.ask());
        let claim = match ask::<H, _>(store, work, time(), hold.clone()).await {
            None => return Next::Ends(Sought::Call(elected)),
            Some(Seen::Token(token, _)) if suits(&token.validity) => {
                return Next::Ends(Sought::Token(token));
            }
            Some(Seen::Lead(claim)) => return Next::Ends(Sought::Call(Some(duty_of(claim)))),
            Some(Seen::Elsewhere(claim)) => return Next::Wait(duty_of(claim)),
            Some(Seen::Token(_, claim) | Seen::Stale(claim)) => claim,
        };
        if elected.is_some() {
            return Next::Ends(Sought::Call(elected));
        }
        let work = || store.clone().elect(&claim);
        match ask::<H, _>(store, work, time(), hold.clone()).await {
            // Between the look and the election another node may have put its token.
            Some(Some(leased)) => elected = Some(duty_of(leased)),
            Some(None) => return Next::Wait(duty_of(claim)),
            None => return Next::Ends(Sought::Call(Some(duty_of(claim)))),
        }
    }
}

/// Asks the store within so many milliseconds, where it may be asked; `None`: it is of no use.
pub(crate) async fn ask<H: Host, T>(
    store: &Rc<StoreOf<H>>,
    work: impl FnOnce() -> Work<T, <StoreOf<H> as Store>::Error>,
    time: u64,
    hold: H::Hold,
) -> Option<T> {
    if !store.admits() {
        return None;
    }
    let mut work = work();
    let mut deadline = pin!(H::sleep(time, hold));
    let ended = poll_fn(|context| {
        // The answer first: both may be there.
        if let Poll::Ready(answer) = work.as_mut().poll(context) {
            return Poll::Ready(Some(answer));
        }
        deadline.as_mut().poll(context).map(|()| None)
    });
    match ended.await {
        Some(Ok(answer)) => {
            store.succeeded();
            Some(answer)
        }
        Some(Err(why)) => {
            store.failed(Some(&why));
            None
        }
        None => {
            store.failed(None);
            None
        }
    }
}
