//! Types that keep tokens and credentials out of logs and wipe them when they go.

use zeroize::Zeroize;

/// Bytes that nobody but the STS and the backend may see: a token, a password, a request body that
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
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Appends bytes, for which there must be room: a buffer that grew would leave a copy of what
    /// it held in freed memory.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        debug_assert!(self.0.capacity() - self.0.len() >= bytes.len(), "the buffer grows");
        self.0.extend_from_slice(bytes);
    }

    /// The bytes themselves. Every use of this is a place where a secret could leak.
    pub fn expose(&self) -> &[u8] {
        &self.0
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

/// For the owners that hand a body to an HTTP client without copying it.
impl AsRef<[u8]> for Secret {
    fn as_ref(&self) -> &[u8] {
        self.expose()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        // Asked for at once, a vector would be wiped byte by byte, and a long token would feel it.
        self.0.as_mut_slice().zeroize();
        self.0.spare_capacity_mut().zeroize();
    }
}
