//! Why a key cannot be used.

use thiserror::Error;

use super::algorithm::{Algorithm, MIN_RSA_BITS};

/// Why a key cannot be used. No message shows any of it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// `alg` does not fit the key.
    #[error("its \"alg\" must be one of {}, as its type has it", names(allowed))]
    Algorithm {
        /// What would fit.
        allowed: &'static [Algorithm],
    },
    /// A certificate that cannot be read.
    #[error(
        "its certificate cannot be read: \"x5c\" is an array of certificates in base64 (in an \
         option string a \"+\" is written %2B)"
    )]
    Certificate,
    /// A certificate in PEM that is missing, or cannot be read.
    #[error("it has no certificate in PEM that can be read")]
    CertificatePem,
    /// A certificate of another key.
    #[error("its certificate is of another key")]
    CertificateMismatch,
    /// It says something else of itself than the configuration does.
    #[error(
        "its \"alg\" is {}, and {} was asked for: leave one of them out, or let both say the same",
        said.name(),
        wanted.name()
    )]
    Contradiction {
        /// What the key says.
        said: Algorithm,
        /// What the configuration says.
        wanted: Algorithm,
    },
    /// A curve that is not supported.
    #[error("its curve must be P-256, P-384, P-521 or Ed25519")]
    Curve,
    /// A key under a passphrase.
    #[error("the key is encrypted: decrypt it, and let only the worker's user read it")]
    Encrypted,
    /// The parts of the key do not belong together.
    #[error("its parts do not belong together: signatures made with it do not verify")]
    Inconsistent,
    /// A value that has another form.
    #[error("its \"{member}\" has not the form that it must have")]
    Member {
        /// Which.
        member: &'static str,
    },
    /// A member that must be there is not.
    #[error("its \"{member}\" is missing")]
    Missing {
        /// Which.
        member: &'static str,
    },
    /// Neither a JWK nor PEM.
    #[error("it is neither a JWK (a JSON object) nor PEM with a private key")]
    NoKey,
    /// More than two prime factors.
    #[error("RSA keys of more than two primes (\"oth\") are not supported")]
    OtherPrimes,
    /// Only the public half.
    #[error("it is a public key: the private one is needed to sign")]
    Public,
    /// OpenSSL does not take it.
    #[error("OpenSSL does not take it")]
    Refused,
    /// A set of keys.
    #[error("it is a set of keys: give one of its \"keys\" alone")]
    Set,
    /// A key too short to be safe (RFC 7518, section 3.3).
    #[error("an RSA key must have {} bits or more", MIN_RSA_BITS)]
    Short,
    /// A secret that is shorter than the shortest hash (RFC 7518, section 3.2).
    #[error("a secret (\"kty\":\"oct\") must have 32 bytes or more")]
    ShortSecret,
    /// A secret in the place of a key pair.
    #[error("a symmetric key (\"kty\":\"oct\") is for client_secret_jwt, as its client_secret")]
    Symmetric,
    /// A type that is not supported.
    #[error("its \"kty\" must be RSA, EC or OKP")]
    Type,
    /// An algorithm of the configuration that a key of its type or size cannot be used with.
    #[error(
        "it cannot be used with {}: a key of its type and size can with {}",
        wanted.name(),
        names(able)
    )]
    Unable {
        /// What the configuration says.
        wanted: Algorithm,
        /// What would fit.
        able: &'static [Algorithm],
    },
    /// A key that its owner made for something else.
    #[error("by its \"{member}\" it is not for signing")]
    Use {
        /// What says so.
        member: &'static str,
    },
}

fn names(algorithms: &[Algorithm]) -> String {
    let names: Vec<_> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
    names.join(", ")
}

/// OpenSSL could not sign.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("OpenSSL failed to sign with {}", .0.name())]
pub struct SigningError(pub Algorithm);
