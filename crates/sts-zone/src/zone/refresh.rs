//! What a request that has just come is told: a value, and whether to call for a newer one; or that the
//! same was refused a short time ago.

use crate::Millis;
use crate::entry;
use crate::layout::header;
use crate::node::{self, State};
use crate::refusal::{self, Refused};
use crate::region::{Broken, Region};
use crate::table::KeyWords;
use crate::terms::{Claim, Digest, Fit, Found, Kept, Refresh, Refusal};
use crate::unit::{At, Kind};
use crate::zone::{LEASE, REMEMBERED, Zone, raw, words_of};
use zeroize::Zeroizing;

/// No pause between two calls for a newer value is longer, in milliseconds.
const LONGEST_PAUSE: Millis = 5 * 60_000;

/// Milliseconds after an answer that was for its caller only in which none is asked for in advance.
const AFTER_UNSHARED: Millis = 10_000;

impl<'a> Zone<'a> {
    /// As [`find`](Self::find). Where the value that is there is due, it is also decided under the same
    /// lock which process calls for a newer one. Where there is none, a refusal of the last `remembers`
    /// milliseconds is the answer.
    pub fn find_or_refresh(
        &mut self,
        key: &Digest,
        claim: Claim,
        fits: impl FnOnce(&Kept) -> Fit,
        remembers: Millis,
        is_alive: impl FnOnce(u32) -> bool,
    ) -> (Found, Option<Refresh>) {
        let words = words_of(key);
        let mut is_due = false;
        let hit = self.read(&words, |kept| {
            let fit = fits(kept);
            is_due = fit == Fit::Due;
            fit != Fit::No
        });
        let Some(hit) = hit else {
            let found = match self.refusal(&words, remembers) {
                Some(payload) => Found::Refused(payload),
                None => self.elect_caller(&words, claim, is_alive),
            };
            return (found, None);
        };
        if !is_due {
            return (Found::Hit(hit), None);
        }
        let elected = self.elect_for_refresh(&words, claim.process, is_alive);
        (Found::Hit(hit), self.or_empty(elected))
    }

    /// Ends a call for a newer value without one. Those that wait for it can read `payload` for a while,
    /// or without one make the call themselves. `pause` says for how many milliseconds no such call is
    /// made, after so many failures before this one.
    pub fn fail_refresh(
        &mut self,
        key: &Digest,
        call: u64,
        payload: Option<&[u8]>,
        pause: impl FnOnce(u32) -> Millis,
    ) {
        let now = self.now;
        self.update(key, call, |region, at| {
            // What ended so long ago is no answer to what waits.
            let ended = if payload.is_some() { now } else { 0 };
            region.end_call(at, State::Failed, ended, payload.unwrap_or_default())?;
            let unit = region.unit(at)?;
            let failures = node::failures(unit);
            let not_before = now.saturating_add(pause(failures).min(LONGEST_PAUSE));
            node::note_failure(unit, failures.saturating_add(1), not_before);
            Ok(())
        });
    }

    /// Ends a call that was refused: those that wait for it can read `payload` for a while, and a value
    /// that is there is forgotten. Those that come later are told what is to be `remembered`, unless a
    /// purge came in between. Where the note of the call had to go for others, the value goes all the same;
    /// where another call has taken over, that one says what holds.
    pub fn refuse(
        &mut self,
        key: &Digest,
        call: u64,
        payload: &[u8],
        remembered: Option<Refusal<'_>>,
    ) {
        let (now, words) = (self.now, words_of(key));
        let refused = self.change(|region| {
            let noted = region.find(&words, Kind::Node)?;
            match noted {
                Some(at) if node::sequence(region.unit(at)?) == call => {
                    region.end_call(at, State::Failed, now, payload)?;
                    node::note_failure(region.unit(at)?, 0, 0);
                }
                Some(_) => return Ok(()),
                None => {}
            }
            if let Some(at) = region.find(&words, Kind::Entry)? {
                region.remove_entry(at)?;
            }
            region.forget_refusal(&words)?;
            // Without the note it is not known whether another call was answered since.
            if let Some(Refusal { tags, life, bytes }) = remembered
                && noted.is_some()
                && call > region.at(header::PURGED)
            {
                let (tags, expires) = (raw(tags), now.saturating_add(life));
                let (key, payload) = (words, bytes);
                region.insert_refusal(&Refused { key, tags, ended: now, expires, payload })?;
            }
            Ok(())
        });
        self.or_empty(refused);
    }

