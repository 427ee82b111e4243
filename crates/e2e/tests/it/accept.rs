//! `STSAcceptSourceTokenIn`: where the source token is found, and that nothing is left of it.

use devsts::is_for;
use e2e::http1::Request;
use e2e::nginx::Nginx;
use e2e::response::Response;
use e2e::scene::{Scene, Seen};

/// What may stand behind `Bearer` (RFC 6750, section 2.1).
const TOKEN: &str = "the-source.token_1~+/==";

/// A location that accepts as the test says, and passes on in a header of its own.
fn start(scene: &Scene, accept: &str) -> Nginx {
    let server = format!(
        "location / {{
            %%EXCHANGE%% {accept}
            STSPassTargetTokenIn header name=X-Target&type=;
            proxy_pass %%BACKEND%%;
        }}"
    );
    scene.nginx().server(&server).forbid_in_log(TOKEN).start()
}

/// What the backend saw of a request after the exchange of its token.
#[track_caller]
fn exchanged(response: Response, source: &str) -> Seen {
    let seen = Seen::by_backend(response);
    let target = seen.header("X-Target").unwrap_or_default();
    assert!(is_for(&target, source), "the backend got {target:?} for {source:?}");
    seen
}

fn form(nginx: &Nginx, body: &str) -> Request {
    nginx.post("/", body).header("Content-Type", "application/x-www-form-urlencoded")
}

#[test]
fn two_lines_are_enough() {
    let scene = Scene::new();
    let server = "location / {
        %%EXCHANGE%%
        STSAcceptSourceTokenIn header;
        STSPassTargetTokenIn header;
        proxy_pass %%BACKEND%%;
    }";
    let nginx = scene.nginx().server(server).start();

    let seen = Seen::by_backend(nginx.get("/").bearer(TOKEN).send());

    let received = seen.header("Authorization").unwrap_or_default();
    assert!(is_for(received.strip_prefix("Bearer ").unwrap_or_default(), TOKEN), "{received}");
    assert_eq!(scene.only_call().subject(), Some(TOKEN));
    nginx.get("/").send().expect_status(401);
}

#[test]
fn a_token_in_a_header_is_taken_out_of_it() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSAcceptSourceTokenIn header;");
    for scheme in ["Bearer", "bearer", "BEARER ", "beArer  "] {
        let request = nginx.get("/").header("Authorization", format!("{scheme} {TOKEN}"));
        let seen = exchanged(request.header("X-Other", "kept").send(), TOKEN);
        assert_eq!(seen.header("Authorization"), None);
        assert_eq!(seen.header("X-Other").as_deref(), Some("kept"));
        assert_eq!(seen.header("Host").as_deref(), scene.backend.url("").strip_prefix("http://"));
    }
}

#[test]
fn what_is_no_token_of_the_scheme_is_left_alone() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSOnMissing pass; STSAcceptSourceTokenIn header;");
    for other in ["Basic dXNlcjpwYXNzd29yZA==", "BearerX abc", "Bear er"] {
        let seen = Seen::by_backend(nginx.get("/").header("Authorization", other).send());
        assert_eq!(seen.header("Authorization").as_deref(), Some(other));
    }
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn a_header_may_have_another_name_and_another_scheme_or_none() {
    let scene = Scene::new();
    let accept = "STSAcceptSourceTokenIn header name=X-Token&type=;
                  STSAcceptSourceTokenIn header name=X-Other&type=Token;
                  STSAcceptSourceTokenIn header name=X-Bearer;";
    let nginx = start(&scene, accept);
    for (name, value) in
        [("x-token", "plain"), ("X-Other", "token schemed"), ("X-Bearer", "Bearer bearer")]
    {
        let source = value.rsplit(' ').next().unwrap_or_default();
        let seen = exchanged(nginx.get("/").header(name, value).send(), source);
        assert_eq!(seen.header(name), None);
    }
}

