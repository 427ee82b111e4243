//! Requests and responses that last: a stream of events that goes on after its token has ended, and uploads.
//!
//! `make test-clients` sends 1 GiB; `STS_UPLOAD` says another number of bytes.
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use devsts::{Sts, is_for};
use e2e::http1::Connection;
use e2e::nginx::{Nginx, anonymous_memory, memory_is_watched};
use e2e::scene::Scene;
use e2e::wait::wait_for;
use openssl::sha::Sha256;

/// What the backend saw of an upload: the token, how many bytes, and their digest.
type Upload = (String, usize, [u8; 32]);

/// How many bytes go up, when nothing else is said.
const BYTES: usize = 32 << 20;

/// KiB by which a worker may grow meanwhile, whatever the size of the upload.
const NOISE: usize = 2048;

/// The head of a request: its fields in small letters.
fn head(stream: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut fields = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(fields);
        }
        if let Some((name, value)) = line.split_once(": ") {
            fields.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
}

fn field(fields: &[(String, String)], name: &str) -> Option<String> {
    fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
}

fn token(fields: &[(String, String)]) -> String {
    let value = field(fields, "authorization").unwrap_or_default();
    value.strip_prefix("Bearer ").unwrap_or_default().to_owned()
}

/// A backend for one connection.
fn backend<T: Send + 'static>(
    work: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("an address").to_string();
    let thread = thread::spawn(move || work(listener.accept().expect("NGINX connects").0));
    (address, thread)
}

const LOCATION: &str = "
    location / {
        %%EXCHANGE%%
        STSAcceptSourceTokenIn header;
        STSPassTargetTokenIn header;
        proxy_http_version 1.1;
        proxy_pass http://%%ADDRESS%%;
        client_max_body_size 0;
        proxy_buffering off;
        %%MORE%%
    }
    location = /again { %%OTX%% return 200; STSPhase rewrite; }
";

/// One event at a time, each when the test asks for it.
fn send_events(mut stream: TcpStream, next: Receiver<usize>) -> String {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket can be shared"));
    let fields = head(&mut reader).expect("a request");
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        .expect("NGINX reads");
    for number in next {
        let event = format!("id: {number}\ndata: event {number}\n\n");
        write!(stream, "{:x}\r\n{event}\r\n", event.len()).expect("NGINX reads");
    }
    stream.write_all(b"0\r\n\r\n").expect("NGINX reads");
    token(&fields)
}

struct Events(BufReader<TcpStream>);

impl Events {
    /// Starts a stream as the browser's EventSource does.
    fn open(nginx: &Nginx, user: &str) -> Self {
        let mut stream = TcpStream::connect(nginx.address()).expect("NGINX accepts");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
        let request = nginx.get("/").bearer(user).header("Accept", "text/event-stream");
        stream.write_all(&request.to_bytes()).expect("NGINX reads");
        let mut reader = BufReader::new(stream);
        let mut status = String::new();
        reader.read_line(&mut status).expect("a status line");
        assert_eq!(status.trim_end(), "HTTP/1.1 200 OK");
        head(&mut reader).expect("a head");
        Self(reader)
    }

    /// The next event has to be there before the one behind it is sent.
    fn expect(&mut self, number: usize) {
        let mut text = String::new();
        while !text.ends_with("\n\n\r\n") {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).expect("an event"), 0, "the stream ended");
            text.push_str(&line);
        }
        assert!(text.contains(&format!("data: event {number}\n\n")), "{text:?}");
    }
}

#[test]
fn a_stream_of_events_goes_on_after_its_token_has_ended() {
    let scene = Scene::with(Sts::builder().expires_in(1));
    let (next, events): (Sender<usize>, _) = channel();
    let (address, thread) = backend(move |stream| send_events(stream, events));
    let nginx = scene.nginx().set("ADDRESS", address).set("MORE", "").server(LOCATION).start();
    let mut stream = {
        let ask = |number| next.send(number).expect("the backend listens");
        ask(0);
        let mut stream = Events::open(&nginx, "alice");
        (0..3).for_each(|number| {
            if number > 0 {
                ask(number);
            }
            stream.expect(number);
        });
        // The token has ended when another request of the user needs a new one.
        wait_for("the token to end", || {
            nginx.get("/again").bearer("alice").send().expect_status(200);
            scene.sts.call_count() > 2
        });
        for number in 3..10 {
            ask(number);
            stream.expect(number);
        }
        stream
    };
    drop(next);
    let token = thread.join().expect("the backend does not panic");
    assert!(is_for(&token, "alice"), "{token}");
    let mut rest = String::new();
    stream.0.read_line(&mut rest).expect("the end of the stream");
    assert_eq!(rest, "0\r\n");
}

fn size() -> usize {
    env::var("STS_UPLOAD").map_or(BYTES, |text| text.parse().expect("a number of bytes"))
}

/// A block of the upload; no two are the same.
fn block(number: usize, length: usize) -> Vec<u8> {
    let mut block = vec![b'.'; length];
    let text = format!("block {number} ");
    for (place, byte) in block.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
    block
}

