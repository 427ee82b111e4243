//! `STSMaxCalls`: how many calls run and wait, in all and for one value.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::rc::Rc;

use sts_core::options::Template;
use sts_net::calls::{CallLimits, Share};

use crate::conf::argument::{self, Problem};
use crate::conf::directive::{Accepted, Block, Refusal};
use crate::conf::text::Text;
use crate::nginx::request::{OutOfMemory, Request};

/// `STSMaxCalls`.
#[derive(Clone)]
pub(crate) struct MaxCalls {
    pub(crate) limits: CallLimits,
    pub(crate) per_value: Option<Rc<PerValue>>,
}

/// So many calls for one value may run and wait.
pub(crate) struct PerValue {
    text: Text,
    places: u32,
}

thread_local! {
    /// With a key: a client may choose the value.
    static HASHER: RandomState = RandomState::new();
}

impl PerValue {
    /// What a request shares places with; nothing without a value.
    pub(crate) fn share(&self, request: Request<'_>) -> Result<Option<Share>, OutOfMemory> {
        let value = self.text.evaluate(request)?;
        let digest = || {
            let [a, b, c, d, ..] = HASHER.with(|hasher| hasher.hash_one(value)).to_le_bytes();
            // Of few values that meet, each has fewer places.
            NonZeroU32::new(u32::from_le_bytes([a, b, c, d])).unwrap_or(NonZeroU32::MIN)
        };
        Ok((!value.is_empty()).then(|| Share { value: digest(), places: self.places }))
    }
}

/// What is allowed.
const FORMS: &str = "the arguments are: calls [queue calls] [per value calls]";

/// `n [queue n] [per value n]`
pub(super) fn set(block: &mut Block<'_>, arguments: &[&str]) -> Accepted {
    if block.settings.max_calls.is_some() {
        return Err(Refusal::Duplicate);
    }
    let (first, rest) = arguments.split_first().ok_or_else(|| Problem::from(FORMS))?;
    let running = count(first, 1, 65_535)?;
    let (queued, rest) = match rest {
        ["queue", number, rest @ ..] => (count(number, 0, 1_000_000)?, rest),
        rest => (CallLimits::DEFAULT.queued, rest),
    };
    let per_value = match rest {
        [] => None,
        ["per", value, number] => {
            let template = Template::of_argument(value);
            if !template.has_variables() {
                return Err(Problem::from(
                    "the value behind \"per\" holds no variable, and is the same for all calls: write \
                     what tells them apart, as $binary_remote_addr",
                )
                .into());
            }
            let text = Text::compile(block.conf, template)?;
            let places = argument::number(number, 1, 65_535)?;
            let places = u32::try_from(places).map_err(|error| error.to_string())?;
            Some(Rc::new(PerValue { text, places }))
        }
        _ => return Err(Problem::from(FORMS).into()),
    };
    block.settings.max_calls = Some(MaxCalls { limits: CallLimits { running, queued }, per_value });
    Ok(())
}

fn count(text: &str, least: u64, most: u64) -> Result<usize, Problem> {
    let number = argument::number(text, least, most)?;
    usize::try_from(number).map_err(|error| error.to_string())
}
