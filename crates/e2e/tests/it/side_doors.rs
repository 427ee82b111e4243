//! A request that was not exchanged reaches no backend: not by an error page, nor by a subrequest, nor
//! with a body that cannot be read. Nor does an exchange change what it is none of its business.

use std::sync::Arc;
use std::time::Duration;

use devsts::{Answer, Call, Script, When, is_for};
use e2e::nginx::Nginx;
use e2e::parallel::in_parallel;
use e2e::scene::{Scene, Seen};
use e2e::wait::wait_for;

const FORM: &str = "application/x-www-form-urlencoded";

/// Tokens of the header go in and out by two directives.
const HEADERS: &str = "STSAcceptSourceTokenIn header; STSPassTargetTokenIn header;";

fn received(scene: &Scene, path: &str) -> Vec<Arc<Call>> {
    let requests = scene.backend.requests();
    requests.into_iter().filter(|request| request.path() == path).collect()
}

/// The token behind `Bearer`, as the backend got it.
fn bearer(call: &Call) -> String {
    let value = call.header("Authorization").unwrap_or_default();
    value.strip_prefix("Bearer ").unwrap_or_default().to_owned()
}

/// A form of this length in which the source stands.
fn form(length: usize, source: &str) -> String {
    let form = format!("access_token={source}&rest=");
    let rest = "r".repeat(length.saturating_sub(form.len()));
    form + &rest
}

// -- What a request is left with after its body was read.

#[test]
fn a_form_that_comes_at_once_leaves_a_request_that_can_still_wait() {
    for (phase, pass) in
        [("access", "header"), ("rewrite", "header"), ("precontent", "header"), ("access", "post")]
    {
        let scene = Scene::new();
        let server = format!(
            "location / {{ %%EXCHANGE%% STSPhase {phase}; STSAcceptSourceTokenIn post;
                          STSPassTargetTokenIn {pass}; auth_request /ok; proxy_pass %%BACKEND%%; }}
             location = /ok {{ STSType disabled; proxy_pass %%BACKEND%%/status/200;
                 proxy_pass_request_body off; proxy_set_header Content-Length ''; }}
             location = /stub {{ stub_status; }}"
        );
        let nginx = scene.nginx().server(&server).start();
        for length in [200, 1_500, 3_000, 20_000] {
            let request = nginx.post("/", form(length, "alice")).header("Content-Type", FORM);
            let seen = Seen::by_backend(request.send());
            assert!(seen.body().contains("rest=r"), "{phase}, {pass}, {length}");
        }
        let figures = nginx.get("/stub").send().expect_status(200).text();
        assert!(figures.contains("Writing: 1 "), "{phase}, {pass}: {figures}");
    }
}

// -- Captures.

#[test]
fn the_captures_of_a_location_stay_what_they_are() {
    let scene = Scene::new();
    // Each of these is evaluated by the module, and its regular expression captures something.
    let maps = r#"
        map $http_authorization $source { default ""; "~^Bearer (\S+)$" $1; }
        map $http_x_audience $audience { default ""; "~^(a)(b)(.*)$" $3; }"#;
    let server = r#"
        server_name ~^(?:www\.)?(local)(host)$;
        set $of_name $2;
        location ~ ^/api/(.*)$ {
            %%EXCHANGE%%
            STSVariables $source $target;
            STSRequestParameter audience $audience;
            STSRequestParameter resource https://api/$1;
            add_header X-Capture $1;
            proxy_set_header X-Target $target;
            proxy_pass %%BACKEND%%/$1;
        }
        location ~ ^/set/(.*)$ {
            %%EXCHANGE%%
            STSPhase rewrite;
            STSVariables $source $target;
            STSRequestParameter audience $audience;
            set $path $1;
            proxy_set_header X-Target $target;
            proxy_pass %%BACKEND%%/$path;
        }
        location /name {
            %%EXCHANGE%%
            STSVariables $source $target;
            add_header X-Name $of_name;
            proxy_pass %%BACKEND%%/;
        }"#;
    let nginx = scene.nginx().http(maps).server(server).start();
    for user in ["alice", "alice", "bob"] {
        for path in ["/api/orders", "/set/orders"] {
            let request = nginx.get(path).bearer(user).header("X-Audience", "abc");
            let response = request.send().expect_status(200);
            if path.starts_with("/api") {
                assert_eq!(response.header("X-Capture"), Some("orders"));
            }
            let seen = Seen::by_backend(response);
            assert_eq!(seen.uri(), "/orders");
            assert!(is_for(&seen.header("X-Target").unwrap_or_default(), user));
        }
        let response = nginx.get("/name").header("Host", "www.localhost").bearer(user).send();
        assert_eq!(response.header("X-Name"), Some("host"));
    }
    for call in scene.sts.calls() {
        if let Some(resource) = call.parameter("resource") {
            assert_eq!(resource, "https://api/orders");
            assert_eq!(call.parameter("audience"), Some("c"));
        }
    }
}

