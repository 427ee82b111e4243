//! Hands units out and takes them back.
//!
//! Tokens, running calls and refusals have a share of the units each, so that none takes another's room:
//! what many unknown tokens cause can push no token out that is good, and no call that runs.

use crate::layout::header;
use crate::region::{Broken, Region};
use crate::unit::{self, At, Kind, Unit};
use crate::word;

/// What the units are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    Entries,
    Nodes,
    Refusals,
}

/// Units that calls get of the largest zones, where no machine runs more at once, and refusals.
const MOST: usize = 1 << 16;

impl Share {
    fn counter(self) -> usize {
        match self {
            Self::Entries => header::ENTRY_UNITS,
            Self::Nodes => header::NODE_UNITS,
            Self::Refusals => header::REFUSAL_UNITS,
        }
    }
}

impl Region<'_> {
    /// Units that a share consists of.
    pub(crate) fn share(&self, share: Share) -> usize {
        let tenth = (self.units.len() / 10).min(MOST);
        match share {
            Share::Entries => self.units.len() - 2 * tenth,
            Share::Nodes | Share::Refusals => tenth,
        }
    }

    /// Units of the entries' share that those may take that were made here: a tenth of the zone.
    pub(crate) fn share_of_made(&self) -> usize {
        self.units.len() / 10
    }

    /// Units of a share that are in use.
    pub(crate) fn used(&self, share: Share) -> usize {
        self.size_at(share.counter())
    }

    pub(crate) fn has_room(&self, share: Share, units: usize) -> bool {
        self.used(share).saturating_add(units) <= self.share(share)
    }

    /// Takes a unit, of which there has to be one.
    pub(crate) fn take(&mut self, share: Share, kind: Kind) -> Result<At, Broken> {
        let at = match At::from_raw(self.size_at(header::FREE) as u32) {
            Some(at) => {
                let unit = self.unit(at)?;
                if !unit::is(unit, Kind::Free) {
                    return Err(Broken);
                }
                self.set(header::FREE, unit::raw(unit::next(unit)).into());
                at
            }
            None => {
                let number = self.size_at(header::TOUCHED).checked_add(1).ok_or(Broken)?;
                let at = u32::try_from(number).ok().and_then(At::from_raw).ok_or(Broken)?;
                let unit = self.unit(at)?;
                if number <= self.size_at(header::STALE) {
                    wipe(unit);
                } else if !unit::is(unit, Kind::Untouched) {
                    return Err(Broken);
                }
                self.set(header::TOUCHED, number as u64);
                at
            }
        };
        unit::set_kind(self.unit(at)?, kind, None);
        self.add(share.counter(), 1);
        Ok(at)
    }

    /// Takes a unit back and wipes it.
    pub(crate) fn give_back(&mut self, share: Share, at: At) -> Result<(), Broken> {
        let unit = self.unit(at)?;
        wipe(unit);
        unit::set_kind(unit, Kind::Free, At::from_raw(self.size_at(header::FREE) as u32));
        self.set(header::FREE, at.raw().into());
        self.subtract(share.counter(), 1)
    }
}

/// Atomic stores are never optimised away, although nothing reads them.
fn wipe(unit: &Unit) {
    for one in unit {
        word::store(one, 0);
    }
}