const BLOCK: usize = 256 << 10;

/// Sends the body, and returns its digest. `chunked`: without telling its length.
fn send_body(connection: &mut Connection, size: usize, chunked: bool) -> io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    for (number, start) in (0..size).step_by(BLOCK).enumerate() {
        let block = block(number, BLOCK.min(size - start));
        digest.update(&block);
        if chunked {
            connection.try_send(format!("{:x}\r\n", block.len()))?;
        }
        connection.try_send(&block)?;
        if chunked {
            connection.try_send("\r\n")?;
        }
    }
    if chunked {
        connection.try_send("0\r\n\r\n")?;
    }
    Ok(digest.finish())
}

/// Reads an upload, tells when its head is there, and answers.
fn receive(mut stream: TcpStream, begun: &Sender<()>) -> Upload {
    let mut reader =
        BufReader::with_capacity(BLOCK, stream.try_clone().expect("a socket can be shared"));
    let fields = head(&mut reader).expect("a request");
    // The test may not wait for it.
    let _ = begun.send(());
    let (mut digest, mut size) = (Sha256::new(), 0);
    let mut take = |reader: &mut BufReader<TcpStream>, mut left: usize| {
        let mut room = vec![0; BLOCK];
        while left > 0 {
            let part = room.get_mut(..left.min(BLOCK)).expect("it has room");
            let length = reader.read(part).expect("the body");
            assert_ne!(length, 0, "the body ended {left} bytes early");
            digest.update(part.get(..length).expect("it was read"));
            left -= length;
            size += length;
        }
    };
    if let Some(length) = field(&fields, "content-length") {
        take(&mut reader, length.parse().expect("a number"));
    } else {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a chunk");
            let length = usize::from_str_radix(line.trim_end(), 16).expect("a number");
            take(&mut reader, length);
            reader.read_line(&mut line).expect("the end of a chunk");
            if length == 0 {
                break;
            }
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").expect("NGINX reads");
    (token(&fields), size, digest.finish())
}

fn upload(more: &str, chunked: bool, unbuffered: bool) {
    let (scene, size) = (Scene::new(), size());
    let (begun, has_begun) = channel();
    let (address, thread) = backend(move |stream| receive(stream, &begun));
    let nginx = scene.nginx().set("ADDRESS", address).set("MORE", more).server(LOCATION).start();
    nginx.get("/again").bearer("warm").send().expect_status(200);
    let before = anonymous_memory(nginx.worker());

    let mut connection = nginx.connect();
    let framing = if chunked {
        "Transfer-Encoding: chunked".to_owned()
    } else {
        format!("Content-Length: {size}")
    };
    connection.send(format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer alice\r\n{framing}\r\n\r\n"
    ));
    if unbuffered {
        // The backend has the head, and so the token, before anything of the body.
        has_begun.recv_timeout(Duration::from_secs(30)).expect("the backend gets the head");
    }
    let sent = send_body(&mut connection, size, chunked).expect("NGINX reads");
    connection.set_read_timeout(Duration::from_secs(120));
    connection.read_response().expect_status(200);
    let (token, received, digest) = thread.join().expect("the backend does not panic");
    assert!(is_for(&token, "alice"), "{token}");
    assert_eq!((received, digest), (size, sent));
    let after = anonymous_memory(nginx.worker());
    assert!(memory_is_watched() || after < before + NOISE, "{before} KiB, then {after} KiB");
}

#[test]
fn an_upload_that_is_buffered_arrives_as_it_was_sent() {
    upload("", false, false);
}

#[test]
fn an_upload_in_chunks_that_is_buffered_arrives_as_it_was_sent() {
    upload("", true, false);
}

#[test]
fn an_upload_that_is_not_buffered_arrives_as_it_was_sent() {
    upload("proxy_request_buffering off;", false, true);
}

#[test]
fn an_upload_in_chunks_that_is_not_buffered_arrives_as_it_was_sent() {
    upload("proxy_request_buffering off;", true, true);
}

#[test]
fn an_upload_behind_whose_end_the_exchange_comes_arrives_as_it_was_sent() {
    upload("STSAfterBody on;", false, false);
}

#[test]
fn an_upload_that_is_refused_is_answered_and_reaches_no_backend() {
    let scene = Scene::new();
    for more in ["", "proxy_request_buffering off;"] {
        let address = scene.backend.url("").replace("http://", "");
        let nginx = scene.nginx().set("ADDRESS", address).set("MORE", more);
        let nginx = nginx.server(LOCATION).start();
        let mut connection = nginx.connect();
        connection.send(format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer refuse\r\n\
             Content-Length: {}\r\n\r\n",
            size()
        ));
        // NGINX may close the connection once it has answered (lingering_timeout).
        let _ = send_body(&mut connection, size(), false);
        if let Ok(response) = connection.try_read_response() {
            response.expect_status(401);
        }
        wait_for("the refusal", || nginx.access_log().contains(" 401 "));
        assert_eq!(scene.backend.call_count(), 0);
    }
}
