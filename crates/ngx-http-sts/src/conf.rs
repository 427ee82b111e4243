//! The configuration: from directives to checked exchanges.
//!
//! | module | what it is |
//! |---|---|
//! | [`directives`] | the table of directives, and what each accepts |
//! | [`argument`] | the forms that arguments have: switches, numbers, sizes, times |
//! | [`cache`] | the shared memory zones |
//! | [`settings`] | what was written in one block, and how blocks inherit |
//! | [`exchange`] | what a location does with a request, made of its settings |
//! | [`main`] | what all locations share: targets, destinations, phases |

pub(crate) mod argument;
pub(crate) mod cache;
pub(crate) mod directives;
pub(crate) mod exchange;
pub(crate) mod main;
pub(crate) mod settings;

use std::rc::Rc;

pub(crate) use exchange::{Challenge, Exchange, ExchangeId, OnFailure, Phase};
pub(crate) use main::MainConf;
use settings::Settings;

use crate::cache::Cache;

/// What one block (`http`, `server`, `location`, `if`) has of this module.
#[derive(Default)]
pub(crate) struct LocationConf {
    /// What was written in the block; after the merge, with what it inherits.
    pub(crate) settings: Settings,
    /// What happens to its requests.
    pub(crate) state: State,
    /// The cache that requests to this location empty.
    pub(crate) purges: Option<Rc<Cache>>,
}

/// What happens to the requests of a block.
#[derive(Default)]
pub(crate) enum State {
    /// No exchange.
    #[default]
    Disabled,
    /// A server that leaves something to its locations: a request that none of them takes must not
    /// go on without the exchange that was asked for.
    Incomplete(String),
    Enabled(Box<Exchange>),
}

impl LocationConf {
    /// The exchange, when there is one.
    pub(crate) fn exchange(&self) -> Option<&Exchange> {
        match &self.state {
            State::Enabled(exchange) => Some(exchange),
            State::Disabled | State::Incomplete(_) => None,
        }
    }
}
