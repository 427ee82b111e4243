//! Keys that the gateway signs with, and the signatures (JOSE: RFC 7515, 7517 and 7518, 8037).

mod algorithm;
mod error;
mod jwk;
mod pem;
mod public;

use std::cell::RefCell;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::pkey::{Id, PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer, Verifier};
use serde_json::{Map, Value};

pub use algorithm::Algorithm;
pub use error::{KeyError, SigningError};
pub(crate) use pem::private_key;
pub use public::{PublicKey, set};

use crate::secret::Secret;

/// A key with the algorithm that it is used with.
pub struct SigningKey {
    key: PKey<Private>,
    /// Signs a digest; made once, since that takes a quarter of the time of a signature. None for what
    /// signs no digest.
    context: Option<RefCell<PkeyCtx<Private>>>,
    algorithm: Algorithm,
    labels: Labels,
    /// The header of a [`JWT`], encoded.
    header: String,
}

/// What else a header says of a key (RFC 7515, section 4.1).
#[derive(Default)]
struct Labels {
    /// `kid`
    id: Option<String>,
    /// `x5t#S256`, encoded.
    thumbprint: Option<String>,
}

/// A key as it was read.
struct Imported {
    key: PKey<Private>,
    /// What it can be used with; the first where nothing else is said.
    able: &'static [Algorithm],
    /// What it says itself that it is used with.
    said: Option<Algorithm>,
    labels: Labels,
}

/// Whether a secret is taken in the place of a key pair.
#[derive(Clone, Copy)]
enum Secrets {
    Refused,
    Taken,
}

impl SigningKey {
    /// Reads a private key: a JWK (RFC 7517), or PEM with the key and perhaps its certificate.
    ///
    /// # Errors
    /// It is no such key, or not one to sign with. The error never shows any of it.
    pub fn import(text: &Secret) -> Result<Self, KeyError> {
        Self::import_for(text, None, Secrets::Refused)
    }

    /// Reads a key that tokens are minted with: a private one, or a secret in a JWK. `wanted` is what the
    /// configuration says that it is used with. A key pair without a `kid` is called by its thumbprint
    /// (RFC 7638).
    ///
    /// # Errors
    /// As [`Self::import`], or the key cannot be used with what is wanted, or says something else.
    pub fn import_for_minting(text: &Secret, wanted: Option<Algorithm>) -> Result<Self, KeyError> {
        let key = Self::import_for(text, wanted, Secrets::Taken)?;
        let Self { key, context, algorithm, mut labels, header: _ } = key;
        if labels.id.is_none() {
            labels.id = public::thumbprint(&key, algorithm);
        }
        let header = labels.header(algorithm, JWT);
        Ok(Self { key, context, algorithm, labels, header })
    }

    /// What those need that verify its signatures; `None` where that is the secret itself.
    pub fn public(&self) -> Option<PublicKey> {
        PublicKey::of(&self.key, self.algorithm, self.labels.id.as_deref())
    }

    fn import_for(
        text: &Secret,
        wanted: Option<Algorithm>,
        secrets: Secrets,
    ) -> Result<Self, KeyError> {
        let imported = if text.expose().trim_ascii_start().starts_with(b"{") {
            jwk::import(text.expose(), secrets)
        } else {
            pem::import(text.expose())
        };
        // NGINX complains of errors that it finds left behind.
        drop(ErrorStack::get());
        let Imported { key, able, said, labels } = imported?;
        let algorithm = choose(able, said, wanted)?;
        let key = Self::new(key, algorithm, labels);
        if !algorithm.is_symmetric() {
            key.prove_itself()?;
        }
        Ok(key)
    }

    /// A secret that both sides know, for HS256 (RFC 7518, section 3.2).
    ///
    /// # Errors
    /// OpenSSL does not take it.
    pub fn symmetric(secret: &Secret) -> Result<Self, KeyError> {
        let key = PKey::hmac(secret.expose()).map_err(|_| KeyError::Refused)?;
        Ok(Self::new(key, Algorithm::Hs256, Labels::default()))
    }

    /// What the key is used with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The length of the key in bits, where that makes a signature take longer than a millisecond:
    /// RSA of more than 2048 bits.
    pub fn slow_bits(&self) -> Option<u32> {
        let bits = self.key.bits();
        let is_rsa = matches!(self.key.id(), Id::RSA | Id::RSA_PSS);
        (is_rsa && bits > QUICK_RSA_BITS).then_some(bits)
    }

    /// Whether some signatures together hold a worker up: each takes some tenths of a millisecond or more, as
    /// with RSA, P-384 and P-521. Those of P-256, Ed25519 and of a secret take a tenth of that.
    pub fn is_slow(&self) -> bool {
        match self.algorithm {
            Algorithm::Hs256
            | Algorithm::Hs384
            | Algorithm::Hs512
            | Algorithm::Es256
            | Algorithm::EdDsa
            | Algorithm::Ed25519 => false,
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512
            | Algorithm::Es384
            | Algorithm::Es512 => true,
        }
    }

