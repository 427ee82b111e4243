//! A request that goes through several locations: one exchange, one token, and only where it belongs.

use devsts::Sts;
use e2e::nginx::Nginx;
use e2e::scene::{Scene, Seen};

/// Fails unless the request ended at the backend under this path with its own token, after a single
/// call.
#[track_caller]
fn assert_one_call(scene: &Scene, nginx: &Nginx, target: &str, uri: &str) {
    let before = scene.sts.call_count();
    let user = format!("user-{before}");
    let seen = Seen::by_backend(nginx.get(target).bearer(&user).send());
    assert_eq!(seen.uri(), uri);
    assert!(devsts::is_for(&seen.token(), &user), "{target}: {:?}", seen.token());
    assert_eq!(scene.sts.call_count(), before + 1, "calls for {target}");
}

fn start(scene: &Scene, server: &str) -> Nginx {
    let nginx = scene.nginx().server("%%OTX%%").server(server);
    let nginx = nginx.file("html/file.html", "a file\n").file("html/dir/index.html", "an index\n");
    nginx.file("html/error.html", "an error\n").start()
}

#[test]
fn an_index_file_is_served_after_one_exchange() {
    let scene = Scene::new();
    let server = "
        location / { index index.html; add_header X-Target $target_token; }";
    let nginx = start(&scene, server);

    let response = nginx.get("/dir/").bearer("alice").send().expect_status(200);

    assert_eq!(response.text(), "an index\n");
    let target = response.header("X-Target").unwrap_or_default();
    assert!(devsts::is_for(target, "alice"), "{target}");
    assert_eq!(scene.sts.call_count(), 1);
    nginx.get("/dir/").send().expect_status(401);
}

#[test]
fn an_index_may_be_a_location_that_proxies() {
    let scene = Scene::new();
    let server = "
        location / { index index.html; }
        location = /dir/index.html { %%PASS%% }";
    let nginx = start(&scene, server);
    assert_one_call(&scene, &nginx, "/dir/", "/dir/index.html");
}

#[test]
fn try_files_goes_on_with_the_token() {
    let scene = Scene::new();
    let server = "
        location / { try_files $uri /fallback$is_args$args; add_header X-Target $target_token; }
        location /fallback { %%PASS%% }";
    let nginx = start(&scene, server);
    assert_one_call(&scene, &nginx, "/missing?a=b", "/fallback?a=b");

    let file = nginx.get("/file.html").bearer("bob").send().expect_status(200);
    assert_eq!(file.text(), "a file\n");
    assert!(file.header("X-Target").is_some_and(|token| devsts::is_for(token, "bob")));
}

#[test]
fn try_files_goes_on_in_a_named_location() {
    let scene = Scene::new();
    let server = "
        location / { try_files $uri @backend; }
        location @backend { %%PASS%% }";
    let nginx = start(&scene, server);
    assert_one_call(&scene, &nginx, "/missing?a=b", "/missing?a=b");
}

#[test]
fn a_rewrite_goes_on_in_another_location() {
    let scene = Scene::new();
    let server = "
        location /old { rewrite ^/old(.*)$ /new$1 last; }
        location /new { %%PASS%% }";
    let nginx = start(&scene, server);
    assert_one_call(&scene, &nginx, "/old/page?a=b", "/new/page?a=b");
}

#[test]
fn an_error_page_of_the_backends_refusal_has_the_token() {
    let scene = Scene::new();
    let server = "
        proxy_intercept_errors on;
        location /status/404 { error_page 404 = /found; %%PASS%% }
        location /status/503 { error_page 503 = @other; %%PASS%% }
        location /found { %%PASS%% }
        location @other { rewrite ^ /other break; %%PASS%% }";
    let nginx = start(&scene, server);
    assert_one_call(&scene, &nginx, "/status/404", "/found");
    assert_one_call(&scene, &nginx, "/status/503", "/other");
}

#[test]
fn an_x_accel_redirect_goes_on_with_the_token() {
    let scene = Scene::new();
    let server = "
        location / { %%PASS%% }
        location /internal { internal; %%PASS%% }
        location @named { rewrite ^ /named? break; %%PASS%% }";
    let nginx = start(&scene, server);
    assert_one_call(&scene, &nginx, "/?_accel=/internal/page", "/internal/page");
    assert_one_call(&scene, &nginx, "/?_accel=@named", "/named");
}

