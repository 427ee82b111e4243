//! A connection to an STS, and one request with its answer on it.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use sts_core::client_auth::KeyPair;
use sts_core::profile::ANSWER_HEADERS;
use sts_core::secret::wipe;
use sts_net::http1::answer::{Answer, AnswerError, Asked, Limits, Reader};
use sts_net::wear::Wear;

use crate::net::{CallError, Destination, tunnel};
use crate::nginx::address::SocketAddress;
use crate::nginx::peer::{ConnectError, Peer, TransferError};
use crate::nginx::timer;

/// Bytes that the status line and the headers of an answer may have.
const MAX_HEAD: usize = 64 * 1024;

/// Bytes that are read at once: an answer as a rule.
const ROOM: usize = 16 * 1024;

thread_local! {
    /// Where what arrives lies until it is read, which is at once. It is wiped then.
    static ARRIVED: RefCell<Box<[u8]>> = RefCell::new(vec![0; ROOM].into_boxed_slice());
}

/// An open connection that nobody else uses.
pub(super) struct Connection {
    pub(super) peer: Peer,
    /// What TLS has shown to the STS.
    pub(super) key_pair: Option<Rc<KeyPair>>,
    pub(super) wear: Wear,
}

/// Why a request got no answer on a connection.
pub(super) enum SendError {
    /// The connection took nothing of it at the first attempt; over TLS, no whole record.
    Unsent(CallError),
    Call(CallError),
}

impl Connection {
    /// Connects to an address, and secures the connection.
    pub(super) async fn open(
        address: &SocketAddress,
        destination: &Rc<Destination>,
    ) -> Result<Self, CallError> {
        let peer = Peer::connect(address).await?;
        if let Some(target) = destination.tunnel() {
            tunnel::open(&peer, target, destination.proxy_authorization()?).await?;
        }
        let key_pair = destination.key_pair().map_err(|failure| CallError::Lost(failure.reason))?;
        if let Some(tls) = destination.tls() {
            peer.secure(tls, destination.host(), key_pair.clone()).await?;
        }
        Ok(Self { peer, key_pair, wear: Wear::new(timer::now()) })
    }

    /// Sends a message and collects the answer, with up to `max_body` bytes of body.
    pub(super) fn send<'a>(&'a mut self, message: &'a [u8], max_body: usize) -> Conversation<'a> {
        self.wear.count_request();
        let limits = Limits { head: MAX_HEAD, body: max_body };
        Conversation::new(&self.peer, message, Reader::new(Asked::Answer, &ANSWER_HEADERS, limits))
    }

    /// Whether it may serve another request after this answer.
    pub(super) fn is_reusable_after(&self, received: &Received) -> bool {
        let Received { answer, was_written } = received;
        // An STS that has not read all of a request would take the next one for the rest of it.
        *was_written
            && answer.keeps_connection
            && !answer.has_more
            && !self.wear.is_worn_out(timer::now())
    }
}

/// An answer, which may have come before the message was written.
pub(super) struct Received {
    pub(super) answer: Answer,
    pub(super) was_written: bool,
}

impl Received {
    /// Whether a new connection does better, this one having been used before.
    pub(super) fn is_about_the_connection(&self) -> bool {
        self.answer.is_about_the_connection(self.was_written)
    }
}

/// Sends a message and reads the answer to it, also while some of the message waits to be sent: who
/// refuses it may not want to see the rest.
pub(super) struct Conversation<'a> {
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
    reader: Option<Reader>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(peer: &'a Peer, message: &'a [u8], reader: Reader) -> Self {
        let reader = Some(reader);
        Self { peer, message, sent: 0, waited: false, cut: None, heard: false, reader }
    }

    /// Sends what the connection takes now.
    fn send(&mut self, context: &mut Context<'_>) -> Result<(), SendError> {
        while let Some(rest) = self.message.get(self.sent..).filter(|rest| !rest.is_empty()) {
            if self.cut.is_some() {
                return Ok(());
            }
            match self.peer.poll_write(context, rest) {
                Poll::Ready(Ok(length)) => self.sent += length,
                Poll::Ready(Err(TransferError::Lost(why))) if self.sent == 0 && !self.waited => {
                    return Err(SendError::Unsent(CallError::Lost(why)));
                }
                Poll::Ready(Err(error @ TransferError::Closing)) => {
                    return Err(SendError::Call(error.into()));
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

    fn receive(
        &mut self,
        context: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<Result<Received, CallError>> {
        loop {
            let length = match ready!(self.peer.poll_read(context, room)) {
                Ok(length) => length,
                Err(error) => {
                    let error = self.cut.take().unwrap_or(error);
                    return Poll::Ready(Err(self.unheard(error.into())));
                }
            };
            let arrived = room.get_mut(..length).unwrap_or_default();
            let answer = self.read(arrived);
            wipe(arrived);
            let answer = answer.map_err(|error| self.unheard(error));
            self.heard = true;
            if let Some(answer) = answer.transpose() {
                return Poll::Ready(answer);
            }
        }
    }

    /// What became of a connection that nothing has come from.
    fn unheard(&self, error: CallError) -> CallError {
        match error {
            CallError::Lost(why) if !self.heard => CallError::Silent(why),
            error => error,
        }
    }

    /// The answer, if it is whole with this.
    fn read(&mut self, arrived: &[u8]) -> Result<Option<Received>, CallError> {
        let Some(reader) = &mut self.reader else { return Err(AnswerError::CutOff.into()) };
        let answer = if arrived.is_empty() {
            self.reader.take().map(Reader::end).transpose()?
        } else {
            reader.take(arrived)?
        };
        let was_written = self.sent == self.message.len();
        Ok(answer.map(|answer| Received { answer, was_written }))
    }
}

impl Future for Conversation<'_> {
    type Output = Result<Received, SendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Err(error) = self.send(context) {
            return Poll::Ready(Err(error));
        }
        ARRIVED.with_borrow_mut(|room| self.receive(context, room)).map_err(SendError::Call)
    }
}

impl From<TransferError> for CallError {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Closing => ConnectError::Closing.into(),
            TransferError::Lost(why) => Self::Lost(why),
        }
    }
}

impl From<AnswerError> for CallError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::CutOff => Self::Lost(error.to_string()),
            AnswerError::TooLarge(limit) => Self::TooLarge(limit),
            other => Self::Malformed(other.to_string()),
        }
    }
}
