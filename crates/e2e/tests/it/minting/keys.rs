//! Keys in the forms in which a configuration has them.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use serde_json::{Value, json};

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An RSA key of 2048 bits, always the same: to make one takes long.
pub(crate) fn rsa() -> Value {
    static KEY: OnceLock<Value> = OnceLock::new();
    KEY.get_or_init(|| rsa_of(2048)).clone()
}

/// An RSA key of so many bits.
pub(crate) fn rsa_of(bits: u32) -> Value {
    let key = Rsa::generate(bits).unwrap();
    let number = |number: &openssl::bn::BigNumRef| encode(number.to_vec());
    json!({
        "kty": "RSA", "n": number(key.n()), "e": number(key.e()), "d": number(key.d()),
        "p": number(key.p().unwrap()), "q": number(key.q().unwrap()),
        "dp": number(key.dmp1().unwrap()), "dq": number(key.dmq1().unwrap()),
        "qi": number(key.iqmp().unwrap()),
    })
}

pub(crate) fn elliptic(name: &str) -> Value {
    let (nid, length) = match name {
        "P-256" => (Nid::X9_62_PRIME256V1, 32),
        "P-384" => (Nid::SECP384R1, 48),
        _ => (Nid::SECP521R1, 66),
    };
    let key = EcKey::generate(&EcGroup::from_curve_name(nid).unwrap()).unwrap();
    let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
    let mut context = BigNumContext::new().unwrap();
    key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context).unwrap();
    let number = |number: &openssl::bn::BigNumRef| encode(number.to_vec_padded(length).unwrap());
    json!({
        "kty": "EC", "crv": name, "x": number(&x), "y": number(&y), "d": number(key.private_key()),
    })
}

pub(crate) fn edwards() -> Value {
    let key = PKey::generate_ed25519().unwrap();
    json!({
        "kty": "OKP", "crv": "Ed25519", "x": encode(key.raw_public_key().unwrap()),
        "d": encode(key.raw_private_key().unwrap()),
    })
}

/// A secret of so many bytes.
pub(crate) fn secret(bytes: usize) -> Value {
    json!({ "kty": "oct", "k": encode(vec![5; bytes]) })
}

/// A key of P-256 with a name.
pub(crate) fn named(name: &str) -> String {
    with(elliptic("P-256"), "kid", name)
}

/// A key with one more member.
pub(crate) fn with(mut key: Value, member: &str, value: &str) -> String {
    key[member] = value.into();
    key.to_string()
}

/// A key pair of P-256 in PEM.
pub(crate) fn pem() -> String {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key: PKey<Private> = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap()
}
