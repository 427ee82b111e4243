//! What a location does with its requests, whatever it speaks to an STS: when, and what if it fails.

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
            Err(_) if text.trim().is_empty() => {
                Err("the value must be \"on\", \"off\" or a challenge".into())
            }
            Err(_) => {
                let value = Value::compile(conf, text);
                value.map(Self::Custom).map_err(|_| "the value cannot be compiled".into())
            }
        }
    }
}

/// `STSBoundTokens`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BoundTokens {
    Allow,
    Refuse,
}
