//! No calls are made while the STS is down or asks for a pause (`STSBreaker`).
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::time::{Duration, Instant};

use devsts::{Answer, Gate, Script, When};
use e2e::nginx::Nginx;
use e2e::response::Response;
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::{DEADLINE, wait_for};
use serde_json::{Value, json};

fn location(more: &str) -> String {
    format!("location / {{ %%OTX%% {more} %%PASS%% }}")
}

const STATUS: &str = "location = /sts { allow 127.0.0.1; deny all; STSStatus; }";

/// Calls that were not made.
fn not_made(nginx: &Nginx) -> Value {
    let status = nginx.get("/sts?format=json").send().expect_status(200).json();
    status["exchanges"][0]["calls_not_made"].clone()
}

fn get(nginx: &Nginx, source: &str) -> Response {
    nginx.get("/").bearer(source).send()
}

/// The first calls are reset, and so many have failed.
fn broken(scene: &Scene, nginx: &Nginx, failures: u64) {
    for number in 0..failures {
        get(nginx, &format!("early-{number}")).expect_status(502);
    }
    assert_eq!(scene.sts.call_count(), failures);
}

#[track_caller]
fn assert_halted(response: Response, most: u64) {
    let response = response.expect_status(503);
    let after = response.header("Retry-After").and_then(|text| text.parse().ok()).unwrap_or(0);
    assert!((1..=most).contains(&after), "{after}");
}

#[test]
fn after_failures_in_a_row_no_call_is_made_and_then_the_sts_is_found_again() {
    let scene = Scene::new();
    scene.sts.script(When::any().times(3), Script::new().reset());
    let nginx = scene.nginx().server(&location("STSBreaker 3 1s;")).start();
    broken(&scene, &nginx, 3);
    let start = Instant::now();
    for number in 0..20 {
        assert_halted(get(&nginx, &format!("user-{number}")), 1);
    }
    assert_eq!(scene.sts.call_count(), 3);
    let line = nginx.wait_for_log("did not answer 3 calls in a row");
    assert!(line.contains("[warn]") && line.contains("STSBreaker"), "{line}");
    wait_for("the probe", || get(&nginx, "alice").status == 200);
    assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
    nginx.wait_for_log("answers again");
    assert_exchanged(get(&nginx, "bob"), "bob");
}

#[test]
fn the_status_says_how_the_breaker_stands() {
    let scene = Scene::new();
    scene.sts.script(When::any().times(2), Script::new().reset());
    let server = "location / { %%OTX%% STSName orders; STSBreaker 2 500ms; %%PASS%% }
        location /without { %%OTX%% STSName without; STSRequestParameter a b; %%PASS%% }
        location = /sts { allow 127.0.0.1; deny all; STSStatus; }";
    let nginx = scene.nginx().server(server).start();
    let state = |number: usize| {
        let status = nginx.get("/sts?format=json").send().expect_status(200).json();
        status["exchanges"][number]["breaker"].clone()
    };
    let metric = || {
        let text = nginx.get("/sts?format=prometheus").send().expect_status(200).text();
        let is_it = |line: &&str| line.starts_with("nginx_sts_breaker_open{");
        text.lines().filter(is_it).map(str::to_owned).collect::<Vec<_>>()
    };
    let line = |number: u8| {
        let endpoint = scene.sts.endpoint();
        vec![format!(
            "nginx_sts_breaker_open{{exchange=\"orders\",endpoint=\"{endpoint}\"}} {number}"
        )]
    };
    assert_eq!((state(0)["state"].as_str(), state(1).is_null()), (Some("closed"), true));
    assert_eq!(metric(), line(0));
    broken(&scene, &nginx, 2);
    assert_eq!(state(0)["state"], "open");
    assert_eq!(metric(), line(1));
    assert_halted(get(&nginx, "bob"), 1);
    let text = nginx.get("/sts?format=prometheus").send().expect_status(200).text();
    let not_made = "nginx_sts_calls_not_made_total{exchange=\"orders\",cause=\"breaker\"} 1";
    assert!(text.lines().any(|line| line == not_made), "{text}");
    // No call comes meanwhile: it is the pause that ends.
    wait_for("the end of the pause", || state(0)["state"] == "probing");
    assert_eq!(metric(), line(1));
    wait_for("the probe", || get(&nginx, "alice").status == 200);
    assert_eq!(state(0)["state"], "closed");
    assert_eq!(metric(), line(0));
}

