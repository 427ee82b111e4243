//! Lists of units in the order of their last use.

use crate::layout::header;
use crate::region::{Broken, Region};
use crate::unit::{self, At, LINKS, Unit};
use crate::word;

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Entries,
    /// Entries that were made here.
    Made,
    Nodes,
    Refusals,
}

impl List {
    fn ends(self) -> usize {
        match self {
            Self::Entries => header::ENTRY_LIST,
            Self::Made => header::MADE_LIST,
            Self::Nodes => header::NODE_LIST,
            Self::Refusals => header::REFUSAL_LIST,
        }
    }
}

impl Region<'_> {
    /// What was not used for the longest time.
    pub(crate) fn oldest(&self, list: List) -> Option<At> {
        self.ends(list.ends()).1
    }

    pub(crate) fn push_front(&mut self, list: List, at: At) -> Result<(), Broken> {
        let (first, last) = self.ends(list.ends());
        set_links(self.unit(at)?, None, first);
        let last = match first {
            Some(first) => {
                let unit = self.unit(first)?;
                let (None, after) = links(unit) else { return Err(Broken) };
                set_links(unit, Some(at), after);
                last
            }
            None => Some(at),
        };
        self.set_ends(list, Some(at), last);
        Ok(())
    }

    pub(crate) fn take_out(&mut self, list: List, at: At) -> Result<(), Broken> {
        let (mut first, mut last) = self.ends(list.ends());
        let (before, after) = links(self.unit(at)?);
        // Both neighbours are looked at first: what does not fit together is not made worse.
        match before {
            Some(before) if links(self.unit(before)?).1 != Some(at) => return Err(Broken),
            None if first != Some(at) => return Err(Broken),
            _ => {}
        }
        match after {
            Some(after) if links(self.unit(after)?).0 != Some(at) => return Err(Broken),
            None if last != Some(at) => return Err(Broken),
            _ => {}
        }
        match before {
            Some(before) => {
                let unit = self.unit(before)?;
                set_links(unit, links(unit).0, after);
            }
            None => first = after,
        }
        match after {
            Some(after) => {
                let unit = self.unit(after)?;
                set_links(unit, before, links(unit).1);
            }
            None => last = before,
        }
        self.set_ends(list, first, last);
        Ok(())
    }

    pub(crate) fn move_to_front(&mut self, list: List, at: At) -> Result<(), Broken> {
        if self.ends(list.ends()).0 == Some(at) {
            return Ok(());
        }
        self.take_out(list, at)?;
        self.push_front(list, at)
    }

    fn set_ends(&mut self, list: List, first: Option<At>, last: Option<At>) {
        self.set(list.ends(), word::joined(unit::raw(first), unit::raw(last)));
    }
}

fn links(unit: &Unit) -> (Option<At>, Option<At>) {
    let (before, after) = word::halves(word::load(&unit[LINKS]));
    (At::from_raw(before), At::from_raw(after))
}

fn set_links(unit: &Unit, before: Option<At>, after: Option<At>) {
    word::store(&unit[LINKS], word::joined(unit::raw(before), unit::raw(after)));
}
