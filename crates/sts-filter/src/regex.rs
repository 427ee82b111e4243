//! Regular expressions: part of the configuration, and matched in bounded time.
//!
//! `regex-lite` never goes back in the text. It takes for each character at most the time that its
//! program is long, so a match is paid for before it is made.

mod reach;

use regex_lite::{Regex, RegexBuilder};

use crate::error::Problem;

/// A regular expression with what it is for.
pub(crate) struct Pattern {
    regex: Regex,
    /// Its size, which is the time it takes for a character.
    states: usize,
    /// The characters beyond a match that were looked at for it; `None` for all.
    reach: Option<usize>,
    pub(crate) purpose: Purpose,
    /// All matches, not only the first.
    pub(crate) global: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `test`: whether it matches.
    Test,
    /// `capture`: the named groups as an object.
    Capture,
    /// `sub` and `gsub`: the text with matches replaced.
    Replace,
    /// `scan`: what matches.
    Scan,
}

/// The largest program, in bytes.
const LARGEST: usize = 1 << 15;

/// The bytes of one state of a program, or of a part of one, that takes time for each character.
const STATE: usize = 32;

impl Pattern {
    /// Of the flags of jq `g`, `i` and `x` are known.
    pub(crate) fn new(pattern: &str, flags: &str, purpose: Purpose) -> Result<Self, Problem> {
        let mut builder = RegexBuilder::new(pattern);
        let mut global = false;
        for flag in flags.chars() {
            match flag {
                'g' => global = true,
                'i' => drop(builder.case_insensitive(true)),
                'x' => drop(builder.ignore_whitespace(true)),
                _ => return Err(Problem::RegexFlags),
            }
        }
        let regex = builder.size_limit(LARGEST).build().map_err(|error| {
            let message = error.to_string();
            if message.contains("size limit") {
                Problem::LargeRegex
            } else {
                Problem::Regex(message)
            }
        })?;
        // The least limit that it fits into is its size, which nothing else tells.
        let (mut least, mut most) = (0, LARGEST / STATE);
        while least < most {
            let middle = usize::midpoint(least, most);
            if builder.size_limit(middle.saturating_mul(STATE)).build().is_ok() {
                most = middle;
            } else {
                least = middle.saturating_add(1);
            }
        }
        let reach = reach::reach(pattern, flags);
        Ok(Self { regex, states: most, reach, purpose, global })
    }

    pub(crate) fn regex(&self) -> &Regex {
        &self.regex
    }

    /// What a search through so many bytes costs.
    pub(crate) fn steps(&self, bytes: usize) -> usize {
        (bytes.saturating_add(1).saturating_mul(self.states) >> 3).saturating_add(1)
    }

    /// What it costs that the next search begins at the end of a match, before so many bytes that are left:
    /// it goes once more through what was looked at beyond it. The text itself is paid for once.
    pub(crate) fn steps_again(&self, left: usize) -> usize {
        // A character has four bytes at most, and one more was read.
        let beyond = self.reach.map(|reach| reach.saturating_add(1).saturating_mul(4));
        self.steps(beyond.unwrap_or(usize::MAX).min(left)).saturating_add(self.regex.captures_len())
    }
}
