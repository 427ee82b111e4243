//! The place in a cache of a token that the gateway makes itself.

use sts_core::cache_key::{CacheKey, ExchangeKey};
use sts_flight::made::Shelf;
use sts_flight::token::{Token, Validity};
use sts_zone::zone::Value;

use super::{Cache, note};

/// The place of one token.
pub(crate) struct TokenShelf<'c> {
    cache: &'c Cache,
    key: CacheKey,
    exchange: &'c ExchangeKey,
    source: &'c [u8],
}

impl Cache {
    /// The place of a token that is made of a source.
    pub(crate) fn shelf<'c>(
        &'c self,
        key: CacheKey,
        exchange: &'c ExchangeKey,
        source: &'c [u8],
    ) -> TokenShelf<'c> {
        TokenShelf { cache: self, key, exchange, source }
    }
}

impl Shelf for TokenShelf<'_> {
    fn look(&self, suits: impl Fn(&Validity) -> bool) -> Result<Token, Option<u64>> {
        let found = self.cache.with(|zone| {
            zone.look(&self.key.0, |kept| suits(&note::validity(kept))).ok_or_else(|| zone.begin())
        });
        let number = match found.ok_or(None)? {
            Ok(hit) => match self.cache.open(&self.key, hit) {
                Some(token) => return Ok(token),
                // What cannot be opened was sealed with another key.
                None => self.cache.with(|zone| {
                    zone.forget(&self.key.0);
                    zone.begin()
                }),
            },
            Err(number) => Some(number),
        };
        Err(number.flatten())
    }

    fn keep(&self, number: u64, token: &Token) -> bool {
        let Self { cache, key, exchange, source } = self;
        let clear = token.token.issued().expose();
        // Nothing goes in clear into a cache that is to be encrypted, and what cannot be found again by
        // its source is not kept.
        let Some((tags, bytes)) = cache.tags(exchange, source).zip(cache.close(key, clear)) else {
            return false;
        };
        let Validity { sent, good_for, .. } = token.validity;
        let life = cache.life(exchange, good_for);
        let value = Value { tags, note: note::of(token), bytes: &bytes, sent, life };
        let capacity = cache.zone.capacity;
        let mut is_too_large = false;
        let kept = cache.with(|zone| {
            is_too_large = life > 0 && !zone.can_keep_made(value.bytes.len(), capacity);
            zone.keep(&key.0, number, &value, capacity)
        });
        if is_too_large {
            let name = sts_core::mint::NAME;
            cache.tell_of_size(exchange, format_args!("{name} exchange"), bytes.len());
        }
        kept.unwrap_or(false)
    }
}
