//! A store that fails costs a request next to nothing, and never an error: `make test-stores`.
#![expect(clippy::expect_used, reason = "what fails here is a test")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use e2e::nginx::Builder;
use e2e::parallel::in_parallel;
use e2e::ports::{FullPort, free_port};
use e2e::relay::{Pass, Relay};
use e2e::scene::Scene;
use e2e::stores::{self, Server};
use e2e::wait::wait_for;

use crate::store_costs::{self, assert_costs_little, miss};

pub(crate) fn node(scene: &Scene, port: u16, options: &str) -> Builder {
    store_costs::node(scene, "redis", &format!("host=127.0.0.1&port={port}{options}"))
}

pub(crate) fn with_memcached(scene: &Scene, port: u16, options: &str) -> Builder {
    let options = format!("config_string=--SERVER%3D127.0.0.1:{port}{options}");
    store_costs::node(scene, "memcache", &options)
}

/// Puts things of each size into a memcached until none is taken any more.
pub(crate) fn fill_memcached(server: &Server) {
    let mut length = 1;
    while length < 4_000 {
        // One page of a size class, which each has, and what is left of all.
        let number = 3 * (1 << 20) / (length + 100);
        let value = "x".repeat(length);
        let sets =
            (0..number).map(|it| format!("ms fill-{length:040}-{it:06} {length} q\r\n{value}\r\n"));
        let answer = server.say(&(sets.collect::<String>() + "mn\r\n"), "MN\r\n");
        assert!(answer.contains("out of memory"), "{length}: {answer}");
        length += length / 8 + 1;
    }
}

/// A way to a store that takes longer than a question may.
pub(crate) fn slow(server: &Server) -> u16 {
    let look = |_: &[u8]| {
        std::thread::sleep(Duration::from_millis(40));
        Pass::On
    };
    Relay::to(server.port(), look).port()
}

/// A server that answers this to whatever it is asked.
pub(crate) fn saying(answer: &'static [u8]) -> u16 {
    server(move |mut stream| {
        let mut room = [0; 4096];
        while matches!(stream.read(&mut room), Ok(1..)) {
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    })
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
    let port = free_port();
    assert_costs_little("dead", || node(&scene, port, "").start());
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_store_that_hangs_costs_its_timeout_and_after_five_failures_nothing() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &[]);
    store.freeze();
    let nginx = assert_costs_little("hung", || node(&scene, store.port(), "").start());
    let line = nginx.wait_for_log("is of no use");
    assert!(line.contains("did not answer in time (option \"timeout\" is 20 ms)"), "{line}");
    // Open: not even the time-out. The pause is a second at least.
    let mut number = 0;
    wait_for("a pause to be seen", || {
        let users = number..number + 5;
        number += 5;
        let took: Duration = users.map(|it| miss(&nginx, &format!("paused-{it}"))).sum();
        took < 5 * store_costs::TIMEOUT
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
    assert_costs_little("black-holed", || node(&scene, hole.number(), "").start());
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
        let port = saying(answer);
        assert_costs_little(what, || node(&scene, port, "").start());
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
        assert_costs_little(what, || with_memcached(&scene, port, "").start());
    }
    hung.thaw();
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_memcached_that_is_full_costs_next_to_nothing_and_says_why() {
    let installed = stores::installed();
    let full = Server::memcached(&installed, &["-M", "-m", "2"]);
    fill_memcached(&full);
    let scene = Scene::new();
    let start = || with_memcached(&scene, full.port(), "&timeout=100ms").start();
    let nginx = assert_costs_little("full", start);
    let line = nginx.wait_for_log("is of no use");
    assert!(line.contains("out of memory"), "{line}");
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_store_that_is_slow_costs_its_timeout() {
    let installed = stores::installed();
    let scene = Scene::new();
    let (redis, memcached) = (Server::redis(&installed, &[]), Server::memcached(&installed, &[]));
    let (redis, memcached) = (slow(&redis), slow(&memcached));
    assert_costs_little("slow", || node(&scene, redis, "").start());
    assert_costs_little("slow memcached", || with_memcached(&scene, memcached, "").start());
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
        let port = saying(answer);
        assert_costs_little(what, || with_memcached(&scene, port, "").start());
    }
    let scene = Scene::new();
    let port = server(|stream| drip(stream, b"V"));
    assert_costs_little("dripping", || with_memcached(&scene, port, "").start());
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
    assert_costs_little("Redis for memcached", || with_memcached(&scene, redis.port(), "").start());
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_store_that_drips_costs_its_timeout() {
    let scene = Scene::new();
    let port = server(|stream| drip(stream, b"$"));
    assert_costs_little("dripping", || node(&scene, port, "").start());
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
        let start = || node(&scene, store.port(), &options).forbid_in_log("wrong&").start();
        let nginx = assert_costs_little(why, start);
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
    let port = memcached.port();
    assert_costs_little("memcached for Redis", || node(&scene, port, "").start());
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