    /// Signs a payload, and writes it all in the compact serialization (RFC 7515, section 7.1). Its
    /// header has this `typ`.
    ///
    /// # Errors
    /// OpenSSL failed.
    pub fn sign_compact(&self, kind: &str, payload: &[u8]) -> Result<Secret, SigningError> {
        let mut input = match kind {
            JWT => self.header.clone(),
            kind => self.labels.header(self.algorithm, kind),
        };
        input.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut input);
        let signature = self.sign(input.as_bytes())?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        let mut compact = Secret::with_capacity(input.len() + 1 + signature.len());
        compact.append(input.as_bytes());
        compact.append(b".");
        compact.append(signature.as_bytes());
        Ok(compact)
    }

    /// The signature of some bytes, in the form that JOSE has for it.
    ///
    /// # Errors
    /// OpenSSL failed.
    pub fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SigningError> {
        let signature = self.signature(input).map_err(|_| SigningError(self.algorithm))?;
        match self.algorithm.coordinate_len() {
            Some(length) => {
                raw_of_der(&signature, length).map_err(|_| SigningError(self.algorithm))
            }
            None => Ok(signature),
        }
    }

    fn new(key: PKey<Private>, algorithm: Algorithm, labels: Labels) -> Self {
        let header = labels.header(algorithm, JWT);
        // Without one it signs as well, and takes longer.
        let context = algorithm.context(&key).ok().flatten().map(RefCell::new);
        drop(ErrorStack::get());
        Self { key, context, algorithm, labels, header }
    }

    /// The signature in OpenSSL's form.
    fn signature(&self, input: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let Some(digest) = self.algorithm.digest() else {
            return Signer::new_without_digest(&self.key)?.sign_oneshot_to_vec(input);
        };
        if let Some(context) = &self.context
            && let Some(hash) = self.algorithm.hash(input)
        {
            let mut signature = Vec::new();
            context.borrow_mut().sign_to_vec(hash.as_slice(), &mut signature)?;
            return Ok(signature);
        }
        let mut signer = Signer::new(digest, &self.key)?;
        if self.algorithm.is_pss() {
            signer.set_rsa_padding(Padding::PKCS1_PSS)?;
            signer.set_rsa_mgf1_md(digest)?;
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        }
        signer.update(input)?;
        signer.sign_to_vec()
    }

    /// A key whose parts do not belong together signs, but its signatures do not verify.
    fn prove_itself(&self) -> Result<(), KeyError> {
        const INPUT: &[u8] = b"probe";
        let proved = self.signature(INPUT).and_then(|signature| self.verify(INPUT, &signature));
        drop(ErrorStack::get());
        if proved.unwrap_or(false) { Ok(()) } else { Err(KeyError::Inconsistent) }
    }

    fn verify(&self, input: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
        let Some(digest) = self.algorithm.digest() else {
            return Verifier::new_without_digest(&self.key)?.verify_oneshot(signature, input);
        };
        let mut verifier = Verifier::new(digest, &self.key)?;
        if self.algorithm.is_pss() {
            verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
            verifier.set_rsa_mgf1_md(digest)?;
            verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        }
        verifier.update(input)?;
        verifier.verify(signature)
    }
}

impl Labels {
    /// The header of something signed, encoded.
    fn header(&self, algorithm: Algorithm, kind: &str) -> String {
        let mut header = Map::new();
        let mut insert = |name: &str, value: &str| header.insert(name.to_owned(), value.into());
        insert("alg", algorithm.name());
        insert("typ", kind);
        if let Some(id) = &self.id {
            insert("kid", id);
        }
        if let Some(thumbprint) = &self.thumbprint {
            insert("x5t#S256", thumbprint);
        }
        URL_SAFE_NO_PAD.encode(Value::Object(header).to_string())
    }
}

/// The algorithm that a key is used with.
fn choose(
    able: &'static [Algorithm],
    said: Option<Algorithm>,
    wanted: Option<Algorithm>,
) -> Result<Algorithm, KeyError> {
    match (said, wanted) {
        (Some(said), Some(wanted)) if said != wanted => {
            Err(KeyError::Contradiction { said, wanted })
        }
        (_, Some(wanted)) if !able.contains(&wanted) => Err(KeyError::Unable { wanted, able }),
        (said, wanted) => {
            let first = able.first().copied();
            said.or(wanted).or(first).ok_or(KeyError::Algorithm { allowed: able })
        }
    }
}

/// The `typ` of any JWT (RFC 7519, section 5.1).
pub const JWT: &str = "JWT";

/// The longest RSA key that signs within a millisecond on a machine of today.
const QUICK_RSA_BITS: u32 = 2048;

/// RFC 7518, section 3.4: both integers, each as long as the order of the curve.
fn raw_of_der(der: &[u8], length: usize) -> Result<Vec<u8>, ErrorStack> {
    let length = i32::try_from(length).unwrap_or(i32::MAX);
    let signature = EcdsaSig::from_der(der)?;
    let mut raw = signature.r().to_vec_padded(length)?;
    raw.extend(signature.s().to_vec_padded(length)?);
    Ok(raw)
}

/// The digest that certificates are named by in `x5t#S256` (RFC 7515, section 4.1.8).
fn thumbprint(der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(openssl::sha::sha256(der))
}

#[cfg(test)]
mod tests;
