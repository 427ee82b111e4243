//! The headers of an answer where they lie.

use httparse::Header;

/// All headers of a head, in their order.
pub(super) struct Fields<'h>(pub(super) &'h [Header<'h>]);

impl<'h> Fields<'h> {
    /// The values of all fields of this name.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'h [u8]> + 'f {
        let named = self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.value)
    }
}
