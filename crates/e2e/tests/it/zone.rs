//! What happens to the zone: workers that die, memory that is not what it should be, purges.
#![expect(clippy::expect_used, clippy::panic, reason = "a test reports by panicking")]

use devsts::{Gate, Script, When};
use e2e::http1::Connection;
use e2e::memory::{ZoneMemory, kill_while_changing};
use e2e::nginx::Nginx;
use e2e::parallel::in_parallel;
use e2e::scene::{Scene, Seen, assert_exchanged};
use e2e::wait::{DEADLINE, wait_for};
use sts_zone::outside::{self, CHANGING, LAYOUT};
use sts_zone::zone::{Capacity, Claim, Digest, Found, Tags, Value, Zone};

const LOCATION: &str = "location / { %%OTX%% %%PASS%% }";

const PURGE: &str = "location = /purge { STSCachePurge; }";

fn token(nginx: &Nginx, user: &str) -> String {
    let token = Seen::by_backend(nginx.get("/").bearer(user).send()).token();
    assert!(devsts::is_for(&token, user), "{user} got {token}");
    token
}

#[test]
fn a_worker_that_dies_while_it_changes_the_zone_leaves_an_empty_one() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(LOCATION).start();
    let worker = nginx.worker();
    let alice = token(&nginx, "alice");
    assert_eq!(token(&nginx, "alice"), alice);

    // NGINX's master tells of both.
    nginx.allow_in_log(&format!("worker process {worker} exited on signal 9"));
    nginx.allow_in_log(&format!("was locked by {worker}"));
    let mut lost = None;
    kill_while_changing(worker, || lost = Some(nginx.get("/").bearer("bob").start()));
    wait_for("another worker", || nginx.workers().first().is_some_and(|pid| *pid != worker));
    assert!(nginx.error_log().contains("was locked by"), "it did not die in the zone");
    assert_eq!(ZoneMemory::of(nginx.worker()).word(CHANGING), 1);

    let again = token(&nginx, "alice");
    assert_ne!(again, alice, "what is in the zone is in doubt");
    assert_eq!(token(&nginx, "alice"), again);
    token(&nginx, "bob");
    assert_eq!(ZoneMemory::of(nginx.worker()).word(CHANGING), 0);
}

#[test]
fn a_zone_of_another_layout_is_not_read() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(LOCATION).start();
    let alice = token(&nginx, "alice");
    let zone = ZoneMemory::of(nginx.worker());
    zone.set_word(LAYOUT, zone.word(LAYOUT) - 1);
    nginx.reload();

    let zone = ZoneMemory::of(nginx.worker());
    assert!(zone.holds(&alice.as_bytes()[..16]));
    let again = token(&nginx, "alice");
    assert_ne!(again, alice);
    assert_eq!(token(&nginx, "alice"), again);
}

#[test]
fn workers_that_are_killed_at_any_moment_give_no_request_anothers_token() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(LOCATION).workers(2).start();
    nginx.allow_in_log("exited on signal 9");
    nginx.allow_in_log("was locked by");
    // A client on a connection that a worker had accepted when it was killed, and nothing else.
    let ask = |user: &str| {
        let mut connection = nginx.get("/").bearer(user).start();
        let Ok(response) = connection.try_read_response() else { return };
        // The backend's connection may have gone with it, never the right token.
        if response.status == 200 {
            assert_exchanged(response, user);
        }
    };
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            in_parallel(6, 3000, |number| ask(&format!("user-{}", number * 7 % 40)));
        });
        let mut killed = 0;
        while !load.is_finished() && killed < 12 {
            let workers = nginx.workers();
            if let Some(worker) = workers.get(killed % 2) {
                nginx.kill_worker(*worker);
                killed += 1;
            }
        }
    });
    for number in 0..40 {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    }
}

#[test]
fn a_purge_forgets_what_it_names() {
    let scene = Scene::new();
    let other = Scene::new();
    let server = format!(
        "{PURGE}
        location /one {{ %%OTX%% %%PASS%% }}
        location /two {{ {OTHER} %%PASS%% }}"
    );
    let nginx = scene.nginx().set("OTHER", other.sts.endpoint()).server(&server).start();
    let ask = |path: &str, user: &str| {
        Seen::by_backend(nginx.get(path).bearer(user).send()).token();
    };
    let all = || {
        for user in ["alice", "bob"] {
            ["/one", "/two"].iter().for_each(|path| ask(path, user));
        }
        (scene.sts.call_count(), other.sts.call_count())
    };
    assert_eq!(all(), (2, 2));
    assert_eq!(all(), (2, 2), "they are kept");

    let purged = |request: e2e::http1::Request| request.send().expect_status(200).text();
    let source = nginx.post("/purge", "").header("STS-Source-Token", "alice");
    assert_eq!(purged(source), "purged 2\n");
    assert_eq!(all(), (3, 3));
    let endpoint = other.sts.endpoint().replace(':', "%3A").replace('/', "%2F");
    assert_eq!(purged(nginx.post(&format!("/purge?exchange={endpoint}"), "")), "purged 2\n");
    assert_eq!(all(), (3, 5));
    assert_eq!(purged(nginx.post("/purge", "a body")), "purged 4\n");
    assert_eq!(all(), (5, 7));
    nginx.post("/purge?exchange=unknown", "").send().expect_status(404);
}

