//! JWTs of the servers, verified with the keys that they publish.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::interop;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::rsa::Rsa;
use openssl::sign::{Signer, Verifier};
use serde_json::{Value, json};

/// The claims of a token whose signature is good by the keys at this URL, which is `jwks_uri` in the metadata.
///
/// # Panics
/// When it is not.
#[track_caller]
pub(super) fn verified(jwks: &str, token: &str) -> Value {
    verified_by(&interop::request("GET", jwks).send().expect_status(200).json(), token)
}

/// The same by keys that were fetched.
#[track_caller]
pub(super) fn verified_by(keys: &Value, token: &str) -> Value {
    let header = part(token, 0);
    let key = keys["keys"].as_array().expect("keys").iter().find(|key| key["kid"] == header["kid"]);
    let key = key.unwrap_or_else(|| panic!("the key of {header} is none of the server's"));
    let (signed, signature) = token.rsplit_once('.').expect("a JWT");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let is_good = match header["alg"].as_str() {
        Some("RS256") => verify(&rsa(key), signed, &signature),
        Some("ES256") => {
            let half = |bytes: &[u8]| BigNum::from_slice(bytes).expect("a number");
            let (r, s) = signature.split_at(32);
            let sig = EcdsaSig::from_private_components(half(r), half(s)).expect("a signature");
            verify(&elliptic(key), signed, &sig.to_der().expect("DER"))
        }
        other => panic!("no key for {other:?}"),
    };
    assert!(is_good, "the signature of a token with {header} is wrong");
    part(token, 1)
}

/// The claims, unverified.
#[track_caller]
pub(super) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// A JWT with these claims, by RS256 with the key in a file of PEM.
pub(super) fn signed(key: &str, claims: &Value) -> String {
    signed_with(key, &json!({"alg": "RS256", "typ": "JWT"}), claims)
}

/// The same with this header, whose `alg` is RS256.
pub(super) fn signed_with(key: &str, header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let pem = std::fs::read(key).expect("a key");
    let key = PKey::private_key_from_pem(&pem).expect("a key");
    let mut signer = Signer::new(MessageDigest::sha256(), &key).expect("a signer");
    let signature = signer.sign_oneshot_to_vec(signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[track_caller]
fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).expect("a JWT");
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn number(key: &Value, member: &str) -> BigNum {
    let text = key[member].as_str().expect("a member of the key");
    BigNum::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("a number")
}

fn rsa(key: &Value) -> PKey<Public> {
    let rsa = Rsa::from_public_components(number(key, "n"), number(key, "e"));
    PKey::from_rsa(rsa.expect("a key")).expect("a key")
}

fn elliptic(key: &Value) -> PKey<Public> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
    let (x, y) = (number(key, "x"), number(key, "y"));
    let key = EcKey::from_public_key_affine_coordinates(&group, &x, &y).expect("a key");
    PKey::from_ec_key(key).expect("a key")
}

fn verify(key: &PKey<Public>, signed: &str, signature: &[u8]) -> bool {
    let mut verifier = Verifier::new(MessageDigest::sha256(), key).expect("a verifier");
    verifier.verify_oneshot(signature, signed.as_bytes()).unwrap_or(false)
}
