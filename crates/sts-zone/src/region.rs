//! The region as it is divided, its header, and the mark that tells whether to trust it.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use zeroize::Zeroizing;

use crate::Seed;
use crate::check::Check;
use crate::layout::{HEADER_WORDS, LAYOUT, MAGIC, Parts, UNIT_WORDS, header};
use crate::unit::{At, Unit};
use crate::word;

/// Units of a zone that was emptied which each use of it wipes.
pub(crate) const WIPED: usize = 64;

/// What stands in the region contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// The parts of a region. All that is kept here are references: it is made for each use.
pub(crate) struct Region<'a> {
    header: &'a [AtomicU64; HEADER_WORDS],
    pub(crate) units: &'a [Unit],
    pub(crate) schedule: &'a [AtomicU64],
    pub(crate) buckets: &'a [AtomicU64],
    unused: &'a [AtomicU64],
    size: usize,
}

/// What the header says of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Sound,
    /// Nothing was ever written to it.
    Blank,
    Foreign,
    /// A process died while changing it.
    Changing,
    /// It contradicts itself.
    Broken,
}

impl<'a> Region<'a> {
    /// Divides a region; `None` when it is too small.
    pub(crate) fn new(words: &'a [AtomicU64]) -> Option<Self> {
        let size = words.len();
        let parts = Parts::of(size)?;
        let (header, rest) = words.split_first_chunk()?;
        let (units, rest) = rest.split_at_checked(parts.unit_words)?;
        let (schedule, rest) = rest.split_at_checked(parts.schedule_words)?;
        let (buckets, unused) = rest.split_at_checked(parts.bucket_words)?;
        let (units, _) = units.as_chunks::<UNIT_WORDS>();
        Some(Self { header, units, schedule, buckets, unused, size })
    }

    pub(crate) fn condition(&self) -> Condition {
        let [magic, layout, size, changing, ..] = self.header;
        if word::load(magic) != MAGIC {
            let blank = self.header.iter().all(|one| word::load(one) == 0);
            return if blank { Condition::Blank } else { Condition::Foreign };
        }
        if word::load(layout) != LAYOUT || word::load(size) != self.size as u64 {
            return Condition::Foreign;
        }
        if word::load(changing) != 0 { Condition::Changing } else { Condition::Sound }
    }

    /// Makes an empty zone of whatever stands in the region. Key material that is whole stays.
    ///
    /// Nothing is found any more at once. What lies in the units is [wiped](Self::wipe_some) by and
    /// by: in a large zone that takes longer than others may wait for the lock.
    ///
    /// # Errors
    /// There is no key material, and `seed` has none. The region is then left as it is, and is no zone.
    /// In one that is broken nothing is found any more, and the mark stays.
    pub(crate) fn make_empty(
        &mut self,
        condition: Condition,
        seed: Seed,
        sequence: u64,
    ) -> Result<(), Broken> {
        if condition == Condition::Broken {
            self.begin_change();
            self.buckets.iter().for_each(clear);
        }
        let key_material = match self.key_material() {
            Ok(whole) => whole,
            Err(Broken) => words_of(&Zeroizing::new(seed().ok_or(Broken)?)),
        };
        self.begin_change();
        let stale = self.may_hold_anything(condition);
        if condition != Condition::Blank {
            self.buckets.iter().for_each(clear);
        }
        if condition == Condition::Foreign {
            // Of our own these hold no secrets, and what was scheduled is not counted any more.
            self.schedule.iter().chain(self.unused).for_each(clear);
        }
        let ours = !matches!(condition, Condition::Blank | Condition::Foreign);
        let emptied = if ours { self.at(header::EMPTIED).wrapping_add(1) } else { 0 };
        // What orders calls and purges goes on, so that nothing of before is taken for newer.
        let sequence = if ours { sequence.max(self.at(header::SEQUENCE)) } else { sequence };
        let keep = header::MAGIC..=header::CHANGING;
        for (number, one) in self.header.iter().enumerate() {
            if !keep.contains(&number) {
                word::store(one, 0);
            }
        }
        self.set_key_material(&key_material);
        self.set(header::STALE, stale as u64);
        self.set(header::SEQUENCE, sequence);
        self.set(header::PURGED, sequence);
        self.set(header::EMPTIED, emptied);
        self.set(header::LAYOUT, LAYOUT);
        self.set(header::SIZE, self.size as u64);
        self.set(header::MAGIC, MAGIC);
        self.end_change();
        Ok(())
    }

