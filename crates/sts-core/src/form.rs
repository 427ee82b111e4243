//! `application/x-www-form-urlencoded`, as RFC 6749, appendix B has it.

use form_urlencoded::byte_serialize;

use crate::hex;
use crate::secret::Secret;

/// The pairs of a form, collected before any is written: the body then fits its buffer at once.
pub(crate) struct Form<'a> {
    pairs: Vec<(Text<'a>, Text<'a>)>,
}

/// A name or a value, and how many of its bytes do not stand for themselves.
struct Text<'a> {
    bytes: Bytes<'a>,
    changed: usize,
}

enum Bytes<'a> {
    Borrowed(&'a [u8]),
    Owned(Secret),
}

impl<'a> Form<'a> {
    pub(crate) fn with_capacity(pairs: usize) -> Self {
        Self { pairs: Vec::with_capacity(pairs) }
    }

    pub(crate) fn push(&mut self, name: &'a str, value: &'a [u8]) {
        self.pairs.push((Text::new(name.as_bytes()), Text::new(value)));
    }

    /// Adds a pair whose value lives no longer than the form.
    pub(crate) fn push_owned(&mut self, name: &'static str, value: Secret) {
        let changed = count_changed(value.expose());
        let value = Text { bytes: Bytes::Owned(value), changed };
        self.pairs.push((Text::new(name.as_bytes()), value));
    }

    /// Adds a pair that is the same for all requests, given as it stands in a form.
    pub(crate) fn push_encoded(&mut self, name: &'static str, value: &'static str) {
        let is_word = |text: &str| text.bytes().all(|byte| is_unchanged(byte) || byte == b'%');
        debug_assert!(is_word(name) && is_word(value), "{name}={value} is not encoded");
        let word =
            |text: &'static str| Text { bytes: Bytes::Borrowed(text.as_bytes()), changed: 0 };
        self.pairs.push((word(name), word(value)));
    }

    /// Writes the body into a buffer that it fits.
    pub(crate) fn encode(&self) -> Secret {
        let pair =
            |(name, value): &(Text<'_>, Text<'_>)| name.encoded_len() + 1 + value.encoded_len() + 1;
        let capacity = self.pairs.iter().map(pair).sum();
        let mut body = Secret::with_capacity(capacity);
        for (name, value) in &self.pairs {
            if !body.is_empty() {
                body.append(b"&");
            }
            name.encode(&mut body);
            body.append(b"=");
            value.encode(&mut body);
        }
        body
    }
}

impl<'a> Text<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: Bytes::Borrowed(bytes), changed: count_changed(bytes) }
    }

    fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Borrowed(bytes) => bytes,
            Bytes::Owned(secret) => secret.expose(),
        }
    }

    /// How much room it needs at most when it is encoded.
    fn encoded_len(&self) -> usize {
        // A space takes one byte instead of three; not worth a second look at every byte.
        self.bytes().len() + 2 * self.changed
    }

    /// Appends it, encoded.
    fn encode(&self, out: &mut Secret) {
        if self.changed == 0 {
            return out.append(self.bytes());
        }
        for chunk in byte_serialize(self.bytes()) {
            out.append(chunk.as_bytes());
        }
    }
}

/// Appends `value`, encoded; there must be room of [`encoded_len`].
pub(crate) fn encode(out: &mut Secret, value: &[u8]) {
    Text::new(value).encode(out);
}

/// How much room `value` needs at most when it is encoded.
pub(crate) fn encoded_len(value: &[u8]) -> usize {
    Text::new(value).encoded_len()
}

/// Decodes one name or value; `None` if a `%` is not followed by two hexadecimal digits.
pub(crate) fn decode(encoded: &[u8]) -> Option<Secret> {
    let mut decoded = Secret::with_capacity(encoded.len());
    let mut bytes = encoded.iter();
    while let Some(&byte) = bytes.next() {
        decoded.append(&[match byte {
            b'+' => b' ',
            b'%' => hex::byte(*bytes.next()?, *bytes.next()?)?,
            byte => byte,
        }]);
    }
    Some(decoded)
}

/// How many bytes do not stand for themselves. A token has thousands of bytes, and as a rule every
/// one of them stands for itself: counted without branches and in bytes, so that it is vectorised.
fn count_changed(value: &[u8]) -> usize {
    let count = |chunk: &[u8]| chunk.iter().map(|b| u8::from(!is_unchanged(*b))).sum::<u8>();
    // No more than a byte can count.
    value.chunks(u8::MAX.into()).map(|chunk| usize::from(count(chunk))).sum()
}

const fn is_unchanged(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | (byte == b'*') | (byte == b'-') | (byte == b'.') | (byte == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(value: &[u8]) -> String {
        let mut out = Secret::with_capacity(encoded_len(value));
        encode(&mut out, value);
        String::from_utf8(out.expose().to_vec()).unwrap()
    }

    #[test]
    fn rfc_6749_appendix_b() {
        // U+0020, U+0025, U+0026, U+002B, U+00A3 and U+20AC.
        let value = " %&+£€";
        assert_eq!(encoded(value.as_bytes()), "+%25%26%2B%C2%A3%E2%82%AC");
        assert!(decode(b"+%25%26%2B%C2%A3%E2%82%AC").unwrap().expose() == value.as_bytes());
    }

    #[test]
    fn a_percent_sign_needs_two_digits() {
        for encoded in
            [&b"%"[..], b"%2", b"a%2", b"%zz", b"%2z", b"%%20", b"%+1", "%２0".as_bytes()]
        {
            assert!(decode(encoded).is_none(), "{encoded:?}");
        }
        assert!(decode(b"%2f%2F%00").unwrap().expose() == b"//\0");
    }

    #[test]
    fn a_form_without_pairs_is_empty() {
        assert!(Form::with_capacity(0).encode().is_empty());
    }

    #[test]
    fn a_form_fits_its_buffer() {
        let token = vec![b'%'; 64 * 1024];
        let mut form = Form::with_capacity(2);
        form.push("tök", &token);
        form.push("empty", b"");
        // The buffer itself asserts that it does not grow.
        assert_eq!(form.encode().len(), "t%C3%B6k=".len() + 3 * token.len() + "&empty=".len());
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(value: Vec<u8>) {
            prop_assert!(decode(encoded(&value).as_bytes()).unwrap().expose() == value);
        }

        #[test]
        fn every_byte_is_encoded_as_form_urlencoded_has_it(value: Vec<u8>) {
            let known: String = byte_serialize(&value).collect();
            prop_assert_eq!(encoded(&value), known);
        }

        #[test]
        fn a_form_is_read_back_by_another_reader(
            pairs: Vec<(String, Vec<u8>)>,
        ) {
            let mut form = Form::with_capacity(0);
            for (name, value) in &pairs {
                form.push(name, value);
            }
            let body = form.encode();
            let read: Vec<(String, String)> =
                form_urlencoded::parse(body.expose()).into_owned().collect();
            let sent: Vec<(String, String)> = pairs
                .iter()
                .map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned()))
                .collect();
            prop_assert_eq!(read, sent);
        }

        #[test]
        fn decoding_never_panics(encoded: Vec<u8>) {
            let _ = decode(&encoded);
        }
    }
}
