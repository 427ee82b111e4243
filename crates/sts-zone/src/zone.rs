//! What a worker does with the zone while it holds its lock.

mod refresh;

use std::sync::atomic::AtomicU64;

use zeroize::Zeroizing;

use crate::entry::{self, Stored};
use crate::layout::header;
use crate::node::{self, State};
use crate::pool::Share;
use crate::region::{Broken, Condition, Region};
use crate::table::KeyWords;
pub use crate::terms::{
    Capacity, Claim, Digest, Fit, Found, Hit, Kept, Purge, Refresh, Refusal, Statistics, Tags,
    Value, tag,
};
use crate::unit::{At, Kind, Unit, is};
use crate::word;
use crate::{Millis, Seed};

/// Milliseconds for which a caller need not show that it is alive.
pub const LEASE: Millis = 2_000;

/// Milliseconds after which it shows it.
pub const HEARTBEAT: Millis = 500;

/// Milliseconds for which those that wait can read how a call ended without a token.
pub const REMEMBERED: Millis = 1_000;

/// Expired entries that one insertion clears away.
const CLEARED: usize = 2;

/// Units that one step of a purge looks at, and entries that it removes at most: some ten
/// microseconds, in which the others wait for the lock.
const PURGE_LOOKS: usize = 256;
const PURGE_REMOVES: usize = 16;

/// The zone, for as long as its lock is held.
pub struct Zone<'a> {
    region: Region<'a>,
    now: Millis,
    seed: Seed,
    /// It is broken, and could not be emptied: nothing is found in it, and nothing is kept.
    is_lost: bool,
}

impl<'a> Zone<'a> {
    /// Opens the zone in a region, the lock of which is held until this is dropped. A new region
    /// becomes an empty zone, and so does one with a foreign layout or one in which a process died
    /// while changing it. `seed` is asked for random bytes when a zone is made: its key material.
    ///
    /// A zone is emptied as well when the clock was set back: the age of its entries is then
    /// unknown. Whether `now` is [behind](Self::is_behind) for another reason is up to the caller.
    ///
    /// `None` when the region is too small, or when `seed` has no random bytes for a new zone.
    pub fn open(words: &'a [AtomicU64], now: Millis, seed: Seed) -> Option<Self> {
        let mut region = Region::new(words)?;
        let condition = region.condition();
        if condition != Condition::Sound || Self::is_behind(words, now) {
            region.make_empty(condition, seed, now).ok()?;
        }
        // Once a second is often enough, and spares the others the cache line.
        if now >= region.at(header::LATEST).saturating_add(1000) {
            region.set(header::LATEST, now);
        }
        region.wipe_some();
        Some(Self { region, now, seed, is_lost: false })
    }

    /// Whether others opened the zone at later times than this: the clock was set back, or the caller
    /// has not looked at it for long. Means nothing where [`open`](Self::open) makes a new zone.
    pub fn is_behind(words: &[AtomicU64], now: Millis) -> bool {
        let latest = words.get(header::LATEST).map_or(0, word::load);
        now.saturating_add(entry::CLOCK_TOLERANCE) < latest
    }

    /// Looks for a value that the claimant accepts; where there is none, decides which process
    /// calls for it. `is_alive` tells whether a process still exists.
    pub fn find(
        &mut self,
        key: &Digest,
        claim: Claim,
        accepts: impl FnOnce(&Kept) -> bool,
        is_alive: impl FnOnce(u32) -> bool,
    ) -> Found {
        let words = words_of(key);
        match self.read(&words, accepts) {
            Some(hit) => Found::Hit(hit),
            None => self.elect_caller(&words, claim, is_alive),
        }
    }

    /// Looks for a value that the claimant accepts, and does not change which process calls.
    pub fn look(&mut self, key: &Digest, accepts: impl FnOnce(&Kept) -> bool) -> Option<Hit> {
        self.read(&words_of(key), accepts)
    }

    /// Forgets a value that no request can use any more.
    pub fn forget(&mut self, key: &Digest) {
        let words = words_of(key);
        let forgotten = self.change(|region| match region.find(&words, Kind::Entry)? {
            Some(at) => region.remove_entry(at),
            None => Ok(()),
        });
        self.or_empty(forgotten);
    }

    /// Shows that the caller is alive.
    pub fn renew(&mut self, key: &Digest, call: u64) {
        let lease = self.now.saturating_add(LEASE);
        self.update(key, call, |region, at| {
            node::set_time(region.unit(at)?, lease);
            Ok(())
        });
    }

