//! The STS and the backend of the benchmark: quick, and on request slow.
//!
//! A path that ends in `-50` is answered after 50 milliseconds, one that ends in `-hang` never, by either.
//! Below `/header/` the STS names the token in a header, too.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use memchr::memmem;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use nix::sys::socket::{Backlog, listen};

use crate::message::{self, Extent};
use crate::token::Tokens;
use crate::{Result, cpu};

/// Connections that wait to be accepted, as many as NGINX is told to let wait.
const BACKLOG: i32 = 4096;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Backend,
    Sts,
}

/// A server in a thread of its own, up to the end of the process.
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Seen>,
}

/// What a server has seen.
pub(crate) struct Seen {
    calls: AtomicU64,
    /// Nanoseconds from `start` to the last answer.
    answered: AtomicU64,
    start: Instant,
    watching: AtomicBool,
    /// What stood in `Authorization`, while the benchmark watches.
    authorization: Mutex<Vec<u8>>,
}

impl Server {
    /// Starts one that keeps off the processors of so many workers.
    pub(crate) fn start(role: Role, workers: usize) -> Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        // All connections may come at once: of more than 128, the kernel would let some wait a second.
        listen(&listener, Backlog::new(BACKLOG)?)?;
        let port = listener.local_addr()?.port();
        let seen = Arc::new(Seen {
            calls: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            start: Instant::now(),
            watching: AtomicBool::new(false),
            authorization: Mutex::default(),
        });
        let theirs = seen.clone();
        let (started, ready) = mpsc::channel();
        thread::spawn(move || {
            let run = cpu::leave_to_workers(workers)
                .and_then(|()| Serving::new(role, listener, theirs))
                // If this fails, the other side does not wait any more.
                .inspect(|_| _ = started.send(()))
                .and_then(Serving::run);
            if let Err(error) = run {
                eprintln!("error: a server of the benchmark has ended: {error}");
            }
        });
        ready.recv().map_err(|_| "a server of the benchmark did not start")?;
        Ok(Self { port, seen })
    }

    /// Requests so far.
    pub(crate) fn calls(&self) -> u64 {
        self.seen.calls.load(Ordering::Relaxed)
    }

    /// When the last answer went out.
    pub(crate) fn answered(&self) -> Instant {
        self.seen.start + Duration::from_nanos(self.seen.answered.load(Ordering::Relaxed))
    }

    /// What the last request had in `Authorization`, of those that `during` causes.
    pub(crate) fn watch<R>(&self, during: impl FnOnce() -> R) -> (R, Vec<u8>) {
        self.seen.watching.store(true, Ordering::SeqCst);
        let result = during();
        self.seen.watching.store(false, Ordering::SeqCst);
        let mut last = self.seen.authorization.lock().unwrap_or_else(PoisonError::into_inner);
        (result, std::mem::take(&mut *last))
    }
}

const LISTENER: Token = Token(usize::MAX);

struct Serving {
    role: Role,
    poll: Poll,
    listener: TcpListener,
    seen: Arc<Seen>,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Answers that are due later: when, number of the connection, and the answer.
    later: BinaryHeap<Reverse<(Instant, usize, Vec<u8>)>>,
    targets: HashMap<usize, Tokens>,
}

struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
}

enum When {
    Now,
    After(Duration),
    Never,
}

