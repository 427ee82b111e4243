//! What is remembered of an exchange, to tell a refusal of the token from one of the gateway.
//!
//! `invalid_request` may be the fault of either, and no code tells which. But a gateway that the STS does
//! not want is refused with every token, from the first one on.

use crate::error::Doubt;

/// What one worker knows of how an exchange went.
#[derive(Debug, Default)]
pub struct Record {
    succeeded: bool,
    /// What the STS said last, by its gist.
    said: Option<u64>,
    /// The source tokens of which it has said so without a break, by digests.
    sources: Vec<u64>,
}

/// So many source tokens are several.
const SEVERAL: usize = 3;

impl Record {
    /// A token was issued, to this worker or to another one.
    pub fn succeed(&mut self) {
        self.succeeded = true;
        self.said = None;
        self.sources.clear();
    }

    /// Whether it has succeeded, as far as this worker knows.
    pub fn has_succeeded(&self) -> bool {
        self.succeeded
    }

    /// The STS has refused a source token, and this is what it said. `has_succeeded` tells whether the
    /// exchange is known to have succeeded elsewhere.
    pub fn refuse(&mut self, said: u64, source: u64, has_succeeded: bool) -> Option<Doubt> {
        if self.said != Some(said) {
            self.said = Some(said);
            self.sources.clear();
        }
        if self.sources.len() < SEVERAL && !self.sources.contains(&source) {
            self.sources.push(source);
        }
        if !(self.succeeded || has_succeeded) {
            return Some(Doubt::NeverSucceeded);
        }
        (self.sources.len() >= SEVERAL).then_some(Doubt::SameOfSeveral)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_in_doubt_until_the_first_success() {
        let mut record = Record::default();
        for _ in 0..5 {
            assert_eq!(record.refuse(1, 1, false), Some(Doubt::NeverSucceeded));
        }
        assert_eq!(record.refuse(1, 1, true), None);
        record.succeed();
        assert_eq!(record.refuse(1, 1, false), None);
    }

    #[test]
    fn the_same_of_several_source_tokens_is_in_doubt() {
        let mut record = Record::default();
        record.succeed();
        assert_eq!(record.refuse(1, 1, false), None);
        assert_eq!(record.refuse(1, 2, false), None);
        assert_eq!(record.refuse(1, 2, false), None);
        assert_eq!(record.refuse(1, 3, false), Some(Doubt::SameOfSeveral));
        assert_eq!(record.refuse(1, 1, false), Some(Doubt::SameOfSeveral));
        assert_eq!(record.refuse(2, 4, false), None);
        assert_eq!(record.refuse(1, 5, false), None);
    }

    #[test]
    fn a_success_ends_the_row() {
        let mut record = Record::default();
        record.succeed();
        for source in 0..2 {
            assert_eq!(record.refuse(1, source, false), None);
        }
        record.succeed();
        assert_eq!(record.refuse(1, 2, false), None);
    }
}
