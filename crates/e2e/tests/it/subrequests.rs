//! Subrequests use the token of their main request where it belongs, and else make the exchange of
//! their location themselves. None goes on without.

use std::sync::Arc;

use devsts::Call;
use e2e::parallel::in_parallel;
use e2e::scene::{Scene, Seen};
use e2e::wait::wait_for;

/// The token that a request brought to the backend, as `%%PASS%%` passes it.
fn token(request: &Call) -> String {
    let cookie = request.header("Cookie").unwrap_or_default();
    cookie.strip_prefix("STS_COOKIE=").unwrap_or("no such cookie").to_owned()
}

/// The requests that the backend received under this path.
fn received(scene: &Scene, path: &str) -> Vec<Arc<Call>> {
    let requests = scene.backend.requests();
    requests.into_iter().filter(|request| request.path() == path).collect()
}

#[test]
fn a_mirrored_request_has_the_token_of_its_original() {
    let scene = Scene::new();
    let server = "
        %%OTX%%
        location / { mirror /mirror; %%PASS%% }
        location = /mirror { internal; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();

    in_parallel(8, 40, |number| {
        let user = format!("user-{number}");
        let seen = Seen::by_backend(nginx.post("/", user.clone()).bearer(&user).send());
        assert!(devsts::is_for(&seen.token(), &user));
    });

    wait_for("the mirrored requests", || received(&scene, "/mirror").len() == 40);
    for request in received(&scene, "/mirror") {
        let user = String::from_utf8_lossy(&request.body).into_owned();
        assert!(devsts::is_for(&token(&request), &user), "{user}: {}", token(&request));
    }
    assert_eq!(scene.sts.call_count(), 40);
}

#[test]
fn the_parts_of_a_page_have_the_token_of_the_page() {
    let scene = Scene::new();
    let server = "
        %%OTX%%
        location / { ssi on; }
        location /part { %%PASS%% }";
    let page = "<!--# include virtual=\"/part/1\" --><!--# include virtual=\"/part/2\" -->";
    let nginx = scene.nginx().server(server).file("html/page.html", page);
    let nginx = nginx.http("types { text/html html; }").start();

    in_parallel(8, 40, |number| {
        let user = format!("user-{number}");
        let text = nginx.get("/page.html").bearer(&user).send().expect_status(200).text();
        let parts: Vec<&str> = text.split("STS_COOKIE=").skip(1).collect();
        assert_eq!(parts.len(), 2, "{text}");
        for part in parts {
            let token = part.split('"').next().unwrap_or_default();
            assert!(devsts::is_for(token, &user), "{user}: {token}");
        }
    });
    assert_eq!(scene.sts.call_count(), 40);
}

#[test]
fn a_part_with_another_exchange_makes_that_one() {
    let scene = Scene::new();
    let server = "
        %%OTX%%
        location / { ssi on; }
        location /same { %%PASS%% }
        location /other { STSRequestParameter audience other; %%PASS%% }
        location /none { STSType disabled; %%PASS%% }";
    let page = "<!--# include virtual=\"/same\" --><!--# include virtual=\"/other\" -->\
                <!--# include virtual=\"/none\" -->";
    let nginx = scene.nginx().server(server).file("html/page.html", page);
    let nginx = nginx.http("types { text/html html; }").start();

    nginx.get("/page.html").bearer("alice").send().expect_status(200);

    let tokens = |path: &str| {
        received(&scene, path).iter().map(|request| token(request)).collect::<Vec<_>>()
    };
    assert!(matches!(&tokens("/same")[..], [token] if devsts::is_for(token, "alice")));
    assert!(matches!(&tokens("/other")[..], [token] if devsts::is_for(token, "alice")));
    assert_ne!(tokens("/other"), tokens("/same"));
    assert!(matches!(&tokens("/none")[..], [token] if devsts::is_for(token, "alice")));
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn a_part_that_is_protected_is_exchanged_for_a_page_that_is_not() {
    let scene = Scene::new();
    let server = "
        location / { ssi on; }
        location /part { %%OTX%% %%PASS%% }";
    let page = "<!--# include virtual=\"/part\" -->";
    let nginx = scene.nginx().server(server).file("html/page.html", page);
    let nginx = nginx.http("types { text/html html; }").start();

    nginx.get("/page.html").bearer("alice").send().expect_status(200);

    let parts = received(&scene, "/part");
    assert!(matches!(&parts[..], [part] if devsts::is_for(&token(part), "alice")));
    assert_eq!(scene.sts.call_count(), 1);

    // Nor does it go on without a token.
    let page = nginx.get("/page.html").send().expect_status(200).text();
    assert!(page.contains("401 Authorization Required"), "{page}");
    assert_eq!(received(&scene, "/part").len(), 1);
}

#[test]
fn each_slice_is_asked_for_with_the_token() {
    let scene = Scene::new();
    let server = "
        location / {
            %%OTX%%
            slice 1k;
            proxy_set_header Range $slice_range;
            %%PASS%%
        }";
    let nginx = scene.nginx().server(server).start();

    let body = nginx.get("/bytes/5000").bearer("alice").send().expect_status(200).body;

    assert_eq!(body.len(), 5000);
    let requests = received(&scene, "/bytes/5000");
    assert_eq!(requests.len(), 5);
    for request in requests {
        assert!(devsts::is_for(&token(&request), "alice"), "{}", token(&request));
    }
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn the_request_uses_what_its_auth_request_has_exchanged() {
    let scene = Scene::new();
    let server = "
        %%OTX%%
        location / { auth_request /auth; %%PASS%% }
        location = /auth {
            internal;
            proxy_pass_request_body off;
            proxy_set_header Content-Length '';
            proxy_set_header Cookie STS_COOKIE=$target_token;
            proxy_pass %%BACKEND%%;
        }";
    let nginx = scene.nginx().server(server).start();

    in_parallel(8, 80, |number| {
        let user = format!("user-{number}");
        let seen = Seen::by_backend(nginx.post("/", user.clone()).bearer(&user).send());
        assert!(devsts::is_for(&seen.token(), &user));
    });

    let before = received(&scene, "/auth");
    assert_eq!(before.len(), 80);
    let mut of_auth: Vec<_> = before.iter().map(|request| token(request)).collect();
    let mut of_page: Vec<_> = received(&scene, "/").iter().map(|page| token(page)).collect();
    of_auth.sort();
    of_page.sort();
    assert_eq!(of_auth, of_page);
    assert_eq!(scene.sts.call_count(), 80);
}

#[test]
fn an_auth_request_after_the_exchange_sees_the_token_of_its_own_request() {
    let scene = Scene::new();
    let server = "
        %%OTX%%
        STSPhase access;
        location / { auth_request /auth; %%PASS%% }
        location = /auth {
            internal;
            proxy_pass_request_body off;
            proxy_set_header Content-Length '';
            proxy_set_header Cookie STS_COOKIE=$target_token;
            proxy_set_header X-Original $http_authorization;
            proxy_pass %%BACKEND%%;
        }";
    let nginx = scene.nginx().server(server).start();

    in_parallel(8, 80, |number| {
        let user = format!("user-{number}");
        let seen = Seen::by_backend(nginx.post("/", user.clone()).bearer(&user).send());
        assert!(devsts::is_for(&seen.token(), &user));
    });

    let checks = received(&scene, "/auth");
    assert_eq!(checks.len(), 80);
    for check in checks {
        let original = check.header("X-Original").unwrap_or_default();
        let user = original.strip_prefix("Bearer ").unwrap_or_default();
        assert!(devsts::is_for(&token(&check), user), "{user}: {}", token(&check));
    }
    assert_eq!(scene.sts.call_count(), 80);
}

#[test]
fn a_client_that_leaves_a_page_with_parts_leaves_nothing_behind() {
    let scene = Scene::new();
    let server = "
        %%OTX%%
        location / { ssi on; }
        location /part { %%PASS%% }";
    let page = "<!--# include virtual=\"/part?_delay=30\" --><!--# include virtual=\"/part\" -->";
    let nginx = scene.nginx().server(server).file("html/page.html", page);
    let nginx = nginx.http("types { text/html html; }").start();
    let worker = nginx.worker();

    for number in 0..50 {
        nginx.get("/page.html").bearer(format!("user-{number}")).start().reset();
    }

    assert!(nginx.get("/page.html").bearer("alice").send().status == 200);
    assert_eq!(nginx.worker(), worker);
}

#[test]
fn a_cache_is_brought_up_to_date_with_the_token_of_the_request_that_found_it_stale() {
    let scene = Scene::new();
    let http = "proxy_cache_path %%PREFIX%%/cache keys_zone=answers:1m;";
    let server = "
        location / {
            %%OTX%%
            proxy_cache answers;
            proxy_cache_key $arg_user;
            proxy_cache_valid 200 1s;
            proxy_cache_use_stale updating;
            proxy_cache_background_update on;
            add_header X-Cache $upstream_cache_status;
            %%PASS%%
        }";
    let nginx = scene.nginx().http(http).server(server).start();
    let ask = || nginx.get("/?user=alice").bearer("alice").send().expect_status(200);
    ask();
    wait_for("the cache to be stale", || ask().header("X-Cache") == Some("STALE"));
    wait_for("the update", || scene.backend.requests().len() == 2);

    for request in scene.backend.requests() {
        assert!(devsts::is_for(&token(&request), "alice"), "{}", token(&request));
    }
}

#[test]
fn the_exchange_of_a_subrequest_takes_nothing_from_a_request_whose_location_has_none() {
    let scene = Scene::new();
    let server = "
        STSAcceptSourceTokenIn header;
        STSPassTargetTokenIn header;
        location / { auth_request /auth; proxy_pass %%BACKEND%%; }
        location = /auth { internal; %%EXCHANGE%% proxy_pass %%BACKEND%%; }
        location /plain { proxy_pass %%BACKEND%%; }";
    let nginx = scene.nginx().server(server).start();
    for path in ["/plain", "/"] {
        let seen = Seen::by_backend(nginx.get(path).bearer("alice").send());
        assert_eq!(seen.headers("Authorization"), ["Bearer alice"], "{path}");
    }
    let checked = received(&scene, "/auth");
    assert_eq!(checked.len(), 1);
    assert!(checked[0].header("Authorization").is_some_and(|field| field != "Bearer alice"));
}
