//! What lies where in the region, in words of eight bytes: the header, the units that hold all that
//! is kept, the schedule, the buckets of the table.

/// Changes whenever anything changes that one process writes and another reads: a zone is kept over
/// an upgrade of the module only if both mean the same by it.
pub(crate) const LAYOUT: u64 = 8;

/// First word of a zone.
pub const MAGIC: u64 = u64::from_be_bytes(*b"STS zone");

/// Words of one unit. 128 bytes are the largest size at which a short value stays within 256 bytes
/// of what it needs, and a pair of cache lines that processors fetch together.
pub(crate) const UNIT_WORDS: usize = 16;

/// Words of the header; a multiple of a unit, so that units begin where cache lines do.
pub(crate) const HEADER_WORDS: usize = 64;

/// Units come in groups that share two words of the schedule and one of the table.
const UNITS_PER_GROUP: usize = 4;
const SCHEDULE_WORDS_PER_GROUP: usize = 2;
const BUCKET_WORDS_PER_GROUP: usize = 1;
const GROUP_WORDS: usize =
    UNITS_PER_GROUP * UNIT_WORDS + SCHEDULE_WORDS_PER_GROUP + BUCKET_WORDS_PER_GROUP;

/// With fewer units a tenth of them is too little for one call.
const LEAST_GROUPS: usize = 8;

/// Words that the smallest zone has.
#[cfg(test)]
pub(crate) const LEAST_WORDS: usize = HEADER_WORDS + LEAST_GROUPS * GROUP_WORDS;

/// The parts of a region of a given size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) unit_words: usize,
    pub(crate) schedule_words: usize,
    pub(crate) bucket_words: usize,
}

impl Parts {
    /// Divides a region; `None` when it is too small.
    pub(crate) fn of(words: usize) -> Option<Self> {
        let groups = words.checked_sub(HEADER_WORDS)? / GROUP_WORDS;
        if groups < LEAST_GROUPS {
            return None;
        }
        // Units are numbered with 32 bits; what lies beyond half a terabyte stays unused.
        let groups = groups.min(u32::MAX as usize / UNITS_PER_GROUP - 1);
        Some(Self {
            unit_words: groups * UNITS_PER_GROUP * UNIT_WORDS,
            schedule_words: groups * SCHEDULE_WORDS_PER_GROUP,
            bucket_words: groups * BUCKET_WORDS_PER_GROUP,
        })
    }
}

/// Words of the header by number.
pub(crate) mod header {
    pub(crate) const MAGIC: usize = 0;
    /// The version of the layout.
    pub const LAYOUT: usize = 1;
    /// Words of the region.
    pub const SIZE: usize = 2;
    /// Not zero while a process changes the zone.
    pub const CHANGING: usize = 3;
    /// Four words.
    pub const KEY_MATERIAL: usize = 4;
    pub(crate) const KEY_MATERIAL_CHECK: usize = 8;
    /// Two words.
    pub(crate) const TABLE_SEED: usize = 9;
    /// Numbers calls and purges in the order in which they began.
    pub(crate) const SEQUENCE: usize = 11;
    /// Number of the last purge.
    pub(crate) const PURGED: usize = 12;
    /// Units beyond [`TOUCHED`] and up to this number hold what stood in the zone before it was
    /// emptied.
    pub(crate) const STALE: usize = 13;
    /// The latest time at which a process opened the zone, as far as a second earlier.
    pub(crate) const LATEST: usize = 14;

    pub(crate) const FREE: usize = 16;
    /// Units that have ever been used.
    pub(crate) const TOUCHED: usize = 17;
    /// Entries now.
    pub const ENTRIES: usize = 18;
    pub(crate) const ENTRY_UNITS: usize = 19;
    pub(crate) const ENTRY_LIST: usize = 20;
    pub(crate) const NODES: usize = 21;
    pub(crate) const NODE_UNITS: usize = 22;
    pub(crate) const NODE_LIST: usize = 23;
    pub(crate) const REFUSALS: usize = 24;
    pub(crate) const REFUSAL_UNITS: usize = 25;
    pub(crate) const REFUSAL_LIST: usize = 26;
    /// Of the entries those that were made here, the units of [`ENTRY_UNITS`] that they take, and their list.
    pub(crate) const MADE: usize = 27;
    pub(crate) const MADE_UNITS: usize = 28;
    pub(crate) const MADE_LIST: usize = 29;

    pub(crate) const STORED: usize = 35;
    pub(crate) const EVICTED: usize = 36;
    pub(crate) const EXPIRED: usize = 37;
    pub(crate) const PURGED_ENTRIES: usize = 38;
    pub(crate) const EMPTIED: usize = 40;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_fill_a_region_and_do_not_overflow_it() {
        for words in (LEAST_WORDS..LEAST_WORDS + 3000).chain([2 << 20, 1 << 27]) {
            let parts = Parts::of(words).unwrap();
            let used = HEADER_WORDS + parts.unit_words + parts.schedule_words + parts.bucket_words;
            assert!(used <= words && words - used < GROUP_WORDS, "{words}");
        }
    }

    #[test]
    fn a_region_can_be_too_small() {
        assert_eq!(Parts::of(LEAST_WORDS - 1), None);
        assert_eq!(Parts::of(0), None);
    }
}
