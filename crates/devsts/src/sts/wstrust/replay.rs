//! What has come before: ids of messages, and nonces.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// What was seen, and when.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<String, SystemTime>>);

/// For how long it is remembered: longer than any message is good for.
const MEMORY: Duration = Duration::from_secs(600);

/// When the old ones are forgotten.
const MANY: usize = 10_000;

impl Seen {
    /// Whether it is new; it is not from now on.
    pub(super) fn is_new(&self, what: &str, now: SystemTime) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MANY {
            seen.retain(|_, when| now.duration_since(*when).is_ok_and(|age| age < MEMORY));
        }
        seen.insert(what.to_owned(), now).is_none()
    }
}
