//! `STSActorToken`: what acts for the subject.
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::{Answer, Script, When};
use e2e::nginx::Nginx;
use e2e::scene::{Scene, Seen, assert_exchanged};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

fn start(scene: &Scene, more: &str) -> Nginx {
    let location = format!("location / {{ %%OTX%% {more} %%PASS%% }}");
    scene.nginx().server("add_header X-Status $sts_status always;").server(&location).start()
}

/// Actor token and its type, as the last call had them.
fn sent(scene: &Scene) -> (Option<String>, Option<String>) {
    let calls = scene.sts.calls();
    let call = calls.last().expect("a call");
    let one = |name: &str| call.parameter(name).map(str::to_owned);
    (one("actor_token"), one("actor_token_type"))
}

fn pair(token: &str, kind: &str) -> (Option<String>, Option<String>) {
    (Some(token.to_owned()), Some(kind.to_owned()))
}

#[test]
fn an_actor_token_goes_with_its_type_in_both_syntaxes() {
    let scene = Scene::new();
    let nginx = scene
        .nginx()
        .server("location /plain { %%OTX%% STSActorToken $http_x_actor; %%PASS%% }")
        .server("location /jwt { %%OTX%% STSActorToken $http_x_actor jwt; %%PASS%% }")
        .server("location /uri { %%OTX%% STSActorToken $http_x_actor urn:example:agent; %%PASS%% }")
        .server(
            "location /option {
                STSExchange otx %%STS%% auth=client_secret_basic&client_id=otxclient&client_secret=2Federate&actor_token=$http_x_actor+id_token;
                STSVariables $source_token $target_token;
                %%PASS%%
            }",
        )
        .start();
    let script = Script::new().answer(Answer::json(
        200,
        &serde_json::json!({ "access_token": devsts::target_for("alice", 3), "token_type": "Bearer" }),
    ));
    // The types of others are none that the STS knows.
    let is_uri =
        |call: &devsts::Call| call.parameter("actor_token_type") == Some("urn:example:agent");
    scene.sts.script(When::matching(is_uri), script);
    for (path, kind) in [
        ("/plain", ACCESS_TOKEN),
        ("/jwt", JWT),
        ("/uri", "urn:example:agent"),
        ("/option", "urn:ietf:params:oauth:token-type:id_token"),
    ] {
        let request = nginx.get(path).bearer("alice").header("X-Actor", "agent-a");
        assert_exchanged(request.send(), "alice");
        assert_eq!(sent(&scene), pair("agent-a", kind), "{path}");
    }
}

#[test]
fn each_actor_has_a_target_token_of_its_own() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSActorToken $http_x_actor;");
    let token = |actor: &str| {
        let response = nginx.get("/").bearer("alice").header("X-Actor", actor).send();
        Seen::by_backend(response).token()
    };
    let (a, b) = (token("agent-a"), token("agent-b"));
    assert_ne!(a, b);
    assert_eq!((token("agent-a"), token("agent-b")), (a, b));
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn a_request_without_an_actor_token_is_refused_whatever_is_said_of_sources() {
    let scene = Scene::new();
    let nginx = scene
        .nginx()
        .server("add_header X-Error $sts_error always; error_page 401 @page;")
        .server("STSOnError pass; STSOnMissing pass;")
        .server("location / { %%OTX%% STSActorToken $http_x_actor; %%PASS%% }")
        .server("location @page { proxy_pass %%BACKEND%%; }")
        .start();
    for request in [nginx.get("/").bearer("alice"), nginx.get("/")] {
        let response = request.send().expect_status(401);
        assert_eq!(response.header("X-Error"), Some("missing_token"));
        assert_eq!(response.all("WWW-Authenticate"), ["Bearer"]);
    }
    assert_eq!((scene.sts.call_count(), scene.backend.call_count()), (0, 0));
    // What is missing is the source: of that the policy speaks.
    let response = nginx.get("/").header("X-Actor", "agent-a").send();
    assert_eq!(Seen::by_backend(response).token(), "");
}

#[test]
fn an_actor_token_whose_end_cannot_be_read_is_told_as_that_and_no_token_is_kept() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSActorToken $http_x_actor;");
    // {"alg":"ES256"} and {"exp":"soon"}
    let actor = "eyJhbGciOiJFUzI1NiJ9.eyJleHAiOiJzb29uIn0.c2ln";
    for calls in [1, 2] {
        let request = nginx.get("/").bearer("alice").header("X-Actor", actor);
        assert_exchanged(request.send(), "alice");
        assert_eq!(scene.sts.call_count(), calls);
    }
    let line = nginx.wait_for_log("cannot be read");
    assert!(line.contains("the expiry of the actor token cannot be read, so the token"), "{line}");
}

#[test]
fn an_optional_actor_token_is_left_out_with_its_type() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSActorToken $http_x_actor jwt optional;");
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    assert_eq!(sent(&scene), (None, None));
    let request = nginx.get("/").bearer("alice").header("X-Actor", "agent-a");
    assert_exchanged(request.send(), "alice");
    assert_eq!(sent(&scene), pair("agent-a", JWT));
}

