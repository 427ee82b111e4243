//! What two nodes do with a store at the same moment: `make test-stores`.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use devsts::{Script, Sts, When};
use e2e::relay::{Pass, Relay};
use e2e::scene::Scene;
use e2e::stores::{self, Server};
use e2e::wait::{holds_within, wait_for};

use crate::stores::{BOTH, Kind, LOCATION, PASSPHRASE, get, node, node_with, redis, share, values};

/// A message of a purge, and of nothing else: it sets an epoch.
fn is_of_purge(kind: Kind, message: &[u8]) -> bool {
    match kind {
        Kind::Redis => message.starts_with(b"*3\r\n$3\r\nSET\r\n"),
        Kind::Memcached => {
            let line = message.split(|byte| *byte == b'\r').next().unwrap_or_default();
            let words: Vec<_> = line.split(|byte| *byte == b' ').collect();
            // Not one that only makes what is missing, nor one that is tried again.
            matches!(words[..], [b"ms", _, b"16"])
        }
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn each_of_two_purges_at_once_is_seen_by_the_other_node() {
    let installed = stores::installed();
    for kind in BOTH {
        let scene = Scene::new();
        let store = kind.start(&installed);
        let written = kind.written(&store);
        // Both nodes have asked before either sets anything.
        let both = Arc::new(Barrier::new(2));
        let relay = Relay::to(store.port(), move |message| {
            if is_of_purge(kind, message) { Pass::With(both.clone()) } else { Pass::On }
        });
        let written = written.replace(&store.port().to_string(), &relay.port().to_string());
        let nodes = [0, 1].map(|_| node(&scene, &written).start());
        let users = ["alice", "bob"];
        let old = users.map(|user| share(&nodes[0], &nodes[1], user));
        std::thread::scope(|scope| {
            for (nginx, user) in nodes.iter().zip(users) {
                scope.spawn(move || {
                    nginx
                        .post("/purge", "")
                        .header("STS-Source-Token", user)
                        .send()
                        .expect_status(200);
                });
            }
        });
        for nginx in &nodes {
            for (user, old) in users.iter().zip(&old) {
                let is_seen = holds_within(Duration::from_secs(3), || get(nginx, user).1 != *old);
                assert!(is_seen, "the purge of {user} is not seen");
            }
            assert!(!nginx.error_log().contains("gone back"), "{}", nginx.error_log());
        }
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_token_of_an_older_passphrase_is_used_although_it_cannot_be_moved() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &[]);
    let of = |port: u16, passphrase: &str, more: &str| {
        format!("redis host=127.0.0.1&port={port}&passphrase={passphrase}&timeout=500ms{more}")
    };
    let here = node(&scene, &of(store.port(), "one", "")).start();
    let (_, token) = get(&here, "alice");
    wait_for("the token in the store", || values(&store) == 1);
    // What sets a value never arrives; a lease is short.
    let relay = Relay::to(store.port(), |message| {
        let sets = message.windows(5).any(|it| it == b"\nSET\r")
            && !message.windows(5).any(|it| it == b"\nGET\r");
        if sets && message.len() > 200 { Pass::Never } else { Pass::On }
    });
    let rotated = node(&scene, &of(relay.port(), "two", "&passphrase_old=one")).start();
    assert_eq!(get(&rotated, "alice"), ("HIT".into(), token));
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_lease_under_an_older_passphrase_is_no_value_that_does_not_open() {
    let installed = stores::installed();
    for kind in BOTH {
        let scene = Scene::new();
        scene.sts.script(When::call(1), Script::new().wait(Duration::from_secs(2)).usual());
        let store = kind.start(&installed);
        let written = kind.written(&store);
        let here = node(&scene, &written).start();
        let rotated = written.replace(PASSPHRASE, "another-one");
        let rotated = format!("{rotated}&passphrase_old={PASSPHRASE}");
        let there = node(&scene, &rotated).start();
        std::thread::scope(|scope| {
            let first = scope.spawn(|| get(&here, "alice"));
            assert!(scene.sts.wait_for_calls(1, e2e::wait::DEADLINE));
            assert_eq!(get(&there, "alice").0, "MISS");
            first.join().unwrap();
        });
        assert!(!there.error_log().contains("does not open"), "{}", there.error_log());
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_purge_of_another_node_empties_the_zone_once_for_all_workers() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &[]);
    let written = redis(&store, "&size=32m");
    let here = node(&scene, &written).start();
    let there = node(&scene, &written).workers(4).start();
    let old = share(&here, &there, "alice");
    // All of its workers watch the store.
    for number in 0..40 {
        get(&there, &format!("user-{number}"));
    }
    here.post("/purge", "").send().expect_status(200);
    wait_for("the other node to forget", || get(&there, "alice").1 != old);
    let line = "forgotten after a purge of another node";
    there.wait_for_log(line);
    // Each worker has looked once more.
    std::thread::sleep(Duration::from_millis(2_000));
    assert_eq!(there.error_log().matches(line).count(), 1, "{}", there.error_log());
}

#[test]
#[ignore = "make test-stores has the servers"]
fn the_token_of_an_older_call_replaces_no_newer_one() {
    let installed = stores::installed();
    for kind in BOTH {
        let scene = Scene::new();
        scene.sts.script(When::call(1), Script::new().wait(Duration::from_secs(4)).usual());
        let store = kind.start(&installed);
        let written = kind.written(&store);
        let of = |seconds: u32| {
            let server = LOCATION.replace("%%OTX%%", &format!("%%OTX%% STSHTTPTimeOut {seconds};"));
            node_with(&scene, &written, &server).start()
        };
        let (here, there) = (of(20), of(2));
        std::thread::scope(|scope| {
            let first = scope.spawn(|| get(&here, "alice").1);
            assert!(scene.sts.wait_for_calls(1, e2e::wait::DEADLINE));
            // It waits for the other node for half its time.
            assert_eq!(get(&there, "alice").1, devsts::target_for("alice", 2));
            assert_eq!(first.join().unwrap(), devsts::target_for("alice", 1));
        });
        // What the first call has brought is put now, or not.
        get(&here, "bob");
        let third = of(20);
        wait_for("bob's token in the store", || get(&third, "bob").0 == "HIT");
        assert_eq!(get(&third, "alice"), ("HIT".into(), devsts::target_for("alice", 2)));
    }
}

/// As long as a few lives of a token of ten seconds.
const RUN: Duration = Duration::from_secs(26);

fn renewals_of_two_nodes(kind: Kind, installed: &std::path::Path) -> u64 {
    let scene = Scene::with(Sts::builder().expires_in(10));
    scene.sts.script(When::any(), Script::new().wait(Duration::from_millis(300)).usual());
    let store = kind.start(installed);
    let written = kind.written(&store);
    let server = LOCATION.replace("STSRefreshAhead off", "STSRefreshAhead 80");
    let nodes = [0, 1].map(|_| node_with(&scene, &written, &server).workers(2).start());
    let started = Instant::now();
    assert_eq!(get(&nodes[0], "alice").0, "MISS");
    std::thread::scope(|scope| {
        for nginx in &nodes {
            scope.spawn(move || {
                while started.elapsed() < RUN {
                    let (status, token) = get(nginx, "alice");
                    assert!(devsts::is_for(&token, "alice"));
                    assert!(matches!(&*status, "HIT" | "REFRESHED"), "{status}");
                    std::thread::sleep(Duration::from_millis(4));
                }
            });
        }
    });
    scene.sts.call_count()
}

#[test]
#[ignore = "make test-stores has the servers"]
fn two_nodes_make_one_call_for_each_renewal() {
    let installed = stores::installed();
    let calls = std::thread::scope(|scope| {
        let runs = BOTH.map(|kind| {
            scope.spawn({
                let installed = &installed;
                move || renewals_of_two_nodes(kind, installed)
            })
        });
        runs.map(|run| run.join().unwrap())
    });
    // Each is renewed when eight seconds are over, or up to two less of memcached, which tells whole
    // seconds only; two nodes that renew for themselves come to seven and more.
    assert!(calls.iter().all(|calls| (3..=5).contains(calls)), "{calls:?} calls");
}