    /// Ends a call with a value that all may use. Returns whether it is kept: not when it is too
    /// large, not when a purge came in between, and not when there is one that was asked for later.
    pub fn complete(
        &mut self,
        key: &Digest,
        call: u64,
        value: &Value<'_>,
        capacity: Capacity,
    ) -> bool {
        self.end_with(key, call, value, capacity, Some(Waiting::Look))
    }

    /// Ends a call with a value that is kept for others than those that wait for it, which it is too
    /// old for: they call for themselves, as after [`share_nothing`](Self::share_nothing). Returns
    /// whether it is kept.
    pub fn keep_for_others(
        &mut self,
        key: &Digest,
        call: u64,
        value: &Value<'_>,
        capacity: Capacity,
    ) -> bool {
        self.end_with(key, call, value, capacity, Some(Waiting::Part))
    }

    /// The number of a value that is made now, without a call that others could wait for: it is
    /// [kept](Self::keep) under it. `None` when nothing can be kept.
    pub fn begin(&mut self) -> Option<u64> {
        let begun = self.change(|region| {
            let number = region.at(header::SEQUENCE).wrapping_add(1);
            region.set(header::SEQUENCE, number);
            Ok(number)
        });
        self.or_empty(begun)
    }

    /// Keeps a value that was made since [`begin`](Self::begin) gave the number. Calls for its key go on.
    /// Returns whether it is kept: not when it is too large, not when a purge came in between, and not
    /// when there is one that was asked for later.
    pub fn keep(
        &mut self,
        key: &Digest,
        number: u64,
        value: &Value<'_>,
        capacity: Capacity,
    ) -> bool {
        self.end_with(key, number, value, capacity, None)
    }

    /// Whether a purge came after a call, which keeps nothing then.
    pub fn is_void(&self, call: u64) -> bool {
        call <= self.region.at(header::PURGED)
    }

    /// Whether a value of this many bytes is not too large to be kept.
    pub fn can_keep(&self, length: usize, capacity: Capacity) -> bool {
        length <= capacity.value.min(entry::LONGEST)
            && entry::units(length) <= self.region.share(Share::Entries)
    }

    /// The same of one that is made without a call.
    pub fn can_keep_made(&self, length: usize, capacity: Capacity) -> bool {
        self.can_keep(length, capacity) && entry::units(length) <= self.region.share_of_made()
    }

    fn end_with(
        &mut self,
        key: &Digest,
        call: u64,
        value: &Value<'_>,
        capacity: Capacity,
        waiting: Option<Waiting>,
    ) -> bool {
        let length = value.bytes.len();
        let units = entry::units(length);
        let now = self.now;
        let expires = value.sent.saturating_add(value.life);
        let is_made = waiting.is_none() && value.tags != Tags::NO_TOKEN;
        let can_keep = match is_made {
            true => self.can_keep_made(length, capacity),
            false => self.can_keep(length, capacity),
        };
        if !can_keep || expires <= now {
            if waiting.is_some() {
                self.share_nothing(key, call);
            }
            return false;
        }
        let words = words_of(key);
        let stored = Stored {
            key: words,
            tags: raw(value.tags),
            sent: value.sent,
            expires,
            note: value.note,
            value: value.bytes,
            is_made,
        };
        let kept = self.change(|region| {
            if let Some(waiting) = waiting
                && let Some(at) = region.find(&words, Kind::Node)?
                && node::sequence(region.unit(at)?) == call
            {
                match waiting {
                    Waiting::Look => region.remove_node(at)?,
                    Waiting::Part => region.end_call(at, State::Unshared, now, &[])?,
                }
            }
            let (purged, last) = (region.at(header::PURGED), region.at(header::SEQUENCE));
            // Else nothing would ever be kept again.
            if purged > last {
                return Err(Broken);
            }
            if call <= purged {
                return Ok(false);
            }
            region.forget_refusal(&words)?;
            if let Some(at) = region.find(&words, Kind::Entry)? {
                let there = region.unit(at)?;
                // A call that was taken over may have its answer before the first caller has one.
                let is_newer = entry::sent(there) > stored.sent;
                if is_newer && entry::remaining(there, now).is_some() {
                    return Ok(false);
                }
                region.remove_entry(at)?;
            }
            // The schedule has a place for every two units: few tokens need only one.
            let most_entries = capacity.entries.min(region.schedule.len());
            if is_made {
                region.make_room_for_made(units, most_entries)?;
            }
            region.make_room(units, most_entries, now)?;
            region.insert_entry(&stored, now)?;
            region.add(header::STORED, 1);
            region.drop_expired(now, CLEARED)?;
            Ok(true)
        });
        self.or_empty(kept).unwrap_or(false)
    }

