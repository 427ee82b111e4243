//! Why there is no answer.

use sts_core::error::{Failure, FailureKind};
use sts_counters::words::Unmade;
use sts_flight::failed::{Exceeded, Failed};
use sts_net::breaker::Halted;
use sts_net::calls::Full as QueueFull;
use sts_net::http1::answer::AnswerError;

use crate::http::limit::Limit;
use crate::nginx::peer::ConnectError;
use crate::origin::{OpenError, TalkError};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the answer breaks the rules of HTTP: {0}")]
    Malformed(String),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The same, before anything came.
    #[error("the connection was lost: {0}")]
    Silent(String),
    /// `STSBreaker`: it was not made.
    #[error(
        "no call is made for {} s more: {}",
        .0.after.div_ceil(1000),
        if .0.is_asked_for { "the STS has asked for that (Retry-After)" } else { "the STS did not answer (STSBreaker)" }
    )]
    Halted(Halted),
    #[error(transparent)]
    Queue(#[from] QueueFull),
    #[error("no answer within {0} ms")]
    Timeout(u64),
    /// The message could not be written.
    #[error("{}", .0.reason)]
    Unwritten(Box<Failure>),
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

impl CallError {
    /// The end of a call with these limits.
    pub(crate) fn into_failed(self, limit: &Limit) -> Failed {
        let exceeded = match &self {
            Self::Halted(_) => Some(Exceeded::Breaker),
            Self::Queue(QueueFull::Queue) => Some(Exceeded::Calls(limit.calls)),
            Self::Queue(QueueFull::Value(value)) => Some(Exceeded::Share(*value)),
            Self::Timeout(_) => Some(Exceeded::Time),
            Self::TooLarge(bytes) => Some(Exceeded::Response(*bytes)),
            Self::Open(error) if error.is_about_the_worker() => Some(Exceeded::Worker),
            _ => None,
        };
        Failed { failure: self.into(), exceeded }
    }

    /// What stood in the way of the call, where it was not made.
    pub(crate) fn unmade(&self) -> Option<Unmade> {
        match self {
            Self::Halted(Halted { is_asked_for: true, .. }) => Some(Unmade::Pause),
            Self::Halted(_) => Some(Unmade::Breaker),
            Self::Queue(QueueFull::Queue) => Some(Unmade::Queue),
            Self::Queue(QueueFull::Value(_)) => Some(Unmade::Value),
            _ => None,
        }
    }

    fn lost(why: String, heard: bool) -> Self {
        if heard { Self::Lost(why) } else { Self::Silent(why) }
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        Self::Unwritten(failure.into())
    }
}

impl From<TalkError<AnswerError>> for CallError {
    fn from(error: TalkError<AnswerError>) -> Self {
        match error {
            TalkError::Connect(error) => Self::Open(error.into()),
            TalkError::Lost { why, heard } => Self::lost(why, heard),
            TalkError::Ended { error: error @ AnswerError::CutOff, heard } => {
                Self::lost(error.to_string(), heard)
            }
            TalkError::Ended { error, .. } | TalkError::Read(error) => match error {
                AnswerError::CutOff => Self::Lost(error.to_string()),
                AnswerError::TooLarge(limit) => Self::TooLarge(limit),
                other => Self::Malformed(other.to_string()),
            },
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let kind = match &error {
            CallError::Unwritten(failure) => return (**failure).clone(),
            CallError::Open(OpenError::Credentials(failure)) => return (**failure).clone(),
            CallError::Open(OpenError::Connect(ConnectError::Exhausted { .. }))
            | CallError::Queue(_)
            | CallError::Halted(_) => FailureKind::Busy,
            CallError::Open(_) | CallError::Lost(_) | CallError::Silent(_) => {
                FailureKind::Unreachable
            }
            CallError::Malformed(_) | CallError::TooLarge(_) => FailureKind::BadAnswer,
            CallError::Timeout(_) => FailureKind::Timeout,
        };
        let retry_after = match &error {
            CallError::Halted(halted) => Some(halted.after.div_ceil(1000).to_string()),
            _ => None,
        };
        Self { retry_after, ..Self::new(kind, error.to_string()) }
    }
}
