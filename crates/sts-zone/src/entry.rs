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

/// Where the rest of the value is, and its length; [`MADE`] is set in that of one that was made here.
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

/// The tags of what is no token.
pub(crate) const NO_TOKEN: [u64; 2] = [u64::MAX; 2];

/// The highest bit of a length.
const MADE: u32 = 1 << 31;

/// Bytes of the longest value.
pub(crate) const LONGEST: usize = MADE as usize - 1;

/// All that makes an entry.
pub(crate) struct Stored<'v> {
    pub(crate) key: KeyWords,
    pub(crate) tags: [u64; 2],
    pub(crate) sent: Millis,
    pub(crate) expires: Millis,
    pub(crate) note: u64,
    pub(crate) value: &'v [u8],
    /// No call has brought it: it can be made again.
    pub(crate) is_made: bool,
}

/// Units of an entry.
pub(crate) fn units(length: usize) -> usize {
    1 + value::units(length, INLINE)
}

impl Region<'_> {
    /// Puts an entry in, for which there has to be room.
    pub(crate) fn insert_entry(&mut self, stored: &Stored<'_>, now: Millis) -> Result<(), Broken> {
        let length = u32::try_from(stored.value.len()).map_err(|_| Broken)?;
        let length = if stored.is_made { length | MADE } else { length };
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
        if stored.is_made {
            self.add(header::MADE, 1);
            self.add(header::MADE_UNITS, units(stored.value.len()));
        }
        self.push_front(list(unit), at)?;
        self.link(at)
    }

    /// Wipes an entry and gives its units back.
    pub(crate) fn remove_entry(&mut self, at: At) -> Result<(), Broken> {
        let unit = self.unit(at)?;
        if !unit::is(unit, Kind::Entry) {
            return Err(Broken);
        }
        self.unlink(at)?;
        self.take_out(list(unit), at)?;
        self.unschedule(at)?;
        self.subtract(header::ENTRIES, 1)?;
        let (chain, length) = halves(word::load(&unit[VALUE]));
        if length & MADE != 0 {
            self.subtract(header::MADE, 1)?;
            self.subtract(header::MADE_UNITS, units((length & !MADE) as usize))?;
        }
        self.drop_chain(Share::Entries, At::from_raw(chain))?;
        self.give_back(Share::Entries, at)
    }

    /// Sets bits in the note of an entry. It is put in anew: what describes it is in its sum.
    pub(crate) fn mark_entry(&mut self, at: At, bits: u64, now: Millis) -> Result<(), Broken> {
        let unit = self.unit(at)?;
        let value = self.read_entry(unit)?;
        let (_, length) = halves(word::load(&unit[VALUE]));
        let stored = Stored {
            key: key_of(unit),
            tags: tags(unit),
            sent: sent(unit),
            expires: expires(unit),
            note: note(unit) | bits,
            value: &value,
            is_made: length & MADE != 0,
        };
        self.remove_entry(at)?;
        self.insert_entry(&stored, now)
    }

    /// Copies the value of an entry out.
    pub(crate) fn read_entry(&self, unit: &Unit) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let (chain, length) = halves(word::load(&unit[VALUE]));
        let mut check = described(unit, length);
        let chain = At::from_raw(chain);
        let length = (length & !MADE) as usize;
        let value = self.read_value(inline(unit), chain, length, &mut check)?;
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
                let at = self.least_wanted(now)?.ok_or(Broken)?;
                self.evict(at)?;
            }
        }
        Ok(())
    }

    /// Makes room for an entry that is made here, among those like it: they have a tenth of the zone and of
    /// the entries, so that however many there are, they push out no others beyond that.
    pub(crate) fn make_room_for_made(
        &mut self,
        units: usize,
        most_entries: usize,
    ) -> Result<(), Broken> {
        let most = (most_entries / 10).max(1);
        while self.size_at(header::MADE) >= most
            || self.size_at(header::MADE_UNITS).saturating_add(units) > self.share_of_made()
        {
            let at = self.oldest(List::Made).ok_or(Broken)?;
            self.evict(at)?;
        }
        Ok(())
    }

    fn evict(&mut self, at: At) -> Result<(), Broken> {
        self.remove_entry(at)?;
        self.add(header::EVICTED, 1);
        Ok(())
    }

    /// The token that was not used for the longest time. What is no token goes only where there is nothing
    /// else: no request brings such things about, so there are few of them.
    fn least_wanted(&mut self, now: Millis) -> Result<Option<At>, Broken> {
        let made = self.oldest(List::Made);
        let mut called = self.oldest(List::Entries);
        for _ in 0..self.size_at(header::ENTRIES) {
            let Some(at) = called else { break };
            if tags(self.unit(at)?) != NO_TOKEN {
                break;
            }
            self.move_to_front(List::Entries, at)?;
            called = self.oldest(List::Entries);
        }
        let (Some(called), Some(made)) = (called, made) else { return Ok(called.or(made)) };
        let (of_called, of_made) = (self.unit(called)?, self.unit(made)?);
        let is_made = tags(of_called) == NO_TOKEN || age(of_made, now) > age(of_called, now);
        Ok(Some(if is_made { made } else { called }))
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

/// The list that an entry is in.
pub(crate) fn list(unit: &Unit) -> List {
    let (_, length) = halves(word::load(&unit[VALUE]));
    if length & MADE == 0 { List::Entries } else { List::Made }
}

/// Seconds since the last use that was noted.
fn age(unit: &Unit, now: Millis) -> u32 {
    second(now).saturating_sub(word::low(&unit[PLACE]))
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
