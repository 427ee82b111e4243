//! Many requests with the same new token at once.

use std::time::{Duration, Instant};

use crate::contestant::{Contestant, HERD};
use crate::figures::Spread;
use crate::gateway::Gateway;
use crate::load::Load;
use crate::stage::{Stage, request};
use crate::token::Tokens;
use crate::{Options, Result};

pub(crate) struct Herd {
    pub(crate) contestant: Contestant,
    /// Calls that the STS got.
    pub(crate) calls: Spread,
    /// Milliseconds from the STS's last answer to the last answer of the gateway; from the first
    /// request, where no STS is called.
    pub(crate) after: Spread,
}

pub(crate) const HERD_SIZE: usize = 1000;

pub(super) fn run(options: &Options) -> Result<Vec<Herd>> {
    let rounds = if options.quick { 3 } else { 7 };
    let stage = Stage::set(options, &Contestant::ALL, 2, 250, "64m")?;
    let mut herds = Vec::new();
    for gateway in stage.gateways() {
        let mut trials = Vec::new();
        for round in 0..rounds {
            trials.push(stampede(&stage, gateway, round)?);
        }
        eprintln!("herd: {}", gateway.contestant.name());
        herds.push(Herd {
            contestant: gateway.contestant,
            calls: Spread::of(trials.iter().map(|(calls, _)| *calls)),
            after: Spread::of(trials.iter().map(|(_, after)| *after)),
        });
    }
    Ok(herds)
}

fn stampede(stage: &Stage, gateway: &Gateway, round: u64) -> Result<(f64, f64)> {
    let token = Tokens::source(250).numbered(700_000_000 + round);
    let (calls, began, ended) = stage.aside(|| {
        let mut load = Load::connect(gateway.port, HERD_SIZE)?;
        let mut stampede = |token: &[u8]| {
            let mut left = HERD_SIZE;
            let once = || {
                left = left.checked_sub(1)?;
                Some(request(HERD, token))
            };
            load.run(Duration::ZERO, once)?.all_well()
        };
        // All connections are accepted before it begins.
        stampede(&Tokens::source(250).numbered(0))?;
        let (calls, began) = (stage.sts.calls(), Instant::now());
        Ok((calls, began, stampede(&token)?.ended))
    })?;
    let calls = stage.sts.calls() - calls;
    let from = if calls == 0 { began } else { stage.sts.answered() };
    Ok((calls as f64, ended.saturating_duration_since(from).as_secs_f64() * 1000.0))
}
