//! Many exchanges, some of which fail in every way there is, clients that leave, an STS that closes
//! connections, and reloads: each request gets its own token, and nothing is left behind.
//!
//! The short form is one of the tests. `make soak` runs the long one.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what the threads of a test find fails it, and its figures are to be read"
)]

use std::env;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, scope, sleep};
use std::time::{Duration, Instant};

use devsts::pki::{Identity, Leaf};
use devsts::server::Server;
use devsts::{Answer, Script, Sts, Tls, When};
use e2e::http1::Connection;
use e2e::nginx::{Nginx, anonymous_memory, memory_is_watched, open_files, under_valgrind};
use e2e::parallel::in_parallel;
use e2e::response::Response;
use e2e::scene::Scene;
use e2e::wait::{holds_within, wait_for};

/// How many exchanges the short form makes; `STS_SOAK` in the environment says another number.
const SHORT: usize = 4_000;

/// Clients at once.
const CLIENTS: usize = 16;

/// KiB by which the memory of a worker may differ after a quarter of all exchanges, and that of the
/// master after all reloads: what malloc keeps is not always the same.
const NOISE: usize = 1024;

/// How long what is under way may take at the end: the longest call, and a connection that idles.
const QUIET: Duration = Duration::from_secs(60);

const SERVER: &str = "
    error_log %%PREFIX%%/alarms.log crit;
    access_log off;
    keepalive_requests 1000000;
    STSSSLTrustedCertificate %%PREFIX%%/ca.pem;
    STSCache shm name=soak&size=2m;
    STSHTTPTimeOut %%TIME%%;
    STSKeepalive 8 1s;
    %%OTX%%
    add_header X-Token $target_token;
    location / { }
    location /cached { STSCacheExpiresIn 60; }
    location /uncached { STSCacheExpiresIn 0; }
    location /status { STSType disabled; stub_status; }
";

/// What a source token asks of the STS, how often of a thousand times, and the status that comes of
/// it.
const KINDS: [(&str, usize, u16); 13] = [
    ("chunked", 60, 200),
    ("closing", 60, 200),
    ("drip", 20, 200),
    ("half", 20, 502),
    ("hang", 1, 504),
    ("html", 20, 502),
    ("huge", 10, 502),
    ("refuse", 40, 401),
    ("reset", 20, 502),
    ("size-9000", 40, 200),
    ("status-503", 20, 503),
    ("wait-3", 60, 200),
    ("user", 629, 200),
];

/// One of a thousand numbers, as good as by chance, and the same in each run.
pub(super) fn lot(number: usize, salt: usize) -> usize {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (salt as u64) << 17);
    (mixed ^ mixed >> 31) as usize % 1000
}

pub(super) fn kind(number: usize) -> (&'static str, u16) {
    let mut left = lot(number, 1);
    for (name, share, status) in KINDS {
        match left.checked_sub(share) {
            Some(rest) => left = rest,
            None => return (name, status),
        }
    }
    ("user", 200)
}

/// An STS that fails as the source tokens ask for.
pub(super) fn sts(ca: &Identity) -> Scene {
    let tls = Tls::new(ca.issue(&Leaf::server().ip(std::net::Ipv4Addr::LOCALHOST)));
    let scene = Scene::with(Sts::builder().tls(tls).remember(0));
    let on = |word: &str, script: Script| {
        scene.sts.script(When::subject_prefix(format!("{word}.")), script);
    };
    on("chunked", Script::new().usual_as(|answer| answer.chunked(7).trailer("X-One", "1")));
    on("closing", Script::new().usual_as(Answer::closing));
    on("drip", Script::new().drip(100, Duration::from_micros(500)).usual());
    on("half", Script::new().limit(250).usual().close());
    on("huge", Script::new().usual_as(|answer| answer.body(vec![b' '; 400_000])));
    scene
}

/// What came of the exchanges.
#[derive(Default)]
struct Tally {
    as_expected: AtomicUsize,
    /// Lost on a connection that the STS closed at that moment, or that a reload closed.
    lost: AtomicUsize,
    left: AtomicUsize,
}

/// A client that keeps its connection, as long as NGINX does.
struct Client<'a> {
    nginx: &'a Nginx,
    connection: Option<Connection>,
}

impl Client<'_> {
    /// A connection that NGINX closes before it read the request is no fault: a reload does that.
    fn get(&mut self, target: &str, token: &str) -> Response {
        let request = self.nginx.get(target).bearer(token);
        for _ in 0..5 {
            let mut connection = self.connection.take().unwrap_or_else(|| self.nginx.connect());
            if connection.try_send(request.to_bytes()).is_ok()
                && let Ok(response) = connection.try_read_response()
            {
                self.connection = Some(connection);
                return response;
            }
        }
        panic!("no response to {token}, five times");
    }
}

/// One exchange, or a client that leaves in the middle of one.
fn exchange(client: &mut Client<'_>, number: usize, tally: &Tally) {
    let (name, status) = kind(number);
    let token = format!("{name}.n{number}");
    if lot(number, 2) < 50 {
        let leaver = client.nginx.get("/").bearer(&token).start();
        sleep(Duration::from_micros(lot(number, 3) as u64 * 3));
        leaver.reset();
        tally.left.fetch_add(1, Ordering::Relaxed);
        return;
    }
    let target = if number.is_multiple_of(5) { "/uncached" } else { "/" };
    let response = client.get(target, &token);
    if response.status == 200 {
        assert_is_for(&response, &token);
    }
    let good = response.status == status;
    assert!(good || matches!(response.status, 502 | 504), "{token}: {response:?}");
    let count = if good { &tally.as_expected } else { &tally.lost };
    count.fetch_add(1, Ordering::Relaxed);
    // A token that many want: from the cache, or by one call for all.
    if number.is_multiple_of(10) {
        let token = format!("hot-{}", number / 400);
        let response = client.get("/cached", &token);
        if response.status == 200 {
            assert_is_for(&response, &token);
        }
    }
}

