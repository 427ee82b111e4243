//! Addresses that did not answer lately.

use crate::idle::Millis;

/// For how long an address is left to the end of the list, as `fail_timeout` of NGINX's upstreams.
const MEMORY: Millis = 10_000;

/// Addresses that are remembered at once.
const MAX: usize = 64;

/// Addresses to which a connection was begun, and nothing happened.
///
/// They are tried after the others, and when there are no others they are tried all the same. When
/// the time of one is over a single call finds out whether it answers again.
#[derive(Debug)]
pub struct Hangs<A> {
    /// The one that hung last stands last.
    marks: Vec<Mark<A>>,
}

#[derive(Debug)]
struct Mark<A> {
    address: A,
    until: Millis,
}

impl<A: Clone + PartialEq> Hangs<A> {
    /// Nothing is known of any address.
    pub const fn new() -> Self {
        Self { marks: Vec::new() }
    }

    /// Puts those that did not answer lately behind the others; the rest of the order stays.
    pub fn order(&self, addresses: &mut [A], now: Millis) {
        if !self.marks.is_empty() {
            addresses.sort_by_key(|address| self.is_remembered(address, now));
        }
    }

    fn is_remembered(&self, address: &A, now: Millis) -> bool {
        self.marks.iter().any(|mark| mark.address == *address && now < mark.until)
    }

    /// An address is tried, for at most `patience` milliseconds. If it is one that hung, others leave it
    /// alone meanwhile.
    pub fn begin(&mut self, address: &A, now: Millis, patience: Millis) {
        if let Some(mark) = self.marks.iter_mut().find(|mark| mark.address == *address) {
            mark.until = mark.until.max(now.saturating_add(patience));
        }
    }

    /// It answered, if only to refuse.
    pub fn answered(&mut self, address: &A) {
        self.marks.retain(|mark| mark.address != *address);
    }

    /// It did not answer.
    pub fn hung(&mut self, address: &A, now: Millis) {
        self.answered(address);
        if self.marks.len() >= MAX {
            self.marks.remove(0);
        }
        self.marks.push(Mark { address: address.clone(), until: now.saturating_add(MEMORY) });
    }
}

impl<A: Clone + PartialEq> Default for Hangs<A> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(hangs: &Hangs<u32>, addresses: &[u32], now: Millis) -> Vec<u32> {
        let mut addresses = addresses.to_vec();
        hangs.order(&mut addresses, now);
        addresses
    }

    #[test]
    fn what_hung_is_tried_last_for_ten_seconds() {
        let mut hangs = Hangs::new();
        hangs.hung(&1, 5);
        assert_eq!(ordered(&hangs, &[1, 2, 3], 5), [2, 3, 1]);
        assert_eq!(ordered(&hangs, &[1, 2, 3], 5 + MEMORY - 1), [2, 3, 1]);
        assert_eq!(ordered(&hangs, &[1, 2, 3], 5 + MEMORY), [1, 2, 3]);
    }

    #[test]
    fn when_all_hung_all_are_tried_in_their_order() {
        let mut hangs = Hangs::new();
        hangs.hung(&2, 0);
        hangs.hung(&1, 1);
        assert_eq!(ordered(&hangs, &[1, 2], 2), [1, 2]);
    }

    #[test]
    fn when_its_time_is_over_one_call_tries_it_for_all() {
        let mut hangs = Hangs::new();
        hangs.hung(&1, 0);
        hangs.begin(&1, MEMORY, 2_000);
        assert_eq!(ordered(&hangs, &[1, 2], MEMORY + 1), [2, 1]);
        // That call has left.
        assert_eq!(ordered(&hangs, &[1, 2], MEMORY + 2_000), [1, 2]);
        hangs.begin(&1, MEMORY + 2_000, 2_000);
        hangs.hung(&1, MEMORY + 4_000);
        assert_eq!(ordered(&hangs, &[1, 2], MEMORY + 13_999), [2, 1]);
    }

    #[test]
    fn to_try_it_makes_no_memory_shorter() {
        let mut hangs = Hangs::new();
        hangs.hung(&1, 0);
        hangs.begin(&1, 1, 100);
        assert_eq!(ordered(&hangs, &[1, 2], MEMORY - 1), [2, 1]);
    }

    #[test]
    fn what_answers_is_like_the_others() {
        let mut hangs = Hangs::new();
        hangs.hung(&1, 0);
        hangs.answered(&1);
        assert_eq!(ordered(&hangs, &[1, 2], 1), [1, 2]);
        // An address of which nothing is known is not remembered for being tried.
        hangs.begin(&1, 1, 100);
        assert_eq!(ordered(&hangs, &[1, 2], 2), [1, 2]);
    }

    #[test]
    fn only_so_many_are_remembered_and_each_once() {
        let mut hangs = Hangs::new();
        for number in 0..u32::try_from(MAX).unwrap() {
            hangs.hung(&number, 0);
            hangs.hung(&number, 1);
        }
        assert_eq!(hangs.marks.len(), MAX);
        hangs.hung(&1000, 2);
        assert_eq!(hangs.marks.len(), MAX);
        assert_eq!(ordered(&hangs, &[0, 1, 1000, 2000], 3), [0, 2000, 1, 1000]);
    }
}
