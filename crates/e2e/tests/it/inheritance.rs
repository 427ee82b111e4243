//! Which setting is in force where.

use devsts::Sts;
use e2e::scene::{Scene, Seen, assert_exchanged};

fn scene() -> Scene {
    Scene::with(Sts::builder().path("/token").path("/other").anonymous())
}

#[test]
fn an_exchange_of_the_http_block_is_in_force_in_each_location() {
    let scene = scene();
    let nginx = scene.nginx().http("%%OTX%%").server("location / { %%PASS%% }").start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    nginx.get("/").send().expect_status(401);
}

#[test]
fn an_exchange_of_the_server_is_in_force_in_its_locations_and_not_in_another_server() {
    let scene = scene();
    let other = "server { listen 127.0.0.1:%%PORT_OTHER%%; location / { return 200 open; } }";
    let nginx = scene.nginx().http(other).server("%%OTX%% location / { %%PASS%% }").start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    let other = nginx.address_of("PORT_OTHER");
    let open = e2e::http1::Request::new(other, "GET", "/").send();
    assert_eq!(open.expect_status(200).text(), "open");
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn a_location_switches_an_inherited_exchange_off() {
    let scene = scene();
    let server = "
        %%OTX%%
        location / { %%PASS%% }
        location /open { STSType disabled; return 200 open; }
        location /open/nested { return 200 nested; }";
    let nginx = scene.nginx().server(server).start();

    assert_eq!(nginx.get("/open").send().expect_status(200).text(), "open");
    nginx.get("/open").bearer("alice").send().expect_status(200);
    assert_eq!(scene.sts.call_count(), 0);
    nginx.get("/").send().expect_status(401);
}

#[test]
fn a_nested_location_inherits_what_is_disabled_and_may_enable_it_again() {
    let scene = scene();
    let server = "
        %%OTX%%
        location /open/ {
            STSType disabled;
            location /open/more/ { %%PASS%% }
            location /open/closed/ { STSType otx; %%PASS%% }
        }";
    let nginx = scene.nginx().server(server).start();

    let seen = Seen::by_backend(nginx.get("/open/more/").bearer("alice").send());
    assert_eq!(seen.token(), "");
    assert_eq!(scene.sts.call_count(), 0);
    assert_exchanged(nginx.get("/open/closed/").bearer("alice").send(), "alice");
}

#[test]
fn settings_are_inherited_one_by_one() {
    let scene = scene();
    let server = "
        STSType otx;
        STSOTXEndpointAuth client_secret_post client_id=otxclient&client_secret=2Federate;
        STSOTXEndpoint %%STS%%;
        STSVariables $source_token $target_token;
        location /a { %%PASS%% }
        location /b { STSOTXEndpoint %%OTHER%%; %%PASS%% }
        location /c { STSOTXEndpointAuth none; %%PASS%% }
        location /d { STSVariables $arg_token $target_token; %%PASS%% }
    ";
    let other = scene.sts.url("/other");
    let nginx = scene.nginx().server(server).set("OTHER", other).start();

    assert_exchanged(nginx.get("/a").bearer("alice").send(), "alice");
    assert_exchanged(nginx.get("/b").bearer("bob").send(), "bob");
    assert_exchanged(nginx.get("/c").bearer("carol").send(), "carol");
    assert_exchanged(nginx.get("/d?token=dave").bearer("unused").send(), "dave");

    let calls = scene.sts.calls();
    let paths: Vec<&str> = calls.iter().map(|call| call.path()).collect();
    assert_eq!(paths, ["/token", "/other", "/token", "/token"]);
    let clients: Vec<_> = calls.iter().map(|call| call.parameter("client_id")).collect();
    assert_eq!(clients, [Some("otxclient"), Some("otxclient"), None, Some("otxclient")]);
}

#[test]
fn request_parameters_are_replaced_as_a_whole() {
    let scene = scene();
    let server = "
        %%OTX%%
        STSRequestParameter audience one;
        STSRequestParameter scope read;
        location /inherits { %%PASS%% }
        location /replaces { STSRequestParameter audience two; %%PASS%% }
        location /replaces/nested { %%PASS%% }
    ";
    let nginx = scene.nginx().server(server).start();

    for (number, path) in ["/inherits", "/replaces", "/replaces/nested"].into_iter().enumerate() {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get(path).bearer(&user).send(), &user);
    }

    let calls = scene.sts.calls();
    let sent: Vec<_> =
        calls.iter().map(|call| (call.parameter("audience"), call.parameter("scope"))).collect();
    assert_eq!(
        sent,
        [
            (Some("one"), Some("read")),
            (Some("two"), None),
            // A nested location that is not nested in the text inherits from the server.
            (Some("one"), Some("read")),
        ]
    );
}

