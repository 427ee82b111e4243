//! Exchanges whose results another one needs (`STSDependsOn`): made one after the other for a request,
//! and their tokens, which only the exchanges that need them see.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::secret::Secret;
use sts_flight::granted::Granted;

use crate::ask::Minted;
use crate::conf::Exchange;
use crate::conf::chain::Step;
use crate::minter::{Needs, Once};
use crate::nginx::request::RequestId;

/// The results of steps that a client's request and its subrequests have, and which of them can be seen.
#[derive(Default)]
pub(crate) struct Results {
    /// None is dropped before the request: NGINX may still refer to its token.
    first: OnceCell<Box<StepResult>>,
    visible: RefCell<Vec<usize>>,
}

/// How a step ended that was made for a visit of a request.
pub(crate) struct StepResult {
    pub(crate) visit: VisitId,
    pub(crate) exchange: Rc<Exchange>,
    pub(crate) granted: Granted,
    pub(crate) key: CacheKey,
    /// The gateway has made the token itself: how it is made anew for a call.
    pub(crate) minted: Option<Rc<Once>>,
    pub(crate) next: OnceCell<Box<Self>>,
}

/// The results that an exchange is made of, as its key has them.
pub(crate) struct Needed<'r> {
    results: Vec<&'r StepResult>,
    assertion: Option<&'r StepResult>,
}

impl<'r> Needed<'r> {
    /// None: those of an exchange that is not made.
    pub(crate) const NOTHING: Self = Self { results: Vec::new(), assertion: None };

    pub(crate) fn is_empty(&self) -> bool {
        self.results.is_empty()
    }

    /// The result that is the client assertion of the exchange.
    pub(crate) fn assertion(&self) -> Option<&'r Secret> {
        self.assertion.map(|result| result.granted.token.issued())
    }

    /// Those that the gateway has made itself.
    pub(crate) fn minted(&self) -> Vec<Minted> {
        let minted = |result: &&StepResult| {
            let once = result.minted.clone()?;
            Some(Minted { once, token: Secret::new(result.granted.token.issued().expose()) })
        };
        self.results.iter().filter_map(minted).collect()
    }

    /// What a token is bounded by that is made of them.
    pub(crate) fn bounds(&self) -> Needs {
        Needs { end: self.results.iter().filter_map(|result| result.granted.end).min() }
    }

    /// The client assertion as it stands in the key.
    pub(crate) fn assertion_in_key(&self) -> Option<Vec<u8>> {
        self.assertion.map(|result| result.key.in_place_of_token())
    }

    /// Whether a value is made of one of them.
    pub(crate) fn make(&self, value: &[u8]) -> bool {
        let is_in = |token: &[u8]| {
            !token.is_empty()
                && (token == value || value.windows(token.len()).any(|part| part == token))
        };
        self.results.iter().any(|result| result.values().any(is_in))
    }

    /// A value as it stands in the key: a token that is renewed makes no other key, and one that is encoded
    /// another one than itself.
    pub(crate) fn in_key<'v>(&self, value: &'v [u8]) -> Cow<'v, [u8]> {
        let is_it = |one: &&&StepResult| one.values().any(|it| it == value);
        let Some(result) = self.results.iter().find(is_it) else { return Cow::Borrowed(value) };
        let mut in_key = result.key.in_place_of_token();
        if result.granted.token.issued().expose() != value {
            let encoding = result.exchange.carrier.target_encoding;
            in_key.extend(encoding.map(|encoding| encoding as u8));
        }
        Cow::Owned(in_key)
    }

    pub(crate) fn keys(&self) -> Vec<CacheKey> {
        self.results.iter().map(|result| result.key).collect()
    }
}

/// A visit of a request, or of a subrequest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VisitId {
    pub(crate) request: RequestId,
    pub(crate) visit: u32,
}

impl StepResult {
    /// The token as it was issued, and as it stands in a variable.
    fn values(&self) -> impl Iterator<Item = &[u8]> {
        let token = &self.granted.token;
        let encoding = self.exchange.carrier.target_encoding;
        let encoded = encoding.and_then(|encoding| token.encoded(Some(encoding)));
        [token.issued()].into_iter().chain(encoded).map(Secret::expose)
    }

    fn is_of(&self, visit: VisitId, exchange: &Rc<Exchange>) -> bool {
        self.visit == visit && Rc::ptr_eq(&self.exchange, exchange)
    }
}

/// The time that a chain takes from that of its exchange.
#[derive(Default)]
pub(crate) struct Started(Cell<Option<(u32, u64)>>);

impl Started {
    /// Milliseconds of NGINX's clock at which the chain of a visit began: now, if it had not.
    pub(crate) fn in_visit(&self, visit: u32, now: u64) -> u64 {
        match self.0.get() {
            Some((of, started)) if of == visit => started,
            _ => {
                self.0.set(Some((visit, now)));
                now
            }
        }
    }
}

impl Results {
    pub(crate) fn push(&self, result: StepResult) {
        let last = self.all().last().map_or(&self.first, |last| &last.next);
        // Nothing is behind the last one.
        let _ = last.set(Box::new(result));
    }

    fn all(&self) -> impl Iterator<Item = &StepResult> {
        let first = self.first.get().map(|first| &**first);
        std::iter::successors(first, |result| result.next.get().map(|next| &**next))
    }

    /// The number of a step's result in a visit.
    pub(crate) fn number(&self, visit: VisitId, exchange: &Rc<Exchange>) -> Option<usize> {
        self.all().position(|one| one.is_of(visit, exchange))
    }

    /// What was brought in a visit by these steps, which are those that an exchange needs.
    pub(crate) fn needed(
        &self,
        visit: VisitId,
        exchange: &Exchange,
        steps: &[Step],
        needs: &[usize],
    ) -> Needed<'_> {
        let steps = needs.iter().filter_map(|need| steps.get(*need));
        let result = |of: &Rc<Exchange>| self.all().find(|one| one.is_of(visit, of));
        Needed {
            results: steps.filter_map(|step| result(&step.exchange)).collect(),
            assertion: exchange.chain.assertion().and_then(result),
        }
    }

    /// Lets the results of these steps be seen while something is evaluated.
    pub(crate) fn show<R>(
        &self,
        visit: VisitId,
        steps: &[Step],
        needs: &[usize],
        evaluate: impl FnOnce() -> R,
    ) -> R {
        // Most exchanges need none, and nothing is shown then.
        if needs.is_empty() && self.visible.borrow().is_empty() {
            return evaluate();
        }
        let exchanges = needs.iter().filter_map(|need| steps.get(*need));
        let numbers = exchanges.filter_map(|step| self.number(visit, &step.exchange)).collect();
        let shown = Shown { results: self, before: self.visible.replace(numbers) };
        let result = evaluate();
        drop(shown);
        result
    }

    /// Those that can be seen now.
    pub(crate) fn visible(&self) -> impl Iterator<Item = &StepResult> {
        let visible = self.visible.borrow().clone();
        self.all().enumerate().filter(move |(at, _)| visible.contains(at)).map(|(_, one)| one)
    }
}

/// Hides again what was shown, also while a panic unwinds.
struct Shown<'r> {
    results: &'r Results,
    before: Vec<usize>,
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.results.visible.replace(std::mem::take(&mut self.before));
    }
}
