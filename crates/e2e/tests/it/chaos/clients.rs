//! What clients do, and what they have to get.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use devsts::is_for;
use e2e::http1::{Connection, Request};
use e2e::nginx::Nginx;
use e2e::response::Response;
use serde_json::Value;

use super::disturbance::Disturbances;
use crate::soak::kind;
use crate::stores_soak::Random;

/// Users whose tokens are asked for again and again.
const USERS: u64 = 300;

/// How often one request is made again on another connection, when its own was broken with a cause.
const TRIES: usize = 20;

/// What came of the requests.
#[derive(Default)]
pub(super) struct Tally {
    answered: AtomicU64,
    /// With an outage that the request did not ask for: the STS or a neighbour was disturbed.
    disturbed: AtomicU64,
    /// The connection ended while workers were replaced or killed; the request was made again.
    broken: AtomicU64,
    left: AtomicU64,
}

impl fmt::Display for Tally {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        write!(
            text,
            "{} answered as asked for, {} with an outage, {} broken by a replaced worker, {} clients left",
            count(&self.answered),
            count(&self.disturbed),
            count(&self.broken),
            count(&self.left),
        )
    }
}

/// What one client does at a node.
pub(super) struct Client<'a> {
    nginx: &'a Nginx,
    disturbances: &'a Disturbances,
    tally: &'a Tally,
    connection: Option<(Connection, u64)>,
}

/// A source token, and the status that it asks for.
struct Source {
    token: String,
    status: u16,
}

/// A source that asks for a fault, for a token of 64 KiB, or is one of a few users or of its own.
fn source(number: usize, random: &mut Random) -> Source {
    let own = |name: &str, status| Source { token: format!("{name}.n{number}"), status };
    match random.below(20) {
        0 => own("size-65536", 200),
        1 => own("life-1", 200),
        2..12 => {
            let user = random.below(USERS);
            Source { token: format!("user-{user}"), status: 200 }
        }
        _ => {
            let (name, status) = kind(number);
            own(name, status)
        }
    }
}

impl<'a> Client<'a> {
    pub(super) fn new(nginx: &'a Nginx, disturbances: &'a Disturbances, tally: &'a Tally) -> Self {
        Self { nginx, disturbances, tally, connection: None }
    }

    /// One of the things that a client does.
    pub(super) fn act(&mut self, number: usize, random: &mut Random) {
        match random.below(20) {
            0 => self.leave(number, random),
            1 => self.pipeline(number, random),
            2 => self.streams(number, random),
            3 => {
                let source = source(number, random);
                let body = "late".repeat(1 + random.below(5000) as usize);
                let path = if random.below(2) == 0 { "/streamed" } else { "/" };
                let request = self.request("POST", path, &source.token).body(body);
                let bytes = request.to_bytes();
                let half = bytes.len() / 2;
                let pause = Duration::from_millis(random.below(30));
                self.exchange(&[&source], |connection| {
                    connection.try_send(bytes.get(..half).unwrap_or_default())?;
                    sleep(pause);
                    connection.try_send(bytes.get(half..).unwrap_or_default())
                });
            }
            _ => {
                let source = source(number, random);
                let path = ["/", "/cached", "/uncached"][random.below(3) as usize];
                let bytes = self.request("GET", path, &source.token).to_bytes();
                self.exchange(&[&source], |connection| connection.try_send(&bytes));
            }
        }
    }

    fn request(&self, method: &str, path: &str, source: &str) -> Request {
        self.nginx.request(method, path).bearer(source).header("X-Source", source)
    }

    /// Goes away in the middle, by a reset or in good order.
    fn leave(&mut self, number: usize, random: &mut Random) {
        let source = source(number, random);
        let bytes = self.request("GET", "/", &source.token).to_bytes();
        let whole = random.below(3) > 0;
        let part = if whole { bytes.len() } else { bytes.len() / 2 };
        let mut connection = self.open();
        // It may be broken already, which is no less.
        let _ = connection.try_send(bytes.get(..part).unwrap_or_default());
        sleep(Duration::from_micros(random.below(4000)));
        if random.below(2) == 0 {
            connection.reset();
        }
        self.tally.left.fetch_add(1, Ordering::Relaxed);
    }

