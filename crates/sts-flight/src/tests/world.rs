//! A world of two workers, a shared cache, an STS that answers when it is told to, and a clock.

mod cache;
mod executor;
mod store;
mod sts;

use std::cell::Cell;
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::error::{Failure, FailureKind};
use sts_core::expect::{Findings, Look};
use sts_core::issued::{Said, TokenType};
use sts_core::life::LifePolicy;
use sts_core::secret::Secret;
use sts_core::target::Target;
use sts_net::calls::CallLimits;

pub(super) use self::cache::{LEASE, ModelCache};
pub(super) use self::executor::{
    PIECES, Virtual, advance, given_back, in_worker, kill, settle, shut_down, tasks_of,
};
pub(super) use self::store::{ModelStore, TIMEOUT};
pub(super) use self::sts::{LEFT, Wants, answer, calls, fail, running, send, sent_flag};
use crate::ahead::RefreshAhead;
use crate::failed::{Exceeded, Failed};
use crate::flights::{Lookup, lookup};
use crate::granted::Granted;
use crate::token::{Token, Validity};
use crate::waiting::Waiting;

/// The wall clock is ahead of the other one, as it is anywhere.
pub(super) const EPOCH: u64 = 1_700_000_000_000;

/// A client's request.
pub(super) struct Client {
    waiting: Option<Rc<Waiting<Virtual>>>,
    outcome: Option<Result<Granted, Failure>>,
    exceeded: Option<Exceeded>,
    resumed: Rc<Cell<u32>>,
}

impl Client {
    /// How its exchange stands: "waits", "MISS t1", "refused".
    pub(super) fn sees(&mut self) -> String {
        if self.outcome.is_none() {
            let outcome = self.waiting.as_ref().and_then(|waiting| waiting.take_outcome());
            self.outcome = outcome.map(|outcome| {
                outcome.map_err(|failed| {
                    self.exceeded = failed.exceeded;
                    failed.failure
                })
            });
        }
        match &self.outcome {
            None => "waits".into(),
            Some(Ok(granted)) => format!("{} {}", granted.status.name(), text(&granted.token)),
            Some(Err(failure)) => failure.kind.name().into(),
        }
    }

    /// Milliseconds since 1970 up to which others may use its token; 0 where it is kept nowhere.
    pub(super) fn until(&mut self) -> u64 {
        self.sees();
        match &self.outcome {
            Some(Ok(granted)) => granted.until,
            _ => 0,
        }
    }

    /// The limit that ended its exchange.
    pub(super) fn ended_at(&mut self) -> Option<Exceeded> {
        self.sees();
        self.exceeded.clone()
    }

    /// How often it was resumed.
    pub(super) fn resumed(&self) -> u32 {
        self.resumed.get()
    }

    /// It closes its connection.
    pub(super) fn leave(&self) {
        if let Some(waiting) = &self.waiting {
            waiting.leave();
        }
        settle();
    }
}

fn text(token: &Target) -> String {
    String::from_utf8_lossy(token.issued().expose()).into_owned()
}

/// A request arrives at a worker.
pub(super) fn request(cache: &Rc<ModelCache>, wants: &Wants) -> Client {
    request_checked(cache, wants, |_| Ok(())).unwrap_or_else(|failure| Client {
        waiting: None,
        outcome: Some(Err(failure)),
        exceeded: None,
        resumed: Rc::default(),
    })
}

/// As [`request`], with a check of its source.
pub(super) fn request_checked(
    cache: &Rc<ModelCache>,
    wants: &Wants,
    check: impl Fn(bool) -> Result<(), Failure>,
) -> Result<Client, Failure> {
    let resumed = Rc::new(Cell::new(0));
    let found = in_worker(cache.worker, || {
        lookup::<Virtual>(cache, key(wants.key), &wants.policy, wants.fresh(), check, || {
            wants.clone()
        })
    })?;
    Ok(match found {
        Lookup::Hit(granted) => {
            settle();
            Client { waiting: None, outcome: Some(Ok(granted)), exceeded: None, resumed }
        }
        Lookup::Refused(failure) => {
            let outcome = Some(Err(failure));
            Client { waiting: None, outcome, exceeded: None, resumed }
        }
        Lookup::Waits(waiting) => {
            waiting.set_request(resumed.clone());
            settle();
            Client { waiting: Some(waiting), outcome: None, exceeded: None, resumed }
        }
    })
}

/// A request arrives at a location without a cache.
pub(super) fn request_alone(worker: usize, wants: &Wants) -> Client {
    let resumed = Rc::new(Cell::new(0));
    let waiting = in_worker(worker, || Waiting::alone(wants.clone()));
    waiting.set_request(resumed.clone());
    settle();
    Client { waiting: Some(waiting), outcome: None, exceeded: None, resumed }
}

pub(super) fn key(number: u8) -> CacheKey {
    CacheKey([number; 32])
}

/// What a location wants that has nothing special.
pub(super) fn wants() -> Wants {
    Wants {
        key: 1,
        timeout: 20_000,
        timeout_alone: 20_000,
        policy: LifePolicy { cap: 300, leeway: 0 },
        response: 1_000,
        calls: CallLimits::DEFAULT,
        share: None,
        has_breaker: false,
        refuses: Vec::new(),
        ahead: RefreshAhead::OFF,
        negative: 0,
    }
}

/// A token that the STS says is good for so many seconds.
pub(super) fn token(text: &str, good_for: u64) -> Token {
    Token {
        token: Target::new(Secret::new(text.as_bytes())),
        token_type: TokenType::Bearer,
        validity: Validity {
            sent: EPOCH + executor::now(),
            good_for: Some(good_for),
            at_most: u64::MAX,
            is_final: false,
        },
        unbound: true,
        kept: false,
        look: Look { findings: Findings::default(), is_expected: true },
        said: Said::default(),
        call_time: None,
    }
}

/// A refusal of the STS.
pub(super) fn refused() -> Failed {
    Failure::new(FailureKind::Refused, "invalid_grant").into()
}

/// A call that ended at a limit.
pub(super) fn exceeded(kind: FailureKind, limit: Exceeded) -> Failed {
    Failed { failure: Failure::new(kind, "a limit"), exceeded: Some(limit) }
}
