//! What a zone costs: memory by the size of a token, time and instructions of a look-up by the number
//! of tokens. `make zone-costs` runs it.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use sts_zone::zone::{Capacity, Claim, Digest, Found, Purge, Tags, Value, Zone};

/// Bytes of the tokens that are looked up.
const TOKEN: usize = 250;

/// Sizes of tokens of which the memory is told: 0.3, 1, 2, 8 and 64 KiB.
const SIZES: [usize; 5] = [307, 1024, 2048, 8192, 65_536];

/// Bytes of a zone that are enough for one more token of that size.
const ROOM: usize = 500;

/// Milliseconds.
const NOW: u64 = 1_000_000;
const LIFE: u64 = 1_000_000;

const CAPACITY: Capacity = Capacity { entries: usize::MAX, value: usize::MAX };

const USAGE: &str =
    "usage: costs memory | time <tokens>... | pauses <tokens> | look-ups <tokens> <number>";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["memory"] => memory(),
        ["time", ref tokens @ ..] if !tokens.is_empty() => time(tokens.iter().map(|n| number(n))),
        ["pauses", tokens] => pauses(number(tokens)),
        ["look-ups", tokens, looked] => {
            let zone = Filled::with(number(tokens));
            for round in 0..number(looked) {
                look_up(&zone, round);
            }
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}

/// A zone with so many tokens.
struct Filled {
    words: Vec<AtomicU64>,
    tokens: u64,
}

impl Filled {
    fn with(tokens: u64) -> Self {
        let bytes = (tokens as usize + 10_000) * ROOM;
        let words = (0..bytes / 8).map(|_| AtomicU64::new(0)).collect();
        let filled = Self { words, tokens };
        for token in 0..tokens {
            filled.put(token, &[b'x'; TOKEN]);
        }
        filled
    }

    fn open(&self) -> Option<Zone<'_>> {
        Zone::open(&self.words, NOW, || Some([7; 32]))
    }

    fn put(&self, token: u64, bytes: &[u8]) -> bool {
        let Some(mut zone) = self.open() else { return false };
        let (key, claim) = (key(token), Claim { process: 1, awaits: None });
        let Found::Lead(call) = zone.find(&key, claim, |_| true, |_| true) else { return false };
        let tags = Tags { exchange: 1, source: token };
        let value = Value { tags, note: 0, bytes, sent: NOW, life: LIFE };
        zone.complete(&key, call, &value, CAPACITY)
    }

    fn entries(&self) -> u64 {
        self.open().map_or(0, |zone| zone.statistics().entries)
    }
}

/// Digests are spread evenly; these are, too.
fn key(token: u64) -> Digest {
    let mut key = Digest::default();
    let (chunks, _) = key.as_chunks_mut::<8>();
    let mut word = token + 1;
    for chunk in chunks {
        word = (word ^ word >> 31).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        *chunk = word.to_ne_bytes();
    }
    key
}

/// What is measured: the zone opened, a token found and copied out. In no order that a processor
/// could guess.
#[inline(never)]
fn look_up(filled: &Filled, round: u64) -> bool {
    let token = round.wrapping_mul(0x9E37_79B9_7F4A_7C15) % filled.tokens.max(1);
    let Some(mut zone) = filled.open() else { return false };
    let claim = Claim { process: 1, awaits: None };
    let found = zone.find(&key(token), claim, |_| true, |_| true);
    matches!(black_box(found), Found::Hit(_))
}

/// Fills zones until they are full: what one more token takes is the zone less what is for calls,
/// divided by the tokens in it.
fn memory() {
    println!("{:>12} {:>14} {:>20} {:>8}", "token", "in the zone", "1.25 x token + 256", "tokens");
    for size in SIZES {
        let bytes = 64 << 20;
        let filled =
            Filled { words: (0..bytes / 8).map(|_| AtomicU64::new(0)).collect(), tokens: 0 };
        let token = vec![b'x'; size];
        let mut tokens = 0;
        while filled.entries() == tokens {
            filled.put(tokens, &token);
            tokens += 1;
        }
        // One was pushed out by the last, and two tenths of the zone are for calls and refusals.
        let fit = filled.entries();
        let each = bytes as f64 * 0.8 / fit as f64;
        let most = 1.25 * size as f64 + 256.0;
        println!("{size:>12} {each:>14.0} {most:>20.0} {fit:>8}");
    }
}

fn time(tokens: impl Iterator<Item = u64>) {
    const ROUNDS: u64 = 200_000;
    println!("{:>12} {:>22}", "tokens", "time of a look-up");
    for tokens in tokens {
        let filled = Filled::with(tokens);
        let best = (0..5).map(|turn| {
            let start = Instant::now();
            let hits = (0..ROUNDS).filter(|round| look_up(&filled, turn * ROUNDS + round)).count();
            let took = start.elapsed();
            if hits as u64 == ROUNDS { took } else { Duration::MAX }
        });
        let each = best.min().unwrap_or(Duration::MAX).as_nanos() as u64 / ROUNDS;
        println!("{tokens:>12} {each:>19} ns");
    }
}

/// How long the lock is held at most.
fn pauses(tokens: u64) {
    let filled = Filled::with(tokens);
    let mut steps: Vec<Duration> = Vec::new();
    let mut from = Some(0);
    while let Some(at) = from {
        let start = Instant::now();
        from = filled.open().and_then(|mut zone| zone.purge(Purge::All, at).1);
        steps.push(start.elapsed());
    }
    steps.sort_unstable();
    let all: Duration = steps.iter().sum();
    let of = |part: usize| steps.get(steps.len() * part / 1000).copied().unwrap_or_default();
    println!("a purge of {tokens} tokens: {} steps, {all:.1?} in all", steps.len());
    println!("a step: half of them up to {:.1?}, 99.9 % up to {:.1?}", of(500), of(999));
    for token in 0..tokens {
        filled.put(token, &[b'x'; TOKEN]);
    }
    if let Some(zone) = filled.open() {
        zone.leave_changing();
    }
    let start = Instant::now();
    black_box(filled.open());
    println!("emptying the zone after a death: {:.1?}", start.elapsed());
}
