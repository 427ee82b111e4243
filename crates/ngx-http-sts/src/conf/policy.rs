//! What a location does with its requests, whatever it speaks to an STS: when, and what if it fails.

use sts_core::options::has_variable;

use crate::conf::argument::{self, Problem};
use crate::nginx::conf::Conf;
use crate::nginx::phase::Phase;
use crate::nginx::value::Value;

/// The words of `STSPhase`.
pub(crate) const PHASES: [(&str, Phase); 3] =
    [("precontent", Phase::PreContent), ("access", Phase::Access), ("rewrite", Phase::Rewrite)];

/// `STSOnError`, `STSOnMissing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    Pass,
    Return,
}

/// `STSChallenge`.
pub(crate) enum Challenge {
    Off,
    On,
    Custom(Value),
}

impl Challenge {
    pub(crate) fn parse(conf: &Conf<'_>, text: &str) -> Result<Self, Problem> {
        match argument::switch(text) {
            Ok(true) => Ok(Self::On),
            Ok(false) => Ok(Self::Off),
            Err(_) if !is_challenge(text) => Err("the value must be \"on\", \"off\" or a challenge: a \
                                                  scheme and its parameters, as in 'Bearer \
                                                  realm=\"shop\"'; Bearer, DPoP, GNAP and Negotiate may \
                                                  stand alone"
                .into()),
            Err(_) => {
                let value = Value::compile(conf, text);
                value.map(Self::Custom).map_err(|_| "the value cannot be compiled".into())
            }
        }
    }
}

/// Whether a text can be a challenge (RFC 9110, section 11.6.1): a scheme that may stand alone, or one
/// with parameters. What variables make of it is seen when they have a value.
fn is_challenge(text: &str) -> bool {
    const ALONE: [&str; 4] = ["Bearer", "DPoP", "GNAP", "Negotiate"];
    match text.trim().split_once(' ') {
        Some((_, parameters)) => parameters.contains(['=', '$']) || !parameters.contains(' '),
        None => {
            let scheme = text.trim();
            has_variable(scheme) || ALONE.iter().any(|word| word.eq_ignore_ascii_case(scheme))
        }
    }
}

/// `STSBoundTokens`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BoundTokens {
    Allow,
    Refuse,
}
