//! The public half of a key, as those read it that verify (RFC 7517, section 4).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::error::ErrorStack;
use openssl::pkey::{Id, PKey, Private};
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, CURVES};

/// The public half of a key, as a JWK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(Map<String, Value>);

impl PublicKey {
    /// `None` of a secret, which has no such half.
    pub(super) fn of(key: &PKey<Private>, algorithm: Algorithm, id: Option<&str>) -> Option<Self> {
        let mut jwk = members(key, algorithm)?;
        let mut insert = |name: &str, value: &str| jwk.insert(name.to_owned(), value.into());
        insert("use", "sig");
        insert("alg", algorithm.name());
        if let Some(id) = id {
            insert("kid", id);
        }
        Some(Self(jwk))
    }

    /// A key that was written by [`to_json`](Self::to_json).
    pub fn from_json(value: Value) -> Option<Self> {
        match value {
            Value::Object(jwk) => Some(Self(jwk)),
            _ => None,
        }
    }

    /// Tells keys apart.
    pub fn digest(&self) -> [u8; 32] {
        openssl::sha::sha256(Value::Object(self.0.clone()).to_string().as_bytes())
    }

    /// The JWK.
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

/// A set of keys (RFC 7517, section 5), each once.
pub fn set(keys: impl IntoIterator<Item = PublicKey>) -> String {
    let mut all: Vec<Value> = Vec::new();
    for PublicKey(key) in keys {
        let key = Value::Object(key);
        if !all.contains(&key) {
            all.push(key);
        }
    }
    let mut set = Map::new();
    set.insert("keys".to_owned(), Value::Array(all));
    Value::Object(set).to_string()
}

/// The name of a key that has no other: a digest over what makes it that key (RFC 7638, section 3).
pub(super) fn thumbprint(key: &PKey<Private>, algorithm: Algorithm) -> Option<String> {
    // In the order of their names and without white space, as a map writes them.
    let members = Value::Object(members(key, algorithm)?).to_string();
    Some(URL_SAFE_NO_PAD.encode(openssl::sha::sha256(members.as_bytes())))
}

/// What makes it that key: the members that a thumbprint is made of, and no others.
fn members(key: &PKey<Private>, algorithm: Algorithm) -> Option<Map<String, Value>> {
    if algorithm.is_symmetric() {
        return None;
    }
    let read = read_members(key, algorithm);
    // NGINX complains of errors that it finds left behind.
    drop(ErrorStack::get());
    let pairs = read.ok()?;
    Some(pairs.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect())
}

fn read_members(
    key: &PKey<Private>,
    algorithm: Algorithm,
) -> Result<Vec<(&'static str, String)>, ErrorStack> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    if matches!(key.id(), Id::RSA | Id::RSA_PSS) {
        let key = key.rsa()?;
        let (n, e) = (encode(&key.n().to_vec()), encode(&key.e().to_vec()));
        return Ok(vec![("kty", "RSA".to_owned()), ("n", n), ("e", e)]);
    }
    let curve = CURVES.iter().find(|curve| curve.algorithms.contains(&algorithm));
    let (Some(curve), Some(length)) = (curve, algorithm.coordinate_len()) else {
        let x = encode(&key.raw_public_key()?);
        return Ok(vec![("kty", "OKP".to_owned()), ("crv", "Ed25519".to_owned()), ("x", x)]);
    };
    let key = key.ec_key()?;
    let (mut x, mut y, mut context) = (BigNum::new()?, BigNum::new()?, BigNumContext::new()?);
    key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context)?;
    // RFC 7518, section 6.2.1.2: as long as the curve has it.
    let length = i32::try_from(length).unwrap_or(i32::MAX);
    let (x, y) = (encode(&x.to_vec_padded(length)?), encode(&y.to_vec_padded(length)?));
    Ok(vec![("kty", "EC".to_owned()), ("crv", curve.name.to_owned()), ("x", x), ("y", y)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::SigningKey;
    use super::*;
    use crate::secret::Secret;

    const VECTORS: [&str; 4] = [
        include_str!("../../tests/vectors/jose/rfc7515-a2-rs256.json"),
        include_str!("../../tests/vectors/jose/rfc7515-a3-es256.json"),
        include_str!("../../tests/vectors/jose/rfc7515-a4-es512.json"),
        include_str!("../../tests/vectors/jose/rfc8037-a4-eddsa.json"),
    ];

    fn key(vector: &str) -> (SigningKey, Value) {
        let vector: Value = serde_json::from_str(vector).unwrap();
        let jwk = vector["jwk"].clone();
        let key = SigningKey::import_for_minting(&Secret::new(jwk.to_string()), None).unwrap();
        (key, jwk)
    }

    #[test]
    fn what_is_public_of_a_key_is_as_its_jwk_has_it_and_nothing_else() {
        for vector in VECTORS {
            let (key, jwk) = key(vector);
            let mut public = key.public().unwrap().to_json();
            let members = public.as_object_mut().unwrap();
            assert_eq!(members.remove("alg").unwrap(), key.algorithm().name());
            assert_eq!(members.remove("use").unwrap(), "sig");
            assert!(members.remove("kid").is_some());
            for (name, value) in members.iter() {
                assert_eq!(*value, jwk[name], "{name}");
            }
            let private = ["d", "p", "q", "dp", "dq", "qi", "k"];
            assert!(private.iter().all(|name| !members.contains_key(*name)));
        }
    }

    #[test]
    fn a_key_without_a_name_is_called_by_its_thumbprint() {
        // RFC 8037, appendix A.3, of the key in appendix A.2.
        let (okp, _) = key(VECTORS[3]);
        let public = okp.public().unwrap().to_json();
        assert_eq!(public["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let header = okp.sign_compact("at+jwt", b"{}").unwrap();
        let header = header.expose().split(|byte| *byte == b'.').next().unwrap();
        let header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        let expected = json!({ "alg": "EdDSA", "kid": public["kid"], "typ": "at+jwt" });
        assert_eq!(header, expected);
    }

    #[test]
    fn a_secret_has_nothing_public() {
        let jwk = json!({ "kty": "oct", "kid": "a", "k": URL_SAFE_NO_PAD.encode([7; 32]) });
        let key = SigningKey::import_for_minting(&Secret::new(jwk.to_string()), None).unwrap();
        assert_eq!(key.algorithm(), Algorithm::Hs256);
        assert!(key.public().is_none());
    }

    #[test]
    fn a_set_has_each_key_once() {
        let keys = VECTORS.map(|vector| key(vector).0.public().unwrap());
        let set = set(keys.clone().into_iter().chain(keys.clone()));
        let set: Value = serde_json::from_str(&set).unwrap();
        let expected: Vec<_> = keys.iter().map(PublicKey::to_json).collect();
        assert_eq!(set, json!({ "keys": expected }));
        assert_eq!(super::set([]), "{\"keys\":[]}");
    }
}
