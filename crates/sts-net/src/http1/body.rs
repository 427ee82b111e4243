//! The body of an answer, as far as it has arrived.

use sts_secret::Secret;

use crate::http1::answer::AnswerError;

/// Bytes that are taken at first where the length is not known.
const FIRST_ROOM: usize = 4 * 1024;

/// Bytes up to a limit, wiped when they are dropped.
pub(super) struct Body {
    bytes: Secret,
    limit: usize,
}

impl Body {
    /// With room for so many bytes, if they are known to come.
    ///
    /// # Errors
    /// They are too many.
    pub(super) fn new(length: Option<u64>, limit: usize) -> Result<Self, AnswerError> {
        let room = match length.map(usize::try_from) {
            Some(Ok(length)) if length <= limit => length,
            Some(_) => return Err(AnswerError::TooLarge(limit)),
            None => 0,
        };
        Ok(Self { bytes: Secret::with_capacity(room), limit })
    }

    /// Appends what has arrived.
    ///
    /// # Errors
    /// It is too much.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), AnswerError> {
        let length = self.bytes.len().saturating_add(bytes.len());
        if length > self.limit {
            return Err(AnswerError::TooLarge(self.limit));
        }
        if length > self.bytes.capacity() {
            self.grow(length.max(2 * self.bytes.capacity()).max(FIRST_ROOM));
        }
        self.bytes.append(bytes);
        Ok(())
    }

    pub(super) fn into_bytes(self) -> Secret {
        self.bytes
    }

    fn grow(&mut self, capacity: usize) {
        let mut larger = Secret::with_capacity(capacity);
        larger.append(self.bytes.expose());
        self.bytes = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_be_as_large_as_its_limit() {
        let mut body = Body::new(None, 10).unwrap();
        assert_eq!(body.push(b"12345"), Ok(()));
        assert_eq!(body.push(b"67890"), Ok(()));
        assert_eq!(body.push(b"1"), Err(AnswerError::TooLarge(10)));
        assert_eq!(body.into_bytes().expose(), b"1234567890");
    }

    #[test]
    fn a_length_beyond_the_limit_is_known_from_the_start() {
        assert!(Body::new(Some(10), 10).is_ok());
        assert_eq!(Body::new(Some(11), 10).err(), Some(AnswerError::TooLarge(10)));
        assert_eq!(Body::new(Some(u64::MAX), 10).err(), Some(AnswerError::TooLarge(10)));
    }

    #[test]
    fn what_comes_in_many_pieces_is_kept_in_order() {
        let mut body = Body::new(None, 100_000).unwrap();
        for number in 0..50_000_u32 {
            body.push(&[number as u8]).unwrap();
        }
        let whole = body.into_bytes();
        assert!(whole.expose().iter().enumerate().all(|(at, byte)| *byte == at as u8));
        assert_eq!(whole.len(), 50_000);
    }
}
