//! The HTTP client: one request to an STS, one whole answer, within one deadline.

mod attempt;
mod destination;
mod error;
mod limit;

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;

use ::http::HeaderMap;
use ::http::header::PROXY_AUTHORIZATION;
use sts_core::endpoint::Endpoint;
use sts_core::error::Failure;
use sts_core::profile::{ANSWER_HEADERS, Outgoing};
use sts_core::secret::Secret;
use sts_net::breaker;
use sts_net::calls::Share;
use sts_net::http1::answer::{Answer, Asked, Limits, Reader};
use sts_net::http1::request;
use sts_net::idle::Limits as IdleLimits;

use crate::http::attempt::Attempt;
pub(crate) use crate::http::destination::{Destination, Destinations};
pub(crate) use crate::http::error::CallError;
pub(crate) use crate::http::limit::Limit;
use crate::nginx::timer::{self, Hold, Timer};
use crate::origin::{self, Connection, Origin, Received, SendError, Sending};

/// Bytes that the status line and the headers of an answer may have.
const MAX_HEAD: usize = 64 * 1024;

/// What follows how a call goes.
pub(crate) trait Watch {
    /// It waits for its turn.
    fn waits(&self);

    /// It has its turn.
    fn begins(&self);

    /// Whether the STS may have seen any of it.
    fn is_sent(&self, is_sent: bool);

    /// How the breaker of the STS stands, which is that of the origin, where the location has one.
    fn sees_breaker(&self, state: breaker::State, origin: &Rc<Origin>);
}

/// Only whether it was sent.
impl Watch for Cell<bool> {
    fn waits(&self) {}

    fn begins(&self) {}

    fn is_sent(&self, is_sent: bool) {
        self.set(is_sent);
    }

    fn sees_breaker(&self, _: breaker::State, _: &Rc<Origin>) {}
}

/// A request as it goes to a destination.
pub(crate) struct Message(Secret);

impl Message {
    /// # Errors
    /// The credentials of the proxy have not been read.
    pub(crate) fn new(destination: &Destination, outgoing: Outgoing) -> Result<Self, Failure> {
        let Outgoing { mut headers, body, .. } = outgoing;
        if let Some(authorization) = destination.proxy_authorization()? {
            headers.insert(PROXY_AUTHORIZATION, authorization);
        }
        Ok(Self(request::post(destination.start(), &headers, body.expose())))
    }

    /// A question without credentials for what stands at a URL of the destination's host.
    ///
    /// # Errors
    /// The credentials of the proxy have not been read.
    pub(crate) fn get(destination: &Destination, endpoint: &Endpoint) -> Result<Self, Failure> {
        let authorization = destination.proxy_authorization()?;
        let fields = authorization.map(|value| (PROXY_AUTHORIZATION, value));
        let fields = HeaderMap::from_iter(fields);
        Ok(Self(request::bodiless(&destination.get(endpoint), &fields)))
    }
}

/// What a call is made of. It is borrowed whole: a task has room for one pointer to it.
pub(crate) struct Call<'c, M, W> {
    /// Where it goes, within which limits. Boxed: a task has little room.
    attempt: Box<Attempt<'c>>,
    /// Writes the message, a second time if the first was refused for a reason that lies in the connection.
    write: M,
    /// It is told how it goes.
    watch: &'c W,
}

impl<'c, M, W> Call<'c, M, W> {
    /// `share` bounds the calls that have a value in common.
    pub(crate) fn new(
        to: &'c Rc<Destination>,
        write: M,
        limit: &'c Limit,
        share: Option<Share>,
        watch: &'c W,
    ) -> Self {
        Self { attempt: Box::new(Attempt::new(to, limit, share)), write, watch }
    }

    fn origin(&self) -> &'c Rc<Origin> {
        self.attempt.origin()
    }

    fn limit(&self) -> &'c Limit {
        self.attempt.limit
    }
}

impl<M, W: Watch> Call<'_, M, W> {
    fn tell_of_breaker(&self) {
        if let Some(state) = self.attempt.breaker() {
            self.watch.sees_breaker(state, self.origin());
        }
    }
}

