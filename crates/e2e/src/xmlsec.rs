//! Signatures of XML, by the judgement of xmlsec1.

use std::fs;
use std::process::Command;

use devsts::pki::Identity;
use tempfile::TempDir;

/// Checks signatures with the key of one signer, by xmlsec1.
pub struct Verifier {
    directory: TempDir,
}

impl Verifier {
    /// Trusts the key of this certificate.
    ///
    /// # Panics
    /// When there is no directory for it.
    pub fn new(signer: &Identity) -> Self {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        signer.write(directory.path(), "signer");
        Self { directory }
    }

    /// Trusts the key of a certificate that is DER in base64, as `x5c` of a JWK has it.
    ///
    /// # Panics
    /// When there is no directory for it.
    pub fn of_certificate(der: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let pem = format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
        fs::write(directory.path().join("signer.crt"), pem).expect("a file");
        Self { directory }
    }

    /// Whether the signature of an assertion is good: of one that stands alone, or in an envelope.
    ///
    /// # Panics
    /// When there is no xmlsec1.
    pub fn verifies(&self, document: &str) -> bool {
        let file = self.directory.path().join("document.xml");
        fs::write(&file, document).expect("a file");
        let done = Command::new("xmlsec1")
            .args(["--verify", "--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"])
            .args(["--id-attr:AssertionID", "urn:oasis:names:tc:SAML:1.0:assertion:Assertion"])
            .arg("--pubkey-cert-pem")
            .arg(self.directory.path().join("signer.crt"))
            .arg(&file)
            .output();
        done.expect("xmlsec1 (Debian: apt-get install xmlsec1)").status.success()
    }
}
