//! Questions and answers on connections to a store.

use std::rc::Rc;

use sts_core::secret::Secret;
use sts_net::calls::CallLimits;
use sts_net::idle::Limits;
use sts_store::language::{Answer, Commands, Greeting, Language, Replies, StoreError};
use sts_store::resp::Reply;

use crate::nginx::timer;
use crate::origin::{self, Connection, Origin, Received, Retries, SendError, Sending, TalkError};
use crate::store::Store;
use crate::store::place::Place;

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
        match &self.place {
            // Boxed: most stores are one server.
            Place::Spread(cluster) => return Box::pin(cluster.talk(self, commands)).await,
            Place::Files(files) => return files.ask(commands, self.zone.capacity.value).await,
            Place::Fixed(_) | Place::Watched(_) => {}
        }
        let (origin, doubt) = self.place.origin(self.pool, self.timeout).await?;
        let largest = self.zone.capacity.value;
        let (language, greeting) = (self.language, &self.greeting);
        let (pool, timeout) = (self.pool, self.timeout);
        let answer =
            converse(&origin, language, greeting, commands, largest, pool, timeout).await?;
        if !answer.has_error() {
            doubt.dispel();
        }
        Ok(answer)
    }
}

/// One question and its answer, on a connection that is open or on a new one.
pub(super) async fn converse(
    origin: &Rc<Origin>,
    language: Language,
    greeting: &Greeting,
    commands: Commands,
    largest: usize,
    pool: usize,
    timeout: u64,
) -> Result<Answer, String> {
    let count = commands.count();
    if count == 0 {
        return Err("there is nothing to ask".into());
    }
    let limits = CallLimits { running: pool, queued: QUEUE };
    let turn = origin.calls().turn(limits).await;
    let _turn = turn.map_err(|_| format!("all {pool} connections are in use"))?;
    if let Some(look) = origin::look(origin, timeout) {
        look.await;
    }
    let message = commands.into_secret();
    if let Some(mut connection) = origin::take(origin) {
        let replies = Replies::new(language, count, largest);
        match connection.send(Sending::Kept(message.expose()), replies).await {
            // What is asked can be asked again, of a store that had closed the connection.
            Err(
                SendError::Unsent(_)
                | SendError::Talk(
                    TalkError::Ended { heard: false, .. } | TalkError::Lost { heard: false, .. },
                ),
            ) => {}
            Err(SendError::Talk(error)) => return Err(error.to_string()),
            Ok(received) => return Ok(keep(origin, connection, received, pool)),
        }
    }
    let end = timer::now() + timeout;
    let opened = origin::open(origin, NO_RETRIES, timeout, end).await;
    let mut connection = opened.map_err(|error| error.to_string())?;
    let greeting = language.greet(greeting);
    let greeted = greeting.count();
    let greeting = greeting.into_secret();
    let mut whole = Secret::with_capacity(greeting.len() + message.len());
    whole.append(greeting.expose());
    whole.append(message.expose());
    let replies = Replies::new(language, greeted + count, largest);
    let received = connection.send(Sending::Kept(whole.expose()), replies).await;
    let mut received = received.map_err(|error| match error {
        SendError::Unsent(error) | SendError::Talk(error) => error.to_string(),
    })?;
    welcomed(&mut received.answer, greeted).map_err(|error| error.to_string())?;
    Ok(keep(origin, connection, received, pool))
}

/// Leaves the connection to the next question. After an error a new one is better: the server may have
/// become another one's replica.
fn keep(
    origin: &Rc<Origin>,
    connection: Connection,
    received: Received<Answer>,
    pool: usize,
) -> Answer {
    let is_good = received.was_written && !received.answer.has_error();
    if is_good && !connection.is_worn_out() {
        origin::park(origin, connection, Limits { connections: pool, idle: IDLE });
    }
    received.answer
}

/// Takes the replies to the greeting away.
fn welcomed(answer: &mut Answer, greeted: usize) -> Result<(), StoreError> {
    let Answer::Redis(replies) = answer else { return Ok(()) };
    for reply in replies.drain(..greeted.min(replies.len())) {
        match reply {
            Reply::Simple(_) => {}
            Reply::Error(text) => return Err(StoreError::refused(&text)),
            _ => return Err(StoreError::Unexpected),
        }
    }
    Ok(())
}
