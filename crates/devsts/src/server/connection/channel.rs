//! A stream with its input buffer, and the steps of scripts on it.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::script::Step;
use crate::server::stream::{Stream, Tapped};

/// How long a close waits for the client's own, so that unread bytes do not turn it into a reset.
const LINGER: Duration = Duration::from_secs(1);
/// How much is read at once, in bytes.
const READ: usize = 16384;

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The client closed it while it was owed an answer.
    ByClient,
    ByUs,
    /// The client closed it between two requests.
    WhileIdle,
}

pub(super) struct Channel {
    stream: Stream,
    input: Vec<u8>,
}

/// How a script wants its output written.
struct Output {
    left: usize,
    drip: Option<(usize, Duration)>,
}

impl Channel {
    pub(super) fn new(stream: Stream, input: Vec<u8>) -> Self {
        Self { stream, input }
    }

    /// The socket for TLS to begin on; `None` when TLS has begun.
    pub(super) fn into_tapped(self) -> Option<Tapped> {
        match self.stream {
            Stream::Plain(wire) => Some(Tapped::new(wire, self.input)),
            Stream::Tls(_) => None,
        }
    }

    pub(super) fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    pub(super) fn input(&self) -> &[u8] {
        &self.input
    }

    /// Takes so many bytes off the front of the input.
    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.input.split_off(count.min(self.input.len()));
        std::mem::replace(&mut self.input, rest)
    }

    /// Reads what there is; 0 at the end of the stream.
    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        self.input.reserve(READ);
        self.stream.read_buf(&mut self.input).await
    }

    /// Reads what there is, and takes the end of the stream for an error.
    pub(super) async fn fill_more(&mut self) -> io::Result<()> {
        if self.fill().await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Takes the steps; says whether an answer among them ends the connection.
    pub(super) async fn run(&mut self, steps: Vec<Step>, head: bool) -> Result<bool, Ended> {
        let mut output = Output { left: usize::MAX, drip: None };
        let mut ends = false;
        for step in steps {
            match step {
                Step::Answer(answer) => {
                    self.send(&answer.to_bytes(head), &mut output).await?;
                    ends |= answer.ends_connection();
                }
                Step::Close => return Err(self.close().await),
                Step::Drip(bytes, pause) => output.drip = Some((bytes, pause)),
                Step::Hang => self.unless_gone(std::future::pending()).await?,
                Step::Hold(gate) => self.unless_gone(gate.opened()).await?,
                Step::Limit(bytes) => output.left = bytes,
                Step::Read(bytes) => self.discard(bytes).await?,
                Step::Reset => return Err(self.reset()),
                Step::Send(bytes) => self.send(&bytes, &mut output).await?,
                Step::Truncate => return Err(self.truncate().await),
                Step::Usual(_) => {}
                Step::Wait(time) => self.unless_gone(tokio::time::sleep(time)).await?,
            }
        }
        Ok(ends)
    }

    /// Closes in good order: says so under TLS, then FIN, then waits for the client's FIN.
    pub(super) async fn close(&mut self) -> Ended {
        // The client may be gone already, which is as good.
        let _ = self.stream.shutdown().await;
        self.linger().await
    }

    pub(super) fn reset(&mut self) -> Ended {
        // It cannot fail on an open socket.
        let _ = self.stream.wire().reset_on_drop();
        Ended::ByUs
    }

    async fn truncate(&mut self) -> Ended {
        let _ = self.stream.shutdown_wire().await;
        self.linger().await
    }

    async fn linger(&mut self) -> Ended {
        let rest = async {
            while matches!(self.fill().await, Ok(count) if count > 0) {
                self.input.clear();
            }
        };
        let _ = tokio::time::timeout(LINGER, rest).await;
        Ended::ByUs
    }

    async fn send(&mut self, bytes: &[u8], output: &mut Output) -> Result<(), Ended> {
        let bytes = bytes.get(..output.left).unwrap_or(bytes);
        output.left -= bytes.len();
        let Some((size, pause)) = output.drip else {
            return self.write(bytes).await.map_err(|_| Ended::ByClient);
        };
        for piece in bytes.chunks(size) {
            self.write(piece).await.map_err(|_| Ended::ByClient)?;
            self.unless_gone(tokio::time::sleep(pause)).await?;
        }
        Ok(())
    }

    async fn discard(&mut self, bytes: usize) -> Result<(), Ended> {
        while self.input.len() < bytes {
            self.fill_more().await.map_err(|_| Ended::ByClient)?;
        }
        self.take(bytes);
        Ok(())
    }

    /// Waits for the future, or for the client to close. What the client sends meanwhile is kept.
    async fn unless_gone(&mut self, done: impl Future<Output = ()>) -> Result<(), Ended> {
        let mut done = std::pin::pin!(done);
        loop {
            tokio::select! {
                biased;
                () = &mut done => return Ok(()),
                more = self.fill_more() => more.map_err(|_| Ended::ByClient)?,
            }
        }
    }
}