impl Serving {
    fn new(role: Role, mut listener: TcpListener, seen: Arc<Seen>) -> Result<Self> {
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            role,
            poll,
            listener,
            seen,
            connections: Vec::new(),
            free: Vec::new(),
            later: BinaryHeap::new(),
            targets: HashMap::new(),
        })
    }

    fn run(mut self) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let due = self.later.peek().map(|Reverse((due, ..))| *due);
            // The system's timer has milliseconds; a little late is never early.
            let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => result?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(number) => self.serve(number),
                }
            }
            self.send_what_is_due();
        }
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            stream.set_nodelay(true)?;
            let number = self.free.pop().unwrap_or(self.connections.len());
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(number), interest)?;
            let connection = Some(Connection { stream, input: Vec::new(), output: Vec::new() });
            match self.connections.get_mut(number) {
                Some(place) => *place = connection,
                None => self.connections.push(connection),
            }
        }
    }

    fn serve(&mut self, number: usize) {
        let Some(place) = self.connections.get_mut(number) else { return };
        let Some(mut connection) = place.take() else { return };
        let mut is_open = connection.receive();
        while let Some(extent) = message::extent(&connection.input) {
            let request: Vec<u8> = connection.input.drain(..extent.whole).collect();
            let (when, answer) = self.answer(&request, extent);
            match when {
                When::Now => connection.output.extend_from_slice(&answer),
                When::After(time) => {
                    self.later.push(Reverse((Instant::now() + time, number, answer)));
                }
                When::Never => {}
            }
        }
        if !connection.output.is_empty() {
            is_open &= connection.send();
            self.note_answer();
        }
        if is_open {
            if let Some(place) = self.connections.get_mut(number) {
                *place = Some(connection);
            }
        } else {
            // What was due here later is dropped.
            self.later.retain(|Reverse((_, of, _))| *of != number);
            self.free.push(number);
        }
    }

    fn send_what_is_due(&mut self) {
        let now = Instant::now();
        while self.later.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            let Some(Reverse((_, number, answer))) = self.later.pop() else { return };
            if let Some(Some(connection)) = self.connections.get_mut(number) {
                connection.output.extend_from_slice(&answer);
                // A connection that is lost shows by its next event.
                connection.send();
                self.note_answer();
            }
        }
    }

    fn note_answer(&self) {
        let elapsed = self.seen.start.elapsed().as_nanos() as u64;
        self.seen.answered.store(elapsed, Ordering::Relaxed);
    }

    fn answer(&mut self, request: &[u8], extent: Extent) -> (When, Vec<u8>) {
        self.seen.calls.fetch_add(1, Ordering::Relaxed);
        let (head, body) = request.split_at(extent.head);
        if self.seen.watching.load(Ordering::Relaxed) {
            let value = message::header(head, b"authorization").unwrap_or_default();
            *self.seen.authorization.lock().unwrap_or_else(PoisonError::into_inner) =
                value.to_vec();
        }
        let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        if self.role == Role::Backend {
            return (when(path), b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n".to_vec());
        }
        let source = parameter(body, b"subject_token=");
        if source.is_empty() {
            let refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec();
            return (When::Now, refusal);
        }
        (when(path), self.issue(source, path.starts_with(b"/header/")))
    }

    fn issue(&mut self, source: &[u8], in_header: bool) -> Vec<u8> {
        let length = source.len();
        let target = self.targets.entry(length).or_insert_with(|| Tokens::target(length));
        let target = target.like(source);
        let target = String::from_utf8_lossy(&target);
        let body = format!(
            "{{\"access_token\":\"{target}\",\"issued_token_type\":\
             \"urn:ietf:params:oauth:token-type:access_token\",\"token_type\":\"Bearer\",\
             \"expires_in\":3600}}"
        );
        let header =
            if in_header { format!("X-Target-Token: {target}\r\n") } else { String::new() };
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Cache-Control: no-store\r\n{header}\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

impl Connection {
    /// Reads what is there. Returns whether the connection is still open.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(length) => {
                    self.input.extend_from_slice(buffer.get(..length).unwrap_or_default());
                    // What comes later is a new event.
                    if length < buffer.len() {
                        return true;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
    }

    /// Writes what is to be written. Returns whether the connection is still open.
    fn send(&mut self) -> bool {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(length) => drop(self.output.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
        true
    }
}

fn when(path: &[u8]) -> When {
    let path = std::str::from_utf8(path).unwrap_or_default();
    match path.rsplit_once('-').map(|(_, end)| (end, end.parse())) {
        Some(("hang", _)) => When::Never,
        Some((_, Ok(milliseconds))) => When::After(Duration::from_millis(milliseconds)),
        _ => When::Now,
    }
}

/// A parameter of a form. The tokens of the benchmark need no decoding.
fn parameter<'b>(body: &'b [u8], name: &[u8]) -> &'b [u8] {
    let Some(at) = memmem::find(body, name) else { return &[] };
    let (_, value) = body.split_at(at + name.len());
    value.split(|byte| *byte == b'&').next().unwrap_or_default()
}
