//! A sum over words that tells a damaged value from a whole one.
//!
//! It guards against accidents, not against an attacker with write access to the region. It is
//! written out here because two versions of the module have to agree on it: the zone outlives an
//! upgrade.

/// Changing one word always changes the sum; changing several does so but for one case in 2^64.
#[derive(Clone)]
pub(crate) struct Check([u64; 3]);

impl Check {
    pub(crate) fn new() -> Self {
        // Digits of pi: anything but zero would do.
        Self([0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344, 0xA409_3822_299F_31D0])
    }

    /// Takes one word in. Three sums run side by side, because each step has to wait for the last.
    #[inline]
    pub(crate) fn add(&mut self, word: u64) {
        let Self([a, b, c]) = *self;
        self.0 = [b, c, mixed(a ^ word)];
    }

    pub(crate) fn add_all(mut self, words: impl IntoIterator<Item = u64>) -> Self {
        for word in words {
            self.add(word);
        }
        self
    }

    pub(crate) fn sum(&self) -> u64 {
        let Self([a, b, c]) = *self;
        mixed(a ^ b.rotate_left(21) ^ c.rotate_left(42))
    }
}

/// Another number for every number.
fn mixed(word: u64) -> u64 {
    let word = word.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    word ^ word >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_and_its_place_count() {
        let words = [0, 1, 2, 3, 0, 5, 6, 7];
        let whole = Check::new().add_all(words).sum();
        for at in 0..words.len() {
            let mut damaged = words;
            damaged[at] ^= 1 << (at * 7);
            assert_ne!(Check::new().add_all(damaged).sum(), whole);
        }
        let mut moved = words;
        moved.swap(1, 4);
        assert_ne!(Check::new().add_all(moved).sum(), whole);
        assert_ne!(Check::new().add_all([0; 3]).sum(), Check::new().add_all([0; 6]).sum());
    }
}
