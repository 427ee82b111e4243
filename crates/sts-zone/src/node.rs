//! Calls: those that run, and those that ended without a token that others may have.

use zeroize::Zeroizing;

use crate::Millis;
use crate::check::Check;
use crate::layout::{UNIT_WORDS, header};
use crate::list::List;
use crate::pool::Share;
use crate::region::{Broken, Region};
use crate::table::{KeyWords, set_key};
use crate::unit::{self, At, KEY, Kind, Unit};
use crate::value;
use crate::word::{self, halves, joined};

/// Where the rest of the payload is, and its length.
const PAYLOAD: usize = 2;
/// What the call is at, and the process that makes it.
const STATE: usize = 3;
/// Until when the caller has the lease; or when the call ended.
const TIME: usize = 4;
/// Number of the call.
const SEQUENCE: usize = 5;
/// Calls for a newer value that have failed in a row, and from when on another one may be made.
const FAILURES: usize = 6;
const NOT_BEFORE: usize = 7;
/// Words of the payload that stand with what describes it.
const INLINE: usize = UNIT_WORDS - KEY - 4;

/// What a call is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Calling,
    Failed,
    /// The answer was for the one that called.
    Unshared,
}

impl State {
    fn from_raw(raw: u32) -> Result<Self, Broken> {
        match raw {
            1 => Ok(Self::Calling),
            2 => Ok(Self::Failed),
            3 => Ok(Self::Unshared),
            _ => Err(Broken),
        }
    }

    fn raw(self) -> u32 {
        match self {
            Self::Calling => 1,
            Self::Failed => 2,
            Self::Unshared => 3,
        }
    }
}

pub(crate) fn state(unit: &Unit) -> Result<State, Broken> {
    State::from_raw(word::high(&unit[STATE]))
}

/// The process that makes the call.
pub(crate) fn caller(unit: &Unit) -> u32 {
    word::low(&unit[STATE])
}

/// Until when the caller has the lease; or when the call ended.
pub(crate) fn time(unit: &Unit) -> Millis {
    word::load(&unit[TIME])
}

pub(crate) fn set_time(unit: &Unit, time: Millis) {
    word::store(&unit[TIME], time);
}

/// The number that the call had from its beginning.
pub(crate) fn sequence(unit: &Unit) -> u64 {
    word::load(&unit[SEQUENCE])
}

/// How many calls for a newer value have failed in a row.
pub(crate) fn failures(unit: &Unit) -> u32 {
    word::low(&unit[FAILURES])
}

/// From when on another one may be made.
pub(crate) fn not_before(unit: &Unit) -> Millis {
    word::load(&unit[NOT_BEFORE])
}

/// Notes that one more has failed.
pub(crate) fn note_failure(unit: &Unit, failures: u32, not_before: Millis) {
    word::set_low(&unit[FAILURES], failures);
    word::store(&unit[NOT_BEFORE], not_before);
}

impl Region<'_> {
    /// Notes a new call. Other calls that were noted earlier are forgotten when there are too many:
    /// they go on, but no request waits for them any more.
    pub(crate) fn insert_node(
        &mut self,
        key: &KeyWords,
        caller: u32,
        lease: Millis,
    ) -> Result<u64, Broken> {
        self.make_room_for_node(1)?;
        let at = self.take(Share::Nodes, Kind::Node)?;
        let unit = self.unit(at)?;
        set_key(unit, key);
        word::store(&unit[PAYLOAD], 0);
        let sequence = self.begin_call(unit, caller, lease);
        self.add(header::NODES, 1);
        self.push_front(List::Nodes, at)?;
        self.link(at)?;
        Ok(sequence)
    }

    /// Lets another process make a call that is noted.
    pub(crate) fn take_over(&mut self, at: At, caller: u32, lease: Millis) -> Result<u64, Broken> {
        self.drop_payload(at)?;
        let unit = self.unit(at)?;
        let sequence = self.begin_call(unit, caller, lease);
        self.move_to_front(List::Nodes, at)?;
        Ok(sequence)
    }

    /// Notes how a call ended, for those that wait for it.
    pub(crate) fn end_call(
        &mut self,
        at: At,
        state: State,
        now: Millis,
        payload: &[u8],
    ) -> Result<(), Broken> {
        self.move_to_front(List::Nodes, at)?;
        // Without room the others call for themselves, as they would after the note is forgotten.
        let units = value::units(payload.len(), INLINE);
        let fits = units < self.share(Share::Nodes);
        let payload = if fits { payload } else { &[] };
        if fits && units > 0 {
            self.make_room_for_node_beside(units, at)?;
        }
        let unit = self.unit(at)?;
        let inline = unit.get(UNIT_WORDS - INLINE..).unwrap_or_default();
        let chain = self.write_value(Share::Nodes, inline, payload, &mut Check::new())?;
        let length = u32::try_from(payload.len()).map_err(|_| Broken)?;
        word::store(&unit[PAYLOAD], joined(unit::raw(chain), length));
        word::store(&unit[STATE], joined(state.raw(), caller(unit)));
        set_time(unit, now);
        Ok(())
    }

    pub(crate) fn payload(&self, unit: &Unit) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let (chain, length) = halves(word::load(&unit[PAYLOAD]));
        let inline = unit.get(UNIT_WORDS - INLINE..).unwrap_or_default();
        self.read_value(inline, At::from_raw(chain), length as usize, &mut Check::new())
    }

    pub(crate) fn remove_node(&mut self, at: At) -> Result<(), Broken> {
        if !unit::is(self.unit(at)?, Kind::Node) {
            return Err(Broken);
        }
        self.unlink(at)?;
        self.take_out(List::Nodes, at)?;
        self.subtract(header::NODES, 1)?;
        self.drop_payload(at)?;
        self.give_back(Share::Nodes, at)
    }

    fn begin_call(&mut self, unit: &Unit, caller: u32, lease: Millis) -> u64 {
        let sequence = self.at(header::SEQUENCE).wrapping_add(1);
        self.set(header::SEQUENCE, sequence);
        word::store(&unit[STATE], joined(State::Calling.raw(), caller));
        word::store(&unit[SEQUENCE], sequence);
        set_time(unit, lease);
        sequence
    }

    fn drop_payload(&mut self, at: At) -> Result<(), Broken> {
        let unit = self.unit(at)?;
        let (chain, _) = halves(word::load(&unit[PAYLOAD]));
        word::store(&unit[PAYLOAD], 0);
        self.drop_chain(Share::Nodes, At::from_raw(chain))
    }

    fn make_room_for_node(&mut self, units: usize) -> Result<(), Broken> {
        while !self.has_room(Share::Nodes, units) {
            let oldest = self.oldest(List::Nodes).ok_or(Broken)?;
            self.remove_node(oldest)?;
        }
        Ok(())
    }

    /// As above, for a node that stays: it was moved to the front.
    fn make_room_for_node_beside(&mut self, units: usize, node: At) -> Result<(), Broken> {
        while !self.has_room(Share::Nodes, units) {
            let oldest = self.oldest(List::Nodes).filter(|at| *at != node).ok_or(Broken)?;
            self.remove_node(oldest)?;
        }
        Ok(())
    }
}
