//! Questions and answers on connections to a store.

use sts_net::calls::CallLimits;
use sts_net::idle::Limits;
use sts_store::language::{Answer, Commands, Replies, StoreError};
use sts_store::resp::Reply;

use crate::nginx::timer;
use crate::origin::{self, Connection, Received, Retries, SendError, TalkError};
use crate::store::Store;

/// Questions that wait for a connection.
const QUEUE: usize = 1024;

/// Milliseconds that a connection may stay unused.
const IDLE: u64 = 60_000;

/// What is new on a connection comes on another one as well: nothing is tried twice within the time of
/// one question.
const NO_RETRIES: Retries = Retries { times: 0, pause: 0 };

impl Store {
    /// Says something, and collects the answer. What calls this bounds the time; when it is dropped, so
    /// is the connection.
    pub(super) async fn talk(&self, commands: Commands) -> Result<Answer, String> {
        let count = commands.count();
        if count == 0 {
            return Err("there is nothing to ask".into());
        }
        let limits = CallLimits { running: self.pool, queued: QUEUE };
        let turn = self.origin.calls().turn(limits).await;
        let _turn = turn.map_err(|_| format!("all {} connections are in use", self.pool))?;
        if let Some(look) = origin::look(&self.origin, self.timeout) {
            look.await;
        }
        let message = commands.into_secret();
        if let Some(mut connection) = origin::take(&self.origin) {
            let sent = connection.send(message.expose(), self.replies(count)).await;
            match sent {
                // What is asked can be asked again, of a store that had closed the connection.
                Err(SendError::Unsent(_)) => {}
                Err(SendError::Talk(
                    TalkError::Ended { heard: false, .. } | TalkError::Lost { heard: false, .. },
                )) => {}
                Err(SendError::Talk(error)) => return Err(error.to_string()),
                Ok(received) => return self.keep(connection, received),
            }
        }
        let end = timer::now() + self.timeout;
        let opened = origin::open(&self.origin, NO_RETRIES, self.timeout, end).await;
        let mut connection = opened.map_err(|error| error.to_string())?;
        let greeting = self.language.greet(&self.greeting);
        let greeted = greeting.count();
        let greeting = greeting.into_secret();
        let mut whole = sts_core::secret::Secret::with_capacity(greeting.len() + message.len());
        whole.append(greeting.expose());
        whole.append(message.expose());
        let received = connection.send(whole.expose(), self.replies(greeted + count)).await;
        let mut received = received.map_err(|error| match error {
            SendError::Unsent(error) | SendError::Talk(error) => error.to_string(),
        })?;
        let welcome = welcomed(&mut received.answer, greeted);
        welcome.map_err(|error| error.to_string())?;
        self.keep(connection, received)
    }

    fn replies(&self, count: usize) -> Replies {
        Replies::new(self.language, count, self.zone.capacity.value)
    }

    /// Leaves the connection to the next question.
    fn keep(&self, connection: Connection, received: Received<Answer>) -> Result<Answer, String> {
        if received.was_written && !connection.is_worn_out() {
            let limits = Limits { connections: self.pool, idle: IDLE };
            origin::park(&self.origin, connection, limits);
        }
        Ok(received.answer)
    }
}

/// Takes the replies to the greeting away.
fn welcomed(answer: &mut Answer, greeted: usize) -> Result<(), StoreError> {
    let Answer::Redis(replies) = answer else { return Ok(()) };
    for reply in replies.drain(..greeted.min(replies.len())) {
        match reply {
            Reply::Simple(_) => {}
            Reply::Error(text) => return Err(StoreError::Refused(text)),
            _ => return Err(StoreError::Unexpected),
        }
    }
    Ok(())
}