#[test]
fn one_probe_is_made_and_when_it_fails_it_takes_the_time_again() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::any().times(2), Script::new().reset());
    scene.sts.script(When::subject_prefix("probe").times(1), Script::new().hold(&gate).reset());
    let nginx = scene.nginx().server(&location("STSBreaker 2 500ms;")).start();
    broken(&scene, &nginx, 2);
    // Whichever comes first is the probe.
    let mut probe = nginx.get("/").bearer("probe-0").start();
    let mut number = 0;
    while !scene.sts.wait_for_calls(3, Duration::from_millis(50)) {
        assert_halted(probe.read_response(), 1);
        number += 1;
        probe = nginx.get("/").bearer(format!("probe-{number}")).start();
    }
    for number in 0..5 {
        assert_halted(get(&nginx, &format!("user-{number}")), 1);
    }
    gate.open();
    probe.read_response().expect_status(502);
    assert_halted(get(&nginx, "alice"), 1);
    assert_eq!(scene.sts.call_count(), 3);
    wait_for("the next probe", || get(&nginx, "alice").status == 200);
}

#[test]
fn answers_are_no_failures_whatever_they_say() {
    let scene = Scene::new();
    let refusal = Answer::new(400).body(r#"{"error":"invalid_client"}"#);
    scene.sts.script(When::subject_prefix("refused"), Script::new().answer(refusal));
    scene.sts.script(When::subject_prefix("broken"), Script::new().answer(Answer::new(500)));
    let nginx = scene.nginx().server(&location("STSBreaker 1 10m;")).start();
    for number in 0..3 {
        get(&nginx, &format!("refused-{number}")).expect_status(502);
        get(&nginx, &format!("broken-{number}")).expect_status(502);
    }
    assert_exchanged(get(&nginx, "alice"), "alice");
    assert_eq!(scene.sts.call_count(), 7);
}

#[test]
fn a_pause_that_the_sts_asks_for_is_kept_to() {
    for status in [429, 503] {
        let scene = Scene::new();
        let busy = Answer::new(status).header("Retry-After", "2");
        scene.sts.script(When::any().times(1), Script::new().answer(busy));
        let server = format!(
            "{} location /eager {{ %%OTX%% %%PASS%% }} {STATUS}",
            location("STSBreaker 5 1s;")
        );
        let nginx = scene.nginx().server(&server).start();
        let start = Instant::now();
        assert_halted(get(&nginx, "alice"), 2);
        let halted = get(&nginx, "bob");
        assert_halted(halted, 2);
        // What the STS has answered itself is a call that has failed.
        assert_eq!(not_made(&nginx), json!({"queue": 0, "value": 0, "breaker": 0, "pause": 1}));
        assert_eq!(scene.sts.call_count(), 1);
        // A location that does not want it asks.
        assert_exchanged(nginx.get("/eager").bearer("carol").send(), "carol");
        wait_for("the end of the pause", || get(&nginx, "bob").status == 200);
        assert!(start.elapsed() >= Duration::from_millis(1_900), "{:?}", start.elapsed());
    }
}

#[test]
fn after_an_outage_a_herd_is_let_in_gradually() {
    const HERD: usize = 10;
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::any().times(1), Script::new().reset());
    scene.sts.script(When::subject_prefix("herd"), Script::new().hold(&gate).usual());
    let server = format!("{} location /status {{ stub_status; }}", location("STSBreaker 1 100ms;"));
    let nginx = scene.nginx().server(&server).start();
    broken(&scene, &nginx, 1);
    wait_for("the probe", || get(&nginx, "alice").status == 200);
    let before = scene.sts.call_count();
    let mut herd: Vec<_> =
        (0..HERD).map(|number| nginx.get("/").bearer(format!("herd-{number}")).start()).collect();
    nginx.wait_until_waiting("/status", HERD);
    assert!(scene.sts.wait_for_calls(before + 2, DEADLINE));
    assert_eq!(scene.sts.call_count(), before + 2);
    gate.open();
    for (number, client) in herd.iter_mut().enumerate() {
        assert_exchanged(client.read_response(), &format!("herd-{number}"));
    }
}

#[test]
fn without_it_every_request_calls() {
    let scene = Scene::new();
    scene.sts.script(When::any(), Script::new().reset());
    let nginx = scene.nginx().server(&location("")).start();
    broken(&scene, &nginx, 10);
}
