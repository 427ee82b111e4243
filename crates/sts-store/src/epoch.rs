//! Forgetting on all nodes: every value carries the epochs that it was written under, and is of no use
//! under any other.
//!
//! An epoch is a time and random bytes, made by the first node that misses it. So one that was lost is
//! never the same again, and what was written under it is old.

use crate::Millis;

/// Bytes of an epoch.
pub const LENGTH: usize = 16;

/// An epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch([u8; LENGTH]);

/// The epochs of a value: of everything, of its exchange, and of the share of sources that its own is
/// in.
pub type Epochs = [Epoch; 3];

/// What has an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    All,
    /// What an exchange has issued, by its digest.
    Exchange([u8; 32]),
    /// What was issued for a share of the sources. There are as many shares as have room in any store,
    /// so that none of them has to end, and a source takes its share with it.
    Sources(u16),
    /// Changes with every purge. The nodes look at it to empty their shared memory.
    Change,
}

/// Shares of sources: those that share one with a source lose their tokens with it.
pub const SHARES: u16 = 1024;

impl Scope {
    /// The share of a source, of which this is a keyed digest.
    pub fn of_source(tag: &[u8; 32]) -> Self {
        let [first, second, ..] = *tag;
        Self::Sources(u16::from_le_bytes([first, second]) % SHARES)
    }

    /// What it is called within its names.
    pub fn text(&self) -> Vec<u8> {
        match self {
            Self::All => b"all".to_vec(),
            Self::Exchange(digest) => [&b"exchange:"[..], digest].concat(),
            Self::Sources(share) => format!("sources:{share}").into_bytes(),
            Self::Change => b"change".to_vec(),
        }
    }
}

impl Epoch {
    /// A new one, at a time, and with bytes that no other one has.
    pub fn new(now: Millis, random: &[u8; 32]) -> Self {
        let mut epoch = [0; LENGTH];
        let bytes = now.to_be_bytes().into_iter().chain(random.iter().copied());
        epoch.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
        Self(epoch)
    }

    /// As it lies in a store; `None` for what is none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As it is written.
    pub fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// When it was made, by the clock of the node that made it.
    pub fn made(&self) -> Millis {
        self.0.first_chunk().map_or(0, |time| Millis::from_be_bytes(*time))
    }

    /// Whether this one, found after `seen`, shows that the store has gone back to what it was before:
    /// it was started from an old copy, or a replica took over that had not all.
    pub fn is_before(&self, seen: &Self) -> bool {
        self.made() < seen.made()
    }

    /// A new one after this one, whatever the clock says.
    pub fn next(&self, now: Millis, random: &[u8; 32]) -> Self {
        Self::new(now.max(self.made().saturating_add(1)), random)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_epoch_that_is_made_anew_is_another_one() {
        let (one, other) = (Epoch::new(5, &[1; 32]), Epoch::new(5, &[2; 32]));
        assert_ne!(one, other);
        assert_eq!(Epoch::read(one.bytes()), Some(one));
        assert_eq!((one.made(), Epoch::read(b"short")), (5, None));
    }

    proptest! {
        #[test]
        fn the_next_one_is_never_before(now: u64, later: u64, random: [u8; 32]) {
            prop_assume!(now < u64::MAX);
            let epoch = Epoch::new(now, &random);
            let next = epoch.next(later, &random);
            prop_assert!(epoch.is_before(&next) && !next.is_before(&epoch));
        }

        #[test]
        fn scopes_have_different_names(digest: [u8; 32], tag: [u8; 32]) {
            let scopes =
                [Scope::All, Scope::Exchange(digest), Scope::of_source(&tag), Scope::Change];
            let mut names: Vec<_> = scopes.iter().map(Scope::text).collect();
            names.sort();
            names.dedup();
            prop_assert_eq!(names.len(), scopes.len());
        }
    }
}
