//! hyper, on a connection that is a text in memory.

use std::error::Error;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http::Request;
use hyper::body::Body;
use hyper::client::conn::http1::Builder;
use hyper::rt::{Read as ReadIo, ReadBufCursor, Write as WriteIo};

use crate::Read;

/// Gives the text once a request was written, and then the end of the connection.
struct Connection<'t> {
    text: &'t [u8],
    is_asked: bool,
}

impl ReadIo for Connection<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut room: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.is_asked {
            return Poll::Pending;
        }
        let (now, later) = self.text.split_at(self.text.len().min(room.remaining()));
        room.put_slice(now);
        self.text = later;
        Poll::Ready(Ok(()))
    }
}

impl WriteIo for Connection<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.is_asked = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What it says, with all that lies behind it.
fn reason(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

pub fn read(text: &[u8]) -> Result<Read, String> {
    // Nothing ever waits: both sides are asked again until the answer is there.
    let mut context = Context::from_waker(Waker::noop());
    // A client has to read folded values (RFC 9112, section 5.2), which hyper leaves to its user.
    let mut builder = Builder::new();
    builder.allow_obsolete_multiline_headers_in_responses(true);
    let connection = Connection { text, is_asked: false };
    let Poll::Ready(hands) = pin!(builder.handshake(connection)).poll(&mut context) else {
        panic!("hyper waits for a connection in memory");
    };
    let (mut sender, mut connection) = hands.map_err(|error| reason(&error))?;
    let request = Request::post("/").header("host", "a").body(String::new()).expect("it is valid");
    let mut response = pin!(sender.send_request(request));
    let mut over = false;
    let mut drive = |context: &mut Context<'_>| {
        // How the connection ends is of no interest: only the answer is.
        over = over || connection.poll_without_shutdown(context).is_ready();
    };
    let head = loop {
        drive(&mut context);
        if let Poll::Ready(head) = response.as_mut().poll(&mut context) {
            break head.map_err(|error| reason(&error))?;
        }
    };
    let status = head.status().as_u16();
    let (mut incoming, mut body) = (pin!(head.into_body()), Vec::new());
    loop {
        drive(&mut context);
        match incoming.as_mut().poll_frame(&mut context) {
            Poll::Ready(None) => break,
            Poll::Ready(Some(frame)) => {
                let frame = frame.map_err(|error| reason(&error))?;
                body.extend(frame.data_ref().into_iter().flatten());
            }
            Poll::Pending => {}
        }
    }
    let rest = connection.into_parts();
    Ok(Read { status, body, end: text.len() - rest.io.text.len() - rest.read_buf.len() })
}
