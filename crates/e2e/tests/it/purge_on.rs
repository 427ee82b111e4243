//! A token that the backend does not take is forgotten (`STSPurgeOn`).

use std::time::{Duration, Instant};

use e2e::nginx::Nginx;
use e2e::scene::Scene;
use e2e::wait::wait_for;

/// A backend that takes no token that came of the first call for a user, and says so with this status.
const BACKEND: &str = r#"
    server {
        listen 127.0.0.1:%%PORT_BACK%%;
        location / {
            if ($http_x_token = "%%FIRST%%") { return %%CODE%%; }
            return 200 "taken";
        }
    }"#;

const PASS: &str = r#"
    proxy_set_header Authorization "";
    proxy_set_header X-Token $target_token;
    proxy_pass http://127.0.0.1:%%PORT_BACK%%;
    add_header Status "$sts_status" always;
"#;

/// How the exchange of a request went, and what it was answered.
fn get(nginx: &Nginx, path: &str, source: &str) -> (String, u16) {
    let response = nginx.get(path).bearer(source).send();
    (response.header("Status").unwrap_or_default().to_owned(), response.status)
}

fn start(scene: &Scene, code: u16, server: &str) -> Nginx {
    let nginx = scene.nginx().http(BACKEND).set("TAKES", PASS).set("CODE", code);
    nginx.set("FIRST", devsts::target_for("alice", 1)).server(server).start()
}

#[test]
fn a_token_that_the_backend_refuses_is_asked_for_anew_and_not_too_often() {
    let scene = Scene::new();
    let server = "
        location / { %%OTX%% STSPurgeOn 401 403; %%TAKES%% }
        location /other { %%OTX%% STSRequestParameter scope other; STSPurgeOn 401; %%TAKES%% }
        location = /sts { allow 127.0.0.1; deny all; STSStatus; }";
    let nginx = start(&scene, 401, server);
    let start = Instant::now();
    let mut asked = 0;
    assert_eq!(get(&nginx, "/", "alice"), ("MISS".into(), 401));
    assert_eq!(get(&nginx, "/other", "alice"), ("MISS".into(), 200));
    assert_eq!(get(&nginx, "/", "bob"), ("MISS".into(), 200));
    // It has just come: another one would be no better.
    assert_eq!(get(&nginx, "/", "alice"), ("HIT".into(), 401));
    let mut last = (String::new(), 0);
    wait_for("another token", || {
        last = get(&nginx, "/", "alice");
        asked += 1;
        last.0 != "HIT"
    });
    assert_eq!(last, ("MISS".into(), 200));
    assert!(start.elapsed() >= Duration::from_millis(9_900), "{:?}", start.elapsed());
    nginx.wait_for_log("the token that it got is forgotten");
    // Others are untouched.
    assert_eq!(get(&nginx, "/", "bob"), ("HIT".into(), 200));
    assert_eq!(get(&nginx, "/other", "alice"), ("HIT".into(), 200));
    assert_eq!(scene.sts.call_count(), 4);
    // Two answers before the loop; in it all but the last one of 401, and that one's token has gone.
    let kept = 2 + (asked - 1) - 1;
    let seen = || nginx.get("/sts").send().expect_status(200).text();
    for (result, number) in [("forgotten", 1), ("replaced", 0), ("kept", kept)] {
        let line = format!(",result=\"{result}\"}} {number}\n");
        wait_for("the count of the last answer", || {
            let text = seen();
            let mut lines = text.split_inclusive('\n');
            lines.any(|it| it.starts_with("nginx_sts_suspect_tokens_total{") && it.ends_with(&line))
        });
    }
    let text = seen();
    let retries = text.lines().find(|line| line.starts_with("nginx_sts_retries_total{"));
    assert!(retries.is_some_and(|line| line.ends_with(" 0")), "no request was sent again: {text}");
}

#[test]
fn a_status_that_is_not_named_makes_no_token_suspect() {
    let scene = Scene::new();
    let server = "
        STSPurgeOn 401;
        location / { %%OTX%% %%TAKES%% }
        location /off { %%OTX%% STSPurgeOn off; %%TAKES%% }";
    let nginx = start(&scene, 403, server);
    let start = Instant::now();
    assert_eq!(get(&nginx, "/", "alice"), ("MISS".into(), 403));
    wait_for("the time", || {
        assert_eq!(get(&nginx, "/off", "alice"), ("HIT".into(), 403));
        assert_eq!(get(&nginx, "/", "alice"), ("HIT".into(), 403));
        start.elapsed() > Duration::from_millis(10_500)
    });
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn an_answer_to_a_subrequest_or_out_of_the_cache_of_nginx_makes_no_token_suspect() {
    let scene = Scene::new();
    let server = "
        STSPurgeOn 401;
        location / { %%OTX%% STSPurgeOn off; %%TAKES%% }
        location /kept { %%OTX%% proxy_cache kept; proxy_cache_valid any 1m; %%TAKES%% }
        location /checked { STSType disabled; auth_request /auth; %%TAKES%% }
        location = /auth { %%OTX%% %%TAKES%% }
        location /direct { %%OTX%% %%TAKES%% }";
    let nginx = scene.nginx().http(BACKEND).set("TAKES", PASS).set("CODE", 401);
    let nginx = nginx.http("proxy_cache_path %%PREFIX%%/kept keys_zone=kept:1m;");
    let nginx = nginx.set("FIRST", devsts::target_for("alice", 1)).server(server).start();
    let start = Instant::now();
    assert_eq!(get(&nginx, "/kept", "alice"), ("MISS".into(), 401));
    wait_for("the token to be old enough", || start.elapsed() > Duration::from_millis(10_500));
    // Each of them meets a 401, and the token stays.
    assert_eq!(get(&nginx, "/kept", "alice"), ("HIT".into(), 401));
    assert_eq!(nginx.get("/checked").bearer("alice").send().status, 401);
    assert_eq!(get(&nginx, "/", "alice"), ("HIT".into(), 401));
    assert_eq!(scene.sts.call_count(), 1);
    // It is old enough, as one that asks the backend itself shows.
    assert_eq!(get(&nginx, "/direct", "alice"), ("HIT".into(), 401));
    assert_eq!(get(&nginx, "/direct", "alice"), ("MISS".into(), 200));
}
