//! Waiting for a condition, never for a fixed time.

use std::time::{Duration, Instant};

use crate::nginx::memory_is_watched;

/// How long anything may take before a test fails. Generous, because machines are noisy; a test that
/// is about time states a bound of its own.
pub const DEADLINE: Duration = Duration::from_secs(15);

/// [`DEADLINE`], or a multiple where NGINX is slow.
pub(crate) fn patience() -> Duration {
    if memory_is_watched() { DEADLINE * 8 } else { DEADLINE }
}

/// Between two looks at a condition.
const POLL: Duration = Duration::from_millis(3);

/// Waits until the condition holds.
///
/// # Panics
/// When it does not within [`DEADLINE`]; `what` says in the message what was waited for.
#[track_caller]
pub fn wait_for(what: &str, condition: impl FnMut() -> bool) {
    let patience = patience();
    assert!(holds_within(patience, condition), "waited {patience:?} in vain for {what}");
}

/// Waits until the condition yields a value, and returns it.
///
/// # Panics
/// As [`wait_for`].
#[track_caller]
pub fn wait_for_some<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    wait_for(what, || {
        found = condition();
        found.is_some()
    });
    found.expect("the condition held")
}

/// Whether the condition comes to hold within the time.
pub fn holds_within(time: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + time;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
}
