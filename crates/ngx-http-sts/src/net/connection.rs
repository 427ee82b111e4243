//! An HTTP/1.1 connection: hyper over a peer of NGINX.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use sts_core::client_auth::KeyPair;
use sts_net::wear::Wear;

use crate::net::{Answer, CallError, Destination, tunnel};
use crate::nginx::address::SocketAddress;
use crate::nginx::peer::{ConnectError, Peer};
use crate::nginx::timer::{self, Hold, Timer};

/// Bytes that the status line and the headers of an answer may have.
const MAX_HEAD: usize = 64 * 1024;

/// Milliseconds that an address may hang while there is another one.
const MAX_PATIENCE: u64 = 2_000;

pub(super) type Driver<B> = Box<http1::Connection<Peer, B>>;

/// An open connection that nobody else uses.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// hyper's half that reads and writes; gone when it has ended. Boxed: it is large, and a connection
    /// moves into the pool and out of it.
    driver: Option<Driver<Full<Bytes>>>,
    pub(super) peer: Peer,
    /// What TLS has shown to the STS.
    pub(super) key_pair: Option<Rc<KeyPair>>,
    pub(super) wear: Wear,
}

/// Why a request got no answer on a connection.
pub(super) enum SendError {
    /// Not a byte of it was written.
    Unsent(Box<Request<Full<Bytes>>>),
    Call(CallError),
}

impl Connection {
    /// Connects to the first address that takes the connection, and secures it. `time` is what all
    /// of it may take, in milliseconds: an address that hangs leaves some to the next.
    pub(super) async fn open(destination: &Rc<Destination>, time: u64) -> Result<Self, CallError> {
        let addresses = destination.addresses(time / 2).await.map_err(CallError::NoAddress)?;
        let share = time / (addresses.len() as u64 + 1);
        let patience = share.min(MAX_PATIENCE);
        let mut last = CallError::NoAddress("the name has none".into());
        for (index, address) in addresses.iter().enumerate() {
            let opening = pin!(Self::at(address, destination));
            // The deadline of the call ends the last attempt.
            let opened = if index + 1 == addresses.len() {
                opening.await
            } else {
                let timer = Timer::new(patience, Hold::default());
                let hangs = || Err(ConnectError::hangs(address, patience).into());
                timer::before(timer, opening).await.unwrap_or_else(hangs)
            };
            match opened {
                Err(CallError::Connect(error)) if error.is_about_the_address() => {
                    last = error.into();
                }
                done => return done,
            }
        }
        Err(last)
    }

    async fn at(address: &SocketAddress, destination: &Rc<Destination>) -> Result<Self, CallError> {
        let peer = Peer::connect(address).await?;
        if let Some(target) = destination.tunnel() {
            tunnel::open(&peer, target).await?;
        }
        let key_pair = destination.key_pair().map_err(|failure| CallError::Lost(failure.reason))?;
        if let Some(tls) = destination.tls() {
            peer.secure(tls, destination.host(), key_pair.clone()).await?;
        }
        let (sender, driver) = http1::Builder::new()
            // How many headers it may have is left to hyper, which has room for a hundred on the stack
            // and would allocate it for any other number.
            .max_buf_size(MAX_HEAD)
            .handshake(peer.clone())
            .await
            .map_err(|error| CallError::Lost(error.to_string()))?;
        let driver = Some(Box::new(driver));
        Ok(Self { sender, driver, peer, key_pair, wear: Wear::new(timer::now()) })
    }

    /// Sends a request and collects the answer, with up to `max_body` bytes of body.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        max_body: usize,
    ) -> Result<Answer, SendError> {
        self.wear.count_request();
        let answer = pin!(self.sender.try_send_request(request));
        let answer = drive(&mut self.driver, answer).await.map_err(|mut error| {
            match error.take_message() {
                Some(request) => SendError::Unsent(Box::new(request)),
                None => SendError::Call(broken(&error.into_error())),
            }
        })?;
        let collected = pin!(collect(answer, max_body));
        drive(&mut self.driver, collected).await.map_err(SendError::Call)
    }

    /// Whether the answer is over, the STS keeps the connection, and it has not served its time.
    pub(super) async fn is_reusable(&mut self) -> bool {
        if self.wear.is_worn_out(timer::now()) {
            return false;
        }
        let (driver, sender) = (&mut self.driver, &mut self.sender);
        // Either it is ready now, or it waits for something that the STS still sends.
        let ready = poll_fn(|context| {
            advance(driver, context);
            Poll::Ready(sender.poll_ready(context))
        });
        let ready = ready.await;
        matches!(ready, Poll::Ready(Ok(()))) && self.driver.is_some()
    }
}

/// Runs `future`, and the connection that it needs with it: one task for both. As for
/// [`timer::before`], the future stays where it is.
pub(super) async fn drive<B, F: Future>(
    driver: &mut Option<Driver<B>>,
    mut future: Pin<&mut F>,
) -> F::Output
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        // What the future has handed over goes out at once, and what comes in is for it.
        if !advance(driver, context) {
            return Poll::Pending;
        }
        future.as_mut().poll(context)
    })
    .await
}

/// Lets hyper read and write. Returns whether there was anything to do it.
fn advance<B>(driver: &mut Option<Driver<B>>, context: &mut Context<'_>) -> bool
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Some(connection) = driver else { return false };
    if Pin::new(connection).poll(context).is_ready() {
        *driver = None;
    }
    true
}

async fn collect(answer: Response<Incoming>, max_body: usize) -> Result<Answer, CallError> {
    let (head, mut body) = answer.into_parts();
    let mut whole = Bytes::new();
    while let Some(frame) = body.frame().await {
        // What is no data are trailers.
        let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() else { continue };
        if data.len() > max_body - whole.len() {
            return Err(CallError::TooLarge(max_body));
        }
        whole = if whole.is_empty() { data } else { joined(whole, &data) };
    }
    Ok(Answer { status: head.status, headers: head.headers, body: whole })
}

/// Most answers come in one piece, and need no copy.
fn joined(whole: Bytes, data: &[u8]) -> Bytes {
    let mut whole = BytesMut::from(whole);
    whole.extend_from_slice(data);
    whole.freeze()
}

/// What hyper says of an answer holds none of its text.
fn broken(error: &hyper::Error) -> CallError {
    if is_closing(error) {
        return ConnectError::Closing.into();
    }
    let cause = error.source();
    let text = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    // A chunk that is none comes as an error of input.
    let no_chunk =
        matches!(kind(error), Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData));
    if error.is_parse() || no_chunk { CallError::Malformed(text) } else { CallError::Lost(text) }
}

/// Whether this worker ended the connection: only a [`Peer`] that NGINX closes says so.
pub(super) fn is_closing(error: &hyper::Error) -> bool {
    kind(error) == Some(io::ErrorKind::ConnectionAborted)
}

fn kind(error: &hyper::Error) -> Option<io::ErrorKind> {
    error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind)
}
