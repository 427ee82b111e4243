//! Refusals: what an STS has said no to a short time ago, so that it need not be asked again.
//!
//! They have units and a list of their own: what many unknown tokens cause pushes neither tokens nor
//! calls out that run.

use zeroize::Zeroizing;

use crate::Millis;
use crate::check::Check;
use crate::entry::{CLOCK_TOLERANCE, set_tags};
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
/// When the STS has refused, and until when that is of use.
const ENDED: usize = 4;
const EXPIRES: usize = 5;
const CHECK: usize = 6;
/// Words of the payload that stand with what describes it.
const INLINE: usize = UNIT_WORDS - KEY - 4;

/// All that makes a refusal.
pub(crate) struct Refused<'v> {
    pub(crate) key: KeyWords,
    pub(crate) tags: [u64; 2],
    pub(crate) ended: Millis,
    pub(crate) expires: Millis,
    pub(crate) payload: &'v [u8],
}

/// Whether a refusal is of use to one that remembers it for so many milliseconds.
pub(crate) fn holds(unit: &Unit, now: Millis, remembers: Millis) -> bool {
    let (ended, expires) = (word::load(&unit[ENDED]), word::load(&unit[EXPIRES]));
    now < expires.min(ended.saturating_add(remembers))
        && ended <= now.saturating_add(CLOCK_TOLERANCE)
}

impl Region<'_> {
    /// Remembers a refusal, in the place of one under the same key, and where there is no room in that
    /// of the oldest. Returns whether it is kept: not when it is too long.
    pub(crate) fn insert_refusal(&mut self, refused: &Refused<'_>) -> Result<bool, Broken> {
        self.forget_refusal(&refused.key)?;
        let length = u32::try_from(refused.payload.len()).map_err(|_| Broken)?;
        let units = 1 + value::units(refused.payload.len(), INLINE);
        if units > self.share(Share::Refusals) {
            return Ok(false);
        }
        while !self.has_room(Share::Refusals, units) {
            let oldest = self.oldest(List::Refusals).ok_or(Broken)?;
            self.remove_refusal(oldest)?;
        }
        let at = self.take(Share::Refusals, Kind::Refusal)?;
        let unit = self.unit(at)?;
        set_key(unit, &refused.key);
        set_tags(unit, refused.tags);
        word::store(&unit[ENDED], refused.ended);
        word::store(&unit[EXPIRES], refused.expires);
        let mut check = Check::new();
        let chain = self.write_value(Share::Refusals, inline(unit), refused.payload, &mut check)?;
        word::store(&unit[PAYLOAD], joined(unit::raw(chain), length));
        word::store(&unit[CHECK], check.sum());
        self.add(header::REFUSALS, 1);
        self.push_front(List::Refusals, at)?;
        self.link(at)?;
        Ok(true)
    }

    pub(crate) fn remove_refusal(&mut self, at: At) -> Result<(), Broken> {
        let unit = self.unit(at)?;
        if !unit::is(unit, Kind::Refusal) {
            return Err(Broken);
        }
        self.unlink(at)?;
        self.take_out(List::Refusals, at)?;
        self.subtract(header::REFUSALS, 1)?;
        let (chain, _) = halves(word::load(&unit[PAYLOAD]));
        self.drop_chain(Share::Refusals, At::from_raw(chain))?;
        self.give_back(Share::Refusals, at)
    }

    /// Forgets what stands under a key.
    pub(crate) fn forget_refusal(&mut self, key: &KeyWords) -> Result<(), Broken> {
        // Most zones have none.
        if self.at(header::REFUSALS) == 0 {
            return Ok(());
        }
        match self.find(key, Kind::Refusal)? {
            Some(at) => self.remove_refusal(at),
            None => Ok(()),
        }
    }

    /// Copies out what is remembered of a refusal.
    pub(crate) fn read_refusal(&self, unit: &Unit) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let (chain, length) = halves(word::load(&unit[PAYLOAD]));
        let mut check = Check::new();
        let chain = At::from_raw(chain);
        let payload = self.read_value(inline(unit), chain, length as usize, &mut check)?;
        if check.sum() == word::load(&unit[CHECK]) { Ok(payload) } else { Err(Broken) }
    }
}

fn inline(unit: &Unit) -> &[std::sync::atomic::AtomicU64] {
    unit.get(UNIT_WORDS - INLINE..).unwrap_or_default()
}
