//! How all tokens are found that were issued for one source token, without a digest of it that could
//! be guessed at: with `ropc` the source is a password.

use openssl::sha::Sha256;
use zeroize::Zeroizing;

/// Keys of different uses differ though their secret is the same.
const PURPOSE: &[u8] = b"nginx-sts source tags 1";

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// The key that the tags of source tokens are made with: without it a guess cannot be confirmed.
pub struct TagKey(Zeroizing<[u8; 32]>);

impl TagKey {
    /// A key made of a secret that is not empty.
    pub fn from_secret(secret: &[u8]) -> Self {
        Self(Zeroizing::new(derive(secret, PURPOSE)))
    }

    /// The tag of a source token, the same in each exchange.
    pub fn tag(&self, source: &[u8]) -> [u8; 32] {
        hmac(&*self.0, source)
    }
}

/// What a secret becomes for a purpose. It tells nothing of the secret, nor of what the secret becomes
/// for another one.
pub fn derive(secret: &[u8], purpose: &[u8]) -> [u8; 32] {
    hmac(secret, purpose)
}

/// HMAC with SHA-256 (RFC 2104). OpenSSL's own looks its algorithm up each time, which takes more
/// instructions than all that a new token costs besides.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut padded = Zeroizing::new([0; BLOCK]);
    let digest;
    let key = if key.len() > BLOCK {
        digest = Zeroizing::new(openssl::sha::sha256(key));
        &digest[..]
    } else {
        key
    };
    padded.iter_mut().zip(key).for_each(|(byte, key)| *byte = *key);
    let hash = |pad: u8, text: &[u8]| {
        let mut hash = Sha256::new();
        hash.update(&*Zeroizing::new(padded.map(|byte| byte ^ pad)));
        hash.update(text);
        hash.finish()
    };
    hash(0x5c, &hash(0x36, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hexadecimal digits as bytes.
    fn bytes(digits: &str) -> Vec<u8> {
        let digits = digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
        digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    #[test]
    fn rfc_4231_test_cases_1_2_and_6() {
        for (key, text, mac) in [
            (
                vec![0x0b; 20],
                "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".to_vec(),
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(derive(&key, text.as_bytes()).as_slice(), bytes(mac));
        }
    }

    #[test]
    fn a_tag_is_that_of_its_source_and_of_its_key() {
        let [one, again, other] =
            [b"one", b"one", b"two"].map(|secret| TagKey::from_secret(secret));
        let tag = |key: &TagKey, source: &[u8]| key.tag(source);
        assert_eq!(tag(&one, b"s"), tag(&again, b"s"));
        assert_ne!(tag(&one, b"s"), tag(&one, b"t"));
        assert_ne!(tag(&one, b"s"), tag(&other, b"s"));
        assert_ne!(tag(&one, b""), tag(&one, b"s"));
    }

    #[test]
    fn what_a_secret_becomes_differs_with_the_purpose() {
        let [tags, seals] = [PURPOSE, b"another purpose"].map(|purpose| derive(b"secret", purpose));
        assert_ne!(tags, seals);
    }
}
