//! The configuration: from directives to checked exchanges.
//!
//! | module | what it is |
//! |---|---|
//! | [`directive`] | what a directive is |
//! | [`directives`] | the table of directives, and what each accepts |
//! | [`keys`] | the same as options of `STSExchange` |
//! | [`exchange_directive`], [`ropc_directive`] | `STSExchange`, `STSROPC` |
//! | [`issuer`] | the issuer in the place of the endpoint |
//! | [`grant_options`] | what both say of an OAuth grant |
//! | [`argument`] | the forms that arguments have: switches, numbers, sizes, times |
//! | [`written`] | what was written in one block, and how blocks inherit |
//! | [`settings`] | the settings that both syntaxes fill |
//! | [`kind`] | what an exchange speaks |
//! | [`policy`] | when it is made, and what happens when it fails |
//! | [`max_calls`], [`breaker`] | how many calls are made, and when none |
//! | [`purge_on`] | answers of a backend that make a token suspect |
//! | [`retry_on`] | answers after which a request is sent once more |
//! | [`fresh`] | how tokens are kept fresh |
//! | [`grant`], [`wstrust`] | those of one protocol |
//! | [`jwt`], [`filter`] | exchanges without an STS |
//! | [`name`], [`publications`] | what exchanges are called, and the keys that are published of some |
//! | [`place`] | where directives stand, and what is wrong there |
//! | [`unmade`] | what is written of exchanges that are never made |
//! | [`targets`] | the target variables |
//! | [`parameter`], [`request_header`], [`actor_token`], [`text`] | values that may hold variables |
//! | [`asked`] | what the settings of a protocol ask the STS for |
//! | [`exchange`] | what a location does with a request |
//! | [`merge`], [`calling`], [`minting`] | how a block comes to its exchange, one that calls an STS or one that mints |
//! | [`identity`] | what makes exchanges differ |
//! | [`error_pages`] | error pages that a refused request never gets to see |
//! | [`bypass`] | requests that are not exchanged |
//! | [`name`] | what exchanges are called |
//! | [`error_status`] | the status of an error of the STS |
//! | [`carrier`] | how tokens come in and go out |
//! | [`cache`] | the shared memory zones |
//! | [`chain`] | exchanges whose results another one needs |
//! | [`main`] | what all locations share: targets, destinations, phases |

pub(crate) mod actor_token;
pub(crate) mod argument;
mod asked;
mod breaker;
pub(crate) mod bypass;
pub(crate) mod cache;
mod calling;
pub(crate) mod carrier;
pub(crate) mod chain;
mod claimed;
pub(crate) mod directive;
pub(crate) mod directives;
pub(crate) mod error_pages;
pub(crate) mod error_status;
pub(crate) mod exchange;
mod exchange_directive;
mod filter;
mod fresh;
mod grant;
mod grant_options;
mod identity;
mod issuer;
pub(crate) mod jwt;
mod keys;
mod kind;
pub(crate) mod main;
pub(crate) mod max_calls;
mod merge;
mod minting;
pub(crate) mod name;
mod outgoing_proxy;
pub(crate) mod parameter;
pub(crate) mod place;
pub(crate) mod policy;
mod publications;
pub(crate) mod purge_on;
pub(crate) mod request_header;
pub(crate) mod retry_on;
mod ropc_directive;
pub(crate) mod settings;
mod store;
mod targets;
pub(crate) mod text;
mod unmade;
mod upstreams;
mod written;
mod wstrust;

use std::cell::Cell;
use std::rc::Rc;

pub(crate) use carrier::Carrier;
pub(crate) use exchange::Exchange;
pub(crate) use identity::ExchangeId;
use kind::Kind;
pub(crate) use main::MainConf;
pub(crate) use policy::{Challenge, OnFailure};
use settings::Settings;
use written::{InForce, Written};

use crate::cache::Cache;
use crate::jwks::Published;
use crate::status::Overview;

/// What one block (`http`, `server`, `location`, `if`) has of this module.
#[derive(Default)]
pub(crate) struct LocationConf {
    pub(crate) written: Written,
    /// Known after the merge; `http` itself has none.
    in_force: Option<InForce>,
    /// What happens to its requests.
    pub(crate) state: State,
    /// How tokens come in and go out, where they do.
    pub(crate) carrier: Option<Rc<Carrier>>,
    pub(crate) told: Told,
    /// The cache that requests to this location empty.
    pub(crate) purges: Option<Rc<Cache>>,
    /// The exchanges whose keys requests to this location get.
    pub(crate) publishes: Option<Rc<Published>>,
    /// What requests to this location are shown.
    pub(crate) shows: Option<Rc<Overview>>,
}

/// What this worker has told the log of a location, that only requests show: once is enough.
#[derive(Default)]
pub(crate) struct Told {
    /// A token that nothing passed on.
    pub(crate) unused: Cell<bool>,
    /// A request that ended before its exchange.
    pub(crate) returned: Cell<bool>,
    /// A target variable that nothing can have set.
    pub(crate) unset: Cell<bool>,
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
    Enabled(Rc<Exchange>),
}

impl LocationConf {
    /// What holds in a block below `http`.
    pub(crate) fn settings(&self) -> Option<&Settings> {
        self.in_force.as_ref().map(|in_force| &in_force.settings)
    }

    /// Whether `STSType disabled` is in force, which is more than to have no exchange.
    pub(crate) fn is_disabled(&self) -> bool {
        self.settings().is_some_and(|settings| settings.kind == Some(Kind::Disabled))
    }

    /// The exchange, when there is one.
    pub(crate) fn exchange(&self) -> Option<&Exchange> {
        match &self.state {
            State::Enabled(exchange) => Some(exchange),
            State::Disabled | State::Incomplete(_) => None,
        }
    }
}
