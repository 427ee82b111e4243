//! How the zone finds the tokens of one source, and what that tells of the source.
#![expect(clippy::expect_used, reason = "a test that cannot look has failed")]

use e2e::memory::ZoneMemory;
use e2e::nginx::Nginx;
use e2e::scene::{Scene, Seen};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sha::sha256;
use openssl::sign::Signer;
use sts_zone::outside::KEY_MATERIAL;

const PURGE: &str = "location = /purge { STSCachePurge; }";

const PURPOSE: &[u8] = b"nginx-sts source tags 1";

/// HMAC with SHA-256.
fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = PKey::hmac(key).expect("a key");
    let mut signer = Signer::new(MessageDigest::sha256(), &key).expect("a signer");
    signer.sign_oneshot_to_vec(text).expect("a MAC")
}

/// The bytes of a tag that stand in the zone.
fn tag(secret: &[u8], source: &str) -> Vec<u8> {
    let mut mac = mac(&mac(secret, PURPOSE), source.as_bytes());
    mac.truncate(8);
    mac
}

/// The zone's own secret, as it lies in its memory.
fn key_material(zone: &ZoneMemory) -> Vec<u8> {
    (0..4).flat_map(|word| zone.word(KEY_MATERIAL + word).to_ne_bytes()).collect()
}

fn token(nginx: &Nginx, path: &str, user: &str) -> String {
    let token = Seen::by_backend(nginx.get(path).bearer(user).send()).token();
    assert!(devsts::is_for(&token, user), "{user} got {token}");
    token
}

/// How many tokens a purge of this source forgets.
fn purge(nginx: &Nginx, user: &str) -> String {
    let request = nginx.post("/purge", "").header("STS-Source-Token", user);
    request.send().expect_status(200).text()
}

#[test]
fn a_source_in_the_zone_is_nothing_that_a_guess_can_be_compared_with() {
    // With a passphrase nothing that lies in the zone tells the tag.
    for (setting, passphrase) in [
        ("STSCache shm size=1m;", None),
        ("STSCache shm size=1m; STSCryptoPassphrase secret;", Some("secret")),
        ("STSCache shm size=1m&encrypt=true;", None),
        ("STSCache shm size=1m&encrypt=true&passphrase=secret;", Some("secret")),
    ] {
        let scene = Scene::new();
        let server = format!("{setting} location / {{ %%OTX%% %%PASS%% }}");
        let nginx = scene.nginx().server(&server).start();
        token(&nginx, "/", "alice");

        let zone = ZoneMemory::of(nginx.worker());
        let own = tag(&key_material(&zone), "alice");
        assert_eq!(zone.holds(&own), passphrase.is_none(), "{setting}");
        if let Some(passphrase) = passphrase {
            assert!(zone.holds(&tag(passphrase.as_bytes(), "alice")), "{setting}");
        }
        // As it was before, and as it might be.
        let fields = [b"sts-source-1", &b"alice"[..]];
        let fields = fields.map(|field| [&(field.len() as u64).to_le_bytes(), field].concat());
        for digest in [sha256(&fields.concat()), sha256(b"alice")] {
            assert!(!zone.holds(&digest[..8]), "{setting}");
        }
    }
}

#[test]
fn a_purge_finds_a_source_whatever_its_tokens_were_kept_with() {
    let scene = Scene::new();
    let server = format!(
        "{PURGE}
        location /own {{ %%OTX%% %%PASS%% }}
        location /one {{ STSCryptoPassphrase one; %%OTX%% %%PASS%% }}
        location /two {{ STSCryptoPassphrase two; %%OTX%% %%PASS%% }}"
    );
    for cache in ["", "STSCache shm encrypt=true;"] {
        let nginx = scene.nginx().server(&format!("{cache} {server}")).start();
        let tokens = |user: &str| ["/own", "/one", "/two"].map(|path| token(&nginx, path, user));
        let (alice, bob) = (tokens("alice"), tokens("bob"));
        assert_eq!(purge(&nginx, "alice"), "purged 3\n", "{cache}");
        let again = tokens("alice");
        assert!(again.iter().all(|token| !alice.contains(token)), "{cache}");
        assert_eq!(tokens("bob"), bob, "{cache}");

        nginx.reload();
        assert_eq!(tokens("alice"), again, "{cache}");
        nginx.reload();
        assert_eq!(purge(&nginx, "alice"), "purged 3\n", "{cache}: after a reload");
        assert_eq!(purge(&nginx, "alice"), "purged 0\n", "{cache}");
        assert_eq!(tokens("bob"), bob, "{cache}");
    }
}

#[test]
fn a_token_that_was_purged_does_not_come_back_with_its_passphrase() {
    let scene = Scene::new();
    let with = |passphrase: &str| {
        let location =
            format!("location / {{ STSCryptoPassphrase {passphrase}; %%OTX%% %%PASS%% }}");
        scene.nginx().server(&format!("{PURGE} {location}"))
    };
    let nginx = with("one").start();
    let [alice, bob] = ["alice", "bob"].map(|user| token(&nginx, "/", user));

    nginx.reload_with(&with("two"));
    nginx.reload_with(&with("one"));
    assert_eq!(token(&nginx, "/", "alice"), alice, "it is there as long as it lives");

    nginx.reload_with(&with("two"));
    // It cannot be told any more to which source these tokens belong.
    assert_eq!(purge(&nginx, "alice"), "purged 2\n");
    nginx.reload_with(&with("one"));
    assert_ne!(token(&nginx, "/", "alice"), alice);
    assert_ne!(token(&nginx, "/", "bob"), bob);
}