    /// Ends a call without a token: those that wait for it can read `payload` for a while.
    pub fn fail(&mut self, key: &Digest, call: u64, payload: &[u8]) {
        let now = self.now;
        self.update(key, call, |region, at| region.end_call(at, State::Failed, now, payload));
    }

    /// Ends a call with an answer that is for its caller only: those that wait call for themselves.
    pub fn share_nothing(&mut self, key: &Digest, call: u64) {
        let now = self.now;
        self.update(key, call, |region, at| region.end_call(at, State::Unshared, now, &[]));
    }

    /// Gives a call up, unless it has ended: the next process that looks makes it.
    pub fn release(&mut self, key: &Digest, call: u64) {
        self.update(key, call, |region, at| match node::state(region.unit(at)?)? {
            State::Calling => region.remove_node(at),
            State::Failed | State::Unshared => Ok(()),
        });
    }

    /// Forgets a part of what stands in the zone, beginning at `from`; calls that run now keep
    /// nothing. Returns how many entries went, and where to go on: a step is short, and the lock is
    /// to be released between two of them.
    pub fn purge(&mut self, what: Purge<'_>, from: usize) -> (usize, Option<usize>) {
        let purged = self.change(|region| {
            if from == 0 {
                region.set(header::PURGED, region.at(header::SEQUENCE));
            }
            let touched = region.size_at(header::TOUCHED).min(region.units.len());
            let mut next = from;
            let mut removed = 0;
            while next < touched.min(from.saturating_add(PURGE_LOOKS)) && removed < PURGE_REMOVES {
                let number = next;
                next += 1;
                let at = u32::try_from(number + 1).ok().and_then(At::from_raw).ok_or(Broken)?;
                let unit = region.unit(at)?;
                let is_refusal = is(unit, Kind::Refusal);
                if !is_refusal && !is(unit, Kind::Entry) {
                    continue;
                }
                let tags = entry::tags(unit);
                let [exchange, source] = tags;
                let meant = match what {
                    _ if tags == entry::NO_TOKEN => false,
                    Purge::All => true,
                    Purge::Exchanges(tags) => tags.contains(&exchange),
                    Purge::Sources { sources, exchanges } => {
                        sources.contains(&source) || exchanges.binary_search(&exchange).is_err()
                    }
                };
                if meant && is_refusal {
                    region.remove_refusal(at)?;
                } else if meant {
                    region.remove_entry(at)?;
                    removed += 1;
                }
            }
            region.add(header::PURGED_ENTRIES, removed);
            Ok((removed, (next < touched).then_some(next)))
        });
        self.or_empty(purged).unwrap_or((0, None))
    }

