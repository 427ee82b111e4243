//! A Redis Cluster of three masters: `make test-stores`.

use std::time::{Duration, Instant};

use e2e::nginx::Nginx;
use e2e::scene::Scene;
use e2e::stores::cluster::{Cluster, text};
use e2e::stores::{self, Server};
use e2e::wait::{wait_for, wait_for_some};
use sts_store::cluster::slot;
use sts_store::resp::Reply;

use crate::stores::{PASSPHRASE, get, node};

fn written(cluster: &Cluster, told: &[usize], options: &str) -> String {
    let told = cluster.written(told);
    format!("redis host={told}&cluster=true&passphrase={PASSPHRASE}{options}")
}

/// Waits until tokens are shared; says how long that took.
fn shared_after(here: &Nginx, there: &Nginx, what: &str) -> Duration {
    let started = Instant::now();
    let mut number = 0;
    // Of names on all nodes.
    let mut in_a_row = 0;
    wait_for("tokens to be shared", || {
        number += 1;
        let user = format!("{what}-{number}");
        let (_, token) = get(here, &user);
        let is_shared = get(there, &user) == ("HIT".into(), token);
        in_a_row = if is_shared { in_a_row + 1 } else { 0 };
        in_a_row == 12
    });
    started.elapsed()
}

#[test]
#[ignore = "make test-stores has the servers"]
fn tokens_are_shared_over_all_nodes_of_which_one_is_told() {
    let installed = stores::installed();
    let scene = Scene::new();
    let cluster = Cluster::start(&installed, false);
    let here = node(&scene, &written(&cluster, &[1], "&timeout=2s")).start();
    let there = node(&scene, &written(&cluster, &[0, 2], "&timeout=2s")).start();
    for number in 0..60 {
        let user = format!("user-{number}");
        let (status, token) = get(&here, &user);
        assert_eq!(status, "MISS");
        assert_eq!(get(&there, &user), ("HIT".into(), token), "{user} {}", there.error_log());
    }
    assert_eq!(scene.sts.call_count(), 60);
    wait_for("all tokens in the Cluster", || cluster.values().len() == 60);
    let values = cluster.values();
    for node in 0..3 {
        let count = values.iter().filter(|(of, ..)| *of == node).count();
        assert!(count > 5, "{count} on node {node}");
    }
    for (of, name, _) in &values {
        assert!(Cluster::shares()[*of].contains(&slot(name)));
    }
    for nginx in [&here, &there] {
        assert!(!nginx.error_log().contains("of no use"), "{}", nginx.error_log());
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_herd_over_two_nodes_makes_one_call_with_a_cluster() {
    let installed = stores::installed();
    let scene = Scene::new();
    scene.sts.script(
        devsts::When::any(),
        devsts::Script::new().wait(Duration::from_millis(300)).usual(),
    );
    let cluster = Cluster::start(&installed, false);
    let written = written(&cluster, &[0, 1, 2], "&timeout=2s");
    let nodes = [0, 1].map(|_| node(&scene, &written).workers(2).start());
    let tokens = e2e::parallel::in_parallel(200, 200, |number| get(&nodes[number % 2], "alice").1);
    assert!(tokens.iter().all(|token| *token == devsts::target_for("alice", 1)));
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_slot_that_has_moved_and_one_that_moves_are_followed() {
    let installed = stores::installed();
    for is_whole in [true, false] {
        let scene = Scene::new();
        let cluster = Cluster::start(&installed, false);
        let written = written(&cluster, &[0, 1, 2], "&timeout=2s");
        let here = node(&scene, &written).start();
        // Both know where all is.
        let there = node(&scene, &written).start();
        shared_after(&here, &there, "before");
        let before = scene.sts.call_count();
        let count = cluster.values().len();
        let (_, token) = get(&here, "alice");
        let is_put = || cluster.values().len() > count;
        wait_for("the token in the Cluster", is_put);
        // Her name is the one that another passphrase does not have: the newest.
        let (from, name, _) = wait_for_some("her value", || {
            cluster.values().into_iter().max_by_key(|(of, name, _)| {
                match cluster.nodes[*of].ask(&[b"PTTL", name]) {
                    Reply::Integer(left) => left,
                    _ => 0,
                }
            })
        });
        let to = (from + 1) % 3;
        cluster.move_slot(slot(&name), from, to, is_whole);
        let asked = cluster.nodes[from].try_ask(&[b"GET", &name]);
        let word = if is_whole { "MOVED" } else { "ASK" };
        assert!(matches!(asked, Reply::Error(text) if text.starts_with(word)));
        assert_eq!(get(&there, "alice"), ("HIT".into(), token), "{word} {}", there.error_log());
        // Names of that slot are written there as well.
        let third = node(&scene, &written).start();
        assert_eq!(get(&third, "alice").0, "HIT", "{word}");
        assert_eq!(scene.sts.call_count(), before + 1, "{word}");
        for nginx in [&here, &there, &third] {
            assert!(!nginx.error_log().contains("of no use"), "{}", nginx.error_log());
        }
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn the_slot_of_all_epochs_may_move_as_well() {
    let installed = stores::installed();
    let scene = Scene::new();
    let cluster = Cluster::start(&installed, false);
    let written = written(&cluster, &[0, 1, 2], "&timeout=2s");
    let here = node(&scene, &written).start();
    let there = node(&scene, &written).start();
    shared_after(&here, &there, "before");
    let epochs = slot(b"epochs");
    let from = Cluster::shares().iter().position(|share| share.contains(&epochs)).unwrap();
    for (to, is_whole) in [((from + 1) % 3, false), ((from + 1) % 3, true)] {
        cluster.move_slot(epochs, from, to, is_whole);
        shared_after(&here, &there, "moved");
        let (_, token) = get(&here, "alice");
        assert_eq!(get(&there, "alice").1, token);
        here.post("/purge", "").send().expect_status(200);
        wait_for("the other node to forget", || get(&there, "alice").1 != token);
    }
    for nginx in [&here, &there] {
        assert!(!nginx.error_log().contains("gone back"), "{}", nginx.error_log());
        assert!(!nginx.error_log().contains("of no use"), "{}", nginx.error_log());
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_purge_reaches_tokens_on_all_nodes() {
    let installed = stores::installed();
    for purge in ["everything", "exchange", "source"] {
        let scene = Scene::new();
        let cluster = Cluster::start(&installed, false);
        let written = written(&cluster, &[0, 1, 2], "&timeout=2s");
        let here = node(&scene, &written).start();
        let there = node(&scene, &written).start();
        let users: Vec<_> = match purge {
            "source" => vec!["alice".to_owned()],
            _ => (0..12).map(|number| format!("user-{number}")).collect(),
        };
        let old: Vec<_> = users.iter().map(|user| get(&here, user).1).collect();
        for (user, old) in users.iter().zip(&old) {
            assert_eq!(get(&there, user), ("HIT".into(), old.clone()));
        }
        let request = match purge {
            "exchange" => here.post(&format!("/purge?exchange={}", scene.sts.endpoint()), ""),
            "source" => here.post("/purge", "").header("STS-Source-Token", "alice"),
            _ => here.post("/purge", ""),
        };
        request.send().expect_status(200);
        let purged = Instant::now();
        for (user, old) in users.iter().zip(&old) {
            wait_for("the other node to forget", || get(&there, user).1 != *old);
        }
        assert!(purged.elapsed() < Duration::from_millis(1_500), "{:?}", purged.elapsed());
        for (user, old) in users.iter().zip(&old) {
            assert_ne!(get(&here, user).1, *old, "{purge}");
        }
        assert_eq!(scene.sts.call_count(), 2 * users.len() as u64, "{purge}");
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_master_that_dies_is_left_for_its_replica() {
    let installed = stores::installed();
    let scene = Scene::new();
    let mut cluster = Cluster::start(&installed, true);
    let written = written(&cluster, &[0, 1, 2], "&timeout=100ms");
    let here = node(&scene, &written).start();
    let there = node(&scene, &written).start();
    shared_after(&here, &there, "before");
    // It dies, and is not there for the old name again.
    drop(cluster.nodes.remove(0));
    let replica = cluster.nodes.pop().unwrap();
    let mut number = 0;
    wait_for("the replica to take over", || {
        number += 1;
        // Requests go on meanwhile.
        get(&here, &format!("meanwhile-{number}"));
        get(&there, &format!("meanwhile-{number}"));
        text(replica.ask(&[b"INFO", b"replication"])).contains("role:master")
            && text(replica.ask(&[b"CLUSTER", b"INFO"])).contains("cluster_state:ok")
    });
    let took = shared_after(&here, &there, "after");
    assert!(took < Duration::from_secs(3), "{took:?}");
    let (_, token) = get(&here, "alice");
    assert_eq!(get(&there, "alice").1, token);
    here.post("/purge", "").send().expect_status(200);
    wait_for("the other node to forget", || get(&there, "alice").1 != token);
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_cluster_costs_next_to_nothing_when_a_node_hangs() {
    let installed = stores::installed();
    let scene = Scene::new();
    let cluster = Cluster::start(&installed, false);
    let nginx = node(&scene, &written(&cluster, &[0, 1, 2], "")).start();
    get(&nginx, "warm");
    for node in &cluster.nodes {
        node.freeze();
    }
    for number in 0..10 {
        let started = Instant::now();
        get(&nginx, &format!("user-{number}"));
        assert!(started.elapsed() < Duration::from_millis(170), "{:?}", started.elapsed());
    }
    nginx.wait_for_log("is of no use");
    cluster.nodes.iter().for_each(Server::thaw);
}

#[test]
#[ignore = "make test-stores has the servers"]
fn an_acl_without_the_list_of_slots_suffices() {
    let installed = stores::installed();
    let scene = Scene::new();
    let cluster = Cluster::start(&installed, false);
    for node in &cluster.nodes {
        let rules: [&[u8]; 11] = [
            b"ACL",
            b"SETUSER",
            b"nginx",
            b"on",
            b">s3cret",
            b"~sts:*",
            b"-@all",
            b"+get",
            b"+set",
            b"+pttl",
            b"+pexpire",
        ];
        node.ask(&rules);
    }
    let written = written(&cluster, &[0, 1, 2], "&timeout=2s&username=nginx&password=s3cret");
    let here = node(&scene, &written).start();
    let there = node(&scene, &written).start();
    shared_after(&here, &there, "user");
    for nginx in [&here, &there] {
        assert!(!nginx.error_log().contains("of no use"), "{}", nginx.error_log());
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn one_node_of_a_cluster_alone_says_what_is_missing() {
    let installed = stores::installed();
    let scene = Scene::new();
    let cluster = Cluster::start(&installed, false);
    let port = cluster.nodes[0].port();
    let written = format!("redis host=127.0.0.1&port={port}&passphrase={PASSPHRASE}&timeout=2s");
    let nginx = node(&scene, &written).start();
    for number in 0..6 {
        get(&nginx, &format!("user-{number}"));
    }
    let line = nginx.wait_for_log("is of no use");
    assert!(line.contains("cluster=true"), "{line}");
}
