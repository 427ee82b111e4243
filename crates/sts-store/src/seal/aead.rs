//! AES-256 in Galois/Counter Mode, by NGINX's OpenSSL.

use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use sts_secret::Secret;

/// Bytes of the nonce and of the authentication tag (NIST SP 800-38D, sections 5.2.1 and 5.2.2).
pub const NONCE: usize = 12;
const TAG: usize = 16;

/// Nonce, sealed value, tag. `None` when OpenSSL has failed.
pub fn close(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    bound_to: &[u8],
    value: &[u8],
) -> Option<Vec<u8>> {
    let mut tag = [0; TAG];
    let cipher = Cipher::aes_256_gcm();
    let sealed = encrypt_aead(cipher, key, Some(nonce), bound_to, value, &mut tag).ok()?;
    Some([&nonce[..], &sealed, &tag].concat())
}

/// What was sealed with this key and bound to this; `None` for anything else.
pub fn open(key: &[u8; 32], bound_to: &[u8], sealed: &[u8]) -> Option<Secret> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
    let (sealed, tag) = rest.split_last_chunk::<TAG>()?;
    let cipher = Cipher::aes_256_gcm();
    decrypt_aead(cipher, key, Some(nonce), bound_to, sealed, tag).ok().map(Secret::new)
}
