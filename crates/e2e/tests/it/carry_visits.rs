//! Tokens that were taken out of a request and put into it, when the request comes to other locations
//! and when it has subrequests.
#![expect(clippy::expect_used, reason = "what fails here is a test")]

use devsts::{Sts, is_for};
use e2e::nginx::Nginx;
use e2e::scene::{Scene, Seen};

/// A token in a header, and what the directives of the two are inherited from.
const HEADERS: &str = "
    STSAcceptSourceTokenIn header;
    STSPassTargetTokenIn header;
";

fn start(scene: &Scene, server: &str) -> Nginx {
    scene.nginx().server(server).set("OTHER", scene.sts.url("/other")).start()
}

fn two_stses() -> Scene {
    Scene::with(Sts::builder().path("/token").path("/other"))
}

/// The token behind `Bearer`.
#[track_caller]
fn bearer(seen: &Seen) -> Option<String> {
    let value = seen.header("Authorization")?;
    Some(value.strip_prefix("Bearer ").expect("a bearer token").to_owned())
}

#[test]
fn a_named_location_with_the_same_exchange_needs_no_second_call() {
    let scene = Scene::new();
    let server = format!(
        "%%EXCHANGE%% {HEADERS}
        location / {{ try_files /none @backend; }}
        location @backend {{ proxy_pass %%BACKEND%%; }}"
    );
    let nginx = start(&scene, &server);
    let seen = Seen::by_backend(nginx.get("/p?a=b").bearer("alice").send());
    assert!(is_for(&bearer(&seen).unwrap_or_default(), "alice"));
    assert_eq!(seen.uri(), "/p?a=b");
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn each_way_to_another_location_keeps_the_source_that_was_removed() {
    let scene = two_stses();
    let server = format!(
        "{HEADERS} %%EXCHANGE%%
        proxy_intercept_errors on;
        location / {{ proxy_pass %%BACKEND%%; }}
        location /try {{ try_files /none /other; }}
        location /accel {{ proxy_pass %%BACKEND%%/?_accel=/other; }}
        location /failing {{ error_page 404 = /other; proxy_pass %%BACKEND%%/status/404; }}
        location /other {{ STSOTXEndpoint %%OTHER%%; proxy_pass %%BACKEND%%; }}"
    );
    let nginx = start(&scene, &server);
    for (number, path) in ["/try", "/accel", "/failing"].into_iter().enumerate() {
        let user = format!("user-{number}");
        let seen = Seen::by_backend(nginx.get(path).bearer(&user).send());
        let token = bearer(&seen).unwrap_or_default();
        let calls = 2 * (number as u64 + 1);
        assert_eq!(token, devsts::target_for(&user, calls), "{path}");
    }
    let calls = scene.sts.calls();
    let paths: Vec<_> = calls.iter().map(|call| call.path()).collect();
    assert_eq!(paths, ["/token", "/other"].repeat(3));
}

#[test]
fn a_location_that_passes_no_token_on_gets_none() {
    let scene = Scene::new();
    let places = "STSPassTargetTokenIn header;
                  STSPassTargetTokenIn query;
                  STSPassTargetTokenIn cookie;
                  STSPassTargetTokenIn post;";
    let server = format!(
        "location / {{
            %%EXCHANGE%% STSAcceptSourceTokenIn header; {places}
            proxy_pass %%BACKEND%%;
        }}
        location = /fallback {{ proxy_pass %%BACKEND%%; }}
        location @fallback {{ proxy_pass %%BACKEND%%; }}
        location /named {{
            %%EXCHANGE%% STSAcceptSourceTokenIn header; {places}
            try_files /none @fallback;
        }}"
    );
    let nginx = start(&scene, &server);
    for path in ["/?_accel=/fallback", "/named?a=b"] {
        let request = nginx.post(path, "c=d").bearer("alice").header("Cookie", "e=f");
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let seen = Seen::by_backend(request.send());
        assert_eq!(bearer(&seen), None);
        assert!(!seen.uri().contains("target"), "{}", seen.uri());
        assert_eq!(seen.header("Cookie").as_deref(), Some("e=f"));
        if path.starts_with("/named") {
            assert_eq!((seen.uri().as_str(), seen.body().as_str()), (path, "c=d"));
        }
    }
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn a_location_without_exchange_keeps_the_token_of_the_one_before_it() {
    let scene = Scene::new();
    let server = "
        location / {
            %%EXCHANGE%% STSAcceptSourceTokenIn header;
            try_files /none @backend;
        }
        location @backend {
            STSPassTargetTokenIn cookie;
            STSPassTargetTokenIn post;
            proxy_pass %%BACKEND%%;
        }";
    let nginx = start(&scene, server);
    let request = nginx.post("/", "access_token=forged&a=b").bearer("alice");
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    let seen = Seen::by_backend(request.header("Cookie", "sts_token=forged").send());
    let token = seen.header("Cookie").unwrap_or_default();
    let token = token.strip_prefix("sts_token=").expect("the cookie alone");
    assert!(is_for(token, "alice"));
    assert_eq!(seen.body(), format!("access_token={token}&a=b"));
    assert_eq!(bearer(&seen), None);
}

