//! From tokens to what lies in a store, and back.

use sts_core::cache_key::ExchangeKey;
use sts_core::expect::Look;
use sts_core::secret::Secret;
use sts_core::target::Target;
use sts_flight::token::{Token, Validity};
use sts_store::LEAST_LIFE;
use sts_store::epoch::Epochs;
use sts_store::language::Lease;
use sts_store::seal::Place as Names;
use sts_store::value::{self, Value};

use crate::nginx::clock;
use crate::store::{Claim, Store};

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

    /// A token as it lies in the store, and for how many milliseconds; `None` where it is not kept.
    pub(super) fn close(
        &self,
        claim: &Claim,
        token: &Token,
        exchange: &ExchangeKey,
    ) -> Option<(Vec<u8>, u64)> {
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
        Some((self.seal(&claim.name, &value)?, life))
    }

    fn seal(&self, name: &str, value: &Value) -> Option<Vec<u8>> {
        self.keys.first()?.close(name, value.write().expose(), clock::entropy)
    }

    /// Puts a value that lay under an older passphrase where it lies now. Its life goes on.
    pub(super) async fn move_over(
        &self,
        claim: &Claim,
        value: Value,
        left: u64,
        lease: &Lease,
    ) -> Result<(), String> {
        let aged = value.life.saturating_sub(left);
        let value = Value {
            put: value.put.saturating_add(aged),
            life: left,
            epochs: claim.epochs,
            ..value
        };
        if left >= LEAST_LIFE
            && let Some(sealed) = self.seal(&claim.name, &value)
        {
            return self.does(self.language.put(&claim.name, &sealed, left)).await;
        }
        self.give_up(&claim.name, lease).await
    }
}
