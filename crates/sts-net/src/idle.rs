//! Idle keep-alive connections of one worker.

use std::collections::HashMap;

/// Milliseconds of a clock that never goes back.
pub type Millis = u64;

/// How many connections are kept for one destination, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Idle connections at once.
    pub connections: usize,
    /// Milliseconds that a connection may stay unused.
    pub idle: Millis,
}

impl Limits {
    /// What holds when nothing is configured.
    pub const DEFAULT: Self = Self { connections: 32, idle: 60_000 };

    /// Up to when a connection may be used that is parked now.
    pub fn until(&self, now: Millis) -> Millis {
        now.saturating_add(self.idle)
    }
}

/// Names one parked connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParkedId(u64);

/// Parked connections by destination, the most recently used first.
///
/// The destination is part of a connection's identity: what was verified for one (name, CA, client
/// certificate) is never used for another.
pub struct Idle<T> {
    destinations: HashMap<u64, Vec<Parked<T>>>,
    next: u64,
}

struct Parked<T> {
    id: ParkedId,
    /// When it has been unused for too long.
    until: Millis,
    connection: T,
}

impl<T> Idle<T> {
    /// A worker starts with no connections.
    pub fn new() -> Self {
        Self { destinations: HashMap::new(), next: 0 }
    }

    /// The identifier that the next parked connection will get, so that the connection can be told
    /// its own name before it is parked.
    pub fn next_id(&mut self) -> ParkedId {
        self.next += 1;
        ParkedId(self.next)
    }

    /// Keeps a connection for as long as the limits of the call that it served allow. What has to go
    /// for it is returned and dropped by the caller: the one that was unused the longest when there
    /// are too many, or the connection itself when none is kept.
    #[must_use]
    pub fn park(
        &mut self,
        destination: u64,
        id: ParkedId,
        connection: T,
        now: Millis,
        limits: Limits,
    ) -> Option<T> {
        if limits.connections == 0 {
            return Some(connection);
        }
        let parked = self.destinations.entry(destination).or_default();
        let evicted = (parked.len() >= limits.connections).then(|| parked.remove(0).connection);
        parked.push(Parked { id, until: limits.until(now), connection });
        evicted
    }

    /// Takes the most recently used connection of those that may still be used.
    pub fn take(&mut self, destination: u64, now: Millis) -> Option<T> {
        let parked = self.destinations.get_mut(&destination)?;
        let last = parked.iter().rposition(|one| now < one.until)?;
        Some(parked.remove(last).connection)
    }

    /// Removes one connection, because its peer closed it.
    pub fn remove(&mut self, destination: u64, id: ParkedId) -> Option<T> {
        let parked = self.destinations.get_mut(&destination)?;
        let at = parked.iter().position(|one| one.id == id)?;
        Some(parked.remove(at).connection)
    }

    /// Removes what was unused for too long.
    pub fn expire(&mut self, now: Millis) -> Vec<T> {
        let all = self.destinations.values_mut();
        let old = all.flat_map(|parked| parked.extract_if(.., |one| one.until <= now));
        old.map(|one| one.connection).collect()
    }

    /// When the first connection will have been unused for too long.
    pub fn earliest(&self) -> Option<Millis> {
        self.destinations.values().flatten().map(|one| one.until).min()
    }

    /// Removes everything.
    pub fn clear(&mut self) -> Vec<T> {
        self.destinations.drain().flat_map(|(_, parked)| parked).map(|one| one.connection).collect()
    }

    /// How many connections are parked for a destination.
    pub fn len(&self, destination: u64) -> usize {
        self.destinations.get(&destination).map_or(0, Vec::len)
    }
}

impl<T> Default for Idle<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Limits = Limits { connections: 2, idle: 1000 };

    fn park(idle: &mut Idle<&'static str>, to: u64, name: &'static str, now: Millis) -> ParkedId {
        let id = idle.next_id();
        assert_eq!(idle.park(to, id, name, now, TWO), None);
        id
    }

    #[test]
    fn the_most_recently_used_connection_is_taken_first() {
        let mut idle = Idle::new();
        park(&mut idle, 1, "older", 0);
        park(&mut idle, 1, "newer", 5);
        assert_eq!(idle.take(1, 10), Some("newer"));
        assert_eq!(idle.take(1, 10), Some("older"));
        assert_eq!(idle.take(1, 10), None);
    }

    #[test]
    fn a_connection_is_never_given_to_another_destination() {
        let mut idle = Idle::new();
        park(&mut idle, 1, "one", 0);
        assert_eq!(idle.take(2, 10), None);
        assert_eq!(idle.len(1), 1);
    }

    #[test]
    fn the_longest_unused_connection_makes_room() {
        let mut idle = Idle::new();
        park(&mut idle, 1, "a", 0);
        park(&mut idle, 1, "b", 1);
        let id = idle.next_id();
        assert_eq!(idle.park(1, id, "c", 2, TWO), Some("a"));
        assert_eq!(idle.len(1), 2);
    }

    #[test]
    fn nothing_is_kept_where_keeping_is_off() {
        let mut idle = Idle::new();
        let id = idle.next_id();
        let off = Limits { connections: 0, idle: 1000 };
        assert_eq!(idle.park(1, id, "a", 0, off), Some("a"));
        assert_eq!(idle.len(1), 0);
    }

    #[test]
    fn a_closed_connection_is_removed_by_its_name() {
        let mut idle = Idle::new();
        let a = park(&mut idle, 1, "a", 0);
        park(&mut idle, 1, "b", 1);
        assert_eq!(idle.remove(1, a), Some("a"));
        assert_eq!(idle.remove(1, a), None);
        assert_eq!(idle.take(1, 10), Some("b"));
    }

    #[test]
    fn only_what_was_unused_for_too_long_expires() {
        let mut idle = Idle::new();
        park(&mut idle, 1, "a", 0);
        park(&mut idle, 2, "b", 600);
        assert_eq!(idle.expire(999), Vec::<&str>::new());
        assert_eq!(idle.expire(1000), ["a"]);
        assert_eq!(idle.clear(), ["b"]);
    }

    #[test]
    fn each_connection_has_the_time_of_the_call_that_it_served() {
        let mut idle = Idle::new();
        let short = Limits { connections: 2, idle: 100 };
        park(&mut idle, 1, "long", 0);
        let id = idle.next_id();
        assert_eq!(idle.park(1, id, "short", 0, short), None);
        assert_eq!(idle.earliest(), Some(100));
        // It is over, even before it was looked at.
        assert_eq!(idle.take(1, 100), Some("long"));
        assert_eq!(idle.expire(100), ["short"]);
        assert_eq!(idle.earliest(), None);
    }
}
