//! How tokens are kept fresh (`STSRefreshAhead`), and for how long a refusal is remembered
//! (`STSNegativeTTL`).

use sts_core::profile::Protocol;
use sts_flight::ahead::{Freshness, RefreshAhead};

use crate::conf::argument::{self, Problem};
use crate::conf::settings::Settings;

/// The share of a token's life after which the next one is asked for.
const AHEAD: RefreshAhead = RefreshAhead::after(80);

/// Milliseconds for which a refusal is remembered, and the most.
const NEGATIVE: u64 = 5_000;
const LONGEST_NEGATIVE: u64 = 60 * 60 * 1000;

/// `time`
pub(super) fn negative_ttl(arguments: &[&str]) -> Result<u64, Problem> {
    argument::time(arguments.first().copied().unwrap_or_default(), 0, LONGEST_NEGATIVE)
}

/// `percent|off`
pub(super) fn refresh_ahead(arguments: &[&str]) -> Result<RefreshAhead, Problem> {
    let (least, most) = RefreshAhead::PERCENT;
    let text = arguments.first().copied().unwrap_or_default();
    if text.eq_ignore_ascii_case("off") {
        return Ok(RefreshAhead::OFF);
    }
    let percent = argument::number(text, least.into(), most.into())
        .map_err(|problem| format!("{problem}, as the percentage of a life; or \"off\""))?;
    Ok(u8::try_from(percent).map_or(RefreshAhead::OFF, RefreshAhead::after))
}

/// What holds in a block.
pub(super) fn in_force(settings: &Settings, protocol: &Protocol) -> Freshness {
    // What is refused without a source is the gateway.
    let negative = settings.negative_ttl.unwrap_or(NEGATIVE);
    Freshness {
        ahead: settings.refresh_ahead.unwrap_or_else(|| default_ahead(protocol)),
        negative: if protocol.has_source() { negative } else { 0 },
    }
}

fn default_ahead(protocol: &Protocol) -> RefreshAhead {
    match protocol {
        Protocol::OAuth(grant) if grant.is_repeatable => AHEAD,
        Protocol::OAuth(_) | Protocol::WsTrust(_) => RefreshAhead::OFF,
    }
}