#[test]
fn a_nested_location_inherits_the_source_and_the_exchange() {
    let scene = scene();
    let server = "
        location /outer {
            %%OTX%%
            proxy_set_header Authorization '';
            proxy_set_header Cookie STS_COOKIE=$target_token;
            location /outer/inner { proxy_pass %%BACKEND%%; }
            location /outer/also { STSHTTPTimeOut 3; proxy_pass %%BACKEND%%; }
            proxy_pass %%BACKEND%%;
        }";
    let nginx = scene.nginx().server(server).start();

    for (number, path) in ["/outer", "/outer/inner", "/outer/also"].into_iter().enumerate() {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get(path).bearer(&user).send(), &user);
        nginx.get(path).send().expect_status(401);
    }
}

#[test]
fn an_if_inherits_the_exchange_of_its_location() {
    let scene = scene();
    let server = "
        location / {
            %%OTX%%
            proxy_set_header Authorization '';
            proxy_set_header Cookie STS_COOKIE=$target_token;
            if ($arg_chosen) { proxy_pass %%BACKEND%%; }
            proxy_pass %%BACKEND%%;
        }";
    let nginx = scene.nginx().server(server).start();

    assert_exchanged(nginx.get("/?chosen=1").bearer("alice").send(), "alice");
    assert_exchanged(nginx.get("/").bearer("bob").send(), "bob");
    nginx.get("/?chosen=1").send().expect_status(401);
}

#[test]
fn an_if_may_have_an_exchange_of_its_own() {
    let scene = scene();
    let server = "
        location / {
            proxy_set_header Authorization '';
            proxy_set_header Cookie STS_COOKIE=$target_token;
            proxy_pass %%BACKEND%%;
            if ($arg_chosen) { %%OTX%% proxy_pass %%BACKEND%%; }
        }";
    let nginx = scene.nginx().server(server).start();

    assert_exchanged(nginx.get("/?chosen=1").bearer("alice").send(), "alice");
    assert_eq!(Seen::by_backend(nginx.get("/").bearer("bob").send()).token(), "");
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn an_if_may_change_the_exchange_of_its_location() {
    let scene = scene();
    let server = "
        location / {
            %%OTX%%
            proxy_set_header Authorization '';
            proxy_set_header Cookie STS_COOKIE=$target_token;
            proxy_pass %%BACKEND%%;
            if ($arg_open) { STSType disabled; proxy_pass %%BACKEND%%; }
            if ($arg_anonymous) { STSOnMissing pass; proxy_pass %%BACKEND%%; }
        }";
    let nginx = scene.nginx().server(server).start();

    nginx.get("/").send().expect_status(401);
    assert_eq!(Seen::by_backend(nginx.get("/?open=1").bearer("alice").send()).token(), "");
    assert_eq!(Seen::by_backend(nginx.get("/?anonymous=1").send()).token(), "");
    assert_exchanged(nginx.get("/?anonymous=1").bearer("bob").send(), "bob");
}

#[test]
fn locations_with_different_policies_share_a_worker() {
    let scene = scene();
    let server = "
        %%OTX%%
        location /strict { %%PASS%% }
        location /lenient { STSOnError pass; %%PASS%% }
        location /anonymous { STSOnMissing pass; %%PASS%% }
    ";
    let nginx = scene.nginx().server(server).start();

    let missing = |path: &str| nginx.get(path).send().status;
    let refused = |path: &str| nginx.get(path).bearer("refuse").send().status;
    let seen = ["/strict", "/lenient", "/anonymous"].map(|path| (missing(path), refused(path)));
    assert_eq!(seen, [(401, 401), (200, 200), (200, 401)]);
}
