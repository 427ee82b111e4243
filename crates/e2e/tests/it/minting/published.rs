//! `STSJWKS`: keys before, while and after they sign.

use std::fs;

use e2e::nginx::Nginx;
use e2e::scene::Scene;
use e2e::wait::wait_for;
use serde_json::Value;

use super::keys::{named, secret, with};
use super::token::minted;
use super::{location, nginx};

const SETTINGS: &str = "STSName a; STSJWTKeyFile key.jwk next.jwk; STSCacheExpiresIn 0;";

fn server() -> String {
    format!("{} location /keys {{ STSJWKS a; }}", location("/", SETTINGS))
}

fn set(nginx: &Nginx) -> Value {
    nginx.get("/keys").send().expect_status(200).json()
}

fn names(nginx: &Nginx) -> Vec<String> {
    let set = set(nginx);
    let keys = set["keys"].as_array().unwrap();
    let mut names: Vec<_> =
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn replace(nginx: &Nginx, name: &str, content: &str) {
    let new = nginx.prefix().join("new");
    fs::write(&new, content).unwrap();
    fs::rename(new, nginx.prefix().join(name)).unwrap();
}

fn signer(nginx: &Nginx) -> String {
    let token = minted(nginx, "/", "{}");
    // Whatever signs is published by then.
    assert!(token.is_verified_by(&set(nginx)), "{}", token.header);
    token.header["kid"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_is_published_before_it_signs_and_after() {
    let scene = Scene::new();
    let nginx = nginx(&scene, &named("first")).workers(2).server(&server()).start();
    assert_eq!(names(&nginx), ["first"]);
    assert_eq!(signer(&nginx), "first");
    let last_of_first = minted(&nginx, "/", "{}");

    replace(&nginx, "next.jwk", &named("second"));
    wait_for("the next key in the set", || names(&nginx) == ["first", "second"]);
    assert_eq!(signer(&nginx), "first");

    fs::rename(nginx.prefix().join("next.jwk"), nginx.prefix().join("key.jwk")).unwrap();
    wait_for("the next key to sign", || signer(&nginx) == "second");
    assert_eq!(names(&nginx), ["first", "second"]);
    assert!(last_of_first.is_verified_by(&set(&nginx)));
    assert!(!nginx.error_log().contains("[error]"), "a file that was moved is no error");
}

#[test]
fn a_key_that_signed_is_published_over_a_reload_that_changes_it() {
    let scene = Scene::new();
    let nginx = nginx(&scene, &named("first")).server(&server()).start();
    let token = minted(&nginx, "/", "{}");
    replace(&nginx, "key.jwk", &named("second"));
    let old = nginx.workers();
    nginx.reload();
    wait_for("the new workers", || nginx.workers().iter().all(|worker| !old.contains(worker)));
    assert_eq!(names(&nginx), ["first", "second"]);
    assert!(token.is_verified_by(&set(&nginx)));
    assert_eq!(signer(&nginx), "second");
}

#[test]
fn a_key_that_cannot_be_used_leaves_the_old_one_in_use() {
    let scene = Scene::new();
    let nginx = nginx(&scene, &named("first")).server(&server()).start();
    replace(&nginx, "key.jwk", "s3cr3t");
    wait_for("a line of the log", || {
        assert_eq!(signer(&nginx), "first");
        nginx.error_log().contains("what was read before stays in use")
    });
    assert_eq!(names(&nginx), ["first"]);
    nginx.allow_in_log("what was read before stays in use");
}

#[test]
fn only_public_members_are_shown_and_only_to_those_that_read() {
    let scene = Scene::new();
    let key = named("first");
    let private: Value = serde_json::from_str(&key).unwrap();
    let nginx = nginx(&scene, &key).server(&server()).start();
    let answer = nginx.get("/keys").send().expect_status(200);
    assert!(!answer.text().contains(private["d"].as_str().unwrap()));
    let key = &answer.json()["keys"][0];
    let members: Vec<_> = key.as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!(nginx.request("HEAD", "/keys").send().expect_status(200).text(), "");
    let answer = nginx.post("/keys", "a").send().expect_status(405);
    assert_eq!(answer.header("Allow"), Some("GET, HEAD"));
}

#[test]
fn what_cannot_be_published_fails_the_configuration() {
    let scene = Scene::new();
    let (a, b) = (named("first"), secret(32).to_string());
    for (key, settings, jwks, parts) in [
        (&a, "STSJWTKeyFile key.jwk;", "STSJWKS a;", ["STSJWKS", "STSName a"]),
        (&a, "STSName a; STSJWTKeyFile key.jwk;", "STSJWKS a b;", ["STSJWKS", "\"b\""]),
        (&b, "STSName a; STSJWTKeyFile key.jwk;", "STSJWKS a;", ["STSJWKS", "HS256"]),
        (&a, "STSName a; STSJWTKeyFile key.jwk;", "STSJWKS a a;", ["STSJWKS", "twice"]),
        (&a, "STSName a; STSJWTKeyFile key.jwk;", "STSJWKS 'a b';", ["STSJWKS", "letters"]),
        (
            &a,
            "STSName a; STSJWTKeyFile key.jwk;",
            "STSJWKS a; STSCachePurge;",
            ["STSJWKS", "purge|answers"],
        ),
    ] {
        let server = format!("{} location /keys {{ {jwks} }}", location("/", settings));
        let checked = nginx(&scene, key).server(&server).check();
        assert!(!checked.ok, "{settings} {jwks}");
        for part in parts {
            let found = part.split('|').any(|part| checked.output.contains(part));
            assert!(found, "{part}: {}", checked.output);
        }
        assert!(!checked.output.contains(&with(secret(32), "a", "b")[..20]));
    }
}
