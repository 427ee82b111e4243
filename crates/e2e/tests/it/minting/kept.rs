//! For how long a token is used again, and by which requests.

use e2e::scene::Scene;
use serde_json::json;

use super::keys::{elliptic, named, with};
use super::token::{Token, minted};
use super::{location, nginx};

#[test]
fn a_token_is_kept_for_those_with_the_same_claims() {
    let scene = Scene::new();
    let settings = "STSJWTKeyFile key.jwk; STSJWTClaim device $http_x_device;";
    let nginx = nginx(&scene, &named("a")).workers(2).server(&location("/", settings)).start();
    let send = |claims: &str, device: &str| {
        let response = nginx.get("/").header("X-Claims", claims).header("X-Device", device).send();
        let status = response.header("Status").unwrap().to_owned();
        (status, Token::seen(response).text)
    };
    let (status, first) = send(r#"{"sub":"alice"}"#, "a");
    assert_eq!(status, "MISS");
    assert_eq!(send(r#"{"sub":"alice"}"#, "a"), ("HIT".to_owned(), first.clone()));
    for (claims, device) in [
        (r#"{"sub":"bob"}"#, "a"),
        (r#"{"sub":"alice"}"#, "b"),
        // Another text may be another token.
        (r#"{ "sub":"alice"}"#, "a"),
    ] {
        let (status, token) = send(claims, device);
        assert_eq!(status, "MISS", "{claims} {device}");
        assert_ne!(token, first);
    }
}

#[test]
fn a_token_is_kept_no_longer_than_it_lives() {
    let scene = Scene::new();
    let settings = "STSJWTKeyFile key.jwk; STSJWTLifetime 100s;";
    let nginx = nginx(&scene, &named("a")).server(&location("/", settings)).start();
    let response = nginx.get("/").header("X-Claims", "{}").send();
    let left: u64 = response.header("Left").unwrap().parse().unwrap();
    // A tenth of the life is the leeway.
    assert!((85..=90).contains(&left), "{left}");
}

#[test]
fn without_a_cache_each_request_has_a_token_of_its_own() {
    let scene = Scene::new();
    let settings = "STSJWTKeyFile key.jwk; STSCacheExpiresIn 0;";
    let nginx = nginx(&scene, &named("a")).server(&location("/", settings)).start();
    let id = || minted(&nginx, "/", "{}").claims["jti"].clone();
    assert_ne!(id(), id());
}

#[test]
fn a_purge_forgets_what_was_minted() {
    let scene = Scene::new();
    let server = format!(
        "{} location /purge {{ allow 127.0.0.1; deny all; STSCachePurge; }}",
        location("/", "STSJWTKeyFile key.jwk;")
    );
    let nginx = nginx(&scene, &named("a")).server(&server).start();
    let status = || {
        let response = nginx.get("/").header("X-Claims", r#"{"sub":"alice"}"#).send();
        response.header("Status").unwrap().to_owned()
    };
    assert_eq!((status(), status()), ("MISS".to_owned(), "HIT".to_owned()));
    for purge in [
        nginx.post("/purge", ""),
        nginx.post("/purge?exchange=jwt", ""),
        nginx.post("/purge", "").header("STS-Source-Token", r#"{"sub":"alice"}"#),
    ] {
        assert_eq!(purge.send().expect_status(200).text(), "purged 1\n");
        assert_eq!((status(), status()), ("MISS".to_owned(), "HIT".to_owned()));
    }
}

#[test]
fn an_encrypted_cache_keeps_no_token_in_clear_and_gives_it_back() {
    let scene = Scene::new();
    let settings = "STSJWTKeyFile key.jwk; STSCache shm encrypt=true&passphrase=s3cr3t;";
    let nginx = nginx(&scene, &named("a")).server(&location("/", settings)).start();
    let text = |status: &str| {
        let response = nginx.get("/").header("X-Claims", "{}").send();
        assert_eq!(response.header("Status"), Some(status));
        Token::seen(response).text
    };
    assert_eq!(text("MISS"), text("HIT"));
}

#[test]
fn no_request_waits_and_other_locations_with_the_same_exchange_share() {
    let scene = Scene::new();
    let key = with(elliptic("P-256"), "kid", "k");
    let one = location("/one", "STSJWTKeyFile key.jwk; STSJWTIssuer a;");
    let other = location("/other", "STSJWTKeyFile key.jwk; STSJWTIssuer a; STSOnError pass;");
    let third = location("/third", "STSJWTKeyFile key.jwk; STSJWTIssuer b;");
    let nginx = nginx(&scene, &key).server(&format!("{one} {other} {third}")).start();
    let first = minted(&nginx, "/one", "{}");
    assert_eq!(minted(&nginx, "/other", "{}").text, first.text);
    let third = minted(&nginx, "/third", "{}");
    assert_ne!(third.text, first.text);
    assert_eq!(third.stable_claims(), json!({ "iss": "b" }));
    assert!(scene.sts.calls().is_empty());
}
