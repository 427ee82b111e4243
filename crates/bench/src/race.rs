//! Runs everything that is measured, and writes down what came of it.

mod herd;
mod memory;
mod scale;
mod stall;
mod store;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::contestant::Contestant;
use crate::figures::Spread;
use crate::load::Load;
use crate::machine::Machine;
use crate::scenario::{Entrant, RACES, Scenario, Tokens as Which};
use crate::stage::{Stage, call, request};
use crate::token::Tokens;
use crate::{Options, Result, chart, report};

pub(crate) use herd::{HERD_SIZE, Herd};
pub(crate) use memory::{CROWD, Memory};
pub(crate) use scale::Scale;
pub(crate) use stall::Stall;
pub(crate) use store::StoreRow;

/// All that was measured.
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) quick: bool,
    pub(crate) races: Vec<Race>,
    pub(crate) stalls: Vec<Stall>,
    pub(crate) herds: Vec<Herd>,
    pub(crate) scale: Vec<Scale>,
    pub(crate) stores: Vec<StoreRow>,
    pub(crate) memory: Vec<Memory>,
    pub(crate) took: Duration,
}

/// A scenario with what its entrants have done.
pub(crate) struct Race {
    pub(crate) scenario: &'static Scenario,
    pub(crate) workers: usize,
    pub(crate) rounds: usize,
    pub(crate) rows: Vec<Row>,
}

impl Race {
    /// Whether this is what the usual contestants are compared by.
    pub(crate) fn is_against_the_limit(&self) -> bool {
        let mut entrants = self.scenario.entrants.iter();
        entrants.next() == Some(&Entrant::Gateway(Contestant::Limit))
            && entrants.all(|one| matches!(one, Entrant::Gateway(_)))
    }
}

pub(crate) struct Row {
    pub(crate) entrant: Entrant,
    /// Requests a second.
    pub(crate) rate: Spread,
    /// Of the rate to that of the first entrant in the same round.
    pub(crate) ratio: Spread,
    /// Microseconds that the workers have run for a request; none for the STS.
    pub(crate) cpu: Spread,
    /// Microseconds over the first entrant in the same round.
    pub(crate) over: Spread,
    /// Microseconds of the slowest request in a hundred.
    pub(crate) p99: Spread,
}

#[derive(Clone, Copy)]
pub(crate) struct Sample {
    rate: f64,
    pub(crate) cpu: f64,
    p99: f64,
}

/// How large the cache of each contestant is.
const CACHE: &str = "64m";

pub(crate) fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    let mut results = Results {
        machine: Machine::look(options)?,
        quick: options.quick,
        races: Vec::new(),
        stalls: Vec::new(),
        herds: Vec::new(),
        scale: Vec::new(),
        stores: Vec::new(),
        memory: Vec::new(),
        took: Duration::ZERO,
    };
    let is_wanted = |name: &str| name.contains(&options.only);
    for workers in [1, 2] {
        let wanted = |one: &&Scenario| is_wanted(one.name) && one.workers.contains(&workers);
        // Those with tokens of about the same length share their NGINX.
        let of_group: [fn(usize) -> bool; 4] = [
            |token| token <= 1024,
            |token| token == 4096,
            |token| token == 16384,
            |token| token > 16384,
        ];
        for is_member in of_group {
            let members: Vec<_> =
                RACES.iter().filter(wanted).filter(|one| is_member(one.token)).collect();
            let Some(longest) = members.iter().map(|one| one.token).max() else { continue };
            let takes_part = |one: &Contestant| {
                let mut entrants = members.iter().flat_map(|member| member.entrants);
                entrants.any(|entrant| entrant.contestant() == Some(*one))
            };
            let contestants: Vec<_> = Contestant::ALL.into_iter().filter(takes_part).collect();
            let stage = Stage::set(options, &contestants, workers, longest, CACHE)?;
            for scenario in members {
                let race = compete(&stage, scenario, scenario.effort(options.quick))?;
                eprint!("{}", report::lines(&race));
                results.races.push(race);
            }
        }
    }
    if is_wanted("stall") {
        results.stalls = stall::run(options)?;
    }
    if is_wanted("herd") {
        results.herds = herd::run(options)?;
    }
    if is_wanted("scale") {
        results.scale = scale::run(options)?;
    }
    if is_wanted("store") {
        results.stores = store::run(options)?;
    }
    if is_wanted("memory") {
        results.memory = memory::run(options)?;
    }
    results.took = start.elapsed();
    std::fs::write(options.place.join("ratios.svg"), chart::draw(&results.races))?;
    std::fs::write(options.place.join("RESULTS.md"), report::write(&results))?;
    Ok(())
}

