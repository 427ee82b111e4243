//! The result of one exchange as the client assertion of the next: agents of Microsoft Entra ID, each of
//! which is proved by a token that was issued for it.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that fails panics")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::{Answer, Call, Client, Gate, Script, Sts, When};
use e2e::faults::{DESCRIPTION, all_rows};
use e2e::http1::Connection;
use e2e::nginx::{Builder, Nginx};
use e2e::parallel::in_parallel;
use e2e::scene::{Scene, Seen};
use serde_json::json;

/// The gateway gets a token for an agent, and with that one of the agent's own.
const AGENTS: &str = r#"
    location @blueprint {
        STSType cc;
        STSEndpoint %%STS%%;
        STSEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
        STSRequestParameter scope api://AzureADTokenExchange/.default;
        STSRequestParameter fmi_path $http_x_agent;
        STSVariables $agent_assertion;
    }
    location / {
        STSType cc;
        STSEndpoint %%STS%%;
        STSDependsOn @blueprint;
        STSEndpointAuth private_key_jwt client_assertion=@blueprint;
        STSClientID $http_x_agent;
        STSRequestParameter scope https://graph.example/.default;
        STSVariables $target_token;
        add_header Status $sts_status always;
        add_header Error $sts_error always;
        add_header Inner "[$agent_assertion]" always;
        %%PASS%%
    }
    location /option {
        STSExchange cc %%STS%% auth=private_key_jwt&client_assertion=@blueprint&client_id=$http_x_agent&scope=https://graph.example/.default&depends_on=@blueprint;
        STSVariables $target_token;
        add_header Status $sts_status always;
        %%PASS%%
    }
    location /user {
        STSType jwt_bearer;
        STSEndpoint %%STS%%;
        STSDependsOn @blueprint;
        STSEndpointAuth private_key_jwt client_assertion=@blueprint;
        STSClientID $http_x_agent;
        STSRequestParameter requested_token_use on_behalf_of;
        STSVariables $source_token $target_token;
        %%PASS%%
    }
    location /other { proxy_set_header Inner "[$agent_assertion]"; proxy_pass %%BACKEND%%; }
    location = /status { stub_status; }
"#;

fn sts() -> devsts::sts::Builder {
    let agents = ["agent-a", "agent-b"].map(|id| Client::agent_of("otxclient", id));
    agents.into_iter().fold(Sts::builder().audience("gateway"), devsts::sts::Builder::client)
}

fn nginx(scene: &Scene) -> Builder {
    scene.nginx().server(AGENTS)
}

fn of_agent(nginx: &Nginx, path: &str, agent: &str) -> e2e::response::Response {
    nginx.get(path).header("X-Agent", agent).send()
}

/// Calls with an assertion, and those for one.
fn legs(scene: &Scene) -> (Vec<Arc<Call>>, Vec<Arc<Call>>) {
    let has_assertion = |call: &Arc<Call>| call.parameter("client_assertion").is_some();
    scene.sts.calls().into_iter().partition(has_assertion)
}

fn first_leg() -> When {
    When::matching(|call| call.parameter("fmi_path").is_some())
}

fn second_leg() -> When {
    When::matching(|call| call.parameter("client_assertion").is_some())
}

#[test]
fn the_token_for_an_agent_is_its_assertion_in_both_syntaxes() {
    let scene = Scene::with(sts());
    let nginx = nginx(&scene).start();
    for (path, agent) in [("/", "agent-a"), ("/option", "agent-b")] {
        let token = Seen::by_backend(of_agent(&nginx, path, agent)).token();
        assert!(devsts::is_for(&token, agent), "{token}");
    }
    let calls = scene.sts.calls();
    assert_eq!(calls.len(), 4);
    for (pair, agent) in calls.chunks(2).zip(["agent-a", "agent-b"]) {
        let [first, second] = pair else { panic!("two legs") };
        assert_eq!(first.parameter("fmi_path"), Some(agent));
        assert_eq!(first.parameter("scope"), Some("api://AzureADTokenExchange/.default"));
        assert!(first.parameter("client_assertion").is_none());
        let issued = scene.sts.issued();
        let issued = issued.iter().find(|issued| issued.call == first.number).expect("a token");
        let names: Vec<_> = second.parameters().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["grant_type", "scope", "client_id", "client_assertion_type", "client_assertion"]
        );
        assert_eq!(second.parameter("client_assertion"), Some(&*issued.target));
        assert_eq!(second.parameter("client_id"), Some(agent));
        assert_eq!(
            second.parameter("client_assertion_type"),
            Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        );
        assert_eq!(second.header("authorization"), None);
    }
}

