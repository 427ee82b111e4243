//! From tokens to what lies in a store, and back.

use std::rc::Rc;

use sts_core::cache_key::ExchangeKey;
use sts_core::expect::Look;
use sts_core::secret::Secret;
use sts_core::target::Target;
use sts_flight::token::{Token, Validity};
use sts_store::LEAST_LIFE;
use sts_store::epoch::Epochs;
use sts_store::language::There;
use sts_store::seal::Place as Names;
use sts_store::value::{self, Value};

use crate::nginx::clock;
use crate::nginx::task;
use crate::nginx::timer::Hold;
use crate::store::{Claim, Held, Store};

impl Store {
    /// Opens what lies in a place of the passphrase of this number: a token that is good, and what it lay
    /// in. `None` for what is over, forgotten, or not of this store.
    pub(super) fn open(
        &self,
        index: usize,
        place: &Names,
        sealed: &Secret,
        left: u64,
        epochs: &Epochs,
    ) -> Option<(Token, Value)> {
        let keys = self.keys.get(index);
        let opened = keys.and_then(|keys| keys.open(&place.value, sealed.expose()));
        let Some(value) = opened.and_then(|opened| Value::read(opened.expose())) else {
            self.health.is_unreadable();
            return None;
        };
        if value.epochs != *epochs {
            return None;
        }
        let life = value.arrive(clock::milliseconds(), left)?;
        let token = Token {
            token: Target::new(value.token.clone()),
            token_type: value.token_type.clone(),
            validity: Validity {
                sent: life.sent,
                good_for: Some(life.good_for),
                at_most: u64::MAX,
                is_final: value.is_final,
            },
            unbound: value.unbound,
            kept: false,
            look: Look { findings: value.findings, is_expected: true },
            said: value.said.clone(),
            call_time: None,
        };
        Some((token, value))
    }

    /// What is to lie in the store of a token, and for how many milliseconds; `None` where it is not kept.
    pub(super) fn value_of(
        &self,
        claim: &Claim,
        token: &Token,
        exchange: &ExchangeKey,
    ) -> Option<(Value, u64)> {
        let now = clock::milliseconds();
        let Validity { sent, good_for, at_most: _, is_final } = token.validity;
        let life = value::life(sent, good_for, self.zone.longest(exchange), now)?;
        let issued = token.token.issued();
        if issued.len() > self.zone.capacity.value {
            return None;
        }
        let value = Value {
            token: Secret::new(issued.expose()),
            token_type: token.token_type.clone(),
            sent,
            put: now.max(sent),
            life,
            good_for,
            is_final,
            unbound: token.unbound,
            findings: token.look.findings,
            said: token.said.clone(),
            epochs: claim.epochs,
        };
        Some((value, life))
    }

    /// A value as it lies in the store.
    pub(super) fn seal(&self, name: &str, value: &Value) -> Option<Secret> {
        self.keys.first()?.close(name, value.write().expose(), clock::entropy)
    }

    /// Whether a value may be put where this lies: one that was asked for later stays, and so does one of
    /// after a purge that this one is of before.
    pub(super) fn may_replace(&self, claim: &Claim, value: &Value, there: &There) -> bool {
        let sealed = match there {
            There::Value(sealed, _) => sealed,
            There::Lease(_) => return true,
            // The lease is gone: it has ended, or what lies there was to be forgotten.
            There::Nothing => return !matches!(claim.lease, Some(Held::InPlace(_))),
        };
        let keys = self.keys.first();
        let opened = keys.and_then(|keys| keys.open(&claim.name, sealed.expose()));
        let Some(other) = opened.and_then(|opened| Value::read(opened.expose())) else {
            return true;
        };
        if other.epochs == value.epochs {
            return other.sent < value.sent;
        }
        let mut epochs = value.epochs.iter().zip(&other.epochs);
        !epochs.any(|(own, other)| own.is_before(other))
    }

    /// Puts a value that lay under an older passphrase where it lies now, while the request goes on. Its
    /// life goes on, too.
    pub(super) fn move_over(self: &Rc<Self>, claim: Claim, value: Value, left: u64) {
        let aged = value.life.saturating_sub(left);
        let value = Value {
            put: value.put.saturating_add(aged),
            life: left,
            epochs: claim.epochs,
            ..value
        };
        let store = self.clone();
        let moving = async move {
            if left >= LEAST_LIFE {
                return store.place(&claim, value, left).await;
            }
            match claim.held() {
                Some((name, lease)) => store.give_up(name, lease).await,
                None => Ok(()),
            }
        };
        let store = self.clone();
        // Boxed: it is seldom done.
        task::spawn(Box::pin(async move {
            store.within_patience(moving, Hold::default()).await;
        }));
    }
}