#[test]
fn an_actor_token_is_taken_out_of_the_request() {
    let scene = Scene::new();
    let nginx = scene
        .nginx()
        .server("location /header { %%OTX%% STSActorToken $http_x_actor; proxy_pass %%BACKEND%%; }")
        .server("location /query { %%OTX%% STSActorToken $arg_actor; proxy_pass %%BACKEND%%; }")
        .server("location /cookie { %%OTX%% STSActorToken $cookie_actor; proxy_pass %%BACKEND%%; }")
        .start();
    let header = nginx.get("/header").header("X-Actor", "agent-a");
    let query = nginx.get("/query?a=b&actor=agent-a&c=d");
    let cookie = nginx.get("/cookie").header("Cookie", "a=b; actor=agent-a; c=d");
    for (request, uri) in [(header, "/header"), (query, "/query?a=b&c=d"), (cookie, "/cookie")] {
        let seen = Seen::by_backend(request.bearer("alice").send());
        assert_eq!(sent(&scene), pair("agent-a", ACCESS_TOKEN), "{uri}");
        assert_eq!(seen.uri(), uri);
        assert_eq!(seen.header("X-Actor"), None);
        assert!(!seen.header("Cookie").unwrap_or_default().contains("agent"), "{uri}");
    }
    // Refused or not: here its error page comes from a backend.
    let twice = nginx.get("/header").header("X-Actor", "agent-a").header("X-Actor", "agent-b");
    twice.bearer("alice").send().expect_status(400);
}

#[test]
fn an_actor_token_is_found_again_after_an_internal_redirect() {
    let scene = Scene::new();
    let nginx = scene
        .nginx()
        .server("location / { %%OTX%% STSActorToken $http_x_actor; try_files /none @next; }")
        .server("location @next { %%OTX%% STSActorToken $http_x_actor jwt; %%PASS%% }")
        .start();
    let request = nginx.get("/").bearer("alice").header("X-Actor", "agent-a");
    assert_exchanged(request.send(), "alice");
    assert_eq!(sent(&scene), pair("agent-a", JWT));
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn an_actor_token_that_is_bound_to_a_key_is_refused_on_hits_too() {
    let scene = Scene::new();
    let nginx = scene
        .nginx()
        .server("location / { %%OTX%% STSActorToken $http_x_actor jwt; %%PASS%% }")
        .server(
            "location /allows { %%OTX%% STSActorToken $http_x_actor jwt; STSBoundTokens allow; %%PASS%% }",
        )
        .start();
    let bound = format!(
        "{}.{}.c2ln",
        URL_SAFE_NO_PAD.encode("{\"alg\":\"ES256\"}"),
        URL_SAFE_NO_PAD.encode("{\"cnf\":{\"jkt\":\"x\"}}")
    );
    let request = |path: &str| nginx.get(path).bearer("alice").header("X-Actor", &bound).send();
    request("/").expect_status(401);
    assert_eq!(scene.sts.call_count(), 0);
    assert_exchanged(request("/allows"), "alice");
    request("/").expect_status(401);
}

#[test]
fn an_actor_token_that_the_sts_repeats_is_not_in_the_log() {
    let scene = Scene::new();
    let answer = Answer::oauth_error(400, "invalid_request", "no agent agent-s3cr3t here");
    scene.sts.script(When::any(), Script::new().answer(answer));
    let location = "location / { %%OTX%% STSActorToken $http_x_actor; %%PASS%% }";
    let nginx = scene.nginx().server(location).forbid_in_log("agent-s3cr3t").start();
    nginx.get("/").bearer("alice").header("X-Actor", "agent-s3cr3t").send().expect_status(401);
    nginx.wait_for_log("no agent [secret] here");
}

#[test]
fn what_has_no_use_for_an_actor_token_fails() {
    let scene = Scene::new();
    let refused = |location: &str, parts: &[&str]| {
        let checked = scene.nginx().server(&format!("location / {{ {location} }}")).check();
        assert!(!checked.ok, "{location}");
        for part in parts {
            assert!(checked.output.contains(part), "{part} is not in {}", checked.output);
        }
    };
    for (kind, more) in [
        ("cc", "STSEndpoint %%STS%%;"),
        ("ropc", "STSEndpoint %%STS%%; STSROPCUsername a; STSVariables $source_token $target;"),
        ("wstrust", "STSEndpoint %%STS%%; STSVariables $source_token $target;"),
        ("jwt_bearer", "STSEndpoint %%STS%%; STSVariables $source_token $target;"),
        ("saml_bearer", "STSEndpoint %%STS%%; STSVariables $source_token $target;"),
    ] {
        let location = format!("STSType {kind}; {more} STSActorToken $http_x_actor;");
        refused(&location, &["\"STSActorToken\" has no place", kind, "\"otx\""]);
    }
    refused("STSExchange cc %%STS%% actor_token=$http_x_actor;", &["\"actor_token\""]);
    for name in ["actor_token", "actor_token_type"] {
        let location =
            format!("%%OTX%% STSActorToken $http_x_actor; STSRequestParameter {name} $http_x;");
        refused(&location, &["STSRequestParameter", name, "already sent by \"STSActorToken\""]);
    }
}
