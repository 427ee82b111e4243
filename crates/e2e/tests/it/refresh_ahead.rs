//! Tokens are renewed before their end (`STSRefreshAhead`), and no request waits for that.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and its figures are to be read"
)]

use std::collections::BTreeMap;
use std::env;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::{Answer, Gate, Script, When};
use e2e::nginx::{Builder, Nginx};
use e2e::scene::Scene;
use e2e::wait::{DEADLINE, wait_for};

/// An answer without a backend, with all that is known of the exchange.
const TOLD: &str = r#"
    STSPhase rewrite;
    add_header Status "$sts_status" always;
    add_header Error "$sts_error" always;
    return 200 "$target_token";
"#;

/// A token of three seconds is due after 2.4 to 2.55 of them.
const LOCATION: &str = "STSExpiryLeeway 0; location / { %%OTX%% %%TOLD%% }";
const ALICE: &str = "life-3.alice";

fn told(scene: &Scene) -> Builder {
    scene.nginx().set("TOLD", TOLD)
}

fn status(nginx: &Nginx, path: &str, source: &str) -> String {
    let response = nginx.get(path).bearer(source).send();
    response.header("Status").unwrap_or_default().to_owned()
}

/// Asks until a request is told this.
#[track_caller]
fn wait_for_status(nginx: &Nginx, path: &str, source: &str, expected: &str) {
    wait_for(expected, || status(nginx, path, source) == expected);
}

#[test]
fn a_token_is_renewed_while_the_old_one_serves() {
    let scene = Scene::new();
    let nginx = told(&scene).server(LOCATION).start();
    assert_eq!(status(&nginx, "/", ALICE), "MISS");
    let gate = Gate::new();
    scene.sts.script(When::any(), Script::new().hold(&gate).usual());
    wait_for_status(&nginx, "/", ALICE, "REFRESHED");
    let response = nginx.get("/").bearer(ALICE).send().expect_status(200);
    assert_eq!(response.header("Status"), Some("HIT"));
    assert_eq!(response.text(), devsts::target_for(ALICE, 1));
    assert!(scene.sts.wait_for_calls(2, DEADLINE));
    gate.open();
    let next = devsts::target_for(ALICE, 2);
    wait_for("the next token", || nginx.get("/").bearer(ALICE).send().text() == next);
    assert_eq!(status(&nginx, "/", ALICE), "HIT");
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn with_two_workers_each_life_costs_one_call_and_no_request_waits() {
    many(Duration::from_secs(8), 4, 3.0);
}

/// One token of ten seconds at 500 requests a second for two minutes: `make test-refresh`.
#[test]
#[ignore = "takes two minutes"]
fn five_hundred_requests_a_second_for_two_minutes() {
    let seconds = env::var("STS_REFRESH").ok().and_then(|text| text.parse().ok()).unwrap_or(120);
    many(Duration::from_secs(seconds), 10, 10.0);
}

/// Two workers and an STS at 300 ms; `clients` make 50 requests a second each.
fn many(time: Duration, clients: usize, life: f64) {
    let source = format!("wait-300.life-{life}.alice");
    let scene = Scene::new();
    let server = format!("access_log off; keepalive_requests 1000000; {LOCATION}");
    let nginx = told(&scene).server(&server).workers(2).start();
    assert_eq!(status(&nginx, "/", &source), "MISS");
    let start = Instant::now();
    let counts = scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| {
                    let mut counts = BTreeMap::<String, u64>::new();
                    let mut connection = nginx.connect();
                    let request = nginx.get("/").bearer(&source).to_bytes();
                    let mut next = Instant::now();
                    while start.elapsed() < time {
                        connection.send(&request);
                        let response = connection.read_response().expect_status(200);
                        let status = response.header("Status").unwrap_or_default();
                        *counts.entry(status.to_owned()).or_default() += 1;
                        next += Duration::from_millis(20);
                        sleep(next.saturating_duration_since(Instant::now()));
                    }
                    counts
                })
            })
            .collect();
        let mut counts = BTreeMap::<String, u64>::new();
        for thread in threads {
            for (status, count) in thread.join().expect("a client") {
                *counts.entry(status).or_default() += count;
            }
        }
        counts
    });
    let refreshed = counts.get("REFRESHED").copied().unwrap_or_default();
    assert!(counts.keys().all(|status| status == "HIT" || status == "REFRESHED"), "{counts:?}");
    assert_eq!(scene.sts.call_count(), 1 + refreshed, "{counts:?}");
    // Each token serves for 80 to 85 % of its life, and a moment more for the next request.
    let lives = time.as_secs_f64() / life;
    let (least, most) = ((lives / 0.9).floor() - 1.0, (lives / 0.8).ceil() + 1.0);
    assert!((least..=most).contains(&(refreshed as f64)), "{counts:?}, {least} to {most}");
    println!("{counts:?} in {:?}", start.elapsed());
}