#[test]
fn many_visits_are_one_exchange() {
    let scene = Scene::new();
    let server = "
        location / { rewrite ^ /second last; }
        location /second { try_files /nothing @third; }
        location @third { error_page 418 = /fourth; return 418; }
        location /fourth { rewrite ^ /fifth?_accel=/sixth last; }
        location /fifth { %%PASS%% }
        location /sixth { %%PASS%% }";
    let nginx = start(&scene, server);
    assert_one_call(&scene, &nginx, "/", "/sixth");
}

#[test]
fn the_token_is_kept_although_a_later_visit_no_longer_shows_its_source() {
    let scene = Scene::new();
    let server = "
        location / {
            STSType otx;
            STSOTXEndpoint %%STS%%;
            STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
            STSVariables $arg_token $target_token;
            %%PASS%%
            location /from { try_files /nothing /to?other=1; }
        }";
    let nginx = scene.nginx().server(server).start();

    let seen = Seen::by_backend(nginx.get("/from?token=alice").send());

    assert_eq!(seen.uri(), "/to?other=1");
    assert!(devsts::is_for(&seen.token(), "alice"), "{}", seen.token());
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn a_location_with_another_exchange_makes_its_own_of_the_same_source() {
    let scene = Scene::with(Sts::builder().path("/token").path("/other"));
    let server = "
        location /from { error_page 418 = /to; return 418; }
        location /file { try_files /nothing /to; }
        location /accel { proxy_set_header Cookie STS_COOKIE=$target_token;
                          proxy_pass %%BACKEND%%/?_accel=/to; }
        location /to { STSRequestParameter audience other; %%PASS%% }";
    let nginx = start(&scene, server);

    for path in ["/file", "/accel"] {
        let before = scene.sts.call_count();
        let user = format!("user{}", path.replace('/', "-"));
        let token = Seen::by_backend(nginx.get(path).bearer(&user).send()).token();
        assert_eq!(token, devsts::target_for(&user, before + 2), "{path}");
        let calls = scene.sts.calls();
        let of_user: Vec<_> = calls.iter().filter(|call| call.subject() == Some(&user)).collect();
        let audiences: Vec<_> = of_user.iter().map(|call| call.parameter("audience")).collect();
        assert_eq!(audiences, [None, Some("other")], "{path}");
    }
    // Where `return` comes before the exchange, only the second is made.
    let token = Seen::by_backend(nginx.get("/from").bearer("alice").send()).token();
    assert!(devsts::is_for(&token, "alice"));
}

#[test]
fn a_location_with_another_exchange_never_sees_the_token_of_the_first() {
    let scene = Scene::new();
    let server = "
        location /from { try_files /nothing /to; }
        location /to { STSRequestParameter audience other; STSOnError pass; %%PASS%% }";
    let nginx = start(&scene, server);
    let refused = devsts::Answer::oauth_error(400, "invalid_target", "not this audience");
    scene.sts.script(
        devsts::When::matching(|call| call.parameter("audience") == Some("other")),
        devsts::Script::new().answer(refused),
    );

    let seen = Seen::by_backend(nginx.get("/from").bearer("alice").send());

    assert_eq!(seen.token(), "");
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn a_failure_in_an_earlier_visit_is_not_repeated() {
    let scene = Scene::new();
    let server = "
        STSOnError pass;
        location / { try_files /nothing /second; }
        location /second { error_page 418 = @third; return 418; }
        location @third { %%PASS%% }";
    let nginx = start(&scene, server);

    let seen = Seen::by_backend(nginx.get("/").bearer("refuse").send());

    assert_eq!(seen.token(), "");
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn locations_with_the_same_exchange_may_have_different_names_for_its_token() {
    let scene = Scene::new();
    let server = "
        location /from { try_files /nothing /to; }
        location /to {
            STSVariables $source_token $other_name;
            proxy_set_header Cookie STS_COOKIE=$other_name;
            proxy_pass %%BACKEND%%;
        }";
    let nginx = start(&scene, server);
    assert_one_call(&scene, &nginx, "/from", "/to");
}
