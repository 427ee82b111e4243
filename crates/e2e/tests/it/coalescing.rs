//! One call for a key, however many requests of however many workers want its token.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use devsts::{Answer, Gate, Script, When};
use e2e::http1::Connection;
use e2e::nginx::{Builder, Nginx};
use e2e::scene::{Scene, Seen, assert_exchanged};
use e2e::wait::{DEADLINE, wait_for};
use nix::sys::signal::Signal;

/// Requests that come together.
const HERD: usize = 1000;

/// Requests that were read and not answered yet are counted by NGINX itself.
const STATUS: &str = "location = /status { stub_status; }";

/// An answer without a backend, with all that is known of the exchange.
const TOLD: &str = r#"
    STSPhase rewrite;
    add_header Status "$sts_status" always;
    add_header Error "$sts_error" always;
    return 200 "$target_token";
"#;

/// An STS that answers only when the gate is open.
fn held() -> (Scene, Gate) {
    held_when(When::any())
}

fn held_when(when: When) -> (Scene, Gate) {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(when, Script::new().hold(&gate).usual());
    (scene, gate)
}

fn told(scene: &Scene) -> Builder {
    scene.nginx().set("TOLD", TOLD)
}

fn statuses(nginx: &Nginx, log: &str, of: &str) -> usize {
    nginx.read(log).lines().filter(|line| line.split(' ').nth(1) == Some(of)).count()
}

/// Opens so many connections, each to the worker that the kernel chooses for it.
fn start_herd(nginx: &Nginx) -> Vec<Connection> {
    let address = nginx.address_of("PORT_HERD");
    let request = nginx.get("/").bearer("alice").to_bytes();
    (0..HERD)
        .map(|_| {
            let mut connection = Connection::open(address);
            connection.send(&request);
            connection
        })
        .collect()
}

fn herd(scene: &Scene) -> Nginx {
    let http = "
        log_format told '$pid $sts_status';
        server {
            listen 127.0.0.1:%%PORT_HERD%% reuseport backlog=2048;
            access_log %%PREFIX%%/told.log told;
            location / { %%OTX%% STSNegativeTTL 1h; %%TOLD%% }
        }";
    told(scene).http(http).server(STATUS).workers(2).start()
}

#[test]
fn a_thousand_requests_of_two_workers_with_one_new_token_are_one_call() {
    let (scene, gate) = held();
    let nginx = herd(&scene);
    let mut clients = start_herd(&nginx);
    nginx.wait_until_waiting("/status", HERD);

    gate.open();

    let token = devsts::target_for("alice", 1);
    for client in &mut clients {
        assert_eq!(client.read_response().expect_status(200).text(), token);
    }
    assert_eq!(scene.sts.call_count(), 1);
    wait_for("the log", || nginx.read("told.log").lines().count() == HERD);
    assert_eq!(statuses(&nginx, "told.log", "MISS"), 1);
    // Those of the other worker that came before it asked again found the token in the zone.
    let shared = statuses(&nginx, "told.log", "COALESCED");
    assert_eq!(shared, HERD - 1);
    let log = nginx.read("told.log");
    let workers: BTreeSet<_> = log.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(workers.len(), 2, "one worker served all");
}