#[test]
fn while_the_sts_is_down_the_token_serves_to_its_end() {
    let scene = Scene::new();
    let nginx = told(&scene).server(LOCATION).start();
    assert_eq!(status(&nginx, "/", "life-8.alice"), "MISS");
    scene.sts.script(When::any(), Script::new().reset());
    wait_for_status(&nginx, "/", "life-8.alice", "STALE");
    assert_eq!(status(&nginx, "/", "life-8.alice"), "STALE");
    let line = nginx.wait_for_log("for the next token");
    assert!(line.contains("unreachable") && line.contains("serves to its end"), "{line}");
    // Only when it is over does a request find that there is no STS.
    wait_for_status(&nginx, "/", "life-8.alice", "FAILED");
    let response = nginx.get("/").bearer("life-8.alice").send().expect_status(502);
    assert_eq!(response.header("Error"), Some("unreachable"));
    // The first call, one that failed, and with a pause in between at most one more; then requests.
    assert!((4..=5).contains(&scene.sts.call_count()), "{}", scene.sts.call_count());
}

#[test]
fn a_refusal_of_the_sts_drops_the_token() {
    let scene = Scene::new();
    let nginx = told(&scene).server(LOCATION).start();
    assert_eq!(status(&nginx, "/", "life-8.alice"), "MISS");
    assert_eq!(status(&nginx, "/", "life-8.bob"), "MISS");
    let refusal = Answer::new(400).body(r#"{"error":"invalid_grant","error_description":"gone"}"#);
    scene.sts.script(When::subject("life-8.alice"), Script::new().answer(refusal));
    wait_for_status(&nginx, "/", "life-8.alice", "FAILED");
    nginx.get("/").bearer("life-8.alice").send().expect_status(401);
    let line = nginx.wait_for_log("for the next token");
    assert!(line.contains("gone") && line.contains("dropped"), "{line}");
    assert_ne!(status(&nginx, "/", "life-8.bob"), "FAILED");
}

#[test]
fn it_is_off_where_servers_count_or_remember_and_can_be_set_otherwise() {
    let scene = Scene::new();
    let server = "STSExpiryLeeway 0;
        location /ropc { STSType ropc; STSROPCEndpoint %%STS%%; STSROPCUsername a;
            STSVariables $source_token $target_token; %%TOLD%% }
        location /off { %%OTX%% STSRefreshAhead off; %%TOLD%% }
        location /set { STSType ropc; STSROPCEndpoint %%STS%%; STSROPCUsername b; STSRefreshAhead 50;
            STSVariables $source_token $target_token; %%TOLD%% }
        location /cc { STSType cc; STSCCEndpoint %%STS%%; %%TOLD%% }";
    let nginx = told(&scene).server(server).start();
    let body = r#"{"access_token":"t","token_type":"Bearer","expires_in":3}"#;
    scene.sts.script(When::any(), Script::new().answer(Answer::new(200).body(body)));
    let start = Instant::now();
    let mut seen = BTreeMap::<&str, String>::new();
    while start.elapsed() < Duration::from_millis(2_800) {
        for path in ["/ropc", "/off", "/set", "/cc"] {
            if status(&nginx, path, "alice") == "REFRESHED" {
                seen.entry(path).or_default().push('R');
            }
        }
    }
    assert!(!seen.contains_key("/ropc") && !seen.contains_key("/off"), "{seen:?}");
    assert_eq!(seen.get("/set").map(String::as_str), Some("R"));
    assert_eq!(seen.get("/cc").map(String::as_str), Some("R"));
}

#[test]
fn what_ends_with_its_source_is_not_renewed() {
    let scene = Scene::new();
    let nginx = told(&scene).server(LOCATION).start();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let end = now.expect("a clock").as_secs() + 4;
    let source = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(format!("{{\"exp\":{end}}}")));
    assert_eq!(status(&nginx, "/", &source), "MISS");
    wait_for("its end", || match status(&nginx, "/", &source).as_str() {
        "HIT" => false,
        "MISS" => true,
        other => panic!("{other}"),
    });
}

#[test]
fn a_call_for_the_next_token_does_not_hold_a_worker_that_ends() {
    let scene = Scene::new();
    let nginx = told(&scene).server(LOCATION).start();
    assert_eq!(status(&nginx, "/", ALICE), "MISS");
    scene.sts.script(When::any(), Script::new().hang());
    wait_for_status(&nginx, "/", ALICE, "REFRESHED");
    assert!(scene.sts.wait_for_calls(2, DEADLINE));
    let start = Instant::now();
    nginx.quit();
    nginx.wait_until_gone();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
