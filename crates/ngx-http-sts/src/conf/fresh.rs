//! How tokens are kept fresh: `STSRefreshAhead`.

use sts_core::profile::Protocol;
use sts_flight::ahead::RefreshAhead;

use crate::conf::argument::{self, Problem};

/// The share of a token's life after which the next one is asked for.
const AHEAD: RefreshAhead = RefreshAhead::after(80);

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

/// What holds where nothing is written.
pub(super) fn default_ahead(protocol: &Protocol) -> RefreshAhead {
    match protocol {
        Protocol::OAuth(grant) if grant.is_repeatable => AHEAD,
        Protocol::OAuth(_) | Protocol::WsTrust(_) => RefreshAhead::OFF,
    }
}
