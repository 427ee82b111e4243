use base64::engine::general_purpose::STANDARD;
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::Id;
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const VECTORS: [&str; 9] = [
    include_str!("../../tests/vectors/jose/rfc7515-a1-hs256.json"),
    include_str!("../../tests/vectors/jose/rfc7515-a2-rs256.json"),
    include_str!("../../tests/vectors/jose/rfc7515-a3-es256.json"),
    include_str!("../../tests/vectors/jose/rfc7515-a4-es512.json"),
    include_str!("../../tests/vectors/jose/rfc7520-4.1-rs256.json"),
    include_str!("../../tests/vectors/jose/rfc7520-4.2-ps384.json"),
    include_str!("../../tests/vectors/jose/rfc7520-4.3-es512.json"),
    include_str!("../../tests/vectors/jose/rfc7520-4.4-hs256.json"),
    include_str!("../../tests/vectors/jose/rfc8037-a4-eddsa.json"),
];

/// The key of an example, by its place in the list.
fn jwk(index: usize) -> Value {
    let vector: Value = serde_json::from_str(VECTORS[index]).unwrap();
    vector["jwk"].clone()
}

const RSA: usize = 1;
const P256: usize = 2;
const P521: usize = 3;
const OKP: usize = 8;

fn import(text: &str) -> Result<SigningKey, KeyError> {
    SigningKey::import(&Secret::new(text))
}

fn import_jwk(jwk: &Value) -> Result<SigningKey, KeyError> {
    import(&jwk.to_string())
}

/// A JWK with some members changed, or taken away where they are null.
fn changed(index: usize, changes: &Value) -> Value {
    let mut jwk = jwk(index);
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => jwk.as_object_mut().unwrap().remove(name),
            value => jwk.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    jwk
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Verifies with nothing of ours: OpenSSL, and the form of RFC 7518, section 3.4 undone.
fn verifies(key: &SigningKey, input: &[u8], signature: &[u8]) -> bool {
    use openssl::bn::BigNum;
    let der = match key.algorithm.coordinate_len() {
        Some(length) => {
            assert_eq!(signature.len(), 2 * length);
            let number = |bytes| BigNum::from_slice(bytes).unwrap();
            let (r, s) = signature.split_at(length);
            let signature = EcdsaSig::from_private_components(number(r), number(s)).unwrap();
            signature.to_der().unwrap()
        }
        None => signature.to_vec(),
    };
    key.verify(input, &der).unwrap_or(false)
}

#[test]
fn examples_of_the_standards() {
    for vector in VECTORS {
        let vector: Value = serde_json::from_str(vector).unwrap();
        let text = |name: &str| vector[name].as_str().unwrap();
        let (section, input) = (text("section"), text("signing_input").as_bytes());
        let symmetric = vector["jwk"]["kty"] == "oct";
        let key = if symmetric {
            let secret = decode(vector["jwk"]["k"].as_str().unwrap());
            SigningKey::symmetric(&Secret::new(secret)).unwrap()
        } else {
            import_jwk(&vector["jwk"]).unwrap_or_else(|e| panic!("{section}: {e}"))
        };
        let header = decode(text("signing_input").split('.').next().unwrap());
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["alg"], key.algorithm().name(), "{section}");

        let ours = key.sign(input).unwrap();
        let theirs = decode(text("signature"));
        if vector["deterministic"].as_bool().unwrap() {
            assert_eq!(ours, theirs, "{section}");
        } else {
            assert_ne!(ours, key.sign(input).unwrap(), "{section}");
        }
        if !symmetric {
            assert!(verifies(&key, input, &ours), "{section}: ours");
            assert!(verifies(&key, input, &theirs), "{section}: theirs");
            assert!(!verifies(&key, b"other", &ours), "{section}");
        }
    }
}

