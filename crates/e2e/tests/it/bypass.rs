//! `STSBypass`: requests that are not exchanged.
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::http1::Request;
use e2e::nginx::Nginx;
use e2e::scene::{Scene, Seen};

/// A location that passes what it has, where a request with this header is not exchanged.
fn location(path: &str, more: &str) -> String {
    format!(
        "location {path} {{ %%EXCHANGE%% STSBypass $http_x_bypass; {more} proxy_pass %%BACKEND%%; }}"
    )
}

fn start(scene: &Scene, server: &str) -> Nginx {
    let told = "add_header X-Status $sts_status always; add_header X-Error $sts_error always;";
    scene.nginx().server(told).server(server).start()
}

const HEADERS: &str = "STSAcceptSourceTokenIn header; STSPassTargetTokenIn header;";

/// What the backend saw of a request that was not exchanged.
fn bypassed(request: Request) -> Seen {
    let response = request.header("X-Bypass", "1").send();
    assert_eq!(response.header("X-Status"), Some("BYPASS"));
    assert_eq!(response.header("X-Error"), None);
    Seen::by_backend(response)
}

#[test]
fn a_value_that_is_neither_empty_nor_zero_leaves_the_exchange_out() {
    let scene = Scene::new();
    let more = format!("{HEADERS} STSBypass $http_x_other a$http_x_none$http_x_third;");
    // The last value of three is never empty.
    let always = location("/always", &more);
    let nginx = start(&scene, &[location("/", HEADERS), always].concat());
    for value in ["", "0"] {
        let response = nginx.get("/").bearer("alice").header("X-Bypass", value).send();
        let token = Seen::by_backend(response).header("Authorization").unwrap_or_default();
        assert!(devsts::is_for(token.trim_start_matches("Bearer "), "alice"), "{value:?}: {token}");
    }
    assert_eq!(scene.sts.call_count(), 1);
    for value in ["1", "00", "no", " 0 a"] {
        let response = nginx.get("/").bearer("alice").header("X-Bypass", value).send();
        let authorization = Seen::by_backend(response).header("Authorization");
        assert_eq!(authorization.as_deref(), Some("Bearer alice"), "{value:?}");
    }
    bypassed(nginx.get("/").bearer("other"));
    let seen = Seen::by_backend(nginx.get("/always").bearer("bob").send());
    assert_eq!(seen.header("Authorization").as_deref(), Some("Bearer bob"));
    // None is missing either.
    assert_eq!(bypassed(nginx.get("/")).header("Authorization"), None);
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn the_source_stays_and_what_stands_in_other_places_of_the_target_goes() {
    let scene = Scene::new();
    let server = [
        location(
            "/headers",
            "STSAcceptSourceTokenIn header; STSPassTargetTokenIn header name=X-Target&type=;",
        ),
        location("/query", "STSAcceptSourceTokenIn query; STSPassTargetTokenIn query;"),
        location(
            "/cookie",
            "STSAcceptSourceTokenIn cookie name=t; STSPassTargetTokenIn cookie name=t;",
        ),
        location("/form", "STSAcceptSourceTokenIn post; STSPassTargetTokenIn post;"),
        location(
            "/variable",
            "STSVariables $http_x_source $target_1; STSPassTargetTokenIn header name=X-Source&type=;",
        ),
        location(
            "/second",
            "STSAcceptSourceTokenIn query; STSAcceptSourceTokenIn header;
            STSPassTargetTokenIn header; STSPassTargetTokenIn query;",
        ),
    ];
    let nginx = start(&scene, &server.concat());

    let request = nginx.get("/headers").bearer("alice").header("X-Target", "alice");
    let seen = bypassed(request);
    assert_eq!(seen.header("Authorization").as_deref(), Some("Bearer alice"));
    assert_eq!(seen.header("X-Target"), None);

    let query = "a=b&access_token=al%69ce&c=d";
    assert_eq!(bypassed(nginx.get(&format!("/query?{query}"))).uri(), format!("/query?{query}"));
    let hostile = "access.token=x&a=b&access_token=alice&Access_Token[]=y&c=d";
    let seen = bypassed(nginx.get(&format!("/query?{hostile}")));
    assert_eq!(seen.uri(), "/query?a=b&access_token=alice&c=d");

    let seen = bypassed(nginx.get("/cookie").header("Cookie", "a=b;  t = \"alice\" ; c=d"));
    assert_eq!(seen.header("Cookie").as_deref(), Some("a=b;  t = \"alice\" ; c=d"));
    let seen = bypassed(nginx.get("/cookie").header("Cookie", "a=b; T=x; t=alice==; c=d, t=y"));
    assert_eq!(seen.header("Cookie").as_deref(), Some("a=b; t=alice=="));

    let form = |body: &str| {
        let request = nginx.post("/form?access_token=z&q=r", body.as_bytes().to_vec());
        bypassed(request.header("Content-Type", "application/x-www-form-urlencoded"))
    };
    let seen = form("a=b&access_token=alice");
    assert_eq!(
        (seen.body().as_str(), seen.uri().as_str()),
        ("a=b&access_token=alice", "/form?q=r")
    );
    assert_eq!(form("access-token[]=x&a=b&access_token=alice&access.token=y").body(), {
        "access-token[]=x&a=b&access_token=alice"
    });

    let seen = bypassed(nginx.get("/variable").header("X-Source", "alice"));
    assert_eq!(seen.header("X-Source").as_deref(), Some("alice"));

    // The place that has the source keeps it, and not the other one.
    let request = nginx.get("/second?access_token=alice").header("Authorization", "Basic eDp5");
    let seen = bypassed(request);
    assert_eq!(seen.uri(), "/second?access_token=alice");
    assert_eq!(seen.header("Authorization"), None);
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn without_a_place_that_is_known_every_place_of_the_target_is_cleaned() {
    let scene = Scene::new();
    let more = "STSVariables $source_token $target_1; STSPassTargetTokenIn header;";
    let server = location("/", more);
    let checked = scene.nginx().server(&server).check();
    assert!(checked.ok && checked.output.contains("where in the request it stands is not known"));
    let nginx = start(&scene, &server);
    assert_eq!(bypassed(nginx.get("/").bearer("alice")).header("Authorization"), None);
}

#[test]
fn a_request_that_is_bound_or_wrong_is_refused_all_the_same() {
    let scene = Scene::new();
    let pages = "location @page { proxy_pass %%BACKEND%%; }";
    let more = format!("{HEADERS} error_page 400 401 = @page;");
    let allows = format!("{HEADERS} STSBoundTokens allow;");
    let form = "STSAcceptSourceTokenIn header; STSPassTargetTokenIn post;";
    let server =
        [location("/", &more), location("/allows", &allows), location("/form", form), pages.into()];
    let nginx = start(&scene, &server.concat());
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let bound = format!("{}.{}.x", part("{\"alg\":\"ES256\"}"), part("{\"cnf\":{\"jkt\":\"x\"}}"));
    let refused = |request: Request, status: u16, error: &str| {
        let response = request.header("X-Bypass", "1").send().expect_status(status);
        assert_eq!(response.header("X-Error"), Some(error));
    };
    refused(nginx.get("/").bearer(&bound), 401, "bad_token");
    refused(nginx.get("/").header("Authorization", "DPoP alice"), 401, "bad_token");
    refused(nginx.get("/").bearer("no token"), 401, "bad_token");
    let body = nginx.post("/form", "x").header("Content-Type", "text/plain").bearer("alice");
    refused(body, 415, "unsupported_form");
    assert_eq!((scene.sts.call_count(), scene.backend.call_count()), (0, 0));
    let seen = bypassed(nginx.get("/allows").bearer(&bound));
    assert_eq!(seen.header("Authorization"), Some(format!("Bearer {bound}")));
}

#[test]
fn a_bound_token_that_may_pass_goes_on_without_any_token() {
    let scene = Scene::new();
    let nginx = start(&scene, &location("/", &format!("{HEADERS} STSOnError pass;")));
    let bound = format!("{}.{}.x", URL_SAFE_NO_PAD.encode("{}"), {
        URL_SAFE_NO_PAD.encode("{\"cnf\":{\"jkt\":\"x\"}}")
    });
    let response = nginx.get("/").bearer(&bound).header("X-Bypass", "1").send();
    assert_eq!(response.header("X-Status"), Some("PASSED"));
    assert_eq!(Seen::by_backend(response).header("Authorization"), None);
}

#[test]
fn a_request_that_was_refused_is_not_let_on_by_a_bypass() {
    let scene = Scene::new();
    let first = "location / { %%OTX%% error_page 401 = @second; %%PASS%% }";
    for phase in ["precontent", "access", "rewrite"] {
        let second = format!(
            "location @second {{ %%OTX%% STSRequestParameter audience b; STSBypass 1;
                STSPhase {phase}; proxy_pass %%BACKEND%%; }}"
        );
        let nginx = start(&scene, &[first, &second].concat());
        nginx.get("/").bearer("refuse").send().expect_status(401);
        nginx.get("/").send().expect_status(401);
    }
    assert_eq!(scene.backend.call_count(), 0);
}