#[test]
fn a_thousand_requests_of_two_workers_share_a_failure() {
    let scene = Scene::new();
    let gate = Gate::new();
    let refusal = Answer::new(400).body(r#"{"error":"invalid_grant","error_description":"no"}"#);
    scene.sts.script(When::any(), Script::new().hold(&gate).answer(refusal));
    let nginx = herd(&scene);
    let mut clients = start_herd(&nginx);
    nginx.wait_until_waiting("/status", HERD);

    gate.open();

    for client in &mut clients {
        let response = client.read_response().expect_status(401);
        assert_eq!(response.header("Error"), Some("refused"));
    }
    assert_eq!(scene.sts.call_count(), 1);
    // A later request is told the same, without a call.
    nginx.get("/status").send().expect_status(200);
    let mut later = Connection::open(nginx.address_of("PORT_HERD"));
    later.send(nginx.get("/").bearer("alice").to_bytes());
    let response = later.read_response().expect_status(401);
    assert_eq!(response.header("Error"), Some("refused"));
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn what_a_client_has_to_do_reaches_those_that_wait_in_another_worker() {
    let scene = Scene::new();
    let gate = Gate::new();
    let body = r#"{"error":"insufficient_user_authentication","acr_values":"urn:a b","max_age":5}"#;
    let refusal = Answer::new(400).body(body);
    scene.sts.script(When::any(), Script::new().hold(&gate).answer(refusal));
    let nginx = herd(&scene);
    let mut clients = start_herd(&nginx);
    nginx.wait_until_waiting("/status", HERD);

    gate.open();

    let expected = "Bearer error=\"insufficient_user_authentication\", acr_values=\"urn:a b\", \
                    max_age=\"5\"";
    for client in &mut clients {
        let response = client.read_response().expect_status(401);
        assert_eq!(response.header("Error"), Some("step_up"));
        assert_eq!(response.all("WWW-Authenticate"), [expected]);
    }
    assert_eq!(scene.sts.call_count(), 1);
    wait_for("the log", || nginx.read("told.log").lines().count() == HERD);
    let log = nginx.read("told.log");
    let workers: BTreeSet<_> = log.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(workers.len(), 2, "one worker served all");
}

/// Connections to each of two workers, at least so many, by their pids.
fn connections(nginx: &Nginx, number: usize) -> BTreeMap<i32, Vec<Connection>> {
    let mut connections: BTreeMap<i32, Vec<Connection>> = BTreeMap::new();
    while connections.len() < 2 || connections.values().any(|of_one| of_one.len() < number) {
        let mut connection = nginx.connect();
        connection.send(nginx.get("/pid").to_bytes());
        let pid = connection.read_response().expect_status(200).text();
        connections.entry(pid.parse().expect("a pid")).or_default().push(connection);
    }
    connections
}

#[test]
fn the_death_of_the_worker_that_calls_delays_the_others_by_little() {
    let (scene, gate) = held();
    let server = format!(
        "{STATUS}
        location /pid {{ return 200 $pid; }}
        location / {{ %%OTX%% %%PASS%% }}"
    );
    let nginx = scene.nginx().server(&server).workers(2).start();
    let mut connections = connections(&nginx, 1);
    let (calling, mut first) = connections.pop_first().expect("a worker");
    let (_, mut others) = connections.pop_first().expect("another worker");
    let request = nginx.get("/").bearer("alice").to_bytes();
    first[0].send(&request);
    assert!(scene.sts.wait_for_calls(1, DEADLINE));
    others.iter_mut().for_each(|client| client.send(&request));
    nginx.wait_until_waiting("/status", 1 + others.len());

    let start = Instant::now();
    nginx.kill_worker(calling);
    gate.open();
    for client in &mut others {
        assert_exchanged(client.read_response(), "alice");
    }

    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    // The first call, and the one in its place.
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn a_call_that_takes_long_stays_the_only_one_also_after_a_rest() {
    let scene = Scene::new();
    let server = format!("{STATUS} location / {{ %%OTX%% %%PASS%% }}");
    let nginx = scene.nginx().server(&server).workers(2).start();
    for number in 0..40 {
        let user = format!("quick-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    }
    // The sign of life for the quick calls goes on, or it has ended and begins anew.
    for user in ["soon", "late"] {
        let gate = Gate::new();
        scene.sts.script(When::subject(user), Script::new().hold(&gate).usual());
        let before = scene.sts.call_count();
        let start = || nginx.get("/").bearer(user).start();
        let mut clients: Vec<_> = (0..40).map(|_| start()).collect();
        nginx.wait_until_waiting("/status", 40);
        // For longer than one worker waits for a sign of life of the other.
        sleep(Duration::from_millis(2500));
        assert_eq!(scene.sts.call_count(), before + 1, "{user}");
        gate.open();
        for client in &mut clients {
            assert_exchanged(client.read_response(), user);
        }
        sleep(Duration::from_millis(1200));
    }
}

#[test]
fn the_client_for_which_a_call_was_started_may_leave() {
    let (scene, gate) = held();
    let server = format!("{STATUS} location / {{ %%OTX%% %%PASS%% }}");
    let nginx = scene.nginx().server(&server).workers(2).start();
    let first = nginx.get("/").bearer("alice").start();
    assert!(scene.sts.wait_for_calls(1, DEADLINE));
    let mut clients: Vec<_> = (0..20).map(|_| nginx.get("/").bearer("alice").start()).collect();
    nginx.wait_until_waiting("/status", 21);

    first.reset();
    nginx.wait_for_log("prematurely closed");
    gate.open();

    for client in &mut clients {
        assert_exchanged(client.read_response(), "alice");
    }
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn when_all_clients_have_left_the_answer_is_kept_for_the_next() {
    let (scene, gate) = held();
    let nginx = scene.nginx().server("location / { %%OTX%% %%PASS%% }").start();
    let client = nginx.get("/").bearer("alice").start();
    assert!(scene.sts.wait_for_calls(1, DEADLINE));
    client.reset();
    nginx.wait_for_log("prematurely closed");
    gate.open();
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn an_answer_that_is_for_one_request_only_is_not_shared() {
    let (scene, gate) = held();
    let server = format!("{STATUS} location / {{ %%OTX%% %%PASS%% }}");
    let nginx = scene.nginx().server(&server).workers(2).start();
    let mut clients: Vec<_> =
        (0..20).map(|_| nginx.get("/").bearer("life-0.alice").start()).collect();
    nginx.wait_until_waiting("/status", 20);
    assert!(scene.sts.wait_for_calls(1, DEADLINE));
    assert_eq!(scene.sts.call_count(), 1, "the others wait for it");

    gate.open();

    let tokens: BTreeSet<_> =
        clients.iter_mut().map(|client| Seen::by_backend(client.read_response()).token()).collect();
    assert_eq!(tokens.len(), 20, "a token was given twice");
    assert_eq!(scene.sts.call_count(), 20);
}

#[test]
fn a_token_that_a_lax_location_asked_for_is_refused_to_a_strict_one_that_waited() {
    let (scene, gate) = (Scene::new(), Gate::new());
    let body = r#"{"access_token":"refresh","token_type":"Bearer","expires_in":60,
        "issued_token_type":"urn:ietf:params:oauth:token-type:refresh_token"}"#;
    let script = Script::new().hold(&gate).answer(Answer::new(200).body(body));
    scene.sts.script(When::any(), script);
    let server = format!(
        "{STATUS} location /lax {{ %%OTX%% STSExpect off; %%PASS%% }}
        location /strict {{ %%OTX%% %%PASS%% }}"
    );
    let nginx = scene.nginx().server(&server).workers(2).start();
    let start = |path: &str| nginx.get(path).bearer("alice").start();
    let mut lax = vec![start("/lax")];
    assert!(scene.sts.wait_for_calls(1, DEADLINE));
    lax.extend((1..10).map(|_| start("/lax")));
    let mut strict: Vec<_> = (0..10).map(|_| start("/strict")).collect();
    nginx.wait_until_waiting("/status", 20);

    gate.open();

    for client in &mut lax {
        assert_eq!(Seen::by_backend(client.read_response()).token(), "refresh");
    }
    for client in &mut strict {
        client.read_response().expect_status(502);
    }
    assert_eq!(scene.sts.call_count(), 1);
    assert_eq!(scene.backend.requests().len(), 10);
}

#[test]
fn different_tokens_never_wait_for_each_other() {
    let (scene, gate) = held_when(When::subject("alice"));
    let nginx = scene.nginx().server("location / { %%OTX%% %%PASS%% }").start();
    let mut held = nginx.get("/").bearer("alice").start();
    assert!(scene.sts.wait_for_calls(1, DEADLINE));
    assert_exchanged(nginx.get("/").bearer("bob").send(), "bob");
    gate.open();
    assert_exchanged(held.read_response(), "alice");
}

#[test]
fn a_request_that_waits_for_anothers_call_has_a_deadline_of_its_own() {
    let (scene, gate) = held();
    let server = "
        location /slow { %%OTX%% %%PASS%% }
        location /quick { %%OTX%% STSHTTPTimeOut 1; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    let mut slow = nginx.get("/slow").bearer("alice").start();
    assert!(scene.sts.wait_for_calls(1, DEADLINE));
    nginx.get("/quick").bearer("alice").send().expect_status(504);
    gate.open();
    assert_exchanged(slow.read_response(), "alice");
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn a_request_that_may_wait_longer_than_the_one_that_called_gets_another_call() {
    let server = format!(
        "{STATUS}
        location /slow {{ %%OTX%% %%PASS%% }}
        location /quick {{ %%OTX%% STSHTTPTimeOut 1; %%PASS%% }}"
    );
    for workers in [1, 2] {
        let scene = Scene::new();
        scene.sts.script(When::call(1), Script::new().hang());
        let nginx = scene.nginx().server(&server).workers(workers).start();
        let mut quick = nginx.get("/quick").bearer("alice").start();
        assert!(scene.sts.wait_for_calls(1, DEADLINE));
        let mut slow: Vec<_> =
            (0..10).map(|_| nginx.get("/slow").bearer("alice").start()).collect();
        quick.read_response().expect_status(504);
        for client in &mut slow {
            assert_exchanged(client.read_response(), "alice");
        }
        assert_eq!(scene.sts.call_count(), 2, "{workers} workers");
    }
}

#[test]
fn a_call_that_was_not_answered_is_not_made_again_for_those_with_little_time_left() {
    let scene = Scene::new();
    scene.sts.script(When::any(), Script::new().hang());
    let server = format!("{STATUS} location / {{ %%OTX%% STSHTTPTimeOut 4; %%PASS%% }}");
    let nginx = scene.nginx().server(&server).workers(2).start();
    let start = Instant::now();
    let mut clients: Vec<_> = (0..50).map(|_| nginx.get("/").bearer("alice").start()).collect();
    nginx.wait_until_waiting("/status", 50);
    let waited = start.elapsed();
    for client in &mut clients {
        client.read_response().expect_status(504);
    }
    // On a machine that took long to bring them together, some were worth another call.
    if waited < Duration::from_millis(900) {
        assert_eq!(scene.sts.call_count(), 1);
    }
}

#[test]
fn a_request_that_allows_a_larger_answer_than_the_one_that_called_gets_it() {
    for workers in [1, 2] {
        let (scene, gate) = held();
        let server = format!(
            "{STATUS}
            location /narrow {{ %%OTX%% STSMaxResponse 1k; %%TOLD%% }}
            location /wide {{ %%OTX%% %%TOLD%% }}"
        );
        let nginx = told(&scene).server(&server).workers(workers).start();
        let start = |path: &str| nginx.get(path).bearer("size-4096.alice").start();
        let mut first = start("/narrow");
        assert!(scene.sts.wait_for_calls(1, DEADLINE));
        let mut narrow: Vec<_> = (0..10).map(|_| start("/narrow")).collect();
        let mut wide: Vec<_> = (0..10).map(|_| start("/wide")).collect();
        nginx.wait_until_waiting("/status", 21);

        gate.open();

        assert_eq!(first.read_response().expect_status(502).header("Error"), Some("bad_answer"));
        for client in &mut narrow {
            // In the other worker the second call may be there before the failure of the first is
            // seen, and its token is for all.
            let status = client.read_response().status;
            assert!(status == 502 || workers == 2 && status == 200, "{status}");
        }
        for client in &mut wide {
            assert_eq!(client.read_response().expect_status(200).text().len(), 4096);
        }
        assert_eq!(scene.sts.call_count(), 2, "{workers} workers");
    }
}

#[test]
fn a_request_that_allows_more_calls_than_the_one_that_called_is_not_refused() {
    let (scene, gate) = held_when(When::subject("bob"));
    let server = "
        location /narrow { %%OTX%% STSMaxCalls 1 queue 0; %%TOLD%% }
        location /wide { %%OTX%% STSMaxCalls 2; %%TOLD%% }";
    let nginx = told(&scene).server(server).start();
    let worker = nginx.worker();
    let mut held = nginx.get("/narrow").bearer("bob").start();
    assert!(scene.sts.wait_for_calls(1, DEADLINE));
    let open = || {
        let mut connection = nginx.connect();
        connection.send(nginx.get("/missing").to_bytes());
        connection.read_response();
        connection
    };
    // Which of them comes first is up to the kernel.
    let refused = (0..50).any(|round| {
        let user = format!("alice-{round}");
        let (mut narrow, mut wide) = (open(), open());
        // Both are taken in before the worker comes to the first call.
        nginx.kill_by(worker, Signal::SIGSTOP as i32);
        wait_for("the worker to rest", || {
            let stat = std::fs::read_to_string(format!("/proc/{worker}/stat")).unwrap_or_default();
            stat.contains(") T ")
        });
        narrow.send(nginx.get("/narrow").bearer(&user).to_bytes());
        wide.send(nginx.get("/wide").bearer(&user).to_bytes());
        nginx.kill_by(worker, Signal::SIGCONT as i32);
        wide.read_response().expect_status(200);
        narrow.read_response().header("Error") == Some("busy")
    });
    assert!(refused, "the one with the narrow limit was never the first");
    gate.open();
    held.read_response().expect_status(200);
}

#[test]
fn requests_with_different_caches_do_not_share_a_call() {
    let (scene, gate) = held();
    let server = format!(
        "{STATUS}
        location /a {{ %%OTX%% STSCache shm name=a; %%TOLD%% }}
        location /b {{ %%OTX%% STSCache shm name=b; %%TOLD%% }}"
    );
    let nginx = told(&scene).server(&server).start();
    let mut clients = ["/a", "/b"].map(|path| nginx.get(path).bearer("alice").start());
    nginx.wait_until_waiting("/status", 2);
    assert!(
        scene.sts.wait_for_calls(2, DEADLINE),
        "one waits for a call that never brings it a token"
    );
    gate.open();
    let tokens = clients.each_mut().map(|client| client.read_response().expect_status(200).text());
    assert_ne!(tokens[0], tokens[1]);
    for (path, token) in ["/a", "/b"].into_iter().zip(tokens) {
        let again = nginx.get(path).bearer("alice").send();
        assert_eq!((again.header("Status"), again.text()), (Some("HIT"), token));
    }
}

#[test]
fn a_token_that_is_too_old_for_some_is_refreshed_for_all_of_them_by_one_call() {
    for workers in [1, 2] {
        let scene = Scene::new();
        let gate = Gate::new();
        scene.sts.script(When::any().skip(1), Script::new().hold(&gate).usual());
        let server = format!(
            "{STATUS}
            location /long {{ %%OTX%% %%TOLD%% }}
            location /short {{ %%OTX%% STSCacheExpiresIn 3; %%TOLD%% }}"
        );
        let nginx = told(&scene).server(&server).workers(workers).start();
        let old = nginx.get("/long").bearer("alice").send().expect_status(200).text();
        let stored = Instant::now();
        wait_for("the token to be too old", || stored.elapsed() > Duration::from_millis(3100));

        let mut clients: Vec<_> =
            (0..20).map(|_| nginx.get("/short").bearer("alice").start()).collect();
        nginx.wait_until_waiting("/status", 20);
        // Others go on with the old one.
        let meanwhile = nginx.get("/long").bearer("alice").send();
        assert_eq!((meanwhile.header("Status"), meanwhile.text()), (Some("HIT"), old.clone()));
        gate.open();

        let tokens: BTreeSet<_> = clients
            .iter_mut()
            .map(|client| client.read_response().expect_status(200).text())
            .collect();
        assert_eq!(tokens.len(), 1, "{workers} workers");
        assert_eq!(scene.sts.call_count(), 2, "{workers} workers");
        let after = nginx.get("/long").bearer("alice").send();
        assert_eq!(after.header("Status"), Some("HIT"));
        assert_eq!(Some(&after.text()), tokens.first());
        assert_ne!(after.text(), old);
    }
}
