//! The region: a header, the names of the rows, the owners of the lanes, and the counters.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::totals::Totals;
use crate::words::{Duration, Gauge, LAYOUT, ROW_WORDS, Word};

/// First word of a region.
const MAGIC: u64 = u64::from_be_bytes(*b"STScount");

/// Words of the header, and of the part that a lane has in front: a cache line each.
const HEADER_WORDS: usize = 8;
const LANE_WORDS: usize = 8;

/// Words of a row's name: itself, and the configuration that it was last used by.
const NAME_WORDS: usize = 4;

mod header {
    pub(super) const MAGIC: usize = 0;
    pub(super) const LAYOUT: usize = 1;
    pub(super) const ROWS: usize = 2;
    pub(super) const LANES: usize = 3;
    /// The number of the configuration that is in force.
    pub(super) const GENERATION: usize = 4;
}

/// Set in the owner of a lane that is not ready.
const NOT_READY: u64 = 1 << 63;

/// How many rows and lanes a region has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    rows: usize,
    lanes: usize,
}

/// The name of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name([u64; 2]);

impl Name {
    /// The row of what belongs to no exchange.
    pub const COMMON: Self = Self([0, 1]);

    /// The name of an exchange, by a digest of what it is called.
    pub fn of(digest: &[u8; 32]) -> Self {
        let (words, _) = digest.as_chunks();
        let [first, second, ..] = words else { return Self([0, 2]) };
        // A row without a name has none of these, and that of no exchange has 1.
        Self([u64::from_le_bytes(*first), u64::from_le_bytes(*second).max(2)])
    }
}

/// The number of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row(usize);

/// The part of the region in which a worker counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    number: usize,
    /// No other worker counts there. What it has at a time is counted only then: it could not be told
    /// what to take back when the worker dies.
    is_own: bool,
}

impl Shape {
    /// The shape for so many exchanges and workers. It changes seldom when they do. There are rows for
    /// the exchanges of the next configuration beside those of this one, whose workers still count, and
    /// lanes for the workers that follow these.
    pub fn of(exchanges: usize, workers: usize) -> Self {
        const LEAST_ROWS: usize = 64;
        const LEAST_LANES: usize = 16;
        const MOST: usize = 1 << 20;
        let twice = |number: usize| number.min(MOST).saturating_mul(2).next_power_of_two();
        // One for what belongs to no exchange.
        let rows = twice(exchanges + 1).max(LEAST_ROWS);
        Self { rows, lanes: twice(workers).max(LEAST_LANES) }
    }

    /// Words of such a region.
    pub const fn words(self) -> usize {
        self.counters() + self.lanes * self.rows * ROW_WORDS
    }

    const fn owners(self) -> usize {
        HEADER_WORDS + self.rows * NAME_WORDS
    }

    const fn counters(self) -> usize {
        self.owners() + self.lanes * LANE_WORDS
    }
}

/// The region, as it lies in memory.
#[derive(Clone, Copy)]
pub struct Region<'a> {
    words: &'a [AtomicU64],
    shape: Shape,
}

impl<'a> Region<'a> {
    /// A region that was [opened](Self::open) before.
    pub fn new(words: &'a [AtomicU64], shape: Shape) -> Self {
        Self { words, shape }
    }

    /// The region for a new configuration: new when anything else lies there. `None` when it is too small.
    ///
    /// Only one process may do that, and before any worker of the configuration counts.
    pub fn open(words: &'a [AtomicU64], shape: Shape) -> Option<Self> {
        if words.len() < shape.words() {
            return None;
        }
        let region = Self { words, shape };
        if Self::known(words) != Some(shape) {
            words.iter().filter(|word| load(word) != 0).for_each(|word| store(word, 0));
            region.set(header::LAYOUT, LAYOUT);
            region.set(header::ROWS, shape.rows as u64);
            region.set(header::LANES, shape.lanes as u64);
            region.set(header::MAGIC, MAGIC);
        }
        region.add_to(header::GENERATION, 1);
        Some(region)
    }

    /// The region of another configuration, if it is one.
    pub fn of_other(words: &'a [AtomicU64]) -> Option<Self> {
        Self::known(words).map(|shape| Self { words, shape })
    }

