//! Certificate revocation lists (RFC 5280, section 5), which the OpenSSL bindings can read only.

use openssl::hash::MessageDigest;
use openssl::sign::Signer;
use openssl::x509::X509Ref;

use super::Identity;

/// `ecdsa-with-SHA256` (RFC 5758, section 3.2) as an `AlgorithmIdentifier`.
const ALGORITHM: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
/// `cRLNumber` 1 as the only extension (RFC 5280, section 5.2.3).
const EXTENSIONS: &[u8] = b"\xa0\x0e\x30\x0c\x30\x0a\x06\x03\x55\x1d\x14\x04\x03\x02\x01\x01";
/// Version 2.
const VERSION: &[u8] = b"\x02\x01\x01";
const ISSUED: &[u8] = b"200101000000Z";
const NEXT: &[u8] = b"491231235959Z";

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;

impl Identity {
    /// What this authority has revoked, as PEM: these certificates, or none.
    pub fn revocation_list(&self, revoked: &[&Self]) -> String {
        let list = self.sign_list(revoked).expect("a revocation list");
        let base64 = openssl::base64::encode_block(&list);
        format!("-----BEGIN X509 CRL-----\n{}-----END X509 CRL-----\n", lines(&base64))
    }

    fn sign_list(&self, revoked: &[&Self]) -> Result<Vec<u8>, openssl::error::ErrorStack> {
        let entries: Vec<_> =
            revoked.iter().map(|one| entry(&one.certificate)).collect::<Result<_, _>>()?;
        // An empty list is left out.
        let entries =
            if entries.is_empty() { Vec::new() } else { element(SEQUENCE, &entries.concat()) };
        let issuer = self.certificate.subject_name().to_der()?;
        let (this, next) = (element(UTC_TIME, ISSUED), element(UTC_TIME, NEXT));
        let parts = [VERSION, ALGORITHM, &issuer, &this, &next, &entries, EXTENSIONS];
        let list = element(SEQUENCE, &parts.concat());
        let signature =
            Signer::new(MessageDigest::sha256(), &self.key)?.sign_oneshot_to_vec(&list)?;
        // No bit of the last byte is unused.
        let signature = element(BIT_STRING, &[&[0], &*signature].concat());
        Ok(element(SEQUENCE, &[&*list, ALGORITHM, &signature].concat()))
    }
}

fn entry(certificate: &X509Ref) -> Result<Vec<u8>, openssl::error::ErrorStack> {
    // A leading zero keeps the number positive.
    let serial = [vec![0], certificate.serial_number().to_bn()?.to_vec()].concat();
    let start = serial.windows(2).take_while(|pair| matches!(pair, [0, next] if *next < 128));
    let serial = serial.get(start.count()..).unwrap_or_default();
    let entry = [element(INTEGER, serial), element(UTC_TIME, ISSUED)].concat();
    Ok(element(SEQUENCE, &entry))
}

/// Tag, length and content (X.690, section 8.1).
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ 0..=127) => element.push(short),
        Ok(long) => element.extend([0x81, long]),
        Err(_) => {
            let length = u16::try_from(content.len()).expect("a list of a few certificates");
            element.push(0x82);
            element.extend(length.to_be_bytes());
        }
    }
    element.extend_from_slice(content);
    element
}

fn lines(base64: &str) -> String {
    let mut lines = String::new();
    for (at, character) in base64.chars().enumerate() {
        lines.push(character);
        if at % 64 == 63 {
            lines.push('\n');
        }
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use openssl::x509::{CrlStatus, X509Crl};

    use super::*;
    use crate::pki::Leaf;

    #[test]
    fn openssl_reads_and_verifies_a_list() {
        let ca = Identity::authority("root");
        let (bad, good) = (ca.issue(&Leaf::server()), ca.issue(&Leaf::server()));
        let list = X509Crl::from_pem(ca.revocation_list(&[&bad]).as_bytes()).unwrap();
        assert!(list.verify(ca.key()).unwrap());
        assert!(matches!(list.get_by_cert(&bad.certificate), CrlStatus::Revoked(_)));
        assert!(matches!(list.get_by_cert(&good.certificate), CrlStatus::NotRevoked));
        let empty = X509Crl::from_pem(ca.revocation_list(&[]).as_bytes()).unwrap();
        assert!(empty.verify(ca.key()).unwrap());
        assert!(matches!(empty.get_by_cert(&bad.certificate), CrlStatus::NotRevoked));
    }
}