#[test]
fn every_algorithm_of_a_key_can_be_asked_for() {
    let p384 = EcKey::generate(&EcGroup::from_curve_name(Nid::SECP384R1).unwrap()).unwrap();
    let p384 = jwk_of_ec(&p384, "P-384", 48);
    for (jwk, algorithms) in [
        (jwk(RSA), &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..]),
        (jwk(P256), &["ES256"]),
        (p384, &["ES384"]),
        (jwk(P521), &["ES512"]),
        (jwk(OKP), &["EdDSA", "Ed25519"]),
    ] {
        assert_eq!(import_jwk(&jwk).unwrap().algorithm().name(), algorithms[0], "the default");
        for algorithm in algorithms {
            let mut jwk = jwk.clone();
            jwk["alg"] = json!(algorithm);
            let key = import_jwk(&jwk).unwrap_or_else(|e| panic!("{algorithm}: {e}"));
            assert_eq!(key.algorithm().name(), *algorithm);
            let compact = key.sign_compact(JWT, b"{}").unwrap();
            let compact = std::str::from_utf8(compact.expose()).unwrap();
            let (input, signature) = compact.rsplit_once('.').unwrap();
            assert!(verifies(&key, input.as_bytes(), &decode(signature)), "{algorithm}");
            let (header, payload) = input.split_once('.').unwrap();
            let header: Value = serde_json::from_slice(&decode(header)).unwrap();
            assert_eq!(header, json!({ "alg": algorithm, "typ": "JWT" }));
            assert_eq!(decode(payload), b"{}");
        }
    }
}

fn jwk_of_ec(key: &EcKey<Private>, curve: &str, length: i32) -> Value {
    let (mut x, mut y) = (openssl::bn::BigNum::new().unwrap(), openssl::bn::BigNum::new().unwrap());
    let mut context = openssl::bn::BigNumContext::new().unwrap();
    key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context).unwrap();
    let encode =
        |n: &openssl::bn::BigNumRef| URL_SAFE_NO_PAD.encode(n.to_vec_padded(length).unwrap());
    json!({
        "kty": "EC", "crv": curve, "x": encode(&x), "y": encode(&y),
        "d": encode(key.private_key()),
    })
}

#[test]
fn an_integer_of_ecdsa_keeps_its_leading_zeros() {
    let key = import_jwk(&jwk(P521)).unwrap();
    // The order of P-521 has one bit in its first byte: every second integer starts with zero.
    for input in 0..16_u8 {
        let signature = key.sign(&[input]).unwrap();
        assert_eq!(signature.len(), 132);
        assert!(verifies(&key, &[input], &signature));
    }
}

