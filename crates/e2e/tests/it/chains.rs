//! `STSDependsOn`: exchanges whose results another one needs.

use std::collections::BTreeSet;

use devsts::{Answer, Gate, Script, When};
use e2e::http1::Connection;
use e2e::nginx::Builder;
use e2e::scene::{Scene, Seen};
use e2e::wait::wait_for;

/// A token for the user, and with it one for the backend.
const TWO_LEGS: &str = r#"
    location @first {
        %%EXCHANGE%%
        STSRequestParameter audience first;
        STSVariables $source_token $first_token;
    }
    location / {
        %%EXCHANGE%%
        STSDependsOn @first;
        STSRequestParameter audience second;
        STSVariables $first_token $target_token;
        add_header Status $sts_status always;
        add_header Error $sts_error always;
        add_header Inner "[$first_token]" always;
        %%PASS%%
    }
    location /other { proxy_set_header Inner "[$first_token]"; proxy_pass %%BACKEND%%; }
"#;

fn two_legs(scene: &Scene) -> Builder {
    scene.nginx().server(TWO_LEGS)
}

/// What the STS was asked, as audience and subject token.
fn asked(scene: &Scene) -> Vec<(String, String)> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let calls = scene.sts.calls();
    calls
        .iter()
        .map(|call| (text(call.parameter("audience")), text(call.parameter("subject_token"))))
        .collect()
}

#[test]
fn the_result_of_one_exchange_is_the_source_of_the_next() {
    let scene = Scene::new();
    let nginx = two_legs(&scene).start();
    let response = nginx.get("/").bearer("alice").send();
    let token = Seen::by_backend(response).token();
    let asked = asked(&scene);
    let [(first, source), (second, inner)] = &asked[..] else { panic!("two calls, not {asked:?}") };
    assert_eq!((first.as_str(), source.as_str()), ("first", "alice"));
    assert_eq!(second, "second");
    assert!(devsts::is_for(inner, "alice"), "{inner}");
    assert!(devsts::is_for(&token, inner), "{token}");
}

#[test]
fn each_leg_is_cached_under_a_key_of_its_own() {
    let scene = Scene::new();
    let nginx = two_legs(&scene).start();
    assert_eq!(nginx.get("/").bearer("alice").send().header("Status"), Some("MISS"));
    assert_eq!(nginx.get("/").bearer("alice").send().header("Status"), Some("HIT"));
    assert_eq!(asked(&scene).len(), 2);
    assert_eq!(nginx.get("/").bearer("bob").send().header("Status"), Some("MISS"));
    assert_eq!(asked(&scene).len(), 4);
}

#[test]
fn a_result_that_is_renewed_changes_no_key() {
    let scene = Scene::new();
    // The tokens of the first leg serve one request only.
    let nginx = two_legs(&scene).start();
    assert_eq!(nginx.get("/").bearer("life-0.alice").send().header("Status"), Some("MISS"));
    assert_eq!(nginx.get("/").bearer("life-0.alice").send().header("Status"), Some("HIT"));
    let audiences: Vec<_> = asked(&scene).into_iter().map(|(audience, _)| audience).collect();
    assert_eq!(audiences, ["first", "second", "first"]);
}

#[test]
fn a_result_that_is_passed_on_encoded_changes_no_key_either() {
    for encoding in ["base64", "base64url", "deflate"] {
        let scene = Scene::new();
        let encoded = format!("STSTargetEncoding {encoding}; STSVariables $source_token $first");
        let server = TWO_LEGS.replace("STSVariables $source_token $first", &encoded);
        let nginx = scene.nginx().server(&server).start();
        for status in ["MISS", "HIT"] {
            let response = nginx.get("/").bearer("life-0.alice").send();
            assert_eq!(response.header("Status"), Some(status), "{encoding}");
        }
    }
}

#[test]
fn two_users_never_share_a_result() {
    let scene = Scene::new();
    let nginx = two_legs(&scene).workers(2).start();
    for round in 0..3 {
        for user in 0..20 {
            let user = format!("user-{user}");
            let response = nginx.get("/").bearer(&user).send();
            let token = Seen::by_backend(response).token();
            let inner = scene.sts.source_of(&token).expect("a token of the STS");
            assert!(devsts::is_for(&inner, &user), "{round}: {user} got {token} of {inner}");
        }
    }
    assert_eq!(asked(&scene).len(), 40);
}

#[test]
fn a_herd_over_two_workers_makes_one_call_for_each_leg() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::any(), Script::new().hold(&gate).usual());
    let nginx = two_legs(&scene).workers(2).server("location = /status { stub_status; }").start();
    let mut herd: Vec<Connection> = (0..200)
        .map(|_| {
            let mut connection = Connection::open(nginx.address());
            connection.send("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer alice\r\n\r\n");
            connection
        })
        .collect();
    nginx.wait_until_waiting("/status", 200);
    gate.open();
    for connection in &mut herd {
        assert_eq!(connection.read_response().status, 200);
    }
    assert_eq!(asked(&scene).len(), 2);
}

