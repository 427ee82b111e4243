//! Digests over lists of fields that no other list has.

use openssl::sha::Sha256;

/// SHA-256 over fields, each with its length before it: where one ends and the next begins is a part
/// of what is digested.
pub(crate) struct Digest(Sha256);

impl Digest {
    pub(crate) fn new() -> Self {
        Self(Sha256::new())
    }

    /// Adds a field.
    pub(crate) fn field(&mut self, field: &[u8]) {
        // A usize has at most 64 bits.
        self.0.update(&(field.len() as u64).to_be_bytes());
        self.0.update(field);
    }

    /// Adds a field that may be absent, which is something else than empty.
    pub(crate) fn optional(&mut self, field: Option<&[u8]>) {
        match field {
            Some(field) => {
                self.field(b"+");
                self.field(field);
            }
            None => self.field(b"-"),
        }
    }

    /// Adds how many fields follow, where that is not always the same.
    pub(crate) fn count(&mut self, count: usize) {
        self.field(&(count as u64).to_be_bytes());
    }

    /// Adds a secret, so that nothing of it can be tried out on what is kept of the digest alone.
    pub(crate) fn secret(&mut self, secret: &[u8]) {
        self.field(&openssl::sha::sha256(secret));
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(fields: &[Vec<u8>]) -> [u8; 32] {
        let mut digest = Digest::new();
        for field in fields {
            digest.field(field);
        }
        digest.finish()
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
            let mut digest = Digest::new();
            digest.optional(field);
            digest.finish()
        };
        assert_ne!(of(None), of(Some(b"")));
        assert_ne!(of(None), of(Some(b"-")));
        assert_ne!(of(Some(b"")), of(Some(b"+")));
    }

    proptest! {
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
