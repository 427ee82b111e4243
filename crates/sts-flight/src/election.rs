//! The shared cache, as far as it says what to do for a key.
//!
//! It elects one caller over all workers: a key has at most one running call, and a call has a number.
//! The process that makes it gives signs of life; when they stop, another one is elected.

use std::rc::Rc;

use sts_core::cache_key::CacheKey;

use crate::ahead::Standing;
use crate::failed::Failed;
use crate::store::Store;
use crate::token::{Token, Validity};

/// What the cache says about a key.
pub enum Found {
    /// Another worker makes the call of this number.
    Elsewhere(u64),
    /// The call that this one waited for ended so.
    Failure(Failed),
    /// No call is running: this worker has to make the one of this number.
    Lead(u64),
    /// The STS has refused the same a short time ago.
    Refused(Failed),
    /// It is there.
    Token(Token),
    /// The answer was for the request that called for it: each other one makes a call of its own.
    Unshared,
}

/// What becomes of a token that suits and is due to be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// The number of the call that this worker has to make. None is made where another worker makes it,
    /// or where one has failed a short time ago.
    pub call: Option<u64>,
    /// The last call for the next token has failed.
    pub has_failed: bool,
}

/// A cache that several workers share.
pub trait Election: 'static {
    /// What a request asks for.
    type Ask;

    /// What several nodes share behind it.
    type Store: Store<Ask = Self::Ask>;

    /// Milliseconds after which the others want a sign of life from a caller.
    const HEARTBEAT: u64;

    /// The store behind it, where there is one.
    fn store(&self) -> Option<&Rc<Self::Store>>;

    /// Looks for a token that `suits`; where there is none, decides which worker calls. `awaits` is the
    /// call of another worker that this one waits for.
    fn find(&self, key: &CacheKey, awaits: Option<u64>, suits: impl Fn(&Validity) -> bool)
    -> Found;

    /// As [`find`](Self::find) for a request that has just come. Where the token is due, the worker that
    /// renews it is elected under the same lock. Where there is none, the answer may be a refusal of the
    /// last `_remembers` milliseconds.
    fn find_or_refresh(
        &self,
        key: &CacheKey,
        judge: impl Fn(&Validity) -> Standing,
        _remembers: u64,
    ) -> (Found, Option<Refresh>) {
        (self.find(key, None, |validity| judge(validity) != Standing::Over), None)
    }

    /// Looks for a token that suits, and for nothing else.
    fn look(&self, key: &CacheKey, suits: impl Fn(&Validity) -> bool) -> Option<Token>;

    /// Whether a token that lies in the store is one that a backend does not take, as requests of this node
    /// have shown: it serves none of them.
    fn is_suspect(&self, _key: &CacheKey, _token: &Token) -> bool {
        false
    }

    /// The call of this number is still made.
    fn renew(&self, key: &CacheKey, call: u64);

    /// Ends a call with a token for all requests that ask for the same, and keeps it for as long as it
    /// is good and some location would use it. Returns whether it is kept.
    fn complete(&self, key: &CacheKey, call: u64, token: &Token, ask: &Self::Ask) -> bool;

    /// Whether a purge came since the call of this number began: what it brings is for the requests that
    /// came before.
    fn is_void(&self, _call: u64) -> bool {
        false
    }

    /// Ends a call with an answer that is for its caller only.
    fn share_nothing(&self, key: &CacheKey, call: u64);

    /// Ends a call without a token, which those that wait shall know.
    fn fail(&self, key: &CacheKey, call: u64, failed: &Failed);

    /// Ends a call for the next token without one: what is there serves on. Those that wait for it are
    /// told why, or without that make the call themselves. `pause` says for how many milliseconds none is
    /// made after so many failures before this one.
    fn fail_refresh(
        &self,
        key: &CacheKey,
        call: u64,
        failed: Option<&Failed>,
        _pause: impl FnOnce(u32) -> u64,
    ) {
        match failed {
            Some(failed) => self.fail(key, call, failed),
            None => self.release(key, call),
        }
    }

    /// Ends a call that the STS has refused for what was asked: no token for that serves any more. Those
    /// that come later are told of it, where it is one to be [remembered](Failed::is_remembered).
    fn refuse(&self, key: &CacheKey, call: u64, failed: &Failed, _ask: &Self::Ask) {
        self.fail(key, call, failed);
    }

    /// Gives the duty to call up: the next worker that asks is elected.
    fn release(&self, key: &CacheKey, call: u64);
}
