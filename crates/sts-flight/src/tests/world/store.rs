//! A store of two nodes by the book, which can be slow, dead, silent or full.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::pending;
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::expect::{Findings, Look};
use sts_core::issued::{Said, TokenType};
use sts_core::secret::Secret;
use sts_core::target::Target;

use super::executor::{Virtual, now, worker};
use super::sts::Wants;
use super::{EPOCH, LEASE, text};
use crate::host::Host as _;
use crate::store::{Seen, Store, Work};
use crate::token::{Token, Validity};

/// Milliseconds that a question may take.
pub(in crate::tests) const TIMEOUT: u64 = 20;

#[derive(Default)]
pub(in crate::tests) struct ModelStore {
    entries: RefCell<HashMap<[u8; 32], Entry>>,
    /// The leases by which tokens are replaced: by which node, and until when.
    renewals: RefCell<HashMap<[u8; 32], (usize, u64)>>,
    /// Milliseconds that it takes to answer.
    pub(in crate::tests) delay: Cell<u64>,
    /// It never answers.
    pub(in crate::tests) hangs: Cell<bool>,
    /// It answers with errors.
    pub(in crate::tests) is_broken: Cell<bool>,
    /// It takes nothing.
    pub(in crate::tests) is_full: Cell<bool>,
    /// It is left alone.
    pub(in crate::tests) is_left_alone: Cell<bool>,
    /// Questions that were asked, and how they ended.
    pub(in crate::tests) asked: Cell<u32>,
    pub(in crate::tests) succeeded: Cell<u32>,
    pub(in crate::tests) late: Cell<u32>,
    pub(in crate::tests) failed: Cell<u32>,
}

#[derive(Clone)]
enum Entry {
    Token(String, Validity),
    Lease { worker: usize, until: u64 },
}

/// By which node a claim was made, and whether it is a lease.
pub(in crate::tests) struct Claim {
    key: [u8; 32],
    worker: usize,
    is_lease: bool,
    /// It is one to replace a token.
    is_renewal: bool,
}

fn count(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

impl ModelStore {
    /// The token that lies there.
    pub(in crate::tests) fn token(&self, key: u8) -> Option<String> {
        match self.entries.borrow().get(&[key; 32]) {
            Some(Entry::Token(token, _)) => Some(token.clone()),
            _ => None,
        }
    }

    /// Whether a node has the lease.
    pub(in crate::tests) fn is_leased(&self, key: u8) -> bool {
        let entries = self.entries.borrow();
        matches!(entries.get(&[key; 32]), Some(Entry::Lease { until, .. }) if *until > now())
    }

    /// Ends the lease of a node by which a token is replaced.
    fn end_renewal(&self, key: &[u8; 32], own: Option<usize>) {
        let renewals = &mut *self.renewals.borrow_mut();
        if own.is_some_and(|own| renewals.get(key).is_some_and(|(worker, _)| *worker == own)) {
            renewals.remove(key);
        }
    }

    /// Does something, as long as it takes.
    fn work<T: 'static>(
        self: Rc<Self>,
        it: impl FnOnce(&Self) -> Result<T, &'static str> + 'static,
    ) -> Work<T, &'static str> {
        Box::pin(async move {
            count(&self.asked);
            Virtual::sleep(self.delay.get(), super::executor::Hold::default()).await;
            if self.hangs.get() {
                pending::<()>().await;
            }
            if self.is_broken.get() { Err("broken") } else { it(&self) }
        })
    }
}

impl Store for ModelStore {
    type Ask = Wants;
    type Claim = Claim;
    type Error = &'static str;

    const HEARTBEAT: u64 = 500;

    fn timeout(&self) -> u64 {
        TIMEOUT
    }

    fn admits(&self) -> bool {
        !self.is_left_alone.get()
    }

    fn succeeded(&self) {
        count(&self.succeeded);
    }

    fn failed(&self, why: Option<&&'static str>) {
        count(if why.is_some() { &self.failed } else { &self.late });
    }