    fn known(words: &[AtomicU64]) -> Option<Shape> {
        let at = |number| words.get(number).map(load);
        let size = |number| at(number).and_then(|size| usize::try_from(size).ok());
        if at(header::MAGIC) != Some(MAGIC) || at(header::LAYOUT) != Some(LAYOUT) {
            return None;
        }
        let (rows, lanes) = (size(header::ROWS)?, size(header::LANES)?);
        let counters = rows.checked_mul(lanes)?.checked_mul(ROW_WORDS)?;
        let is_whole = counters <= words.len() && rows <= words.len() && lanes <= words.len();
        let shape = Shape { rows, lanes };
        (is_whole && shape.words() <= words.len()).then_some(shape)
    }

    /// The row of a name, for the configuration that is in force. A name keeps its row, and what was
    /// counted in it. `None` when all rows are those of this configuration and of the one before, whose
    /// workers may still count.
    pub fn claim(&self, name: Name) -> Option<Row> {
        let generation = self.at(header::GENERATION);
        let row = self
            .row_of(name)
            .or_else(|| self.free_row())
            .or_else(|| self.least_used(generation).inspect(|row| self.clear(*row)))?;
        self.give(row, name, generation);
        Some(row)
    }

    /// Takes over what was counted in a region of another shape, when all rows are claimed. What no
    /// exchange claims now is kept as long as there is room.
    pub fn take_over(&self, other: &Region<'_>) {
        for row in (0..other.shape.rows).map(Row) {
            let Some(name) = other.name(row) else { continue };
            let mine = self
                .row_of(name)
                .or_else(|| self.free_row().inspect(|free| self.give(*free, name, 0)));
            let Some(mine) = mine else { continue };
            let totals = other.totals(row, |_| false);
            self.set(self.lane_at(0) + 1, 1);
            for (number, total) in totals.0.iter().enumerate() {
                self.add_to(self.counter(0, mine, number), *total);
            }
        }
    }

    fn row_of(&self, name: Name) -> Option<Row> {
        (0..self.shape.rows).map(Row).find(|row| self.name(*row) == Some(name))
    }

    fn free_row(&self) -> Option<Row> {
        (0..self.shape.rows).map(Row).find(|row| self.name(*row).is_none())
    }

    fn give(&self, row: Row, name: Name, generation: u64) {
        let at = self.name_at(row);
        let Name([first, second]) = name;
        self.set(at, first);
        self.set(at + 1, second);
        self.set(at + 2, generation);
    }

    /// A lane for a worker: one that no living process has. Where there is none, it shares one.
    pub fn take_lane(&self, process: u32, is_alive: impl Fn(u32) -> bool) -> Lane {
        let owner = u64::from(process);
        let own = (0..self.shape.lanes).find(|lane| self.owner(*lane) == Some(process));
        let number = own.or_else(|| {
            (0..self.shape.lanes).find(|lane| {
                let Some(word) = self.words.get(self.lane_at(*lane)) else { return false };
                let before = load(word);
                let is_free = before == 0 || !is_alive(process_of(before));
                let taken = || {
                    word.compare_exchange(
                        before,
                        owner | NOT_READY,
                        Ordering::AcqRel,
                        Ordering::Relaxed,
                    )
                };
                is_free && taken().is_ok()
            })
        });
        let Some(number) = number else {
            let number = process as usize % self.shape.lanes.max(1);
            self.set(self.lane_at(number) + 1, 1);
            return Lane { number, is_own: false };
        };
        self.clear_gauges(number);
        self.set(self.lane_at(number) + 1, 1);
        if let Some(word) = self.words.get(self.lane_at(number)) {
            word.store(owner, Ordering::Release);
        }
        Lane { number, is_own: true }
    }

    /// Leaves a lane to another worker: this one has nothing any more that is counted as long as it is there.
    pub fn leave_lane(&self, lane: Lane) {
        if lane.is_own {
            self.clear_gauges(lane.number);
            self.set(self.lane_at(lane.number), 0);
        }
    }

    /// Counts something.
    pub fn count(&self, lane: Lane, row: Row, word: Word) {
        self.add_to(self.counter(lane.number, row, word.at()), 1);
    }

    /// Counts how long something took, in milliseconds.
    pub fn observe(&self, lane: Lane, row: Row, duration: Duration, milliseconds: u64) {
        let (bucket, sum) = (Word::bucket(duration, milliseconds), Word::sum(duration));
        self.observe_as(lane, row, bucket, sum, milliseconds);
    }

