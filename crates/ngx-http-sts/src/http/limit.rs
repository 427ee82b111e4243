//! What a call may cost.

use sts_net::breaker::Policy;
use sts_net::calls::CallLimits;
use sts_net::idle::Limits as IdleLimits;

use crate::origin::Retries;

/// What a call may cost.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    /// Milliseconds for everything, waiting for a turn included.
    pub(crate) timeout: u64,
    /// Bytes of the body of an answer.
    pub(crate) response: usize,
    pub(crate) keepalive: IdleLimits,
    pub(crate) retries: Retries,
    pub(crate) calls: CallLimits,
    /// When calls are not made.
    pub(crate) breaker: Option<Policy>,
}
