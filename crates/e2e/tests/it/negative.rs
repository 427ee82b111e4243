//! A token that was refused is not asked for again for a short time (`STSNegativeTTL`).
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::thread::scope;
use std::time::{Duration, Instant};

use devsts::{Answer, Script, When};
use e2e::nginx::{Builder, Nginx};
use e2e::response::Response;
use e2e::scene::Scene;
use e2e::wait::wait_for;

/// An answer without a backend, with all that is known of the exchange.
const TOLD: &str = r#"
    STSPhase rewrite;
    add_header Status "$sts_status" always;
    add_header Error "$sts_error" always;
    return 200 "$target_token";
"#;

const LOCATION: &str = "location / { %%OTX%% %%TOLD%% }";

fn told(scene: &Scene) -> Builder {
    scene.nginx().set("TOLD", TOLD)
}

fn refuse(scene: &Scene, when: When, status: u16, body: &str) {
    scene.sts.script(when, Script::new().answer(Answer::new(status).body(body)));
}

fn get(nginx: &Nginx, path: &str, source: &str) -> Response {
    nginx.get(path).bearer(source).send()
}

fn facts(response: &Response) -> (u16, String, String) {
    let header = |name| response.header(name).unwrap_or_default().to_owned();
    (response.status, header("Status"), header("Error"))
}

const GRANT: &str = r#"{"error":"invalid_grant","error_description":"gone"}"#;

#[test]
fn ten_thousand_requests_of_a_refused_token_are_one_call_and_get_the_same_answer() {
    let scene = Scene::new();
    refuse(&scene, When::subject("alice"), 400, GRANT);
    // Longer than the requests take on a slow machine.
    let server = format!("keepalive_requests 1000000; STSNegativeTTL 1m; {LOCATION}");
    let nginx = told(&scene).server(&server).workers(2).start();
    let first = get(&nginx, "/", "alice");
    assert_eq!(facts(&first), (401, "FAILED".into(), "refused".into()));
    let challenge = first.all("WWW-Authenticate").join("|");
    assert!(challenge.contains("invalid_token"), "{challenge}");
    let mark = nginx.mark_log();
    let start = Instant::now();
    scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = nginx.connect();
                let request = nginx.get("/").bearer("alice").to_bytes();
                for _ in 0..2_500 {
                    connection.send(&request);
                    let response = connection.read_response();
                    assert_eq!(facts(&response), (401, "NEGATIVE".into(), "refused".into()));
                    assert_eq!(response.all("WWW-Authenticate").join("|"), challenge);
                }
            });
        }
    });
    assert_eq!(scene.sts.call_count(), 1);
    // One line a second and worker, and one of what was left out.
    let lines = nginx.log_since(mark);
    let lines = lines.iter().filter(|line| line.contains("refused")).count() as u64;
    assert!(lines <= 2 * 2 * (start.elapsed().as_secs() + 2), "{lines} lines");
    assert_eq!(facts(&get(&nginx, "/", "bob")).1, "MISS");
}

#[test]
fn it_is_over_after_its_time() {
    let scene = Scene::new();
    refuse(&scene, When::subject("alice").times(1), 400, GRANT);
    let nginx = told(&scene).server(&format!("STSNegativeTTL 1s; {LOCATION}")).start();
    let start = Instant::now();
    assert_eq!(facts(&get(&nginx, "/", "alice")).1, "FAILED");
    wait_for("the end of it", || facts(&get(&nginx, "/", "alice")).1 != "NEGATIVE");
    assert!(start.elapsed() >= Duration::from_millis(990), "{:?}", start.elapsed());
    assert_eq!(facts(&get(&nginx, "/", "alice")).1, "HIT");
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn only_what_is_about_the_token_is_remembered() {
    for (status, body, is_remembered) in [
        (400, GRANT, true),
        (400, r#"{"error":"access_denied"}"#, true),
        (400, r#"{"error":"invalid_target"}"#, true),
        (400, r#"{"error":"invalid_client"}"#, false),
        (400, r#"{"error":"insufficient_user_authentication"}"#, false),
        (503, "", false),
        (500, "", false),
        (200, "nonsense", false),
    ] {
        let scene = Scene::new();
        refuse(&scene, When::any(), status, body);
        let nginx = told(&scene).server(LOCATION).start();
        let first = facts(&get(&nginx, "/", "alice"));
        let (status, how, error) = facts(&get(&nginx, "/", "alice"));
        assert_eq!((status, &error), (first.0, &first.2), "{body}");
        assert_eq!(how == "NEGATIVE", is_remembered, "{body}: {how}");
        assert_eq!(scene.sts.call_count() == 1, is_remembered, "{body}");
    }
}

#[test]
fn an_exchange_without_a_source_remembers_nothing() {
    let scene = Scene::new();
    refuse(&scene, When::any(), 400, GRANT);
    let server = "location / { STSType cc; STSCCEndpoint %%STS%%; STSVariables $target_token;
        %%TOLD%% }";
    let nginx = told(&scene).server(server).start();
    for calls in 1..=2 {
        assert_eq!(facts(&get(&nginx, "/", "alice")).1, "FAILED");
        assert_eq!(scene.sts.call_count(), calls);
    }
}

#[test]
fn a_location_may_remember_nothing_and_a_request_may_go_on() {
    let scene = Scene::new();
    refuse(&scene, When::any(), 400, GRANT);
    let server = "
        location /off { %%OTX%% STSNegativeTTL 0; %%TOLD%% }
        location /pass { %%OTX%% STSOnError pass; %%TOLD%% }";
    let nginx = told(&scene).server(server).start();
    assert_eq!(facts(&get(&nginx, "/off", "alice")).1, "FAILED");
    assert_eq!(facts(&get(&nginx, "/off", "alice")).1, "FAILED");
    assert_eq!(facts(&get(&nginx, "/pass", "alice")), (200, "PASSED".into(), "refused".into()));
    let response = get(&nginx, "/pass", "alice");
    assert_eq!(facts(&response), (200, "NEGATIVE".into(), "refused".into()));
    assert_eq!((response.text().as_str(), scene.sts.call_count()), ("", 3));
}

#[test]
fn a_purge_forgets_it_and_an_encrypted_cache_keeps_it_as_well() {
    let scene = Scene::new();
    refuse(&scene, When::subject("alice").times(1), 400, GRANT);
    let server = format!(
        "STSCache shm name=sealed&encrypt=true&passphrase=p; {LOCATION}
        location /purge {{ STSCachePurge; }}"
    );
    let nginx = told(&scene).server(&server).start();
    assert_eq!(facts(&get(&nginx, "/", "alice")).1, "FAILED");
    assert_eq!(facts(&get(&nginx, "/", "alice")).1, "NEGATIVE");
    nginx.post("/purge", "").send().expect_status(200);
    assert_eq!(facts(&get(&nginx, "/", "alice")).1, "MISS");
}