#[test]
fn a_token_in_a_cookie_is_taken_out_of_it() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSAcceptSourceTokenIn cookie name=session;");
    for (sent, left) in [
        ("session=T", None),
        ("a=b; session=T; c=d", Some("a=b; c=d")),
        ("session=T; c=\"d e\"", Some("c=\"d e\"")),
        ("a=b;session=T", Some("a=b")),
        ("xsession=1;  session=\"T\" ;sessions=2", Some("xsession=1;sessions=2")),
        ("session=T; Session=3; a=b=c==; d", Some("Session=3; a=b=c==; d")),
    ] {
        let sent = sent.replace('T', TOKEN);
        let seen = exchanged(nginx.get("/").header("Cookie", sent).send(), TOKEN);
        assert_eq!(seen.header("Cookie").as_deref(), left);
    }
}

#[test]
fn several_cookie_headers_are_looked_through() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSAcceptSourceTokenIn cookie name=session;");
    let send = |cookies: [&str; 3]| {
        let request = nginx.get("/").header("Cookie", cookies[0]);
        request.header("Cookie", cookies[1]).header("Cookie", cookies[2]).send()
    };
    let seen = exchanged(send(["a=b", "session=one; c=d", "e=f"]), "one");
    assert_eq!(seen.headers("Cookie"), ["a=b", "c=d", "e=f"]);
    let seen = exchanged(send(["a=b", "session=two", "e=f"]), "two");
    assert_eq!(seen.headers("Cookie"), ["a=b", "e=f"]);
    send(["session=one", "a=b", "session=one"]).expect_status(400);
}

#[test]
fn a_token_in_the_query_is_taken_out_of_it() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSAcceptSourceTokenIn query;");
    for (sent, left) in [
        ("/p?access_token=T", "/p"),
        ("/p?access_token=T&a=b", "/p?a=b"),
        ("/p?a=b&access_token=T", "/p?a=b"),
        ("/p?a=b&access_token=T&c=d", "/p?a=b&c=d"),
        (
            "/p?access_tokens=1&%61ccess_token=T&xaccess_token=2",
            "/p?access_tokens=1&xaccess_token=2",
        ),
        ("/p?&&a&access_token=T&=&b=%26+%zz", "/p?&&a&=&b=%26+%zz"),
        ("/a%2Fb/../c%20d?access_token=T&x=%2F", "/a%2Fb/../c%20d?x=%2F"),
    ] {
        let sent = sent.replace('T', "the-source.token_1~%2B%2f%3D%3D");
        let seen = exchanged(nginx.get(&sent).send(), TOKEN);
        assert_eq!(seen.uri(), left, "{sent}");
    }
}

#[test]
fn no_variable_has_the_token_that_was_in_the_query() {
    let scene = Scene::new();
    let server = "location / {
        set $before $request_uri;
        %%EXCHANGE%%
        STSAcceptSourceTokenIn query;
        STSPassTargetTokenIn header;
        proxy_set_header X-Variables \"$request_uri|$args|$query_string|$arg_access_token\";
        proxy_pass %%BACKEND%%/put/together?$args;
    }";
    let nginx = scene.nginx().server(server).start();
    let seen = Seen::by_backend(nginx.get("/p?a=b&access_token=the-token").send());
    assert_eq!(seen.header("X-Variables").as_deref(), Some("/p?a=b|a=b|a=b|"));
    assert_eq!(seen.uri(), "/put/together?a=b");
}

#[test]
fn no_variable_has_the_token_that_was_in_a_header_or_a_cookie() {
    let scene = Scene::new();
    let server = "location / {
        # Evaluated before the token is taken away.
        set $before $http_authorization$cookie_session$http_cookie;
        %%EXCHANGE%%
        STSAcceptSourceTokenIn cookie name=session;
        STSAcceptSourceTokenIn header;
        STSPassTargetTokenIn header name=X-Target&type=;
        proxy_set_header X-Variables \"$http_authorization|$cookie_session|$http_cookie\";
        proxy_pass %%BACKEND%%;
    }";
    let nginx = scene.nginx().server(server).start();
    let request = nginx.get("/").bearer("in-header").header("Cookie", "session=in-cookie; a=b");
    let seen = exchanged(request.send(), "in-cookie");
    assert_eq!(seen.header("X-Variables").as_deref(), Some("||a=b"));
}

