//! What a location does with a request.

use std::cell::Cell;
use std::rc::Rc;

use sts_core::error::{Failure, FailureKind};

use crate::cache::Cache;
use crate::conf::Carrier;
use crate::conf::argument::Problem;
use crate::conf::bypass::Bypass;
use crate::conf::chain::Slot;
use crate::conf::error_status::ErrorStatuses;
use crate::conf::grant::Username;
use crate::conf::identity::ExchangeId;
use crate::conf::max_calls::PerValue;
use crate::conf::policy::{BoundTokens, Challenge, OnFailure};
use crate::conf::purge_on::PurgeOn;
use crate::conf::settings::Settings;
use crate::conf::text::Text;
use crate::nginx::conf::Conf;
use crate::nginx::phase::Phase;
use crate::parameters::Parameter;
use crate::request_header::RequestHeader;
use crate::way::Way;

/// Milliseconds that a call may take in all.
pub(super) const TIMEOUT: u64 = 20_000;

/// Seconds that no token is kept for longer.
pub(super) const CACHE_EXPIRES_IN: u64 = 300;

/// Milliseconds taken off each expiry.
pub(super) const EXPIRY_LEEWAY: u64 = 15_000;

/// A usable exchange.
pub(crate) struct Exchange {
    pub(crate) id: ExchangeId,
    /// Where its tokens come from.
    pub(crate) way: Way,
    pub(crate) carrier: Rc<Carrier>,
    pub(crate) parameters: Rc<Vec<Parameter>>,
    /// Headers of the calls.
    pub(crate) request_headers: Rc<Vec<RequestHeader>>,
    /// Where it depends on the request.
    pub(crate) client_id: Option<Rc<Text>>,
    pub(crate) username: Option<Rc<Username>>,
    /// What bounds the calls that have a value in common.
    pub(crate) per_value: Option<Rc<PerValue>>,
    pub(crate) phase: Phase,
    /// The body is read before the exchange is made.
    pub(crate) after_body: bool,
    pub(crate) bypass: Rc<Bypass>,
    pub(crate) on_error: OnFailure,
    pub(crate) on_missing: OnFailure,
    pub(crate) error_status: Rc<ErrorStatuses>,
    pub(crate) bound_tokens: BoundTokens,
    pub(crate) ignore_client_abort: bool,
    pub(crate) challenge: Rc<Challenge>,
    /// When its token is forgotten since a backend does not take it, and the request sent once more.
    pub(crate) purge_on: Option<Rc<PurgeOn>>,
    /// `None` where nothing is kept.
    pub(crate) cache: Option<Rc<Cache>>,
    /// The exchanges whose results it needs, once all blocks are merged.
    pub(crate) chain: Slot,
    /// Another exchange needs its result: it serves no request itself.
    pub(crate) is_step: Cell<bool>,
}

impl Exchange {
    /// Whether something of the request is made a token of.
    pub(crate) fn has_source(&self) -> bool {
        self.way.has_source()
    }

    /// The status that a request is answered with when it is refused.
    pub(crate) fn status(&self, failure: &Failure) -> u16 {
        self.error_status.of(failure)
    }

    /// What happens to a request whose exchange fails.
    pub(crate) fn policy(&self, kind: FailureKind) -> OnFailure {
        match kind {
            kind if kind.is_of_request() => OnFailure::Return,
            // Whatever is said of requests without a source.
            FailureKind::MissingActor => OnFailure::Return,
            FailureKind::MissingToken => self.on_missing,
            _ => self.on_error,
        }
    }
}

/// What the type of an exchange decides.
pub(super) struct Made {
    pub(super) id: usize,
    pub(super) way: Way,
    pub(super) carrier: Rc<Carrier>,
    pub(super) cache: Option<Rc<Cache>>,
}

impl Made {
    /// The exchange, with what is said of requests whatever its type is.
    pub(super) fn exchange(self, conf: &Conf<'_>, settings: &Settings) -> Exchange {
        let Self { id, way, carrier, cache } = self;
        let bypass = settings.bypass.clone().unwrap_or_default();
        bypass.check(&conf.at(settings.places.of("STSBypass")), &carrier);
        let on_error = settings.on_error.unwrap_or(OnFailure::Return);
        Exchange {
            id: ExchangeId(id),
            way,
            carrier,
            parameters: Rc::default(),
            request_headers: Rc::default(),
            client_id: None,
            username: None,
            per_value: None,
            purge_on: None,
            phase: settings.phase.unwrap_or(Phase::PreContent),
            after_body: settings.after_body.unwrap_or(false),
            bypass,
            on_error,
            on_missing: settings.on_missing.unwrap_or(on_error),
            error_status: settings.error_status.clone().unwrap_or_default(),
            bound_tokens: settings.bound_tokens.unwrap_or(BoundTokens::Refuse),
            ignore_client_abort: settings.ignore_client_abort.unwrap_or(false),
            challenge: settings.challenge.clone().unwrap_or_else(|| Rc::new(Challenge::On)),
            cache,
            chain: Slot::default(),
            is_step: Cell::new(false),
        }
    }
}

/// Whether what acts for a subject has a place in an exchange.
pub(super) fn check_actor(
    settings: &Settings,
    kind: &str,
    takes_actor: bool,
) -> Result<(), Problem> {
    if settings.actor_token.is_none() || takes_actor {
        return Ok(());
    }
    Err(format!(
        "\"STSActorToken\" has no place in an exchange of type \"{kind}\", and would have no effect: \
         it is for the type \"otx\"; write it in the locations of that type"
    ))
}
