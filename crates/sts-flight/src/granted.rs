//! A token that a request may use.

use std::ops::Deref;
use std::rc::Rc;

use sts_core::expect::Findings;
use sts_core::issued::{Said, TokenType};
use sts_core::target::Target;

use crate::token::Token;

/// A token that a request may use.
pub struct Granted {
    /// The token.
    pub token: Held,
    /// Its type, as the STS named it.
    pub token_type: TokenType,
    /// How the request came to it.
    pub status: CacheStatus,
    /// Milliseconds since 1970 up to which others may use it too; 0 where it is kept nowhere.
    pub until: u64,
    /// Milliseconds since 1970 at which it is over, whatever a location allows; `None` where nothing says so.
    pub end: Option<u64>,
    /// What is known of it besides (`STSExpect`).
    pub findings: Findings,
    /// What the STS said beside it.
    pub said: Said,
    /// Milliseconds that the call took which brought it; nothing where it came out of a cache.
    pub call_time: Option<u64>,
}

/// A token of one request alone, or one that several got from the same call.
pub enum Held {
    /// Of one request.
    Own(Target),
    /// Of several.
    Shared(Rc<Token>),
}

/// How a request came to its token: the value of `$sts_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheStatus {
    /// It waited for the call that another request had started.
    Coalesced,
    /// The token was in the cache.
    Hit,
    /// The STS was called for it.
    Miss,
    /// The token was in the cache, and this request has set off the call for the next one.
    Refreshed,
    /// The token was in the cache, is due to be renewed, and the last call for the next one has failed.
    Stale,
}

impl CacheStatus {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coalesced => "COALESCED",
            Self::Hit => "HIT",
            Self::Miss => "MISS",
            Self::Refreshed => "REFRESHED",
            Self::Stale => "STALE",
        }
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
