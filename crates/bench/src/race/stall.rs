//! Whether a location that needs no STS suffers while the STS is slow or hangs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::contestant::{Contestant, MINTED_RS256};
use crate::figures::Spread;
use crate::gateway::Gateway;
use crate::load::Load;
use crate::stage::{Stage, request};
use crate::token::Tokens;
use crate::{Options, Result};

/// How long a static location takes, in microseconds.
pub(crate) struct Stall {
    pub(crate) contestant: Contestant,
    /// Of the STS.
    pub(crate) state: &'static str,
    pub(crate) latency: Histogram<u64>,
    /// Of p99 to that of the same location while the STS has nothing to do, in the same round.
    pub(crate) ratio: Spread,
}

/// Requests that wait for the STS meanwhile.
const WAITING: usize = 64;

/// The time over which they begin: they are strangers to each other.
const SPREAD: Duration = Duration::from_millis(100);

/// Time between two looks at the static location.
const PACE: Duration = Duration::from_millis(1);

const STATES: [(&str, &str); 4] = [
    ("idle", ""),
    ("slow: 500 ms", "exchange-500"),
    ("hangs", "exchange-hang"),
    // This module alone: the others make no tokens.
    ("none: tokens are signed with RSA", MINTED_RS256),
];

pub(super) fn run(options: &Options) -> Result<Vec<Stall>> {
    let (time, rounds) = if options.quick {
        (Duration::from_millis(500), 2)
    } else {
        (Duration::from_millis(700), 9)
    };
    let stage = Stage::set(options, &Contestant::ALL, 1, 250, "64m")?;
    let exchanging = stage.gateways().iter().filter(|one| one.contestant != Contestant::Limit);
    let mut stalls = Vec::new();
    for gateway in exchanging {
        let mut of_states = Vec::new();
        let of_this = if gateway.contestant == Contestant::Module { 4 } else { 3 };
        for (state, _) in STATES.into_iter().take(of_this) {
            of_states.push((state, Histogram::new_with_bounds(1, 60_000_000, 3)?, Vec::new()));
        }
        for round in 0..rounds {
            let mut idle = None;
            for ((_, location), (_, latency, ratios)) in STATES.iter().zip(&mut of_states) {
                let seen = observe(&stage, gateway, location, round, time)?;
                let p99 = seen.value_at_quantile(0.99) as f64;
                ratios.push(p99 / *idle.get_or_insert(p99));
                latency.add(seen)?;
            }
        }
        stalls.extend(of_states.into_iter().map(|(state, latency, ratios)| Stall {
            contestant: gateway.contestant,
            state,
            ratio: Spread::of(ratios),
            latency,
        }));
        eprintln!("stall: {}", gateway.contestant.name());
    }
    Ok(stalls)
}

/// Looks at the static location for a time, while others wait for the STS at `location`.
fn observe(
    stage: &Stage,
    gateway: &Gateway,
    location: &str,
    round: u64,
    time: Duration,
) -> Result<Histogram<u64>> {
    let tokens = Tokens::source(250);
    let mut number = 500_000_000 + round * 1_000_000;
    thread::scope(|scope| {
        if !location.is_empty() {
            let requests = move || {
                number += 1;
                Some(request(location, &tokens.numbered(number)))
            };
            // The hanging ones end with a time-out, after the look.
            scope.spawn(move || {
                let load = || Load::connect(gateway.port, WAITING);
                stage.aside(|| load()?.spread(SPREAD).run(time, requests))
            });
            thread::sleep(Duration::from_millis(100));
        }
        stage.aside(|| look(gateway.port, time))
    })
}

/// One request at a time, at a fixed pace: one that comes late because the last one took long counts
/// from when it was due.
fn look(port: u16, time: Duration) -> Result<Histogram<u64>> {
    let mut latency = Histogram::new_with_bounds(1, 60_000_000, 3)?;
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut buffer = [0; 4096];
    let start = Instant::now();
    let mut due = start;
    while due.duration_since(start) < time {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // A sleep that lasted too long is the benchmark's delay, not NGINX's.
        let began = Instant::now();
        stream.write_all(b"GET /static HTTP/1.1\r\nHost: bench\r\n\r\n")?;
        if stream.read(&mut buffer)? == 0 {
            return Err("the static location closed its connection".into());
        }
        latency.saturating_record(began.elapsed().as_micros() as u64);
        due += PACE;
    }
    Ok(latency)
}
