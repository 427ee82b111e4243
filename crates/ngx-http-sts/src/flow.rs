//! One exchange at an STS, from the source token to the target token.
//!
//! A request [asks](Ask) for a token. What the cache has is its at once; else it [waits](Pending) for
//! a call. A call belongs to the worker, not to the request that started it: it owns all that it uses,
//! a client that leaves does not take it away from the others, and it fills the cache for whoever
//! comes next.

use std::cell::Cell;
use std::rc::Rc;

use sts_core::cache_key::{CacheKey, source_tag};
use sts_core::error::Failure;
use sts_core::issued::{Issued, TokenType};
use sts_core::life;
use sts_core::now::UnixTime;
use sts_core::profile::{Incoming, Names, Parameter, Subject};
use sts_core::secret::Secret;
use sts_zone::zone::{Tags, tag};

use crate::conf::exchange::Callee;
use crate::context::Source;
use crate::net;
use crate::nginx::clock;
use crate::nginx::timer::Hold;
use crate::target::Target;

/// What a request asks an STS for.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) callee: Rc<Callee>,
    pub(crate) source: Source,
    /// The source token, decoded.
    pub(crate) token: Rc<Secret>,
    /// The name of what is asked for.
    pub(crate) key: CacheKey,
    /// Names and evaluated values.
    pub(crate) parameters: Rc<Vec<(String, Secret)>>,
    pub(crate) client_id: Option<Rc<[u8]>>,
    pub(crate) username: Option<Rc<[u8]>>,
}

/// A token that a request may use.
#[derive(Clone)]
pub(crate) struct Granted {
    pub(crate) token: Rc<Target>,
    pub(crate) token_type: TokenType,
    pub(crate) how: How,
    /// Milliseconds since 1970 up to which others may use it too.
    pub(crate) until: u64,
}

/// The value of `$sts_status` for a request that got a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It waited for the call that another request had started.
    Coalesced,
    /// It was in the cache.
    Hit,
    /// The STS was called for it.
    Miss,
}

impl How {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Coalesced => "COALESCED",
            Self::Hit => "HIT",
            Self::Miss => "MISS",
        }
    }
}

impl Ask {
    /// Calls `use_it` with what the protocol needs of the request.
    fn with_subject<R>(&self, use_it: impl FnOnce(&Subject<'_>, &Names<'_>) -> R) -> R {
        let parameters: Vec<_> = self
            .parameters
            .iter()
            .map(|(name, value)| Parameter { name, value: value.expose() })
            .collect();
        let subject = Subject { source: &self.token, parameters: &parameters };
        let names =
            Names { client_id: self.client_id.as_deref(), username: self.username.as_deref() };
        use_it(&subject, &names)
    }

    /// An STS may repeat what it was sent.
    fn without_tokens(&self, failure: Failure) -> Failure {
        let is_token = |name: &str| name.contains("token") && !name.ends_with("_type");
        let others = self.parameters.iter().filter(|(name, _)| is_token(name));
        others.fold(failure.without(&self.token), |failure, (_, token)| failure.without(token))
    }

    /// By what else its token is found in a cache.
    pub(crate) fn tags(&self) -> Tags {
        Tags {
            exchange: tag(self.callee.key.digest()),
            source: tag(&source_tag(self.token.expose())),
        }
    }

    /// Calls the STS. `sent` is set as soon as it may have seen anything; `hold` tells whether a
    /// worker that shuts down has to wait.
    ///
    /// The milliseconds are the life of the token, counted from now; 0 means that nobody else may use
    /// it.
    pub(crate) async fn call(
        &self,
        sent: &Cell<bool>,
        hold: Hold,
    ) -> Result<(Issued, u64), Failure> {
        let callee = &self.callee;
        let started = clock::milliseconds();
        let outgoing = self.with_subject(|subject, names| {
            callee.profile.request_as(subject, names, &clock::now())
        })?;
        let answer = net::call(&callee.destination, outgoing, &callee.limit, sent, hold).await?;
        let answer =
            Incoming { status: answer.status, headers: &answer.headers, body: &answer.body };
        let issued = callee.profile.response(&answer, &clock::now());
        let issued = issued.map_err(|failure| self.without_tokens(failure))?;
        let life = life::life(
            &issued,
            self.token.expose(),
            UnixTime(started.div_ceil(1000)),
            &callee.life,
        );
        let passed = clock::milliseconds().saturating_sub(started);
        Ok((issued, life.saturating_sub(passed)))
    }
}

impl Granted {
    pub(crate) fn new(issued: Issued, life: u64, how: How) -> Self {
        Self {
            token: Rc::new(Target::new(issued.token)),
            token_type: issued.token_type,
            how,
            until: clock::milliseconds().saturating_add(life),
        }
    }
}
