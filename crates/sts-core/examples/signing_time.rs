//! How long it takes to make a client assertion with each kind of key, and to read the key.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::hint::black_box;
use std::time::Instant;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use sts_core::jose::SigningKey;
use sts_core::secret::Secret;

fn main() {
    let rsa = |bits| PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
    let curve = |nid| {
        let group = EcGroup::from_curve_name(nid).unwrap();
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    };
    let keys = [
        ("RS256, 2048 bits", rsa(2048)),
        ("RS256, 3072 bits", rsa(3072)),
        ("RS256, 4096 bits", rsa(4096)),
        ("ES256", curve(Nid::X9_62_PRIME256V1)),
        ("ES384", curve(Nid::SECP384R1)),
        ("ES512", curve(Nid::SECP521R1)),
        ("EdDSA", PKey::generate_ed25519().unwrap()),
    ];
    let claims = vec![b'x'; 250];
    println!("{:<18} {:>12} {:>12}", "key", "sign, us", "read, us");
    for (name, key) in keys {
        let pem = Secret::new(key.private_key_to_pem_pkcs8().unwrap());
        let signing = SigningKey::import(&pem).unwrap();
        let sign = median(|| drop(black_box(signing.sign_compact(&claims))));
        let read = median(|| drop(black_box(SigningKey::import(&pem))));
        println!("{name:<18} {sign:>12.0} {read:>12.0}");
    }
}

/// Microseconds.
fn median(run: impl Fn()) -> f64 {
    let mut times: Vec<f64> = (0..200)
        .map(|_| {
            let started = Instant::now();
            run();
            started.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
