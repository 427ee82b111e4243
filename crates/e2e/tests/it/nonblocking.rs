//! A worker never waits: while one exchange is under way it serves all other requests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use devsts::{Script, Sts, When};
use e2e::nginx::Nginx;
use e2e::parallel::in_parallel;
use e2e::ports::FullPort;
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::DEADLINE;

const LATENCY: Duration = Duration::from_millis(150);

const SERVER: &str = "
    keepalive_requests 1000000;
    location / { %%OTX%% STSHTTPTimeOut 10; %%PASS%% }
    location /static { return 200 static; }
";

/// Requests `/static` one after the other until told to stop; how long each took.
fn ask_for_static(nginx: &Nginx, stop: &AtomicBool) -> Vec<Duration> {
    let mut connection = nginx.connect();
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        let response = nginx.get("/static").send_on(&mut connection);
        times.push(start.elapsed());
        assert_eq!(response.expect_status(200).text(), "static");
    }
    times
}

/// The time that nine of ten stay under: one that the machine itself held up does not count.
fn ninth_decile(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort();
    times.get(times.len() * 9 / 10).copied()
}

#[test]
fn three_hundred_exchanges_overlap_and_a_static_location_answers_meanwhile() {
    let scene = Scene::with(Sts::builder().latency(LATENCY));
    let nginx = scene.nginx().server(SERVER).start();
    let done = AtomicBool::new(false);

    let (took, static_times) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| ask_for_static(&nginx, &done));
        let start = Instant::now();
        in_parallel(100, 300, |number| {
            let user = format!("user-{number}");
            assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
        });
        let took = start.elapsed();
        done.store(true, Ordering::Relaxed);
        (took, watcher.join().expect("each request of /static was answered"))
    });

    // One after the other they would take 45 seconds, and perfectly overlapped 0.45.
    assert!(took < LATENCY * 300 / 10, "300 exchanges took {took:?}");
    assert_eq!(scene.sts.call_count(), 300);
    let slow = ninth_decile(static_times).expect("some requests were made meanwhile");
    assert!(slow < LATENCY / 2, "/static took {slow:?} meanwhile");
}

#[test]
fn an_sts_that_never_answers_holds_up_only_the_requests_that_wait_for_it() {
    let scene = Scene::new();
    scene.sts.script(When::subject_prefix("lost-"), Script::new().hang());
    let nginx = scene.nginx().server(SERVER).start();
    let mut waiting: Vec<_> =
        (0..100).map(|number| nginx.get("/").bearer(format!("lost-{number}")).start()).collect();
    assert!(scene.sts.wait_for_calls(100, DEADLINE));

    let start = Instant::now();
    for number in 0..50 {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
        nginx.get("/static").send().expect_status(200);
    }
    let took = start.elapsed();

    assert!(took < Duration::from_secs(5), "50 exchanges and 50 pages took {took:?}");
    assert!(waiting.iter_mut().all(|connection| connection.is_waiting()));
    nginx.stop_at_once();
}

#[test]
fn an_sts_that_accepts_no_connection_holds_up_no_other_request() {
    let scene = Scene::new();
    // A listener with a full queue does not answer at all.
    let full = FullPort::new();
    let server = "
        location /full { %%OTX_FULL%% STSHTTPTimeOut 10; %%PASS%% }
        location / { %%OTX%% %%PASS%% }";
    let otx_full = "
        STSType otx;
        STSOTXEndpoint http://127.0.0.1:%%FULL%%/token;
        STSVariables $source_token $target_token;";
    let nginx = scene.nginx().server(server).set("OTX_FULL", otx_full).set("FULL", full.number());
    let nginx = nginx.start();
    let mut waiting: Vec<_> = (0..20).map(|_| nginx.get("/full").bearer("x").start()).collect();

    let start = Instant::now();
    for number in 0..20 {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    }
    let took = start.elapsed();

    assert!(took < Duration::from_secs(5), "20 exchanges took {took:?}");
    assert!(waiting.iter_mut().all(|connection| connection.is_waiting()));
    nginx.stop_at_once();
}
