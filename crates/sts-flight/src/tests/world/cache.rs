//! A shared cache by the book: slow, and easy to believe.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::expect::{Findings, Look};
use sts_core::issued::{Said, TokenType};
use sts_core::secret::Secret;
use sts_core::target::Target;

use super::executor::now;
use super::store::ModelStore;
use super::sts::Wants;
use super::{EPOCH, text};
use crate::ahead::Standing;
use crate::election::{Election, Found, Refresh};
use crate::failed::Failed;
use crate::token::{Token, Validity};

/// Milliseconds without a sign of life after which a call is another worker's.
pub(in crate::tests) const LEASE: u64 = 2_000;

/// Milliseconds for which the end of a call is remembered.
const REMEMBERED: u64 = 1_000;

/// A worker's view of the cache.
pub(in crate::tests) struct ModelCache {
    pub(in crate::tests) worker: usize,
    shared: Rc<RefCell<Shared>>,
    store: Option<Rc<ModelStore>>,
}

#[derive(Default)]
struct Shared {
    tokens: HashMap<[u8; 32], (String, Validity, bool)>,
    calls: HashMap<[u8; 32], (u64, Call)>,
    /// Calls for the next token that have failed in a row, and from when on another one may be made.
    failures: HashMap<[u8; 32], (u32, u64)>,
    refusals: HashMap<[u8; 32], (u64, Failed)>,
    /// Tokens that a backend does not take.
    suspects: HashMap<[u8; 32], String>,
    last: u64,
    /// The last call before a purge.
    purged: u64,
    /// Nothing can be kept.
    is_full: bool,
}

enum Call {
    Running { worker: usize, sign: u64 },
    Ended { at: u64, how: Ended },
}

enum Ended {
    Failed(Failed),
    Unshared,
}

thread_local! {
    static DEAD: RefCell<HashSet<usize>> = RefCell::default();
}

/// A worker is dead.
pub(super) fn bury(worker: usize) {
    DEAD.with_borrow_mut(|dead| dead.insert(worker));
}

impl ModelCache {
    /// The views of two workers.
    pub(in crate::tests) fn of_two() -> (Rc<Self>, Rc<Self>) {
        let shared = Rc::<RefCell<Shared>>::default();
        let view = |worker, shared: &Rc<RefCell<Shared>>| {
            Rc::new(Self { worker, shared: shared.clone(), store: None })
        };
        (view(0, &shared), view(1, &shared))
    }

    /// The view of the only worker.
    pub(in crate::tests) fn of_one() -> Rc<Self> {
        Self::of_two().0
    }

    /// The caches of two nodes with one worker each, and the store that they share.
    pub(in crate::tests) fn of_nodes() -> (Rc<Self>, Rc<Self>, Rc<ModelStore>) {
        let store = Rc::<ModelStore>::default();
        let node =
            |worker| Rc::new(Self { worker, shared: Rc::default(), store: Some(store.clone()) });
        (node(0), node(1), store)
    }

    /// Whether a token lies there.
    pub(in crate::tests) fn has(&self, key: u8) -> bool {
        self.shared.borrow().tokens.contains_key(&[key; 32])
    }

    /// Forgets everything.
    pub(in crate::tests) fn purge(&self) {
        let mut shared = self.shared.borrow_mut();
        shared.tokens.clear();
        shared.refusals.clear();
        shared.purged = shared.last;
    }

    /// A backend does not take the token that lies there: it serves no request of this node any more.
    pub(in crate::tests) fn suspect(&self, key: u8) {
        let mut shared = self.shared.borrow_mut();
        if let Some((token, ..)) = shared.tokens.remove(&[key; 32]) {
            shared.suspects.insert([key; 32], token);
        }
    }

    /// Nothing is kept from now on.
    pub(in crate::tests) fn fill(&self) {
        self.shared.borrow_mut().is_full = true;
    }

    /// The number of the call that runs for a key.
    pub(in crate::tests) fn running(&self, key: u8) -> Option<u64> {
        let shared = self.shared.borrow();
        let (number, call) = shared.calls.get(&[key; 32])?;
        matches!(call, Call::Running { .. }).then_some(*number)
    }

    fn end(&self, key: &CacheKey, call: u64, how: Option<Ended>) {
        let mut shared = self.shared.borrow_mut();
        if shared.calls.get(&key.0).is_none_or(|(number, _)| *number != call) {
            return;
        }
        match how {
            Some(how) => shared.calls.insert(key.0, (call, Call::Ended { at: now(), how })),
            None => shared.calls.remove(&key.0),
        };
    }
}

impl Election for ModelCache {
    type Ask = Wants;

    type Store = ModelStore;

    const HEARTBEAT: u64 = 500;

    fn store(&self) -> Option<&Rc<ModelStore>> {
        self.store.as_ref()
    }

