//! Types that keep tokens and credentials out of logs and wipe them when they go.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::mem::{self, ManuallyDrop};
use std::rc::Rc;

use zeroize::{Zeroize, Zeroizing};

/// Bytes that only the STS and the backend may see: a token, a password, a request body that
/// holds them.
///
/// There is deliberately no `Debug` and no `Display`; the memory is zeroed on drop.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// An empty buffer to write into.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Appends bytes, for which there must be room: a buffer that grew would leave a copy of what
    /// it held in freed memory.
    pub fn append(&mut self, bytes: &[u8]) {
        debug_assert!(self.0.capacity() - self.0.len() >= bytes.len(), "the buffer grows");
        self.0.extend_from_slice(bytes);
    }

    /// Makes room for so many bytes more. What it held may lie elsewhere then, and is wiped where it lay.
    pub fn reserve(&mut self, more: usize) {
        if self.0.capacity() - self.0.len() < more {
            let needed = self.0.len().saturating_add(more);
            let mut larger = Self::with_capacity(needed.max(self.0.capacity().saturating_mul(2)));
            larger.append(&self.0);
            *self = larger;
        }
    }

    /// The bytes themselves. Every use of this is a place where a secret could leak.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Bytes that it may have without growing.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A secret that several hold: its memory is zeroed when the last one lets it go.
#[derive(Clone)]
pub struct SharedSecret(Rc<[u8]>);

impl SharedSecret {
    /// Copies the bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves, as [`Secret::expose`].
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SharedSecret {
    fn drop(&mut self) {
        // There are no weak ones: it is the last one's, or another one will see to it.
        if let Some(bytes) = Rc::get_mut(&mut self.0) {
            wipe(bytes);
        }
    }
}

/// Room for a secret that something else writes. Zeroes would come from `calloc`, which of the C
/// library's allocators is the slow one.
pub fn room(length: usize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![b'.'; length])
}

/// Takes the bytes over, without a copy.
impl From<Zeroizing<Vec<u8>>> for Secret {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        // What is left is empty, and has nothing to be wiped.
        Self(mem::take(&mut **ManuallyDrop::new(bytes)))
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        // Asked for at once, a vector would be wiped byte by byte, and a long token would feel it.
        wipe(self.0.as_mut_slice());
        wipe(self.0.spare_capacity_mut());
    }
}

/// Zeroes memory, also where nothing reads it any more.
///
/// What is empty may have an address at which there is no memory, and there even a wipe of nothing
/// takes a tenth of a microsecond: processors stumble over the masked store of the C library.
pub fn wipe<T>(bytes: &mut [T])
where
    [T]: Zeroize,
{
    if !bytes.is_empty() {
        bytes.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_elsewhere_is_taken_over_without_a_copy() {
        let mut bytes = room(3);
        bytes.copy_from_slice(b"abc");
        let place = bytes.as_ptr();
        let secret = Secret::from(bytes);
        assert_eq!((secret.expose(), secret.expose().as_ptr()), (b"abc".as_slice(), place));
    }

    #[test]
    fn a_secret_is_appended_to_where_it_is() {
        let mut secret = Secret::with_capacity(6);
        secret.append(b"abc");
        let place = secret.expose().as_ptr();
        secret.append(b"def");
        assert_eq!((secret.expose(), secret.expose().as_ptr()), (b"abcdef".as_slice(), place));
    }

    #[test]
    fn room_is_made_without_losing_what_is_there() {
        let mut secret = Secret::new(*b"abc");
        secret.reserve(100);
        assert!(secret.capacity() >= 103);
        secret.append(&[b'd'; 100]);
        let place = secret.expose().as_ptr();
        secret.reserve(0);
        assert_eq!((secret.len(), secret.expose().as_ptr()), (103, place));
        assert!(secret.expose().starts_with(b"abcd"));
    }

    #[test]
    fn who_shares_a_secret_keeps_it_when_another_lets_it_go() {
        let one = SharedSecret::new(b"abc");
        let other = one.clone();
        drop(one);
        assert_eq!(other.expose(), b"abc");
    }

    #[test]
    fn a_wipe_leaves_zeroes_and_takes_nothing_for_nothing() {
        let mut bytes = *b"abc";
        wipe(&mut bytes);
        assert_eq!(bytes, [0; 3]);
        wipe::<u8>(&mut []);
    }
}