#[test]
fn a_token_in_a_form_is_taken_out_of_it() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSAcceptSourceTokenIn post;");
    for (sent, left) in [
        ("access_token=T", ""),
        ("access_token=T&a=b", "a=b"),
        ("a=b&access_token=T", "a=b"),
        ("a=b&access_token=T&c=d", "a=b&c=d"),
    ] {
        let sent = sent.replace('T', "the-source.token_1~%2B%2F%3D%3D");
        let seen = exchanged(form(&nginx, &sent).send(), TOKEN);
        assert_eq!(seen.body(), left);
        let length = seen.header("Content-Length").unwrap_or_default();
        assert_eq!(length, left.len().to_string());
    }
    form(&nginx, "a=b").send().expect_status(401);
}

#[test]
fn a_token_in_the_environment_is_read_from_a_variable() {
    let scene = Scene::new();
    let server = "location / {
        set $access_token $http_x_token;
        set $with_scheme $http_x_other;
        %%EXCHANGE%%
        STSAcceptSourceTokenIn environment;
        STSAcceptSourceTokenIn environment name=with_scheme&type=Bearer;
        STSPassTargetTokenIn header name=X-Target&type=;
        proxy_pass %%BACKEND%%;
    }";
    let nginx = scene.nginx().server(server).start();
    exchanged(nginx.get("/").header("X-Token", TOKEN).send(), TOKEN);
    exchanged(nginx.get("/").header("X-Other", "bearer schemed").send(), "schemed");
    nginx.get("/").header("X-Other", "Basic other").send().expect_status(401);
}

#[test]
fn the_first_place_that_holds_a_token_wins_and_all_are_emptied() {
    let scene = Scene::new();
    let accept = "STSAcceptSourceTokenIn cookie name=session;
                  STSAcceptSourceTokenIn header;
                  STSAcceptSourceTokenIn post;
                  STSAcceptSourceTokenIn query;";
    let nginx = start(&scene, accept);
    let everything = || {
        nginx
            .post("/?access_token=in-query&a=b", "access_token=in-form&c=d")
            .header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
            .bearer("in-header")
    };
    let cases = [
        (everything().header("Cookie", "session=in-cookie; e=f"), "in-cookie"),
        (everything().header("Cookie", "session=; e=f"), "in-header"),
    ];
    for (request, source) in cases {
        let seen = exchanged(request.send(), source);
        assert_eq!(seen.uri(), "/?a=b");
        assert_eq!(seen.body(), "c=d");
        assert_eq!(seen.header("Cookie").as_deref(), Some("e=f"));
        assert_eq!(seen.header("Authorization"), None);
    }
}

#[test]
fn a_token_stays_where_it_is_with_strip_false() {
    let scene = Scene::new();
    let accept = "STSAcceptSourceTokenIn cookie name=session&strip=false;
                  STSAcceptSourceTokenIn query strip=false;
                  STSAcceptSourceTokenIn post strip=false;
                  STSAcceptSourceTokenIn header strip=false;";
    let nginx = start(&scene, accept);
    let request = form(&nginx, "access_token=in-form").header("Cookie", "session=in-cookie");
    let seen = exchanged(request.bearer("in-header").send(), "in-cookie");
    assert_eq!(seen.header("Cookie").as_deref(), Some("session=in-cookie"));
    assert_eq!(seen.header("Authorization").as_deref(), Some("Bearer in-header"));
    assert_eq!(seen.body(), "access_token=in-form");
    let seen = exchanged(nginx.get("/?access_token=in-query").send(), "in-query");
    assert_eq!(seen.uri(), "/?access_token=in-query");
}

#[test]
fn a_token_that_is_there_twice_is_a_bad_request_whatever_the_policy() {
    for policy in ["", "STSOnError pass;", "STSOnMissing pass; STSOnError pass;"] {
        let scene = Scene::new();
        let accept = "STSAcceptSourceTokenIn header name=X-First&type=;
                      STSAcceptSourceTokenIn query;
                      STSAcceptSourceTokenIn post;
                      STSAcceptSourceTokenIn cookie;
                      STSAcceptSourceTokenIn header name=X-Token;";
        let nginx = start(&scene, &format!("{policy} {accept}"));
        let refused = [
            nginx.get("/?access_token=x&access_token=x"),
            nginx.get("/?access_token=&a=b&access%5Ftoken=x"),
            form(&nginx, "access_token=x&access_token=y"),
            nginx.get("/").header("Cookie", "access_token=x; access_token=y"),
            nginx.get("/").header("X-Token", "Bearer x").header("x-token", "Basic y"),
            // Also where an earlier place has a good one.
            nginx.get("/?access_token=x&access_token=x").header("X-First", "good"),
        ];
        for request in refused {
            request.send().expect_status(400);
        }
        assert_eq!(scene.sts.call_count(), 0);
        assert!(scene.backend.requests().is_empty());
        nginx.wait_for_log("failed: repeated_token: \"access_token\" is more than once in query");
    }
}

