//! A token, and what is known of it.

use std::rc::Rc;

use sts_core::expect::Look;
use sts_core::issued::{Said, TokenType};
use sts_core::life::LifePolicy;
use sts_core::target::Target;

use crate::granted::{CacheStatus, Granted, Held};

/// A token that an STS has issued, or that lay in a cache.
pub struct Token {
    /// The token, as it was issued.
    pub token: Target,
    /// Its type, as the STS named it.
    pub token_type: TokenType,
    /// For how long it is good.
    pub validity: Validity,
    /// Its source was looked at, and is bound to no key of its client.
    pub unbound: bool,
    /// It lies in a cache, where others find it.
    pub kept: bool,
    /// What is known of it besides. What its location does not expect is not kept.
    pub look: Look,
    /// What the STS said beside it.
    pub said: Said,
    /// Milliseconds that the call took; nothing where it came out of a cache.
    pub call_time: Option<u64>,
}

/// For how long a token is good. Times are milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// When it was asked for.
    pub sent: u64,
    /// Seconds after that, as the STS and the tokens say, if they do.
    pub good_for: Option<u64>,
    /// When it leaves the cache that it lies in.
    pub at_most: u64,
    /// A token that is asked for later is good for no longer: this one ends with its source.
    pub is_final: bool,
}

impl Validity {
    /// Up to when requests with this policy may share the token.
    pub fn until(&self, policy: &LifePolicy) -> u64 {
        self.sent.saturating_add(policy.life(self.good_for)).min(self.at_most)
    }

    /// When it is over, whatever a location allows; `None` where nothing says so.
    pub fn end(&self) -> Option<u64> {
        self.good_for.map(|seconds| self.sent.saturating_add(seconds.saturating_mul(1_000)))
    }

    /// Whether a request with this policy may use what another one asked for; `now` is in milliseconds
    /// since 1970.
    pub fn suits(&self, policy: &LifePolicy, now: u64) -> bool {
        self.until(policy) > now
    }
}

impl Token {
    /// As the only request gets it that wants it.
    pub fn granted(self, policy: &LifePolicy, status: CacheStatus) -> Granted {
        Granted {
            until: self.until(policy),
            end: self.validity.end(),
            token_type: self.token_type,
            status,
            findings: self.look.findings,
            said: self.said,
            call_time: self.call_time,
            token: Held::Own(self.token),
        }
    }

    /// As one of several requests gets it.
    pub fn shared(self: &Rc<Self>, policy: &LifePolicy, status: CacheStatus) -> Granted {
        Granted {
            until: self.until(policy),
            end: self.validity.end(),
            token_type: self.token_type.clone(),
            status,
            findings: self.look.findings,
            said: self.said.clone(),
            call_time: self.call_time,
            token: Held::Shared(self.clone()),
        }
    }

    /// Up to when others with this policy find it.
    fn until(&self, policy: &LifePolicy) -> u64 {
        if self.kept { self.validity.until(policy) } else { 0 }
    }
}
