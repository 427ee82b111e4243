//! What lies in a store: for how long, of which size, and what is left of it when the store needs the room or
//! starts anew: `make test-stores`.

use std::time::Duration;

use devsts::Sts;
use e2e::scene::Scene;
use e2e::stores::{self, Server};
use e2e::wait::wait_for;
use sts_store::resp::Reply;

use crate::stores::{BOTH, Kind, get, node, redis, share, values};

#[test]
#[ignore = "make test-stores has the servers"]
fn a_life_in_the_store_is_what_is_left_of_it() {
    let installed = stores::installed();
    let scene = Scene::with(Sts::builder().expires_in(6));
    let store = Server::redis(&installed, &[]);
    let written = redis(&store, "");
    let here = node(&scene, &written).start();
    let there = node(&scene, &written).start();
    let token = share(&here, &there, "alice");
    let (name, _) = store.values().remove(0);
    let Reply::Integer(left) = store.ask(&[b"PTTL", &name]) else { panic!("no time") };
    assert!((1..=6_000).contains(&left), "{left}");
    // The store makes no life longer.
    store.ask(&[b"PEXPIRE", &name, b"600000"]);
    let exchanged = std::time::Instant::now();
    let third = node(&scene, &written).start();
    wait_for("the token to end", || get(&third, "alice").1 != token);
    assert!(exchanged.elapsed() < Duration::from_secs(7), "{:?}", exchanged.elapsed());
    // A life that the store says is over soon is over soon.
    assert_ne!(get(&here, "alice").1, token);
}

/// How late each of two nodes gives another token than the one that lives for eight seconds.
fn ends_with_clocks(offsets: [&str; 2], installed: &std::path::Path) -> [Duration; 2] {
    let scene = Scene::with(Sts::builder().expires_in(8));
    let store = Server::redis(installed, &[]);
    let written = redis(&store, "");
    let clock = installed.join("libfaketime.so.1");
    let nodes = offsets.map(|offset| {
        node(&scene, &written)
            .main("env FAKETIME;\n")
            .environment("LD_PRELOAD", &clock)
            .environment("FAKETIME", offset)
            .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .start()
    });
    let asked = std::time::Instant::now();
    let (status, token) = get(&nodes[0], "alice");
    assert_eq!(status, "MISS");
    wait_for("the token in the store", || values(&store) == 1);
    assert_eq!(get(&nodes[1], "alice"), ("HIT".into(), token.clone()));
    nodes.map(|nginx| {
        wait_for("the token to end", || get(&nginx, "alice").1 != token);
        asked.elapsed()
    })
}

#[test]
#[ignore = "make test-stores has the servers"]
fn no_token_lives_longer_where_two_clocks_are_five_seconds_apart() {
    let installed = stores::installed();
    let offsets = [["+5s", "+0s"], ["+0s", "+5s"]];
    let ends = std::thread::scope(|scope| {
        let runs = offsets.map(|of| {
            scope.spawn({
                let installed = &installed;
                move || ends_with_clocks(of, installed)
            })
        });
        runs.map(|run| run.join().unwrap())
    });
    for end in ends.iter().flatten() {
        assert!(*end < Duration::from_millis(8_300), "{ends:?}");
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn tokens_of_any_size_up_to_the_limit_are_shared() {
    let installed = stores::installed();
    for kind in BOTH {
        let scene = Scene::new();
        let store = kind.start(&installed);
        let written = kind.written(&store);
        let here = node(&scene, &written).start();
        let there = node(&scene, &written).start();
        for size in [1_000, 20_000, 120_000] {
            let user = format!("size-{size}.alice");
            let token = share(&here, &there, &user);
            assert!(token.len() >= size, "{}", token.len());
        }
        // What is sealed has all bytes, and came through.
        let values: Vec<Vec<u8>> = match kind {
            Kind::Redis => store.values().into_iter().map(|(_, value)| value).collect(),
            Kind::Memcached => store.items(),
        };
        assert!(values.iter().any(|value| value.len() > 100_000 && value.contains(&0)));
        let large = "size-140000.alice";
        get(&here, large);
        assert_eq!(get(&there, large).0, "MISS");
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_store_that_starts_anew_in_the_middle_is_used_again() {
    let installed = stores::installed();
    for kind in BOTH {
        let scene = Scene::new();
        let store = kind.start(&installed);
        let port = store.port();
        let written = kind.written(&store);
        let here = node(&scene, &written).start();
        let there = node(&scene, &written).start();
        share(&here, &there, "alice");
        drop(store);
        assert_eq!(get(&here, "bob").0, "MISS");
        assert_eq!(get(&there, "bob").0, "MISS");
        let _store = match kind {
            Kind::Redis => Server::redis_at(&installed, port, &[]),
            Kind::Memcached => Server::memcached_at(&installed, port, &[]),
        };
        let mut number = 0;
        wait_for("tokens to be shared again", || {
            number += 1;
            let user = format!("carol-{number}");
            let (_, token) = get(&here, &user);
            get(&there, &user) == ("HIT".into(), token)
        });
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn tokens_that_a_store_pushes_out_are_asked_for_again() {
    let installed = stores::installed();
    for kind in BOTH {
        let scene = Scene::new();
        let store = match kind {
            Kind::Redis => {
                let settings = ["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"];
                Server::redis(&installed, &settings)
            }
            Kind::Memcached => Server::memcached(&installed, &["-m", "2"]),
        };
        let written = format!("{}&size=1m", kind.written(&store));
        let nodes = [0, 1].map(|_| node(&scene, &written).start());
        for number in 0..300 {
            let user = format!("size-40000.user-{}", number % 150);
            for nginx in &nodes {
                assert!(devsts::is_for(&get(nginx, &user).1, &user));
            }
        }
        let (stats, count) = match kind {
            Kind::Redis => {
                let Reply::Bulk(Some(stats)) = store.ask(&[b"INFO", b"stats"]) else {
                    panic!("no statistics")
                };
                (String::from_utf8_lossy(stats.expose()).into_owned(), "evicted_keys:")
            }
            Kind::Memcached => (store.say("stats\r\n", "END\r\n"), "STAT evictions "),
        };
        let evicted = stats.lines().find_map(|line| line.trim_end().strip_prefix(count));
        assert!(evicted.is_some_and(|number| number != "0"), "{stats}");
        for nginx in &nodes {
            assert!(!nginx.error_log().contains("of no use"), "{}", nginx.error_log());
        }
    }
}

/// Promise 2 of the manual: by how much a hit of the store is later than one of the zone.
#[test]
#[ignore = "make test-stores has the servers"]
fn a_hit_of_the_store_is_at_most_half_a_millisecond_later_than_one_of_the_zone() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &[]);
    let written = redis(&store, "");
    let here = node(&scene, &written).start();
    let users: Vec<_> = (0..200).map(|number| format!("user-{number}")).collect();
    for user in &users {
        get(&here, user);
    }
    wait_for("all tokens in the store", || values(&store) == users.len());
    let there = node(&scene, &written).start();
    get(&there, "warm");
    let median = || {
        let mut times: Vec<_> = users
            .iter()
            .map(|user| {
                let started = std::time::Instant::now();
                assert_eq!(get(&there, user).0, "HIT");
                started.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[times.len() / 2]
    };
    // The first time from the store, then from the zone.
    let (of_store, of_zone) = (median(), median());
    eprintln!("median of the store {of_store:?}, of the zone {of_zone:?}");
    assert!(of_store < of_zone + Duration::from_micros(500), "{of_store:?} {of_zone:?}");
}