/// An exchange as `%%OTX%%` is, at another STS.
const OTHER: &str = "
    STSType otx;
    STSOTXEndpoint %%OTHER%%;
    STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
    STSVariables $source_token $target_token;";

#[test]
fn only_a_post_from_an_allowed_client_purges() {
    let scene = Scene::new();
    let server = format!(
        "{LOCATION}
        location = /purge {{ STSCachePurge; }}
        location = /denied {{ deny all; STSCachePurge; }}"
    );
    let nginx = scene.nginx().server(&server).start();
    let alice = token(&nginx, "alice");
    let get = nginx.get("/purge").send().expect_status(405);
    assert_eq!(get.header("Allow"), Some("POST"));
    nginx.post("/denied", "").send().expect_status(403);
    assert_eq!(token(&nginx, "alice"), alice);
    nginx.post("/purge", "").send().expect_status(200);
    assert_ne!(token(&nginx, "alice"), alice);
}

#[test]
fn what_a_call_brings_that_ran_during_a_purge_is_not_kept() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::call(1), Script::new().hold(&gate).usual());
    let nginx = scene.nginx().server(&format!("{LOCATION} {PURGE}")).start();
    let mut client = nginx.get("/").bearer("alice").start();
    assert!(scene.sts.wait_for_calls(1, DEADLINE));
    nginx.post("/purge", "").send().expect_status(200);
    gate.open();
    assert_exchanged(client.read_response(), "alice");
    token(&nginx, "alice");
    assert_eq!(scene.sts.call_count(), 2);
}

/// Puts many tokens into the zone, which takes too long by exchanges.
fn fill(nginx: &Nginx, entries: u64) {
    let capacity = Capacity { entries: usize::MAX, value: usize::MAX };
    let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_millis() as u64);
    ZoneMemory::of(nginx.worker()).change(|words| {
        let mut zone = Zone::open(words, now, || Some([1; 32])).expect("it is large enough");
        for number in 0..entries {
            let mut key = Digest::default();
            key.iter_mut().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
            let claim = Claim { process: 1, awaits: None };
            let Found::Lead(call) = zone.find(&key, claim, |_| true, |_| true) else {
                panic!("the key is taken")
            };
            let tags = Tags { exchange: 1, source: number };
            let value = Value { tags, note: 0, bytes: &[b'x'; 250], sent: now, life: 1_000_000 };
            assert!(zone.complete(&key, call, &value, capacity));
        }
    });
}

#[test]
fn a_purge_of_many_tokens_lets_the_worker_serve_others_meanwhile() {
    const ENTRIES: u64 = 50_000;
    let scene = Scene::new();
    let server = format!(
        "STSCache shm size=64m;
        keepalive_requests 1000000;
        {LOCATION} {PURGE}
        location = /static {{ return 200; }}"
    );
    let nginx = scene.nginx().server(&server).start();
    // A machine that is very busy may keep this test from asking in time.
    let served = (0..5).any(|_| {
        token(&nginx, "alice");
        fill(&nginx, ENTRIES);
        let mut others = nginx.connect();
        let mut purge = nginx.post("/purge", "").start();
        let mut served = 0;
        while purge.is_waiting() {
            nginx.get("/static").send_on(&mut others).expect_status(200);
            served += 1;
        }
        let purged = purge.read_response().expect_status(200).text();
        assert_eq!(purged, format!("purged {}\n", ENTRIES + 1));
        served > 2
    });
    assert!(served, "the worker served no other request");
}

#[test]
fn a_purge_goes_on_when_its_client_has_left_and_when_the_worker_is_told_to_quit() {
    const ENTRIES: u64 = 50_000;
    let scene = Scene::new();
    let server = format!("STSCache shm size=64m; {LOCATION} {PURGE}");
    let nginx = scene.nginx().server(&server).start();
    token(&nginx, "alice");
    fill(&nginx, ENTRIES);
    let zone = ZoneMemory::of(nginx.worker());
    let purge: Connection = nginx.post("/purge", "").start();
    wait_for("the purge to begin", || zone.word(outside::ENTRIES) <= ENTRIES);
    purge.reset();
    let old = nginx.worker();
    nginx.reload();
    nginx.wait_for_log(&format!("purged {} tokens", ENTRIES + 1));
    nginx.wait_until_process_is_gone(old);
}
