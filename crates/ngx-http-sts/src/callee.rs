//! What a call needs, which may outlive the request that started it.

use std::cell::Cell;
use std::rc::Rc;

use sts_core::cache_key::ExchangeKey;
use sts_core::expect::Expect;
use sts_core::issued::TokenTypes;
use sts_core::life::LifePolicy;
use sts_core::profile::Profile;
use sts_flight::ahead::Freshness;

use crate::credentials::Credential;
use crate::discovery::Discovery;
use crate::history::History;
use crate::http::{Destination, Limit};

/// What a call needs, which may outlive the request that started it.
pub(crate) struct Callee {
    pub(crate) profile: Profile,
    pub(crate) credential: Rc<Credential>,
    pub(crate) proxy_credential: Option<Rc<Credential>>,
    /// Of the endpoint, or of the issuer, at which its metadata are.
    pub(crate) destination: Rc<Destination>,
    /// Where the endpoint is, when an issuer tells that.
    pub(crate) discovery: Option<Rc<Discovery>>,
    pub(crate) limit: Limit,
    pub(crate) key: ExchangeKey,
    pub(crate) life: LifePolicy,
    /// When a token is renewed before its end, and for how long a refusal is remembered.
    pub(crate) fresh: Freshness,
    /// Which types of token are taken.
    pub(crate) token_types: Rc<TokenTypes>,
    /// What else of a token has to be as it was asked for.
    pub(crate) expect: Expect,
    /// The second in which it was told that an expiry cannot be read.
    pub(crate) doubted: Cell<u64>,
    pub(crate) history: Rc<History>,
}