#[test]
fn two_agents_never_share_a_token() {
    let scene = Scene::with(sts());
    let nginx = nginx(&scene).workers(2).start();
    in_parallel(8, 80, |number| {
        let agent = if number % 3 == 0 { "agent-a" } else { "agent-b" };
        let path = if number % 2 == 0 { "/" } else { "/option" };
        let token = Seen::by_backend(of_agent(&nginx, path, agent)).token();
        assert!(devsts::is_for(&token, agent), "{agent} got {token}");
    });
    // The two locations ask for the same.
    let (own, _) = legs(&scene);
    assert_eq!(own.len(), 2);
}

#[test]
fn without_an_agent_there_is_no_token() {
    let scene = Scene::with(sts());
    let nginx = nginx(&scene).start();
    // What it gets for no agent is the gateway's, and proves none.
    let response = nginx.get("/").send().expect_status(502);
    assert!(matches!(response.header("Error"), Some("bad_answer" | "gateway_refused")));
    of_agent(&nginx, "/", "agent-z").expect_status(502);
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn each_user_has_a_token_of_its_own_by_each_agent() {
    let scene = Scene::with(sts().on_behalf_of());
    let nginx = nginx(&scene).start();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
    let of_user = |user: &str| {
        let claims = json!({ "iss": "idp", "sub": user, "aud": "gateway", "exp": now + 600 });
        let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", encode("{\"alg\":\"ES256\"}".into()), encode(claims.to_string()))
    };
    let mut tokens = BTreeSet::new();
    for _ in 0..2 {
        for user in ["alice", "bob"] {
            for agent in ["agent-a", "agent-b"] {
                let source = of_user(user);
                let request = nginx.get("/user").bearer(&source).header("X-Agent", agent);
                let token = Seen::by_backend(request.send()).token();
                assert!(devsts::is_for(&token, &source), "{user} {agent}");
                tokens.insert(token);
            }
        }
    }
    assert_eq!(tokens.len(), 4);
    let (own, inner) = legs(&scene);
    assert_eq!((own.len(), inner.len()), (4, 2));
}

#[test]
fn a_herd_over_two_workers_makes_one_call_for_each_leg() {
    let scene = Scene::with(sts());
    let gate = Gate::new();
    scene.sts.script(When::any(), Script::new().hold(&gate).usual());
    let nginx = nginx(&scene).workers(2).start();
    let mut herd: Vec<Connection> = (0..200)
        .map(|_| {
            let mut connection = Connection::open(nginx.address());
            connection.send("GET / HTTP/1.1\r\nHost: a\r\nX-Agent: agent-a\r\n\r\n");
            connection
        })
        .collect();
    nginx.wait_until_waiting("/status", 200);
    gate.open();
    for connection in &mut herd {
        assert_eq!(connection.read_response().status, 200);
    }
    let (own, inner) = legs(&scene);
    assert_eq!((own.len(), inner.len()), (1, 1));
}

#[test]
fn an_assertion_that_is_renewed_changes_no_key() {
    let scene = Scene::with(sts());
    // The tokens for agents serve one request only.
    let server =
        AGENTS.replace("location @blueprint {", "location @blueprint { STSCacheExpiresIn 0;");
    let nginx = scene.nginx().server(&server).start();
    for status in ["MISS", "HIT", "HIT"] {
        assert_eq!(of_agent(&nginx, "/", "agent-a").header("Status"), Some(status));
    }
    let (own, inner) = legs(&scene);
    assert_eq!((own.len(), inner.len()), (1, 3));
}

