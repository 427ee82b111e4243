//! Tokens as a backend reads and verifies them: with OpenSSL, and with nothing of the module.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::nginx::Nginx;
use e2e::response::Response;
use e2e::scene::Seen;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Verifier};
use serde_json::Value;

pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

impl Token {
    #[track_caller]
    pub(crate) fn parse(text: String) -> Self {
        let parts: Vec<_> = text.split('.').collect();
        let [header, claims, _] = parts[..] else { panic!("no JWT: {text:?}") };
        let json = |part| serde_json::from_slice(&decode(part)).expect("JSON");
        let (header, claims) = (json(header), json(claims));
        Self { text, header, claims }
    }

    /// The token that the backend got.
    #[track_caller]
    pub(crate) fn seen(response: Response) -> Self {
        Self::parse(Seen::by_backend(response).token())
    }

    /// Whether the key of a set verifies it that its header names.
    #[track_caller]
    pub(crate) fn is_verified_by(&self, set: &Value) -> bool {
        let keys = set["keys"].as_array().expect("keys");
        let found: Vec<_> = keys.iter().filter(|key| key["kid"] == self.header["kid"]).collect();
        let [jwk] = found[..] else { return false };
        assert_eq!(jwk["alg"], self.header["alg"]);
        let (input, signature) = self.text.rsplit_once('.').unwrap();
        verify(jwk, self.header["alg"].as_str().unwrap(), input.as_bytes(), &decode(signature))
    }

    /// Without what is another each time.
    pub(crate) fn stable_claims(&self) -> Value {
        let mut claims = self.claims.clone();
        for name in ["iat", "exp", "jti"] {
            assert!(claims.as_object_mut().unwrap().remove(name).is_some(), "{name} is missing");
        }
        claims
    }
}

/// The token that the backend gets for these claims.
#[track_caller]
pub(crate) fn minted(nginx: &Nginx, path: &str, claims: &str) -> Token {
    Token::seen(nginx.get(path).header("X-Claims", claims).send())
}

fn number(jwk: &Value, name: &str) -> BigNum {
    BigNum::from_slice(&decode(jwk[name].as_str().unwrap())).unwrap()
}

fn public(jwk: &Value) -> PKey<Public> {
    match jwk["kty"].as_str().unwrap() {
        "RSA" => {
            let key = Rsa::from_public_components(number(jwk, "n"), number(jwk, "e")).unwrap();
            PKey::from_rsa(key).unwrap()
        }
        "EC" => {
            let nid = match jwk["crv"].as_str().unwrap() {
                "P-256" => Nid::X9_62_PRIME256V1,
                "P-384" => Nid::SECP384R1,
                _ => Nid::SECP521R1,
            };
            let group = EcGroup::from_curve_name(nid).unwrap();
            let (x, y) = (number(jwk, "x"), number(jwk, "y"));
            let key = EcKey::from_public_key_affine_coordinates(&group, &x, &y).unwrap();
            PKey::from_ec_key(key).unwrap()
        }
        _ => {
            let x = decode(jwk["x"].as_str().unwrap());
            PKey::public_key_from_raw_bytes(&x, Id::ED25519).unwrap()
        }
    }
}

fn verify(jwk: &Value, algorithm: &str, input: &[u8], signature: &[u8]) -> bool {
    let key = public(jwk);
    let digest = match &algorithm[2..] {
        "256" => MessageDigest::sha256(),
        "384" => MessageDigest::sha384(),
        "512" => MessageDigest::sha512(),
        _ => {
            let mut verifier = Verifier::new_without_digest(&key).unwrap();
            return verifier.verify_oneshot(signature, input).unwrap_or(false);
        }
    };
    let mut verifier = Verifier::new(digest, &key).unwrap();
    if algorithm.starts_with("PS") {
        verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        verifier.set_rsa_mgf1_md(digest).unwrap();
        verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
    }
    let signature = if algorithm.starts_with("ES") {
        let (r, s) = signature.split_at(signature.len() / 2);
        let half = |bytes| BigNum::from_slice(bytes).unwrap();
        EcdsaSig::from_private_components(half(r), half(s)).unwrap().to_der().unwrap()
    } else {
        signature.to_vec()
    };
    verifier.update(input).unwrap();
    verifier.verify(&signature).unwrap_or(false)
}
