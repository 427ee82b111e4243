//! When the exchange runs, and what has run before it.

use devsts::{Script, Sts, When};
use e2e::nginx::{Builder, Nginx};
use e2e::response::Response;
use e2e::scene::{Scene, Seen, assert_exchanged};

const PASSWORDS: &str = "user:{PLAIN}password\n";

/// `user:password`.
const GOOD_BASIC: &str = "Basic dXNlcjpwYXNzd29yZA==";

/// A location with the source token in a header of its own: `Authorization` is free for others.
fn location(scene: &Scene, more: &str) -> Builder {
    let server = format!(
        "location / {{
            set $wanted $arg_wanted;
            %%OTX_HEADER%%
            {more}
            %%PASS%%
        }}
        location = /auth {{
            internal;
            proxy_set_header Cookie STS_COOKIE=$target_token;
            proxy_pass_request_body off;
            proxy_set_header Content-Length '';
            proxy_pass %%BACKEND%%/auth?_status=$wanted;
        }}"
    );
    let exchange = "
        STSType otx;
        STSOTXEndpoint %%STS%%;
        STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
        STSVariables $http_x_token $target_token;";
    scene.nginx().server(&server).set("OTX_HEADER", exchange).file("passwords", PASSWORDS)
}

const AUTH_BASIC: &str = "auth_basic shop; auth_basic_user_file %%PREFIX%%/passwords;";

fn with_token(nginx: &Nginx, token: &str) -> Response {
    nginx.get("/").header("X-Token", token).send()
}

#[test]
fn by_default_a_request_that_an_access_rule_refuses_gets_no_exchange() {
    let scene = Scene::new();
    let nginx = location(&scene, "deny all;").start();
    with_token(&nginx, "alice").expect_status(403);
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn by_default_a_request_with_a_wrong_password_gets_no_exchange() {
    let scene = Scene::new();
    let nginx = location(&scene, AUTH_BASIC).start();

    let response = with_token(&nginx, "alice").expect_status(401);

    assert!(response.header("WWW-Authenticate").is_some_and(|value| value.starts_with("Basic ")));
    assert_eq!(scene.sts.call_count(), 0);
    let request = nginx.get("/").header("X-Token", "alice").header("Authorization", GOOD_BASIC);
    assert_exchanged(request.send(), "alice");
}

#[test]
fn by_default_a_request_that_auth_request_refuses_gets_no_exchange() {
    let scene = Scene::new();
    let nginx = location(&scene, "auth_request /auth;").start();
    let ask = |target: &str| nginx.get(target).header("X-Token", "alice").send();

    ask("/?wanted=403").expect_status(403);
    ask("/?wanted=401").expect_status(401);
    assert_eq!(scene.sts.call_count(), 0);

    assert_exchanged(ask("/"), "alice");
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn by_default_the_exchange_comes_after_auth_request_and_takes_its_source_from_there() {
    let scene = Scene::new();
    let more = "
        auth_request /auth;
        auth_request_set $from_auth $upstream_http_x_source;";
    let server = format!(
        "location / {{
            %%OTX%% {more} %%PASS%%
        }}
        location = /auth {{
            internal;
            proxy_pass %%BACKEND%%/auth?_header=X-Source:from-auth;
        }}"
    );
    let exchange = "
        STSType otx;
        STSOTXEndpoint %%STS%%;
        STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
        STSVariables $from_auth $target_token;";
    let nginx = scene.nginx().server(&server).set("OTX", exchange).start();

    assert_exchanged(nginx.get("/").send(), "from-auth");
}

