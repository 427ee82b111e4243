//! A set of names in words of memory that several processes share: what is in it stays, as long as there
//! is room.
//!
//! A word is written at once, so that no lock is needed for what is in the set; two writers that meet at
//! the same word leave one of their names out, which is then written another time.

use std::sync::atomic::{AtomicU64, Ordering};

/// Words that a name may lie in.
const REACH: usize = 16;

/// Whether a name is in the set.
pub fn contains(words: &[AtomicU64], name: u64) -> bool {
    places(words, name).any(|word| word.load(Ordering::Relaxed) == stored(name))
}

/// Puts a name into the set; where there is no room, in the place of another one.
pub fn insert(words: &[AtomicU64], name: u64) {
    if contains(words, name) {
        return;
    }
    let free = places(words, name).find(|word| word.load(Ordering::Relaxed) == 0);
    if let Some(word) = free.or_else(|| places(words, name).next()) {
        word.store(stored(name), Ordering::Relaxed);
    }
}

/// Names are digests: a part of them is as good as any hash.
fn places(words: &[AtomicU64], name: u64) -> impl Iterator<Item = &AtomicU64> {
    let length = words.len() as u64;
    let first = name.checked_rem(length).and_then(|first| usize::try_from(first).ok());
    words.iter().cycle().skip(first.unwrap_or_default()).take(REACH.min(words.len()))
}

/// Zero is what new memory has.
fn stored(name: u64) -> u64 {
    name.max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn memory(words: usize) -> Vec<AtomicU64> {
        std::iter::repeat_with(AtomicU64::default).take(words).collect()
    }

    #[test]
    fn a_name_is_in_the_set_from_when_it_was_put_there() {
        let words = memory(100);
        assert!(!contains(&words, 7) && !contains(&words, 0));
        insert(&words, 7);
        insert(&words, 0);
        insert(&words, 107);
        for name in [7, 0, 107] {
            assert!(contains(&words, name), "{name}");
        }
        assert!(!contains(&words, 207));
    }

    #[test]
    fn a_full_set_takes_a_new_name_for_an_old_one() {
        let words = memory(REACH);
        for name in 1..=20 {
            insert(&words, name);
            assert!(contains(&words, name), "{name}");
        }
        assert_eq!((1..=20).filter(|name| contains(&words, *name)).count(), REACH);
    }

    #[test]
    fn no_memory_holds_nothing() {
        insert(&[], 1);
        assert!(!contains(&[], 1));
    }

    proptest! {
        #[test]
        fn what_was_never_put_in_is_not_there(
            names: Vec<u64>, other: u64, size in 1_usize..50
        ) {
            let words = memory(size);
            names.iter().for_each(|name| insert(&words, *name));
            let is_in = names.iter().any(|name| (*name).max(1) == other.max(1));
            prop_assert!(is_in || !contains(&words, other));
        }
    }
}