// -- Error pages.

/// An STS that is down, and one that refuses, with the sources that make it so.
const FAILING: [(&str, u16); 3] = [("down", 502), ("refuse", 401), ("", 401)];

fn failing() -> Scene {
    let scene = Scene::new();
    scene.sts.script(When::subject("down"), Script::new().answer(Answer::new(500)));
    scene
}

/// Asks with each source that fails, and expects the status of the failure and no backend.
fn expect_shut(scene: &Scene, nginx: &Nginx, method: &str, what: &str) {
    for (source, status) in FAILING {
        let mut request = nginx.request(method, "/");
        if !source.is_empty() {
            request = request.bearer(source);
        }
        let response = request.send();
        assert_eq!(response.status, status, "{what}, {source:?}: {}", response.text());
    }
    assert_eq!(scene.backend.requests().len(), 0, "{what}");
}

#[test]
fn no_error_page_leads_a_refused_request_to_a_backend() {
    // The exchange stands around all locations, or in the one that the request is for.
    let around = format!("%%EXCHANGE%% {HEADERS}");
    let backup = "location @backup { proxy_pass %%BACKEND%%; }";
    let doors = [
        ("named", "error_page 401 502 = @backup;", backup),
        ("variable", "set $page @backup; error_page 401 502 = $page;", backup),
        ("the same again", "error_page 401 502 = $request_uri;", ""),
        ("proxied page", "error_page 401 502 /spa/index.html;", ""),
        ("recursive", "recursive_error_pages on; error_page 401 502 = @backup;", backup),
        (
            "try_files",
            "error_page 401 502 /none.html;",
            "location /none.html { try_files $uri @app; } location @app { proxy_pass %%BACKEND%%; }",
        ),
        (
            "index",
            "error_page 401 502 = /files/;",
            "location /files/ { index none.html index.html; }
             location = /files/index.html { proxy_pass %%BACKEND%%; }",
        ),
    ];
    for (what, pages, more) in doors {
        for is_around in [true, false] {
            let scene = failing();
            let (outer, inner) = if is_around { (&*around, "") } else { ("", &*around) };
            let server = format!(
                "{outer} {pages} {more}
                 location / {{ {inner} proxy_pass %%BACKEND%%; }}"
            );
            // Without an exchange around it, `/spa/index.html` is the location of the exchange too.
            let nginx = scene.nginx().server(&server).file("html/files/index.html", "x").start();
            expect_shut(&scene, &nginx, "GET", &format!("{what}, around: {is_around}"));
            let seen = nginx.get("/").bearer("alice").send().expect_status(200);
            assert!(seen.text().contains("Bearer"), "{what}");
        }
    }
}

#[test]
fn a_page_of_a_backend_that_is_open_does_not_open_another() {
    let scene = failing();
    let server = format!(
        "location / {{ %%EXCHANGE%% {HEADERS} error_page 401 502 = /page;
                      proxy_pass %%BACKEND%%; }}
         location = /page {{ STSType disabled;
             proxy_pass %%BACKEND%%/?_accel=/protected; }}
         location = /protected {{ proxy_pass %%BACKEND%%/secret; }}"
    );
    let nginx = scene.nginx().server(&server).start();
    for (source, status) in FAILING {
        nginx.get("/").bearer(source).send().expect_status(status);
    }
    assert_eq!(received(&scene, "/secret").len(), 0);
}

#[test]
fn files_are_served_as_error_pages_and_not_written() {
    let scene = failing();
    let server = format!(
        "error_page 401 502 = @files;
         location / {{ %%EXCHANGE%% {HEADERS} proxy_pass %%BACKEND%%; }}
         location @files {{ dav_methods PUT DELETE; create_full_put_path on;
             try_files /sorry.html =404; }}
         location @written {{ dav_methods PUT; }}
         location /written {{ error_page 401 502 = @written; %%EXCHANGE%% {HEADERS}
             proxy_pass %%BACKEND%%; }}"
    );
    let nginx = scene.nginx().server(&server).file("html/sorry.html", "sorry").start();
    for source in ["down", "refuse"] {
        let response = nginx.get("/").bearer(source).send().expect_status(200);
        assert_eq!(response.text(), "sorry");
        let put = nginx.request("PUT", "/written/file").body("evil").bearer(source).send();
        assert_eq!(put.status, if source == "down" { 502 } else { 401 });
        assert!(!nginx.prefix().join("html/written/file").exists());
    }
}