#[test]
fn an_assertion_reaches_no_backend_no_log_and_no_other_location() {
    let scene = Scene::with(sts());
    let nginx = nginx(&scene)
        .http(r#"log_format inner "$agent_assertion|$target_token"; access_log inner.log inner;"#)
        .start();
    let mut seen = String::new();
    for path in ["/", "/option", "/", "/other"] {
        let response = of_agent(&nginx, path, "agent-a").expect_status(200);
        seen += &response.text();
        if path == "/" {
            assert_eq!(response.header("Inner"), Some("[]"));
        }
    }
    let (own, _) = legs(&scene);
    let assertion = own[0].parameter("client_assertion").expect("an assertion").to_owned();
    // A server that repeats what it was sent.
    let answer = Answer::oauth_error(400, "invalid_grant", &format!("bad: {assertion}"));
    scene.sts.script(second_leg(), Script::new().answer(answer));
    let server = AGENTS.replace("graph.example", "vault.example");
    let scripted = scene.nginx().server(&server).start();
    of_agent(&scripted, "/", "agent-a").expect_status(502);
    let (own, _) = legs(&scene);
    assert_eq!(own.len(), 2);
    nginx.quit();
    nginx.wait_until_gone();
    for text in [&seen, &nginx.read("inner.log"), &nginx.error_log()] {
        assert!(!text.contains(&assertion), "{text}");
    }
    assert!(nginx.read("inner.log").lines().count() >= 4);
    // It is the assertion of another NGINX, and so of another time.
    let line = scripted.wait_for_log("bad: ");
    assert!(line.contains("gateway_refused"), "{line}");
}

#[test]
fn an_assertion_that_the_server_repeats_is_not_in_the_log() {
    let scene = Scene::with(sts());
    let fixed = "aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb.cccccccccccccccc";
    let issued = json!({ "access_token": fixed, "token_type": "Bearer", "expires_in": 60 });
    scene.sts.script(first_leg(), Script::new().answer(Answer::json(200, &issued)));
    let answer = Answer::oauth_error(401, "invalid_client", &format!("bad: {fixed}"));
    scene.sts.script(second_leg(), Script::new().answer(answer));
    let nginx = nginx(&scene).forbid_in_log(fixed).start();
    of_agent(&nginx, "/", "agent-a").expect_status(502);
    let line = nginx.wait_for_log("invalid_client");
    assert!(line.contains("bad: [secret]"), "{line}");
}

#[test]
fn each_failure_of_either_leg_has_its_row_and_the_log_names_the_first_one() {
    // Of client credentials every refusal is one of the gateway.
    let row = |error: &'static str, status: u16| match error {
        "refused" | "denied" => ("gateway_refused", 502),
        _ => (error, status),
    };
    let rows = all_rows().len();
    for (first, count) in [(true, rows), (false, rows)] {
        in_parallel(4, count, |number| {
            let failing = all_rows().into_iter().nth(number).expect("a row");
            let (error, status) = row(failing.error, failing.status);
            let scene = Scene::with(sts());
            let when = if first { first_leg() } else { second_leg() };
            scene.sts.script(when, failing.script);
            let server = format!("STSHTTPTimeOut 1; {AGENTS}");
            let nginx = scene.nginx().server(&server).start();
            let response = of_agent(&nginx, "/", "agent-a");
            assert_eq!(response.status, status, "{}", failing.name);
            assert_eq!(response.header("Error"), Some(error), "{}", failing.name);
            assert!(!response.text().contains(DESCRIPTION), "{}", failing.name);
            let line = nginx.wait_for_log("failed: ");
            let named = line.contains("the exchange of \"@blueprint\" failed");
            assert_eq!(named, first, "{}: {line}", failing.name);
            assert!(scene.backend.requests().is_empty(), "{}", failing.name);
        });
    }
}

