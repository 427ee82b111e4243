//! Certificates for tests: authorities, servers, clients, good and bad ones.
#![expect(
    clippy::expect_used,
    reason = "test support: OpenSSL makes these small certificates or the machine is broken"
)]

mod revocation;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, PKeyRef, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509Ref};

/// A certificate with its private key, and the certificates between it and its root.
#[derive(Clone)]
pub struct Identity {
    certificate: X509,
    key: PKey<Private>,
    chain: Vec<X509>,
}

/// What a certificate is to say.
#[derive(Clone, Debug)]
pub struct Leaf {
    common_name: String,
    names: Vec<Name>,
    purpose: Purpose,
    /// Days from now.
    valid: (i64, i64),
}

#[derive(Clone, Debug)]
enum Name {
    Dns(String),
    Ip(IpAddr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Authority,
    Client,
    Server,
}

impl Leaf {
    /// A server's certificate, good for no name yet.
    pub fn server() -> Self {
        Self::new("devsts server", Purpose::Server)
    }

    /// A client's certificate.
    pub fn client(common_name: &str) -> Self {
        Self::new(common_name, Purpose::Client)
    }

    /// Makes it good for this host name, which may begin with `*.`.
    #[must_use]
    pub fn dns(mut self, name: &str) -> Self {
        self.names.push(Name::Dns(name.to_owned()));
        self
    }

    /// Makes it good for this address.
    #[must_use]
    pub fn ip(mut self, address: impl Into<IpAddr>) -> Self {
        self.names.push(Name::Ip(address.into()));
        self
    }

    /// Replaces the subject's common name.
    #[must_use]
    pub fn common_name(self, name: &str) -> Self {
        Self { common_name: name.to_owned(), ..self }
    }

    /// Its time was over yesterday.
    #[must_use]
    pub fn expired(self) -> Self {
        Self { valid: (-30, -1), ..self }
    }

    /// Its time begins tomorrow.
    #[must_use]
    pub fn not_yet_valid(self) -> Self {
        Self { valid: (1, 30), ..self }
    }

    fn new(common_name: &str, purpose: Purpose) -> Self {
        Self { common_name: common_name.to_owned(), names: Vec::new(), purpose, valid: (-1, 30) }
    }
}

impl Identity {
    /// A root authority.
    pub fn authority(common_name: &str) -> Self {
        make(&Leaf::new(common_name, Purpose::Authority), None).expect("a root certificate")
    }

    /// An authority under this one. What it issues carries it in its chain.
    #[must_use]
    pub fn intermediate(&self, common_name: &str) -> Self {
        let made = make(&Leaf::new(common_name, Purpose::Authority), Some(self));
        made.expect("an intermediate certificate")
    }

    /// A certificate by this authority.
    #[must_use]
    pub fn issue(&self, leaf: &Leaf) -> Self {
        make(leaf, Some(self)).expect("a certificate")
    }

    /// A certificate that its own key has signed.
    pub fn self_signed(leaf: &Leaf) -> Self {
        make(leaf, None).expect("a self-signed certificate")
    }

    /// Reads PEM: the certificate, first, with its chain, and the key.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> io::Result<Self> {
        let mut chain = X509::stack_from_pem(certificates)?.into_iter();
        let certificate = chain
            .next()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "there is no certificate"))?;
        Ok(Self { certificate, key: PKey::private_key_from_pem(key)?, chain: chain.collect() })
    }

    /// The same without the certificates of its chain, as a badly configured server sends it.
    #[must_use]
    pub fn without_chain(self) -> Self {
        Self { chain: Vec::new(), ..self }
    }

    /// The certificate.
    pub fn certificate(&self) -> &X509Ref {
        &self.certificate
    }

    /// The certificates between it and its root.
    pub fn chain(&self) -> impl Iterator<Item = &X509Ref> {
        self.chain.iter().map(AsRef::as_ref)
    }

    /// The private key.
    pub fn key(&self) -> &PKeyRef<Private> {
        &self.key
    }

    /// The certificate and its chain as PEM.
    pub fn certificate_pem(&self) -> String {
        let mut pem = self.certificate.to_pem().expect("PEM of a certificate");
        for certificate in &self.chain {
            pem.extend(certificate.to_pem().expect("PEM of a certificate"));
        }
        String::from_utf8(pem).expect("PEM is ASCII")
    }

    /// The private key as PEM (PKCS #8).
    pub fn key_pem(&self) -> String {
        let pem = self.key.private_key_to_pem_pkcs8().expect("PEM of a key");
        String::from_utf8(pem).expect("PEM is ASCII")
    }

    /// Writes `<name>.crt` and `<name>.key` into the directory and says where they are.
    pub fn write(&self, directory: &Path, name: &str) -> (PathBuf, PathBuf) {
        let certificate = directory.join(format!("{name}.crt"));
        let key = directory.join(format!("{name}.key"));
        std::fs::write(&certificate, self.certificate_pem()).expect("the certificate's file");
        std::fs::write(&key, self.key_pem()).expect("the key's file");
        (certificate, key)
    }
}

