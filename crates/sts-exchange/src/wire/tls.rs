//! TLS towards an STS, with the settings that the module has for it.

use std::net::IpAddr;

use openssl::error::ErrorStack;
use openssl::ssl::{
    HandshakeError, Ssl, SslContext, SslFiletype, SslMethod, SslOptions, SslStream, SslVerifyMode,
};
use openssl::x509::X509VerifyResult;
use openssl::x509::store::X509Lookup;
use openssl::x509::verify::X509VerifyFlags;
use sts_core::client_auth::KeyPair;
use sts_core::endpoint::Host;

use super::WireError;
use super::socket::Socket;
use crate::exchange::Contact;

/// What NGINX offers to upstreams by default.
const CIPHERS: &str = "DEFAULT";

/// The versions, and what switches them off.
const VERSIONS: [(&str, SslOptions); 4] = [
    ("TLSv1", SslOptions::NO_TLSV1),
    ("TLSv1.1", SslOptions::NO_TLSV1_1),
    ("TLSv1.2", SslOptions::NO_TLSV1_2),
    ("TLSv1.3", SslOptions::NO_TLSV1_3),
];

/// Shakes hands with a host.
///
/// # Errors
/// It is not trusted, it speaks no such TLS, or a file cannot be used.
pub(super) fn handshake(
    contact: &Contact,
    host: &Host,
    key_pair: Option<&KeyPair>,
    socket: Socket,
) -> Result<SslStream<Socket>, WireError> {
    let context = context(contact, key_pair)?;
    let ssl = ssl(&context, host).map_err(|error| WireError::Tls(error.to_string()))?;
    ssl.connect(socket).map_err(|error| {
        let verified = match &error {
            HandshakeError::Failure(stream) | HandshakeError::WouldBlock(stream) => {
                Some(stream.ssl().verify_result())
            }
            HandshakeError::SetupFailure(_) => None,
        };
        match verified.filter(|result| *result != X509VerifyResult::OK) {
            Some(result) => WireError::Tls(format!(
                "certificate verify error {}: {}",
                result.as_raw(),
                result.error_string()
            )),
            None => WireError::Tls(error.to_string()),
        }
    })
}

fn context(contact: &Contact, key_pair: Option<&KeyPair>) -> Result<SslContext, WireError> {
    let refused = |error: ErrorStack| WireError::Tls(error.to_string());
    let mut builder = SslContext::builder(SslMethod::tls_client()).map_err(refused)?;
    for (name, off) in VERSIONS {
        if contact.protocols.iter().all(|version| version != name) {
            builder.set_options(off);
        }
    }
    let ciphers = contact.ciphers.as_deref().unwrap_or(CIPHERS);
    builder
        .set_cipher_list(ciphers)
        .map_err(|_| WireError::File("\"STSSSLCiphers\" is not valid".to_owned()))?;
    let unusable = |name: &str, file: &std::path::Path| {
        WireError::File(format!("\"{name}\": \"{}\" cannot be loaded", file.display()))
    };
    match &contact.trusted {
        Some(file) => {
            builder.set_ca_file(file).map_err(|_| unusable("STSSSLTrustedCertificate", file))?
        }
        None => builder.set_default_verify_paths().map_err(refused)?,
    }
    if let Some(file) = &contact.revoked {
        let store = builder.cert_store_mut();
        let lookup = store.add_lookup(X509Lookup::file()).map_err(refused)?;
        lookup.load_crl_file(file, SslFiletype::PEM).map_err(|_| unusable("STSSSLCRL", file))?;
        let flags = X509VerifyFlags::CRL_CHECK | X509VerifyFlags::CRL_CHECK_ALL;
        store.set_flags(flags).map_err(refused)?;
    }
    let mode = if contact.verify { SslVerifyMode::PEER } else { SslVerifyMode::NONE };
    builder.set_verify(mode);
    if let Some(pair) = key_pair {
        let used = builder.set_certificate(&pair.certificate).and_then(|()| {
            pair.chain.iter().try_for_each(|one| builder.add_extra_chain_cert(one.to_owned()))?;
            builder.set_private_key(&pair.key)
        });
        used.map_err(|_| WireError::Tls("the client certificate cannot be used".to_owned()))?;
    }
    Ok(builder.build())
}

fn ssl(context: &SslContext, host: &Host) -> Result<Ssl, ErrorStack> {
    let mut ssl = Ssl::new(context)?;
    match host {
        Host::Name(name) => {
            ssl.set_hostname(name)?;
            ssl.param_mut().set_host(name)?;
        }
        // RFC 6066, section 3: no addresses in server_name.
        Host::Ip(ip @ (IpAddr::V4(_) | IpAddr::V6(_))) => ssl.param_mut().set_ip(*ip)?,
        Host::Unix(_) => ssl.param_mut().set_host("localhost")?,
    }
    Ok(ssl)
}