/// Sends a message and collects the answer, within `time` milliseconds, which are what is left of the
/// time of the request. `hold` tells whether a worker that shuts down has to wait for this.
///
/// What this is given is no argument of an `async fn`, which would have it twice.
#[expect(clippy::manual_async_fn, reason = "its task is smaller")]
pub(crate) fn call<M: Fn() -> Result<Message, Failure>, W: Watch>(
    call: &Call<'_, M, W>,
    time: u64,
    hold: Hold,
) -> impl Future<Output = Result<Answer, CallError>> {
    async move {
        let deadline = pin!(Timer::new(time, hold));
        let running = pin!(run(call, time));
        let answer = timer::before(deadline, running).await;
        let answer = answer.unwrap_or(Err(CallError::Timeout(call.limit().timeout)));
        call.attempt.end(&answer, time);
        call.tell_of_breaker();
        answer
    }
}

/// As [`call`].
fn run<M: Fn() -> Result<Message, Failure>, W: Watch>(
    call: &Call<'_, M, W>,
    time: u64,
) -> impl Future<Output = Result<Answer, CallError>> {
    let end = timer::now() + time;
    async move {
        call.attempt.check()?;
        call.watch.waits();
        if !call.attempt.has_turn()? {
            // Boxed, as below: few calls wait.
            Box::pin(call.attempt.wait_for_turn()).await?;
        }
        // The STS may have gone while the call waited.
        call.attempt.begin()?;
        call.watch.begins();
        call.tell_of_breaker();
        if let Some(look) = origin::look(call.origin(), call.limit().timeout) {
            look.await;
        }
        // After the queue: what waits there holds no message, and what is written is fresh.
        let mut message = (call.write)()?;
        let mut may_be_idle = true;
        loop {
            // No name for the idle one: the task would have room for it until the end.
            let (mut connection, was_idle) =
                match if may_be_idle { origin::take(call.origin()) } else { None } {
                    Some(connection) => (connection, true),
                    // Boxed, because most calls find a connection: their task has to have no room for
                    // this.
                    None => {
                        let Limit { retries, timeout, .. } = *call.limit();
                        (Box::pin(origin::open(call.origin(), retries, timeout, end)).await?, false)
                    }
                };
            may_be_idle = false;
            call.watch.is_sent(true);
            let limits = Limits { head: MAX_HEAD, body: call.limit().response };
            let reader = Reader::new(Asked::Answer, &ANSWER_HEADERS, limits);
            match connection.send(Sending::Once(&mut message.0), reader).await {
                // Nothing of it can have been processed, and all of it is still there.
                Err(SendError::Unsent(_)) if was_idle => call.watch.is_sent(false),
                Err(SendError::Unsent(error) | SendError::Talk(error)) => {
                    let error = CallError::from(error);
                    let is_in_question = !was_idle && !call.origin().is_secure();
                    return Err(if is_in_question { in_question(error) } else { error });
                }
                // What may be used once has been shown, and is not shown again.
                Ok(received) if was_idle && is_about_the_connection(&received) => {
                    message = (call.write)()?
                }
                Ok(received) => {
                    return Ok(keep(call.origin(), connection, received, call.limit()));
                }
            }
        }
    }
}

/// Servers that want TLS drop a new connection on which plain HTTP comes, as a rule without a word.
fn in_question(error: CallError) -> CallError {
    match error {
        CallError::Silent(why) => CallError::Silent(format!("{why}; is this a port for TLS?")),
        error => error,
    }
}

/// Whether a new connection does better, this one having been used before.
fn is_about_the_connection(received: &Received<Answer>) -> bool {
    received.answer.is_about_the_connection(received.was_written)
}

/// Whether a connection may serve another request after this answer.
fn is_reusable(connection: &Connection, received: &Received<Answer>) -> bool {
    let Received { answer, was_written } = received;
    // An STS that has not read all of a request would take the next one for the rest of it.
    *was_written && answer.keeps_connection && !answer.has_more && !connection.is_worn_out()
}

/// Leaves the connection to the next call, if it is good for one.
fn keep(
    origin: &Rc<Origin>,
    connection: Connection,
    received: Received<Answer>,
    limit: &Limit,
) -> Answer {
    if is_reusable(&connection, &received) {
        let said = received.answer.idle.map_or(u64::MAX, |time| time.get().into());
        let idle = limit.keepalive.idle.min(said);
        origin::park(origin, connection, IdleLimits { idle, ..limit.keepalive });
    }
    received.answer
}
