//! An exchange without an STS: the gateway makes the token itself (`STSType jwt`). No call is made, and a
//! request waits for nothing but its turn.

mod keys;
mod once;
mod record;
mod turn;

use std::cell::OnceCell;
use std::rc::Rc;

use sts_core::cache_key::{CacheKey, ExchangeKey};
use sts_core::error::{Failure, FailureKind};
use sts_core::expect::{Findings, Look};
use sts_core::issued::{Said, TokenType};
use sts_core::jose::PublicKey;
use sts_core::life::LifePolicy;
use sts_core::mint::{self, Claim, ClaimType, Filter, Overrides, Recipe, Terms};
use sts_core::now::Now;
use sts_core::profile::Parameter;
use sts_core::secret::SharedSecret;
use sts_core::target::Target;
use sts_flight::granted::Granted;
use sts_flight::made;
use sts_flight::token::{Token, Validity};
use sts_net::calls::Share;

use crate::cache::Cache;
use crate::conf::text::Text;
use crate::counters::Tally;
use crate::nginx::clock;
use crate::nginx::request::{OutOfMemory, Request};
pub(crate) use keys::Keys;
pub(crate) use once::Once;
pub(crate) use record::Record;
use turn::Asked;
pub(crate) use turn::{Bounds, NoTurn, Turn};

/// Bytes of claims that take as long as a signature that takes long.
const LARGE: usize = 8 * 1024;

/// What the gateway makes tokens of.
pub(crate) struct Minter {
    /// Tells exchanges apart in what the log says.
    pub(crate) name: u64,
    /// What is counted of it, under its name.
    pub(crate) tally: Rc<Tally>,
    pub(crate) key: ExchangeKey,
    pub(crate) life: LifePolicy,
    /// Milliseconds that it may take with the exchanges that it depends on.
    pub(crate) timeout: u64,
    /// How many tokens may wait to be made.
    pub(crate) queued: usize,
    /// Claims come from an object in a variable.
    pub(crate) has_source: bool,
    pub(crate) keys: Keys,
    pub(crate) terms: Terms,
    pub(crate) overrides: Vec<Override>,
    pub(crate) claims: Rc<Vec<WrittenClaim>>,
    pub(crate) filter: Option<Rc<dyn Filter>>,
    /// Where it is noted with which keys tokens were signed that may still be in use, if they are
    /// published.
    pub(crate) record: OnceCell<Record>,
}

/// A claim that the configuration has for each token.
pub(crate) struct Override {
    pub(crate) claim: Overridden,
    pub(crate) text: Rc<Text>,
}

/// What a token is made of besides, which bounds its life.
#[derive(Clone, Copy, Default)]
pub(crate) struct Needs {
    /// When the first result of another exchange ends, in milliseconds since 1970; `None` where there is
    /// none of which that is known.
    pub(crate) end: Option<u64>,
}

/// Why there is no token.
pub(crate) enum NotMade {
    Failed(Failure),
    /// It takes long, and it is another one's turn.
    NotNow(Rc<Turn>),
}

impl From<Failure> for NotMade {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// How a request comes to its turn.
pub(crate) struct Wait<'w> {
    /// The turn that it waited for.
    pub(crate) turn: Option<&'w Turn>,
    /// For how many milliseconds it waits for one.
    pub(crate) time: u64,
    pub(crate) share: Option<Share>,
}

impl Wait<'_> {
    /// The turn that has come; else one is asked for.
    fn turn(&self, queued: usize) -> Result<(), NotMade> {
        if let Some(end) = self.turn.and_then(Turn::take_end) {
            return Ok(end?);
        }
        match Turn::ask(Bounds { queued, share: self.share, time: self.time })? {
            Asked::Now => Ok(()),
            Asked::Later(turn) => Err(NotMade::NotNow(turn)),
        }
    }
}

impl From<NoTurn> for NotMade {
    fn from(why: NoTurn) -> Self {
        Self::Failed(why.into())
    }
}

/// Which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overridden {
    Issuer,
    Subject,
    Audience,
    ClientId,
}

/// A claim that is written by itself (`STSJWTClaim`).
pub(crate) struct WrittenClaim {
    pub(crate) name: String,
    pub(crate) claim_type: ClaimType,
    pub(crate) text: Text,
}

impl Overridden {
    pub(crate) const fn claim(self) -> &'static str {
        match self {
            Self::Issuer => "iss",
            Self::Subject => "sub",
            Self::Audience => "aud",
            Self::ClientId => "client_id",
        }
    }
}

