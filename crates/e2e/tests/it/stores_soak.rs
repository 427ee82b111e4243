//! Many exchanges over two nodes and a store that fails at random: no wrong token, and nothing that grows.
//! `make test-stores`; `STS_STORES_SOAK=number` for another number of requests.
#![expect(clippy::print_stdout, reason = "it says what it did")]

use std::env;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use e2e::http1::Connection;
use e2e::nginx::{Nginx, anonymous_memory, open_files};
use e2e::parallel::in_parallel;
use e2e::scene::Scene;
use e2e::stores::{self, Server};
use e2e::wait::wait_for;

/// How many requests there are, when nothing else is said.
const REQUESTS: usize = 30_000;

/// Requests that go over one connection.
const BATCH: usize = 50;

/// Source tokens that take turns.
const USERS: u64 = 400;

const CLIENTS: usize = 8;

/// A generator of numbers that need not be good, only the same for a seed (xorshift).
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn two_nodes_and_a_failing_store_never_give_a_wrong_token() {
    let installed = stores::installed();
    let wanted = env::var("STS_STORES_SOAK").ok().and_then(|text| text.parse().ok());
    let requests: usize = wanted.unwrap_or(REQUESTS);
    let scene = Scene::new();
    let first =
        Server::redis(&installed, &["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"]);
    let port = first.port();
    let store = Mutex::new(Some(first));
    let nodes = [0, 1].map(|_| node(&scene, port));
    let (over, served) = (AtomicBool::new(false), AtomicU64::new(0));
    // Everything is there once before it is measured.
    in_parallel(CLIENTS, 40, |batch| requests_of(&nodes[batch % 2], batch as u64));
    let before = nodes.each_ref().map(size);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random(0x5eed);
            while !over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20 + random.below(150)));
                spoil(&store, &installed, port, &mut random);
            }
            if let Some(store) = &*store.lock().unwrap_or_else(PoisonError::into_inner) {
                store.thaw();
            }
        });
        in_parallel(CLIENTS, requests / BATCH, |batch| {
            let number = requests_of(&nodes[batch % 2], batch as u64 * 7919);
            served.fetch_add(number, Ordering::Relaxed);
            if batch % 97 == 0 {
                // It may be that the store cannot be told.
                let status = nodes[batch % 2].post("/purge", "").send().status;
                assert!(matches!(status, 200 | 503), "{status}");
            }
        });
        over.store(true, Ordering::Relaxed);
    });
    let after = nodes.each_ref().map(size);
    println!(
        "{} requests, {} calls; KiB and files of the workers before {before:?}, after {after:?}",
        served.load(Ordering::Relaxed),
        scene.sts.call_count(),
    );
    for ((memory, files), (memory_now, files_now)) in before.into_iter().zip(after) {
        assert!(memory_now < memory + 8 * 1024, "memory grows: {memory} {memory_now}");
        assert!(files_now <= files + 24, "connections grow: {files} {files_now}");
    }
    // All is well again when the store is.
    let mut number = 0;
    wait_for("tokens to be shared in the end", || {
        number += 1;
        let user = format!("last-{number}");
        let shared = |node: &Nginx| node.get("/").bearer(&user).send().text();
        shared(&nodes[0]) == shared(&nodes[1])
    });
}

fn node(scene: &Scene, port: u16) -> Nginx {
    let store = format!("host=127.0.0.1&port={port}&passphrase=a-passphrase-of-the-test&size=1m");
    scene
        .nginx()
        .set("STORE", store)
        .server(
            r#"
            STSCache redis "%%STORE%%";
            STSCacheExpiresIn 20;
            keepalive_requests 100000;
            location / {
                %%OTX%%
                STSPhase rewrite;
                return 200 "$target_token";
            }
            location = /purge { STSCachePurge; allow all; }"#,
        )
        .start()
}

/// Some requests over one connection, each of which has to get its own token.
fn requests_of(node: &Nginx, seed: u64) -> u64 {
    let mut random = Random(seed + 1);
    let mut connection: Connection = node.connect();
    for _ in 0..BATCH {
        let user = format!("user-{}", random.below(USERS));
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {user}\r\n\r\n");
        connection.send(&request);
        let response = connection.read_response().expect_status(200);
        assert!(devsts::is_for(&response.text(), &user), "{user}: {}", response.text());
    }
    BATCH as u64
}

/// Something happens to the store.
pub(super) fn spoil(
    store: &Mutex<Option<Server>>,
    installed: &std::path::Path,
    port: u16,
    random: &mut Random,
) {
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(server) = &*store else {
        *store = Some(Server::redis_at(
            installed,
            port,
            &["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"],
        ));
        return;
    };
    match random.below(8) {
        0 => {
            server.freeze();
            std::thread::sleep(Duration::from_millis(random.below(300)));
            server.thaw();
        }
        1 => drop(store.take()),
        2 => {
            server.ask(&[b"FLUSHALL"]);
        }
        3 => {
            // Values change their places.
            let values = server.values();
            for ((name, _), (_, value)) in values.iter().zip(values.iter().skip(1)) {
                server.ask(&[b"SET", name, value, b"PX", b"20000"]);
            }
        }
        4 => {
            for (name, value) in server.values() {
                let at = value.len() / 2;
                server.ask(&[b"SETRANGE", &name, at.to_string().as_bytes(), b"xx"]);
            }
        }
        5 => {
            server.ask(&[b"CLIENT", b"KILL", b"TYPE", b"normal", b"SKIPME", b"yes"]);
        }
        6 => {
            server.ask(&[b"CLIENT", b"PAUSE", b"100"]);
        }
        _ => {
            server.ask(&[b"CONFIG", b"SET", b"maxmemory-policy", b"noeviction"]);
            std::thread::sleep(Duration::from_millis(random.below(300)));
            server.ask(&[b"CONFIG", b"SET", b"maxmemory-policy", b"allkeys-lru"]);
        }
    }
}

/// KiB of memory and open files of a worker.
pub(super) fn size(node: &Nginx) -> (usize, usize) {
    let worker = node.worker();
    (anonymous_memory(worker), open_files(worker))
}
