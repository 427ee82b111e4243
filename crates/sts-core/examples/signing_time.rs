//! How long signatures take, and tokens that are minted with them, beside the bare call of OpenSSL:
//! `cargo run --release -p sts-core --example signing_time` (ADR 11, ADR 20).
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "figures are to be read")]

use std::time::{Duration, Instant};

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Rsa;
use sts_core::jose::SigningKey;
use sts_core::mint::{self, Claim, ClaimType, Overrides, Recipe, Terms};
use sts_core::now::{Now, UnixTime};
use sts_core::secret::Secret;

const TIMES: usize = 400;

fn main() {
    let curve = |nid| {
        let group = EcGroup::from_curve_name(nid).unwrap();
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    };
    let rsa = |bits| PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
    println!("{:12} {:>12} {:>12} {:>12}", "key", "OpenSSL", "signature", "token");
    for (name, key) in [
        ("Ed25519", PKey::generate_ed25519().unwrap()),
        ("P-256", curve(Nid::X9_62_PRIME256V1)),
        ("P-384", curve(Nid::SECP384R1)),
        ("P-521", curve(Nid::SECP521R1)),
        ("RSA 2048", rsa(2048)),
        ("RSA 3072", rsa(3072)),
    ] {
        show(name, &key);
    }
}

fn show(name: &str, key: &PKey<Private>) {
    let pem = Secret::new(key.private_key_to_pem_pkcs8().unwrap());
    let signing = SigningKey::import_for_minting(&pem, None).unwrap();
    let claims = [
        Claim { name: "groups", claim_type: ClaimType::List, value: b"staff,admin" },
        Claim { name: "email", claim_type: ClaimType::String, value: b"alice@example.com" },
    ];
    let now = Now { wall: UnixTime(1_700_000_000), entropy: || Ok([7; 32]) };
    let terms = Terms::default();
    let recipe = || Recipe {
        source: Some(br#"{"sub":"alice","tenant":{"id":7}}"#),
        claims: &claims,
        overrides: Overrides { issuer: Some(b"https://gateway"), ..Overrides::default() },
    };
    // As `openssl speed` does it: one context, a digest that is there already.
    let digest = [7; 32];
    let bare = if matches!(name, "Ed25519") {
        None
    } else {
        let mut context = PkeyCtx::new(key).unwrap();
        context.sign_init().unwrap();
        if name.starts_with("RSA") {
            context.set_signature_md(openssl::md::Md::sha256()).unwrap();
        }
        let length = context.sign(&digest, None).unwrap();
        let mut signature = vec![0; length];
        Some(median(|| {
            context.sign(&digest, Some(&mut signature)).unwrap();
        }))
    };
    let bare = bare.map_or_else(|| "-".to_owned(), |time| format!("{time:.1?}"));
    let signature = median(|| {
        signing.sign(b"an input as long as that of a short token has it").unwrap();
    });
    let token = median(|| {
        mint::mint(&signing, &terms, &recipe(), None, &now).unwrap();
    });
    println!(
        "{name:12} {bare:>12} {:>12} {:>12}",
        format!("{signature:.1?}"),
        format!("{token:.1?}")
    );
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..TIMES)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    times.get(TIMES / 2).copied().unwrap_or_default()
}