    /// Units that may hold something.
    fn may_hold_anything(&self, condition: Condition) -> usize {
        match condition {
            Condition::Blank => 0,
            // A process that died was right about what had been used.
            Condition::Sound | Condition::Changing => {
                self.size_at(header::TOUCHED).max(self.size_at(header::STALE)).min(self.units.len())
            }
            Condition::Foreign | Condition::Broken => self.units.len(),
        }
    }

    /// Wipes a little of what stood in the zone before it was emptied.
    pub(crate) fn wipe_some(&mut self) {
        let stale = self.size_at(header::STALE).min(self.units.len());
        if stale == 0 {
            return;
        }
        let touched = self.size_at(header::TOUCHED);
        let from = touched.max(stale.saturating_sub(WIPED));
        if let Some(units) = self.units.get(from..stale) {
            units.as_flattened().iter().for_each(clear);
        }
        // If the process dies before this, they are wiped again.
        self.set(header::STALE, if from > touched { from as u64 } else { 0 });
    }

    /// Sets the mark. Until it is taken away, no other process may use the region.
    pub(crate) fn begin_change(&mut self) {
        self.set(header::CHANGING, 1);
        // A process that sees a store that follows sees the mark.
        fence(Ordering::Release);
    }

    /// Takes the mark away.
    pub(crate) fn end_change(&mut self) {
        // A process that sees no mark sees all stores before.
        fence(Ordering::Release);
        self.set(header::CHANGING, 0);
    }

    /// The random words, unless they are damaged.
    pub(crate) fn key_material(&self) -> Result<Zeroizing<[u64; 4]>, Broken> {
        let mut words = Zeroizing::new([0; 4]);
        for (offset, one) in words.iter_mut().enumerate() {
            *one = self.at(header::KEY_MATERIAL + offset);
        }
        let sum = Check::new().add_all(*words).sum();
        if sum == self.at(header::KEY_MATERIAL_CHECK) { Ok(words) } else { Err(Broken) }
    }

    fn set_key_material(&mut self, words: &[u64; 4]) {
        for (offset, one) in words.iter().enumerate() {
            self.set(header::KEY_MATERIAL + offset, *one);
        }
        let [a, b, c, d] = *words;
        self.set(header::KEY_MATERIAL_CHECK, Check::new().add_all(*words).sum());
        // What decides on places in the table tells nothing of what encrypts.
        self.set(header::TABLE_SEED, Check::new().add_all([a, b, c, d, 1]).sum());
        self.set(header::TABLE_SEED + 1, Check::new().add_all([a, b, c, d, 2]).sum());
    }

    /// A word of the header.
    pub(crate) fn at(&self, number: usize) -> u64 {
        self.header.get(number).map_or(0, word::load)
    }

    pub(crate) fn set(&mut self, number: usize, value: u64) {
        if let Some(one) = self.header.get(number) {
            word::store(one, value);
        }
    }

    /// A word of the header that counts things in the region.
    pub(crate) fn size_at(&self, number: usize) -> usize {
        usize::try_from(self.at(number)).unwrap_or(usize::MAX)
    }

    pub(crate) fn add(&mut self, number: usize, more: usize) {
        self.set(number, self.at(number).wrapping_add(more as u64));
    }

    pub(crate) fn subtract(&mut self, number: usize, less: usize) -> Result<(), Broken> {
        let value = self.at(number).checked_sub(less as u64).ok_or(Broken)?;
        self.set(number, value);
        Ok(())
    }

    /// The halves of a word of the header, as units.
    pub(crate) fn ends(&self, number: usize) -> (Option<At>, Option<At>) {
        let (first, last) = word::halves(self.at(number));
        (At::from_raw(first), At::from_raw(last))
    }

    pub(crate) fn unit(&self, at: At) -> Result<&'a Unit, Broken> {
        self.units.get(at.raw() as usize - 1).ok_or(Broken)
    }
}

fn words_of(seed: &[u8; 32]) -> Zeroizing<[u64; 4]> {
    let mut words = Zeroizing::new([0; 4]);
    let (chunks, _) = seed.as_chunks();
    for (to, from) in words.iter_mut().zip(chunks) {
        *to = u64::from_ne_bytes(*from);
    }
    words
}

/// Memory that was never used stays untouched, as far as the system can tell.
fn clear(word: &AtomicU64) {
    if word::load(word) != 0 {
        word::store(word, 0);
    }
}