#[test]
fn a_location_with_another_exchange_does_not_take_a_target_for_a_source() {
    let scene = two_stses();
    // The first puts its target where the second looks for its source.
    let server = "
        %%EXCHANGE%%
        location / {
            STSAcceptSourceTokenIn cookie name=session;
            STSPassTargetTokenIn header;
            try_files /none @other;
        }
        location @other {
            STSOTXEndpoint %%OTHER%%;
            STSAcceptSourceTokenIn header;
            STSPassTargetTokenIn header;
            proxy_pass %%BACKEND%%;
        }";
    let nginx = start(&scene, server);
    nginx.get("/").header("Cookie", "session=alice").send().expect_status(401);
    assert_eq!(scene.only_call().path(), "/token");
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn a_rewrite_takes_the_directives_of_where_it_leads() {
    for phase in ["rewrite", "precontent"] {
        let scene = Scene::new();
        let server = format!(
            "%%EXCHANGE%% STSPhase {phase}; STSAcceptSourceTokenIn query;
            location /from {{
                STSPassTargetTokenIn header name=X-From;
                rewrite ^ /to last;
            }}
            location /to {{ STSPassTargetTokenIn header; proxy_pass %%BACKEND%%; }}"
        );
        let nginx = start(&scene, &server);
        let seen = Seen::by_backend(nginx.get("/from?a=b&access_token=alice").send());
        assert!(is_for(&bearer(&seen).unwrap_or_default(), "alice"), "{phase}");
        assert_eq!(seen.header("X-From"), None);
        assert_eq!(seen.uri(), "/to?a=b");
        assert_eq!(scene.sts.call_count(), 1);
    }
}

#[test]
fn the_error_page_of_a_refused_request_is_served() {
    let scene = Scene::new();
    let server = format!(
        "%%EXCHANGE%% {HEADERS} STSAcceptSourceTokenIn query;
        error_page 400 401 502 /error;
        location / {{ proxy_pass %%BACKEND%%; }}
        location /error {{ STSType disabled; proxy_pass %%BACKEND%%; }}"
    );
    let nginx = start(&scene, &server);
    for (request, status) in [
        (nginx.get("/"), 401),
        (nginx.get("/").bearer("refuse"), 401),
        (nginx.get("/").bearer("status-500"), 502),
        (nginx.get("/?access_token=a&access_token=b"), 400),
    ] {
        // The page comes from the backend, which gets no token.
        let response = request.send().expect_status(status);
        let seen = response.json();
        assert_eq!(seen["uri"], "/error");
        assert!(!seen["headers"].to_string().contains("Authorization"), "{seen}");
    }
}

#[test]
fn an_error_page_of_the_backend_keeps_the_token() {
    let scene = Scene::new();
    let server = format!(
        "%%EXCHANGE%% {HEADERS}
        proxy_intercept_errors on;
        location / {{ error_page 404 = /page; proxy_pass %%BACKEND%%/status/404; }}
        location /page {{ proxy_pass %%BACKEND%%; }}"
    );
    let nginx = start(&scene, &server);
    let seen = Seen::by_backend(nginx.get("/").bearer("alice").send());
    assert_eq!(seen.uri(), "/page");
    assert!(is_for(&bearer(&seen).unwrap_or_default(), "alice"));
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn auth_request_sees_the_source_before_the_exchange() {
    let scene = Scene::new();
    let server = format!(
        "location / {{ %%EXCHANGE%% {HEADERS} auth_request /auth; proxy_pass %%BACKEND%%; }}
        location = /auth {{
            proxy_pass %%BACKEND%%;
            proxy_pass_request_body off;
            proxy_set_header Content-Length '';
        }}"
    );
    let nginx = start(&scene, &server);
    let seen = Seen::by_backend(nginx.get("/").bearer("alice").send());
    assert!(is_for(&bearer(&seen).unwrap_or_default(), "alice"));
    let requests = scene.backend.requests();
    assert_eq!(requests[0].header("Authorization").as_deref(), Some("Bearer alice"));
}

#[test]
fn auth_request_before_the_exchange_sees_no_target_that_a_client_made() {
    let scene = Scene::new();
    let server = "STSAcceptSourceTokenIn header;
        STSPassTargetTokenIn header name=X-User-Token&type=;
        location / { %%EXCHANGE%% auth_request /auth; proxy_pass %%BACKEND%%; }
        location = /auth {
            proxy_pass %%BACKEND%%;
            proxy_pass_request_body off;
            proxy_set_header Content-Length '';
        }";
    let nginx = start(&scene, server);
    let request = nginx.get("/").bearer("alice").header("X-User-Token", "forged");
    let seen = Seen::by_backend(request.send());
    assert!(is_for(&seen.header("X-User-Token").unwrap_or_default(), "alice"));
    let requests = scene.backend.requests();
    assert_eq!(requests[0].header("X-User-Token"), None);
    assert_eq!(requests[0].header("Authorization").as_deref(), Some("Bearer alice"));
}

#[test]
fn auth_request_sees_the_target_after_the_exchange_where_it_is_passed_on() {
    for (passes_on, inherited) in [(true, "STSPassTargetTokenIn header;"), (false, "")] {
        let scene = Scene::new();
        let server = format!(
            "location / {{
                %%EXCHANGE%% {HEADERS} STSPhase access; auth_request /auth;
                proxy_pass %%BACKEND%%;
            }}
            location = /auth {{
                {inherited}
                proxy_pass %%BACKEND%%;
                proxy_pass_request_body off;
                proxy_set_header Content-Length '';
            }}"
        );
        let nginx = start(&scene, &server);
        let seen = Seen::by_backend(nginx.get("/").bearer("alice").send());
        let target = bearer(&seen).unwrap_or_default();
        assert!(is_for(&target, "alice"));
        let to_auth = scene.backend.requests()[0].header("Authorization");
        assert_eq!(to_auth, passes_on.then(|| format!("Bearer {target}")));
    }
}

