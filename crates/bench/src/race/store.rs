//! What lies in a store that another node has filled: the module with Redis and with files, and Lua with
//! Redis by a cosocket.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::NEW;
use crate::contestant::{Behind, Contestant, Setup};
use crate::figures::Spread;
use crate::gateway::{Gateway, free_port};
use crate::load::Load;
use crate::stage::{Stage, request};
use crate::token::Tokens;
use crate::{Options, Result, cpu};

/// A kind of request to one contestant.
pub(crate) struct StoreRow {
    pub(crate) contestant: &'static str,
    pub(crate) what: &'static str,
    /// Requests a second.
    pub(crate) rate: Spread,
    /// Microseconds of the worker for each.
    pub(crate) cpu: Spread,
    /// Microseconds of the median request, and of the slowest in a hundred.
    pub(crate) p50: Spread,
    pub(crate) p99: Spread,
}

/// Tokens of a round: each is asked for once on one node, and then once on the other.
const FULL: u64 = 8_000;
const QUICK: u64 = 2_000;

const CONNECTIONS: usize = 32;
const TOKEN: usize = 1024;

/// What another node puts goes on when its requests have their answers.
const SETTLED: Duration = Duration::from_millis(300);

struct Node {
    name: &'static str,
    contestant: Contestant,
    behind: Behind,
}

/// A Redis, ended with this.
struct Redis {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl Redis {
    fn start() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("sts-bench-").tempdir()?;
        let port = free_port()?;
        // One program is Redis and its tools: which one it is, its name says.
        let process = Command::new("/usr/bin/redis-check-rdb")
            .arg0("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .arg("--dir")
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let redis = Self { process, port, _directory: directory };
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if start.elapsed() > Duration::from_secs(10) {
                return Err("Redis did not start".into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(redis)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(super) fn run(options: &Options) -> Result<Vec<StoreRow>> {
    let redis = Redis::start()?;
    let files = tempfile::Builder::new().prefix("sts-bench-").tempdir()?;
    let nodes = [
        Node {
            name: "this module, Redis",
            contestant: Contestant::Module,
            behind: Behind::Redis(redis.port),
        },
        Node {
            name: "this module, files",
            contestant: Contestant::Module,
            behind: Behind::Files(files.path().join("tokens")),
        },
        Node { name: "Lua, Redis", contestant: Contestant::Lua, behind: Behind::Redis(redis.port) },
    ];
    let stage = Stage::set(options, &[], 1, TOKEN, "256m")?;
    let processes = cpu::affinity_of_workers(1);
    let gateways = nodes.iter().map(|node| {
        let start = || {
            let setup = Setup {
                workers: 1,
                processes: &processes,
                port: 0,
                sts: stage.sts.port,
                backend: stage.backend.port,
                module: &options.module,
                timeout: 2,
                token: TOKEN,
                cache: "256m",
                behind: Some(&node.behind),
            };
            Gateway::start(&options.nginx, node.contestant, setup)
        };
        Ok((node.name, start()?, start()?))
    });
    let gateways: Vec<_> = gateways.collect::<Result<_>>()?;
    let (count, rounds) = if options.quick { (QUICK, 3) } else { (FULL, 11) };
    let mut rows = Vec::new();
    for (name, ..) in &gateways {
        for what in WHATS {
            rows.push((*name, what, Samples::default()));
        }
    }
    for _ in 0..rounds {
        for (number, (_, here, there)) in gateways.iter().enumerate() {
            let samples = round(&stage, here, there, count)?;
            let of = rows.iter_mut().skip(number * WHATS.len());
            for ((.., samples), sample) in of.zip(samples) {
                samples.rate.push(sample.rate);
                samples.cpu.push(sample.cpu);
                samples.p50.push(sample.p50);
                samples.p99.push(sample.p99);
            }
        }
    }
    let row = |(contestant, what, samples): (_, _, Samples)| StoreRow {
        contestant,
        what,
        rate: Spread::of(samples.rate),
        cpu: Spread::of(samples.cpu),
        p50: Spread::of(samples.p50),
        p99: Spread::of(samples.p99),
    };
    Ok(rows.into_iter().map(row).collect())
}

/// What is asked for, in this order.
const WHATS: [&str; 3] = ["in the zone", "in the store", "nowhere"];

#[derive(Default)]
struct Samples {
    rate: Vec<f64>,
    cpu: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

struct Sample {
    rate: f64,
    cpu: f64,
    p50: f64,
    p99: f64,
}

/// Tokens that `here` gets are asked for `there`, then once more, and then others.
fn round(stage: &Stage, here: &Gateway, there: &Gateway, count: u64) -> Result<[Sample; 3]> {
    let first = NEW.fetch_add(count, Ordering::Relaxed);
    ask(stage, here, first, count, count)?;
    thread::sleep(SETTLED);
    let in_store = ask(stage, there, first, count, 0)?;
    let in_zone = ask(stage, there, first, count, 0)?;
    let others = NEW.fetch_add(count, Ordering::Relaxed);
    let nowhere = ask(stage, there, others, count, count)?;
    thread::sleep(SETTLED);
    Ok([in_zone, in_store, nowhere])
}

/// Asks for so many tokens, each once, which has to make so many calls.
fn ask(stage: &Stage, gateway: &Gateway, first: u64, count: u64, calls: u64) -> Result<Sample> {
    let tokens = Tokens::source(TOKEN);
    let mut numbers = first..first + count;
    let next = || numbers.next().map(|number| request("exchange", &tokens.numbered(number)));
    let before = stage.sts.calls();
    let ((ran, took, outcome), seen) = {
        let (ran, seen) = stage.backend.watch(|| {
            stage.aside(|| {
                let mut load = Load::connect(gateway.port, CONNECTIONS)?;
                let (time, start) = (gateway.time()?, Instant::now());
                let outcome = load.run(Duration::MAX, next)?;
                Ok((gateway.time()? - time, start.elapsed(), outcome))
            })
        });
        (ran?, seen)
    };
    let failure = |what: &str| stage.failure(gateway, what);
    let outcome = outcome.all_well().map_err(|error| failure(&error.to_string()))?;
    let made = stage.sts.calls() - before;
    if made != calls || outcome.answers != count {
        return Err(failure(&format!("{made} calls, not {calls}")).into());
    }
    // One of the last requests, in any order.
    let is_one = |number: u64| {
        let expected = Tokens::target(TOKEN).like(&tokens.numbered(number));
        seen == [b"Bearer ", expected.as_slice()].concat()
    };
    if !(first..first + count).rev().any(is_one) {
        return Err(failure("the backend got another token").into());
    }
    Ok(Sample {
        rate: count as f64 / took.as_secs_f64(),
        cpu: ran as f64 / 1000.0 / count as f64,
        p50: outcome.latency.value_at_quantile(0.5) as f64,
        p99: outcome.latency.value_at_quantile(0.99) as f64,
    })
}
