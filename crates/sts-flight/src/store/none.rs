//! No store.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::rc::Rc;

use sts_core::cache_key::CacheKey;

use crate::store::{Seen, Store, Work};
use crate::token::Token;

/// The store of caches that have none: it cannot be made.
pub struct NoStore<A>(Infallible, PhantomData<A>);

impl<A: 'static> Store for NoStore<A> {
    type Ask = A;
    type Claim = Infallible;
    type Error = Infallible;

    const HEARTBEAT: u64 = 0;

    fn timeout(&self) -> u64 {
        match self.0 {}
    }

    fn admits(&self) -> bool {
        match self.0 {}
    }

    fn succeeded(&self) {
        match self.0 {}
    }

    fn failed(&self, _: Option<&Infallible>) {
        match self.0 {}
    }

    fn look(self: Rc<Self>, _: &CacheKey, _: &A) -> Work<Seen<Infallible>, Infallible> {
        match self.0 {}
    }

    fn elect(self: Rc<Self>, _: &Infallible) -> Work<Option<Infallible>, Infallible> {
        match self.0 {}
    }

    fn put(self: Rc<Self>, _: &Infallible, _: &Token, _: &A) -> Option<Work<(), Infallible>> {
        match self.0 {}
    }

    fn is_lease(claim: &Infallible) -> bool {
        match *claim {}
    }

    fn renew(self: Rc<Self>, _: &Infallible) -> Work<(), Infallible> {
        match self.0 {}
    }

    fn release(self: Rc<Self>, _: &Infallible) -> Work<(), Infallible> {
        match self.0 {}
    }

    fn forget(self: Rc<Self>, _: &Infallible) -> Work<(), Infallible> {
        match self.0 {}
    }
}
