//! A model of two nodes with two workers each, an STS that is away for a minute, and a thousand users, in
//! virtual time: what renewing, remembering and the breaker change. The rules are those of the crates.
//!
//! `cargo run --release -p sts-flight --example outage -- docs/img/outage.svg` writes the picture, and prints
//! the figures for docs/operations.md.
#![expect(clippy::print_stdout, clippy::indexing_slicing, reason = "this is what it is for")]

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::fmt::Write as _;

use sts_core::cache_key::CacheKey;
use sts_core::life::LifePolicy;
use sts_flight::ahead::{self, RefreshAhead, Standing};
use sts_flight::token::Validity;
use sts_net::breaker::{Admission, Breaker, Outcome, Policy};

/// Milliseconds, unless said otherwise.
const END: u64 = 360_000;
const OUTAGE: (u64, u64) = (150_000, 210_000);
const TIMEOUT: u64 = 5_000;
const LATENCY: u64 = 50;
/// Calls at once beyond which the STS gets slower.
const CAPACITY: u64 = 40;

const NODES: usize = 2;
const WORKERS: usize = 4;
const USERS: u64 = 1_000;
/// Between two requests of one user, on average.
const PAUSE: u64 = 2_000;
/// Users whose tokens are refused, and by which factor their requests come more often.
const REFUSED: u64 = 20;
const EAGER: u64 = 20;

/// Seconds for which a token is good.
const LIFE: u64 = 60;
const POLICY: LifePolicy = LifePolicy { cap: 300, leeway: 0 };
const CALLS: usize = 256;
const QUEUE: usize = 1_024;

#[derive(Clone, Copy)]
struct Setup {
    name: &'static str,
    color: &'static str,
    ahead: RefreshAhead,
    negative: u64,
    breaker: Option<Policy>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Request(u64),
    Ends(usize),
}

/// What a node knows of a user's token.
#[derive(Default)]
struct Entry {
    validity: Option<Validity>,
    failures: u32,
    not_before: u64,
    refused: Option<u64>,
    is_called: bool,
    /// When those came that wait for the call.
    waiting: Vec<u64>,
}

struct Call {
    node: usize,
    worker: usize,
    user: u64,
    is_refresh: bool,
    asked: u64,
    sent: u64,
    admission: Option<Admission>,
    outcome: Outcome,
}

#[derive(Default)]
struct Worker {
    breaker: Breaker,
    running: usize,
    queue: VecDeque<usize>,
}

/// What happened in a second.
#[derive(Clone, Copy, Default)]
struct Second {
    requests: u64,
    calls: u64,
    failures: u64,
    waited: u64,
}

struct Model {
    setup: Setup,
    now: u64,
    random: u64,
    events: BinaryHeap<Reverse<(u64, Event)>>,
    entries: HashMap<(usize, u64), Entry>,
    workers: Vec<Worker>,
    calls: Vec<Call>,
    at_sts: u64,
    seconds: Vec<Second>,
}

impl Model {
    fn run(setup: Setup) -> Vec<Second> {
        let seconds = vec![Second::default(); (END / 1_000) as usize + 1];
        let mut model = Self {
            setup,
            now: 0,
            random: 88_172_645_463_325_252,
            events: BinaryHeap::new(),
            entries: HashMap::new(),
            workers: (0..WORKERS).map(|_| Worker::default()).collect(),
            calls: Vec::new(),
            at_sts: 0,
            seconds,
        };
        for user in 0..USERS {
            // They did not all come in at once.
            let at = model.dice(LIFE * 1_000);
            model.events.push(Reverse((at, Event::Request(user))));
        }
        while let Some(Reverse((at, event))) = model.events.pop() {
            if at >= END {
                break;
            }
            model.now = at;
            match event {
                Event::Request(user) => model.request(user),
                Event::Ends(call) => model.end(call),
            }
        }
        model.seconds
    }

    fn dice(&mut self, sides: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % sides
    }

    fn second(&mut self) -> &mut Second {
        &mut self.seconds[(self.now / 1_000) as usize]
    }

