//! Two nodes with four workers each, a store that they share and a cache that is far too small, while
//! everything fails at random: no request reaches the backend with another one's token or without one, and
//! each client is answered, unless its connection was broken on purpose.
//!
//! `make chaos`; `STS_CHAOS=number` for another number of requests, `STS_CHAOS_SEED=number` for an earlier run,
//! `STS_CHAOS_CLIENTS=number` for more clients at once: most of them wait for a failing STS.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "it fails loudly, and says what it did"
)]

mod clients;
mod disturbance;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::scope;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs};

use devsts::pki::Identity;
use devsts::{Backend, Call, is_for};
use e2e::nginx::{Nginx, anonymous_memory, open_files};
use e2e::parallel::in_parallel;
use e2e::scene::Scene;
use e2e::stores::{self, Server};
use e2e::wait::{holds_within, wait_for};

use self::clients::{Client, Tally};
use self::disturbance::{Disturbances, Extent};
use crate::soak;
use crate::stores_soak::Random;

/// How many requests there are, when nothing else is said.
const REQUESTS: usize = 3_000;

/// Clients at once, when nothing else is said.
const CLIENTS: usize = 16;

/// Workers of each node.
const WORKERS: usize = 4;

/// How long what is under way may take at the end.
const QUIET: Duration = Duration::from_secs(90);

/// KiB by which the workers of a node may differ between two times of quiet.
const NOISE: usize = 8 * 1024;

const SERVER: &str = "
    access_log off;
    keepalive_requests 1000000;
    large_client_header_buffers 4 96k;
    STSSSLTrustedCertificate %%CA%%;
    STSCache redis \"%%STORE%%\";
    STSHTTPTimeOut 3;
    STSKeepalive 8 1s;
    STSMaxResponse 256k;
    %%EXCHANGE%%
    STSAcceptSourceTokenIn header;
    STSPassTargetTokenIn header;
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_buffer_size 128k;
    proxy_buffers 8 128k;
    location / { proxy_pass %%BACKEND%%; }
    location /cached { STSCacheExpiresIn 20; proxy_pass %%BACKEND%%; }
    location /uncached { STSCacheExpiresIn 0; proxy_pass %%BACKEND%%; }
    location /streamed { proxy_request_buffering off; proxy_pass %%BACKEND%%; }
    location = /purge { STSCachePurge; allow all; }
    location = /status { STSType disabled; stub_status; }
";

/// What reached the backend that must not.
#[derive(Default)]
struct Judge {
    requests: AtomicU64,
    wrong: AtomicU64,
    unexchanged: AtomicU64,
    first: Mutex<Option<String>>,
}

impl Judge {
    /// Each request says beside its token which source it had.
    fn look(&self, call: &Call) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let source = call.header("X-Source").unwrap_or_default();
        let token = call.header("Authorization").unwrap_or_default();
        let token = token.strip_prefix("Bearer ").unwrap_or_default();
        if !source.is_empty() && is_for(token, &source) {
            return;
        }
        let count = if token.starts_with("target.") { &self.wrong } else { &self.unexchanged };
        count.fetch_add(1, Ordering::Relaxed);
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| format!("{source:.80} has {token:.80}"));
    }
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// The nodes share tokens because all that an exchange is made of is the same, the path of the CA included.
fn node(scene: &Scene, ca: &Path, store: u16) -> Nginx {
    let store = format!(
        "host=127.0.0.1&port={store}&passphrase=a-passphrase-of-the-test&size=1m&timeout=100ms"
    );
    scene
        .nginx()
        .set("CA", ca.display())
        .set("STORE", store)
        .http("server { %%LISTEN_H2%% %%NODE%% }")
        .set("NODE", SERVER)
        .server("%%NODE%%")
        .workers(WORKERS)
        .daemon()
        .start()
}

/// Makes the requests of these numbers.
fn load(
    nodes: &[Nginx; 2],
    disturbances: &Disturbances,
    seed: u64,
    numbers: std::ops::Range<usize>,
    tally: &Tally,
) {
    let next = AtomicUsize::new(numbers.start);
    let clients = number("STS_CHAOS_CLIENTS").map_or(CLIENTS, |number| number as usize);
    in_parallel(clients, clients, |_| {
        let mut clients = nodes.each_ref().map(|node| Client::new(node, disturbances, tally));
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end {
                return;
            }
            let mut random = Random(seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            // The first numbers of a generator are like its seed.
            for _ in 0..8 {
                random.below(2);
            }
            let [first, second] = &mut clients;
            let client = if random.below(2) == 0 { first } else { second };
            client.act(number, &mut random);
        }
    });
}