fn compete(
    stage: &Stage,
    scenario: &'static Scenario,
    (time, rounds): (Duration, usize),
) -> Result<Race> {
    for entrant in scenario.entrants {
        warm_up(stage, *entrant, scenario)?;
    }
    let mut samples = vec![Vec::new(); scenario.entrants.len()];
    for round in 0..rounds {
        // None always runs behind the same one.
        for turn in 0..samples.len() {
            let number = (turn + round) % scenario.entrants.len();
            if let (Some(entrant), Some(of)) =
                (scenario.entrants.get(number), samples.get_mut(number))
            {
                of.push(measure(stage, *entrant, scenario, time)?);
            }
        }
    }
    let first = samples.first().cloned().unwrap_or_default();
    let pairs = |of: &[Sample], figure: fn(&Sample, &Sample) -> f64| {
        Spread::of(of.iter().zip(&first).map(|(one, first)| figure(one, first)))
    };
    let rows = scenario.entrants.iter().zip(&samples);
    let rows = rows.map(|(entrant, of)| Row {
        entrant: *entrant,
        rate: Spread::of(of.iter().map(|one| one.rate)),
        ratio: pairs(of, |one, first| one.rate / first.rate),
        cpu: Spread::of(of.iter().map(|one| one.cpu)),
        over: pairs(of, |one, first| one.cpu - first.cpu),
        p99: Spread::of(of.iter().map(|one| one.p99)),
    });
    Ok(Race { scenario, workers: stage.workers, rounds, rows: rows.collect() })
}

fn port(stage: &Stage, entrant: Entrant) -> Result<u16> {
    match entrant.contestant() {
        Some(contestant) => Ok(stage.gateway(contestant)?.port),
        None => Ok(stage.sts.port),
    }
}

fn warm_up(stage: &Stage, entrant: Entrant, scenario: &Scenario) -> Result<()> {
    let tokens = Tokens::source(scenario.token);
    let count = match scenario.tokens {
        Which::Warm(count) => count,
        Which::New => return Ok(()),
    };
    let mut numbers = 0..count;
    let requests =
        || numbers.next().map(|number| request(scenario.location, &tokens.numbered(number)));
    // No two of them are the same, so none are coalesced.
    let connections = scenario.connections.min(16);
    Load::connect(port(stage, entrant)?, connections)?.run(Duration::MAX, requests)?.all_well()?;
    Ok(())
}

/// The next number of a token that was not used yet.
static NEW: AtomicU64 = AtomicU64::new(1_000_000_000);

pub(crate) fn measure(
    stage: &Stage,
    entrant: Entrant,
    scenario: &Scenario,
    time: Duration,
) -> Result<Sample> {
    let tokens = Tokens::source(scenario.token);
    let mut turn = 0_u64;
    let next = || {
        let number = match scenario.tokens {
            // Over all of them, in no order that a cache could use.
            Which::Warm(count) => {
                turn = turn
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (turn >> 33) % count
            }
            Which::New => NEW.fetch_add(1, Ordering::Relaxed),
        };
        let token = tokens.numbered(number);
        Some(match entrant {
            Entrant::Sts => call(scenario.location, &token),
            _ => request(scenario.location, &token),
        })
    };
    let gateway = entrant.contestant().map(|contestant| stage.gateway(contestant)).transpose()?;
    let calls = stage.sts.calls();
    let (ran, outcome) = stage.aside(|| {
        let load = Load::connect(port(stage, entrant)?, scenario.connections)?;
        let mut load = load.spread(scenario.spread);
        let before = gateway.map_or(Ok(0), |gateway| gateway.time())?;
        let outcome = load.run(time, next)?;
        let after = gateway.map_or(Ok(0), |gateway| gateway.time())?;
        Ok((after - before, outcome))
    })?;
    let failure = |what: &str| match gateway {
        Some(gateway) => stage.failure(gateway, what),
        None => format!("the STS: {what}"),
    };
    let outcome = outcome.all_well().map_err(|error| failure(&error.to_string()))?;
    let calls = stage.sts.calls() - calls;
    let expected = match scenario.tokens {
        Which::New if entrant.exchanges() && !scenario.is_minted => outcome.answers,
        _ => 0,
    };
    if calls != expected {
        let answers = outcome.answers;
        return Err(failure(&format!("{calls} calls for {answers} requests")).into());
    }
    Ok(Sample {
        rate: outcome.rate(),
        cpu: ran as f64 / 1000.0 / outcome.answers as f64,
        p99: outcome.latency.value_at_quantile(0.99) as f64,
    })
}
