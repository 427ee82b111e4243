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
fn an_if_that_changes_the_phase_lets_no_request_past_the_exchange() {
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
fn a_request_that_a_location_with_pass_lets_on_is_refused_by_a_strict_one() {
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

#[test]
fn a_bound_token_that_one_location_has_put_into_the_cache_is_refused_by_another() {
    let scene = Scene::new();
    let server = "
        location /allows { %%OTX%% STSBoundTokens allow; %%PASS%% }
        location /refuses { %%OTX%% %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    let (bound, free) = ("e30.eyJjbmYiOnt9fQ.s", "e30.e30.s");
    for _ in 0..2 {
        Seen::by_backend(nginx.get("/allows").bearer(bound).send());
        nginx.get("/refuses").bearer(bound).send().expect_status(401);
        Seen::by_backend(nginx.get("/allows").bearer(free).send());
        Seen::by_backend(nginx.get("/refuses").bearer(free).send());
    }
    assert_eq!(scene.sts.call_count(), 2, "both locations share what is in the cache");
}

#[test]
fn a_location_that_asks_for_another_audience_never_gets_the_token_of_the_first() {
    let scene = Scene::new();
    let server = "
        STSRequestParameter audience $aud;
        location /a { set $aud A; %%OTX%% try_files /none /b; }
        location /b { set $aud B; %%OTX%% add_header X-Early $early; %%PASS%% }
        location /c { set $aud B; %%OTX%% try_files /none /b; }";
    let nginx = scene.nginx().http("map $target_token $early { volatile; default $target_token; }");
    let nginx = nginx.server(server).start();

    let at_b = Seen::by_backend(nginx.get("/b").bearer("user").send()).header("Cookie");
    let over_a = Seen::by_backend(nginx.get("/a").bearer("user").send()).header("Cookie");
    assert_eq!(at_b, over_a, "the same audience, whatever way");
    assert_eq!(scene.sts.call_count(), 2, "one for each audience");
    let calls = scene.sts.calls();
    let audiences: Vec<_> = calls.iter().map(|call| call.parameter("audience")).collect();
    assert_eq!(audiences, [Some("B"), Some("A")]);

    let over_c = Seen::by_backend(nginx.get("/c").bearer("user").send()).header("Cookie");
    assert_eq!((at_b, scene.sts.call_count()), (over_c, 2), "no call for what is there");
}

#[test]
fn a_location_with_a_shorter_cap_uses_no_older_token() {
    let scene = Scene::new();
    let server = "
        location /long { %%OTX%% %%PASS%% }
        location /short { STSCacheExpiresIn 1; %%OTX%% %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    let get = |path| Seen::by_backend(nginx.get(path).bearer("user").send()).header("Cookie");
    let kept = get("/long");
    let new = e2e::wait::wait_for_some("the token to be too old for one", || {
        Some(get("/short")).filter(|token| *token != kept)
    });
    assert_ne!(new, kept);
    assert_eq!(get("/long"), new, "it is there for the other, too");
}

#[test]
fn an_actor_token_that_the_sts_repeats_is_not_logged() {
    let scene = Scene::new();
    let answer = devsts::Answer::oauth_error(400, "invalid_grant", "actor ACTORSECRET123 unknown");
    scene.sts.script(devsts::When::any(), devsts::Script::new().answer(answer));
    let server = "location / { STSRequestParameter actor_token $http_x_actor; %%OTX%% %%PASS%% }";
    let nginx = scene.nginx().server(server).forbid_in_log("ACTORSECRET123").start();
    let request = nginx.get("/").bearer("user").header("X-Actor", "ACTORSECRET123");
    request.send().expect_status(401);
    nginx.wait_for_log("invalid_grant");
}