/// Waits until calls and clients are gone. NGINX's own counters do not tell: a worker that is killed never
/// takes its connections off them.
#[track_caller]
fn wait_until_quiet(scene: &Scene, nodes: &[Nginx; 2], fresh: &[(usize, usize); 2]) {
    let quiet = holds_within(QUIET, || {
        let now = sizes(nodes);
        let few = |(now, fresh): (&(usize, usize), &(usize, usize))| now.1 <= fresh.1 + 2 * WORKERS;
        scene.sts.connections().open == 0
            && nodes.iter().all(|node| node.retiring_workers().is_empty())
            && now.iter().zip(fresh).all(few)
    });
    assert!(
        quiet,
        "something is left open: {:?} {:?} {fresh:?}",
        scene.sts.connections(),
        sizes(nodes)
    );
}

/// KiB of memory and open files of all workers of each node.
fn sizes(nodes: &[Nginx; 2]) -> [(usize, usize); 2] {
    nodes.each_ref().map(|node| {
        let workers = node.workers();
        let sum = |size: fn(i32) -> usize| workers.iter().map(|worker| size(*worker)).sum();
        (sum(anonymous_memory), sum(open_files))
    })
}

#[test]
#[ignore = "make chaos has the store"]
fn nothing_goes_wrong_while_everything_fails() {
    let requests = number("STS_CHAOS").map_or(REQUESTS, |number| number as usize);
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_secs());
    let seed = number("STS_CHAOS_SEED").unwrap_or_else(now);
    println!("{requests} requests, STS_CHAOS_SEED={seed}");
    let (installed, start) = (stores::installed(), Instant::now());
    let ca = Identity::authority("the CA");
    let mut scene = soak::sts(&ca);
    let judge = Arc::new(Judge::default());
    let look = judge.clone();
    let backend = Backend::builder().remember(0).on_request(move |call| look.look(call));
    scene.backend = backend.start().expect("a backend");
    let settings = ["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"];
    let store = Server::redis(&installed, &settings);
    let port = store.port();
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let file = directory.path().join("ca.pem");
    fs::write(&file, ca.certificate_pem()).expect("the directory is ours");
    let nodes = [0, 1].map(|_| node(&scene, &file, port));
    let fresh = sizes(&nodes);
    let disturbances = Disturbances::new(store, installed);
    let tally = Tally::default();

    // In the last quarter no worker is replaced, so that its memory can be compared.
    let parts = [(0, 6, Extent::All), (6, 7, Extent::Neighbours), (7, 8, Extent::Neighbours)];
    let mut measured = Vec::new();
    for (from, to, extent) in parts {
        let over = AtomicBool::new(false);
        scope(|scope| {
            scope.spawn(|| disturbances.go_on(&scene, &nodes, extent, seed + from, &over));
            // The other thread has to end, also when this one panics.
            let _over = SetOnDrop(&over);
            let part = |eighths: u64| requests * eighths as usize / 8;
            load(&nodes, &disturbances, seed, part(from)..part(to), &tally);
        });
        disturbances.calm();
        wait_until_quiet(&scene, &nodes, &fresh);
        measured.push(sizes(&nodes));
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "{:?}; {tally}; {} requests at the backend, {} calls to the STS; {disturbances}; KiB and files of the \
         workers {measured:?}",
        start.elapsed(),
        count(&judge.requests),
        scene.sts.call_count(),
    );
    let first = judge.first.lock().unwrap_or_else(PoisonError::into_inner).take();
    assert_eq!((count(&judge.wrong), count(&judge.unexchanged)), (0, 0), "{first:?}");
    let [.., before, after] = &measured[..] else { unreachable!("there are three parts") };
    for ((memory, files), (memory_now, files_now)) in before.iter().zip(after) {
        assert!(*memory_now <= memory + NOISE, "memory grows: {measured:?}");
        assert!(*files_now <= files + 2 * WORKERS, "files are left open: {measured:?}");
    }
    // All is well again.
    let mut number = 0;
    wait_for("tokens to be shared in the end", || {
        number += 1;
        let user = format!("last-{number}");
        let [one, other] = nodes.each_ref().map(|node| {
            let request = node.get("/cached").bearer(&user).header("X-Source", &user);
            request.send().expect_status(200).json()["headers"].to_string()
        });
        let token = |text: &str| text.split("target.").nth(1).map(|rest| rest[..40].to_owned());
        token(&one) == token(&other)
    });
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
