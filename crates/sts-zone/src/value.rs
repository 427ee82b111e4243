//! Values of any length: they begin in the unit that they belong to and go on in a chain of others.

use std::sync::atomic::AtomicU64;

use zeroize::Zeroizing;

use crate::check::Check;
use crate::layout::UNIT_WORDS;
use crate::pool::Share;
use crate::region::{Broken, Region};
use crate::unit::{self, At, Kind};
use crate::word;

const WORD: usize = size_of::<u64>();

/// Bytes of a value in a unit of the chain.
const BYTES: usize = (UNIT_WORDS - 1) * WORD;

/// Units of the chain of a value, of which the first bytes stand elsewhere.
pub(crate) const fn units(length: usize, inline: usize) -> usize {
    length.saturating_sub(inline * WORD).div_ceil(BYTES)
}

impl<'a> Region<'a> {
    /// Writes a value, into `inline` and into a new chain, for which there has to be room. Returns
    /// the chain and adds what was written to the sum.
    pub(crate) fn write_value(
        &mut self,
        share: Share,
        inline: &[AtomicU64],
        value: &[u8],
        check: &mut Check,
    ) -> Result<Option<At>, Broken> {
        let rest = write_words(inline, value, check);
        let mut first = None;
        let mut last = None;
        for part in rest.chunks(BYTES) {
            let at = self.take(share, Kind::Data)?;
            match last {
                Some(last) => unit::set_next(self.unit(last)?, Some(at)),
                None => first = Some(at),
            }
            last = Some(at);
            let [_, words @ ..] = self.unit(at)?;
            write_words(words, part, check);
        }
        Ok(first)
    }

    /// Copies a value out and adds what was read to the sum.
    pub(crate) fn read_value(
        &self,
        inline: &[AtomicU64],
        chain: Option<At>,
        length: usize,
        check: &mut Check,
    ) -> Result<Zeroizing<Vec<u8>>, Broken> {
        if units(length, inline.len()) > self.units.len() {
            return Err(Broken);
        }
        // Zeroes would come from `calloc`, which of the C library's allocators is the slow one.
        let mut value = Zeroizing::new(vec![b'.'; length]);
        let mut rest = read_words(inline, &mut value, check);
        let mut place = chain;
        while !rest.is_empty() {
            let unit = self.unit(place.ok_or(Broken)?)?;
            if !unit::is(unit, Kind::Data) {
                return Err(Broken);
            }
            place = unit::next(unit);
            let [_, words @ ..] = unit;
            rest = read_words(words, rest, check);
        }
        if place.is_some() { Err(Broken) } else { Ok(value) }
    }

    /// Wipes a chain and gives its units back.
    pub(crate) fn drop_chain(&mut self, share: Share, chain: Option<At>) -> Result<(), Broken> {
        let mut place = chain;
        // It ends: a unit that was given back is no data any more.
        while let Some(at) = place {
            let unit = self.unit(at)?;
            if !unit::is(unit, Kind::Data) {
                return Err(Broken);
            }
            place = unit::next(unit);
            self.give_back(share, at)?;
        }
        Ok(())
    }
}

/// Writes what fits; what is left of the last word is filled with zeroes. Returns what did not fit.
fn write_words<'v>(to: &[AtomicU64], value: &'v [u8], check: &mut Check) -> &'v [u8] {
    let (here, rest) = value.split_at_checked(to.len() * WORD).unwrap_or((value, &[]));
    let (whole, part) = here.as_chunks();
    let mut places = to.iter();
    for (from, to) in whole.iter().zip(places.by_ref()) {
        let word = u64::from_ne_bytes(*from);
        check.add(word);
        word::store(to, word);
    }
    if let (false, Some(to)) = (part.is_empty(), places.next()) {
        let mut bytes = [0; WORD];
        for (to, from) in bytes.iter_mut().zip(part) {
            *to = *from;
        }
        let word = u64::from_ne_bytes(bytes);
        check.add(word);
        word::store(to, word);
    }
    rest
}

/// Reads what is there and wanted. Returns what is still to be filled.
#[inline]
fn read_words<'o>(from: &[AtomicU64], out: &'o mut [u8], check: &mut Check) -> &'o mut [u8] {
    let here = out.len().min(from.len() * WORD);
    let (out, rest) = out.split_at_mut_checked(here).unwrap_or_default();
    let (whole, part) = out.as_chunks_mut();
    let (now, last) = from.split_at_checked(whole.len()).unwrap_or((from, &[]));
    // Of its own, so that it stays in registers: this is most of a look-up.
    let mut sum = check.clone();
    for (to, from) in whole.iter_mut().zip(now) {
        let word = word::load(from);
        sum.add(word);
        *to = word.to_ne_bytes();
    }
    if let (false, Some(from)) = (part.is_empty(), last.first()) {
        let word = word::load(from);
        sum.add(word);
        for (to, from) in part.iter_mut().zip(word.to_ne_bytes()) {
            *to = from;
        }
    }
    *check = sum;
    rest
}
