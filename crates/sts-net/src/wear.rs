//! How long one connection serves.

use crate::idle::Millis;

/// Requests that a connection carries, and milliseconds that it lives: the server to which a load
/// balancer sends them changes, and so do addresses.
const MAX_REQUESTS: u32 = 1000;
const MAX_AGE: Millis = 60 * 60 * 1000;

/// What a connection has behind it.
#[derive(Clone, Copy, Debug)]
pub struct Wear {
    opened: Millis,
    requests: u32,
}

impl Wear {
    /// A connection that was opened just now.
    pub fn new(now: Millis) -> Self {
        Self { opened: now, requests: 0 }
    }

    /// Counts a request.
    pub fn count_request(&mut self) {
        self.requests += 1;
    }

    /// Whether it has served its time, and must not serve another request.
    pub fn is_worn_out(&self, now: Millis) -> bool {
        self.requests >= MAX_REQUESTS || now.saturating_sub(self.opened) >= MAX_AGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_serves_an_hour() {
        let wear = Wear::new(5);
        assert!(!wear.is_worn_out(5 + MAX_AGE - 1));
        assert!(wear.is_worn_out(5 + MAX_AGE));
    }

    #[test]
    fn a_connection_serves_a_thousand_requests() {
        let mut wear = Wear::new(0);
        for _ in 1..MAX_REQUESTS {
            wear.count_request();
        }
        assert!(!wear.is_worn_out(0));
        wear.count_request();
        assert!(wear.is_worn_out(0));
    }
}