#[track_caller]
fn assert_is_for(response: &Response, source: &str) {
    let token = response.header("X-Token").expect("a token");
    let digest = devsts::target_for(source, 0);
    let digest = digest.split('.').nth(1).expect("a digest");
    assert!(token.contains(digest), "{token:?} for {source:?}");
}

/// Makes the exchanges of these numbers.
fn load(nginx: &Nginx, numbers: std::ops::Range<usize>, tally: &Tally) {
    let next = AtomicUsize::new(numbers.start);
    let clients = if under_valgrind() { 4 } else { CLIENTS };
    in_parallel(clients, clients, |_| {
        let mut client = Client { nginx, connection: None };
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end {
                return;
            }
            exchange(&mut client, number, tally);
        }
    });
}

/// Waits until no client and no call is there any more.
#[track_caller]
fn wait_until_quiet(scene: &Scene, nginx: &Nginx) {
    let quiet = || {
        let status = nginx.get("/status").send().text();
        status.contains("Active connections: 1 \n") && scene.sts.connections().open == 0
    };
    let quiet = holds_within(QUIET, quiet);
    let (status, open) = (nginx.get("/status").send().text(), scene.sts.connections());
    assert!(quiet, "something is left open: {status}{open:?}");
}

fn memory(nginx: &Nginx) -> Vec<usize> {
    nginx.workers().into_iter().map(anonymous_memory).collect()
}

fn files(nginx: &Nginx) -> Vec<usize> {
    nginx.workers().into_iter().map(open_files).collect()
}

#[test]
fn many_exchanges_with_faults_and_reloads_leave_nothing_behind() {
    let size = env::var("STS_SOAK").map_or(SHORT, |text| text.parse().expect("a number"));
    let ca = Identity::authority("the CA");
    let scene = sts(&ca);
    let nginx = scene.nginx().file("ca.pem", ca.certificate_pem()).file("html/cached", "");
    let time = if under_valgrind() { 20 } else { 3 };
    let nginx = nginx.file("html/uncached", "").set("TIME", time).workers(2);
    let nginx = nginx.server(SERVER).start();
    let (tally, start) = (Tally::default(), Instant::now());
    let (done, closings) = (AtomicBool::new(false), AtomicUsize::new(0));

    let (reloads, master, fresh, warm) = scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for close in [Server::close_idle, Server::reset_idle] {
                    sleep(Duration::from_millis(300));
                    close(&scene.sts);
                    closings.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        // The other thread has to end, also when this one panics.
        let _done = SetOnDrop(&done);
        nginx.reload();
        let master = anonymous_memory(nginx.master());
        let reloads = {
            let half = scope.spawn(|| load(&nginx, 0..size / 2, &tally));
            reload_until_finished(&nginx, &half)
        };
        wait_for("the former generations to leave", || nginx.retiring_workers().is_empty());
        wait_until_quiet(&scene, &nginx);
        let fresh = files(&nginx);
        load(&nginx, size / 2..size * 3 / 4, &tally);
        wait_until_quiet(&scene, &nginx);
        let warm = memory(&nginx);
        load(&nginx, size * 3 / 4..size, &tally);
        (reloads, master, fresh, warm)
    });
    wait_until_quiet(&scene, &nginx);

    // NGINX sees a moment late that the client of its status has left. One may be an event's own.
    let leaks = || fresh.iter().zip(files(&nginx)).any(|(before, after)| after > before + 1);
    let leaked = !holds_within(QUIET, || !leaks());
    let (master_now, now, files_now) =
        (anonymous_memory(nginx.master()), memory(&nginx), files(&nginx));
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    println!(
        "{size} exchanges in {:?}, {} calls, {reloads} reloads: {} as expected, {} lost, {} clients \
         left; master {master} -> {master_now} KiB, workers {warm:?} -> {now:?} KiB, files {fresh:?} \
         -> {files_now:?}",
        start.elapsed(),
        scene.sts.call_count(),
        count(&tally.as_expected),
        count(&tally.lost),
        count(&tally.left),
    );
    assert_eq!(nginx.read("alarms.log"), "");
    assert!(!leaked, "files are left open: {fresh:?} -> {files_now:?}");
    if memory_is_watched() {
        // What watches it keeps what is freed.
        return;
    }
    // The STS closes connections on which a request has arrived that it has not read yet.
    let most = count(&closings) * CLIENTS;
    assert!(count(&tally.lost) <= most, "{} were lost, and not {most}", count(&tally.lost));
    assert!(master_now <= master + NOISE, "the master grows: {master} -> {master_now} KiB");
    let grown = warm.iter().zip(&now).any(|(before, after)| *after > before + NOISE);
    assert!(!grown, "the workers grow: {warm:?} -> {now:?} KiB");
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How often it reloaded meanwhile.
fn reload_until_finished(nginx: &Nginx, load: &thread::ScopedJoinHandle<'_, ()>) -> usize {
    let mut reloads = 0;
    while !load.is_finished() {
        nginx.reload();
        reloads += 1;
        // Under valgrind it takes a new generation seconds to be of use.
        sleep(Duration::from_millis(if under_valgrind() { 5000 } else { 300 }));
    }
    reloads
}
