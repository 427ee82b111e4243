//! Many requests with the same new token at once.

use std::time::Duration;

use crate::contestant::Contestant;
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
    /// Milliseconds from the STS's last answer to the last answer of the gateway.
    pub(crate) after: Spread,
}

pub(crate) const HERD_SIZE: usize = 1000;

pub(super) fn run(options: &Options) -> Result<Vec<Herd>> {
    let rounds = if options.quick { 3 } else { 7 };
    let stage = Stage::set(options, &Contestant::ALL, 2, 250, "64m")?;
    let exchanging = stage.gateways().iter().filter(|one| one.contestant != Contestant::Limit);
    let mut herds = Vec::new();
    for gateway in exchanging {
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
    let calls = stage.sts.calls();
    let ended = stage.aside(|| {
        let mut load = Load::connect(gateway.port, HERD_SIZE)?;
        let warm = Tokens::source(250).numbered(0);
        let mut left = HERD_SIZE;
        let mut once = |token: &[u8]| {
            left = left.checked_sub(1)?;
            Some(request("exchange-50", token))
        };
        // All connections are accepted before it begins, and the backend knows NGINX's.
        load.run(Duration::ZERO, || once(&warm))?.all_well()?;
        left = HERD_SIZE;
        let mut once = || {
            left = left.checked_sub(1)?;
            Some(request("exchange-50", &token))
        };
        Ok(load.run(Duration::ZERO, &mut once)?.all_well()?.ended)
    })?;
    // One call was for the warm token, when it was new.
    let calls = stage.sts.calls() - calls - u64::from(round == 0);
    let after = ended.saturating_duration_since(stage.sts.answered());
    Ok((calls as f64, after.as_secs_f64() * 1000.0))
}
