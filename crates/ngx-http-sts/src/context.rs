//! What is known of a request, over internal redirects too.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::encoding::Encoding;
use sts_core::error::FailureKind;
use sts_core::secret::Secret;

use crate::conf::{Exchange, ExchangeId};
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
    first: OnceCell<Box<Pass>>,
    warned: Cell<bool>,
    /// The purge that the request asked for.
    purging: RefCell<Option<Rc<Purging>>>,
}

/// An exchange that has ended.
pub(crate) struct Pass {
    pub(crate) exchange: ExchangeId,
    pub(crate) target: Option<usize>,
    /// How the location passes the token on.
    encoding: Option<Encoding>,
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
    pub(crate) token: Rc<Secret>,
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
            target: exchange.carrier.target,
            encoding: exchange.target_encoding,
            source,
            key,
            outcome,
            judged: Cell::new(judged),
            next: OnceCell::new(),
        };
        let mut end = &self.first;
        while let Some(pass) = end.get() {
            end = &pass.next;
        }
        // The end is empty by the loop above.
        let _ = end.set(Box::new(pass));
    }

    /// All that have ended, the first one first.
    pub(crate) fn passes(&self) -> impl Iterator<Item = &Pass> {
        std::iter::successors(self.first.get(), |pass| pass.next.get()).map(|pass| &**pass)
    }

    /// How this exchange ended, the last time that it was judged.
    pub(crate) fn pass_of(&self, exchange: ExchangeId) -> Option<&Pass> {
        self.passes().filter(|pass| pass.exchange == exchange).last()
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

    /// The target token as the location that it was issued in passes it on; nothing when there is none.
    pub(crate) fn token(&self) -> Option<&[u8]> {
        self.token_as(self.encoding)
    }

    /// The target token, encoded in another way.
    pub(crate) fn token_as(&self, encoding: Option<Encoding>) -> Option<&[u8]> {
        match &self.outcome {
            Outcome::Granted(granted) => granted.token.encoded(encoding).map(Secret::expose),
            Outcome::Passed(_) | Outcome::Failed(_) => None,
        }
    }
}