#[test]
fn what_cannot_be_used_is_refused() {
    use KeyError as E;
    let member = |member| E::Member { member };
    let missing = |member| E::Missing { member };
    let of_rsa = E::Algorithm { allowed: algorithm::OF_RSA };
    let of_p256 = E::Algorithm { allowed: algorithm::CURVES[0].algorithms };
    let of_okp = E::Algorithm { allowed: algorithm::OF_ED25519 };
    // The `y` of RFC 7520, section 3.1, whose curve is another.
    let elsewhere =
        "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1";
    for (index, changes, error) in [
        (RSA, json!({ "kty": null }), missing("kty")),
        (RSA, json!({ "kty": 1 }), member("kty")),
        (RSA, json!({ "kty": "rsa" }), E::Type),
        (RSA, json!({ "kty": "oct", "k": "AA" }), E::Symmetric),
        (RSA, json!({ "keys": [] }), E::Set),
        (RSA, json!({ "use": "enc" }), E::Use { member: "use" }),
        (RSA, json!({ "key_ops": ["verify"] }), E::Use { member: "key_ops" }),
        (RSA, json!({ "key_ops": "sign" }), E::NoKey),
        (RSA, json!({ "alg": "HS256" }), of_rsa.clone()),
        (RSA, json!({ "alg": "none" }), of_rsa.clone()),
        (RSA, json!({ "alg": "ES256" }), of_rsa.clone()),
        (RSA, json!({ "alg": 1 }), of_rsa),
        (RSA, json!({ "kid": 1 }), member("kid")),
        (RSA, json!({ "kid": "" }), member("kid")),
        (RSA, json!({ "x5c": [] }), E::Certificate),
        (RSA, json!({ "x5c": ["AAAA"] }), E::Certificate),
        (RSA, json!({ "x5c": ["a b"] }), E::Certificate),
        (RSA, json!({ "x5t#S256": "AAAA" }), member("x5t#S256")),
        (RSA, json!({ "x5t#S256": 1 }), member("x5t#S256")),
        (RSA, json!({ "oth": [] }), E::OtherPrimes),
        (RSA, json!({ "d": null }), E::Public),
        (
            RSA,
            json!({ "d": "AQAB", "p": null, "q": null, "dp": null, "dq": null, "qi": null }),
            E::Inconsistent,
        ),
        (RSA, json!({ "d": "A+A" }), member("d")),
        (RSA, json!({ "n": null }), missing("n")),
        (RSA, json!({ "n": "AQAB" }), E::Short),
        (RSA, json!({ "e": "Aw" }), E::Inconsistent),
        (RSA, json!({ "p": null }), missing("p")),
        (RSA, json!({ "qi": null }), missing("qi")),
        (P256, json!({ "crv": null }), missing("crv")),
        (P256, json!({ "crv": "secp256k1" }), E::Curve),
        (P256, json!({ "crv": "P-384" }), E::Inconsistent),
        (P256, json!({ "alg": "ES384" }), of_p256),
        (P256, json!({ "x": null }), missing("x")),
        (P256, json!({ "y": elsewhere }), E::Inconsistent),
        (P256, json!({ "d": null }), E::Public),
        (P256, json!({ "d": "AQAB" }), E::Inconsistent),
        (P256, json!({ "d": "" }), member("d")),
        (OKP, json!({ "crv": "X25519" }), E::Curve),
        (OKP, json!({ "crv": "Ed448" }), E::Curve),
        (OKP, json!({ "alg": "RS256" }), of_okp),
        (OKP, json!({ "d": null }), E::Public),
        (OKP, json!({ "d": "AQAB" }), member("d")),
        (OKP, json!({ "x": jwk(P256)["x"] }), E::Inconsistent),
        (OKP, json!({ "x": null }), missing("x")),
    ] {
        let result = import_jwk(&changed(index, &changes));
        assert_eq!(result.err(), Some(error), "{changes}");
        assert!(ErrorStack::get().errors().is_empty(), "{changes}");
    }
    for text in
        ["", "{", "{}x", "[]", "\"RSA\"", "null", "no key", "{\"kty\":\"RSA\",\"kty\":\"RSA\"}"]
    {
        assert_eq!(import(text).err(), Some(E::NoKey), "{text}");
    }
}

#[test]
fn what_a_key_need_not_have_it_need_not_have() {
    for (index, changes) in [
        (RSA, json!({ "p": null, "q": null, "dp": null, "dq": null, "qi": null })),
        (RSA, json!({ "use": "sig", "key_ops": ["verify", "sign"], "iat": 1, "ext": true })),
        (P256, json!({ "use": "sig" })),
    ] {
        let key =
            import_jwk(&changed(index, &changes)).unwrap_or_else(|e| panic!("{changes}: {e}"));
        assert!(verifies(&key, b"a", &key.sign(b"a").unwrap()), "{changes}");
    }
    assert!(import(&format!(" \n{}\n", jwk(OKP))).is_ok());
}

fn header_of(key: &SigningKey) -> Value {
    serde_json::from_slice(&decode(&key.header)).unwrap()
}

fn certificate(key: &PKey<Private>) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, "gateway").unwrap();
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}

