//! What lies in a store tells nothing, and nothing that is put there by others is used: `make test-stores`.

use e2e::scene::Scene;
use e2e::stores::{self, Server};
use e2e::wait::wait_for;
use sts_store::resp::Reply;

use crate::stores::{get, node, redis, share, values};

#[test]
#[ignore = "make test-stores has the servers"]
fn nothing_can_be_read_in_the_store() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &[]);
    let here = node(&scene, &redis(&store, "")).start();
    let (_, token) = get(&here, "alice");
    wait_for("the token in the store", || values(&store) == 1);
    for (name, value) in store.content() {
        let holds = |part: &str| {
            let is_in = |bytes: &[u8]| bytes.windows(part.len()).any(|it| it == part.as_bytes());
            is_in(&name) || is_in(&value)
        };
        assert!(name.starts_with(b"sts:") && name.len() == 47, "{name:?}");
        assert!(![&token[..], "alice", "otxclient", "127.0.0.1"].into_iter().any(holds));
    }
}

/// What an attacker with the store can do to a value.
type Attack = fn(&Server, &[u8], &[u8], &[u8]);

#[test]
#[ignore = "make test-stores has the servers"]
fn a_value_that_was_moved_cut_changed_or_replayed_is_a_miss_and_a_line() {
    let installed = stores::installed();
    let put = |store: &Server, name: &[u8], value: &[u8]| {
        store.ask(&[b"SET", name, value, b"PX", b"60000"]);
    };
    let attacks: [(&str, Attack); 4] = [
        ("moved", |store, _, bob, alices| {
            store.ask(&[b"SET", bob, alices, b"PX", b"60000"]);
        }),
        ("cut", |store, _, bob, _| {
            let Reply::Bulk(Some(value)) = store.ask(&[b"GET", bob]) else { panic!("no value") };
            let cut = &value.expose()[..value.len() - 1];
            store.ask(&[b"SET", bob, cut, b"PX", b"60000"]);
        }),
        ("changed", |store, _, bob, _| {
            let Reply::Bulk(Some(value)) = store.ask(&[b"GET", bob]) else { panic!("no value") };
            let mut changed = value.expose().to_vec();
            *changed.last_mut().unwrap() ^= 1;
            store.ask(&[b"SET", bob, &changed, b"PX", b"60000"]);
        }),
        ("clear", |store, _, bob, _| {
            store.ask(&[b"SET", bob, b"\x02evil", b"PX", b"60000"]);
        }),
    ];
    for (what, attack) in attacks {
        let scene = Scene::new();
        let store = Server::redis(&installed, &[]);
        let written = redis(&store, "");
        let here = node(&scene, &written).start();
        get(&here, "alice");
        wait_for("a token in the store", || values(&store) == 1);
        let (alice, alices) = store.values().remove(0);
        get(&here, "bob");
        wait_for("both tokens in the store", || values(&store) == 2);
        let bob = store.values().into_iter().find(|(name, _)| *name != alice).unwrap().0;
        put(&store, &alice, &alices);
        attack(&store, &alice, &bob, &alices);
        let there = node(&scene, &written).start();
        assert_eq!(get(&there, "alice").0, "HIT", "{what}");
        assert_eq!(get(&there, "bob"), ("MISS".into(), devsts::target_for("bob", 3)), "{what}");
        there.wait_for_log("has a value that does not open");
        let log = there.error_log();
        assert_eq!(log.matches("does not open").count(), 1, "{log}");
        // What it got replaces the other.
        let third = node(&scene, &written).start();
        wait_for("the good value", || get(&third, "bob").1 == devsts::target_for("bob", 3));
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn another_passphrase_opens_nothing_and_an_old_one_still_reads() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &[]);
    let of = |passphrase: &str, more: &str| {
        let port = store.port();
        format!("redis host=127.0.0.1&port={port}&passphrase={passphrase}&timeout=2s{more}")
    };
    let here = node(&scene, &of("one", "")).start();
    let (_, token) = get(&here, "alice");
    wait_for("the token in the store", || values(&store) == 1);
    let other = node(&scene, &of("two", "")).start();
    assert_eq!(get(&other, "alice").1, devsts::target_for("alice", 2));
    // Rotated: what was there is found, and lies under the new one from then on.
    let rotated = node(&scene, &of("three", "&passphrase_old=one")).start();
    assert_eq!(get(&rotated, "alice"), ("HIT".into(), token.clone()));
    let after = node(&scene, &of("three", "")).start();
    assert_eq!(get(&after, "alice"), ("HIT".into(), token));
    assert_eq!(scene.sts.call_count(), 2);
    // A purge is one for both.
    rotated.post("/purge", "").send().expect_status(200);
    let late = node(&scene, &of("one", "")).start();
    assert_eq!(get(&late, "alice").0, "MISS");
}

#[test]
#[ignore = "make test-stores has the servers"]
fn passphrases_and_passwords_are_read_from_files() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &["--requirepass", "s3cret-of-redis"]);
    let port = store.port();
    let written = format!(
        "redis host=127.0.0.1&port={port}&passphrase_file=passphrase&password_file=password&db=3\
         &timeout=2s"
    );
    let with_files = |passphrases: &str| {
        node(&scene, &written)
            .file("passphrase", passphrases)
            .file("password", "s3cret-of-redis\n")
            .forbid_in_log("s3cret-of-redis")
            .start()
    };
    let here = with_files("one\n");
    let there = with_files("two\none\n");
    let token = share(&here, &there, "alice");
    let third = with_files("two");
    assert_eq!(get(&third, "alice"), ("HIT".into(), token));
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
#[ignore = "make test-stores has the servers"]
fn without_a_passphrase_tokens_lie_in_clear_and_are_shared() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &[]);
    let port = store.port();
    let written = format!("redis host=127.0.0.1&port={port}&encrypt=insecure&timeout=2s");
    let here = node(&scene, &written).start();
    let there = node(&scene, &written).start();
    let token = share(&here, &there, "alice");
    assert!(store.values()[0].1.ends_with(token.as_bytes()));
}
