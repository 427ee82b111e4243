//! One message and its answer on a connection.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sts_core::secret::{Secret, wipe};
use sts_net::message::ReadMessage;

use crate::nginx::peer::{ConnectError, Peer, TransferError};

/// Bytes that are read at once: an answer as a rule.
const ROOM: usize = 16 * 1024;

thread_local! {
    /// Where what arrives lies until it is read, which is at once. It is wiped then.
    static ARRIVED: RefCell<Box<[u8]>> = RefCell::new(vec![0; ROOM].into_boxed_slice());
}

/// Why a message got no answer on a connection.
pub(crate) enum SendError<E> {
    /// The connection took nothing of it at the first attempt; over TLS, no whole record.
    Unsent(TalkError<E>),
    Talk(TalkError<E>),
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TalkError<E> {
    #[error(transparent)]
    Connect(ConnectError),
    /// The connection ended.
    #[error("the connection was lost: {why}")]
    Lost {
        why: String,
        /// Something had come.
        heard: bool,
    },
    /// The other side has closed the connection, and the answer is not whole.
    #[error("{error}")]
    Ended {
        error: E,
        /// Something had come.
        heard: bool,
    },
    /// What came is no answer.
    #[error("{0}")]
    Read(E),
}

/// An answer, which may have come before the message was written.
pub(crate) struct Received<M> {
    pub(crate) answer: M,
    pub(crate) was_written: bool,
}

/// What is sent.
pub(crate) enum Sending<'a> {
    /// It may go out again on another connection, also after all of it was sent.
    Kept(&'a [u8]),
    /// It is of no use when all of it was sent, and is wiped and freed then: nothing that waits for an answer
    /// is as large.
    Once(&'a mut Secret),
}

/// Sends a message and reads the answer to it, also while some of the message waits to be sent: a server
/// that refuses it may not want to see the rest.
pub(crate) struct Conversation<'a, R> {
    peer: &'a Peer,
    message: Sending<'a>,
    sent: usize,
    /// All of the message was sent.
    was_written: bool,
    /// Something may have been written although `sent` does not say so.
    waited: bool,
    /// The other side takes no more of the message.
    cut: Option<TransferError>,
    /// Something has come.
    heard: bool,
    /// Until the answer is there.
    reader: Option<R>,
}

impl Sending<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Kept(bytes) => bytes,
            Self::Once(secret) => secret.expose(),
        }
    }

    /// All of it was sent.
    fn let_go(&mut self) {
        if let Self::Once(secret) = self {
            **secret = Secret::default();
        }
    }
}

/// How the reading of an answer has ended.
type Heard<R> = Result<Received<<R as ReadMessage>::Message>, TalkError<<R as ReadMessage>::Error>>;

impl<'a, R: ReadMessage> Conversation<'a, R> {
    pub(super) fn new(peer: &'a Peer, message: Sending<'a>, reader: R) -> Self {
        Self {
            peer,
            sent: 0,
            was_written: message.bytes().is_empty(),
            message,
            waited: false,
            cut: None,
            heard: false,
            reader: Some(reader),
        }
    }

    /// Sends what the connection takes now.
    fn send(&mut self, context: &mut Context<'_>) -> Result<(), SendError<R::Error>> {
        while !self.was_written {
            if self.cut.is_some() {
                return Ok(());
            }
            let rest = self.message.bytes().get(self.sent..).unwrap_or_default();
            match self.peer.poll_write(context, rest) {
                Poll::Ready(Ok(length)) => {
                    self.was_written = length >= rest.len();
                    self.sent += length;
                    if self.was_written {
                        self.message.let_go();
                    }
                }
                Poll::Ready(Err(error @ TransferError::Lost(_)))
                    if self.sent == 0 && !self.waited =>
                {
                    return Err(SendError::Unsent(self.lost(error)));
                }
                Poll::Ready(Err(error @ TransferError::Closing)) => {
                    return Err(SendError::Talk(self.lost(error)));
                }
                // An answer may have come before, and say why.
                Poll::Ready(Err(error)) => self.cut = Some(error),
                Poll::Pending => {
                    self.waited = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn receive(&mut self, context: &mut Context<'_>, room: &mut [u8]) -> Poll<Heard<R>> {
        loop {
            let length = match ready!(self.peer.poll_read(context, room)) {
                Ok(length) => length,
                Err(error) => {
                    let error = self.cut.take().unwrap_or(error);
                    return Poll::Ready(Err(self.lost(error)));
                }
            };
            let arrived = room.get_mut(..length).unwrap_or_default();
            let answer = self.read(arrived);
            wipe(arrived);
            self.heard = true;
            if let Some(answer) = answer.transpose() {
                return Poll::Ready(answer);
            }
        }
    }

    fn lost(&self, error: TransferError) -> TalkError<R::Error> {
        match error {
            TransferError::Closing => TalkError::Connect(ConnectError::Closing),
            TransferError::Lost(why) => TalkError::Lost { why, heard: self.heard },
        }
    }

    /// The answer, if it is whole with this.
    fn read(
        &mut self,
        arrived: &[u8],
    ) -> Result<Option<Received<R::Message>>, TalkError<R::Error>> {
        let was_written = self.was_written;
        let heard = self.heard;
        let answer = if arrived.is_empty() {
            let reader = self.reader.take();
            reader.map(R::end).transpose().map_err(|error| TalkError::Ended { error, heard })?
        } else {
            let reader = self.reader.as_mut();
            reader
                .map(|reader| reader.take(arrived))
                .transpose()
                .map_err(TalkError::Read)?
                .flatten()
        };
        Ok(answer.map(|answer| Received { answer, was_written }))
    }
}

impl<R: ReadMessage + Unpin> Future for Conversation<'_, R> {
    type Output = Result<Received<R::Message>, SendError<R::Error>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Err(error) = self.send(context) {
            return Poll::Ready(Err(error));
        }
        ARRIVED.with_borrow_mut(|room| self.receive(context, room)).map_err(SendError::Talk)
    }
}