#[test]
fn a_subrequest_to_another_exchange_gets_the_token_of_that_one() {
    let scene = two_stses();
    let server = format!(
        "{HEADERS}
        location / {{
            %%EXCHANGE%% STSPassTargetTokenIn query; STSPassTargetTokenIn header;
            STSPassTargetTokenIn post;
            mirror /mirror;
            proxy_pass %%BACKEND%%;
        }}
        location = /mirror {{
            internal;
            %%EXCHANGE%% STSPassTargetTokenIn header; STSRequestParameter audience other;
            proxy_pass %%BACKEND%%/mirrored;
        }}"
    );
    let nginx = start(&scene, &server);
    let request = nginx.post("/?a=b", "c=d").bearer("alice");
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    let seen = Seen::by_backend(request.send());
    let target = bearer(&seen).unwrap_or_default();
    assert!(is_for(&target, "alice"));
    assert_eq!(seen.body(), format!("access_token={target}&c=d"));

    e2e::wait::wait_for("the mirrored request", || scene.backend.requests().len() == 2);
    let requests = scene.backend.requests();
    let mirrored = requests.iter().find(|request| request.path() == "/mirrored");
    let mirrored = mirrored.expect("the mirrored request");
    let other = mirrored.header("Authorization").unwrap_or_default();
    let other = other.strip_prefix("Bearer ").unwrap_or_default();
    assert!(is_for(other, "alice") && other != target, "{other}");
    assert!(!mirrored.target.contains("target"), "{}", mirrored.target);
    assert_eq!(mirrored.body, b"c=d");
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn a_mirrored_request_is_like_the_one_that_it_mirrors() {
    let scene = Scene::new();
    let server = format!(
        "%%EXCHANGE%% {HEADERS} STSPassTargetTokenIn post;
        location / {{ mirror /mirror; proxy_pass %%BACKEND%%; }}
        location = /mirror {{ internal; proxy_pass %%BACKEND%%/mirrored; }}"
    );
    let nginx = start(&scene, &server);
    let request = nginx.post("/", "c=d").bearer("alice");
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    let seen = Seen::by_backend(request.send());
    e2e::wait::wait_for("the mirrored request", || scene.backend.requests().len() == 2);
    for request in scene.backend.requests() {
        assert_eq!(request.header("Authorization"), seen.header("Authorization"));
        assert_eq!(request.body, seen.body().into_bytes());
    }
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn the_parts_of_a_sliced_answer_are_asked_for_with_the_token() {
    if !e2e::nginx::about().configured("--with-http_slice_module") {
        return;
    }
    let scene = Scene::new();
    let server = format!(
        "location / {{
            %%EXCHANGE%% {HEADERS} STSPassTargetTokenIn query;
            slice 100;
            proxy_set_header Range $slice_range;
            proxy_pass %%BACKEND%%;
        }}"
    );
    let nginx = start(&scene, &server);
    let response = nginx.get("/bytes/350?a=b").bearer("alice").send().expect_status(200);
    assert_eq!(response.body.len(), 350);
    let requests = scene.backend.requests();
    assert_eq!(requests.len(), 4);
    for request in requests {
        let target = request.header("Authorization").unwrap_or_default().replace("Bearer ", "");
        assert!(is_for(&target, "alice"));
        assert_eq!(request.target, format!("/bytes/350?access_token={target}&a=b"));
    }
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn an_if_may_pass_the_token_on_elsewhere() {
    for phase in ["rewrite", "access", "precontent"] {
        let scene = Scene::new();
        let server = format!(
            "location / {{
                %%EXCHANGE%% {HEADERS} STSPhase {phase};
                if ($arg_cookie) {{ STSPassTargetTokenIn cookie; }}
                proxy_pass %%BACKEND%%;
            }}"
        );
        let nginx = start(&scene, &server);
        let seen = Seen::by_backend(nginx.get("/").bearer("alice").send());
        let target = bearer(&seen).unwrap_or_default();
        assert!(is_for(&target, "alice"), "{phase}");
        assert_eq!(seen.header("Cookie"), None);
        let seen = Seen::by_backend(nginx.get("/?cookie=1").bearer("alice").send());
        assert_eq!(bearer(&seen), None, "{phase}");
        assert_eq!(seen.header("Cookie"), Some(format!("sts_token={target}")));
    }
}
