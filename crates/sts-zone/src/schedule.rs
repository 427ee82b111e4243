//! What expires first: a heap of (second, unit) in an array of its own, so that ordering it touches
//! no unit but to tell it its place.

use std::sync::atomic::AtomicU64;

use crate::Millis;
use crate::entry;
use crate::layout::header;
use crate::region::{Broken, Region};
use crate::unit::{At, Kind, is};
use crate::word;

/// Children of one place: half a cache line of them.
const ARITY: usize = 4;

impl<'a> Region<'a> {
    /// The entry that expires first, to the second.
    pub(crate) fn first_to_expire(&self) -> Result<Option<At>, Broken> {
        if self.size_at(header::ENTRIES) == 0 {
            return Ok(None);
        }
        Ok(Some(self.scheduled_at(0)?.1))
    }

    /// Takes an entry in. It is not counted yet.
    pub(crate) fn schedule(&mut self, at: At, expires: Millis) -> Result<(), Broken> {
        let second = u32::try_from(expires / 1000).unwrap_or(u32::MAX);
        let place = self.size_at(header::ENTRIES);
        self.rise(place, word::joined(second, at.raw()))
    }

    /// Takes an entry out. It is still counted.
    pub(crate) fn unschedule(&mut self, at: At) -> Result<(), Broken> {
        let place = entry::place(self.unit(at)?);
        if self.scheduled_at(place)?.1 != at {
            return Err(Broken);
        }
        let last = self.size_at(header::ENTRIES).checked_sub(1).ok_or(Broken)?;
        let end = self.slot(last)?;
        let moved = word::load(end);
        word::store(end, 0);
        if place < last {
            self.sink(place, last, moved)
        } else if place == last {
            Ok(())
        } else {
            Err(Broken)
        }
    }

    /// Finds the place for what came into an empty one: further up, if it is early.
    fn rise(&mut self, mut place: usize, scheduled: u64) -> Result<(), Broken> {
        while place > 0 {
            let parent = (place - 1) / ARITY;
            let above = word::load(self.slot(parent)?);
            if above <= scheduled {
                break;
            }
            self.put(place, above)?;
            place = parent;
        }
        self.put(place, scheduled)
    }

    /// Finds the place for what came into an empty one: further down, if it is late.
    fn sink(&mut self, mut place: usize, count: usize, scheduled: u64) -> Result<(), Broken> {
        loop {
            let first = place.checked_mul(ARITY).ok_or(Broken)?.checked_add(1).ok_or(Broken)?;
            let end = count.min(first.saturating_add(ARITY));
            let children = self.schedule.get(first.min(end)..end).ok_or(Broken)?;
            let earliest = children.iter().map(word::load).zip(first..).min();
            match earliest {
                Some((below, child)) if below < scheduled => {
                    self.put(place, below)?;
                    place = child;
                }
                _ => return self.rise(place, scheduled),
            }
        }
    }

    fn put(&mut self, place: usize, scheduled: u64) -> Result<(), Broken> {
        let unit = self.unit(At::from_raw(word::halves(scheduled).1).ok_or(Broken)?)?;
        if !is(unit, Kind::Entry) {
            return Err(Broken);
        }
        word::store(self.slot(place)?, scheduled);
        entry::set_place(unit, place as u32);
        Ok(())
    }

    fn scheduled_at(&self, place: usize) -> Result<(u32, At), Broken> {
        let (second, at) = word::halves(word::load(self.slot(place)?));
        Ok((second, At::from_raw(at).ok_or(Broken)?))
    }

    fn slot(&self, place: usize) -> Result<&'a AtomicU64, Broken> {
        self.schedule.get(place).ok_or(Broken)
    }
}