    fn find(
        &self,
        key: &CacheKey,
        awaits: Option<u64>,
        suits: impl Fn(&Validity) -> bool,
    ) -> Found {
        if let Some(token) = self.look(key, suits) {
            return Found::Token(token);
        }
        let mut shared = self.shared.borrow_mut();
        match shared.calls.get(&key.0) {
            Some((number, Call::Running { worker, sign })) => {
                let is_dead = DEAD.with_borrow(|dead| dead.contains(worker));
                if *worker != self.worker && now() < sign + LEASE && !is_dead {
                    return Found::Elsewhere(*number);
                }
            }
            Some((number, Call::Ended { at, how })) => {
                let is_meant = awaits.is_some_and(|awaited| awaited <= *number);
                if is_meant && now() <= at + REMEMBERED {
                    return match how {
                        Ended::Failed(failed) => Found::Failure(failed.clone()),
                        Ended::Unshared => Found::Unshared,
                    };
                }
            }
            None => {}
        }
        shared.last += 1;
        let number = shared.last;
        let call = Call::Running { worker: self.worker, sign: now() };
        shared.calls.insert(key.0, (number, call));
        Found::Lead(number)
    }

    fn find_or_refresh(
        &self,
        key: &CacheKey,
        judge: impl Fn(&Validity) -> Standing,
        remembers: u64,
    ) -> (Found, Option<Refresh>) {
        let Some(token) = self.look(key, |validity| judge(validity) != Standing::Over) else {
            let refused = self.shared.borrow().refusals.get(&key.0).cloned();
            let refused = refused.filter(|(at, _)| now() < at + remembers);
            if let Some((_, failed)) = refused {
                return (Found::Refused(failed), None);
            }
            return (self.find(key, None, |_| false), None);
        };
        if judge(&token.validity) == Standing::Good {
            return (Found::Token(token), None);
        }
        let failures = self.shared.borrow().failures.get(&key.0).copied();
        let (failures, not_before) = failures.unwrap_or_default();
        let has_failed = failures > 0;
        let call = match self.find(key, None, |_| false) {
            Found::Lead(call) if now() < not_before => {
                self.release(key, call);
                None
            }
            Found::Lead(call) => Some(call),
            _ => None,
        };
        (Found::Token(token), Some(Refresh { call, has_failed }))
    }

    fn fail_refresh(
        &self,
        key: &CacheKey,
        call: u64,
        failed: Option<&Failed>,
        pause: impl FnOnce(u32) -> u64,
    ) {
        match failed {
            Some(failed) => self.fail(key, call, failed),
            None => self.release(key, call),
        }
        let failures = &mut self.shared.borrow_mut().failures;
        let (failures, not_before) = failures.entry(key.0).or_default();
        *not_before = now() + pause(*failures);
        *failures += 1;
    }

    fn refuse(&self, key: &CacheKey, call: u64, failed: &Failed, _: &Wants) {
        self.fail(key, call, failed);
        let mut shared = self.shared.borrow_mut();
        shared.tokens.remove(&key.0);
        shared.failures.remove(&key.0);
        shared.refusals.remove(&key.0);
        if failed.is_remembered() {
            shared.refusals.insert(key.0, (now(), failed.clone()));
        }
    }

    fn look(&self, key: &CacheKey, suits: impl Fn(&Validity) -> bool) -> Option<Token> {
        let shared = self.shared.borrow();
        let (text, validity, unbound) = shared.tokens.get(&key.0)?;
        let is_good = validity.at_most > EPOCH + now() && suits(validity);
        is_good.then(|| Token {
            token: Target::new(Secret::new(text.as_bytes())),
            token_type: TokenType::Bearer,
            validity: *validity,
            unbound: *unbound,
            kept: true,
            look: Look { findings: Findings::default(), is_expected: true },
            said: Said::default(),
            call_time: None,
        })
    }

    fn is_suspect(&self, key: &CacheKey, token: &Token) -> bool {
        let shared = self.shared.borrow();
        let suspect = shared.suspects.get(&key.0);
        suspect.is_some_and(|suspect| suspect.as_bytes() == token.token.issued().expose())
    }

    fn renew(&self, key: &CacheKey, call: u64) {
        let mut shared = self.shared.borrow_mut();
        if let Some((number, Call::Running { sign, .. })) = shared.calls.get_mut(&key.0)
            && *number == call
        {
            *sign = now();
        }
    }

    fn is_void(&self, call: u64) -> bool {
        call <= self.shared.borrow().purged
    }

    fn complete(&self, key: &CacheKey, call: u64, token: &Token, ask: &Wants) -> bool {
        let Validity { sent, good_for, is_final, .. } = token.validity;
        let good_for_all = good_for.unwrap_or(300).saturating_mul(1_000);
        let at_most = sent + good_for_all;
        let suits = token.validity.suits(&ask.policy, EPOCH + now());
        let is_void = self.is_void(call);
        if is_void || self.shared.borrow().is_full || at_most <= EPOCH + now() {
            self.share_nothing(key, call);
            return false;
        }
        let entry =
            (text(&token.token), Validity { sent, good_for, at_most, is_final }, token.unbound);
        self.shared.borrow_mut().tokens.insert(key.0, entry);
        self.shared.borrow_mut().failures.remove(&key.0);
        self.shared.borrow_mut().refusals.remove(&key.0);
        self.end(key, call, (!suits).then_some(Ended::Unshared));
        true
    }

    fn share_nothing(&self, key: &CacheKey, call: u64) {
        self.end(key, call, Some(Ended::Unshared));
    }

    fn fail(&self, key: &CacheKey, call: u64, failed: &Failed) {
        self.end(key, call, Some(Ended::Failed(failed.clone())));
    }

    fn release(&self, key: &CacheKey, call: u64) {
        self.end(key, call, None);
    }
}