    fn request(&mut self, user: u64) {
        let pause = if user < REFUSED { PAUSE / EAGER } else { PAUSE };
        let next = self.now + 1 + self.dice(2 * pause);
        self.events.push(Reverse((next, Event::Request(user))));
        self.second().requests += 1;
        let worker = self.dice(WORKERS as u64) as usize;
        let node = worker % NODES;
        let (now, setup) = (self.now, self.setup);
        let entry = self.entries.entry((node, user)).or_default();
        let standing = entry.validity.map_or(Standing::Over, |validity| {
            setup.ahead.judge(&validity, &POLICY, &key(user), now)
        });
        match standing {
            Standing::Good => {}
            Standing::Due => {
                if !entry.is_called && now >= entry.not_before {
                    entry.is_called = true;
                    self.call(node, worker, user, true);
                }
            }
            Standing::Over => {
                if entry.refused.is_some_and(|at| now < at + setup.negative) {
                    return;
                }
                entry.waiting.push(now);
                if !entry.is_called {
                    entry.is_called = true;
                    self.call(node, worker, user, false);
                }
            }
        }
    }

    fn call(&mut self, node: usize, worker: usize, user: u64, is_refresh: bool) {
        let (asked, sent) = (self.now, 0);
        let outcome = Outcome::Nothing;
        let call = Call { node, worker, user, is_refresh, asked, sent, admission: None, outcome };
        self.calls.push(call);
        let number = self.calls.len() - 1;
        let queue = &mut self.workers[worker].queue;
        if queue.len() >= QUEUE {
            return self.answer(number, None);
        }
        queue.push_back(number);
        self.serve(worker);
    }

    /// Makes the calls that may run now.
    fn serve(&mut self, worker: usize) {
        loop {
            let one = &mut self.workers[worker];
            let most = one.breaker.allowance().unwrap_or(CALLS).min(CALLS);
            if one.running >= most {
                return;
            }
            let Some(number) = one.queue.pop_front() else { return };
            let Ok(admission) = one.breaker.begin(self.setup.breaker, self.now) else {
                self.answer(number, None);
                continue;
            };
            one.running += 1;
            self.at_sts += 1;
            self.second().calls += 1;
            let is_away = (OUTAGE.0..OUTAGE.1).contains(&self.now);
            let left = TIMEOUT.saturating_sub(self.now - self.calls[number].asked);
            let takes = LATENCY * self.at_sts.div_ceil(CAPACITY).max(1);
            let is_late = is_away || takes > left;
            let call = &mut self.calls[number];
            call.sent = self.now;
            call.admission = Some(admission);
            call.outcome = if is_late { Outcome::Failed } else { Outcome::Answered };
            let end = self.now + if is_late { left.max(1) } else { takes };
            self.events.push(Reverse((end, Event::Ends(number))));
        }
    }

    fn end(&mut self, number: usize) {
        self.at_sts -= 1;
        let call = &mut self.calls[number];
        let (worker, outcome, sent) = (call.worker, call.outcome, call.sent);
        let one = &mut self.workers[worker];
        one.running -= 1;
        if let Some(admission) = call.admission.take() {
            let _ = one.breaker.end(admission, self.setup.breaker, outcome, self.now);
        }
        self.answer(number, (outcome == Outcome::Answered).then_some(sent));
        self.serve(worker);
    }

    /// The call has ended; with a token, or a refusal, where the STS has answered.
    fn answer(&mut self, number: usize, answered: Option<u64>) {
        let Call { node, user, is_refresh, .. } = self.calls[number];
        let now = self.now;
        let Some(entry) = self.entries.get_mut(&(node, user)) else { return };
        entry.is_called = false;
        match answered {
            Some(_) if user < REFUSED => entry.refused = Some(now),
            Some(sent) => {
                let (good_for, at_most) = (Some(LIFE), u64::MAX);
                entry.validity = Some(Validity { sent, good_for, at_most, is_final: false });
                (entry.failures, entry.not_before) = (0, 0);
            }
            None if is_refresh => {
                entry.not_before = now + ahead::pause(entry.failures, &key(user));
                entry.failures += 1;
            }
            None => {}
        }
        let waiting = std::mem::take(&mut entry.waiting);
        let second = self.second();
        for came in waiting {
            second.waited += now - came;
            // What is refused is no failure.
            second.failures += u64::from(answered.is_none());
        }
    }
}

/// A digest for a user.
fn key(user: u64) -> CacheKey {
    let mut key = [0; 32];
    for (at, part) in key.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let mixed = (user + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(at as u32 * 13 + 7);
        *part = mixed.wrapping_mul(0xD1B5_4A32_D192_ED03).to_le_bytes();
    }
    CacheKey(key)
}

