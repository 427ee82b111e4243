//! Keys in PEM (RFC 7468): PKCS #8 or the older forms of OpenSSL.

use memchr::memmem;
use openssl::pkey::{Id, PKey, Private};
use openssl::x509::X509;

use super::algorithm::{Algorithm, CURVES, MIN_RSA_BITS, OF_ED25519, OF_RSA, OF_RSA_PSS};
use super::error::KeyError;
use super::{Imported, Labels, thumbprint};

/// Reads a key; a certificate of it that stands beside it is what a header names.
pub(super) fn import(pem: &[u8]) -> Result<Imported, KeyError> {
    let key = private_key(pem)?;
    let able = algorithms(&key)?;
    let labels = Labels { id: None, thumbprint: certificate(pem, &key)? };
    Ok(Imported { key, able, said: None, labels })
}

/// Reads a key for whatever use; a certificate may stand beside it.
pub(crate) fn private_key(pem: &[u8]) -> Result<PKey<Private>, KeyError> {
    let has = |text: &str| memmem::find(pem, text.as_bytes()).is_some();
    if has("BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    if !has("PRIVATE KEY-----") {
        let public = has("PUBLIC KEY-----") || has("BEGIN CERTIFICATE-----");
        return Err(if public { KeyError::Public } else { KeyError::NoKey });
    }
    // Without a callback OpenSSL would ask for a passphrase at the terminal.
    PKey::private_key_from_pem_callback(pem, |_| Ok(0)).map_err(|_| KeyError::Refused)
}

/// What a key can do; the first is what it does where nothing else is said.
fn algorithms(key: &PKey<Private>) -> Result<&'static [Algorithm], KeyError> {
    match key.id() {
        Id::RSA | Id::RSA_PSS if key.bits() < MIN_RSA_BITS => Err(KeyError::Short),
        Id::RSA => Ok(OF_RSA),
        // RFC 8017, appendix A.2.3: such a key is for this padding only.
        Id::RSA_PSS => Ok(OF_RSA_PSS),
        Id::EC => {
            let key = key.ec_key().map_err(|_| KeyError::Refused)?;
            let nid = key.group().curve_name().ok_or(KeyError::Curve)?;
            let curve = CURVES.iter().find(|curve| curve.nid == nid).ok_or(KeyError::Curve)?;
            Ok(curve.algorithms)
        }
        Id::ED25519 => Ok(OF_ED25519),
        _ => Err(KeyError::Curve),
    }
}

fn certificate(pem: &[u8], key: &PKey<Private>) -> Result<Option<String>, KeyError> {
    if memmem::find(pem, b"BEGIN CERTIFICATE-----").is_none() {
        return Ok(None);
    }
    let certificates = X509::stack_from_pem(pem).map_err(|_| KeyError::Certificate)?;
    // Those of the authorities that signed it may stand beside it, in any order.
    let is_of_key =
        |one: &&X509| one.public_key().is_ok_and(|of_certificate| of_certificate.public_eq(key));
    let own = certificates.iter().find(is_of_key).ok_or(KeyError::CertificateMismatch)?;
    let der = own.to_der().map_err(|_| KeyError::Certificate)?;
    Ok(Some(thumbprint(&der)))
}