#[test]
fn a_header_names_the_key_and_its_certificate() {
    let key = import_jwk(&jwk(P256)).unwrap();
    let (own, other) = (certificate(&key.key), certificate(&import_jwk(&jwk(RSA)).unwrap().key));
    let der = STANDARD.encode(own.to_der().unwrap());
    let other_der = STANDARD.encode(other.to_der().unwrap());
    let digest = URL_SAFE_NO_PAD.encode(own.digest(MessageDigest::sha256()).unwrap());
    let kid = "a \"key\" ü";
    let named = json!({ "alg": "ES256", "typ": "JWT", "kid": kid, "x5t#S256": digest });
    for changes in [
        json!({ "kid": kid, "x5c": [der, other_der] }),
        json!({ "kid": kid, "x5t#S256": digest }),
        json!({ "kid": kid, "x5c": [der], "x5t#S256": digest }),
    ] {
        let key = import_jwk(&changed(P256, &changes)).unwrap();
        assert_eq!(header_of(&key), named, "{changes}");
    }
    for changes in [
        json!({ "x5c": [other_der, der] }),
        json!({ "x5c": [der], "x5t#S256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }),
    ] {
        let error = import_jwk(&changed(P256, &changes)).err();
        assert_eq!(error, Some(KeyError::CertificateMismatch), "{changes}");
    }
}

fn pem(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn keys_in_pem() {
    for (jwk, algorithm) in [(RSA, "RS256"), (P256, "ES256"), (P521, "ES512"), (OKP, "EdDSA")] {
        let key = import_jwk(&self::jwk(jwk)).unwrap();
        let mut forms = vec![pem(key.key.private_key_to_pem_pkcs8().unwrap())];
        match key.key.id() {
            Id::RSA => forms.push(pem(key.key.rsa().unwrap().private_key_to_pem().unwrap())),
            Id::EC => forms.push(pem(key.key.ec_key().unwrap().private_key_to_pem().unwrap())),
            _ => {}
        }
        for form in forms {
            let imported = import(&form).unwrap_or_else(|e| panic!("{algorithm}: {e}"));
            assert_eq!(imported.algorithm().name(), algorithm);
            assert_eq!(header_of(&imported), json!({ "alg": algorithm, "typ": "JWT" }));
            assert!(verifies(&key, b"a", &imported.sign(b"a").unwrap()), "{algorithm}");
        }
    }
}

#[test]
fn a_certificate_beside_a_key_in_pem_is_named() {
    let key = import_jwk(&jwk(P256)).unwrap().key;
    let other = import_jwk(&jwk(P521)).unwrap().key;
    let (own, others) = (certificate(&key), certificate(&other));
    let text = pem(key.private_key_to_pem_pkcs8().unwrap());
    let (own_text, other_text) = (pem(own.to_pem().unwrap()), pem(others.to_pem().unwrap()));
    let digest = URL_SAFE_NO_PAD.encode(own.digest(MessageDigest::sha256()).unwrap());
    for text in [format!("{text}{own_text}"), format!("{other_text}{own_text}{text}")] {
        assert_eq!(header_of(&import(&text).unwrap())["x5t#S256"], json!(digest));
    }
    let error = import(&format!("{text}{other_text}")).err();
    assert_eq!(error, Some(KeyError::CertificateMismatch));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(import(&format!("{text}{broken}")).err(), Some(KeyError::Certificate));
    assert!(ErrorStack::get().errors().is_empty());
}

#[test]
fn what_cannot_be_used_is_refused_in_pem_too() {
    use KeyError as E;
    let key = import_jwk(&jwk(P256)).unwrap().key;
    let short = Rsa::generate(1024).unwrap();
    let cipher = Cipher::aes_256_cbc();
    let secp256k1 = EcGroup::from_curve_name(Nid::SECP256K1).unwrap();
    let secp256k1 = PKey::from_ec_key(EcKey::generate(&secp256k1).unwrap()).unwrap();
    let encrypted = key.private_key_to_pem_pkcs8_passphrase(cipher, b"s3cret").unwrap();
    let older = short.private_key_to_pem_passphrase(cipher, b"s3cret").unwrap();
    for (text, error) in [
        (pem(encrypted), E::Encrypted),
        (pem(older), E::Encrypted),
        (pem(key.public_key_to_pem().unwrap()), E::Public),
        (pem(certificate(&key).to_pem().unwrap()), E::Public),
        (pem(short.private_key_to_pem().unwrap()), E::Short),
        (pem(secp256k1.private_key_to_pem_pkcs8().unwrap()), E::Curve),
        (pem(PKey::generate_x25519().unwrap().private_key_to_pem_pkcs8().unwrap()), E::Curve),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned(), E::Refused),
    ] {
        assert_eq!(import(&text).err(), Some(error.clone()), "{error}");
        assert!(ErrorStack::get().errors().is_empty(), "{error}");
    }
}

#[test]
fn an_rsa_key_for_pss_only_is_used_so() {
    // `openssl genpkey -algorithm rsa-pss` in DER: the OID in front of the key of the example.
    let rsa = import_jwk(&jwk(RSA)).unwrap().key.rsa().unwrap().private_key_to_der().unwrap();
    let oid = [0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    let with_length = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    };
    let der = with_length(0x30, &[&[2, 1, 0], &oid[..], &with_length(4, &rsa)].concat());
    let body = STANDARD.encode(der);
    let lines: Vec<_> =
        body.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).unwrap()).collect();
    let text = lines.join("\n");
    let text = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    let key = import(&text).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(key.algorithm(), Algorithm::Ps256);
    assert!(verifies(&key, b"a", &key.sign(b"a").unwrap()));
}

