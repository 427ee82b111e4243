//! A tunnel through an HTTP proxy (RFC 9110, section 9.3.6), for endpoints with TLS.

use std::pin::pin;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;

use crate::net::CallError;
use crate::net::connection::{drive, is_closing};
use crate::nginx::peer::{ConnectError, Peer};

/// Bytes that the head of the proxy's answer may have.
const MAX_HEAD: usize = 16 * 1024;

/// Asks the proxy at the other end of `peer` for a tunnel to `target`, a host with its port. After
/// that the peer is as good as connected to the target.
pub(super) async fn open(peer: &Peer, target: &str) -> Result<(), CallError> {
    let failed = |why: String| CallError::Proxy { target: target.to_owned(), why };
    let (mut sender, driver) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake::<_, Empty<Bytes>>(peer.clone())
        .await
        .map_err(|error| failed(error.to_string()))?;
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = target.parse::<Uri>().map_err(|error| failed(error.to_string()))?;
    let host = HeaderValue::from_str(target).map_err(|error| failed(error.to_string()))?;
    request.headers_mut().insert(HOST, host);
    let answer = pin!(sender.send_request(request));
    let answer = drive(&mut Some(Box::new(driver)), answer).await;
    let status = match answer {
        Ok(answer) => answer.status(),
        Err(error) if is_closing(&error) => return Err(ConnectError::Closing.into()),
        Err(error) => return Err(failed(error.to_string())),
    };
    // hyper's half of the connection goes here; the peer itself stays open.
    if status.is_success() { Ok(()) } else { Err(failed(format!("it answered {status}"))) }
}
