//! Two nodes and a store that they share: `make test-stores`.
//!
//! Without the servers that it puts into place these tests have nothing to share.

use std::time::Duration;

use devsts::{Script, When};
use e2e::nginx::{Builder, Nginx};
use e2e::parallel::in_parallel;
use e2e::scene::Scene;
use e2e::stores::{self, Server};

pub(crate) const PASSPHRASE: &str = "a-passphrase-of-the-test";

pub(crate) const LOCATION: &str = r#"
    STSCache %%STORE%%;
    STSRefreshAhead off;
    location / {
        %%OTX%%
        STSPhase rewrite;
        add_header Status "$sts_status" always;
        add_header Expires-In "$sts_expires_in" always;
        return 200 "$target_token";
    }
    location = /purge { STSCachePurge; allow all; }
    location = /status { stub_status; }
"#;

/// A store of either kind, and how it is written.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Redis,
    Memcached,
}

pub(crate) const BOTH: [Kind; 2] = [Kind::Redis, Kind::Memcached];

impl Kind {
    pub(crate) fn start(&self, installed: &std::path::Path) -> Server {
        match self {
            Self::Redis => Server::redis(installed, &[]),
            Self::Memcached => Server::memcached(installed, &[]),
        }
    }

    pub(crate) fn written(&self, store: &Server) -> String {
        match self {
            Self::Redis => redis(store, ""),
            Self::Memcached => format!(
                "memcache config_string=--SERVER%3D127.0.0.1:{}&passphrase={PASSPHRASE}&timeout=2s",
                store.port()
            ),
        }
    }
}

/// The time-out is for tests that are not about it, on a machine with other things to do.
pub(crate) fn redis(store: &Server, options: &str) -> String {
    format!(
        "redis host=127.0.0.1&port={}&passphrase={PASSPHRASE}&timeout=2s{options}",
        store.port()
    )
}

pub(crate) fn node(scene: &Scene, written: &str) -> Builder {
    node_with(scene, written, LOCATION)
}

pub(crate) fn node_with(scene: &Scene, written: &str, server: &str) -> Builder {
    scene
        .nginx()
        .set("STORE", format!("\"{written}\"").replacen(' ', "\" \"", 1))
        .server(server)
        .forbid_in_log(PASSPHRASE)
}

/// Token and cache status of a request.
#[track_caller]
pub(crate) fn get(nginx: &Nginx, user: &str) -> (String, String) {
    let response = nginx.get("/").bearer(user).send().expect_status(200);
    (response.header("Status").unwrap_or_default().to_owned(), response.text())
}

pub(crate) fn values(store: &Server) -> usize {
    store.values().len()
}

/// Exchanges on one node, and waits until the other has it by the store.
#[track_caller]
pub(crate) fn share(here: &Nginx, there: &Nginx, user: &str) -> String {
    let (status, token) = get(here, user);
    assert_eq!(status, "MISS", "{}", here.error_log());
    // The put is detached.
    let mut other = get(there, user);
    assert!(other.0 == "HIT", "{other:?} {}", there.error_log());
    other.0.clear();
    assert_eq!(other.1, token);
    token
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_token_of_one_node_is_a_hit_of_the_other_and_then_in_its_zone() {
    let installed = stores::installed();
    for kind in BOTH {
        let scene = Scene::new();
        let store = kind.start(&installed);
        let written = kind.written(&store);
        let here = node(&scene, &written).start();
        let there = node(&scene, &written).start();
        let token = share(&here, &there, "alice");
        assert_eq!(token, devsts::target_for("alice", 1));
        // Without the store it is there, too.
        drop(store);
        assert_eq!(get(&there, "alice"), ("HIT".into(), token));
        assert_eq!(scene.sts.call_count(), 1);
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_herd_over_two_nodes_makes_one_call_also_of_a_slow_sts() {
    let installed = stores::installed();
    for (kind, wait) in [(Kind::Redis, 300), (Kind::Memcached, 300), (Kind::Redis, 5_000)] {
        let scene = Scene::new();
        scene.sts.script(When::any(), Script::new().wait(Duration::from_millis(wait)).usual());
        let store = kind.start(&installed);
        let written = kind.written(&store);
        let nodes = [0, 1].map(|_| node(&scene, &written).workers(2).start());
        let tokens = in_parallel(200, 200, |number| get(&nodes[number % 2], "alice").1);
        assert!(tokens.iter().all(|token| *token == devsts::target_for("alice", 1)));
        assert_eq!(scene.sts.call_count(), 1, "an STS of {wait} ms");
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_node_that_dies_with_the_lease_costs_one_more_call() {
    let installed = stores::installed();
    for kind in BOTH {
        let scene = Scene::new();
        scene.sts.script(When::call(1), Script::new().hang());
        let store = kind.start(&installed);
        let written = kind.written(&store);
        let here = node(&scene, &written).start();
        let there = node(&scene, &written).start();
        std::thread::scope(|scope| {
            let mut first = here.connect();
            first.send("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer alice\r\n\r\n");
            assert!(scene.sts.wait_for_calls(1, e2e::wait::DEADLINE));
            let herd = scope.spawn(|| in_parallel(50, 50, |_| get(&there, "alice").1));
            there.wait_until_waiting("/status", 50);
            here.kill_worker(here.worker());
            let tokens = herd.join().unwrap();
            assert!(tokens.iter().all(|token| *token == devsts::target_for("alice", 2)));
        });
        assert_eq!(scene.sts.call_count(), 2);
        here.stop_at_once();
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_refusal_gives_the_lease_to_the_other_node() {
    let installed = stores::installed();
    for kind in BOTH {
        let scene = Scene::new();
        let store = kind.start(&installed);
        let written = kind.written(&store);
        let here = node(&scene, &written).start();
        let there = node(&scene, &written).start();
        let refused = "error-invalid_grant.alice";
        here.get("/").bearer(refused).send().expect_status(401);
        let started = std::time::Instant::now();
        there.get("/").bearer(refused).send().expect_status(401);
        assert!(started.elapsed() < Duration::from_millis(1_500), "{:?}", started.elapsed());
        assert_eq!(scene.sts.call_count(), 2);
    }
}
