//! What NGINX does not let a module see in the configuration, and what the log says of it once it
//! shows: tokens that nothing passes on, targets that nothing sets, requests that `return` answers.

use e2e::nginx::Nginx;
use e2e::scene::{Scene, Seen};

/// The lines of the module's log that have a text.
fn lines(nginx: &Nginx, text: &str) -> Vec<String> {
    let log = nginx.error_log();
    log.lines()
        .filter(|line| line.contains("sts:") && line.contains(text))
        .map(Into::into)
        .collect()
}

const NOT_PASSED_ON: &str = "the token was exchanged, and nothing passed it on";
const NO_EXCHANGE: &str = "makes no exchange";
const RETURNED: &str = "before its exchange";

#[test]
fn a_header_that_an_inner_one_cancels_is_told_of_once() {
    let scene = Scene::new();
    let server = "
        proxy_set_header Authorization \"Bearer $target_token\";
        location /cancelled { %%OTX%% proxy_set_header X-More a; proxy_pass %%BACKEND%%; }
        location /inherited { %%OTX%% proxy_pass %%BACKEND%%; }";
    let nginx = scene.nginx().server(server).start();

    let seen = Seen::by_backend(nginx.get("/inherited").bearer("alice").send());
    assert_ne!(seen.header("Authorization").as_deref(), Some("Bearer alice"));
    assert!(lines(&nginx, NOT_PASSED_ON).is_empty(), "{}", nginx.error_log());

    for source in ["alice", "bob"] {
        let seen = Seen::by_backend(nginx.get("/cancelled").bearer(source).send());
        // What NGINX makes of this configuration, and no module can see.
        assert_eq!(seen.header("Authorization"), Some(format!("Bearer {source}")));
    }
    e2e::wait::wait_for("the line", || !lines(&nginx, NOT_PASSED_ON).is_empty());
    let lines = lines(&nginx, NOT_PASSED_ON);
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in ["[warn]", "proxy_set_header", "STSPassTargetTokenIn", "GET /cancelled"] {
        assert!(lines[0].contains(part), "no {part:?}: {lines:?}");
    }
    nginx.forbid_in_log("alice");
}

#[test]
fn a_token_that_is_passed_on_is_not_told_of() {
    let scene = Scene::new();
    let server = "
        location /variable { %%OTX%% %%PASS%% }
        location /directive { %%OTX%% STSPassTargetTokenIn header; proxy_pass %%BACKEND%%; }
        location /body { %%OTX%% proxy_set_body $target_token; proxy_pass %%BACKEND%%; }
        location /named { %%OTX%% try_files /none @named; }
        location @named { %%PASS%% }
        location /file { %%OTX%% try_files /index.html =404; }
        location /refused { %%OTX%% proxy_pass %%BACKEND%%; }";
    let nginx = scene.nginx().server(server).start();
    for path in ["/variable", "/directive", "/body", "/named", "/file"] {
        nginx.get(path).bearer("alice").send().expect_status(200);
    }
    nginx.get("/refused").send().expect_status(401);
    // Its line comes after those of the others would have.
    nginx.get("/refused").bearer("alice").send().expect_status(200);
    e2e::wait::wait_for("the line", || !lines(&nginx, NOT_PASSED_ON).is_empty());
    let lines = lines(&nginx, NOT_PASSED_ON);
    assert!(lines.len() == 1 && lines[0].contains("/refused"), "{lines:?}");
}

#[test]
fn a_target_that_is_read_where_nothing_can_have_set_it_is_told_of_once() {
    let scene = Scene::new();
    let server = "
        location /exchanged { %%OTX%% %%PASS%% }
        location /plain { %%PASS%% }
        location /other { %%PASS%% }
        location /to-plain { %%OTX%% try_files /none @plain; }
        location @plain { %%PASS%% }
        location /logged { return 200 a; }";
    let server = format!("{server} access_log %%PREFIX%%/access.log with_target;");
    let nginx = scene.nginx().http("log_format with_target '$target_token';");
    let nginx = nginx.server(&server).start();

    nginx.get("/exchanged").bearer("alice").send().expect_status(200);
    nginx.get("/to-plain").bearer("alice").send().expect_status(200);
    nginx.get("/logged").send().expect_status(200);
    assert!(lines(&nginx, NO_EXCHANGE).is_empty(), "{}", nginx.error_log());

    for path in ["/plain", "/plain", "/other"] {
        let seen = Seen::by_backend(nginx.get(path).bearer("alice").send());
        assert_eq!(seen.token(), "");
    }
    let lines = lines(&nginx, NO_EXCHANGE);
    assert_eq!(lines.len(), 2, "one for each location: {lines:?}");
    assert!(lines[0].contains("[warn]") && lines[0].contains("/plain"), "{lines:?}");
    assert!(lines[1].contains("/other") && lines[1].contains("STSType"), "{lines:?}");
}

#[test]
fn a_return_beside_an_exchange_is_told_of_once() {
    let scene = Scene::new();
    let server = "
        location /returns { %%OTX%% return 200 a; }
        location /redirects { %%OTX%% rewrite ^ /exchanged redirect; }
        location /refuses { %%OTX%% return 403; }
        location /denied { %%OTX%% deny all; %%PASS%% }
        location /early { %%OTX%% STSPhase rewrite; return 200 a; }
        location /exchanged { %%OTX%% %%PASS%% }
        location /plain { return 200 a; }";
    let nginx = scene.nginx().server(server).start();

    nginx.get("/exchanged").bearer("alice").send().expect_status(200);
    nginx.get("/exchanged").send().expect_status(401);
    nginx.get("/early").bearer("alice").send().expect_status(200);
    nginx.get("/plain").send().expect_status(200);
    nginx.get("/refuses").send().expect_status(403);
    nginx.get("/denied").send().expect_status(403);
    for _ in 0..2 {
        nginx.get("/returns").bearer("alice").send().expect_status(200);
    }
    nginx.get("/redirects").bearer("alice").send().expect_status(302);
    e2e::wait::wait_for("both lines", || lines(&nginx, RETURNED).len() >= 2);
    let lines = lines(&nginx, RETURNED);
    assert_eq!(lines.len(), 2, "{lines:?}");
    for part in ["[info]", "return", "STSPhase", "/returns"] {
        assert!(lines[0].contains(part), "no {part:?}: {lines:?}");
    }
    assert!(lines[1].contains("/redirects"), "{lines:?}");
}