impl Minter {
    /// Adds the values of a request: all that is overridden, then the claims that are not left out.
    pub(crate) fn evaluate<'r>(
        &'r self,
        request: Request<'r>,
        values: &mut Vec<Parameter<'r>>,
    ) -> Result<(), OutOfMemory> {
        for Override { claim, text } in &self.overrides {
            values.push(Parameter { name: claim.claim(), value: text.evaluate(request)? });
        }
        for claim in self.claims.iter() {
            let value = claim.text.evaluate(request)?;
            // Of a variable that is empty there is no claim.
            if !value.is_empty() || !claim.text.template.has_variables() {
                values.push(Parameter { name: &claim.name, value });
            }
        }
        Ok(())
    }

    /// Takes the token from the cache, or makes it. One that takes long is made when its turn has come: `wait`
    /// says whether it has, and for how long it may be waited for.
    ///
    /// # Errors
    /// It cannot be made of this, or not now.
    pub(crate) fn take_or_make(
        &self,
        cache: Option<&Rc<Cache>>,
        key: CacheKey,
        source: &SharedSecret,
        values: &[Parameter<'_>],
        needs: Needs,
        wait: &Wait<'_>,
    ) -> Result<Granted, NotMade> {
        let shelf = cache.map(|cache| cache.shelf(key, &self.key, source.expose()));
        made::take_or_make(shelf.as_ref(), &self.life, clock::milliseconds(), || {
            if self.takes_long(source.expose(), values) {
                wait.turn(self.queued)?;
            }
            Ok(self.make(source.expose(), values, needs)?)
        })
    }

    /// Whether a worker that makes a token of this holds up what else has come: its signature takes long,
    /// there is a filter, or there is much to read and to write.
    fn takes_long(&self, source: &[u8], values: &[Parameter<'_>]) -> bool {
        let bytes =
            values.iter().fold(source.len(), |sum, one| sum.saturating_add(one.value.len()));
        if self.filter.is_some() || bytes > LARGE {
            return true;
        }
        self.keys.look();
        self.keys.current().is_ok_and(|key| key.is_slow())
    }

    fn make(
        &self,
        source: &[u8],
        values: &[Parameter<'_>],
        needs: Needs,
    ) -> Result<Token, Failure> {
        let (overridden, claims) =
            values.split_at_checked(self.overrides.len()).unwrap_or_default();
        let overrides = self.overrides(overridden)?;
        let claims: Vec<_> = claims.iter().filter_map(|value| self.claim(value)).collect();
        let recipe =
            Recipe { source: self.has_source.then_some(source), claims: &claims, overrides };
        self.keys.look();
        let key = self.keys.current()?;
        let now = clock::now();
        if let Some((record, public)) = self.record.get().zip(key.public()) {
            record.note(&public, self.terms.lifetime, now.wall);
        }
        let (terms, is_over) = self.terms_with(needs, &now);
        let minted = mint::mint(&key, &terms, &recipe, self.filter.as_deref(), &now)?;
        Ok(Token {
            token: Target::new(minted.token),
            token_type: TokenType::Unsaid,
            validity: Validity {
                // What is written into it counts from a whole second.
                sent: now.wall.0.saturating_mul(1000),
                good_for: Some(if is_over { 0 } else { minted.good_for }),
                at_most: u64::MAX,
                is_final: false,
            },
            unbound: true,
            kept: false,
            look: Look { findings: Findings::default(), is_expected: true },
            said: Said::default(),
            call_time: None,
        })
    }

    /// What is said of a token that holds the results of others: it ends when they do. One that serves only
    /// the request that has it, as its life is over, makes a token that does as well; it has a second, since
    /// none ends before it begins.
    fn terms_with(&self, needs: Needs, now: &Now) -> (Terms, bool) {
        let terms = self.terms.clone();
        let Some(end) = needs.end else { return (terms, false) };
        let left = (end / 1000).saturating_sub(now.wall.0);
        (Terms { lifetime: terms.lifetime.min(left.max(1)), ..terms }, left == 0)
    }

    fn overrides<'v>(&self, values: &[Parameter<'v>]) -> Result<Overrides<'v>, Failure> {
        let mut overrides = Overrides::default();
        for (Override { claim, text: _ }, Parameter { name, value }) in
            self.overrides.iter().zip(values)
        {
            if value.is_empty() {
                // A token without it, or with what a claim says, would be another one than was meant.
                let reason = format!("there is no value for the claim \"{name}\"");
                return Err(Failure::new(FailureKind::MissingToken, reason));
            }
            match claim {
                Overridden::Issuer => overrides.issuer = Some(value),
                Overridden::Subject => overrides.subject = Some(value),
                Overridden::Audience => overrides.audience.push(value),
                Overridden::ClientId => overrides.client_id = Some(value),
            }
        }
        Ok(overrides)
    }

    fn claim<'v>(&self, value: &Parameter<'v>) -> Option<Claim<'v>> {
        let Parameter { name, value } = *value;
        let written = self.claims.iter().find(|claim| claim.name == name)?;
        Some(Claim { name, claim_type: written.claim_type, value })
    }

    /// The keys that tokens are verified with: the one that signs, the one that is next, and those that
    /// signed what may still be in use.
    pub(crate) fn public_keys(&self) -> Vec<PublicKey> {
        self.keys.look();
        let mut keys = self.keys.public();
        if let Some(record) = self.record.get() {
            keys.extend(record.read(clock::now().wall));
        }
        keys
    }
}
