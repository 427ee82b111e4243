//! When to try again what has failed.

/// Milliseconds.
type Millis = u64;

/// The pause after the first failure, and the longest one.
const FIRST: Millis = 1_000;
const LONGEST: Millis = 60_000;

/// For how long requests wait for an attempt that follows a failure, counted from when it began.
const PATIENCE: Millis = 1_000;

/// Failures in a row. Each doubles the pause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
    failed: Millis,
    until: Millis,
    /// When the attempt began that runs.
    began: Option<Millis>,
}

impl Backoff {
    /// An attempt begins, or one runs already.
    pub fn begin(&mut self, now: Millis) {
        self.began.get_or_insert(now);
    }

    /// It was given up: that says nothing.
    pub fn give_up(&mut self) {
        self.began = None;
    }

    /// It failed.
    pub fn fail(&mut self, now: Millis) {
        self.give_up();
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

    /// For how long, in milliseconds, a request waits for an attempt, which goes on without it: not at all
    /// in the second after a failure, and then for no longer than a second from when the attempt began. A
    /// server that hangs costs its whole time-out once. `None` where nothing has failed: a request waits
    /// for as long as it may.
    pub fn patience(&self, now: Millis) -> Option<Millis> {
        if self.failures == 0 {
            return None;
        }
        if now < self.failed.saturating_add(FIRST) {
            return Some(0);
        }
        let end = self.began.unwrap_or(now).saturating_add(PATIENCE);
        Some(end.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_doubles_the_pause_up_to_a_minute() {
        let mut backoff = Backoff::default();
        assert!(!backoff.is_pause(0));
        let mut now = 5;
        for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            backoff.fail(now);
            assert!(backoff.is_pause(now + pause - 1) && !backoff.is_pause(now + pause));
            assert_eq!(backoff.patience(now + 999), Some(0));
            assert_eq!(backoff.patience(now + 1_000), Some(PATIENCE));
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

    #[test]
    fn a_server_that_hangs_costs_its_time_out_once() {
        const TIME_OUT: Millis = 20_000;
        let mut backoff = Backoff::default();
        backoff.begin(0);
        assert_eq!(backoff.patience(0), None, "nothing has failed");
        assert_eq!(backoff.patience(TIME_OUT - 1), None);
        let mut now = TIME_OUT;
        backoff.fail(now);
        for _ in 0..10 {
            assert_eq!(backoff.patience(now), Some(0), "it has just failed");
            assert_eq!(backoff.patience(now + 999), Some(0));
            now += 1_000;
            // One sets the next attempt off, and all wait for a second of it.
            assert_eq!(backoff.patience(now), Some(PATIENCE));
            backoff.begin(now);
            backoff.begin(now + 400);
            assert_eq!(backoff.patience(now + 400), Some(600));
            assert_eq!(backoff.patience(now + 1_000), Some(0));
            assert_eq!(backoff.patience(now + TIME_OUT - 1), Some(0));
            now += TIME_OUT;
            backoff.fail(now);
        }
        backoff.begin(now + 5_000);
        backoff.succeed();
        assert_eq!(backoff.patience(now + 5_001), None);
    }

    #[test]
    fn an_attempt_that_was_given_up_is_no_failure() {
        let mut backoff = Backoff::default();
        backoff.begin(0);
        backoff.give_up();
        assert_eq!(backoff, Backoff::default());
        backoff.fail(0);
        backoff.begin(2_000);
        backoff.give_up();
        assert_eq!(backoff.patience(9_000), Some(PATIENCE));
    }
}
