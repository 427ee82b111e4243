//! One exchange at an STS, from the source token to the target token.
//!
//! A request [asks](Ask) for a token. What the cache has is its at once; else it [waits](Pending) for
//! a call. A call belongs to the worker, not to the request that started it: it owns all that it uses,
//! a client that leaves does not take it away from the others, and it fills the cache for whoever
//! comes next.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::error::Failure;
use sts_core::issued::TokenType;
use sts_core::life::{self, Doubt, LifePolicy};
use sts_core::now::UnixTime;
use sts_core::profile::{Incoming, Names, Parameter, Subject};
use sts_core::secret::{Secret, SharedSecret};
use sts_core::source::Claims;
use sts_net::calls::CallLimits;

use crate::conf::exchange::Callee;
use crate::context::Source;
use crate::net::{self, CallError, Limit, Message};
use crate::nginx::clock;
use crate::nginx::log::{self, Level};
use crate::nginx::timer::Hold;
use crate::target::Target;

/// What a request asks an STS for.
pub(crate) struct Ask {
    pub(crate) callee: Rc<Callee>,
    pub(crate) source: Source,
    /// The source token, decoded.
    pub(crate) token: SharedSecret,
    /// The name of what is asked for.
    pub(crate) key: CacheKey,
    /// Names and evaluated values.
    pub(crate) parameters: Vec<(String, Secret)>,
    pub(crate) client_id: Option<Rc<[u8]>>,
    pub(crate) username: Option<Rc<[u8]>>,
    /// What the source token says of itself.
    pub(crate) claims: Claims,
    /// The source token was looked at, and is bound to no key of its client.
    pub(crate) unbound: bool,
}

/// A token, and for how long it is good.
pub(crate) struct Token {
    pub(crate) token: Target,
    pub(crate) token_type: TokenType,
    pub(crate) validity: Validity,
    /// Its source was looked at, and is bound to no key of its client.
    pub(crate) unbound: bool,
    /// It lies in a cache, where others find it.
    pub(crate) kept: bool,
    /// What is known of its subject.
    pub(crate) about: About,
}

/// What a look at the subject of a token has shown (`STSExpect`). The name of the gateway is a part of
/// the key, so what is known of a token holds for all that ask for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// It does not name the gateway.
    Other,
    /// It is not what the location that called expects: it is not kept.
    Unexpected,
    /// No location that expects anything has looked.
    Unknown,
}

/// For how long a token is good. Times are milliseconds since 1970.
#[derive(Clone, Copy)]
pub(crate) struct Validity {
    /// When it was asked for.
    pub(crate) sent: u64,
    /// Seconds after that, as the STS and the tokens say, if they do.
    pub(crate) good_for: Option<u64>,
    /// When it leaves the cache that it lies in.
    pub(crate) at_most: u64,
}

/// A token that a request may use.
pub(crate) struct Granted {
    pub(crate) token: Held,
    pub(crate) token_type: TokenType,
    pub(crate) how: How,
    /// Milliseconds since 1970 up to which others may use it too; 0 where it is kept nowhere.
    pub(crate) until: u64,
    /// What is known of its subject.
    pub(crate) about: About,
}

/// A token of one request alone, or one that several got from the same call.
pub(crate) enum Held {
    Own(Target),
    Shared(Rc<Token>),
}

/// A call that ended without a token.
#[derive(Clone)]
pub(crate) struct Failed {
    pub(crate) failure: Failure,
    pub(crate) exceeded: Option<Exceeded>,
}

