//! The call for the next token, while the one that is there serves.

use std::cell::Cell;
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::error::{Failure, FailureKind};

use super::{Flight, Step};
use crate::ahead;
use crate::failed::Failed;
use crate::flights::Name;
use crate::granted::CacheStatus;
use crate::host::{Ask, Host};
use crate::lease::Lease;
use crate::token::{Token, Validity};
use crate::waiting::Waiting;

/// Milliseconds by which a token has to outlive the one before it to be worth its call. What STSs and
/// tokens say is in seconds.
const GAIN: u64 = 1_000;

/// The token that serves while the next one is asked for.
pub(crate) struct Refreshing {
    validity: Validity,
    /// The last call for the next one has failed.
    has_failed: Cell<bool>,
}

impl Refreshing {
    pub(crate) fn new(validity: Validity, has_failed: bool) -> Self {
        Self { validity, has_failed: Cell::new(has_failed) }
    }
}

impl<H: Host> Flight<H> {
    /// Begins a call that no request waits for: with what this one asks for, which goes on.
    pub(crate) fn refresh(
        cache: &Rc<H::Cache>,
        key: CacheKey,
        name: Name<H>,
        ask: H::Ask,
        lease: Lease<H::Cache>,
        refreshing: Refreshing,
    ) {
        let waiting = Waiting::for_refresh(ask);
        Self::take_off(cache, key, name, &waiting, Step::Lead(lease), Some(refreshing));
    }

    /// What a request is told that takes a token from the cache while the flight lasts.
    pub(crate) fn status_of_hit(&self) -> CacheStatus {
        let is_stale = self.refreshing.as_ref().is_some_and(|it| it.has_failed.get());
        if is_stale { CacheStatus::Stale } else { CacheStatus::Hit }
    }

    /// Some STSs give out the same token again, and again until it is over: the next one would be no
    /// better.
    pub(super) fn look_for_gain(&self, token: &mut Token) {
        let old = self.refreshing.as_ref().and_then(|it| it.validity.end());
        if let (Some(old), Some(new)) = (old, token.validity.end()) {
            token.validity.is_final |= new <= old.saturating_add(GAIN);
        }
    }

    /// Whether a token is another one than that which serves while the next one is asked for.
    pub(super) fn is_next(&self, validity: &Validity) -> bool {
        let old = self.refreshing.as_ref().map(|it| it.validity.sent);
        old.is_none_or(|old| validity.sent > old.saturating_add(GAIN))
    }

    /// The call has failed in a way that says nothing of the token that is there.
    pub(super) fn fail_refresh(
        &self,
        lease: Lease<H::Cache>,
        caller: &Waiting<H>,
        failed: &Failed,
    ) {
        // What ended it here may not end the call of another worker.
        let told = (!failed.is_of_worker()).then_some(failed);
        lease.fail_refresh(told, |failures| ahead::pause(failures, &self.key));
        if let Some(refreshing) = &self.refreshing {
            refreshing.has_failed.set(true);
        }
        caller.ask().refresh_failed(&failed.failure, caller.took(), false);
    }

    /// The STS has refused what was asked for.
    pub(super) fn refuse(&self, lease: Lease<H::Cache>, caller: &Waiting<H>, failed: &Failed) {
        lease.refuse(failed, caller.ask());
        if caller.is_refresh() {
            caller.ask().refresh_failed(&failed.failure, caller.took(), true);
        }
    }
}

/// Whether a token that was issued before may not be used any more: the STS knows what was asked for,
/// and does not allow it.
pub(super) fn is_definitive(failed: &Failed) -> bool {
    let kind = failed.failure.kind;
    matches!(kind, FailureKind::Refused | FailureKind::Denied | FailureKind::StepUp)
}

/// The next token is none that its location may keep.
pub(super) fn unexpected() -> Failed {
    let reason = "the next token is not what the location expects (STSExpect)";
    Failure::new(FailureKind::BadAnswer, reason).into()
}
