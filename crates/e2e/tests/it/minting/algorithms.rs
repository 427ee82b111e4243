//! Every algorithm, verified against the published keys.

use e2e::scene::Scene;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::{Value, json};

use super::keys::{edwards, elliptic, pem, rsa, secret, with};
use super::token::{decode, minted};
use super::{location, nginx};

/// Algorithms with a key each.
fn pairs() -> Vec<(&'static str, Value)> {
    let of_rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    let mut pairs: Vec<_> = of_rsa.into_iter().map(|algorithm| (algorithm, rsa())).collect();
    pairs.extend([
        ("ES256", elliptic("P-256")),
        ("ES384", elliptic("P-384")),
        ("ES512", elliptic("P-521")),
        ("EdDSA", edwards()),
    ]);
    pairs
}

#[test]
fn every_token_verifies_against_the_published_keys() {
    let scene = Scene::new();
    let mut builder = nginx(&scene, "").server("location /keys { STSJWKS all; }");
    for (algorithm, key) in pairs() {
        let file = format!("{algorithm}.jwk");
        // The keys of RSA are one, and are told apart by their names.
        builder = builder.file(&file, with(key, "kid", algorithm)).server(&location(
            &format!("/{algorithm}"),
            &format!("STSName all; STSJWTKeyFile {file}; STSJWTAlgorithm {algorithm};"),
        ));
    }
    let nginx = builder.start();
    let answer = nginx.get("/keys").send().expect_status(200);
    assert_eq!(answer.header("Content-Type"), Some("application/jwk-set+json"));
    assert_eq!(answer.header("Cache-Control"), Some("public, max-age=300"));
    let set = answer.json();
    assert_eq!(set["keys"].as_array().unwrap().len(), 10);
    for (algorithm, _) in pairs() {
        let token = minted(&nginx, &format!("/{algorithm}"), r#"{"sub":"alice"}"#);
        let header = json!({ "alg": algorithm, "kid": algorithm, "typ": "JWT" });
        assert_eq!(token.header, header);
        assert_eq!(token.stable_claims(), json!({ "sub": "alice" }));
        assert!(token.is_verified_by(&set), "{algorithm}");
    }
}

#[test]
fn a_key_says_itself_what_it_is_used_with_and_is_called_by_its_thumbprint() {
    let scene = Scene::new();
    let settings = "STSName a; STSJWTKeyFile key.jwk;";
    for (key, algorithm) in [
        (with(rsa(), "alg", "PS384"), "PS384"),
        (rsa().to_string(), "RS256"),
        (elliptic("P-384").to_string(), "ES384"),
        (edwards().to_string(), "EdDSA"),
        (pem(), "ES256"),
    ] {
        let server = format!("{} location /keys {{ STSJWKS a; }}", location("/", settings));
        let nginx = nginx(&scene, &key).server(&server).start();
        let token = minted(&nginx, "/", "{}");
        assert_eq!(token.header["alg"], algorithm);
        assert_eq!(token.header["kid"].as_str().unwrap().len(), 43);
        assert!(token.is_verified_by(&nginx.get("/keys").send().json()), "{algorithm}");
    }
}

#[test]
fn a_secret_signs_too() {
    let scene = Scene::new();
    for (algorithm, digest) in [
        ("HS256", MessageDigest::sha256()),
        ("HS384", MessageDigest::sha384()),
        ("HS512", MessageDigest::sha512()),
    ] {
        let key = secret(64);
        let settings = format!("STSJWTKeyFile key.jwk; STSJWTAlgorithm {algorithm};");
        let nginx = nginx(&scene, &key.to_string()).server(&location("/", &settings)).start();
        nginx.forbid_in_log(key["k"].as_str().unwrap());
        let token = minted(&nginx, "/", "{}");
        assert_eq!(token.header, json!({ "alg": algorithm, "typ": "JWT" }));
        let (input, signature) = token.text.rsplit_once('.').unwrap();
        let key = PKey::hmac(&[5; 64]).unwrap();
        let mut signer = Signer::new(digest, &key).unwrap();
        let expected = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        assert_eq!(decode(signature), expected, "{algorithm}");
    }
}
