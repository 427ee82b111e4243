//! A purge is one of all nodes, whatever becomes of the store: `make test-stores`.

use std::time::Duration;

use e2e::scene::Scene;
use e2e::stores::{self, Server};
use e2e::wait::wait_for;

use crate::stores::{BOTH, get, node, redis, share, values};

#[test]
#[ignore = "make test-stores has the servers"]
fn a_purge_on_one_node_is_one_on_the_other_within_a_second() {
    let installed = stores::installed();
    for kind in BOTH {
        for purge in ["everything", "exchange", "source"] {
            let scene = Scene::new();
            let store = kind.start(&installed);
            let written = kind.written(&store);
            let here = node(&scene, &written).start();
            let there = node(&scene, &written).start();
            let token = share(&here, &there, "alice");
            let request = match purge {
                "exchange" => here.post(&format!("/purge?exchange={}", scene.sts.endpoint()), ""),
                "source" => here.post("/purge", "").header("STS-Source-Token", "alice"),
                _ => here.post("/purge", ""),
            };
            assert_eq!(request.send().expect_status(200).text(), "purged 1\n");
            assert_eq!(get(&here, "alice").0, "MISS", "{purge}");
            let purged = std::time::Instant::now();
            wait_for("the other node to forget", || get(&there, "alice").1 != token);
            assert!(purged.elapsed() < Duration::from_millis(1_500), "{:?}", purged.elapsed());
            // It has what was exchanged after the purge.
            assert_eq!(scene.sts.call_count(), 2, "{purge}");
        }
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_purge_that_the_store_cannot_be_told_of_is_503() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &[]);
    let here = node(&scene, &redis(&store, "")).start();
    get(&here, "alice");
    drop(store);
    here.post("/purge", "").send().expect_status(503);
    here.wait_for_log("the purge is that of this node only");
    assert_eq!(get(&here, "alice").0, "MISS");
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_lost_epoch_makes_everything_old() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &[]);
    let written = redis(&store, "");
    let here = node(&scene, &written).start();
    get(&here, "alice");
    wait_for("the token in the store", || values(&store) == 1);
    for (name, value) in store.content() {
        if value.len() == 16 {
            store.ask(&[b"DEL", &name]);
        }
    }
    let there = node(&scene, &written).start();
    assert_eq!(get(&there, "alice"), ("MISS".into(), devsts::target_for("alice", 2)));
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_store_that_goes_back_to_what_it_was_is_noticed() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &[]);
    let written = redis(&store, "");
    let here = node(&scene, &written).start();
    get(&here, "alice");
    wait_for("the token in the store", || values(&store) == 1);
    let before = store.content();
    here.post("/purge", "").send().expect_status(200);
    // As a replica has it that had not heard of the purge.
    for (name, value) in before {
        store.ask(&[b"SET", &name, &value, b"PX", b"60000"]);
    }
    here.wait_for_log("a store has gone back to what it was before the last purge");
    let there = node(&scene, &written).start();
    wait_for("the purge to hold again", || {
        get(&there, "alice").1 != devsts::target_for("alice", 1)
    });
}