#[test]
fn the_inner_token_reaches_no_backend_no_log_and_no_other_location() {
    let scene = Scene::new();
    let nginx = two_legs(&scene)
        .http(r#"log_format inner "$first_token|$target_token"; access_log inner.log inner;"#)
        .start();
    for _ in 0..2 {
        let response = nginx.get("/").bearer("alice").send();
        assert_eq!(response.header("Inner"), Some("[]"));
        let all = response.text();
        Seen::by_backend(response);
        let inner = asked(&scene)[1].1.clone();
        assert!(!all.contains(&inner), "{all}");
        let other = Seen::by_backend(nginx.get("/other").bearer("alice").send());
        assert_eq!(other.headers("Inner"), ["[]"]);
    }
    let inner = asked(&scene)[1].1.clone();
    wait_for("the log", || nginx.read("inner.log").lines().count() >= 4);
    assert!(!nginx.read("inner.log").contains(&inner));
    assert!(!nginx.error_log().contains(&inner));
}

#[test]
fn the_failure_of_a_leg_is_that_of_the_exchange_and_the_log_names_the_leg() {
    let scene = Scene::new();
    for (subject, status, word) in [
        ("refuse.alice", 401, "refused"),
        ("deny.alice", 403, "denied"),
        ("gateway.alice", 502, "gateway_refused"),
        ("busy.alice", 503, "busy"),
    ] {
        let (code, error) = match word {
            "refused" => (400, "invalid_grant"),
            "denied" => (400, "access_denied"),
            "gateway_refused" => (400, "unauthorized_client"),
            _ => (503, "temporarily_unavailable"),
        };
        let answer = Answer::new(code).body(format!("{{\"error\":\"{error}\"}}"));
        scene.sts.script(When::subject(subject), Script::new().answer(answer));
        let nginx = two_legs(&scene).start();
        let response = nginx.get("/").bearer(subject).send();
        assert_eq!(response.status, status, "{subject}");
        assert_eq!(response.header("Error"), Some(word));
        let line = nginx.wait_for_log("@first");
        assert!(line.contains("the exchange of \"@first\" failed"), "{line}");
    }
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn without_a_source_nothing_is_asked_and_the_request_is_refused() {
    let scene = Scene::new();
    let nginx = two_legs(&scene).start();
    let response = nginx.get("/").send().expect_status(401);
    assert_eq!(response.header("Error"), Some("missing_token"));
    assert!(asked(&scene).is_empty());
}

#[test]
fn a_leg_that_lets_requests_go_on_without_a_token_leaves_the_exchange_without_a_source() {
    let scene = Scene::new();
    let server = TWO_LEGS.replace("location @first {", "location @first { STSOnError pass;");
    let nginx = scene.nginx().server(&server).start();
    let answer = Answer::new(400).body("{\"error\":\"invalid_grant\"}");
    scene.sts.script(When::any(), Script::new().answer(answer));
    let response = nginx.get("/").bearer("alice").send().expect_status(401);
    assert_eq!(response.header("Error"), Some("missing_token"));
    assert_eq!(asked(&scene).len(), 1);
}

#[test]
fn one_deadline_stands_over_all_legs() {
    let scene = Scene::new();
    scene.sts.script(
        When::matching(|call| call.parameter("audience") == Some("second")),
        Script::new().hang(),
    );
    scene.sts.script(
        When::matching(|call| call.parameter("audience") == Some("first")),
        Script::new().wait(std::time::Duration::from_millis(1500)).usual(),
    );
    let server = TWO_LEGS.replace("STSDependsOn", "STSHTTPTimeOut 2; STSDependsOn");
    let nginx = scene.nginx().server(&server).start();
    let started = std::time::Instant::now();
    let response = nginx.get("/").bearer("alice").send().expect_status(504);
    assert_eq!(response.header("Error"), Some("timeout"));
    // Not 1.5 and 2 seconds: the second leg had what the first one left.
    assert!(started.elapsed() < std::time::Duration::from_millis(3300), "{:?}", started.elapsed());
}

#[test]
fn results_of_several_legs_are_parameters_of_one_exchange() {
    let scene = Scene::new();
    let nginx = scene
        .nginx()
        .server(
            r#"
            location @agent { %%EXCHANGE%% STSRequestParameter audience agent;
                STSVariables $http_x_agent $agent_token; }
            location @user { %%EXCHANGE%% STSRequestParameter audience user;
                STSVariables $source_token $user_token; }
            location / { %%EXCHANGE%% STSDependsOn @user @agent;
                STSRequestParameter actor_token $agent_token;
                STSRequestParameter actor_token_type access_token;
                STSVariables $user_token $target_token; %%PASS%% }"#,
        )
        .start();
    let get = |agent: &str| {
        let response = nginx.get("/").bearer("alice").header("X-Agent", agent).send();
        Seen::by_backend(response).token()
    };
    let tokens: BTreeSet<_> = ["one", "two", "one"].map(get).into();
    assert_eq!(tokens.len(), 2, "two agents never share a token");
    let calls = scene.sts.calls();
    let actors: Vec<_> = calls.iter().filter_map(|call| call.parameter("actor_token")).collect();
    assert_eq!(actors.len(), 2);
    assert!(devsts::is_for(actors[0], "one") && devsts::is_for(actors[1], "two"), "{actors:?}");
    // A leg for the user, one for each agent, and one exchange for each.
    assert_eq!(calls.len(), 5);
}

#[test]
fn a_leg_may_need_another_one() {
    let scene = Scene::new();
    let nginx = scene
        .nginx()
        .server(
            r#"
            location @one { %%EXCHANGE%% STSVariables $source_token $one; }
            location @two { %%EXCHANGE%% STSDependsOn @one; STSVariables $one $two; }
            location / { %%EXCHANGE%% STSDependsOn @two; STSVariables $two $target_token; %%PASS%% }"#,
        )
        .start();
    let token = Seen::by_backend(nginx.get("/").bearer("alice").send()).token();
    let subjects: Vec<_> = asked(&scene).into_iter().map(|(_, subject)| subject).collect();
    assert_eq!(subjects.len(), 3);
    assert_eq!(subjects[0], "alice");
    assert!(devsts::is_for(&subjects[1], "alice") && devsts::is_for(&subjects[2], &subjects[1]));
    assert!(devsts::is_for(&token, &subjects[2]));
}

#[test]
fn only_the_exchange_that_names_a_leg_sees_its_result() {
    let scene = Scene::new();
    let nginx = scene
        .nginx()
        .server(
            r#"
            location @one { %%EXCHANGE%% STSVariables $source_token $one; }
            location @two { %%EXCHANGE%% STSDependsOn @one; STSVariables $one $two; }
            location / { %%EXCHANGE%% STSDependsOn @two; STSRequestParameter peek "$one";
                STSVariables $two $target_token; %%PASS%% }"#,
        )
        .start();
    Seen::by_backend(nginx.get("/").bearer("alice").send());
    let calls = scene.sts.calls();
    assert!(calls.iter().all(|call| call.parameter("peek").is_none()));
}

#[test]
fn the_location_of_a_leg_serves_no_request() {
    let scene = Scene::new();
    let server = format!("{TWO_LEGS} location /gone {{ error_page 404 = @first; return 404; }}");
    let server = server.replace(
        "STSVariables $source_token $first_token;",
        "STSVariables $source_token $first_token; %%PASS%%",
    );
    let nginx = scene.nginx().server(&server).start();
    nginx.get("/gone").bearer("alice").send().expect_status(500);
    nginx.wait_for_log("serves no request");
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn a_client_that_leaves_between_two_legs_leaves_nothing_behind() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(
        When::matching(|call| call.parameter("audience") == Some("second")),
        Script::new().hold(&gate).usual(),
    );
    let nginx = two_legs(&scene).start();
    let mut connection = Connection::open(nginx.address());
    connection.send("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer alice\r\n\r\n");
    wait_for("the second leg", || asked(&scene).len() == 2);
    drop(connection);
    wait_for("NGINX to notice", || nginx.access_log().contains(" 499 "));
    gate.open();
    wait_for("the token to be there", || {
        nginx.get("/").bearer("alice").send().header("Status") == Some("HIT")
    });
    assert_eq!(asked(&scene).len(), 2);
}

/// What `nginx -t` says of a server.
fn check(server: &str) -> (bool, String) {
    let scene = Scene::new();
    let checked = scene.nginx().server(server).check();
    (checked.ok, checked.output)
}

#[test]
fn nginx_does_not_start_with_a_chain_that_leads_nowhere_or_round_or_too_far() {
    let inner = |name: &str, needs: &str, source: &str, target: &str| {
        format!("location {name} {{ %%EXCHANGE%% {needs} STSVariables {source} {target}; }}")
    };
    let long = |count: usize| {
        let mut server = inner("@l1", "", "$source_token", "$t1");
        for number in 2..=count {
            let needs = format!("STSDependsOn @l{};", number - 1);
            let (source, target) = (format!("$t{}", number - 1), format!("$t{number}"));
            server += &inner(&format!("@l{number}"), &needs, &source, &target);
        }
        let last = inner("/", &format!("STSDependsOn @l{count};"), &format!("$t{count}"), "$t");
        server + &last
    };
    let outer = inner("/", "STSDependsOn @a;", "$a", "$t");
    for (server, said) in [
        (outer.clone(), "no location \"@a\" with an exchange"),
        (format!("location @a {{ return 200; }} {outer}"), "no location \"@a\" with an exchange"),
        (inner("@a", "STSDependsOn @a;", "$a", "$a2") + &outer, "needs a result of itself"),
        (
            inner("@a", "STSDependsOn @b;", "$b", "$a")
                + &inner("@b", "STSDependsOn @a;", "$a", "$b")
                + &outer,
            "needs a result of itself",
        ),
        (inner("/", "STSDependsOn a;", "$a", "$t"), "named location"),
        (inner("/", "STSDependsOn @a @a;", "$a", "$t"), "named twice"),
        (inner("@a", "", "$source_token", "$t") + &outer.replace("$a", "$x"), "a name of its own"),
        (
            inner("@a", "", "$source_token", "$a")
                + &inner("@b", "", "$source_token", "$a")
                + &inner("/", "STSDependsOn @a @b;", "$a", "$t"),
            "a name of its own",
        ),
        (long(5), "too many"),
        // Its user is not authenticated when this exchange is made.
        (
            "location @a { STSType ropc; STSROPCEndpoint %%STS%%; STSROPCUsername *;
                STSVariables $source_token $a; }"
                .to_owned()
                + &outer.replace("$t;", "$t; STSPhase access;"),
            "STSPhase precontent",
        ),
    ] {
        let (ok, output) = check(&server);
        assert!(
            !ok && output.contains("STSDependsOn") && output.contains(said),
            "{server}: {output}"
        );
    }
    let (ok, output) = check(&long(4));
    assert!(ok, "{output}");
}

/// The gateway's own token acts for the user, and each agent has one of its own.
const DELEGATION: &str = r#"
    location @agent {
        STSExchange cc %%STS%% auth=client_secret_basic&client_id=otxclient&client_secret=2Federate&scope=$arg_agent;
        STSVariables $agent_token;
    }
    location / {
        %%EXCHANGE%%
        STSDependsOn @agent;
        STSVariables $source_token $target_token;
        STSActorToken $agent_token jwt;
        STSRequestHeader X-Agent $agent_token;
        add_header Status $sts_status always;
        %%PASS%%
    }
    location /bypass {
        %%EXCHANGE%%
        STSDependsOn @first;
        STSVariables $first_token $target_token;
        STSPassTargetTokenIn header;
        STSBypass 1;
        add_header Status $sts_status always;
        proxy_pass %%BACKEND%%;
    }
    location @first {
        %%EXCHANGE%%
        STSRequestParameter audience first;
        STSAcceptSourceTokenIn header;
        STSVariables "" $first_token;
    }
"#;

#[test]
fn the_result_of_one_exchange_acts_for_the_subject_of_the_next() {
    let scene = Scene::new();
    let server = DELEGATION.replace("scope=$arg_agent", "params=scope%3D$arg_agent");
    let nginx = scene.nginx().server(&server).start();
    let status = |agent: &str| {
        let response = nginx.get(&format!("/?agent={agent}")).bearer("alice").send();
        response.expect_status(200).header("Status").map(str::to_owned)
    };
    for expected in ["MISS", "HIT"] {
        for agent in ["a", "b"] {
            assert_eq!(status(agent).as_deref(), Some(expected), "{agent}");
        }
    }
    let calls = scene.sts.calls();
    let acting: Vec<_> = calls.iter().filter(|call| call.subject() == Some("alice")).collect();
    assert_eq!((calls.len(), acting.len()), (4, 2));
    let actors: BTreeSet<_> = acting.iter().map(|call| call.parameter("actor_token")).collect();
    assert_eq!(actors.len(), 2);
    for call in acting {
        let actor = call.parameter("actor_token").unwrap_or_default();
        assert!(scene.sts.issued().iter().any(|issued| issued.target == actor), "{actor}");
        assert_eq!(
            call.parameter("actor_token_type"),
            Some("urn:ietf:params:oauth:token-type:jwt")
        );
        assert_eq!(call.header("X-Agent").as_deref(), Some(actor));
    }
}

#[test]
fn a_bypass_leaves_out_the_whole_chain_and_keeps_its_source() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(DELEGATION.replace("&scope=$arg_agent", "").as_str()).start();
    let response = nginx.get("/bypass").bearer("alice").send();
    assert_eq!(response.header("Status"), Some("BYPASS"));
    let seen = Seen::by_backend(response);
    assert_eq!(seen.header("Authorization").as_deref(), Some("Bearer alice"));
    nginx.get("/bypass").header("Authorization", "DPoP alice").send().expect_status(401);
    assert_eq!(scene.sts.call_count(), 0);
}
