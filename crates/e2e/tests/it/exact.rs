//! The counters are exact: over all outcomes, two workers, a reload, and a worker that is killed.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test reports by panicking"
)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use devsts::{Answer, Gate, Script, When};
use e2e::http1::Request;
use e2e::nginx::Nginx;
use e2e::scene::Scene;
use e2e::wait::wait_for;
use serde_json::Value;

const REQUESTS: usize = 10_000;
const CLIENTS: usize = 8;

fn exchange(nginx: &Nginx, name: &str) -> Value {
    let status = nginx.get("/sts?format=json").send().expect_status(200).json();
    let exchanges = status["exchanges"].as_array().cloned().unwrap_or_default();
    exchanges.into_iter().find(|one| one["name"] == *name).expect("the exchange")
}

fn number(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or_else(|| panic!("no {key} in {object}"))
}

/// What a request asks for, and how NGINX's own access log, which writes one line for each, has to
/// have it.
fn request(nginx: &Nginx, number: usize) -> Request {
    let user = format!("user-{}", number % 97);
    match number % 10 {
        0..4 => nginx.get("/a").bearer(user),
        4 => nginx.get("/a").bearer(format!("new-{number}")),
        5 => nginx.get("/a"),
        6 => nginx.get("/a").bearer(format!("refuse-{number}")),
        7 => nginx.get("/pass").bearer(format!("down-{number}")),
        8 => nginx.get("/a?by=1").bearer(user),
        _ => nginx.get("/a").bearer(format!("down-{number}")),
    }
}

#[test]
fn ten_thousand_requests_are_counted_as_they_were() {
    let scene = Scene::new();
    let server = "
        access_log %%PREFIX%%/exact.log exact;
        location = /sts { access_log off; allow 127.0.0.1; deny all; STSStatus; }
        location /a { %%OTX%% STSName a; STSBypass $arg_by; %%PASS%% }
        location /pass { %%OTX%% STSName pass; STSOnError pass; %%PASS%% }
        location /held { access_log off; %%OTX%% STSName held; %%PASS%% }";
    let nginx = scene
        .nginx()
        .http("log_format exact '$sts_exchange $sts_status $sts_error';")
        .server(server)
        .workers(2)
        .start();
    nginx.allow_in_log("exited on signal 9");
    let down = Answer::oauth_error(503, "temporarily_unavailable", "");
    let refusal = Answer::oauth_error(400, "invalid_grant", "");
    scene.sts.script(When::subject_prefix("down-"), Script::new().answer(down));
    scene.sts.script(When::subject_prefix("refuse-"), Script::new().answer(refusal));

    let phases = [0..REQUESTS / 3, REQUESTS / 3..2 * REQUESTS / 3, 2 * REQUESTS / 3..REQUESTS];
    for (phase, numbers) in phases.into_iter().enumerate() {
        match phase {
            1 => {
                // One request at each worker is in flight when one of them is killed: it waits for a call
                // that is not answered. Where it was, nothing is counted of it.
                let gate = Gate::new();
                scene.sts.script(When::subject_prefix("held-"), Script::new().hold(&gate).usual());
                let held: Vec<_> = (0..6)
                    .map(|n| nginx.get("/held").bearer(format!("held-{n}")).start())
                    .collect();
                wait_for("calls", || number(&exchange(&nginx, "held"), "calls_active") == 6);
                let workers = nginx.workers();
                nginx.kill_worker(workers[0]);
                wait_for("a new worker", || {
                    let now = nginx.workers();
                    now.len() == 2 && !now.contains(&workers[0])
                });
                let active = number(&exchange(&nginx, "held"), "calls_active");
                gate.open();
                let answered = held
                    .into_iter()
                    .filter_map(|mut connection| connection.try_read_response().ok())
                    .count() as u64;
                wait_for("the calls to end", || {
                    number(&exchange(&nginx, "held"), "calls_active") == 0
                });
                let after = exchange(&nginx, "held");
                assert_eq!(number(&after["requests"], "miss"), answered, "{after}");
                assert_eq!(number(&after["calls"], "ok"), active, "{after}");
                assert_eq!(active, answered, "{after}");
            }
            2 => {
                let before = nginx.workers();
                nginx.reload();
                wait_for("new workers", || {
                    let now = nginx.workers();
                    now.len() == 2 && now.iter().all(|worker| !before.contains(worker))
                });
            }
            _ => {}
        }
        let next = AtomicUsize::new(numbers.start);
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= numbers.end {
                            break;
                        }
                        request(&nginx, number).send();
                    }
                });
            }
        });
    }

    wait_for("the last lines", || nginx.read("exact.log").lines().count() >= REQUESTS);
    let log = nginx.read("exact.log");
    assert_eq!(log.lines().count(), REQUESTS);
    let mut outcomes = BTreeMap::<(String, String), u64>::new();
    let mut failures = BTreeMap::<(String, String), u64>::new();
    for line in log.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [exchange, status, error] = words.as_slice() else { panic!("{line}") };
        let outcome = match *status {
            "BYPASS" => "bypassed".to_owned(),
            other => other.to_lowercase(),
        };
        *outcomes.entry(((*exchange).to_owned(), outcome)).or_default() += 1;
        if *error != "-" {
            *failures.entry(((*exchange).to_owned(), (*error).to_owned())).or_default() += 1;
        }
    }
    let mut total = 0;
    for name in ["a", "pass"] {
        let now = exchange(&nginx, name);
        for (key, logged) in [("requests", &outcomes), ("failures", &failures)] {
            for (word, count) in now[key].as_object().expect("an object") {
                let logged = logged.get(&(name.to_owned(), word.clone())).copied().unwrap_or(0);
                assert_eq!(count.as_u64(), Some(logged), "{key} {word} of {name}: {now}");
            }
        }
        total += now["requests"]
            .as_object()
            .expect("an object")
            .values()
            .filter_map(Value::as_u64)
            .sum::<u64>();
        let calls = &now["calls"];
        // Each request that waited did so for one of these calls.
        let waited = number(&now["requests"], "miss") + number(&now["requests"], "coalesced");
        let refused_by_sts = number(&now["failures"], "refused") + number(&now["failures"], "busy");
        assert_eq!(number(&now["wait_seconds"], "count"), waited + refused_by_sts, "{now}");
        let ended = number(calls, "ok") + number(calls, "refused") + number(calls, "failed");
        assert_eq!(number(&now["call_seconds"], "count"), ended, "{now}");
        assert_eq!(number(calls, "ok"), number(&now["requests"], "miss"), "{now}");
        assert_eq!(number(calls, "abandoned"), 0);
        assert_eq!((number(&now, "calls_active"), number(&now, "calls_queued")), (0, 0));
    }
    assert_eq!(total, REQUESTS as u64);
    // The STS has seen as many calls, with those that were held.
    let held = exchange(&nginx, "held");
    let calls = |now: &Value| {
        now["calls"].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>()
    };
    let counted = calls(&exchange(&nginx, "a")) + calls(&exchange(&nginx, "pass")) + calls(&held);
    let killed = 6 - calls(&held);
    assert_eq!(scene.sts.call_count(), counted + killed);
}