/// Without the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn make(leaf: &Leaf, issuer: Option<&Identity>) -> Result<Identity, openssl::error::ErrorStack> {
    let key = PKey::from_ec_key(EcKey::generate(
        EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?.as_ref(),
    )?)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    builder.set_serial_number(serial.to_asn1_integer()?.as_ref())?;
    let mut subject = X509Name::builder()?;
    subject.append_entry_by_nid(Nid::COMMONNAME, &leaf.common_name)?;
    let subject = subject.build();
    builder.set_subject_name(&subject)?;
    builder
        .set_issuer_name(issuer.map_or(&*subject, |issuer| issuer.certificate.subject_name()))?;
    builder.set_not_before(days_from_now(leaf.valid.0)?.as_ref())?;
    builder.set_not_after(days_from_now(leaf.valid.1)?.as_ref())?;
    builder.set_pubkey(&key)?;
    extend(&mut builder, leaf, issuer)?;
    builder.sign(issuer.map_or(&*key, Identity::key), MessageDigest::sha256())?;
    let chain = match issuer {
        // A root is not sent: a peer that trusts it has it.
        Some(issuer) if !is_root(&issuer.certificate) => {
            let mut chain = vec![issuer.certificate.clone()];
            chain.extend(issuer.chain.iter().cloned());
            chain
        }
        _ => Vec::new(),
    };
    Ok(Identity { certificate: builder.build(), key, chain })
}

fn extend(
    builder: &mut X509Builder,
    leaf: &Leaf,
    issuer: Option<&Identity>,
) -> Result<(), openssl::error::ErrorStack> {
    let mut usage = KeyUsage::new();
    usage.critical();
    let mut constraints = BasicConstraints::new();
    constraints.critical();
    if leaf.purpose == Purpose::Authority {
        constraints.ca();
        usage.key_cert_sign().crl_sign();
    } else {
        usage.digital_signature();
        let mut extended = ExtendedKeyUsage::new();
        if leaf.purpose == Purpose::Client {
            extended.client_auth();
        } else {
            extended.server_auth();
        }
        builder.append_extension(extended.build()?)?;
    }
    builder.append_extension(constraints.build()?)?;
    builder.append_extension(usage.build()?)?;
    let issuer_certificate = issuer.map(Identity::certificate);
    let context = builder.x509v3_context(issuer_certificate, None);
    let own = SubjectKeyIdentifier::new().build(&context)?;
    let names = (!leaf.names.is_empty()).then(|| alternative_names(&leaf.names));
    let names = names.map(|names| names.build(&context)).transpose()?;
    let authority =
        issuer.map(|_| AuthorityKeyIdentifier::new().keyid(true).build(&context)).transpose()?;
    builder.append_extension(own)?;
    for extension in names.into_iter().chain(authority) {
        builder.append_extension(extension)?;
    }
    Ok(())
}

fn alternative_names(names: &[Name]) -> SubjectAlternativeName {
    let mut alternative = SubjectAlternativeName::new();
    for name in names {
        match name {
            Name::Dns(name) => alternative.dns(name),
            Name::Ip(address) => alternative.ip(&address.to_string()),
        };
    }
    alternative
}

fn is_root(certificate: &X509Ref) -> bool {
    matches!(
        certificate.subject_name().try_cmp(certificate.issuer_name()),
        Ok(std::cmp::Ordering::Equal)
    )
}

fn days_from_now(days: i64) -> Result<Asn1Time, openssl::error::ErrorStack> {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs().cast_signed());
    Asn1Time::from_unix(now + days * 86400)
}
