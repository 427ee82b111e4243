//! Encryption of what lies in a cache: AES-256 in Galois/Counter Mode, by NGINX's OpenSSL.

use openssl::sha::Sha256;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use sts_core::now::Entropy;
use sts_core::secret::Secret;

/// Bytes of the nonce and of the authentication tag (NIST SP 800-38D, sections 5.2.1 and 5.2.2).
const NONCE: usize = 12;
const TAG: usize = 16;

/// Keys of different uses differ though their secret is the same.
const PURPOSE: &[u8] = b"nginx-sts cache encryption 1";

/// A key that seals the values of a cache.
pub(crate) struct Seal(Secret);

impl Seal {
    /// A key made of a secret: the operator's passphrase, or what the zone has of its own.
    pub(crate) fn from_secret(secret: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(PURPOSE);
        hash.update(secret);
        Self(Secret::new(hash.finish()))
    }

    /// Seals a value under the name that it will have: nonce, sealed value, tag. Each time it is
    /// another text. `None` when there are no random bytes for a nonce, or OpenSSL has failed.
    pub(crate) fn close(&self, name: &[u8], value: &[u8], entropy: Entropy) -> Option<Vec<u8>> {
        let random = entropy().ok()?;
        let nonce = random.first_chunk::<NONCE>()?;
        let mut tag = [0; TAG];
        let cipher = Cipher::aes_256_gcm();
        let sealed = encrypt_aead(cipher, self.0.expose(), Some(nonce), name, value, &mut tag);
        Some([&nonce[..], &sealed.ok()?, &tag].concat())
    }

    /// Opens what was sealed under this name; `None` for anything else.
    pub(crate) fn open(&self, name: &[u8], sealed: &[u8]) -> Option<Secret> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
        let (sealed, tag) = rest.split_last_chunk::<TAG>()?;
        let cipher = Cipher::aes_256_gcm();
        decrypt_aead(cipher, self.0.expose(), Some(nonce), name, sealed, tag).ok().map(Secret::new)
    }
}
