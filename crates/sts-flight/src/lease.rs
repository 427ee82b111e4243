//! The duty to call for a key.

use std::rc::Rc;

use sts_core::cache_key::CacheKey;

use crate::election::Election;
use crate::failed::Failed;
use crate::token::Token;

/// The duty to call for a key. Dropping it gives it to the next worker that asks.
pub struct Lease<C: Election> {
    cache: Rc<C>,
    key: CacheKey,
    /// The number of the call; `None` once it has ended.
    call: Option<u64>,
}

impl<C: Election> Lease<C> {
    /// This worker was elected to make the call of this number.
    pub fn new(cache: Rc<C>, key: CacheKey, call: u64) -> Self {
        Self { cache, key, call: Some(call) }
    }

    /// Gives a sign of life.
    pub fn renew(&self) {
        if let Some(call) = self.call {
            self.cache.renew(&self.key, call);
        }
    }

    /// See [`Election::is_void`].
    pub fn is_void(&self) -> bool {
        self.call.is_some_and(|call| self.cache.is_void(call))
    }

    /// See [`Election::complete`].
    pub fn complete(mut self, token: &Token, ask: &C::Ask) -> bool {
        self.call.take().is_some_and(|call| self.cache.complete(&self.key, call, token, ask))
    }

    /// See [`Election::share_nothing`].
    pub fn share_nothing(mut self) {
        if let Some(call) = self.call.take() {
            self.cache.share_nothing(&self.key, call);
        }
    }

    /// See [`Election::fail`].
    pub fn fail(mut self, failed: &Failed) {
        if let Some(call) = self.call.take() {
            self.cache.fail(&self.key, call, failed);
        }
    }
}

impl<C: Election> Lease<C> {
    /// See [`Election::fail_refresh`].
    pub fn fail_refresh(mut self, failed: Option<&Failed>, pause: impl FnOnce(u32) -> u64) {
        if let Some(call) = self.call.take() {
            self.cache.fail_refresh(&self.key, call, failed, pause);
        }
    }

    /// See [`Election::refuse`].
    pub fn refuse(mut self, failed: &Failed, ask: &C::Ask) {
        if let Some(call) = self.call.take() {
            self.cache.refuse(&self.key, call, failed, ask);
        }
    }
}

impl<C: Election> Drop for Lease<C> {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            self.cache.release(&self.key, call);
        }
    }
}