#[test]
fn by_default_a_return_comes_before_the_exchange() {
    let scene = Scene::new();
    let nginx = scene.nginx().server("location / { %%OTX%% return 200 early; }").start();
    assert_eq!(nginx.get("/").send().expect_status(200).text(), "early");
    nginx.get("/").bearer("alice").send().expect_status(200);
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn in_the_access_phase_the_exchange_comes_before_the_other_rules() {
    let scene = Scene::new();
    let nginx = location(&scene, "STSPhase access; deny all;").start();
    with_token(&nginx, "alice").expect_status(403);
    assert_eq!(scene.sts.call_count(), 1);
    nginx.get("/").send().expect_status(401);
}

#[test]
fn in_the_access_phase_auth_request_decides_on_the_target() {
    let scene = Scene::new();
    let nginx = location(&scene, "STSPhase access; auth_request /auth;").start();

    assert_exchanged(with_token(&nginx, "alice"), "alice");

    let requests = scene.backend.requests();
    let paths: Vec<&str> = requests.iter().map(|request| request.path()).collect();
    assert_eq!(paths, ["/auth", "/"]);
    let cookies: Vec<_> = requests.iter().filter_map(|request| request.header("Cookie")).collect();
    assert_eq!(cookies.len(), 2);
    assert!(cookies.windows(2).all(|pair| pair.first() == pair.last()));
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn in_the_access_phase_an_exchange_is_no_authentication() {
    let scene = Scene::new();
    let more = format!("STSPhase access; satisfy any; deny all; {AUTH_BASIC}");
    let nginx = location(&scene, &more).start();

    let response = with_token(&nginx, "alice");
    assert!(matches!(response.status, 401 | 403), "{}", response.status);
    assert!(scene.backend.requests().is_empty());

    let request = nginx.get("/").header("X-Token", "bob").header("Authorization", GOOD_BASIC);
    assert_exchanged(request.send(), "bob");
}

#[test]
fn by_default_satisfy_any_does_not_skip_the_exchange() {
    let scene = Scene::new();
    let nginx = location(&scene, &format!("satisfy any; allow all; {AUTH_BASIC}")).start();
    assert_exchanged(with_token(&nginx, "alice"), "alice");
    nginx.get("/").send().expect_status(401);
    with_token(&nginx, "refuse").expect_status(401);
}

#[test]
fn a_refusal_that_satisfy_any_overrides_leaves_the_target_empty() {
    let scene = Scene::new();
    let nginx = location(&scene, "STSPhase access; satisfy any; allow all;").start();
    for token in ["refuse", ""] {
        let response = with_token(&nginx, token);
        if response.status == 200 {
            assert_eq!(Seen::by_backend(response).token(), "");
        } else {
            assert_eq!(response.status, 401);
        }
    }
}

#[test]
fn in_the_rewrite_phase_the_target_can_be_put_into_the_query() {
    let scene = Scene::new();
    let recipe = "
        STSPhase rewrite;
        set $sep \"\";
        if ($is_args) {
            set $sep \"&\";
        }
        set $args $args${sep}token=$target_token;";
    let nginx = location(&scene, recipe).start();

    for (number, (target, prefix)) in
        [("/a", "/a?token="), ("/a?b=c", "/a?b=c&token=")].into_iter().enumerate()
    {
        let user = format!("user-{number}");
        let seen = Seen::by_backend(nginx.get(target).header("X-Token", &user).send());
        let uri = seen.uri();
        let token = uri.strip_prefix(prefix).unwrap_or_default();
        assert!(devsts::is_for(token, &user), "{uri}");
    }
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn in_the_rewrite_phase_if_and_return_see_the_target() {
    let scene = Scene::new();
    let more = "
        STSPhase rewrite;
        STSOnError pass;
        if ($target_token) { return 200 $target_token; }
        return 200 none;";
    let nginx = location(&scene, more).start();

    let token = with_token(&nginx, "alice").expect_status(200).text();
    assert!(devsts::is_for(&token, "alice"), "{token}");
    assert_eq!(with_token(&nginx, "refuse").text(), "none");
    assert_eq!(with_token(&nginx, "").text(), "none");
}

#[test]
fn in_the_rewrite_phase_a_refusal_comes_before_return() {
    let scene = Scene::new();
    let nginx = location(&scene, "STSPhase rewrite; return 200 late;").start();
    nginx.get("/").send().expect_status(401);
    with_token(&nginx, "refuse").expect_status(401);
    assert_eq!(with_token(&nginx, "alice").expect_status(200).text(), "late");
}

#[test]
fn in_the_rewrite_phase_a_rewrite_goes_round_without_another_call() {
    let scene = Scene::new();
    let server = "
        STSPhase rewrite;
        %%OTX%%
        location /from { rewrite ^ /to/$target_token last; }
        location /to { %%PASS%% }";
    let nginx = scene.nginx().server(server).start();

    let seen = Seen::by_backend(nginx.get("/from").bearer("alice").send());

    let in_path = seen.uri().strip_prefix("/to/").unwrap_or_default().to_owned();
    assert!(devsts::is_for(&in_path, "alice"), "{}", seen.uri());
    assert_eq!(seen.token(), in_path);
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn in_the_rewrite_phase_a_rewrite_into_another_exchange_calls_that_one() {
    let scene = Scene::with(Sts::builder().path("/token").path("/other"));
    let server = "
        STSPhase rewrite;
        %%OTX%%
        location /from { rewrite ^ /to last; }
        location /to { STSOTXEndpoint %%OTHER%%; %%PASS%% }";
    let nginx = scene.nginx().server(server).set("OTHER", scene.sts.url("/other")).start();

    let token = Seen::by_backend(nginx.get("/from").bearer("alice").send()).token();

    assert_eq!(token, devsts::target_for("alice", 2));
    let calls = scene.sts.calls();
    assert_eq!(calls.iter().map(|call| call.path()).collect::<Vec<_>>(), ["/token", "/other"]);
}

#[test]
fn each_phase_waits_for_a_slow_sts() {
    for phase in ["rewrite", "access", "precontent"] {
        let scene = Scene::new();
        let slow = Script::new().wait(std::time::Duration::from_millis(50)).usual();
        scene.sts.script(When::any(), slow);
        let nginx = location(&scene, &format!("STSPhase {phase};")).start();
        e2e::parallel::in_parallel(8, 24, |number| {
            let user = format!("user-{number}");
            assert_exchanged(with_token(&nginx, &user), &user);
        });
        assert_eq!(scene.sts.call_count(), 24, "{phase}");
    }
}

#[test]
fn reading_the_target_too_early_is_warned_of_once_and_spoils_nothing() {
    let scene = Scene::new();
    let more = "set $one $target_token; set $two x$target_token; proxy_set_header X-Early $two;";
    let nginx = location(&scene, more).start();
    let mark = nginx.mark_log();

    let seen = Seen::by_backend(with_token(&nginx, "alice"));

    // The header stands beside those of the location, which are not inherited past it.
    assert_eq!(seen.header("X-Early").as_deref(), Some("x"));
    assert!(devsts::is_for(&seen.token(), "alice"));
    let log = nginx.log_since(mark);
    let warnings: Vec<_> = log.iter().filter(|line| line.contains("[warn]")).collect();
    assert_eq!(warnings.len(), 1, "{log:?}");
    assert!(warnings.iter().all(|line| line.contains("STSPhase")), "{warnings:?}");
}

#[test]
fn reading_the_target_in_time_is_not_warned_of() {
    let scene = Scene::new();
    let server = "
        location /exchanged { %%OTX%% add_header X-Target $target_token always; %%PASS%% }
        location /open { add_header X-Target $target_token always; return 200 open; }";
    let nginx = scene.nginx().server(server).start();

    nginx.get("/exchanged").bearer("alice").send().expect_status(200);
    nginx.get("/exchanged").send().expect_status(401);
    assert_eq!(nginx.get("/open").bearer("bob").send().header("X-Target"), None);

    assert!(!nginx.error_log().contains("[warn]"), "{}", nginx.error_log());
}