#[test]
fn what_the_configuration_opens_in_so_many_words_is_open() {
    for (word, opens) in [
        ("STSType disabled;", [true, true, true]),
        ("STSOnError pass;", [true, true, true]),
        ("STSOnError pass; STSOnMissing return;", [true, true, false]),
        ("STSOnMissing pass;", [false, false, true]),
        ("STSOnError return;", [false, false, false]),
        ("", [false, false, false]),
    ] {
        let scene = failing();
        let server = format!(
            "error_page 401 502 = @page;
             location / {{ %%EXCHANGE%% {HEADERS} proxy_pass %%BACKEND%%; }}
             location @page {{ {word} STSPassTargetTokenIn header; proxy_pass %%BACKEND%%; }}"
        );
        let nginx = scene.nginx().server(&server).start();
        for ((source, status), open) in FAILING.into_iter().zip(opens) {
            let request = nginx.get("/").header("X-Source", source);
            let request = if source.is_empty() { request } else { request.bearer(source) };
            let response = request.send();
            assert_eq!(response.status, if open { 200 } else { status }, "{word} {source:?}");
            if open {
                assert_eq!(Seen::by_backend(response).header("Authorization"), None);
            }
        }
        let opened = opens.iter().filter(|open| **open).count();
        assert_eq!(scene.backend.requests().len(), opened, "{word}");
    }
}

#[test]
fn a_second_sts_may_help() {
    let scene = failing();
    let second = Scene::new();
    let server = format!(
        "recursive_error_pages on;
         location / {{ %%EXCHANGE%% {HEADERS} error_page 502 = @second; proxy_pass %%BACKEND%%; }}
         location @second {{ STSType otx; STSOTXEndpoint %%SECOND%%;
             STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
             {HEADERS} error_page 404 = @open; proxy_intercept_errors on; proxy_pass %%BACKEND%%; }}
         location @open {{ rewrite ^ /open break; proxy_pass %%BACKEND%%; }}"
    );
    let builder = scene.nginx().server(&server).set("SECOND", second.sts.endpoint());
    let nginx = builder.start();
    let seen = Seen::by_backend(nginx.get("/").bearer("down").send());
    let token = seen.header("Authorization").unwrap_or_default();
    assert!(is_for(token.strip_prefix("Bearer ").unwrap_or_default(), "down"));
    assert_eq!(second.sts.call_count(), 1);
    // It is refused all the same where that token does not count.
    nginx.get("/status/404").bearer("down").send().expect_status(502);
    assert_eq!(received(&scene, "/open").len(), 0);
    // A token that is refused is refused.
    nginx.get("/").bearer("refuse").send().expect_status(401);
}

#[test]
fn satisfy_any_opens_nothing() {
    let scene = failing();
    let server = format!(
        "location / {{ %%EXCHANGE%% {HEADERS} STSPhase access; satisfy any; allow all;
             proxy_pass %%BACKEND%%; }}"
    );
    let nginx = scene.nginx().server(&server).start();
    expect_shut(&scene, &nginx, "GET", "satisfy any");
    assert!(
        Seen::by_backend(nginx.get("/").bearer("alice").send()).header("Authorization").is_some()
    );
}

// -- Bodies that cannot be read.

#[test]
fn a_body_that_cannot_be_read_opens_nothing() {
    for page in
        ["%%EXCHANGE%% STSAcceptSourceTokenIn post; STSOnError pass;", "STSOnError pass;", ""]
    {
        let scene = Scene::new();
        let server = format!(
            "client_max_body_size 100;
             error_page 400 413 = @app;
             location / {{ %%EXCHANGE%% STSAcceptSourceTokenIn post; proxy_pass %%BACKEND%%; }}
             location @app {{ {page} proxy_pass %%BACKEND%%; }}"
        );
        let nginx = scene.nginx().server(&server).start();
        nginx.allow_in_log("client sent invalid chunked body");
        nginx.allow_in_log("client intended to send too large");
        for (body, status) in [("zz\r\n", 400), ("ffff\r\nx", 413)] {
            let mut connection = nginx.connect();
            connection.send(format!(
                "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n\
                 Transfer-Encoding: chunked\r\n\r\n{body}"
            ));
            connection.read_response().expect_status(status);
        }
        assert_eq!(scene.backend.requests().len(), 0, "{page}");
        assert_eq!(scene.sts.call_count(), 0, "{page}");
    }
}

