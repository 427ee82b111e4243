//! What is issued: tokens that show for which source and in which call, so that a test can prove to
//! which request a token belongs.

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::BigNumRef;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sha::sha256;
use serde_json::{Map, Value, json};

use super::client::Key;
use super::steer::Steered;
use super::token_endpoint::Typed;

/// The `iss` of all JWTs.
pub(super) const ISSUER: &str = "devsts";

/// The kinds of target tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tokens {
    /// `target.<digest>.<call>`: the first 32 hex digits of the source's SHA-256, and the number
    /// of the call. See [`target_for`].
    #[default]
    Digest,
    /// A JWT (ES256) with `sub` = the digest, `jti` = the call, `iss`, `iat` and, with a lifetime,
    /// `exp`.
    Jwt,
    /// `target-for-<source>`.
    Source,
}

/// A token that was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The number of the call.
    pub call: u64,
    /// The source token.
    pub source: String,
    /// The token that was issued for it.
    pub target: String,
}

/// The token of kind [`Tokens::Digest`] for this source and call.
pub fn target_for(source: &str, call: u64) -> String {
    format!("target.{}.{call}", digest(source))
}

/// Whether the token, of kind [`Tokens::Digest`], was issued for this source, in whichever call.
pub fn is_for(target: &str, source: &str) -> bool {
    target.split('.').nth(1) == Some(digest(source).as_str())
}

/// `digest`, `jwt` or `source`.
impl FromStr for Tokens {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "digest" => Ok(Self::Digest),
            "jwt" => Ok(Self::Jwt),
            "source" => Ok(Self::Source),
            _ => Err(format!("\"{text}\" is none of digest, jwt, source")),
        }
    }
}

pub(super) struct Issuer {
    tokens: Tokens,
    expires_in: Option<u64>,
    key: EcKey<Private>,
    public: Key,
    remember: usize,
    issued: Arc<Mutex<Vec<Issued>>>,
}

impl Issuer {
    pub(super) fn new(
        tokens: Tokens,
        expires_in: Option<u64>,
        remember: usize,
        issued: Arc<Mutex<Vec<Issued>>>,
    ) -> Result<Self, ErrorStack> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = EcKey::generate(&group)?;
        let public =
            PKey::public_key_from_der(&PKey::from_ec_key(key.clone())?.public_key_to_der()?)?;
        let public = Key { public, id: None, thumbprint: None };
        Ok(Self { tokens, expires_in, key, public, remember, issued })
    }

    /// By which its JWTs are verified.
    pub(super) fn key(&self) -> &Key {
        &self.public
    }

    /// The token and the lifetime that is told, in seconds.
    pub(super) fn issue(
        &self,
        call: u64,
        source: &str,
        typed: Option<&Typed>,
        steered: &Steered,
    ) -> (String, Option<u64>) {
        let expires_in = steered.life.unwrap_or(self.expires_in);
        let tokens = if steered.jwt { Tokens::Jwt } else { self.tokens };
        let mut target = match (typed, tokens) {
            (Some(Typed { kind, claims, .. }), _) => self.signed(kind, claims, call, expires_in),
            (None, Tokens::Digest) => Ok(target_for(source, call)),
            (None, Tokens::Jwt) => {
                let mut claims = Map::new();
                claims.insert("iss".to_owned(), ISSUER.into());
                claims.insert("sub".to_owned(), digest(source).into());
                self.signed("JWT", &claims, call, expires_in)
            }
            (None, Tokens::Source) => Ok(format!("target-for-{source}")),
        }
        .unwrap_or_default();
        if let Some(size) = steered.size {
            let digits = "0123456789abcdef".chars().cycle().skip(target.len() % 16);
            target.extend(digits.take(size.saturating_sub(target.len())));
            target.truncate(size);
        }
        self.note(call, source, &target);
        (target, expires_in)
    }

    /// Notes a token that was made elsewhere.
    pub(super) fn note(&self, call: u64, source: &str, target: &str) {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.len() < self.remember {
            issued.push(Issued { call, source: source.to_owned(), target: target.to_owned() });
        }
    }

    /// A JWT of this kind with these claims and its own `jti`, `iat` and `exp`: RFC 7515 section 3.1
    /// and RFC 7518 section 3.4.
    fn signed(
        &self,
        kind: &str,
        claims: &Map<String, Value>,
        call: u64,
        expires_in: Option<u64>,
    ) -> Result<String, ErrorStack> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let mut claims = claims.clone();
        claims.insert("jti".to_owned(), call.to_string().into());
        claims.insert("iat".to_owned(), now.into());
        if let Some(seconds) = expires_in {
            claims.insert("exp".to_owned(), now.saturating_add(seconds).into());
        }
        let header = json!({ "alg": "ES256", "typ": kind });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(Value::from(claims).to_string())
        );
        let signature = EcdsaSig::sign(&sha256(signed.as_bytes()), &self.key)?;
        let fixed = |number: &BigNumRef| number.to_vec_padded(32);
        let signature = [fixed(signature.r())?, fixed(signature.s())?].concat();
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn digest(source: &str) -> String {
    sha256(source.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(tokens: Tokens) -> Issuer {
        Issuer::new(tokens, Some(60), usize::MAX, Arc::default()).unwrap()
    }

    #[test]
    fn a_token_shows_its_source_and_call() {
        let (target, life) = issuer(Tokens::Digest).issue(7, "alice", None, &Steered::default());
        assert_eq!(target, target_for("alice", 7));
        assert!(is_for(&target, "alice") && !is_for(&target, "bob"));
        assert_eq!(life, Some(60));
    }

    #[test]
    fn a_token_has_exactly_the_size_that_was_asked_for() {
        for size in [1, 46, 47, 64, 65536] {
            let steered = Steered { size: Some(size), ..Steered::default() };
            assert_eq!(issuer(Tokens::Digest).issue(1, "a", None, &steered).0.len(), size);
        }
    }

    #[test]
    fn a_jwt_is_signed_and_names_the_source() {
        let issuer = issuer(Tokens::Jwt);
        let (jwt, _) = issuer.issue(3, "alice", None, &Steered::default());
        let (signed, signature) = jwt.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let number = |bytes| openssl::bn::BigNum::from_slice(bytes).unwrap();
        let signature =
            EcdsaSig::from_private_components(number(&signature[..32]), number(&signature[32..]))
                .unwrap();
        assert!(signature.verify(&sha256(signed.as_bytes()), &issuer.key).unwrap());
        let claims = URL_SAFE_NO_PAD.decode(signed.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["sub"], digest("alice"));
        assert_eq!(claims["jti"], "3");
    }
}