    /// Random bytes that belong to the zone: made with it, and kept for as long as it is. A zone in
    /// which they are damaged is emptied and gets others; `None` when there are none to be had.
    pub fn key_material(&mut self) -> Option<Zeroizing<[u8; 32]>> {
        let whole = self.region.key_material().or_else(|Broken| {
            self.empty();
            self.region.key_material()
        });
        let words = whole.ok()?;
        let mut bytes = Zeroizing::new([0; 32]);
        for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words.iter()) {
            *bytes = word.to_ne_bytes();
        }
        Some(bytes)
    }

    /// How much stands in the zone, and what happened in it.
    pub fn statistics(&self) -> Statistics {
        let used = |share| self.region.used(share);
        Statistics {
            entries: self.region.at(header::ENTRIES),
            evicted: self.region.at(header::EVICTED),
            expired: self.region.at(header::EXPIRED),
            purged: self.region.at(header::PURGED_ENTRIES),
            used: ((used(Share::Entries) + used(Share::Nodes)) * size_of::<Unit>()) as u64,
            emptied: self.region.at(header::EMPTIED),
        }
    }

    /// Sets the mark as a worker does that begins to change something, and leaves it there, as one
    /// does that dies then. For tests of what follows.
    pub fn leave_changing(mut self) {
        self.region.begin_change();
    }

    fn read(&mut self, key: &KeyWords, accepts: impl FnOnce(&Kept) -> bool) -> Option<Hit> {
        let read = self.try_read(key, accepts);
        self.or_empty(read)?
    }

    fn try_read(
        &mut self,
        key: &KeyWords,
        accepts: impl FnOnce(&Kept) -> bool,
    ) -> Result<Option<Hit>, Broken> {
        let Some(at) = self.region.find(key, Kind::Entry)? else { return Ok(None) };
        let unit = self.region.unit(at)?;
        let Some(remaining) = entry::remaining(unit, self.now) else {
            self.change(|region| {
                region.add(header::EXPIRED, 1);
                region.remove_entry(at)
            })?;
            return Ok(None);
        };
        let kept = Kept { note: entry::note(unit), sent: entry::sent(unit), remaining };
        if !accepts(&kept) {
            return Ok(None);
        }
        let value = self.region.read_entry(unit)?;
        // Once a second is often enough to know what was used lately, and spares the others the
        // cache lines.
        if !entry::is_used(unit, self.now) {
            let now = self.now;
            self.change(|region| {
                entry::set_used(unit, now);
                region.move_to_front(entry::list(unit), at)
            })?;
        }
        Ok(Some(Hit { value, kept }))
    }

    /// Decides which process calls for a value that is not there.
    fn elect_caller(
        &mut self,
        key: &KeyWords,
        claim: Claim,
        is_alive: impl FnOnce(u32) -> bool,
    ) -> Found {
        let elected = self.elect(key, claim, is_alive).or_else(|Broken| {
            self.empty();
            let lease = self.now.saturating_add(LEASE);
            self.change(|region| region.insert_node(key, claim.process, lease)).map(Found::Lead)
        });
        // An empty zone has room for a call, but there may be none.
        elected.unwrap_or(Found::Unshared)
    }

    fn elect(
        &mut self,
        key: &KeyWords,
        claim: Claim,
        is_alive: impl FnOnce(u32) -> bool,
    ) -> Result<Found, Broken> {
        let lease = self.now.saturating_add(LEASE);
        let Some(at) = self.region.find(key, Kind::Node)? else {
            let noted = self.change(|region| region.insert_node(key, claim.process, lease))?;
            return Ok(Found::Lead(noted));
        };
        let unit = self.region.unit(at)?;
        let (time, call) = (node::time(unit), node::sequence(unit));
        // What ended before the claimant came is no answer for it. A call that followed the one that
        // it waits for is as good.
        let waited_for = claim.awaits.is_some_and(|awaited| awaited <= call)
            && self.now <= time.saturating_add(REMEMBERED);
        match node::state(unit)? {
            State::Failed if waited_for => return Ok(Found::Failed(self.region.payload(unit)?)),
            State::Unshared if waited_for => return Ok(Found::Unshared),
            State::Calling => {
                if self.is_called_elsewhere(unit, claim.process, is_alive) {
                    return Ok(Found::Wait(call));
                }
            }
            State::Failed | State::Unshared => {}
        }
        self.change(|region| region.take_over(at, claim.process, lease)).map(Found::Lead)
    }

    /// Whether another process makes the call that a unit notes.
    fn is_called_elsewhere(
        &self,
        unit: &Unit,
        process: u32,
        is_alive: impl FnOnce(u32) -> bool,
    ) -> bool {
        let (time, caller) = (node::time(unit), node::caller(unit));
        let longest = self.now.saturating_add(LEASE).saturating_add(entry::CLOCK_TOLERANCE);
        // A clock that went back must not make a lease last.
        let is_valid = self.now <= time && time <= longest;
        is_valid && caller != process && is_alive(caller)
    }

    /// Changes the note of a call, if it is still the same.
    fn update(
        &mut self,
        key: &Digest,
        call: u64,
        update: impl FnOnce(&mut Region<'a>, At) -> Result<(), Broken>,
    ) {
        let words = words_of(key);
        let updated = self.change(|region| match region.find(&words, Kind::Node)? {
            Some(at) if node::sequence(region.unit(at)?) == call => update(region, at),
            _ => Ok(()),
        });
        self.or_empty(updated);
    }

    fn change<R>(
        &mut self,
        change: impl FnOnce(&mut Region<'a>) -> Result<R, Broken>,
    ) -> Result<R, Broken> {
        if self.is_lost {
            return Err(Broken);
        }
        self.region.begin_change();
        let changed = change(&mut self.region);
        // What is broken stays marked until it is emptied.
        if changed.is_ok() {
            self.region.end_change();
        }
        changed
    }

    fn or_empty<R>(&mut self, result: Result<R, Broken>) -> Option<R> {
        if result.is_err() {
            self.empty();
        }
        result.ok()
    }

    /// Starts anew: what contradicts itself is worth nothing.
    fn empty(&mut self) {
        let emptied = self.region.make_empty(Condition::Broken, self.seed, self.now);
        self.is_lost = emptied.is_err();
    }
}

/// What those do that wait for a call which has ended with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// They look for it.
    Look,
    /// They call for themselves.
    Part,
}

fn words_of(key: &Digest) -> KeyWords {
    let mut words = KeyWords::default();
    let (chunks, _) = key.as_chunks();
    for (to, from) in words.iter_mut().zip(chunks) {
        *to = u64::from_ne_bytes(*from);
    }
    words
}

fn raw(tags: Tags) -> [u64; 2] {
    [tags.exchange, tags.source]
}

#[cfg(test)]
mod tests;