/// The limit of the one that called which ended the call. Others may have wider ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exceeded {
    /// `STSMaxCalls`.
    Calls(CallLimits),
    /// `STSMaxResponse`, in bytes.
    Response(usize),
    /// `STSHTTPTimeOut`.
    Time,
    /// `STSAcceptTokenType`, which does not name this one.
    TokenType(TokenType),
    /// What this worker can do: it has no free connections, or ends. That says nothing of others.
    Worker,
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
        let subject = Subject { source: self.token.expose(), parameters: &parameters };
        let names =
            Names { client_id: self.client_id.as_deref(), username: self.username.as_deref() };
        use_it(&subject, &names)
    }

    /// Calls the STS. `sent` is set as soon as it may have seen anything; `hold` tells whether a
    /// worker that shuts down has to wait.
    pub(crate) async fn call(&self, sent: &Cell<bool>, hold: Hold) -> Result<Token, Failed> {
        let callee = &self.callee;
        callee.credential.look();
        if let Some(credential) = &callee.proxy_credential {
            credential.look();
        }
        let started = Cell::new(clock::milliseconds());
        let write = || {
            started.set(clock::milliseconds());
            self.with_subject(|subject, names| {
                let outgoing = callee.profile.request_as(subject, names, &clock::now())?;
                Message::new(&callee.destination, outgoing)
            })
        };
        let answer = net::call(&callee.destination, &write, &callee.limit, sent, hold).await;
        let started = started.get();
        let answer = answer.map_err(|error| Failed::of(error, &callee.limit))?;
        let answer = Incoming {
            status: answer.status,
            headers: &answer.headers,
            body: answer.body.expose(),
            known: &|| {
                let mut known = self.with_subject(|subject, _| callee.profile.known(subject));
                callee.destination.tell(&mut known);
                known
            },
        };
        let issued = callee.profile.response(&answer, &clock::now());
        let source = self.token.expose();
        let issued = issued.map_err(|failure| callee.history.judge(failure, source))?;
        if let Err(failure) = callee.token_types.check(&issued.token_type) {
            let reason = (answer.known)().mask(&failure.reason).into_owned();
            let failure = Failure { reason, ..failure };
            return Err(Failed { failure, exceeded: Some(Exceeded::TokenType(issued.token_type)) });
        }
        callee.history.succeed();
        let sent = UnixTime(started.div_ceil(1000));
        let life = life::good_for(&issued, self.claims.expiry(self.token.expose()), sent);
        if let Some(doubt) = life.doubt {
            callee.tell_of_doubt(doubt);
        }
        let about = self.look_at(issued.token.expose());
        Ok(Token {
            token: Target::new(issued.token),
            token_type: issued.token_type,
            validity: Validity { sent: started, good_for: life.seconds, at_most: u64::MAX },
            unbound: self.unbound,
            kept: false,
            about,
        })
    }

    /// Looks at the subject of a token, where this request expects one. What it comes to is said where
    /// the token is used.
    fn look_at(&self, token: &[u8]) -> About {
        let callee = &self.callee;
        if callee.expect.is_off() {
            return About::Unknown;
        }
        let check = |subject: &Subject<'_>, names: &Names<'_>| {
            callee.expect.check(&callee.profile, token, subject, names)
        };
        match self.with_subject(check) {
            Ok(()) => About::Other,
            Err(_) => About::Unexpected,
        }
    }
}

impl Callee {
    /// Says, at most once a second, why a token serves one request only.
    fn tell_of_doubt(&self, doubt: Doubt) {
        let second = clock::milliseconds() / 1000;
        if self.doubted.replace(second) != second {
            log::cycle(
                Level::Warn,
                format_args!(
                    "sts: {} exchange at \"{}\": {doubt}, so the token serves one request only",
                    self.profile.protocol.name(),
                    self.profile.endpoint.authority(),
                ),
            );
        }
    }
}

impl Token {
    /// As the only request gets it that wants it.
    pub(crate) fn granted(self, policy: &LifePolicy, how: How) -> Granted {
        Granted {
            until: self.until(policy),
            token_type: self.token_type,
            how,
            about: self.about,
            token: Held::Own(self.token),
        }
    }

    /// As one of several requests gets it.
    pub(crate) fn shared(self: &Rc<Self>, policy: &LifePolicy, how: How) -> Granted {
        Granted {
            until: self.until(policy),
            token_type: self.token_type.clone(),
            how,
            about: self.about,
            token: Held::Shared(self.clone()),
        }
    }

    /// Up to when others with this policy find it.
    fn until(&self, policy: &LifePolicy) -> u64 {
        if self.kept { self.validity.until(policy) } else { 0 }
    }
}

impl Deref for Held {
    type Target = Target;

    fn deref(&self) -> &Target {
        match self {
            Self::Own(token) => token,
            Self::Shared(shared) => &shared.token,
        }
    }
}

impl Validity {
    /// Up to when requests with this policy may share the token.
    pub(crate) fn until(&self, policy: &LifePolicy) -> u64 {
        self.sent.saturating_add(policy.life(self.good_for)).min(self.at_most)
    }

    /// Whether a request with this policy may use what another one asked for.
    pub(crate) fn suits(&self, policy: &LifePolicy) -> bool {
        self.until(policy) > clock::milliseconds()
    }
}

impl Failed {
    fn of(error: CallError, limit: &Limit) -> Self {
        let exceeded = match &error {
            CallError::Queue(_) => Some(Exceeded::Calls(limit.calls)),
            CallError::Timeout(_) => Some(Exceeded::Time),
            CallError::TooLarge(bytes) => Some(Exceeded::Response(*bytes)),
            CallError::Connect(error) if error.is_about_the_worker() => Some(Exceeded::Worker),
            _ => None,
        };
        Self { failure: error.into(), exceeded }
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self { failure, exceeded: None }
    }
}
