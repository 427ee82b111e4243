//! `STSRequestHeader`: headers of the calls, and what they do to the cache.
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use devsts::{Answer, Script, When};
use e2e::nginx::Nginx;
use e2e::scene::{Scene, assert_exchanged};

fn start(scene: &Scene, more: &str) -> Nginx {
    let location = format!("location / {{ %%OTX%% {more} %%PASS%% }}");
    scene.nginx().server("add_header X-Status $sts_status always;").server(&location).start()
}

#[test]
fn an_sts_sees_the_trace_of_the_request_that_asked_and_the_others_hit() {
    let scene = Scene::new();
    let nginx = start(
        &scene,
        "STSRequestHeader traceparent $http_traceparent; STSRequestHeader tracestate $http_tracestate;
         STSRequestHeader baggage $http_baggage; STSRequestHeader X-Request-ID $request_id;",
    );
    for number in 0..10 {
        let response = nginx
            .get("/")
            .bearer("alice")
            .header("traceparent", format!("00-{number:032}-00f067aa0ca902c7-01"))
            .header("tracestate", format!("a={number}"))
            .header("baggage", format!("b={number}"))
            .send();
        let expected = if number == 0 { "MISS" } else { "HIT" };
        assert_eq!(response.header("X-Status"), Some(expected), "{number}");
        assert_exchanged(response, "alice");
    }
    let call = scene.only_call();
    let header = |name: &str| call.header(name);
    assert_eq!(header("traceparent"), Some(format!("00-{:032}-00f067aa0ca902c7-01", 0)));
    assert_eq!(header("tracestate").as_deref(), Some("a=0"));
    assert_eq!(header("baggage").as_deref(), Some("b=0"));
    assert_eq!(header("x-request-id").map(|id| id.len()), Some(32));
}

#[test]
fn each_tenant_has_a_token_of_its_own() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSRequestHeader X-Tenant $http_x_tenant;");
    let of = |tenant: Option<&str>| {
        let request = nginx.get("/").bearer("alice");
        let request = tenant.into_iter().fold(request, |r, tenant| r.header("X-Tenant", tenant));
        request.send().expect_status(200).header("X-Status").map(str::to_owned)
    };
    for expected in ["MISS", "HIT"] {
        for tenant in [Some("a"), Some("b"), None] {
            assert_eq!(of(tenant).as_deref(), Some(expected), "{tenant:?}");
        }
    }
    let sent: Vec<_> = scene.sts.calls().iter().map(|call| call.header("X-Tenant")).collect();
    assert_eq!(sent, [Some("a".to_owned()), Some("b".to_owned()), None]);
}

#[test]
fn a_list_replaces_that_of_the_block_around() {
    let scene = Scene::new();
    let nginx = scene
        .nginx()
        .server("%%OTX%% STSRequestHeader X-A a; STSRequestHeader X-B b;")
        .server("location /inherits { %%PASS%% }")
        .server("location /replaces { STSRequestHeader X-A c; %%PASS%% }")
        .server("location /empties { STSRequestHeader X-A ''; %%PASS%% }")
        .start();
    for (path, a, b) in [
        ("/inherits", Some("a"), Some("b")),
        ("/replaces", Some("c"), None),
        ("/empties", None, None),
    ] {
        assert_exchanged(nginx.get(path).bearer("alice").send(), "alice");
        let calls = scene.sts.calls();
        let last = calls.last().expect("a call");
        assert_eq!(last.header("X-A").as_deref(), a, "{path}");
        assert_eq!(last.header("X-B").as_deref(), b, "{path}");
    }
}

#[test]
fn a_value_that_no_header_can_have_refuses_its_request_and_reaches_no_sts() {
    let scene = Scene::new();
    // NGINX decodes the path.
    let more = "STSRequestHeader X-Path $uri;
        STSRequestHeader X-Off $uri key=off; STSRequestHeader traceparent $uri;";
    let nginx = scene
        .nginx()
        .server(&format!("location / {{ %%OTX%% {more} %%PASS%% }}"))
        .server("add_header X-Error $sts_error always; error_page 400 @page;")
        .server("STSOnError pass; STSOnMissing pass;")
        .server("location @page { proxy_pass %%BACKEND%%; }")
        .start();
    for path in ["/a%0d%0aX-Forged:%20b", "/a%0ab", "/a%0db", "/a%01b", "/a%7fb", "/a%20"] {
        let response = nginx.get(path).bearer("alice").send().expect_status(400);
        assert_eq!(response.header("X-Error"), Some("bad_header"), "{path}");
    }
    assert_eq!(scene.sts.call_count(), 0);
    assert_eq!(scene.backend.call_count(), 0);
    let log = nginx.wait_for_log("bad_header");
    assert!(log.contains("the value of the header \"x-path\" holds what no header can"), "{log}");
    assert_exchanged(nginx.get("/%C3%BC%09ok").bearer("alice").send(), "alice");
    assert_eq!(scene.only_call().header_values("X-Forged"), Vec::<String>::new());
}

#[test]
fn a_key_in_a_header_that_the_sts_repeats_is_not_in_the_log() {
    let scene = Scene::new();
    let answer = Answer::oauth_error(400, "invalid_grant", "the key s3cr3t-k3y is not known");
    scene.sts.script(When::any(), Script::new().answer(answer));
    let more = "STSRequestHeader X-API-Key s3cr3t-k3y;";
    let nginx = scene
        .nginx()
        .server(&format!("location / {{ %%OTX%% {more} %%PASS%% }}"))
        .forbid_in_log("s3cr3t-k3y")
        .start();
    nginx.get("/").bearer("alice").send().expect_status(401);
    nginx.wait_for_log("the key [secret] is not known");
    assert_eq!(scene.only_call().header("X-API-Key").as_deref(), Some("s3cr3t-k3y"));
}
