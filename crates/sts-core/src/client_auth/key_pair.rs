//! The certificate by which TLS shows the identity of the gateway (RFC 8705, section 2).

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::stack::Stack;
use openssl::x509::X509;

use super::error::CredentialError;
use crate::jose::{self, KeyError};
use crate::secret::Secret;

/// A certificate with its private key.
pub struct KeyPair {
    /// The certificate of the key.
    pub certificate: X509,
    /// Those of the authorities between it and what the STS trusts, in the order of the file.
    pub chain: Stack<X509>,
    /// The key, which TLS signs with.
    pub key: PKey<Private>,
}

impl KeyPair {
    /// Reads the certificates and the key out of one text in PEM, in any order.
    pub(super) fn parse(pem: &Secret) -> Result<Self, CredentialError> {
        let pair = Self::read(pem.expose());
        // NGINX complains of errors that it finds left behind.
        drop(ErrorStack::get());
        Ok(pair?)
    }

    fn read(pem: &[u8]) -> Result<Self, KeyError> {
        let key = jose::private_key(pem)?;
        let all = X509::stack_from_pem(pem).map_err(|_| KeyError::CertificatePem)?;
        let is_own = |one: &X509| one.public_key().is_ok_and(|public| public.public_eq(&key));
        let own = all.iter().position(is_own);
        let own = own.ok_or(if all.is_empty() {
            KeyError::CertificatePem
        } else {
            KeyError::CertificateMismatch
        })?;
        let mut others = all;
        let certificate = others.remove(own);
        let mut chain = Stack::new().map_err(|_| KeyError::Refused)?;
        for other in others {
            chain.push(other).map_err(|_| KeyError::Refused)?;
        }
        Ok(Self { certificate, chain, key })
    }
}
