//! A store that fails costs a request next to nothing, and never an error: `make test-stores`.
#![expect(clippy::expect_used, reason = "what fails here is a test")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use e2e::nginx::{Builder, Nginx};
use e2e::parallel::in_parallel;
use e2e::ports::{FullPort, free_port};
use e2e::scene::Scene;
use e2e::stores::{self, Server};
use e2e::wait::wait_for;

const PASSPHRASE: &str = "a-passphrase-of-the-test";

/// Milliseconds that a store may cost, as the manual has it.
const TIMEOUT: u64 = 20;

/// What a machine with other things to do may add.
const SLACK: Duration = Duration::from_millis(150);

fn node(scene: &Scene, port: u16, options: &str) -> Builder {
    node_with(scene, &format!("redis \"host=127.0.0.1&port={port}"), options)
}

fn with_memcached(scene: &Scene, port: u16) -> Builder {
    node_with(scene, &format!("memcache \"config_string=--SERVER%3D127.0.0.1:{port}"), "")
}

fn node_with(scene: &Scene, store: &str, options: &str) -> Builder {
    scene
        .nginx()
        .set("STORE", format!("{store}&passphrase={PASSPHRASE}{options}\""))
        .server(
            r#"
            STSCache %%STORE%%;
            location / {
                %%OTX%%
                STSPhase rewrite;
                add_header Status "$sts_status" always;
                return 200 "$target_token";
            }
            location = /static { return 200 "static"; }"#,
        )
        .forbid_in_log(PASSPHRASE)
}

/// A request for a token that is not there: how long it took.
#[track_caller]
fn miss(nginx: &Nginx, user: &str) -> Duration {
    let started = Instant::now();
    let response = nginx.get("/").bearer(user).send().expect_status(200);
    assert!(devsts::is_for(&response.text(), user), "{}", response.text());
    assert_eq!(response.header("Status"), Some("MISS"));
    started.elapsed()
}

/// Ten requests one after the other go on, the first five of which may cost the time-out.
#[track_caller]
fn assert_costs_little(nginx: &Nginx, what: &str) {
    let times: Vec<_> = (0..10).map(|number| miss(nginx, &format!("user-{number}"))).collect();
    let most = Duration::from_millis(TIMEOUT) + SLACK;
    assert!(times.iter().all(|time| *time < most), "{what}: {times:?}");
    let line = nginx.wait_for_log("is of no use");
    assert!(line.contains("[warn]") && line.contains("requests go on without it"), "{line}");
    let log = nginx.error_log();
    assert_eq!(log.matches("is of no use").count(), 1, "{what}: {log}");
}

