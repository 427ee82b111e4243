//! How all tokens are found that were issued for one source token, without a digest of it that could
//! be guessed at: with `ropc` the source is a password.

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;

/// Keys of different uses differ though their secret is the same.
const PURPOSE: &[u8] = b"nginx-sts source tags 1";

/// The key that the tags of source tokens are made with: without it a guess cannot be confirmed.
pub struct TagKey(PKey<Private>);

impl TagKey {
    /// A key made of a secret that is not empty.
    ///
    /// # Errors
    /// OpenSSL has failed.
    pub fn from_secret(secret: &[u8]) -> Result<Self, ErrorStack> {
        PKey::hmac(&derive(secret, PURPOSE)?).map(Self)
    }

    /// The tag of a source token, the same in each exchange.
    ///
    /// # Errors
    /// OpenSSL has failed.
    pub fn tag(&self, source: &[u8]) -> Result<[u8; 32], ErrorStack> {
        hmac(&self.0, source)
    }
}

/// What a secret becomes for a purpose. It tells nothing of the secret, nor of what the secret becomes
/// for another one.
///
/// # Errors
/// OpenSSL has failed.
pub fn derive(secret: &[u8], purpose: &[u8]) -> Result<[u8; 32], ErrorStack> {
    hmac(&PKey::hmac(secret)?, purpose)
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac(key: &PKey<Private>, text: &[u8]) -> Result<[u8; 32], ErrorStack> {
    let mut mac = [0; 32];
    Signer::new(MessageDigest::sha256(), key)?.sign_oneshot(&mut mac, text)?;
    Ok(mac)
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
    fn rfc_4231_test_cases_1_and_2() {
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
        ] {
            assert_eq!(derive(&key, text.as_bytes()).unwrap().as_slice(), bytes(mac));
        }
    }

    #[test]
    fn a_tag_is_that_of_its_source_and_of_its_key() {
        let [one, again, other] =
            [b"one", b"one", b"two"].map(|secret| TagKey::from_secret(secret).unwrap());
        let tag = |key: &TagKey, source: &[u8]| key.tag(source).unwrap();
        assert_eq!(tag(&one, b"s"), tag(&again, b"s"));
        assert_ne!(tag(&one, b"s"), tag(&one, b"t"));
        assert_ne!(tag(&one, b"s"), tag(&other, b"s"));
        assert_ne!(tag(&one, b""), tag(&one, b"s"));
    }

    #[test]
    fn what_a_secret_becomes_differs_with_the_purpose() {
        let [tags, seals] =
            [PURPOSE, b"another purpose"].map(|purpose| derive(b"secret", purpose).unwrap());
        assert_ne!(tags, seals);
    }
}
