//! `STSPurgeOn`: answers of the backend that make a token suspect.

use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::life::LifePolicy;
use sts_core::profile::Protocol;
use sts_flight::election::Election;
use sts_flight::granted::Granted;

use crate::cache::Cache;
use crate::conf::argument::{self, Problem};

/// Milliseconds in which a token is forgotten once at most: the next one is no older then.
const PAUSE: u64 = 10_000;

/// The same for a token that is for all requests.
const PAUSE_OF_GATEWAY: u64 = 60_000;

/// What makes a token suspect, and where it lies.
pub(crate) struct PurgeOn {
    statuses: Rc<Vec<u16>>,
    cache: Rc<Cache>,
    life: LifePolicy,
    pause: u64,
}

impl PurgeOn {
    /// What holds in a block; `None` where nothing is kept, or nothing is suspect.
    ///
    /// # Errors
    /// The token lies somewhere else, too.
    pub(super) fn new(
        statuses: Option<&Rc<Vec<u16>>>,
        cache: Option<&Rc<Cache>>,
        life: LifePolicy,
        protocol: &Protocol,
    ) -> Result<Option<Rc<Self>>, Problem> {
        let statuses = statuses.filter(|statuses| !statuses.is_empty());
        let (Some(statuses), Some(cache)) = (statuses, cache) else { return Ok(None) };
        if cache.store().is_some() {
            return Err(Problem::from(
                "\"STSPurgeOn\" (option \"purge_on\") does not go with a cache that several nodes share: \
                 the token would come back from there; take a cache of type shm, or leave it out",
            ));
        }
        let (statuses, cache) = (statuses.clone(), cache.clone());
        let pause = if protocol.has_source() { PAUSE } else { PAUSE_OF_GATEWAY };
        Ok(Some(Rc::new(Self { statuses, cache, life, pause })))
    }

    /// Whether a backend has said with this status that it does not like the token.
    pub(crate) fn names(&self, status: usize) -> bool {
        self.statuses.iter().any(|one| usize::from(*one) == status)
    }

    /// Forgets a token, unless it is new, or another one lies in its place. Says whether it went.
    pub(crate) fn forget(&self, key: &CacheKey, granted: &Granted) -> bool {
        self.cache.forget_suspect(key, &self.life, granted.until, self.pause)
    }
}

/// `status ... | off`
pub(super) fn parse(arguments: &[&str]) -> Result<Rc<Vec<u16>>, Problem> {
    if let [word] = arguments
        && word.eq_ignore_ascii_case("off")
    {
        return Ok(Rc::default());
    }
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
    Ok(Rc::new(statuses))
}
