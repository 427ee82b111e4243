//! One message and its answer on a connection.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sts_core::secret::wipe;
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

/// Sends a message and reads the answer to it, also while some of the message waits to be sent: a server
/// that refuses it may not want to see the rest.
pub(crate) struct Conversation<'a, R> {
    peer: &'a Peer,
    message: &'a [u8],
    sent: usize,
    /// Something may have been written although `sent` does not say so.
    waited: bool,
    /// The other side takes no more of the message.
    cut: Option<TransferError>,
    /// Something has come.
    heard: bool,
    /// Until the answer is there.
    reader: Option<R>,
}

/// How the reading of an answer has ended.
type Heard<R> = Result<Received<<R as ReadMessage>::Message>, TalkError<<R as ReadMessage>::Error>>;

impl<'a, R: ReadMessage> Conversation<'a, R> {
    pub(super) fn new(peer: &'a Peer, message: &'a [u8], reader: R) -> Self {
        let reader = Some(reader);
        Self { peer, message, sent: 0, waited: false, cut: None, heard: false, reader }
    }

    /// Sends what the connection takes now.
    fn send(&mut self, context: &mut Context<'_>) -> Result<(), SendError<R::Error>> {
        while let Some(rest) = self.message.get(self.sent..).filter(|rest| !rest.is_empty()) {
            if self.cut.is_some() {
                return Ok(());
            }
            match self.peer.poll_write(context, rest) {
                Poll::Ready(Ok(length)) => self.sent += length,
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
        let was_written = self.sent == self.message.len();
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
