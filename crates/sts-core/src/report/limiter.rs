//! The same cause is one line a second, with a count of those that were left out.

use std::mem;

use super::Severity;
use crate::error::FailureKind;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The exchange.
    pub exchange: u64,
    /// What the client is told.
    pub kind: FailureKind,
    /// A quiet line does not stand for a loud one.
    pub severity: Severity,
    /// The [gist](super::gist) of the reason.
    pub gist: u64,
}

/// Counts what is written. Times are milliseconds of a clock that never goes back.
#[derive(Default)]
pub struct Limiter {
    /// Few enough to be looked through.
    known: Vec<(Cause, Count)>,
    /// Of all that there is no room for.
    rest: Count,
}

/// How often something was written, and was not.
#[derive(Default)]
struct Count {
    /// When the last line was written, if one was.
    written: Option<u64>,
    /// How many were left out since.
    left_out: u64,
    /// What they have in common.
    label: String,
    severity: Option<Severity>,
}

/// Lines that were left out, and that no later line tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// What they have in common.
    pub label: String,
    /// How many they are.
    pub count: u64,
    /// How much they matter.
    pub severity: Severity,
}

/// Milliseconds in which a cause is one line.
pub const WINDOW: u64 = 1000;

/// Milliseconds after a line in which the next one may tell how many were left out. It has more to say
/// than the count by itself.
pub const PATIENCE: u64 = 2 * WINDOW;

/// Causes that are told apart at a time.
pub const MOST: usize = 64;

impl Limiter {
    /// Whether a line about this may be written; then how many were left out since the last one. The
    /// label is for a line about those that are left out.
    pub fn admit(&mut self, cause: Cause, label: impl FnOnce() -> String, now: u64) -> Option<u64> {
        let known = self.known.iter_mut().find(|(known, _)| *known == cause);
        if let Some((_, count)) = known {
            return count.admit(cause.severity, label, now);
        }
        if self.known.len() >= MOST {
            self.known.retain(|(_, count)| count.is_of_use(now));
        }
        if self.known.len() >= MOST {
            let label = || "exchanges failed for many reasons".to_owned();
            return self.rest.admit(cause.severity, label, now);
        }
        let mut count = Count::default();
        let admitted = count.admit(cause.severity, label, now);
        self.known.push((cause, count));
        admitted
    }

    /// What was left out and not told for some time. It is told now.
    pub fn overdue(&mut self, now: u64) -> Vec<LeftOut> {
        let counts = self.known.iter_mut().map(|(_, count)| count);
        counts.chain([&mut self.rest]).filter_map(|count| count.overdue(now)).collect()
    }

    /// When something will be overdue, if nothing else happens.
    pub fn next_due(&self) -> Option<u64> {
        let counts = self.known.iter().map(|(_, count)| count);
        counts.chain([&self.rest]).filter_map(Count::due).min()
    }
}

impl Count {
    fn admit(
        &mut self,
        severity: Severity,
        label: impl FnOnce() -> String,
        now: u64,
    ) -> Option<u64> {
        if !self.is_recent(now) {
            self.written = Some(now);
            self.severity = None;
            return Some(mem::take(&mut self.left_out));
        }
        if self.left_out == 0 {
            self.label = label();
        }
        self.severity = self.severity.max(Some(severity));
        self.left_out += 1;
        None
    }

    fn is_recent(&self, now: u64) -> bool {
        self.written.is_some_and(|written| now.saturating_sub(written) < WINDOW)
    }

    fn is_of_use(&self, now: u64) -> bool {
        self.left_out > 0 || self.is_recent(now)
    }

    fn due(&self) -> Option<u64> {
        self.written.filter(|_| self.left_out > 0).map(|written| written.saturating_add(PATIENCE))
    }