fn main() {
    let ahead = RefreshAhead::after(80);
    let breaker = Some(Policy { failures: 5, time: 2_000 });
    let (off, none) = (RefreshAhead::OFF, None);
    let setups = [
        Setup { name: "none of it", color: "#888888", ahead: off, negative: 0, breaker: none },
        Setup { name: "STSRefreshAhead", color: "#1f6fb4", ahead, negative: 0, breaker: none },
        Setup {
            name: "and STSNegativeTTL",
            color: "#2e8b57",
            ahead,
            negative: 5_000,
            breaker: none,
        },
        Setup { name: "and STSBreaker", color: "#c0392b", ahead, negative: 5_000, breaker },
    ];
    let runs: Vec<_> = setups.iter().map(|setup| (*setup, Model::run(*setup))).collect();
    println!(
        "| with | calls | most in a second | waited, all together | of it before the outage | failed |"
    );
    println!("|---|---|---|---|---|---|");
    for (setup, seconds) in &runs {
        let sum = |of: Figure| seconds.iter().map(of).sum::<u64>();
        // The caches are filled in the first minute.
        let most = seconds.iter().skip(70).map(|second| second.calls).max().unwrap_or(0);
        let before: u64 = seconds[70..150].iter().map(|second| second.waited).sum();
        println!(
            "| {} | {} | {} | {} s | {} s | {} of {} requests |",
            setup.name,
            sum(|second| second.calls),
            most,
            sum(|second| second.waited) / 1_000,
            before / 1_000,
            sum(|second| second.failures),
            sum(|second| second.requests),
        );
    }
    if let Some(path) = std::env::args().nth(1) {
        let written = std::fs::write(&path, picture(&runs));
        println!("{path}: {written:?}");
    }
}

/// What a panel shows of a second.
type Figure = fn(&Second) -> u64;

const WIDTH: usize = 760;
const HEIGHT: usize = 150;
const LEFT: usize = 60;
/// Room for the half of the last time.
const RIGHT: usize = 30;

fn picture(runs: &[(Setup, Vec<Second>)]) -> String {
    let panels: [(&str, Figure); 3] = [
        ("calls to the STS in a second", |second| second.calls),
        ("requests that failed in a second", |second| second.failures),
        ("seconds that requests waited, those that ended in a second", |second| {
            second.waited / 1_000
        }),
    ];
    let height = panels.len() * (HEIGHT + 50) + 40;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>Two nodes, four workers, a thousand users, \
         and an STS that is away from second 150 to 210</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (at, (setup, _)) in runs.iter().enumerate() {
        let x = LEFT + at * 170;
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"12\" width=\"14\" height=\"4\" fill=\"{}\"/>\
             <text x=\"{}\" y=\"18\">{}</text>",
            setup.color,
            x + 20,
            setup.name
        );
    }
    let count = END / 1_000;
    let x =
        |second: u64| LEFT as f64 + second as f64 * (WIDTH - LEFT - RIGHT) as f64 / count as f64;
    for (at, (title, of)) in panels.iter().enumerate() {
        let top = 50 + at * (HEIGHT + 50);
        let bottom = top + HEIGHT;
        let values = runs.iter().flat_map(|(_, seconds)| seconds.iter().skip(70).map(of));
        let most = values.max().unwrap_or(1).max(1).next_multiple_of(500);
        let y = |value: u64| bottom as f64 - value.min(most) as f64 * HEIGHT as f64 / most as f64;
        let (from, to) = (x(OUTAGE.0 / 1_000), x(OUTAGE.1 / 1_000));
        let _ = writeln!(
            svg,
            "<rect x=\"{from:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"{HEIGHT}\" fill=\"#f3e9d8\"/>\
             <text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#7a6a4a\">no answers</text>\
             <text x=\"{LEFT}\" y=\"{}\">{title}</text>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{most}</text>\
             <text x=\"{}\" y=\"{bottom}\" text-anchor=\"end\">0</text>\
             <path d=\"M{LEFT} {top}V{bottom}H{}\" fill=\"none\" stroke=\"#555555\"/>",
            to - from,
            f64::midpoint(from, to),
            top + 12,
            top - 8,
            LEFT - 6,
            top + 10,
            LEFT - 6,
            WIDTH - RIGHT,
        );
        for second in (0..=count).step_by(60) {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{second} s</text>",
                x(second),
                bottom + 16
            );
        }
        for (setup, seconds) in runs {
            let points: Vec<_> = (0..count)
                .map(|second| {
                    let value = of(&seconds[second as usize]);
                    format!("{:.1},{:.1}", x(second), y(value))
                })
                .collect();
            let _ = writeln!(
                svg,
                "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" points=\"{}\"/>",
                setup.color,
                points.join(" ")
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}
