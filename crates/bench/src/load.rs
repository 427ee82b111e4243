//! A load: connections each of which sends its next request when it has the answer to the last.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::Result;
use crate::message;

/// How long nothing may happen before the load gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is sent: the bytes of the next request; `None` when there are no more.
pub(crate) trait Requests: FnMut() -> Option<Vec<u8>> {}

impl<F: FnMut() -> Option<Vec<u8>>> Requests for F {}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) answers: u64,
    /// From the first request to the last answer.
    pub(crate) time: Duration,
    /// When the last answer was there.
    pub(crate) ended: Instant,
    /// In microseconds.
    pub(crate) latency: Histogram<u64>,
    /// How often which status came that is not 200.
    pub(crate) failed: BTreeMap<Vec<u8>, u64>,
}

impl Outcome {
    /// An error, if not every answer was 200.
    pub(crate) fn all_well(self) -> Result<Self> {
        if self.failed.is_empty() {
            return Ok(self);
        }
        let list = self.failed.iter();
        let list: Vec<_> = list
            .map(|(status, count)| format!("{count} times {}", String::from_utf8_lossy(status)))
            .collect();
        Err(format!("not every answer was 200: {}", list.join(", ")).into())
    }

    pub(crate) fn rate(&self) -> f64 {
        self.answers as f64 / self.time.as_secs_f64()
    }
}

/// Open connections to a server.
pub(crate) struct Load {
    poll: Poll,
    clients: Vec<Client>,
    /// The time over which the clients begin, one after the other.
    spread: Duration,
}

struct Client {
    stream: TcpStream,
    output: Vec<u8>,
    written: usize,
    input: Vec<u8>,
    since: Option<Instant>,
}

impl Load {
    pub(crate) fn connect(port: u16, connections: usize) -> Result<Self> {
        let poll = Poll::new()?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut clients = Vec::with_capacity(connections);
        for number in 0..connections {
            let stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(number), interest)?;
            clients.push(Client {
                stream,
                output: Vec::new(),
                written: 0,
                input: Vec::new(),
                since: None,
            });
        }
        Ok(Self { poll, clients, spread: Duration::ZERO })
    }

    /// Clients that wait for as long as each other would go on in step for ever if they began so.
    pub(crate) fn spread(self, spread: Duration) -> Self {
        Self { spread, ..self }
    }

    /// Sends requests for some time, or until there are no more, and waits for all answers.
    pub(crate) fn run(&mut self, time: Duration, mut next: impl Requests) -> Result<Outcome> {
        let start = Instant::now();
        let mut outcome = Outcome {
            answers: 0,
            time,
            ended: start,
            latency: Histogram::new_with_bounds(1, 60_000_000, 3)?,
            failed: BTreeMap::new(),
        };
        let mut waiting = 0;
        let pace = self.spread.div_f64(self.clients.len().max(1) as f64);
        let mut begun = 0;
        let mut events = Events::with_capacity(1024);
        loop {
            while begun < self.clients.len() && start.elapsed() >= pace * begun as u32 {
                let request = next();
                let (Some(client), Some(request)) = (self.clients.get_mut(begun), request) else {
                    begun = self.clients.len();
                    break;
                };
                client.begin(request)?;
                begun += 1;
                waiting += 1;
            }
            let is_beginning = begun < self.clients.len();
            if waiting == 0 && !is_beginning {
                break;
            }
            let due = (pace * begun as u32).saturating_sub(start.elapsed());
            let patience = if is_beginning { due } else { PATIENCE };
            match self.poll.poll(&mut events, Some(patience)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            if events.is_empty() && !is_beginning {
                return Err(format!("{waiting} requests have no answer").into());
            }
            let now = Instant::now();
            for event in &events {
                let Some(client) = self.clients.get_mut(event.token().0) else { continue };
                if client.since.is_none() {
                    continue;
                }
                client.send()?;
                let Some(status) = client.receive()? else { continue };
                let since = client.since.take().unwrap_or(now);
                let taken = now.saturating_duration_since(since).as_micros() as u64;
                outcome.latency.saturating_record(taken.max(1));
                outcome.answers += 1;
                outcome.ended = now;
                if status != b"200" {
                    *outcome.failed.entry(status).or_default() += 1;
                }
                match (now.duration_since(start) < time).then(&mut next).flatten() {
                    Some(request) => client.begin(request)?,
                    None => waiting -= 1,
                }
            }
        }
        outcome.time = outcome.ended.saturating_duration_since(start);
        Ok(outcome)
    }
}

impl Client {
    fn begin(&mut self, request: Vec<u8>) -> Result<()> {
        self.output = request;
        self.written = 0;
        self.input.clear();
        self.since = Some(Instant::now());
        self.send()
    }

    fn send(&mut self) -> Result<()> {
        while let Some(rest) = self.output.get(self.written..)
            && !rest.is_empty()
        {
            match self.stream.write(rest) {
                Ok(length) => self.written += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what is there. Returns the status when the answer is whole.
    fn receive(&mut self) -> Result<Option<Vec<u8>>> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err("the server closed the connection".into()),
                Ok(length) => {
                    self.input.extend_from_slice(buffer.get(..length).unwrap_or_default());
                    let is_whole = message::extent(&self.input).is_some();
                    if is_whole || length < buffer.len() {
                        return Ok(is_whole.then(|| message::status(&self.input).to_vec()));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