    fn overdue(&mut self, now: u64) -> Option<LeftOut> {
        self.due().filter(|due| *due <= now)?;
        self.written = Some(now);
        Some(LeftOut {
            label: mem::take(&mut self.label),
            count: mem::take(&mut self.left_out),
            severity: self.severity.take().unwrap_or(Severity::Info),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cause(gist: u64) -> Cause {
        Cause { exchange: 1, kind: FailureKind::Timeout, severity: Severity::Error, gist }
    }

    fn admit(limiter: &mut Limiter, gist: u64, now: u64) -> Option<u64> {
        limiter.admit(cause(gist), || format!("cause {gist}"), now)
    }

    #[test]
    fn the_same_cause_is_one_line_a_second_with_a_count() {
        let mut limiter = Limiter::default();
        assert_eq!(admit(&mut limiter, 1, 500), Some(0));
        for now in [500, 501, 1499] {
            assert_eq!(admit(&mut limiter, 1, now), None);
        }
        assert_eq!(admit(&mut limiter, 1, 1500), Some(3));
        assert_eq!(admit(&mut limiter, 1, 1501), None);
        assert_eq!(admit(&mut limiter, 1, 9000), Some(1));
        assert_eq!(admit(&mut limiter, 1, 10_000), Some(0));
    }

    #[test]
    fn other_causes_are_not_held_back() {
        let mut limiter = Limiter::default();
        assert_eq!(admit(&mut limiter, 1, 0), Some(0));
        assert_eq!(admit(&mut limiter, 2, 0), Some(0));
        let others = [
            Cause { exchange: 2, ..cause(1) },
            Cause { kind: FailureKind::Refused, ..cause(1) },
            Cause { severity: Severity::Warn, ..cause(1) },
        ];
        for other in others {
            assert_eq!(limiter.admit(other, String::new, 0), Some(0), "{other:?}");
        }
    }

    #[test]
    fn what_no_later_line_tells_of_is_told_once() {
        let mut limiter = Limiter::default();
        admit(&mut limiter, 1, 0);
        assert_eq!(limiter.next_due(), None);
        admit(&mut limiter, 1, 10);
        admit(&mut limiter, 1, 20);
        assert_eq!(limiter.next_due(), Some(PATIENCE));
        assert_eq!(limiter.overdue(PATIENCE - 1), []);
        let left_out = LeftOut { label: "cause 1".to_owned(), count: 2, severity: Severity::Error };
        assert_eq!(limiter.overdue(PATIENCE), [left_out]);
        assert_eq!(limiter.overdue(PATIENCE), []);
        assert_eq!(limiter.next_due(), None);
        // That was a line, too.
        assert_eq!(admit(&mut limiter, 1, PATIENCE + 1), None);
        assert_eq!(admit(&mut limiter, 1, PATIENCE + WINDOW), Some(1));
    }

    #[test]
    fn more_causes_than_there_is_room_for_are_one_line_a_second_together() {
        let mut limiter = Limiter::default();
        for gist in 0..MOST as u64 {
            assert_eq!(admit(&mut limiter, gist, 0), Some(0));
        }
        assert_eq!(admit(&mut limiter, 1000, 1), Some(0));
        assert_eq!(admit(&mut limiter, 1001, 2), None);
        assert_eq!(admit(&mut limiter, 1, 3), None);
        let many = limiter.overdue(PATIENCE + 2);
        assert_eq!(many.len(), 2, "{many:?}");
        // What is over makes room.
        assert_eq!(admit(&mut limiter, 1002, PATIENCE + 3), Some(0));
        assert!(limiter.known.len() < MOST);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_memory_is_bounded(
            steps in prop::collection::vec((0_u64..100, 0_u64..400, prop::bool::ANY), 0..600)
        ) {
            let mut limiter = Limiter::default();
            let (mut now, mut happened, mut told) = (0, 0_u64, 0_u64);
            for (gist, pause, looks) in steps {
                now += pause;
                happened += 1;
                told += admit(&mut limiter, gist, now).map_or(0, |left_out| left_out + 1);
                if looks {
                    told += limiter.overdue(now).iter().map(|left_out| left_out.count).sum::<u64>();
                }
                prop_assert!(limiter.known.len() <= MOST);
            }
            told += limiter.overdue(u64::MAX).iter().map(|left_out| left_out.count).sum::<u64>();
            prop_assert_eq!(told, happened);
            prop_assert_eq!(limiter.next_due(), None);
        }
    }
}
