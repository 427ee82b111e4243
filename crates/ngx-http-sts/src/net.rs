//! The HTTP client: one request to an STS, one whole answer, within one deadline.

mod connection;
mod destination;
mod lookup;
mod opening;
mod pool;
mod proxy;
mod tunnel;

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;

use http::header::PROXY_AUTHORIZATION;
use sts_core::error::{Failure, FailureKind};
use sts_core::profile::Outgoing;
use sts_core::secret::Secret;
use sts_flight::failed::{Exceeded, Failed};
use sts_net::calls::{CallLimits, Full as QueueFull};
use sts_net::http1::answer::Answer;
use sts_net::http1::request;
use sts_net::idle::Limits as IdleLimits;

use crate::net::connection::{Connection, Received, SendError};
pub(crate) use crate::net::destination::{Destination, Destinations};
pub(crate) use crate::net::pool::shutdown;
pub(crate) use crate::net::proxy::Proxy;
use crate::nginx::peer::ConnectError;
use crate::nginx::timer::{self, Hold, Timer};

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
}

/// How often a call is tried again of which the STS can have seen nothing.
#[derive(Clone, Copy)]
pub(crate) struct Retries {
    pub(crate) times: u32,
    /// Milliseconds between two attempts.
    pub(crate) pause: u64,
}

impl Retries {
    /// What holds when nothing is configured.
    pub(crate) const DEFAULT: Self = Self { times: 1, pause: 300 };

    /// Whether there is time for another attempt.
    fn fit_before(self, end: u64) -> bool {
        timer::now() + self.pause < end
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the answer breaks the rules of HTTP: {0}")]
    Malformed(String),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The same, before anything came.
    #[error("the connection was lost: {0}")]
    Silent(String),
    #[error("no address known: {0}")]
    NoAddress(String),
    #[error("the outgoing proxy gives no tunnel to {target}: {why}")]
    Proxy { target: String, why: String },
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
    /// Whether another attempt may do better.
    fn may_pass(&self) -> bool {
        !matches!(self, Self::Connect(error) if error.is_about_the_worker())
    }

    /// The end of a call with these limits.
    pub(crate) fn into_failed(self, limit: &Limit) -> Failed {
        let exceeded = match &self {
            Self::Queue(_) => Some(Exceeded::Calls(limit.calls)),
            Self::Timeout(_) => Some(Exceeded::Time),
            Self::TooLarge(bytes) => Some(Exceeded::Response(*bytes)),
            Self::Connect(error) if error.is_about_the_worker() => Some(Exceeded::Worker),
            _ => None,
        };
        Failed { failure: self.into(), exceeded }
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        Self::Unwritten(failure.into())
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let kind = match &error {
            CallError::Unwritten(failure) => return (**failure).clone(),
            CallError::Connect(ConnectError::Exhausted { .. }) | CallError::Queue(_) => {
                FailureKind::Busy
            }
            CallError::Connect(_)
            | CallError::Lost(_)
            | CallError::Silent(_)
            | CallError::NoAddress(_)
            | CallError::Proxy { .. } => FailureKind::Unreachable,
            CallError::Malformed(_) | CallError::TooLarge(_) => FailureKind::BadAnswer,
            CallError::Timeout(_) => FailureKind::Timeout,
        };
        Self::new(kind, error.to_string())
    }
}

/// A request as it goes to a destination.
pub(crate) struct Message(Secret);

impl Message {
    /// # Errors
    /// The credentials of the proxy have not been read.
    pub(crate) fn new(destination: &Destination, outgoing: Outgoing) -> Result<Self, Failure> {
        let Outgoing { mut headers, body, .. } = outgoing;
        // In a tunnel it is the STS that reads the message.
        if destination.tunnel().is_none()
            && let Some(authorization) = destination.proxy_authorization()?
        {
            headers.insert(PROXY_AUTHORIZATION, authorization);
        }
        Ok(Self(request::post(destination.start(), &headers, body.expose())))
    }
}

/// Sends a message and collects the answer, within `time` milliseconds, which are what is left of the
/// time of the request. `write` writes it, a second time if the first was refused
/// for a reason that lies in the connection. `sent` is set as soon as the STS may have seen any of it;
/// `hold` tells whether a worker that shuts down has to wait for this.
pub(crate) async fn call(
    destination: &Rc<Destination>,
    write: &impl Fn() -> Result<Message, Failure>,
    limit: &Limit,
    time: u64,
    sent: &Cell<bool>,
    hold: Hold,
) -> Result<Answer, CallError> {
    let deadline = pin!(Timer::new(time, hold));
    let running = pin!(run(destination, write, limit, time, sent));
    let answer = timer::before(deadline, running).await;
    answer.unwrap_or(Err(CallError::Timeout(limit.timeout)))
}

/// What this is given is no argument of an `async fn`, which would have it twice.
fn run(
    destination: &Rc<Destination>,
    write: &impl Fn() -> Result<Message, Failure>,
    limit: &Limit,
    time: u64,
    sent: &Cell<bool>,
) -> impl Future<Output = Result<Answer, CallError>> {
    let end = timer::now() + time;
    async move {
        let mut message = write()?;
        let _turn = destination.calls().turn(limit.calls).await?;
        if let Some(look) = opening::look(destination, limit) {
            look.await;
        }
        let mut may_be_idle = true;
        loop {
            let idle = if may_be_idle { pool::take(destination) } else { None };
            may_be_idle = false;
            let was_idle = idle.is_some();
            let mut connection = match idle {
                Some(connection) => connection,
                // Boxed, because most calls find a connection: their task has to have no room for this.
                None => Box::pin(opening::open(destination, limit, end)).await?,
            };
            sent.set(true);
            match connection.send(message.0.expose(), limit.response).await {
                // Nothing of it can have been processed.
                Err(SendError::Unsent(_)) if was_idle => sent.set(false),
                Err(SendError::Unsent(error) | SendError::Call(error)) => {
                    return Err(if was_idle { error } else { in_question(error, destination) });
                }
                // What may be used once has been shown, and is not shown again.
                Ok(received) if was_idle && received.is_about_the_connection() => {
                    message = write()?
                }
                Ok(received) => return Ok(keep(destination, connection, received, limit)),
            }
        }
    }
}

/// Servers that want TLS drop a new connection on which plain HTTP comes, as a rule without a word.
fn in_question(error: CallError, destination: &Destination) -> CallError {
    match error {
        CallError::Silent(why) if destination.tls().is_none() => {
            CallError::Silent(format!("{why}; is this a port for TLS?"))
        }
        error => error,
    }
}

/// Leaves the connection to the next call, if it is good for one.
fn keep(
    destination: &Rc<Destination>,
    connection: Connection,
    received: Received,
    limit: &Limit,
) -> Answer {
    if connection.is_reusable_after(&received) {
        let said = received.answer.idle.map_or(u64::MAX, |time| time.get().into());
        let idle = limit.keepalive.idle.min(said);
        pool::park(destination, connection, IdleLimits { idle, ..limit.keepalive });
    }
    received.answer
}
