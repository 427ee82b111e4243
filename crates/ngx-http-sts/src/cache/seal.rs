//! Encryption of what lies in a cache: AES-256 in Galois/Counter Mode, by NGINX's OpenSSL.

use openssl::sha::Sha256;
use sts_core::now::Entropy;
use sts_core::secret::Secret;
use sts_store::seal::aead;
use zeroize::Zeroizing;

/// Keys of different uses differ though their secret is the same.
const PURPOSE: &[u8] = b"nginx-sts cache encryption 1";

/// A key that seals the values of a cache.
pub(crate) struct Seal(Zeroizing<[u8; 32]>);

impl Seal {
    /// A key made of a secret: the operator's passphrase, or what the zone has of its own.
    pub(crate) fn from_secret(secret: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(PURPOSE);
        hash.update(secret);
        Self(Zeroizing::new(hash.finish()))
    }

    /// Seals a value under the name that it will have: nonce, sealed value, tag. Each time it is
    /// another text. `None` when there are no random bytes for a nonce, or OpenSSL has failed.
    pub(crate) fn close(&self, name: &[u8], value: &[u8], entropy: Entropy) -> Option<Vec<u8>> {
        let random = entropy().ok()?;
        aead::close(&self.0, random.first_chunk()?, name, value)
    }

    /// Opens what was sealed under this name; `None` for anything else.
    pub(crate) fn open(&self, name: &[u8], sealed: &[u8]) -> Option<Secret> {
        aead::open(&self.0, name, sealed)
    }
}