    /// Counts how long something took, in the unit of its sum.
    pub fn observe_as(&self, lane: Lane, row: Row, bucket: Word, sum: Word, took: u64) {
        self.count(lane, row, bucket);
        self.add_to(self.counter(lane.number, row, sum.at()), took);
    }

    /// There is one more of something now, or one less.
    pub fn change(&self, lane: Lane, row: Row, gauge: Gauge, by: i64) {
        if lane.is_own {
            let at = self.counter(lane.number, row, Word::gauge(gauge).at());
            self.add_to(at, by.cast_unsigned());
        }
    }

    /// The sums of a row. What a worker has at a time counts while its process lives.
    pub fn totals(&self, row: Row, is_alive: impl Fn(u32) -> bool) -> Totals {
        let mut totals = Totals::default();
        for lane in (0..self.shape.lanes).filter(|lane| self.at(self.lane_at(*lane) + 1) != 0) {
            let has_worker = self.owner(lane).is_some_and(&is_alive);
            let from = self.counter(lane, row, 0);
            let counters = self.words.get(from..from + ROW_WORDS).unwrap_or_default();
            for (number, (total, word)) in totals.0.iter_mut().zip(counters).enumerate() {
                if has_worker || !Word::is_gauge(number) {
                    *total = total.wrapping_add(load(word));
                }
            }
        }
        totals
    }

    /// The row that no configuration has used for the longest time, but for this one and the one before.
    fn least_used(&self, generation: u64) -> Option<Row> {
        let used = |row: &Row| self.at(self.name_at(*row) + 2);
        let old = (0..self.shape.rows).map(Row).filter(|row| used(row) + 1 < generation);
        old.filter(|row| self.name(*row) != Some(Name::COMMON)).min_by_key(used)
    }

    fn clear(&self, row: Row) {
        for lane in 0..self.shape.lanes {
            let from = self.counter(lane, row, 0);
            self.words.get(from..from + ROW_WORDS).unwrap_or_default().iter().for_each(clear);
        }
    }

    fn clear_gauges(&self, lane: usize) {
        for row in (0..self.shape.rows).map(Row).filter(|row| self.name(*row).is_some()) {
            for word in Word::gauges() {
                self.set(self.counter(lane, row, word.at()), 0);
            }
        }
    }

    fn name(&self, row: Row) -> Option<Name> {
        let at = self.name_at(row);
        let name = Name([self.at(at), self.at(at + 1)]);
        (name != Name([0, 0])).then_some(name)
    }

    /// The process that counts in a lane, once it does.
    fn owner(&self, lane: usize) -> Option<u32> {
        let owner = self.words.get(self.lane_at(lane)).map(|word| word.load(Ordering::Acquire));
        let owner = owner.filter(|owner| *owner != 0 && owner & NOT_READY == 0)?;
        Some(process_of(owner))
    }

    fn name_at(&self, row: Row) -> usize {
        HEADER_WORDS + row.0 * NAME_WORDS
    }

    fn lane_at(&self, lane: usize) -> usize {
        self.shape.owners() + lane * LANE_WORDS
    }

    fn counter(&self, lane: usize, row: Row, word: usize) -> usize {
        self.shape.counters() + (lane * self.shape.rows + row.0) * ROW_WORDS + word
    }

    fn at(&self, number: usize) -> u64 {
        self.words.get(number).map_or(0, load)
    }

    fn set(&self, number: usize, value: u64) {
        if let Some(word) = self.words.get(number) {
            store(word, value);
        }
    }

    fn add_to(&self, number: usize, more: u64) {
        if let Some(word) = self.words.get(number) {
            word.fetch_add(more, Ordering::Relaxed);
        }
    }
}

/// The lower half of an owner is its process.
fn process_of(owner: u64) -> u32 {
    (owner & u64::from(u32::MAX)) as u32
}

fn load(word: &AtomicU64) -> u64 {
    word.load(Ordering::Relaxed)
}

fn store(word: &AtomicU64, value: u64) {
    word.store(value, Ordering::Relaxed);
}

fn clear(word: &AtomicU64) {
    store(word, 0);
}

#[cfg(test)]
mod tests;
