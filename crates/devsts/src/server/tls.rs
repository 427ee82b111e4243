//! How a server speaks TLS.

use std::io;
use std::path::Path;

use openssl::error::ErrorStack;
use openssl::ssl::{NameType, SslAcceptor, SslMethod, SslRef, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;

use super::call::TlsInfo;
use crate::pki::Identity;

/// The certificate that a server shows, and what it demands of clients.
#[derive(Clone, Debug)]
pub struct Tls {
    identity: Identity,
    client_ca: Option<(X509, bool)>,
    versions: Option<(SslVersion, SslVersion)>,
    cipher_list: Option<String>,
}

impl Tls {
    /// Shows this certificate.
    pub fn new(identity: Identity) -> Self {
        Self { identity, client_ca: None, versions: None, cipher_list: None }
    }

    /// Shows the certificate (with its chain) and uses the key of these PEM files.
    pub fn from_files(certificate: &Path, key: &Path) -> io::Result<Self> {
        Ok(Self::new(Identity::from_pem(&std::fs::read(certificate)?, &std::fs::read(key)?)?))
    }

    /// Demands a client certificate of this CA.
    #[must_use]
    pub fn require_client(self, ca: &Identity) -> Self {
        Self { client_ca: Some((ca.certificate().to_owned(), true)), ..self }
    }

    /// Demands a client certificate of the CA whose certificate this is, in PEM.
    pub fn require_client_of(self, ca: &[u8]) -> io::Result<Self> {
        Ok(Self { client_ca: Some((X509::from_pem(ca)?, true)), ..self })
    }

    /// Asks for a client certificate of this CA, and goes on without.
    #[must_use]
    pub fn ask_client(self, ca: &Identity) -> Self {
        Self { client_ca: Some((ca.certificate().to_owned(), false)), ..self }
    }

    /// Speaks only these protocols.
    #[must_use]
    pub fn versions(self, oldest: SslVersion, newest: SslVersion) -> Self {
        Self { versions: Some((oldest, newest)), ..self }
    }

    /// Accepts only these ciphers (up to TLS 1.2), in OpenSSL's notation.
    #[must_use]
    pub fn cipher_list(self, list: &str) -> Self {
        Self { cipher_list: Some(list.to_owned()), ..self }
    }

    pub(crate) fn acceptor(&self) -> Result<SslAcceptor, ErrorStack> {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
        builder.set_private_key(self.identity.key())?;
        builder.set_certificate(self.identity.certificate())?;
        for certificate in self.identity.chain() {
            builder.add_extra_chain_cert(certificate.to_owned())?;
        }
        builder.check_private_key()?;
        if let Some((oldest, newest)) = self.versions {
            builder.set_min_proto_version(Some(oldest))?;
            builder.set_max_proto_version(Some(newest))?;
        }
        if let Some(list) = &self.cipher_list {
            builder.set_cipher_list(list)?;
        }
        // Without it, sessions with client certificates are not resumed.
        builder.set_session_id_context(b"devsts")?;
        match &self.client_ca {
            Some((ca, required)) => {
                let mut store = X509StoreBuilder::new()?;
                store.add_cert(ca.clone())?;
                builder.set_verify_cert_store(store.build())?;
                builder.add_client_ca(ca)?;
                let fail = if *required {
                    SslVerifyMode::FAIL_IF_NO_PEER_CERT
                } else {
                    SslVerifyMode::empty()
                };
                builder.set_verify(SslVerifyMode::PEER | fail);
            }
            None => builder.set_verify(SslVerifyMode::NONE),
        }
        Ok(builder.build())
    }
}

pub(crate) fn info(ssl: &SslRef) -> TlsInfo {
    TlsInfo {
        version: ssl.version_str().to_owned(),
        sni: ssl.servername(NameType::HOST_NAME).map(ToOwned::to_owned),
        client_subject: ssl.peer_certificate().and_then(|certificate| common_name(&certificate)),
        resumed: ssl.session_reused(),
    }
}

fn common_name(certificate: &X509) -> Option<String> {
    let entry = certificate.subject_name().entries_by_nid(openssl::nid::Nid::COMMONNAME).next()?;
    Some(entry.data().to_string().ok()?.to_string())
}
