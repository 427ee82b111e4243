//! The memory that a worker has for each request that waits.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::contestant::{Contestant, WAITS_FOR_BACKEND, WAITS_FOR_STS};
use crate::figures::Spread;
use crate::gateway::Gateway;
use crate::stage::{Stage, request};
use crate::token::Tokens;
use crate::{Options, Result};

/// Requests that wait at once.
pub(crate) const CROWD: usize = 2000;

/// KiB of memory for each request that waits.
pub(crate) struct Memory {
    /// Bytes of its token.
    pub(crate) token: usize,
    /// For a backend, as `proxy_pass` does.
    pub(crate) backend: Spread,
    /// For the STS.
    pub(crate) sts: Spread,
    /// Of the second to the first, in the same round.
    pub(crate) ratio: Spread,
}

const TOKENS: [usize; 2] = [250, 60_000];

/// How long it may take until all wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks in a row that see the same memory: nothing is on its way any more.
const STEADY: usize = 5;

pub(super) fn run(options: &Options) -> Result<Vec<Memory>> {
    let rounds = if options.quick { 1 } else { 3 };
    let mut rows = Vec::new();
    for token in TOKENS {
        let (mut backend, mut sts) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            for (location, of) in [(WAITS_FOR_BACKEND, &mut backend), (WAITS_FOR_STS, &mut sts)] {
                of.push(weigh(options, location, token)?);
            }
        }
        let row = Memory {
            token,
            ratio: Spread::of(sts.iter().zip(&backend).map(|(sts, backend)| sts / backend)),
            backend: Spread::of(backend),
            sts: Spread::of(sts),
        };
        eprintln!(
            "memory: {token} B, {:.1} KiB for proxy_pass, {:.1} KiB for the STS, ratio {:.2}",
            row.backend.median, row.sts.median, row.ratio.median
        );
        rows.push(row);
    }
    Ok(rows)
}

/// What each of a crowd takes that waits at a location. The NGINX is new: no other crowd has left free
/// memory in it.
fn weigh(options: &Options, location: &str, length: usize) -> Result<f64> {
    let stage = Stage::set(options, &[Contestant::Module], 1, length, "64m")?;
    let gateway = stage.gateway(Contestant::Module)?;
    let tokens = Tokens::source(length);
    let before = gateway.own_memory()?;
    let seen = || stage.sts.calls() + stage.backend.calls();
    let known = seen();
    let mut clients = Vec::with_capacity(CROWD);
    for number in 0..CROWD {
        let mut client = TcpStream::connect(("127.0.0.1", gateway.port))?;
        client.write_all(&request(location, &tokens.numbered(number as u64 + 1)))?;
        clients.push(client);
    }
    let start = Instant::now();
    while seen() - known < CROWD as u64 {
        if start.elapsed() > PATIENCE {
            let what = format!("only {} of {CROWD} requests wait", seen() - known);
            return Err(stage.failure(gateway, &what).into());
        }
        thread::sleep(PAUSE);
    }
    let taken = steady(gateway)?.saturating_sub(before);
    // Up to here all have waited: none was answered.
    for client in &clients {
        client.set_nonblocking(true)?;
        if client.peek(&mut [0]).is_ok() {
            return Err(stage.failure(gateway, "a request did not wait").into());
        }
    }
    Ok(taken as f64 / CROWD as f64)
}

/// The memory, once it stays what it is.
fn steady(gateway: &Gateway) -> Result<u64> {
    let start = Instant::now();
    let (mut last, mut same) = (gateway.own_memory()?, 0);
    while same < STEADY {
        if start.elapsed() > PATIENCE {
            return Err("the memory of a worker does not come to rest".into());
        }
        thread::sleep(PAUSE);
        let now = gateway.own_memory()?;
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    Ok(last)
}
