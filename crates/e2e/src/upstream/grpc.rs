//! gRPC, as far as it is HTTP/2 with trailers.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use tokio::time::timeout;

use super::{Received, text};

/// Serves all requests of one connection.
pub(super) fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let work = async move {
        let stream = tokio::net::TcpStream::from_std(stream)?;
        let mut connection = h2::server::handshake(stream).await.map_err(io::Error::other)?;
        while let Some(request) = connection.accept().await {
            let (request, respond) = request.map_err(io::Error::other)?;
            // The connection has to be looked after while the body comes in.
            tokio::spawn(answer(request, respond));
        }
        Ok(())
    };
    runtime.block_on(async { timeout(Duration::from_secs(30), work).await })?
}

async fn answer(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = stream.data().await {
        let chunk = chunk?;
        body.extend_from_slice(&chunk);
        stream.flow_control().release_capacity(chunk.len())?;
    }
    let headers = head.headers.iter();
    let mut parameters: std::collections::BTreeMap<_, _> =
        headers.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    let path = head.uri.path_and_query().map_or("", |path| path.as_str());
    parameters.insert(":path".into(), path.into());
    let received = Received { parameters, body };
    let mut response = Response::new(());
    let content_type = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", content_type);
    let mut send = respond.send_response(response, false)?;
    send.send_data(received.to_json().into(), false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    send.send_trailers(trailers)
}