#[test]
fn messages() {
    let names = |algorithm: &Algorithm| algorithm.name();
    let error = KeyError::Algorithm { allowed: algorithm::OF_RSA };
    let all: Vec<_> = algorithm::OF_RSA.iter().map(names).collect();
    assert!(error.to_string().contains(&all.join(", ")));
    assert_eq!(SigningError(Algorithm::Es256).to_string(), "OpenSSL failed to sign with ES256");
}

proptest! {
    #[test]
    fn no_text_panics(
        bytes: Vec<u8>,
        json in r#"\{("(kty|crv|alg|d|x|y|n|e|p|q|x5c|key_ops)":("(RSA|EC|OKP|P-256|Ed25519|[A-Za-z0-9_-]{0,90})"|[0-9]{1,3}|\[("A{0,8}")?\]|null),?){0,8}\}?"#,
        pem in "-----BEGIN (RSA |EC )?PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{0,80}(-----END PRIVATE KEY-----)?",
    ) {
        for text in [&bytes[..], json.as_bytes(), pem.as_bytes()] {
            let _ = SigningKey::import(&Secret::new(text));
            prop_assert!(ErrorStack::get().errors().is_empty());
        }
    }
}

#[test]
fn only_long_rsa_keys_are_slow() {
    let rsa = |bits| PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
    let import = |key: PKey<Private>| {
        SigningKey::import(&Secret::new(key.private_key_to_pem_pkcs8().unwrap())).unwrap()
    };
    let is_slow = |key| import(key).is_slow();
    let curve = |nid| {
        let group = EcGroup::from_curve_name(nid).unwrap();
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    };
    assert!(is_slow(rsa(2048)) && is_slow(curve(Nid::SECP384R1)));
    assert!(!is_slow(curve(Nid::X9_62_PRIME256V1)));
    assert!(!is_slow(PKey::generate_ed25519().unwrap()));
    assert_eq!(import(rsa(2048)).slow_bits(), None);
    assert_eq!(import(rsa(2056)).slow_bits(), Some(2056));
    assert_eq!(import(PKey::generate_ed25519().unwrap()).slow_bits(), None);
    assert_eq!(SigningKey::symmetric(&Secret::new("s")).unwrap().slow_bits(), None);
}