#[test]
fn a_result_that_is_no_jwt_is_no_assertion() {
    let scene = Scene::with(sts());
    let opaque = json!({ "access_token": "opaque", "token_type": "Bearer", "expires_in": 60 });
    scene.sts.script(first_leg(), Script::new().answer(Answer::json(200, &opaque)));
    let nginx = nginx(&scene).start();
    let response = of_agent(&nginx, "/", "agent-a").expect_status(502);
    assert_eq!(response.header("Error"), Some("bad_answer"));
    let line = nginx.wait_for_log("cannot be the client assertion");
    assert!(line.contains("\"@blueprint\"") && line.contains("no JWT"), "{line}");
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn the_type_of_the_assertion_can_be_set() {
    let scene = Scene::with(sts());
    let opaque = json!({ "access_token": "opaque", "token_type": "Bearer", "expires_in": 60 });
    scene.sts.script(When::any(), Script::new().answer(Answer::json(200, &opaque)));
    let server = AGENTS.replace(
        "client_assertion=@blueprint;",
        "client_assertion=@blueprint&client_assertion_type=urn:x;",
    );
    let nginx = scene.nginx().server(&server).start();
    of_agent(&nginx, "/", "agent-a").expect_status(200);
    let (own, _) = legs(&scene);
    assert_eq!(own[0].parameter("client_assertion_type"), Some("urn:x"));
    assert_eq!(own[0].parameter("client_assertion"), Some("opaque"));
}

#[test]
fn which_result_is_the_assertion_is_in_the_key() {
    let scene = Scene::with(sts());
    let issued = json!({ "access_token": "a.b.c", "token_type": "Bearer", "expires_in": 60 });
    scene.sts.script(When::any(), Script::new().answer(Answer::json(200, &issued)));
    // Both depend on the same two results, in the same order, and name the same location.
    let server = |port: &str, x: &str, y: &str, needs: &str| {
        let leg = |name: &str, scope: &str| {
            format!(
                "location {name} {{ STSType cc; STSEndpoint %%STS%%;
                    STSEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
                    STSRequestParameter scope {scope}; }}"
            )
        };
        format!(
            "server {{ listen 127.0.0.1:%%{port}%%; {} {}
                location / {{ STSType cc; STSEndpoint %%STS%%; STSDependsOn {needs};
                    STSEndpointAuth private_key_jwt client_assertion=@x; STSClientID agent;
                    STSVariables $target_token; %%PASS%% }} }}",
            leg("@x", x),
            leg("@y", y)
        )
    };
    let http =
        server("PORT_ONE", "one", "two", "@x @y") + &server("PORT_TWO", "two", "one", "@y @x");
    let nginx = scene.nginx().http(&http).start();
    for port in ["PORT_ONE", "PORT_TWO", "PORT_ONE"] {
        let address = nginx.address_of(port);
        e2e::http1::Request::new(address, "GET", "/").send().expect_status(200);
    }
    let (own, inner) = legs(&scene);
    assert_eq!((own.len(), inner.len()), (2, 2));
}

#[test]
fn what_cannot_be_meant_fails_the_check_of_the_configuration() {
    let scene = Scene::with(sts());
    let leg = "location @a { STSType cc; STSEndpoint %%STS%%; STSVariables $a; }";
    let of = |auth: &str, more: &str| {
        format!(
            "{leg} location / {{ STSType cc; STSEndpoint %%STS%%; STSEndpointAuth {auth}; {more}
             STSVariables $target_token; %%PASS%% }}"
        )
    };
    let plain = "private_key_jwt client_assertion=@a";
    for (server, words) in [
        (of(plain, ""), "write \"STSDependsOn @a\" (option \"depends_on\")"),
        (
            format!("location @b {{ STSType cc; STSEndpoint %%STS%%; }} {}", of(plain, "STSDependsOn @b;")),
            "write \"STSDependsOn @b @a\"",
        ),
        (of("private_key_jwt client_assertion=s3c.r3t.x", "STSDependsOn @a;"), "the name of a location"),
        (of("client_secret_post client_assertion=@a", "STSDependsOn @a;"), "is an option of private_key_jwt"),
        (of("private_key_jwt client_assertion=@a&jwk_file=k", "STSDependsOn @a;"), "exclude each other"),
        (
            of("private_key_jwt client_id=$agent&client_assertion=@a", "STSDependsOn @a;"),
            "holds no variables",
        ),
        (
            format!(
                "{leg} location / {{ STSExchange cc %%STS%% auth=private_key_jwt&client_assertion=@a;
                 STSVariables $target_token; %%PASS%% }}"
            ),
            "write \"STSDependsOn @a\"",
        ),
        (
            format!(
                "{leg} location / {{ STSType wstrust; STSEndpoint %%STS%%; STSDependsOn @a;
                 STSEndpointAuth {plain}; STSVariables $a $target_token; %%PASS%% }}"
            ),
            "WS-Trust has no form",
        ),
    ] {
        let checked = scene.nginx().server(&server).check();
        assert!(!checked.ok && checked.output.contains(words), "{server}: {}", checked.output);
        assert!(!checked.output.contains("s3c.r3t"), "{}", checked.output);
    }
    let checked = scene.nginx().server(&of(plain, "STSDependsOn @a;")).check();
    assert!(checked.ok, "{}", checked.output);
}