    fn look(self: Rc<Self>, key: &CacheKey, _: &Wants) -> Work<Seen<Claim>, &'static str> {
        let (key, worker) = (key.0, worker());
        self.work(move |store| {
            let entries = &mut *store.entries.borrow_mut();
            let claim = |is_lease| Claim { key, worker, is_lease, is_renewal: false };
            match entries.get(&key) {
                Some(Entry::Token(text, validity)) if validity.at_most > EPOCH + now() => {
                    let token = Token {
                        token: Target::new(Secret::new(text.as_bytes())),
                        token_type: TokenType::Bearer,
                        validity: *validity,
                        unbound: true,
                        kept: true,
                        look: Look { findings: Findings::default(), is_expected: true },
                        said: Said::default(),
                        call_time: None,
                    };
                    Ok(Seen::Token(token, claim(false)))
                }
                Some(Entry::Lease { until, .. }) if *until > now() => {
                    Ok(Seen::Elsewhere(claim(false)))
                }
                _ => {
                    entries.insert(key, Entry::Lease { worker, until: now() + LEASE });
                    Ok(Seen::Lead(claim(true)))
                }
            }
        })
    }

    fn elect(self: Rc<Self>, claim: &Claim) -> Work<Option<Claim>, &'static str> {
        let (key, worker) = (claim.key, worker());
        self.work(move |store| {
            let renewals = &mut *store.renewals.borrow_mut();
            if renewals.get(&key).is_some_and(|(_, until)| *until > now()) {
                return Ok(None);
            }
            renewals.insert(key, (worker, now() + LEASE));
            Ok(Some(Claim { key, worker, is_lease: true, is_renewal: true }))
        })
    }

    fn put(
        self: Rc<Self>,
        claim: &Claim,
        token: &Token,
        _: &Wants,
    ) -> Option<Work<(), &'static str>> {
        let Validity { sent, good_for, is_final, .. } = token.validity;
        let at_most = sent + good_for.unwrap_or(300) * 1_000;
        if at_most <= EPOCH + now() {
            return None;
        }
        let (key, text) = (claim.key, text(&token.token));
        let renewal = claim.is_renewal.then_some(claim.worker);
        Some(self.work(move |store| {
            if store.is_full.get() {
                return Err("full");
            }
            let entry = Entry::Token(text, Validity { sent, good_for, at_most, is_final });
            let entries = &mut *store.entries.borrow_mut();
            let is_newer =
                matches!(entries.get(&key), Some(Entry::Token(_, there)) if there.sent > sent);
            if !is_newer {
                entries.insert(key, entry);
            }
            store.end_renewal(&key, renewal);
            Ok(())
        }))
    }

    fn is_lease(claim: &Claim) -> bool {
        claim.is_lease
    }

    fn renew(self: Rc<Self>, claim: &Claim) -> Work<(), &'static str> {
        let (key, own, is_renewal) = (claim.key, claim.worker, claim.is_renewal);
        self.work(move |store| {
            if is_renewal
                && let Some((worker, until)) = store.renewals.borrow_mut().get_mut(&key)
                && *worker == own
            {
                *until = now() + LEASE;
            }
            if let Some(Entry::Lease { worker, until }) = store.entries.borrow_mut().get_mut(&key)
                && *worker == own
            {
                *until = now() + LEASE;
            }
            Ok(())
        })
    }

    fn release(self: Rc<Self>, claim: &Claim) -> Work<(), &'static str> {
        let (key, own, is_renewal) = (claim.key, claim.worker, claim.is_renewal);
        self.work(move |store| {
            store.end_renewal(&key, is_renewal.then_some(own));
            let entries = &mut *store.entries.borrow_mut();
            if matches!(entries.get(&key), Some(Entry::Lease { worker, .. }) if *worker == own) {
                entries.remove(&key);
            }
            Ok(())
        })
    }

    fn forget(self: Rc<Self>, claim: &Claim) -> Work<(), &'static str> {
        let (key, renewal) = (claim.key, claim.is_renewal.then_some(claim.worker));
        self.work(move |store| {
            store.entries.borrow_mut().remove(&key);
            store.end_renewal(&key, renewal);
            Ok(())
        })
    }
}