/// A server that treats each connection so.
fn server(treat: impl Fn(std::net::TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let treat = std::sync::Arc::new(treat);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let treat = treat.clone();
            std::thread::spawn(move || treat(stream));
        }
    });
    port
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_store_that_is_dead_costs_next_to_nothing() {
    let scene = Scene::new();
    let nginx = node(&scene, free_port(), "").start();
    assert_costs_little(&nginx, "dead");
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_store_that_hangs_costs_its_timeout_and_after_five_failures_nothing() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &[]);
    store.freeze();
    let nginx = node(&scene, store.port(), "").start();
    assert_costs_little(&nginx, "hung");
    let line = nginx.wait_for_log("is of no use");
    assert!(line.contains("did not answer in time (option \"timeout\" is 20 ms)"), "{line}");
    // Open: not even the time-out. The pause is a second at least.
    let mut number = 0;
    wait_for("a pause to be seen", || {
        let users = number..number + 5;
        number += 5;
        let took: Duration = users.map(|it| miss(&nginx, &format!("paused-{it}"))).sum();
        took < Duration::from_millis(5 * TIMEOUT)
    });
    store.thaw();
    let mut number = 0;
    wait_for("the store to be used again", || {
        number += 1;
        miss(&nginx, &format!("again-{number}"));
        !store.values().is_empty()
    });
    nginx.wait_for_log("answers again");
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_store_that_is_a_black_hole_costs_its_timeout() {
    let scene = Scene::new();
    let hole = FullPort::new();
    let nginx = node(&scene, hole.number(), "").start();
    assert_costs_little(&nginx, "black-holed");
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_store_that_talks_nonsense_costs_its_timeout_at_most() {
    let answers: [(&str, &'static [u8]); 7] = [
        ("http", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        ("memcached", b"ERROR\r\n"),
        ("a wrong type", b"*1\r\n:1\r\n+OK\r\n:1\r\n:1\r\n:1\r\n:1\r\n"),
        ("too long", b"$99999999\r\n"),
        ("deep", b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"),
        ("random", b"\x00\xff\x16\x03\x01\r\n\r\n"),
        ("too much", b"$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"),
    ];
    for (what, answer) in answers {
        let scene = Scene::new();
        let port = server(move |mut stream| {
            let mut room = [0; 4096];
            while matches!(stream.read(&mut room), Ok(1..)) {
                if stream.write_all(answer).is_err() {
                    return;
                }
            }
        });
        let nginx = node(&scene, port, "").start();
        assert_costs_little(&nginx, what);
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_memcached_that_is_dead_hung_or_black_holed_costs_its_timeout() {
    let installed = stores::installed();
    let (hung, hole) = (Server::memcached(&installed, &[]), FullPort::new());
    hung.freeze();
    let ports = [("dead", free_port()), ("hung", hung.port()), ("black-holed", hole.number())];
    for (what, port) in ports {
        let scene = Scene::new();
        assert_costs_little(&with_memcached(&scene, port).start(), what);
    }
    hung.thaw();
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_memcached_that_talks_nonsense_or_drips_costs_its_timeout_at_most() {
    let answers: [(&str, &'static [u8]); 7] = [
        ("http", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        ("redis", b"-ERR unknown command\r\n"),
        ("an error", b"SERVER_ERROR out of memory storing object\r\n"),
        ("no meta commands", b"ERROR\r\n"),
        ("too long", b"VA 99999999 t-1 c1\r\n"),
        ("random", b"\x00\xff\x16\x03\x01\r\n\r\n"),
        ("too much", b"EN\r\nEN\r\nEN\r\nEN\r\nEN\r\nEN\r\nEN\r\n"),
    ];
    for (what, answer) in answers {
        let scene = Scene::new();
        let port = server(move |mut stream| {
            let mut room = [0; 4096];
            while matches!(stream.read(&mut room), Ok(1..)) {
                if stream.write_all(answer).is_err() {
                    return;
                }
            }
        });
        assert_costs_little(&with_memcached(&scene, port).start(), what);
    }
    let scene = Scene::new();
    let port = server(|stream| drip(stream, b"V"));
    assert_costs_little(&with_memcached(&scene, port).start(), "dripping");
}

/// Answers a byte now and then, and never a whole reply.
fn drip(mut stream: std::net::TcpStream, byte: &[u8]) {
    let mut room = [0; 4096];
    let _ = stream.read(&mut room);
    for _ in 0..1_000 {
        if stream.write_all(byte).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_redis_for_memcached_costs_next_to_nothing() {
    let installed = stores::installed();
    let scene = Scene::new();
    let redis = Server::redis(&installed, &[]);
    assert_costs_little(&with_memcached(&scene, redis.port()).start(), "Redis for memcached");
}

#[test]
#[ignore = "make test-stores has the servers"]
fn tokens_that_redis_pushes_out_are_asked_for_again() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store =
        Server::redis(&installed, &["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"]);
    let nodes = [0, 1].map(|_| node(&scene, store.port(), "&timeout=2s&size=1m").start());
    for number in 0..200 {
        let user = format!("size-40000.user-{}", number % 80);
        for nginx in &nodes {
            let response = nginx.get("/").bearer(&user).send().expect_status(200);
            assert!(devsts::is_for(&response.text(), &user));
        }
    }
    let sts_store::resp::Reply::Bulk(Some(stats)) = store.ask(&[b"INFO", b"stats"]) else {
        panic!("no statistics")
    };
    let stats = String::from_utf8_lossy(stats.expose()).into_owned();
    assert!(stats.contains("evicted_keys:") && !stats.contains("evicted_keys:0\r"), "{stats}");
    for nginx in &nodes {
        assert!(!nginx.error_log().contains("of no use"), "{}", nginx.error_log());
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_store_that_drips_costs_its_timeout() {
    let scene = Scene::new();
    let port = server(|stream| drip(stream, b"$"));
    let nginx = node(&scene, port, "").start();
    assert_costs_little(&nginx, "dripping");
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_store_that_refuses_costs_next_to_nothing_and_says_why() {
    let installed = stores::installed();
    for (settings, options, why) in [
        (&["--requirepass", "right"][..], "&password=wrong", "WRONGPASS"),
        (&["--requirepass", "right"], "", "NOAUTH"),
        (&["--replicaof", "127.0.0.1 1"], "", "READONLY"),
        (&["--maxmemory", "1"], "", "OOM"),
        (&[], "&db=99", "DB index is out of range"),
        (&[], "&username=unknown&password=wrong", "WRONGPASS"),
    ] {
        let scene = Scene::new();
        let store = Server::redis(&installed, settings);
        // What it says is to be heard, on a machine with other things to do.
        let options = format!("{options}&timeout=100ms");
        let nginx = node(&scene, store.port(), &options).forbid_in_log("wrong&").start();
        assert_costs_little(&nginx, why);
        let line = nginx.wait_for_log("is of no use");
        assert!(line.contains(why), "{line}");
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_server_of_another_kind_costs_next_to_nothing() {
    let installed = stores::installed();
    let scene = Scene::new();
    let memcached = Server::memcached(&installed, &[]);
    let nginx = node(&scene, memcached.port(), "").start();
    assert_costs_little(&nginx, "memcached for Redis");
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_worker_serves_others_while_a_store_hangs() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &[]);
    store.freeze();
    let nginx = node(&scene, store.port(), "&timeout=2s").start();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| in_parallel(8, 8, |it| miss(&nginx, &format!("u-{it}"))));
        let mut times: Vec<_> = (0..200)
            .map(|_| {
                let started = Instant::now();
                nginx.get("/static").send().expect_status(200);
                started.elapsed()
            })
            .collect();
        times.sort_unstable();
        assert!(times[197] < Duration::from_millis(100), "p99 {:?}", times[197]);
        store.thaw();
        waiting.join().unwrap();
    });
}

#[test]
#[ignore = "make test-stores has the servers"]
fn requests_of_a_store_that_is_killed_in_the_middle_all_succeed() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = std::sync::Mutex::new(Some(Server::redis(&installed, &[])));
    let port = store.lock().unwrap().as_ref().unwrap().port();
    let nodes = [0, 1].map(|_| node(&scene, port, "").workers(2).start());
    in_parallel(8, 400, |number| {
        if number == 200 {
            store.lock().unwrap().take();
        }
        let user = format!("user-{}", number % 50);
        let response = nodes[number % 2].get("/").bearer(&user).send().expect_status(200);
        assert!(devsts::is_for(&response.text(), &user));
    });
}
