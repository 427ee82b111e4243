//! `STSBreaker`: when no calls are made.

use sts_net::breaker::Policy;

use crate::conf::argument::{self, Problem};

/// Milliseconds for which no call is made, where nothing is said, and the bounds.
const TIME: u64 = 10_000;
const LEAST: u64 = 100;
const MOST: u64 = 10 * 60 * 1000;

/// `failures [time] | off`
pub(super) fn parse(arguments: &[&str]) -> Result<Option<Policy>, Problem> {
    match arguments {
        [word] if word.eq_ignore_ascii_case("off") => Ok(None),
        [failures, rest @ ..] => {
            let failures = argument::number(failures, 1, 1_000)
                .map_err(|problem| format!("{problem}, or \"off\""))?;
            let failures = u32::try_from(failures).map_err(|error| error.to_string())?;
            let time = rest.first().map(|time| argument::time(time, LEAST, MOST)).transpose()?;
            Ok(Some(Policy { failures, time: time.unwrap_or(TIME) }))
        }
        [] => Err("the arguments are: failures [time], or off".into()),
    }
}
