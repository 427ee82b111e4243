//! Finds what stands under a key: buckets with chains of units.
//!
//! There is a bucket for every two units, so a chain is short whatever the zone holds. A number
//! that only the zone knows decides which bucket a key falls into: an attacker cannot make up keys
//! that share one.

use crate::layout::header;
use crate::region::{Broken, Region};
use crate::unit::{self, At, KEY, Kind, Unit};
use crate::word;

/// A digest as it stands in a unit.
pub(crate) type KeyWords = [u64; 4];

/// What is found by a key.
const FOUND: [Kind; 3] = [Kind::Entry, Kind::Node, Kind::Refusal];

/// Chains are a few units long; the probability of one this long is nil.
const LONGEST_CHAIN: usize = 256;

impl<'a> Region<'a> {
    /// Finds the unit of this kind under a key.
    pub(crate) fn find(&self, key: &KeyWords, kind: Kind) -> Result<Option<At>, Broken> {
        let mut place = self.bucket(self.bucket_of(key))?;
        for _ in 0..LONGEST_CHAIN {
            let Some(at) = place else { return Ok(None) };
            let unit = self.unit(at)?;
            if unit::is(unit, kind) {
                if key_of(unit) == *key {
                    return Ok(Some(at));
                }
            } else if !FOUND.into_iter().any(|kind| unit::is(unit, kind)) {
                return Err(Broken);
            }
            place = unit::next(unit);
        }
        Err(Broken)
    }

    /// Lets a unit be found under the key that stands in it.
    pub(crate) fn link(&mut self, at: At) -> Result<(), Broken> {
        let unit = self.unit(at)?;
        let bucket = self.bucket_of(&key_of(unit));
        unit::set_next(unit, self.bucket(bucket)?);
        self.set_bucket(bucket, Some(at))
    }

    pub(crate) fn unlink(&mut self, at: At) -> Result<(), Broken> {
        let unit = self.unit(at)?;
        let bucket = self.bucket_of(&key_of(unit));
        let mut place = self.bucket(bucket)?.ok_or(Broken)?;
        if place == at {
            return self.set_bucket(bucket, unit::next(unit));
        }
        for _ in 0..LONGEST_CHAIN {
            let before = self.unit(place)?;
            place = unit::next(before).ok_or(Broken)?;
            if place == at {
                unit::set_next(before, unit::next(unit));
                return Ok(());
            }
        }
        Err(Broken)
    }

    fn bucket_of(&self, key: &KeyWords) -> usize {
        let (x, y) = (self.at(header::TABLE_SEED), self.at(header::TABLE_SEED + 1));
        let [a, b, c, d] = *key;
        let hash = folded(a ^ x, b ^ y) ^ folded(c ^ y, d ^ x);
        let buckets = self.buckets.len() * 2;
        ((u128::from(hash) * buckets as u128) >> 64) as usize
    }

    fn bucket(&self, bucket: usize) -> Result<Option<At>, Broken> {
        let word = self.buckets.get(bucket / 2).ok_or(Broken)?;
        Ok(At::from_raw(if bucket.is_multiple_of(2) { word::low(word) } else { word::high(word) }))
    }

    fn set_bucket(&mut self, bucket: usize, at: Option<At>) -> Result<(), Broken> {
        let word = self.buckets.get(bucket / 2).ok_or(Broken)?;
        let raw = unit::raw(at);
        if bucket.is_multiple_of(2) {
            word::set_low(word, raw)
        } else {
            word::set_high(word, raw)
        }
        Ok(())
    }
}

pub(crate) fn key_of(unit: &Unit) -> KeyWords {
    [
        word::load(&unit[KEY]),
        word::load(&unit[KEY + 1]),
        word::load(&unit[KEY + 2]),
        word::load(&unit[KEY + 3]),
    ]
}

pub(crate) fn set_key(unit: &Unit, key: &KeyWords) {
    for (place, word) in unit.iter().skip(KEY).zip(key) {
        word::store(place, *word);
    }
}

fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}
