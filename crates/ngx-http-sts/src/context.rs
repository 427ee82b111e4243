//! What is known of a request, over internal redirects too.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::encoding::Encoding;
use sts_core::error::{Failure, FailureKind};
use sts_core::secret::SharedSecret;

use crate::carry::accept::Look;
use crate::carry::pass::Applied;
use crate::conf::{Carrier, Exchange, ExchangeId};
use crate::flow::Granted;
use crate::pending::Pending;
use crate::purge::Purging;

/// Belongs to one request of a client and ends with it: a token that is held here can be seen by no
/// other request.
#[derive(Default)]
pub(crate) struct Context {
    /// What the request waits for, and in which pass.
    pending: RefCell<Option<(u32, Rc<Pending>)>>,
    /// Every exchange that has ended, the first one first. None is dropped before the request:
    /// NGINX may still refer to its token.
    first: OnceCell<Pass>,
    /// What was found in the places that were looked at.
    seen: RefCell<Vec<(Rc<str>, Look)>>,
    /// What the last location has put into the request.
    applied: RefCell<Option<Rc<Applied>>>,
    /// The pass that waits, or has waited in vain, for the body.
    reading_body: Cell<Option<u32>>,
    warned: Cell<bool>,
    /// The purge that the request asked for.
    purging: RefCell<Option<Rc<Purging>>>,
}

/// An exchange that has ended.
pub(crate) struct Pass {
    pub(crate) exchange: ExchangeId,
    /// How its location passes the token on.
    pub(crate) carrier: Rc<Carrier>,
    pub(crate) source: Source,
    /// What was asked for: the same exchange may ask for something else in another location, when its
    /// parameters hold variables.
    pub(crate) key: CacheKey,
    pub(crate) outcome: Outcome,
    /// The number of the request's pass in which this was found to hold.
    judged: Cell<u32>,
    next: OnceCell<Box<Self>>,
}

/// A source token as it was found, with the expression that gave it. A later pass may see a request
/// from which it has been removed.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) text: Rc<str>,
    pub(crate) token: SharedSecret,
    pub(crate) encoding: Option<Encoding>,
    /// It was found by `STSAcceptSourceTokenIn`.
    pub(crate) accepted: bool,
    /// It came with the scheme DPoP.
    pub(crate) with_dpop: bool,
    /// Why there is none that could be used, although there is something.
    pub(crate) fault: Option<Failure>,
}

impl Source {
    /// A token that was found, or is empty.
    pub(crate) fn new(carrier: &Carrier, token: &[u8]) -> Self {
        Self {
            text: carrier.source_text.clone(),
            token: SharedSecret::new(token),
            encoding: carrier.source_encoding,
            accepted: false,
            with_dpop: false,
            fault: None,
        }
    }

    pub(crate) fn unusable(carrier: &Carrier, fault: Failure) -> Self {
        Self { fault: Some(fault), ..Self::new(carrier, &[]) }
    }
}

/// How an exchange ended.
pub(crate) enum Outcome {
    Granted(Granted),
    /// It failed, and the request went on without a token.
    Passed(FailureKind),
    /// It failed, and the request was refused.
    Failed(FailureKind),
}

impl Context {
    /// What this pass waits for. What another pass waited for is of no use any more.
    pub(crate) fn pending(&self, pass: u32) -> Option<Rc<Pending>> {
        let of_another_pass = self.pending.borrow_mut().take_if(|(of, _)| *of != pass);
        if let Some((_, pending)) = of_another_pass {
            pending.abandon();
        }
        self.pending.borrow().as_ref().map(|(_, pending)| pending.clone())
    }

    pub(crate) fn set_pending(&self, pass: u32, pending: Option<Rc<Pending>>) {
        self.pending.replace(pending.map(|pending| (pass, pending)));
    }

    /// The purge that the request waits for.
    pub(crate) fn purging(&self) -> Option<Rc<Purging>> {
        self.purging.borrow().clone()
    }

    pub(crate) fn set_purging(&self, purging: Rc<Purging>) {
        self.purging.replace(Some(purging));
    }

    /// Notes how an exchange ended, and the number of the request's pass in which it did.
    pub(crate) fn push(
        &self,
        exchange: &Exchange,
        source: Source,
        key: CacheKey,
        outcome: Outcome,
        judged: u32,
    ) {
        let pass = Pass {
            exchange: exchange.id,
            carrier: exchange.carrier.clone(),
            source,
            key,
            outcome,
            judged: Cell::new(judged),
            next: OnceCell::new(),
        };
        let Err(pass) = self.first.set(pass) else { return };
        if let Some(last) = self.passes().last() {
            // Nothing is behind the last one.
            let _ = last.next.set(Box::new(pass));
        }
    }

    /// All that have ended, the first one first.
    pub(crate) fn passes(&self) -> impl Iterator<Item = &Pass> {
        std::iter::successors(self.first.get(), |pass| pass.next.get().map(|next| &**next))
    }

    /// How this exchange ended, the last time that it was judged.
    pub(crate) fn pass_of(&self, exchange: ExchangeId) -> Option<&Pass> {
        self.passes().filter(|pass| pass.exchange == exchange).last()
    }

    /// What was found in a place, if it was looked at.
    pub(crate) fn seen_in(&self, place: &str) -> Option<Look> {
        let seen = self.seen.borrow();
        seen.iter().find(|(known, _)| **known == *place).map(|(_, look)| look.clone())
    }

    pub(crate) fn saw(&self, place: Rc<str>, look: Look) {
        self.seen.borrow_mut().push((place, look));
    }

    pub(crate) fn applied(&self) -> Option<Rc<Applied>> {
        self.applied.borrow().clone()
    }

    pub(crate) fn set_applied(&self, applied: Applied) {
        self.applied.replace(Some(Rc::new(applied)));
    }

    /// The pass that waits, or has waited in vain, for the body.
    pub(crate) fn reading_body(&self) -> Option<u32> {
        self.reading_body.get()
    }

    /// Returns what was there before.
    pub(crate) fn set_reading_body(&self, pass: Option<u32>) -> Option<u32> {
        self.reading_body.replace(pass)
    }

    /// Whether this is the first time.
    pub(crate) fn warn_once(&self) -> bool {
        !self.warned.replace(true)
    }
}

impl Pass {
    /// Notes that this holds in another pass of the request, too.
    pub(crate) fn judge(&self, pass: u32) {
        self.judged.set(pass);
    }

    /// Whether this was found to hold in a pass of the request.
    pub(crate) fn is_judged(&self, pass: u32) -> bool {
        self.judged.get() == pass
    }

    /// The target token, where there is one.
    pub(crate) fn granted(&self) -> Option<&Granted> {
        match &self.outcome {
            Outcome::Granted(granted) => Some(granted),
            Outcome::Passed(_) | Outcome::Failed(_) => None,
        }
    }
}
