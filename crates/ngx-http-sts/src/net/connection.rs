//! An HTTP/1.1 connection: hyper over a peer of NGINX.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};

use crate::net::{Answer, CallError, Destination};
use crate::nginx::peer::{ConnectError, Peer};

/// Bytes that the status line and the headers of an answer may have.
const MAX_HEAD: usize = 64 * 1024;

/// How many headers an answer may have.
const MAX_HEADERS: usize = 128;

/// An open connection that nobody else uses.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// hyper's half that reads and writes; gone when it has ended.
    driver: Option<http1::Connection<Peer, Full<Bytes>>>,
    pub(super) peer: Peer,
    /// What TLS refers to has to outlive the connection.
    _destination: Rc<Destination>,
}

/// Why a request got no answer on a connection.
pub(super) enum SendError {
    /// Not a byte of it was written.
    Unsent(Box<Request<Full<Bytes>>>),
    Call(CallError),
}

impl Connection {
    /// Connects to the first address that answers, and secures the connection.
    pub(super) async fn open(destination: &Rc<Destination>) -> Result<Self, CallError> {
        let mut last = None;
        let addresses = destination.addresses().await.map_err(CallError::NoAddress)?;
        for address in &addresses {
            match Peer::connect(address).await {
                Ok(peer) => return Self::on(peer, destination).await,
                Err(ConnectError::Exhausted) => return Err(ConnectError::Exhausted.into()),
                Err(error) => last = Some(error),
            }
        }
        let none = || CallError::NoAddress("the name has none".into());
        Err(last.map_or_else(none, CallError::Connect))
    }

    async fn on(peer: Peer, destination: &Rc<Destination>) -> Result<Self, CallError> {
        if let Some(tls) = destination.tls() {
            peer.secure(tls, destination.host()).await?;
        }
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .handshake(peer.clone())
            .await
            .map_err(|error| CallError::Lost(error.to_string()))?;
        Ok(Self { sender, driver: Some(driver), peer, _destination: destination.clone() })
    }

    /// Sends a request and collects the answer, with up to `max_body` bytes of body.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        max_body: usize,
    ) -> Result<Answer, SendError> {
        let answer = self.sender.try_send_request(request);
        let answer = drive(&mut self.driver, answer).await.map_err(|mut error| {
            match error.take_message() {
                Some(request) => SendError::Unsent(Box::new(request)),
                None => SendError::Call(broken(&error.into_error())),
            }
        })?;
        drive(&mut self.driver, collect(answer, max_body)).await.map_err(SendError::Call)
    }

    /// Whether the answer is over and the STS keeps the connection.
    pub(super) async fn is_reusable(&mut self) -> bool {
        let sender = &mut self.sender;
        // Either it is ready now, or it waits for something that the STS still sends.
        let ready = poll_fn(|context| Poll::Ready(sender.poll_ready(context)));
        let ready = drive(&mut self.driver, ready).await;
        matches!(ready, Poll::Ready(Ok(()))) && self.driver.is_some()
    }
}

/// Runs `future`, and the connection that it needs with it: one task for both.
async fn drive<F: Future>(
    driver: &mut Option<http1::Connection<Peer, Full<Bytes>>>,
    future: F,
) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        if let Some(connection) = driver
            && Pin::new(connection).poll(context).is_ready()
        {
            *driver = None;
        }
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        // What the future has just handed over goes out at once.
        let Some(connection) = driver else { return Poll::Pending };
        if Pin::new(connection).poll(context).is_ready() {
            *driver = None;
        }
        future.as_mut().poll(context)
    })
    .await
}

async fn collect(answer: Response<Incoming>, max_body: usize) -> Result<Answer, CallError> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, max_body).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return CallError::TooLarge(max_body);
        }
        match error.downcast_ref::<hyper::Error>() {
            Some(error) => broken(error),
            None => CallError::Lost(error.to_string()),
        }
    })?;
    Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
}

/// What hyper says of an answer holds none of its text.
fn broken(error: &hyper::Error) -> CallError {
    if error.is_parse() {
        return CallError::Malformed(error.to_string());
    }
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    CallError::Lost(format!("{error}{}", cause.unwrap_or_default()))
}
