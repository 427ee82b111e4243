//! A call that ended without a token.

use std::num::NonZeroU32;

use sts_core::error::{Failure, FailureKind};
use sts_core::issued::TokenType;
use sts_net::calls::CallLimits;

/// A call that ended without a token.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Why.
    pub failure: Failure,
    /// The limit that ended it, where one did.
    pub exceeded: Option<Exceeded>,
}

/// The limit of the request that the call was made for. Others may have wider ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// `STSMaxCalls`.
    Calls(CallLimits),
    /// `STSMaxResponse`, in bytes.
    Response(usize),
    /// `STSHTTPTimeOut`.
    Time,
    /// `STSAcceptTokenType`, which does not name this one.
    TokenType(TokenType),
    /// `STSMaxCalls … per value`: the value, as a digest.
    Share(NonZeroU32),
    /// `STSBreaker`: this worker makes no call now.
    Breaker,
    /// What this worker can do: it has no free connections, or ends. That says nothing of others.
    Worker,
}

impl Failed {
    /// Whether the call has ended at a limit of this worker. Another one has a queue, connections and a
    /// breaker of its own, and may not end yet.
    pub fn is_of_worker(&self) -> bool {
        match &self.exceeded {
            Some(
                Exceeded::Calls(_) | Exceeded::Share(_) | Exceeded::Breaker | Exceeded::Worker,
            ) => true,
            Some(Exceeded::Response(_) | Exceeded::Time | Exceeded::TokenType(_)) | None => false,
        }
    }

    /// Whether the STS has said no to what was asked for, and would do so again: to this token, or to this
    /// subject. What the client has to do first (`step_up`) changes that at once, and what was said to the
    /// gateway is not about the token.
    pub fn is_remembered(&self) -> bool {
        matches!(self.failure.kind, FailureKind::Refused | FailureKind::Denied)
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self { failure, exceeded: None }
    }
}