    /// Several requests at once on one connection.
    fn pipeline(&mut self, number: usize, random: &mut Random) {
        let sources = [0, 1, 2, 3].map(|_| source(number, random));
        let bytes: Vec<u8> = sources
            .iter()
            .flat_map(|source| self.request("GET", "/", &source.token).to_bytes())
            .collect();
        let each: Vec<_> = sources.iter().collect();
        self.exchange(&each, |connection| connection.try_send(&bytes));
    }

    /// Streams of HTTP/2, some of which are taken back.
    fn streams(&mut self, number: usize, random: &mut Random) {
        let sources = [0, 1, 2].map(|_| source(number, random));
        let taken_back = random.below(3) as usize;
        for _ in 0..TRIES {
            let before = self.disturbances.breaks();
            let address = self.nginx.address_of("PORT_H2");
            let sent = e2e::http2::try_get_all(address, "/", taken_back, &|place| {
                let source: &Source = &sources[place];
                let bearer = format!("Bearer {}", source.token);
                vec![("authorization", bearer), ("x-source", source.token.clone())]
            });
            match sent {
                Ok(responses) => {
                    self.tally.left.fetch_add(1, Ordering::Relaxed);
                    for (place, response) in responses {
                        self.judge(&response, &sources[place]);
                    }
                    return;
                }
                Err(error) => self.expect_cause(before, &error),
            }
        }
        unreachable!("no answer to HTTP/2, {TRIES} times");
    }

    /// Connects; workers of a node that is replaced at the moment may take a while.
    fn open(&self) -> Connection {
        Connection::open(self.nginx.address())
    }

    /// Sends something, and reads and judges the answers to these sources.
    fn exchange(&mut self, sources: &[&Source], send: impl Fn(&mut Connection) -> io::Result<()>) {
        let mut left = sources;
        for _ in 0..TRIES {
            // The count is older than the connection.
            let now = self.disturbances.breaks();
            let (mut connection, before) =
                self.connection.take().unwrap_or_else(|| (self.open(), now));
            let outcome = send(&mut connection).and_then(|()| {
                // What was answered before the connection broke is asked for again: it is a GET, or refused.
                left = sources;
                while let [source, rest @ ..] = left {
                    let response = connection.try_read_response()?;
                    let closes = response.header("Connection") == Some("close");
                    self.judge(&response, source);
                    left = rest;
                    if closes {
                        return Ok(true);
                    }
                }
                Ok(false)
            });
            match outcome {
                // NGINX closes behind an answer when it quits, and leaves the rest of a pipeline to be asked again.
                Ok(_) if !left.is_empty() => {
                    self.expect_cause(before, &io::ErrorKind::UnexpectedEof.into())
                }
                Ok(true) => return,
                Ok(false) => {
                    self.connection = Some((connection, before));
                    return;
                }
                Err(error) => self.expect_cause(before, &error),
            }
        }
        unreachable!("no answer, {TRIES} times");
    }

    /// A connection that ends without an answer is a fault, unless workers were replaced since it began.
    #[track_caller]
    fn expect_cause(&self, before: u64, error: &io::Error) {
        self.tally.broken.fetch_add(1, Ordering::Relaxed);
        let now = self.disturbances.breaks();
        let meanwhile = !before.is_multiple_of(2);
        assert!(meanwhile || now > before, "a connection ended for no reason: {error}");
    }

    /// Its own token, the status that was asked for, or an outage.
    #[track_caller]
    fn judge(&self, response: &Response, source: &Source) {
        if response.status == 200 {
            let seen: Value = serde_json::from_slice(&response.body).unwrap_or_default();
            let headers = seen["headers"].as_array().cloned().unwrap_or_default();
            let field = |name: &str| {
                let same = |pair: &&Value| {
                    pair[0].as_str().is_some_and(|own| own.eq_ignore_ascii_case(name))
                };
                headers.iter().find(same).and_then(|pair| pair[1].as_str()).unwrap_or_default()
            };
            assert_eq!(field("X-Source"), source.token, "another one's answer");
            let token = field("Authorization").strip_prefix("Bearer ").unwrap_or_default();
            assert!(is_for(token, &source.token), "{} has {token:.80}", source.token);
        }
        let as_asked = response.status == source.status;
        let outage = matches!(response.status, 502..=504);
        assert!(as_asked || outage, "{}: {} {:?}", source.token, response.status, response.headers);
        let count = if as_asked { &self.tally.answered } else { &self.tally.disturbed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}