#[test]
fn one_token_in_each_of_two_places_is_no_repetition() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSAcceptSourceTokenIn query; STSAcceptSourceTokenIn header;");
    exchanged(nginx.get("/?access_token=one").bearer("two").send(), "one");
}

#[test]
fn what_cannot_stand_behind_bearer_is_refused() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSAcceptSourceTokenIn header;");
    for value in ["a b", "a,b", "a=b", "\"a\"", "=", "a:b", "\u{fc}"] {
        let request = nginx.get("/").header("Authorization", format!("Bearer {value}"));
        let response = request.send().expect_status(401);
        assert_eq!(response.header("WWW-Authenticate"), Some("Bearer error=\"invalid_token\""));
    }
    // Without anything behind it there is no token, and RFC 6750, section 3 wants no code.
    let response = nginx.get("/").header("Authorization", "Bearer").send().expect_status(401);
    assert_eq!(response.header("WWW-Authenticate"), Some("Bearer"));
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn what_is_not_encoded_well_is_refused() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSAcceptSourceTokenIn query; STSAcceptSourceTokenIn post;");
    nginx.get("/?access_token=a%2").send().expect_status(401);
    form(&nginx, "access_token=%zz").send().expect_status(401);
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn with_pass_a_refused_token_is_taken_away_all_the_same() {
    let scene = Scene::new();
    let accept = "STSOnError pass; STSAcceptSourceTokenIn header; STSAcceptSourceTokenIn query;";
    let nginx = start(&scene, accept);
    for request in [
        nginx.get("/?access_token=refuse"),
        nginx.get("/?access_token=also-there").header("Authorization", "Bearer refuse"),
        nginx.get("/").header("Authorization", "Bearer no token"),
    ] {
        let seen = Seen::by_backend(request.send());
        assert_eq!(seen.header("Authorization"), None);
        assert_eq!(seen.header("X-Target"), None);
        assert_eq!(seen.uri(), "/");
    }
}

#[test]
fn a_variable_is_looked_at_after_all_places() {
    let scene = Scene::new();
    let accept = "STSAcceptSourceTokenIn header; STSVariables $http_x_token $target_token;";
    let nginx = start(&scene, accept);
    exchanged(
        nginx.get("/").bearer("in-header").header("X-Token", "in-variable").send(),
        "in-header",
    );
    exchanged(nginx.get("/").header("X-Token", "in-variable").send(), "in-variable");
    nginx.get("/").send().expect_status(401);
}

#[test]
fn an_encoded_token_is_decoded() {
    let scene = Scene::new();
    let accept = "STSSourceEncoding base64url;
                  STSAcceptSourceTokenIn header;
                  STSAcceptSourceTokenIn query encoding=none;
                  STSAcceptSourceTokenIn cookie encoding=base64;
                  STSVariables $http_x_token $target_token;";
    let nginx = start(&scene, accept);
    exchanged(nginx.get("/").bearer("dGhlIHRva2VuPz8_").send(), "the token???");
    exchanged(nginx.get("/?access_token=plain").send(), "plain");
    let cookie = "access_token=dGhlIHRva2VuPz8/";
    exchanged(nginx.get("/").header("Cookie", cookie).send(), "the token???");
    exchanged(nginx.get("/").header("X-Token", "dGhlIHRva2VuPz8_").send(), "the token???");
    nginx.get("/").bearer("dGhlIHRva2VuPz8/").send().expect_status(401);
}

#[test]
fn a_token_with_the_scheme_dpop_is_bound() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSAcceptSourceTokenIn header type=dpop;");
    nginx.get("/").header("Authorization", "DPoP abc").send().expect_status(401);
    assert_eq!(scene.sts.call_count(), 0);
    let allowed = "STSBoundTokens allow; STSAcceptSourceTokenIn header type=DPoP;";
    let nginx = start(&scene, allowed);
    exchanged(nginx.get("/").header("Authorization", "dpop abc").send(), "abc");
}

