//! A client that has a certificate.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use devsts::pki::{Identity, Leaf};
use e2e::nginx::Builder;
use openssl::hash::MessageDigest;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};

/// A client with a certificate.
pub(super) struct Holder {
    ca: Identity,
    own: Identity,
}

impl Holder {
    pub(super) fn new() -> Self {
        let ca = Identity::authority("the clients' CA");
        let own = ca.issue(&Leaf::client("alice@example.com"));
        Self { ca, own }
    }

    /// What an NGINX needs for it.
    pub(super) fn files(&self, builder: Builder) -> Builder {
        let server = Identity::self_signed(&Leaf::server().dns("localhost"));
        builder
            .file("clients-ca.pem", self.ca.certificate_pem())
            .file("secrets/gateway.pem", server.certificate_pem())
            .file("secrets/gateway.key", server.key_pem())
    }

    /// What NGINX says of its certificate.
    pub(super) fn values(&self) -> Vec<(&'static str, String)> {
        let digest = self.own.certificate().digest(MessageDigest::sha1()).expect("a digest");
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        vec![("ssl_client_s_dn", "CN=alice@example.com".into()), ("ssl_client_fingerprint", digest)]
    }

    pub(super) fn get(&self, address: SocketAddr, target: &str) {
        let mut connector = SslConnector::builder(SslMethod::tls_client()).expect("a connector");
        // Whose the server's certificate is does not matter here.
        connector.set_verify(SslVerifyMode::NONE);
        connector.set_certificate(self.own.certificate()).expect("a certificate");
        connector.set_private_key(self.own.key()).expect("a key");
        let configured = connector.build().configure().expect("a connection");
        let stream = TcpStream::connect(address).expect("NGINX listens");
        let mut stream = configured.connect("localhost", stream).expect("a handshake");
        let request = format!("GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the request goes out");
        let mut answer = String::new();
        // NGINX may close without a word of TLS.
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 200"), "{target}: {answer}");
    }
}
