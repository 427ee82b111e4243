//! The clients that an STS knows.

use std::io;
use std::str::FromStr;

use openssl::pkey::{PKey, Public};
use openssl::x509::X509;

/// A client and how it may authenticate.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) key: Option<Key>,
    /// The common name of the subject of its certificate.
    pub(crate) certificate: Option<String>,
    pub(crate) workload: Option<Workload>,
    pub(crate) methods: Vec<Method>,
    /// The client whose agent it is.
    pub(crate) blueprint: Option<String>,
}

/// The key by which a client's assertions are verified.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) public: PKey<Public>,
    /// The `kid` that an assertion must name.
    pub(crate) id: Option<String>,
    /// The `x5t#S256` that an assertion must name.
    pub(crate) thumbprint: Option<String>,
}

/// By what the tokens of a platform are known as a client's.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    /// The issuer of the platform; `None` where the subject is a SPIFFE ID, which has its trust domain.
    pub(crate) issuer: Option<String>,
    pub(crate) subject: String,
}

/// How a client authenticates at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// HTTP Basic authentication (RFC 7617): id and secret as they are.
    Basic,
    /// RFC 6749 section 2.3.1: id and secret form-encoded, then as HTTP Basic authentication.
    ClientSecretBasic,
    /// RFC 6749 section 2.3.1: `client_id` and `client_secret` in the body.
    ClientSecretPost,
    /// RFC 7523 section 2.2, with a MAC of the secret.
    ClientSecretJwt,
    /// Not at all: a public client, which only says its `client_id` in the body.
    None,
    /// RFC 7523 section 2.2, with a signature.
    PrivateKeyJwt,
    /// RFC 8705 section 2: a certificate of TLS, and `client_id` in the body.
    TlsClientAuth,
    /// RFC 7523 section 2.2, with a token that the client's platform has signed, or with a JWT-SVID.
    Workload,
}

impl Client {
    /// A client with a secret, which it may use in each way.
    pub fn new(id: &str, secret: &str) -> Self {
        let methods = [
            Method::ClientSecretBasic,
            Method::ClientSecretPost,
            Method::ClientSecretJwt,
            Method::Basic,
        ];
        Self { secret: secret.to_owned(), ..Self::with_methods(id, methods) }
    }

    /// A client without a secret.
    pub fn public(id: &str) -> Self {
        Self::with_methods(id, [Method::None])
    }

    /// A client that signs with the private half of this key: PEM with a public key, or with a
    /// certificate, which its assertions must name then.
    pub fn with_key(id: &str, pem: &str) -> io::Result<Self> {
        let certificate = X509::from_pem(pem.as_bytes());
        let (public, thumbprint) = match certificate {
            Ok(certificate) => {
                let digest = openssl::sha::sha256(&certificate.to_der()?);
                (certificate.public_key()?, Some(super::assertion::encode(&digest)))
            }
            Err(_) => (PKey::public_key_from_pem(pem.as_bytes())?, None),
        };
        let key = Some(Key { public, id: None, thumbprint });
        Ok(Self { key, ..Self::with_methods(id, [Method::PrivateKeyJwt]) })
    }

    /// A client that shows a certificate whose subject has this common name. Which authority must
    /// have issued it, is up to [`Tls`](crate::Tls).
    pub fn with_certificate(id: &str, common_name: &str) -> Self {
        let certificate = Some(common_name.to_owned());
        Self { certificate, ..Self::with_methods(id, [Method::TlsClientAuth]) }
    }

    /// An agent of a client (Microsoft Entra ID): its only credential is a token that this STS has issued
    /// to that client for it.
    pub fn agent_of(blueprint: &str, id: &str) -> Self {
        Self { blueprint: Some(blueprint.to_owned()), ..Self::with_methods(id, []) }
    }

    /// A client that shows the tokens which a platform, as Kubernetes is one, has signed for this subject
    /// by the private half of this key: PEM with a public key.
    pub fn workload(id: &str, issuer: &str, subject: &str, pem: &str) -> io::Result<Self> {
        Self::on_platform(id, Some(issuer), subject, pem)
    }

    /// A client that shows JWT-SVIDs of this SPIFFE ID.
    pub fn spiffe(id: &str, pem: &str) -> io::Result<Self> {
        Self::on_platform(id, None, id, pem)
    }

    fn on_platform(id: &str, issuer: Option<&str>, subject: &str, pem: &str) -> io::Result<Self> {
        let workload =
            Workload { issuer: issuer.map(ToOwned::to_owned), subject: subject.to_owned() };
        Ok(Self {
            workload: Some(workload),
            ..Self::with_key(id, pem)?.methods([Method::Workload])
        })
    }

    /// Its assertions must name the key by this `kid`.
    #[must_use]
    pub fn key_id(self, id: &str) -> Self {
        let key = self.key.map(|key| Key { id: Some(id.to_owned()), ..key });
        Self { key, ..self }
    }

    /// Allows these ways only.
    #[must_use]
    pub fn methods(self, methods: impl IntoIterator<Item = Method>) -> Self {
        Self { methods: methods.into_iter().collect(), ..self }
    }

    /// Whether it has no means to authenticate.
    pub(crate) fn is_public(&self) -> bool {
        self.methods == [Method::None]
    }

    pub(crate) fn is_agent_of(&self, blueprint: &str) -> bool {
        self.blueprint.as_deref() == Some(blueprint)
    }

    pub(crate) fn allows(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }

    fn with_methods(id: &str, methods: impl IntoIterator<Item = Method>) -> Self {
        Self {
            id: id.to_owned(),
            secret: String::new(),
            key: None,
            certificate: None,
            workload: None,
            methods: methods.into_iter().collect(),
            blueprint: None,
        }
    }
}

/// `id:secret`, or `id` alone for a public client.
impl FromStr for Client {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text.is_empty() => Err("a client needs an id".to_owned()),
            Some(("", _)) => Err("a client needs an id".to_owned()),
            Some((id, secret)) => Ok(Self::new(id, secret)),
            None => Ok(Self::public(text)),
        }
    }
}
