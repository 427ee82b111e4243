//! An HTTP/2 client, by prior knowledge over plain TCP (RFC 9113, section 3.3).

use std::future::Future;
use std::net::SocketAddr;
use std::sync::LazyLock;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::response::Response;
use crate::wait::DEADLINE;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a runtime can start")
});

/// A connection on which several requests run at once.
pub struct Connection {
    sender: SendRequest<Bytes>,
}

/// A request that was sent, before its response was read.
pub struct Stream {
    response: ResponseFuture,
    body: SendStream<Bytes>,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// When it cannot, or when what answers speaks no HTTP/2.
    #[track_caller]
    pub fn open(address: SocketAddr) -> Self {
        let sender = run(async move {
            let tcp = TcpStream::connect(address).await.expect("NGINX accepts");
            let (sender, connection) = h2::client::handshake(tcp).await.expect("it speaks HTTP/2");
            tokio::spawn(async move {
                // The streams tell how it ended.
                let _ = connection.await;
            });
            sender
        });
        Self { sender }
    }

    /// Sends a GET request.
    ///
    /// # Panics
    /// When it cannot be sent.
    #[track_caller]
    pub fn get(&mut self, target: &str, headers: &[(&str, &str)]) -> Stream {
        self.start("GET", target, headers, true)
    }

    /// Sends the head of a request with a body, for which [`Stream::send_body`] is.
    ///
    /// # Panics
    /// When it cannot be sent.
    #[track_caller]
    pub fn post(&mut self, target: &str, headers: &[(&str, &str)]) -> Stream {
        self.start("POST", target, headers, false)
    }

    /// Sends the head of a request of any method. `end`: it has no body.
    ///
    /// # Panics
    /// When it cannot be sent.
    #[track_caller]
    pub fn start(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        end: bool,
    ) -> Stream {
        let uri = format!("http://localhost{target}");
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("the test's header fields are valid");
        let sender = self.sender.clone();
        let (response, body) = run(async move {
            let mut sender = sender.ready().await.expect("the connection is open");
            sender.send_request(request, end).expect("the request can be sent")
        });
        Stream { response, body }
    }
}

impl Stream {
    /// Sends the whole body.
    ///
    /// # Panics
    /// When the stream is closed.
    #[track_caller]
    pub fn send_body(&mut self, body: impl Into<Vec<u8>>) {
        self.try_send_body(body).expect("the stream is open");
    }

    /// As [`Stream::send_body`], for tests in which NGINX may have answered already.
    ///
    /// # Errors
    /// The stream is closed.
    pub fn try_send_body(&mut self, body: impl Into<Vec<u8>>) -> Result<(), h2::Error> {
        self.body.send_data(Bytes::from(body.into()), true)
    }

    /// Takes the request back.
    pub fn reset(mut self) {
        self.body.send_reset(Reason::CANCEL);
    }

    /// Waits for the response.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn response(self) -> Response {
        let response = self.response;
        run(async move { read(response).await.expect("a response") })
    }
}

/// Sends GET requests on a connection of their own, one for each of three places, takes the one of
/// `taken_back` back at once, and reads the answers to the others, each with its place.
///
/// # Errors
/// The connection or a stream ended, or it is no HTTP/2: for tests in which NGINX may go away.
///
/// # Panics
/// When that takes too long, or when a header field is none.
pub fn try_get_all(
    address: SocketAddr,
    target: &str,
    taken_back: usize,
    headers: &dyn Fn(usize) -> Vec<(&'static str, String)>,
) -> std::io::Result<Vec<(usize, Response)>> {
    let uri = format!("http://localhost{target}");
    let requests: Vec<_> = (0..3)
        .map(|place| {
            let mut request = http::Request::builder().method("GET").uri(&uri);
            for (name, value) in headers(place) {
                request = request.header(name, value);
            }
            request.body(()).expect("the test's header fields are valid")
        })
        .collect();
    run(async move {
        let tcp = TcpStream::connect(address).await?;
        // The answers are read one after the other: those behind must not fill the window meanwhile.
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(1 << 20).initial_connection_window_size(1 << 22);
        let (sender, connection) =
            builder.handshake::<_, Bytes>(tcp).await.map_err(std::io::Error::other)?;
        tokio::spawn(async move {
            // The streams tell how it ended.
            let _ = connection.await;
        });
        let mut waiting = Vec::new();
        for (place, request) in requests.into_iter().enumerate() {
            let mut sender = sender.clone().ready().await.map_err(std::io::Error::other)?;
            let sent = sender.send_request(request, true).map_err(std::io::Error::other)?;
            let (response, mut stream) = sent;
            if place == taken_back {
                stream.send_reset(Reason::CANCEL);
            } else {
                waiting.push((place, response));
            }
        }
        let mut responses = Vec::new();
        for (place, response) in waiting {
            responses.push((place, read(response).await.map_err(std::io::Error::other)?));
        }
        Ok(responses)
    })
}

/// A whole response.
async fn read(response: ResponseFuture) -> Result<Response, h2::Error> {
    let (head, mut stream) = response.await?.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = stream.data().await {
        let chunk = chunk?;
        body.extend_from_slice(&chunk);
        // The window is for the whole connection: unless it is given back it runs out.
        let _ = stream.flow_control().release_capacity(chunk.len());
    }
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    Ok(Response { status: head.status.as_u16(), headers: headers.collect(), body })
}

#[track_caller]
fn run<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let limited = RUNTIME.block_on(async { timeout(DEADLINE, work).await });
    limited.expect("HTTP/2 does not take that long")
}
