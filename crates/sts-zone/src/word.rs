//! Single words of the region.
//!
//! They are atomic, although all are accessed under the zone's lock: another process may write to
//! the region at any time if the lock fails, and a store must neither be dropped as overwritten
//! later (the mark of a change, a wiped value) nor be moved over a fence. On the usual processors
//! relaxed loads and stores cost what plain ones cost.

use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) fn load(word: &AtomicU64) -> u64 {
    word.load(Ordering::Relaxed)
}

pub(crate) fn store(word: &AtomicU64, value: u64) {
    #[cfg(test)]
    fuse::burn();
    word.store(value, Ordering::Relaxed);
}

/// The lower half of a word.
pub(crate) fn low(word: &AtomicU64) -> u32 {
    halves(load(word)).1
}

/// The upper half of a word.
pub(crate) fn high(word: &AtomicU64) -> u32 {
    halves(load(word)).0
}

pub(crate) fn set_low(word: &AtomicU64, value: u32) {
    store(word, joined(high(word), value));
}

pub(crate) fn set_high(word: &AtomicU64, value: u32) {
    store(word, joined(value, low(word)));
}

pub(crate) fn joined(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

pub(crate) fn halves(word: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = word.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

/// Lets a test die before any store that it chooses, as a process does that is killed there.
#[cfg(test)]
pub(crate) mod fuse {
    use std::cell::Cell;

    thread_local! {
        static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
        static BURNT: Cell<u64> = const { Cell::new(0) };
    }

    /// Sets the number of stores that still happen; `None`: no limit.
    pub(crate) fn set(stores: Option<u64>) {
        LEFT.set(stores);
    }

    /// Stores so far.
    pub(crate) fn burnt() -> u64 {
        BURNT.get()
    }

    pub(super) fn burn() {
        BURNT.set(BURNT.get() + 1);
        match LEFT.get() {
            Some(0) => std::panic::resume_unwind(Box::new("the fuse has burnt")),
            Some(left) => LEFT.set(Some(left - 1)),
            None => {}
        }
    }
}