    /// Forgets a value of which the test is true. Says whether it did.
    pub fn forget_where(&mut self, key: &Digest, is_meant: impl FnOnce(&Kept) -> bool) -> bool {
        self.change_where(key, is_meant, Region::remove_entry)
    }

    /// Sets bits in the note of a value of which the test is true. Says whether it did.
    pub fn mark_where(
        &mut self,
        key: &Digest,
        bits: u64,
        is_meant: impl FnOnce(&Kept) -> bool,
    ) -> bool {
        let now = self.now;
        self.change_where(key, is_meant, |region, at| region.mark_entry(at, bits, now))
    }

    fn change_where(
        &mut self,
        key: &Digest,
        is_meant: impl FnOnce(&Kept) -> bool,
        change: impl FnOnce(&mut Region<'a>, At) -> Result<(), Broken>,
    ) -> bool {
        let (words, now) = (words_of(key), self.now);
        let found = self.region.find(&words, Kind::Entry).and_then(|at| {
            let Some(at) = at else { return Ok(None) };
            let unit = self.region.unit(at)?;
            let remaining = entry::remaining(unit, now);
            let (note, sent) = (entry::note(unit), entry::sent(unit));
            Ok(remaining
                .is_some_and(|remaining| is_meant(&Kept { note, sent, remaining }))
                .then_some(at))
        });
        let changed = found.and_then(|at| match at {
            Some(at) => self.change(|region| change(region, at)).map(|()| true),
            None => Ok(false),
        });
        self.or_empty(changed).unwrap_or(false)
    }

    /// What is remembered of a refusal.
    fn refusal(&mut self, key: &KeyWords, remembers: Millis) -> Option<Zeroizing<Vec<u8>>> {
        if remembers == 0 || self.region.at(header::REFUSALS) == 0 {
            return None;
        }
        let read = self.try_read_refusal(key, remembers);
        self.or_empty(read)?
    }

    fn try_read_refusal(
        &mut self,
        key: &KeyWords,
        remembers: Millis,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Broken> {
        let Some(at) = self.region.find(key, Kind::Refusal)? else { return Ok(None) };
        let unit = self.region.unit(at)?;
        if !refusal::holds(unit, self.now, remembers) {
            return Ok(None);
        }
        self.region.read_refusal(unit).map(Some)
    }

    fn elect_for_refresh(
        &mut self,
        key: &KeyWords,
        process: u32,
        is_alive: impl FnOnce(u32) -> bool,
    ) -> Result<Refresh, Broken> {
        let (now, lease) = (self.now, self.now.saturating_add(LEASE));
        let Some(at) = self.region.find(key, Kind::Node)? else {
            let call = self.change(|region| region.insert_node(key, process, lease))?;
            return Ok(Refresh { call: Some(call), has_failed: false });
        };
        let unit = self.region.unit(at)?;
        let has_failed = node::failures(unit) > 0;
        let not_before = node::not_before(unit);
        let is_pause = now < not_before
            && not_before <= now.saturating_add(LONGEST_PAUSE + entry::CLOCK_TOLERANCE);
        let after = |pause: Millis| now <= node::time(unit).saturating_add(pause);
        let is_too_early = match node::state(unit)? {
            State::Calling => self.is_called_elsewhere(unit, process, is_alive),
            // Those that wait for it read how it ended.
            State::Failed => is_pause || after(REMEMBERED),
            State::Unshared => is_pause || after(AFTER_UNSHARED),
        };
        if is_too_early {
            return Ok(Refresh { call: None, has_failed });
        }
        let call = self.change(|region| region.take_over(at, process, lease))?;
        Ok(Refresh { call: Some(call), has_failed })
    }
}
