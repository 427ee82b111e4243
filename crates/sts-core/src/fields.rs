//! A digest over several fields: no two lists of fields are one text.

use openssl::sha::Sha256;

/// Fields, each behind its length.
///
/// What makes an identity of a type takes the type apart without `..`: a new field does not compile
/// until it is decided whether it belongs to the identity.
pub struct Fields {
    hash: Sha256,
    /// Short ones are collected here: each call of OpenSSL takes as long as a few of them do.
    short: [u8; SHORT],
    used: usize,
}

/// Two blocks of SHA-256.
const SHORT: usize = 2 * BLOCK;
/// Bytes of one.
pub(crate) const BLOCK: usize = 64;

impl Fields {
    /// Fields that are of this layout, and of no other.
    pub fn new(layout: &[u8]) -> Self {
        let mut fields = Self { hash: Sha256::new(), short: [0; SHORT], used: 0 };
        fields.push(layout);
        fields
    }

    /// Goes on with a hash that has taken in something else.
    pub(crate) fn behind(begun: &Sha256) -> Self {
        Self { hash: begun.clone(), short: [0; SHORT], used: 0 }
    }

    /// One more field.
    pub fn push(&mut self, field: &[u8]) {
        self.add(&(field.len() as u64).to_le_bytes());
        self.add(field);
    }

    /// A field that may be absent, which is not the same as empty.
    pub fn push_optional(&mut self, field: Option<&[u8]>) {
        self.push(&[field.is_some().into()]);
        if let Some(field) = field {
            self.push(field);
        }
    }

    /// The digest over all of them.
    pub fn finish(mut self) -> [u8; 32] {
        self.flush();
        self.hash.finish()
    }

    fn add(&mut self, bytes: &[u8]) {
        let end = self.used + bytes.len();
        if let Some(place) = self.short.get_mut(self.used..end) {
            place.copy_from_slice(bytes);
            self.used = end;
            return;
        }
        self.flush();
        match self.short.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.used = bytes.len();
            }
            None => self.hash.update(bytes),
        }
    }

    fn flush(&mut self) {
        self.hash.update(self.short.get(..self.used).unwrap_or_default());
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(list: &[Vec<u8>]) -> [u8; 32] {
        let mut fields = Fields::new(b"");
        for field in list {
            fields.push(field);
        }
        fields.finish()
    }

    /// The same bytes, cut into fields at other places.
    fn cut(bytes: &[u8], at: &[usize]) -> Vec<Vec<u8>> {
        let mut at: Vec<_> = at.iter().map(|at| at % (bytes.len() + 1)).collect();
        at.sort_unstable();
        let (mut fields, mut start) = (Vec::new(), 0);
        for end in at.into_iter().chain([bytes.len()]) {
            fields.push(bytes[start..end].to_vec());
            start = end;
        }
        fields
    }

    #[test]
    fn absent_is_not_empty() {
        let of = |field: Option<&[u8]>| {
            let mut fields = Fields::new(b"");
            fields.push_optional(field);
            fields.finish()
        };
        assert_ne!(of(None), of(Some(b"")));
        assert_ne!(of(None), of(Some(b"none")));
        assert_ne!(of(Some(b"")), of(Some(b"some")));
    }

    proptest! {
        #[test]
        fn no_two_lists_collide_of_which_some_fields_are_optional(
            a: Vec<Result<Vec<u8>, Option<Vec<u8>>>>, b: Vec<Result<Vec<u8>, Option<Vec<u8>>>>,
        ) {
            let digest = |list: &[Result<Vec<u8>, Option<Vec<u8>>>]| {
                let mut fields = Fields::new(b"");
                for field in list {
                    match field {
                        Ok(field) => fields.push(field),
                        Err(field) => fields.push_optional(field.as_deref()),
                    }
                }
                fields.finish()
            };
            // What is optional stands there as one field or two: a mark, and what it is.
            let plain = |list: &[Result<Vec<u8>, Option<Vec<u8>>>]| -> Vec<Vec<u8>> {
                list.iter()
                    .flat_map(|field| match field {
                        Ok(field) => vec![field.clone()],
                        Err(None) => vec![vec![0]],
                        Err(Some(field)) => vec![vec![1], field.clone()],
                    })
                    .collect()
            };
            prop_assert_eq!(plain(&a) == plain(&b), digest(&a) == digest(&b));
        }

        #[test]
        fn no_two_lists_of_fields_collide(a: Vec<Vec<u8>>, b: Vec<Vec<u8>>) {
            prop_assert_eq!(a == b, digest(&a) == digest(&b));
        }

        #[test]
        fn the_same_bytes_cut_elsewhere_are_another_list(
            // Also bytes that look like the length before a field.
            bytes in prop::collection::vec(prop_oneof![Just(0_u8), 0..12_u8, any::<u8>()], 0..64),
            a: Vec<usize>,
            b: Vec<usize>,
        ) {
            let (a, b) = (cut(&bytes, &a), cut(&bytes, &b));
            prop_assert_eq!(a == b, digest(&a) == digest(&b));
        }
    }
}
