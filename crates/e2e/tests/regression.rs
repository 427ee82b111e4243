//! One test for each bug that none of the others had shown.

use e2e::scene::{Scene, Seen};

#[test]
fn a_stream_that_is_reset_at_once_leaves_no_call_behind_that_others_wait_for() {
    let scene = Scene::new();
    let http2 = "server { %%LISTEN_H2%% location / { STSHTTPTimeOut 2; %%OTX%% %%PASS%% } }";
    let server = "location / { STSHTTPTimeOut 2; %%OTX%% %%PASS%% }";
    let nginx = scene.nginx().http(http2).server(server).start();

    for _ in 0..20 {
        let mut connection = nginx.connect_http2();
        for number in 0..20 {
            let bearer = format!("Bearer user-{number}");
            connection.get("/", &[("authorization", &bearer)]).reset();
        }
    }

    for number in 0..20 {
        nginx.get("/").bearer(format!("user-{number}")).send().expect_status(200);
    }
}

#[test]
fn an_if_that_changes_the_phase_lets_nobody_past_the_exchange() {
    let scene = Scene::new();
    let server = "
        location / { %%OTX%% if ($arg_x) { set $y 1; } %%PASS%% }
        location /moved { STSPhase rewrite; %%OTX%% rewrite ^/moved(.*)$ /late$1 last; }
        location /late { STSPhase rewrite; %%OTX%% STSRequestParameter a b; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    for path in ["/?x=1", "/moved", "/late"] {
        nginx.get(path).send().expect_status(401);
    }
    assert!(scene.backend.requests().is_empty());

    let refused = scene
        .nginx()
        .server("location / { %%OTX%% if ($arg_x) { STSPhase rewrite; } %%PASS%% }")
        .check();
    assert!(!refused.ok && refused.output.contains("STSPhase rewrite"), "{}", refused.output);
}

#[test]
fn what_a_lenient_location_let_pass_is_refused_by_a_strict_one() {
    let scene = Scene::new();
    let server = "
        location /lenient { %%OTX%% STSOnError pass; try_files /none /strict; }
        location /strict { %%OTX%% %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    nginx.get("/lenient").send().expect_status(401);
    nginx.get("/lenient").bearer("refuse").send().expect_status(401);
    assert!(scene.backend.requests().is_empty());
    Seen::by_backend(nginx.get("/lenient").bearer("good").send());
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn a_bound_token_that_one_location_allows_is_refused_by_the_next() {
    let scene = Scene::new();
    let server = "
        location /allows { %%OTX%% STSBoundTokens allow; try_files /none /refuses; }
        location /refuses { %%OTX%% %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    // {"cnf":{}}
    nginx.get("/allows").bearer("e30.eyJjbmYiOnt9fQ.s").send().expect_status(401);
    assert!(scene.backend.requests().is_empty());
}
