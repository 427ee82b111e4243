//! When a token is renewed before its end, and when again after that has failed; for how long a refusal
//! is remembered.
//!
//! Pure functions of the time and of what lies in the cache: all workers come to the same answer.

use sts_core::cache_key::CacheKey;
use sts_core::life::LifePolicy;

use crate::token::Validity;

/// The pause after the first failure, and the longest one, in milliseconds.
const FIRST: u64 = 1_000;
const LONGEST: u64 = 60_000;

/// Tokens that were issued together are not renewed together: each waits for up to this part of what is
/// left of its life when it is due.
const JITTER: u64 = 4;

/// How a token stands with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The request may not use it.
    Over,
    /// The request may use it.
    Good,
    /// The request may use it, and it is time to ask for the next one.
    Due,
}

/// What a location wants besides a token that it may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// When a token is renewed.
    pub ahead: RefreshAhead,
    /// Milliseconds for which a refusal of the STS is remembered (`STSNegativeTTL`); 0: not at all.
    pub negative: u64,
}

/// The part of a token's life after which the next one is asked for (`STSRefreshAhead`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefreshAhead(Option<u8>);

impl RefreshAhead {
    /// None is asked for before it is needed.
    pub const OFF: Self = Self(None);

    /// The allowed shares, in percent: a token that has just come need not be renewed, and the next one
    /// needs time to come.
    pub const PERCENT: (u8, u8) = (10, 95);

    /// After so many percent of the life, which are brought into the [allowed](Self::PERCENT) range.
    pub const fn after(percent: u8) -> Self {
        let (least, most) = Self::PERCENT;
        let percent = if percent < least { least } else { percent };
        Self(Some(if percent > most { most } else { percent }))
    }

    /// How a token stands with a request of this policy; `now` is in milliseconds since 1970.
    pub fn judge(
        self,
        validity: &Validity,
        policy: &LifePolicy,
        key: &CacheKey,
        now: u64,
    ) -> Standing {
        let until = validity.until(policy);
        if until <= now {
            return Standing::Over;
        }
        let Some(percent) = self.0 else { return Standing::Good };
        let life = until.saturating_sub(validity.sent);
        // What only ends here because the operator says so can be had anew all the same.
        if validity.is_final && life < policy.cap.saturating_mul(1_000) {
            return Standing::Good;
        }
        let share = life / 100 * u64::from(percent);
        let jitter = life.saturating_sub(share) / JITTER * dice(key, validity.sent) / SIDES;
        if now < validity.sent.saturating_add(share).saturating_add(jitter) {
            return Standing::Good;
        }
        Standing::Due
    }
}

/// Milliseconds after a failure in which the next token is not asked for again. `failures` are those
/// before it, in a row.
pub fn pause(failures: u32, key: &CacheKey) -> u64 {
    let pause = FIRST.checked_shl(failures.min(u64::BITS / 2)).unwrap_or(LONGEST).min(LONGEST);
    // Tokens of one outage do not come back together.
    pause + pause / JITTER * dice(key, failures.into()) / SIDES
}

const SIDES: u64 = 256;

/// A number below [`SIDES`] that is the same for all workers. The key is a digest.
fn dice(key: &CacheKey, round: u64) -> u64 {
    let part = key.0.first_chunk().map_or(0, |part| u64::from_ne_bytes(*part));
    (part ^ round).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SENT: u64 = 1_700_000_000_000;

    fn validity(good_for: Option<u64>, is_final: bool) -> Validity {
        Validity { sent: SENT, good_for, at_most: u64::MAX, is_final }
    }

    const POLICY: LifePolicy = LifePolicy { cap: 300, leeway: 0 };

    #[test]
    fn a_token_is_due_after_its_share_and_before_its_end() {
        let judge = |after: u64| {
            let ahead = RefreshAhead::after(80);
            ahead.judge(&validity(Some(100), false), &POLICY, &CacheKey([7; 32]), SENT + after)
        };
        assert_eq!(judge(79_999), Standing::Good);
        assert_eq!(judge(85_000), Standing::Due);
        assert_eq!(judge(99_999), Standing::Due);
        assert_eq!(judge(100_000), Standing::Over);
    }

    #[test]
    fn off_is_never() {
        let judge = |after| {
            let validity = validity(Some(100), false);
            RefreshAhead::OFF.judge(&validity, &POLICY, &CacheKey([7; 32]), SENT + after)
        };
        assert_eq!((judge(99_999), judge(100_000)), (Standing::Good, Standing::Over));
    }

    #[test]
    fn what_ends_with_its_source_is_renewed_only_where_the_operator_ends_it_before() {
        let judge = |good_for, after| {
            let validity = validity(Some(good_for), true);
            RefreshAhead::after(80).judge(&validity, &POLICY, &CacheKey([7; 32]), SENT + after)
        };
        assert_eq!(judge(100, 99_999), Standing::Good);
        assert_eq!(judge(1_000, 299_999), Standing::Due);
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_have_a_jitter() {
        let key = CacheKey([9; 32]);
        for (failures, least) in
            [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 60), (7, 60), (u32::MAX, 60)]
        {
            let (pause, least) = (pause(failures, &key), least * 1_000);
            assert!((least..least + least / 4).contains(&pause), "{failures}: {pause}");
        }
        let several: std::collections::HashSet<_> =
            (0..50).map(|number| pause(3, &CacheKey([number; 32]))).collect();
        assert!(several.len() > 20, "{several:?}");
    }

    proptest! {
        #[test]
        fn due_lies_between_the_share_and_the_end(
            percent in any::<u8>(), good_for in proptest::option::of(0_u64..100_000),
            cap in 0_u64..100_000, leeway in 0_u64..60_000, key: [u8; 32], is_final: bool,
            at_most in 0_u64..100_000_000,
        ) {
            let policy = LifePolicy { cap, leeway };
            let validity =
                Validity { at_most: SENT + at_most, ..validity(good_for, is_final) };
            let life = validity.until(&policy) - SENT;
            let judge = |after: u64| {
                RefreshAhead::after(percent).judge(&validity, &policy, &CacheKey(key), SENT + after)
            };
            prop_assert_eq!(judge(life), Standing::Over);
            prop_assert_eq!(judge(u64::MAX - SENT), Standing::Over);
            let (least, most) = RefreshAhead::PERCENT;
            let percent = u64::from(percent.clamp(least, most));
            if life > 1_000 {
                prop_assert_eq!(judge(life / 100 * percent - 1), Standing::Good);
                let expected = match is_final && life < cap * 1_000 {
                    true => Standing::Good,
                    false => Standing::Due,
                };
                prop_assert_eq!(judge(life - 1), expected);
                // It does not change its mind.
                let mut was_due = false;
                for step in 0..50 {
                    let is_due = judge(life * step / 50) == Standing::Due;
                    prop_assert!(is_due || !was_due);
                    was_due = is_due;
                }
            }
        }
    }
}
