//! What a connection needs to know of a protocol: where a message ends.

use crate::http1::answer::{Answer, AnswerError, Reader};

/// Reads what arrives on a connection, up to the end of one message.
pub trait ReadMessage {
    /// A whole message.
    type Message;
    /// Why there will be none.
    type Error;

    /// Takes what has arrived. Returns the message, once it is whole.
    ///
    /// # Errors
    /// What arrived breaks the rules of the protocol, or a limit.
    fn take(&mut self, arrived: &[u8]) -> Result<Option<Self::Message>, Self::Error>;

    /// Nothing more will arrive.
    ///
    /// # Errors
    /// The message is not whole.
    fn end(self) -> Result<Self::Message, Self::Error>;
}

impl ReadMessage for Reader {
    type Message = Answer;
    type Error = AnswerError;

    fn take(&mut self, arrived: &[u8]) -> Result<Option<Answer>, AnswerError> {
        Self::take(self, arrived)
    }

    fn end(self) -> Result<Answer, AnswerError> {
        Self::end(self)
    }
}
