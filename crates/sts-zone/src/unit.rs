//! Units: the pieces of one size that the region is handed out in.

use std::num::NonZeroU32;
use std::sync::atomic::AtomicU64;

use crate::layout::UNIT_WORDS;
use crate::word;

pub(crate) type Unit = [AtomicU64; UNIT_WORDS];

/// Names a unit. Numbers begin at 1, so that 0 stands for none, and a region of zeroes is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At(NonZeroU32);

impl At {
    pub(crate) fn from_raw(raw: u32) -> Option<Self> {
        NonZeroU32::new(raw).map(Self)
    }

    pub(crate) fn raw(self) -> u32 {
        self.0.get()
    }
}

pub(crate) fn raw(at: Option<At>) -> u32 {
    at.map_or(0, At::raw)
}

/// What a unit is used for; the upper half of its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    /// Not used since the zone was made.
    Untouched = 0,
    Free = 0x4652_4545,
    /// Part of a value.
    Data = 0x4441_5441,
    /// A token in the cache; see [`crate::entry`].
    Entry = 0x454E_5452,
    /// Calls for a key; see [`crate::node`].
    Node = 0x4E4F_4445,
    /// What an STS has refused; see [`crate::refusal`].
    Refusal = 0x5245_4655,
}

/// The word that every kind has: what the unit is, and the number of the next one of its chain.
pub(crate) const FIRST: usize = 0;
/// In what is listed: the numbers of the one before and the one after it.
pub(crate) const LINKS: usize = 1;
/// In what is found by a key: four words.
pub(crate) const KEY: usize = 10;

pub(crate) fn is(unit: &Unit, kind: Kind) -> bool {
    word::high(&unit[FIRST]) == kind as u32
}

pub(crate) fn set_kind(unit: &Unit, kind: Kind, next: Option<At>) {
    word::store(&unit[FIRST], word::joined(kind as u32, raw(next)));
}

pub(crate) fn next(unit: &Unit) -> Option<At> {
    At::from_raw(word::low(&unit[FIRST]))
}

pub(crate) fn set_next(unit: &Unit, next: Option<At>) {
    word::set_low(&unit[FIRST], raw(next));
}