#[test]
fn a_request_with_the_scheme_dpop_is_never_anonymous() {
    let scene = Scene::new();
    for accept in [
        "STSAcceptSourceTokenIn header;",
        "STSAcceptSourceTokenIn header; STSBoundTokens allow;",
        "STSAcceptSourceTokenIn header name=X-Token;",
        "STSAcceptSourceTokenIn query;",
        "STSAcceptSourceTokenIn cookie; STSVariables $http_x_token $target_token;",
        "STSVariables $http_x_token $target_token;",
    ] {
        let facts = "add_header X-Sts-Error $sts_error always; STSOnMissing pass;";
        let nginx = start(&scene, &format!("{accept} {facts}"));
        for value in ["DPoP abc", "dpop abc", "DPoP", "DPOP\tabc"] {
            let response = nginx.get("/").header("Authorization", value).send().expect_status(401);
            assert_eq!(response.header("X-Sts-Error"), Some("bad_token"), "{accept} {value}");
            let challenge = response.header("WWW-Authenticate");
            assert_eq!(challenge, Some("Bearer error=\"invalid_token\""), "{accept} {value}");
        }
        for value in ["Basic YTpi", "DPoPX abc"] {
            let response = nginx.get("/").header("Authorization", value).send().expect_status(200);
            assert_eq!(response.header("X-Sts-Error"), Some("missing_token"), "{accept} {value}");
        }
    }
    assert_eq!(scene.sts.call_count(), 0);
    // A token in another place is a token.
    let nginx = start(&scene, "STSAcceptSourceTokenIn query; STSAcceptSourceTokenIn header;");
    let request = nginx.get("/?access_token=alice").header("Authorization", "DPoP abc");
    exchanged(request.send(), "alice");
}

#[test]
fn the_accepted_token_is_a_variable() {
    let scene = Scene::new();
    let server = "location / {
        %%EXCHANGE%%
        STSAcceptSourceTokenIn header;
        STSPassTargetTokenIn header;
        proxy_set_header X-Source $sts_source_token;
        proxy_pass %%BACKEND%%;
    }";
    let nginx = scene.nginx().server(server).start();
    let seen = Seen::by_backend(nginx.get("/").bearer("alice").send());
    assert_eq!(seen.header("X-Source").as_deref(), Some("alice"));
}

#[test]
fn a_map_or_a_set_of_the_variables_name_goes_on_working() {
    let map = "map $http_x_token $sts_source_token { default $http_x_token; }";
    let exchange = "%%EXCHANGE%% STSVariables $sts_source_token $target_token; %%PASS%%";
    for (before, server, after) in [
        // In a configuration that accepts nothing, and beside one that does, before it and after it.
        (map, format!("location / {{ {exchange} }}"), ""),
        (map, format!("location / {{ {exchange} }} %%ACCEPTS%%"), ""),
        ("", format!("%%ACCEPTS%% location / {{ {exchange} }}"), map),
        ("", format!("location / {{ set $sts_source_token $http_x_token; {exchange} }}"), ""),
        (
            "",
            format!("%%ACCEPTS%% location / {{ set $sts_source_token $http_x_token; {exchange} }}"),
            "",
        ),
        (
            "",
            format!("location / {{ set $sts_source_token $http_x_token; {exchange} }} %%ACCEPTS%%"),
            "",
        ),
    ] {
        let scene = Scene::new();
        let accepts = "location /accepts { %%EXCHANGE%% STSAcceptSourceTokenIn header; }";
        let nginx = scene
            .nginx()
            .http(before)
            .http(&format!("server {{ listen 127.0.0.1:%%PORT_HERE%%; {server} }} {after}"))
            .set("ACCEPTS", accepts)
            .start();
        let address = nginx.address_of("PORT_HERE");
        let request = Request::new(address, "GET", "/").header("X-Token", "alice");
        let token = Seen::by_backend(request.send()).token();
        assert!(is_for(&token, "alice"), "{before} {server} {after}");
    }
}
