//! What a hit costs when there are many entries, and what exchanges leave behind in a worker.

use std::time::Duration;

use crate::contestant::Contestant;
use crate::figures::Spread;
use crate::load::Load;
use crate::race::measure;
use crate::scenario::{Entrant, Scenario, Tokens as Which};
use crate::stage::{Stage, request};
use crate::token::Tokens;
use crate::{Options, Result};

pub(crate) struct Scale {
    pub(crate) entries: u64,
    /// Microseconds of the worker for a hit, on any of them.
    pub(crate) cpu: Spread,
    /// And for the limit, in the same rounds.
    pub(crate) limit: Spread,
    /// Of the two in the same round.
    pub(crate) ratio: Spread,
    /// KiB of memory of the worker's own.
    pub(crate) memory: u64,
}

/// As for the races: of many short rounds few are hit by what else happens.
const ROUND: Duration = Duration::from_millis(250);

pub(super) fn run(options: &Options) -> Result<Vec<Scale>> {
    let sizes: &[u64] = if options.quick { &[1_000, 50_000] } else { &[1_000, 100_000, 1_000_000] };
    let rounds = if options.quick { 3 } else { 21 };
    let stage = Stage::set(options, &[Contestant::Limit, Contestant::Module], 1, 250, "1024m")?;
    let module = stage.gateway(Contestant::Module)?;
    let tokens = Tokens::source(250);
    let mut filled = 0;
    let mut scale = Vec::new();
    for entries in sizes {
        let fill = || {
            (filled < *entries).then(|| {
                filled += 1;
                request("exchange", &tokens.numbered(filled - 1))
            })
        };
        stage.aside(|| Load::connect(module.port, 64)?.run(Duration::MAX, fill)?.all_well())?;
        let scenario = Scenario {
            name: "scale",
            about: "",
            location: "exchange",
            token: 250,
            is_minted: false,
            tokens: Which::Warm(*entries),
            connections: 64,
            spread: Duration::ZERO,
            entrants: &[],
            workers: &[1],
        };
        let (mut cpu, mut limit) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            for (entrant, of) in [(Contestant::Limit, &mut limit), (Contestant::Module, &mut cpu)] {
                of.push(measure(&stage, Entrant::Gateway(entrant), &scenario, ROUND)?.cpu);
            }
        }
        let memory = module.own_memory()?;
        eprintln!("scale: {entries} entries, {memory} KiB");
        scale.push(Scale {
            entries: *entries,
            ratio: Spread::of(cpu.iter().zip(&limit).map(|(cpu, limit)| cpu / limit)),
            cpu: Spread::of(cpu),
            limit: Spread::of(limit),
            memory,
        });
    }
    Ok(scale)
}
