//! When a store that fails is left alone. Each worker judges for itself.

use crate::Millis;

/// Failures in a row that open it.
const FAILURES: u32 = 5;

/// The first pause, and the longest one.
const FIRST: Millis = 1_000;
const LONGEST: Millis = 30_000;

/// Milliseconds after which a probe of which nothing was heard is given up.
const PROBE: Millis = 1_000;

/// Whether a store may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// In a row.
    failures: u32,
    /// Pauses in a row.
    pauses: u32,
    /// The end of the pause; after it one attempt is made.
    until: Option<Millis>,
    /// When the one that probes began.
    probe: Option<Millis>,
}

impl Breaker {
    /// Whether an attempt may be made now. After a pause it is one until that has ended.
    pub fn admits(&mut self, now: Millis) -> bool {
        let Some(until) = self.until else { return true };
        let is_probed = self.probe.is_some_and(|began| now < began.saturating_add(PROBE));
        if now < until || is_probed {
            return false;
        }
        self.probe = Some(now);
        true
    }

    /// Whether it is open: the store is left alone, but for a probe.
    pub fn is_open(&self) -> bool {
        self.until.is_some()
    }

    /// The store has answered.
    pub fn succeed(&mut self) {
        *self = Self::default();
    }

    /// It has not. `random` spreads the pauses of many workers.
    pub fn fail(&mut self, now: Millis, random: u8) {
        self.failures = self.failures.saturating_add(1);
        let is_probe = self.probe.take().is_some();
        let has_paused = self.until.is_some();
        // Attempts that began before the pause say nothing new.
        if self.failures < FAILURES || (has_paused && !is_probe) {
            return;
        }
        let pause = FIRST.checked_shl(self.pauses).map_or(LONGEST, |pause| pause.min(LONGEST));
        self.pauses = (self.pauses + 1).min(u64::BITS / 2);
        // A quarter more at most: what is promised of the first pause holds.
        let spread = pause / 4 * Millis::from(random) / Millis::from(u8::MAX);
        self.until = Some(now.saturating_add(pause + spread));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn five_failures_open_it_for_a_second_that_doubles() {
        let mut breaker = Breaker::default();
        let mut now = 7;
        for _ in 0..4 {
            assert!(breaker.admits(now));
            breaker.fail(now, 0);
        }
        assert!(breaker.admits(now) && !breaker.is_open());
        breaker.fail(now, 0);
        for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            assert!(!breaker.admits(now) && !breaker.admits(now + pause - 1), "{pause}");
            now += pause;
            assert!(breaker.admits(now) && !breaker.admits(now), "one probe");
            breaker.fail(now, 0);
        }
        assert!(breaker.admits(now + 30_000));
        breaker.succeed();
        assert!(breaker.admits(now) && !breaker.is_open());
    }

    #[test]
    fn a_success_between_failures_starts_the_count_anew() {
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            (0..4).for_each(|_| breaker.fail(0, 0));
            assert!(breaker.admits(0));
            breaker.succeed();
        }
    }

    #[test]
    fn a_probe_that_is_lost_does_not_close_the_store_for_ever() {
        let mut breaker = Breaker::default();
        (0..5).for_each(|_| breaker.fail(0, 0));
        assert!(breaker.admits(1_000));
        assert!(!breaker.admits(1_999));
        assert!(breaker.admits(2_000));
    }

    proptest! {
        #[test]
        fn a_store_that_never_answers_is_asked_seldom_and_always_again(
            steps in prop::collection::vec((0_u64..500, any::<u8>()), 1..400),
        ) {
            let mut breaker = Breaker::default();
            let (mut now, mut asked, mut opened) = (0, 0_u64, None);
            for (step, random) in steps {
                now += step;
                if breaker.admits(now) {
                    asked += 1;
                    breaker.fail(now, random);
                }
                if breaker.is_open() {
                    opened.get_or_insert(now);
                }
            }
            let seconds = opened.map_or(0, |at| (now - at) / FIRST);
            prop_assert!(asked <= u64::from(FAILURES) + seconds);
            prop_assert!(breaker.admits(now + LONGEST * 5 / 4));
        }

        #[test]
        fn those_that_were_on_their_way_make_one_pause(late in 0_u64..100, count in 5_usize..50) {
            let mut breaker = Breaker::default();
            (0..count).for_each(|index| breaker.fail(late * index as u64 / 100, 0));
            prop_assert!(breaker.admits(late + FIRST));
        }
    }
}