// -- Subrequests.

#[test]
fn an_auth_request_into_an_exchange_allows_only_what_is_exchanged() {
    let scene = failing();
    let server = format!(
        "location / {{ auth_request /auth; proxy_pass %%BACKEND%%; }}
         location = /auth {{ %%EXCHANGE%% {HEADERS} proxy_pass %%BACKEND%%/auth;
             proxy_pass_request_body off; proxy_set_header Content-Length ''; }}"
    );
    let nginx = scene.nginx().server(&server).start();
    nginx.allow_in_log("auth request unexpected status");
    nginx.get("/").bearer("refuse").send().expect_status(401);
    nginx.get("/").send().expect_status(401);
    nginx.get("/").bearer("down").send().expect_status(500);
    assert_eq!(scene.backend.requests().len(), 0);
    nginx.get("/").bearer("alice").send().expect_status(200);
    assert!(is_for(&bearer(&received(&scene, "/auth")[0]), "alice"));
}

#[test]
fn subrequests_of_one_request_each_make_the_exchange_of_their_location() {
    let scene = failing();
    let server = format!(
        "location / {{ ssi on; }}
         location /a {{ %%EXCHANGE%% {HEADERS} proxy_pass %%BACKEND%%; }}
         location /b {{ %%EXCHANGE%% {HEADERS} STSRequestParameter audience b;
             proxy_pass %%BACKEND%%; }}
         location /query {{ %%EXCHANGE%% STSAcceptSourceTokenIn query;
             STSPassTargetTokenIn header; proxy_pass %%BACKEND%%; }}"
    );
    let page = "<!--# include virtual=\"/a/1\" --><!--# include virtual=\"/b/1\" -->\
                <!--# include virtual=\"/a/2\" --><!--# include virtual=\"/b/2\" -->\
                <!--# include virtual=\"/query/carol?access_token=carol\" -->\
                <!--# include virtual=\"/query/dave?access_token=dave\" -->";
    let nginx = scene.nginx().server(&server).file("html/page.html", page);
    let nginx = nginx.http("types { text/html html; }").start();
    in_parallel(8, 40, |number| {
        let user = format!("user-{number}");
        let text = nginx.get("/page.html").bearer(&user).send().expect_status(200).text();
        let parts: Vec<&str> = text.split("Bearer ").skip(1).collect();
        assert_eq!(parts.len(), 6, "{text}");
        let of = [&*user, &*user, &*user, &*user, "carol", "dave"];
        for (part, of) in parts.into_iter().zip(of) {
            let token = part.split('"').next().unwrap_or_default();
            assert!(is_for(token, of), "{of}: {token}");
        }
    });
    let audiences =
        scene.sts.calls().into_iter().filter(|call| call.parameter("audience").is_some());
    assert_eq!(audiences.count(), 40);
    assert_eq!(scene.sts.call_count(), 82);
    for call in received(&scene, "/b/1") {
        assert_ne!(bearer(&call), "");
    }
}

#[test]
fn a_refusal_is_the_subrequests_own() {
    let scene = failing();
    let server = format!(
        "location / {{ ssi on; }}
         location /a {{ %%EXCHANGE%% {HEADERS} proxy_pass %%BACKEND%%; }}
         location /open {{ proxy_pass %%BACKEND%%; }}"
    );
    let page = "[<!--# include virtual=\"/a\" -->][<!--# include virtual=\"/open\" -->]";
    let nginx = scene.nginx().server(&server).file("html/page.html", page);
    let nginx = nginx.http("types { text/html html; }").start();
    let text = nginx.get("/page.html").bearer("refuse").send().expect_status(200).text();
    assert!(text.contains("401 Authorization Required"), "{text}");
    assert_eq!(received(&scene, "/a").len(), 0);
    assert_eq!(received(&scene, "/open").len(), 1);
}

#[test]
fn the_subrequests_of_an_error_page_are_refused_like_their_request() {
    let scene = failing();
    let server = format!(
        "error_page 401 502 /page.html;
         location / {{ %%EXCHANGE%% {HEADERS} proxy_pass %%BACKEND%%; }}
         location = /page.html {{ ssi on; }}
         location /part {{ proxy_pass %%BACKEND%%; }}"
    );
    let page = "<!--# include virtual=\"/part\" -->";
    let nginx = scene.nginx().server(&server).file("html/page.html", page);
    let nginx = nginx.http("types { text/html html; }").start();
    expect_shut(&scene, &nginx, "GET", "subrequests of an error page");
}

