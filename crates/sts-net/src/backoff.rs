//! When to try again what has failed.

/// Milliseconds.
type Millis = u64;

/// The pause after the first failure, and the longest one.
const FIRST: Millis = 1_000;
const LONGEST: Millis = 60_000;

/// Failures in a row. Each doubles the pause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
    failed: Millis,
    until: Millis,
}

impl Backoff {
    /// It failed. Several that have waited for the same attempt are one failure.
    pub fn fail(&mut self, now: Millis) {
        if self.is_pause(now) {
            return;
        }
        let pause = FIRST.checked_shl(self.failures).map_or(LONGEST, |pause| pause.min(LONGEST));
        self.failures = self.failures.saturating_add(1).min(u64::BITS / 2);
        self.failed = now;
        self.until = now.saturating_add(pause);
    }

    /// It succeeded.
    pub fn succeed(&mut self) {
        *self = Self::default();
    }

    /// Whether the pause after the last failure is not over: an attempt that nothing waits for is not
    /// made.
    pub fn is_pause(&self, now: Millis) -> bool {
        now < self.until
    }

    /// Whether the last failure was less than a second ago: one that requests wait for would fail, too.
    pub fn is_recent(&self, now: Millis) -> bool {
        self.is_pause(now) && now < self.failed.saturating_add(FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_doubles_the_pause_up_to_a_minute() {
        let mut backoff = Backoff::default();
        assert!(!backoff.is_pause(0) && !backoff.is_recent(0));
        let mut now = 5;
        for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            backoff.fail(now);
            // Others that have waited for the same.
            backoff.fail(now + 1);
            assert!(backoff.is_pause(now + pause - 1) && !backoff.is_pause(now + pause));
            assert!(backoff.is_recent(now + 999) && !backoff.is_recent(now + 1_000));
            now += pause;
        }
        for _ in 0..100 {
            backoff.fail(now);
            now += LONGEST;
        }
        backoff.succeed();
        assert!(!backoff.is_pause(now));
        backoff.fail(now);
        assert!(!backoff.is_pause(now + 1_000));
    }
}
