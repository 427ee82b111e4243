//! `STSPurgeOn` and `STSRetryOn`: answers of the backend that make a token suspect.

use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::life::LifePolicy;
use sts_core::profile::Protocol;
use sts_flight::granted::Granted;

use crate::cache::{Cache, Suspect};
use crate::conf::argument::{self, Problem};
use crate::conf::retry_on::RetryOn;
use crate::conf::settings::Settings;

/// Milliseconds in which a token is forgotten once at most: the next one is no older then.
const PAUSE: u64 = 10_000;

/// The same for a token that is for all requests.
const PAUSE_OF_GATEWAY: u64 = 60_000;

/// What makes a token suspect, and where it lies.
pub(crate) struct PurgeOn {
    statuses: Rc<Vec<u16>>,
    retry: Option<Rc<RetryOn>>,
    cache: Rc<Cache>,
    life: LifePolicy,
    pause: u64,
}

/// What has become of a token that a backend does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// It was forgotten.
    Now,
    /// It was gone before, or another one lies in its place.
    Before,
    /// It stays: another one has just been asked for, or would be no better.
    Not,
}

impl PurgeOn {
    /// What holds in a block; `None` where nothing is kept, or nothing is suspect.
    pub(super) fn new(
        settings: &Settings,
        cache: Option<&Rc<Cache>>,
        life: LifePolicy,
        protocol: &Protocol,
    ) -> Option<Rc<Self>> {
        let statuses = settings.purge_on.clone().unwrap_or_default();
        let retry = settings.retry_on.clone().flatten();
        if statuses.is_empty() && retry.is_none() {
            return None;
        }
        let cache = cache?.clone();
        let pause = if protocol.has_source() { PAUSE } else { PAUSE_OF_GATEWAY };
        Some(Rc::new(Self { statuses, retry, cache, life, pause }))
    }

    /// Whether a backend has said with this status that it does not like the token.
    pub(crate) fn names(&self, status: usize) -> bool {
        let is_it = |one: &u16| usize::from(*one) == status;
        self.statuses.iter().any(is_it) || self.retry_at(status).is_some()
    }

    /// The location where a request begins anew after such an answer.
    pub(crate) fn retry_at(&self, status: usize) -> Option<&str> {
        self.retry.as_ref().filter(|retry| retry.names(status)).map(|retry| retry.location())
    }

    pub(super) fn retry(&self) -> Option<&RetryOn> {
        self.retry.as_deref()
    }

    /// Forgets a token, unless it is new, or another one lies in its place.
    pub(crate) fn forget(&self, key: &CacheKey, granted: &Granted) -> Gone {
        // What is kept nowhere was asked for by this very request.
        if granted.until == 0 {
            return Gone::Not;
        }
        match self.cache.forget_suspect(key, &self.life, granted.until, self.pause) {
            Some(Suspect::Forgotten) => Gone::Now,
            Some(Suspect::Another) => Gone::Before,
            Some(Suspect::New) | None => Gone::Not,
        }
    }
}

/// `status ... | off`
pub(super) fn parse(arguments: &[&str]) -> Result<Rc<Vec<u16>>, Problem> {
    if let [word] = arguments
        && word.eq_ignore_ascii_case("off")
    {
        return Ok(Rc::default());
    }
    statuses(arguments).map(Rc::new)
}

/// Statuses by which a backend says that it does not take a token.
pub(super) fn statuses(arguments: &[&str]) -> Result<Vec<u16>, Problem> {
    let mut statuses = Vec::with_capacity(arguments.len());
    for text in arguments {
        let status = argument::number(text, 400, 499)
            .map_err(|problem| format!("{problem}, which are of the backend itself; or \"off\""))?;
        let status = u16::try_from(status).map_err(|error| error.to_string())?;
        if statuses.contains(&status) {
            return Err(format!("{status} is given twice"));
        }
        statuses.push(status);
    }
    Ok(statuses)
}