#[test]
fn a_mirrored_request_to_another_exchange_never_goes_without() {
    let scene = failing();
    let server = format!(
        "location / {{ mirror /mirror; proxy_pass %%BACKEND%%; }}
         location = /mirror {{ internal; %%EXCHANGE%% {HEADERS} proxy_pass %%BACKEND%%/mirrored; }}"
    );
    let nginx = scene.nginx().server(&server).start();
    for source in ["refuse", "down"] {
        Seen::by_backend(nginx.get("/").bearer(source).send());
    }
    Seen::by_backend(nginx.get("/").send());
    Seen::by_backend(nginx.get("/").bearer("alice").send());
    wait_for("the mirrored request", || received(&scene, "/mirrored").len() == 1);
    assert!(is_for(&bearer(&received(&scene, "/mirrored")[0]), "alice"));
    assert_eq!(scene.sts.call_count(), 3);
}

#[test]
fn a_form_that_the_request_has_read_is_there_for_its_subrequests() {
    let scene = Scene::new();
    let exchange = "%%EXCHANGE%% STSAcceptSourceTokenIn post; STSPassTargetTokenIn header;";
    let server = format!(
        "location /read {{ {exchange} mirror /mirror; proxy_pass %%BACKEND%%; }}
         location /unread {{ auth_request /auth; proxy_pass %%BACKEND%%; }}
         location = /auth {{ {exchange} proxy_pass %%BACKEND%%; }}
         location = /mirror {{ internal; {exchange} STSRequestParameter audience m;
             proxy_pass %%BACKEND%%/mirrored; }}"
    );
    let nginx = scene.nginx().server(&server).start();
    let post =
        |path: &str| nginx.post(path, "access_token=alice&a=b").header("Content-Type", FORM).send();
    Seen::by_backend(post("/read"));
    wait_for("the mirrored request", || received(&scene, "/mirrored").len() == 1);
    let mirrored = &received(&scene, "/mirrored")[0];
    assert!(is_for(&bearer(mirrored), "alice"));
    assert_eq!(mirrored.body, b"a=b");
    post("/unread").expect_status(401);
}

#[test]
fn a_client_that_leaves_while_its_subrequests_wait_leaves_nothing_behind() {
    let scene = Scene::new();
    scene.sts.script(When::any(), Script::new().wait(Duration::from_millis(300)).usual());
    let server = format!(
        "location / {{ ssi on; }}
         location /auth {{ auth_request /a; proxy_pass %%BACKEND%%; }}
         location /mirror {{ mirror /a; proxy_pass %%BACKEND%%; }}
         location /a {{ %%EXCHANGE%% {HEADERS} proxy_pass %%BACKEND%%; }}"
    );
    let page = "<!--# include virtual=\"/a/1\" --><!--# include virtual=\"/a/2\" -->";
    let nginx = scene.nginx().server(&server).file("html/page.html", page);
    let nginx = nginx.http("types { text/html html; }").start();
    let worker = nginx.worker();
    for number in 0..60 {
        let path = ["/page.html", "/auth", "/mirror"][number % 3];
        nginx.get(path).bearer(format!("user-{number}")).start().reset();
    }
    assert_eq!(nginx.get("/page.html").bearer("alice").send().status, 200);
    assert_eq!(nginx.worker(), worker);
    // A request that was kept would keep its worker.
    nginx.quit();
    nginx.wait_until_gone();
}

#[test]
fn a_mirrored_request_waits_when_its_original_has_been_answered() {
    let scene = Scene::new();
    scene.sts.script(When::any(), Script::new().wait(Duration::from_millis(200)).usual());
    let server = format!(
        "location / {{ mirror /mirror; proxy_pass %%BACKEND%%; }}
         location = /mirror {{ internal; %%EXCHANGE%% {HEADERS} proxy_pass %%BACKEND%%/mirrored; }}"
    );
    let nginx = scene.nginx().server(&server).start();
    for user in ["alice", "bob"] {
        Seen::by_backend(nginx.get("/").bearer(user).send());
    }
    wait_for("the mirrored requests", || received(&scene, "/mirrored").len() == 2);
    for (call, user) in received(&scene, "/mirrored").iter().zip(["alice", "bob"]) {
        assert!(is_for(&bearer(call), user));
    }
}
