//! The signature algorithms (RFC 7518, section 3.1; RFC 8037, section 3.1).

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::md::Md;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sha::{sha256, sha384, sha512};
use openssl::sign::RsaPssSaltlen;

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// ECDSA with P-384 and SHA-384.
    Es384,
    /// ECDSA with P-521 and SHA-512.
    Es512,
    /// Ed25519, by the name that RFC 8037 has for all curves of its kind.
    EdDsa,
    /// Ed25519, by its own name (RFC 9864, section 2.2).
    Ed25519,
}

impl Algorithm {
    /// Each of them.
    pub const ALL: [Self; 14] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Ed25519,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
    ];

    /// Whether the same secret signs and verifies.
    pub(super) const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    /// The value of `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// What it hashes with before it signs; `None` where that is a part of the signature.
    pub(super) fn digest(self) -> Option<MessageDigest> {
        match self {
            Self::Hs256 | Self::Rs256 | Self::Ps256 | Self::Es256 => Some(MessageDigest::sha256()),
            Self::Hs384 | Self::Rs384 | Self::Ps384 | Self::Es384 => Some(MessageDigest::sha384()),
            Self::Hs512 | Self::Rs512 | Self::Ps512 | Self::Es512 => Some(MessageDigest::sha512()),
            Self::EdDsa | Self::Ed25519 => None,
        }
    }

    /// The hash of what is signed, where it is the hash that is signed.
    pub(super) fn hash(self, input: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => Some(sha256(input).to_vec()),
            Self::Rs384 | Self::Ps384 | Self::Es384 => Some(sha384(input).to_vec()),
            Self::Rs512 | Self::Ps512 | Self::Es512 => Some(sha512(input).to_vec()),
            Self::Hs256 | Self::Hs384 | Self::Hs512 | Self::EdDsa | Self::Ed25519 => None,
        }
    }

    /// What signs such hashes again and again.
    pub(super) fn context(
        self,
        key: &PKey<Private>,
    ) -> Result<Option<PkeyCtx<Private>>, ErrorStack> {
        let digest = match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => Md::sha256(),
            Self::Rs384 | Self::Ps384 | Self::Es384 => Md::sha384(),
            Self::Rs512 | Self::Ps512 | Self::Es512 => Md::sha512(),
            Self::Hs256 | Self::Hs384 | Self::Hs512 | Self::EdDsa | Self::Ed25519 => {
                return Ok(None);
            }
        };
        let mut context = PkeyCtx::new(key)?;
        context.sign_init()?;
        if self.is_pss() {
            context.set_rsa_padding(Padding::PKCS1_PSS)?;
        }
        context.set_signature_md(digest)?;
        if self.is_pss() {
            context.set_rsa_mgf1_md(digest)?;
            context.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        }
        Ok(Some(context))
    }

    /// Whether RSA is used with the padding PSS.
    pub(super) const fn is_pss(self) -> bool {
        matches!(self, Self::Ps256 | Self::Ps384 | Self::Ps512)
    }

    /// How many bytes each integer of an ECDSA signature has (RFC 7518, section 3.4).
    pub(super) const fn coordinate_len(self) -> Option<usize> {
        match self {
            Self::Es256 => Some(32),
            Self::Es384 => Some(48),
            Self::Es512 => Some(66),
            _ => None,
        }
    }
}

/// What a secret of so many bytes can do: a key has to be as long as the hash (RFC 7518, section 3.2).
pub(super) const fn of_secret(length: usize) -> &'static [Algorithm] {
    match length {
        64.. => &[Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512],
        48.. => &[Algorithm::Hs256, Algorithm::Hs384],
        32.. => &[Algorithm::Hs256],
        _ => &[],
    }
}

/// What an RSA key for PSS alone can do.
pub(super) const OF_RSA_PSS: &[Algorithm] = &[Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512];

/// What an RSA key can do; the first unless something says another.
pub(super) const OF_RSA: &[Algorithm] = &[
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

/// What a key of the curve Ed25519 can do.
pub(super) const OF_ED25519: &[Algorithm] = &[Algorithm::EdDsa, Algorithm::Ed25519];

/// A curve of RFC 7518, section 6.2.1.1.
#[derive(Clone, Copy)]
pub(super) struct Curve {
    pub(super) name: &'static str,
    pub(super) nid: Nid,
    /// The one thing that its keys can do.
    pub(super) algorithms: &'static [Algorithm],
}

pub(super) const CURVES: [Curve; 3] = [
    Curve { name: "P-256", nid: Nid::X9_62_PRIME256V1, algorithms: &[Algorithm::Es256] },
    Curve { name: "P-384", nid: Nid::SECP384R1, algorithms: &[Algorithm::Es384] },
    Curve { name: "P-521", nid: Nid::SECP521R1, algorithms: &[Algorithm::Es512] },
];

/// RFC 7518, sections 3.3 and 3.5: a shorter RSA key must not be used.
pub(super) const MIN_RSA_BITS: u32 = 2048;
