//! `STSAcceptTokenType`: which tokens a location takes, from the STS and from the cache.

use devsts::{Answer, Gate, Script, When};
use e2e::nginx::{Builder, Nginx};
use e2e::scene::{Scene, Seen};

/// Lets the STS answer with tokens of this type.
fn answer(scene: &Scene, token_type: &str) {
    let body =
        format!("{{\"access_token\":\"T\",\"token_type\":\"{token_type}\",\"expires_in\":300}}");
    scene.sts.script(When::any(), Script::new().answer(Answer::new(200).body(body)));
}

fn nginx(scene: &Scene, server: &str) -> Builder {
    let told = "
        add_header X-STS-Error $sts_error always;
        add_header X-STS-Status $sts_status always;";
    scene.nginx().server(told).server(server)
}

/// The status of the response, and how its exchange ended.
#[track_caller]
fn ask(nginx: &Nginx, path: &str) -> (u16, String) {
    let response = nginx.get(path).bearer("alice").send();
    let header = |name| response.header(name).unwrap_or_default().to_owned();
    let ended = format!("{} {}", header("X-STS-Status"), header("X-STS-Error"));
    (response.status, ended.trim().to_owned())
}

#[track_caller]
fn assert_asks(nginx: &Nginx, path: &str, status: u16, ended: &str) {
    assert_eq!(ask(nginx, path), (status, ended.to_owned()), "{path}");
}

#[test]
fn a_type_that_is_not_named_is_refused_and_told() {
    let scene = Scene::new();
    answer(&scene, "BearerToken");
    let nginx = nginx(&scene, "location / { %%OTX%% %%PASS%% }").start();
    assert_asks(&nginx, "/", 502, "FAILED bad_answer");
    nginx.wait_for_log(
        "the STS answered with token_type \"BearerToken\", which \"STSAcceptTokenType\" does not",
    );
    // It is not kept.
    assert_asks(&nginx, "/", 502, "FAILED bad_answer");
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn a_type_that_is_named_is_taken_in_any_case_and_passed_as_bearer() {
    let scene = Scene::new();
    answer(&scene, "bearerTOKEN");
    let server = "
        location /directive {
            %%EXCHANGE%% STSAcceptSourceTokenIn header; STSPassTargetTokenIn header;
            STSAcceptTokenType Bearer BearerToken;
            proxy_pass %%BACKEND%%;
        }
        location /option {
            STSExchange otx %%STS%% \"auth=client_secret_basic&client_id=otxclient&client_secret=2Federate&accept_token_type=Bearer BearerToken&cache.expiry=0\";
            STSAcceptSourceTokenIn header; STSPassTargetTokenIn header;
            proxy_pass %%BACKEND%%;
        }";
    let nginx = nginx(&scene, server).start();
    for path in ["/directive", "/directive", "/option"] {
        let seen = Seen::by_backend(nginx.get(path).bearer("alice").send());
        assert_eq!(seen.header("Authorization").as_deref(), Some("Bearer T"), "{path}");
    }
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn a_hit_is_for_the_locations_that_name_its_type() {
    let scene = Scene::new();
    answer(&scene, "BearerToken");
    let server = "
        location /named { %%OTX%% STSAcceptTokenType BearerToken; %%PASS%% }
        location /other { %%OTX%% STSAcceptTokenType Bearer N_A Other; %%PASS%% }
        location /default { %%OTX%% %%PASS%% }";
    let nginx = nginx(&scene, server).start();
    assert_asks(&nginx, "/named", 200, "MISS");
    for path in ["/default", "/other"] {
        assert_asks(&nginx, path, 502, "FAILED bad_answer");
    }
    assert_asks(&nginx, "/named", 200, "HIT");
    assert_eq!(scene.sts.call_count(), 1);
    // And the other way round.
    let scene = Scene::new();
    answer(&scene, "Bearer");
    let nginx = self::nginx(&scene, server).start();
    assert_asks(&nginx, "/default", 200, "MISS");
    assert_asks(&nginx, "/named", 502, "FAILED bad_answer");
    assert_asks(&nginx, "/other", 200, "HIT");
}

#[test]
fn a_type_is_remembered_in_an_encrypted_cache_and_over_a_reload() {
    let scene = Scene::new();
    answer(&scene, "BearerToken");
    let server = "
        STSCache shm encrypt=true&passphrase=correct-horse;
        location /named { %%OTX%% STSAcceptTokenType BearerToken; %%PASS%% }
        location /default { %%OTX%% %%PASS%% }";
    let configuration = || nginx(&scene, server);
    let nginx = configuration().start();
    assert_asks(&nginx, "/named", 200, "MISS");
    nginx.reload_with(&configuration());
    assert_asks(&nginx, "/default", 502, "FAILED bad_answer");
    let seen = Seen::by_backend(nginx.get("/named").bearer("alice").send());
    assert_eq!(seen.token(), "T");
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn a_call_that_one_location_refuses_is_no_failure_of_another_that_waits() {
    let scene = Scene::new();
    let gate = Gate::new();
    let body = r#"{"access_token":"T","token_type":"BearerToken","expires_in":300}"#;
    let held = Script::new().hold(&gate).answer(Answer::new(200).body(body));
    scene.sts.script(When::any(), held);
    let server = "
        location /named { %%OTX%% STSAcceptTokenType BearerToken; %%PASS%% }
        location /default { %%OTX%% %%PASS%% }";
    let nginx = nginx(&scene, server).start();
    let mut first = nginx.get("/default").bearer("alice").start();
    assert!(scene.sts.wait_for_calls(1, std::time::Duration::from_secs(10)));
    let mut second = nginx.get("/named").bearer("alice").start();
    let mut third = nginx.get("/default").bearer("alice").start();
    gate.open();
    first.read_response().expect_status(502);
    second.read_response().expect_status(200);
    third.read_response().expect_status(502);
}

#[test]
fn an_answer_without_a_type_is_always_taken() {
    let scene = Scene::new();
    let body = r#"{"access_token":"T","expires_in":300}"#;
    scene.sts.script(When::any(), Script::new().answer(Answer::new(200).body(body)));
    let server = "location / { %%OTX%% STSAcceptTokenType Other; %%PASS%% }";
    let nginx = nginx(&scene, server).start();
    assert_asks(&nginx, "/", 200, "MISS");
    assert_asks(&nginx, "/", 200, "HIT");
}

#[test]
fn what_is_no_access_token_goes_as_bearer_nowhere_and_the_line_says_how_it_goes() {
    let scene = Scene::new();
    answer(&scene, "N_A");
    let server = "
        location /bearer {
            %%EXCHANGE%% STSAcceptSourceTokenIn header; STSPassTargetTokenIn header;
            proxy_pass %%BACKEND%%;
        }
        location /as-it-is {
            %%EXCHANGE%% STSAcceptSourceTokenIn header;
            STSPassTargetTokenIn header name=X-ID-Token&type=;
            proxy_pass %%BACKEND%%;
        }";
    let nginx = nginx(&scene, server).start();
    for _ in 0..2 {
        let (status, ended) = ask(&nginx, "/bearer");
        assert_eq!((status, ended.as_str()), (502, "FAILED bad_answer"));
    }
    nginx.wait_for_log("with \"STSPassTargetTokenIn header name=...&type=\", or in another place");
    let seen = Seen::by_backend(nginx.get("/as-it-is").bearer("alice").send());
    assert_eq!(seen.header("X-ID-Token").as_deref(), Some("T"));
    assert_eq!(seen.header("Authorization"), None);
}