#[test]
fn a_bypass_holds_in_every_phase_and_in_subrequests() {
    let scene = Scene::new();
    let server = ["precontent", "access", "rewrite"].map(|phase| {
        location(&format!("/{phase}"), &format!("{HEADERS} STSPhase {phase}; STSAfterBody on;"))
    });
    let page = "location /page { addition_types *; add_before_body /precontent; return 200 page; }";
    let nginx = start(&scene, &[server.concat(), page.to_owned()].concat());
    for phase in ["precontent", "access", "rewrite"] {
        let seen = bypassed(nginx.post(&format!("/{phase}"), "body").bearer("alice"));
        assert_eq!(seen.header("Authorization").as_deref(), Some("Bearer alice"), "{phase}");
        assert_eq!(seen.body(), "body");
    }
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn an_actor_token_reaches_no_backend_by_a_bypass() {
    let scene = Scene::new();
    let more = format!("{HEADERS} STSActorToken $http_x_actor;");
    let nginx = start(&scene, &location("/", &more));
    let seen = bypassed(nginx.get("/").bearer("alice").header("X-Actor", "agent-a"));
    assert_eq!(seen.header("Authorization").as_deref(), Some("Bearer alice"));
    assert_eq!(seen.header("X-Actor"), None);
}

#[test]
fn a_block_with_values_of_its_own_has_none_of_those_around_it() {
    let scene = Scene::new();
    let server = format!(
        "{HEADERS} %%EXCHANGE%% STSBypass 1; add_header X-Status $sts_status always;
         location /inherits {{ proxy_pass %%BACKEND%%; }}
         location /never {{ STSBypass 0; proxy_pass %%BACKEND%%; }}
         location /option {{
             STSExchange otx %%STS%% auth=client_secret_basic&client_id=otxclient&client_secret=2Federate&bypass=$arg_none+$host;
             proxy_pass %%BACKEND%%;
         }}"
    );
    let nginx = scene.nginx().server(&server).start();
    let status = |path: &str| {
        let response = nginx.get(path).bearer("alice").send().expect_status(200);
        response.header("X-Status").map(str::to_owned)
    };
    assert_eq!(status("/inherits").as_deref(), Some("BYPASS"));
    assert_eq!(status("/never").as_deref(), Some("MISS"));
    assert_eq!(status("/option").as_deref(), Some("BYPASS"));
}

#[test]
fn a_value_that_a_client_sets_is_warned_of() {
    let scene = Scene::new();
    let check = |values: &str| {
        let location = format!("location / {{ %%OTX%% STSBypass {values}; %%PASS%% }}");
        let checked = scene.nginx().server(&location).check();
        assert!(checked.ok, "{}", checked.output);
        checked.output
    };
    for name in ["http_x_bypass", "arg_bypass", "Cookie_bypass"] {
        let output = check(&format!("$request_method a${{{name}}}"));
        let warning = format!("a client sets \"${name}\" as it likes");
        assert!(output.contains("[warn]") && output.contains(&warning), "{output}");
    }
    for values in ["$request_method $server_port", "0", "http_x"] {
        assert!(!check(values).contains("as it likes"), "{values}");
    }
}
