//! `application/x-www-form-urlencoded`, as RFC 6749, appendix B has it.

use form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The pairs of a form, collected before any is written: the body then fits its buffer at once.
pub(crate) struct Form<'a> {
    pairs: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Form<'a> {
    pub(crate) fn with_capacity(pairs: usize) -> Self {
        Self { pairs: Vec::with_capacity(pairs) }
    }

    pub(crate) fn push(&mut self, name: &'a str, value: &'a [u8]) {
        self.pairs.push((name, value));
    }

    /// Writes the body. A buffer that grew would leave copies of a token in freed memory.
    pub(crate) fn encode(&self) -> Secret {
        let pair = |(name, value): &(&str, &[u8])| {
            encoded_len(name.as_bytes()) + 1 + encoded_len(value) + 1
        };
        let capacity = self.pairs.iter().map(pair).sum();
        let mut body = Zeroizing::new(Vec::with_capacity(capacity));
        for (name, value) in &self.pairs {
            if !body.is_empty() {
                body.push(b'&');
            }
            encode(&mut body, name.as_bytes());
            body.push(b'=');
            encode(&mut body, value);
        }
        debug_assert!(body.capacity() == capacity, "the buffer grew");
        body.into()
    }
}

/// Appends `value`, encoded. Reserves nothing: see [`encoded_len`].
pub(crate) fn encode(out: &mut Vec<u8>, value: &[u8]) {
    if count_changed(value) == 0 {
        return out.extend_from_slice(value);
    }
    for chunk in byte_serialize(value) {
        out.extend_from_slice(chunk.as_bytes());
    }
}

/// How much room `value` needs at most when it is encoded.
pub(crate) fn encoded_len(value: &[u8]) -> usize {
    // A space takes one byte instead of three; not worth a second look at every byte.
    value.len() + 2 * count_changed(value)
}

/// Decodes one name or value; `None` if a `%` is not followed by two hexadecimal digits.
pub(crate) fn decode(encoded: &[u8]) -> Option<Secret> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(encoded.len()));
    let mut bytes = encoded.iter();
    while let Some(&byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(*bytes.next()?)? << 4 | hex_digit(*bytes.next()?)?,
            byte => byte,
        });
    }
    Some(decoded.into())
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// How many bytes do not stand for themselves. Without branches, so that it is vectorised: a token
/// has thousands of bytes, and as a rule every one of them stands for itself.
fn count_changed(value: &[u8]) -> usize {
    value.iter().map(|b| usize::from(!is_unchanged(*b))).sum()
}

const fn is_unchanged(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | (byte == b'*') | (byte == b'-') | (byte == b'.') | (byte == b'_')
}
