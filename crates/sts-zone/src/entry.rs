//! Tokens in the cache.

use std::sync::atomic::AtomicU64;

use zeroize::Zeroizing;

use crate::Millis;
use crate::check::Check;
use crate::layout::{UNIT_WORDS, header};
use crate::list::List;
use crate::pool::Share;
use crate::region::{Broken, Region};
use crate::table::{KeyWords, key_of, set_key};
use crate::unit::{self, At, KEY, Kind, Unit};
use crate::value;
use crate::word::{self, halves, joined};

/// Where the rest of the value is, and its length.
const VALUE: usize = 2;
/// Place in the schedule, and the second of the last use.
const PLACE: usize = 3;
const EXPIRES: usize = 4;
const SENT: usize = 5;
const CHECK: usize = 6;
const NOTE: usize = 9;
/// Words of the value that stand with what describes it.
const INLINE: usize = UNIT_WORDS - KEY - 4;

/// How far a clock may have gone back before what was stored by it is no longer trusted. The clocks
/// of two workers differ by as much as one of them is late in reading it.
pub(crate) const CLOCK_TOLERANCE: Millis = 2000;

/// All that makes an entry.
pub(crate) struct Stored<'v> {
    pub(crate) key: KeyWords,
    pub(crate) tags: [u64; 2],
    pub(crate) sent: Millis,
    pub(crate) expires: Millis,
    pub(crate) note: u64,
    pub(crate) value: &'v [u8],
}

/// Units of an entry.
pub(crate) fn units(length: usize) -> usize {
    1 + value::units(length, INLINE)
}

impl Region<'_> {
    /// Puts an entry in, for which there has to be room.
    pub(crate) fn insert_entry(&mut self, stored: &Stored<'_>, now: Millis) -> Result<(), Broken> {
        let length = u32::try_from(stored.value.len()).map_err(|_| Broken)?;
        let at = self.take(Share::Entries, Kind::Entry)?;
        let unit = self.unit(at)?;
        set_key(unit, &stored.key);
        set_tags(unit, stored.tags);
        word::store(&unit[EXPIRES], stored.expires);
        word::store(&unit[SENT], stored.sent);
        word::store(&unit[NOTE], stored.note);
        let mut check = described(unit, length);
        let chain = self.write_value(Share::Entries, inline(unit), stored.value, &mut check)?;
        word::store(&unit[VALUE], joined(unit::raw(chain), length));
        word::store(&unit[CHECK], check.sum());
        set_used(unit, now);
        self.schedule(at, stored.expires)?;
        self.add(header::ENTRIES, 1);
        self.push_front(List::Entries, at)?;
        self.link(at)
    }

    /// Wipes an entry and gives its units back.
    pub(crate) fn remove_entry(&mut self, at: At) -> Result<(), Broken> {
        let unit = self.unit(at)?;
        if !unit::is(unit, Kind::Entry) {
            return Err(Broken);
        }
        self.unlink(at)?;
        self.take_out(List::Entries, at)?;
        self.unschedule(at)?;
        self.subtract(header::ENTRIES, 1)?;
        let (chain, _) = halves(word::load(&unit[VALUE]));
        self.drop_chain(Share::Entries, At::from_raw(chain))?;
        self.give_back(Share::Entries, at)
    }

    /// Copies the value of an entry out.
    pub(crate) fn read_entry(&self, unit: &Unit) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let (chain, length) = halves(word::load(&unit[VALUE]));
        let mut check = described(unit, length);
        let chain = At::from_raw(chain);
        let value = self.read_value(inline(unit), chain, length as usize, &mut check)?;
        if check.sum() == word::load(&unit[CHECK]) { Ok(value) } else { Err(Broken) }
    }

    /// Makes room for an entry: what has expired goes first, then what was not used for the longest
    /// time.
    pub(crate) fn make_room(
        &mut self,
        units: usize,
        most_entries: usize,
        now: Millis,
    ) -> Result<(), Broken> {
        while self.size_at(header::ENTRIES) >= most_entries || !self.has_room(Share::Entries, units)
        {
            if self.drop_expired(now, 1)? == 0 {
                let at = self.oldest(List::Entries).ok_or(Broken)?;
                self.remove_entry(at)?;
                self.add(header::EVICTED, 1);
            }
        }
        Ok(())
    }

    /// Removes what has expired, at most so many entries. Returns how many.
    pub(crate) fn drop_expired(&mut self, now: Millis, at_most: usize) -> Result<usize, Broken> {
        for dropped in 0..at_most {
            match self.first_to_expire()? {
                Some(at) if expires(self.unit(at)?) <= now => {
                    self.remove_entry(at)?;
                    self.add(header::EXPIRED, 1);
                }
                _ => return Ok(dropped),
            }
        }
        Ok(at_most)
    }
}

/// What is left of an entry's life, and was never more than all of it; `None`: nothing.
pub(crate) fn remaining(unit: &Unit, now: Millis) -> Option<Millis> {
    let (sent, expires) = (sent(unit), expires(unit));
    // Where the clock went back, the age of the entry is unknown.
    if now >= expires || sent > now.saturating_add(CLOCK_TOLERANCE) {
        return None;
    }
    Some((expires - now).min(expires.saturating_sub(sent)))
}

pub(crate) fn expires(unit: &Unit) -> Millis {
    word::load(&unit[EXPIRES])
}

pub(crate) fn sent(unit: &Unit) -> Millis {
    word::load(&unit[SENT])
}

pub(crate) fn note(unit: &Unit) -> u64 {
    word::load(&unit[NOTE])
}

/// Whether a use was noted in this second.
pub(crate) fn is_used(unit: &Unit, now: Millis) -> bool {
    word::low(&unit[PLACE]) == second(now)
}

pub(crate) fn set_used(unit: &Unit, now: Millis) {
    word::set_low(&unit[PLACE], second(now));
}

pub(crate) fn place(unit: &Unit) -> usize {
    word::high(&unit[PLACE]) as usize
}

pub(crate) fn set_place(unit: &Unit, place: u32) {
    word::set_high(&unit[PLACE], place);
}

/// The exchange and the source of what stands in a unit.
pub(crate) fn tags(unit: &Unit) -> [u64; 2] {
    [word::load(&unit[7]), word::load(&unit[8])]
}

pub(crate) fn set_tags(unit: &Unit, [exchange, source]: [u64; 2]) {
    word::store(&unit[7], exchange);
    word::store(&unit[8], source);
}

fn inline(unit: &Unit) -> &[AtomicU64] {
    unit.get(UNIT_WORDS - INLINE..).unwrap_or_default()
}

fn second(now: Millis) -> u32 {
    (now / 1000) as u32
}

/// The sum over all that does not change before the value.
fn described(unit: &Unit, length: u32) -> Check {
    let [exchange, source] = tags(unit);
    Check::new().add_all(key_of(unit)).add_all([
        exchange,
        source,
        expires(unit),
        sent(unit),
        note(unit),
        length.into(),
    ])
}