#[test]
fn the_algorithm_is_chosen_by_key_and_configuration() {
    use Algorithm as A;
    let import = |jwk: &Value, wanted| {
        let key = SigningKey::import_for_minting(&Secret::new(jwk.to_string()), wanted);
        key.map(|key| key.algorithm())
    };
    let pss_only = changed(RSA, &json!({ "alg": "PS384" }));
    let oct = |bytes: usize| json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(vec![7; bytes]) });
    for (jwk, wanted, expected) in [
        (jwk(RSA), None, Ok(A::Rs256)),
        (jwk(RSA), Some(A::Ps512), Ok(A::Ps512)),
        (pss_only.clone(), None, Ok(A::Ps384)),
        (pss_only.clone(), Some(A::Ps384), Ok(A::Ps384)),
        (
            pss_only,
            Some(A::Rs256),
            Err(KeyError::Contradiction { said: A::Ps384, wanted: A::Rs256 }),
        ),
        (
            jwk(RSA),
            Some(A::Es256),
            Err(KeyError::Unable { wanted: A::Es256, able: algorithm::OF_RSA }),
        ),
        (
            jwk(RSA),
            Some(A::Hs256),
            Err(KeyError::Unable { wanted: A::Hs256, able: algorithm::OF_RSA }),
        ),
        (jwk(P256), None, Ok(A::Es256)),
        (jwk(P521), Some(A::Es256), Err(KeyError::Unable { wanted: A::Es256, able: &[A::Es512] })),
        (jwk(OKP), Some(A::Ed25519), Ok(A::Ed25519)),
        (oct(31), None, Err(KeyError::ShortSecret)),
        (oct(32), None, Ok(A::Hs256)),
        (oct(32), Some(A::Hs384), Err(KeyError::Unable { wanted: A::Hs384, able: &[A::Hs256] })),
        (oct(64), Some(A::Hs512), Ok(A::Hs512)),
        (
            oct(64),
            Some(A::Rs256),
            Err(KeyError::Unable { wanted: A::Rs256, able: algorithm::of_secret(64) }),
        ),
        (json!({ "kty": "oct" }), None, Err(KeyError::Missing { member: "k" })),
    ] {
        assert_eq!(import(&jwk, wanted), expected, "{wanted:?}");
        assert!(ErrorStack::get().errors().is_empty(), "{wanted:?}");
    }
}

#[test]
fn every_algorithm_signs_what_openssl_verifies() {
    use openssl::sign::Signer as OpenSsl;
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        let jwk = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode([9; 64]) });
        let key =
            SigningKey::import_for_minting(&Secret::new(jwk.to_string()), Some(algorithm)).unwrap();
        let secret = PKey::hmac(&[9; 64]).unwrap();
        let mut signer = OpenSsl::new(algorithm.digest().unwrap(), &secret).unwrap();
        assert_eq!(key.sign(b"a").unwrap(), signer.sign_oneshot_to_vec(b"a").unwrap());
    }
    let rsa = jwk(RSA);
    for algorithm in algorithm::OF_RSA {
        let key = SigningKey::import_for_minting(&Secret::new(rsa.to_string()), Some(*algorithm))
            .unwrap();
        assert!(verifies(&key, b"a", &key.sign(b"a").unwrap()), "{algorithm:?}");
    }
}

#[test]
fn a_key_in_pem_is_used_with_what_is_wanted() {
    let pem = import_jwk(&jwk(RSA)).unwrap().key.private_key_to_pem_pkcs8().unwrap();
    let pem = Secret::new(pem);
    let key = SigningKey::import_for_minting(&pem, Some(Algorithm::Ps256)).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Ps256);
    // RFC 7515, appendix A.2, has the key; its thumbprint is that of its public members.
    assert_eq!(key.public().unwrap().to_json()["n"], jwk(RSA)["n"]);
    let error = SigningKey::import_for_minting(&pem, Some(Algorithm::Es384)).err();
    assert_eq!(error, Some(KeyError::Unable { wanted: Algorithm::Es384, able: algorithm::OF_RSA }));
}
