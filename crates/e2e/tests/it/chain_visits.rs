//! Exchanges that depend on others, in a request that visits several locations.

use devsts::{Answer, Script, When};
use e2e::nginx::Builder;
use e2e::scene::{Scene, Seen};

/// The first leg is cut off once.
fn once_cut(scene: &Scene, audience: &'static str) {
    let when = When::matching(move |call| call.parameter("audience") == Some(audience)).times(1);
    scene.sts.script(when, Script::new().answer(Answer::new(500)));
}

fn nginx(scene: &Scene, locations: &str) -> Builder {
    scene.nginx().server(locations)
}

fn subjects(scene: &Scene, audience: &str) -> Vec<String> {
    let calls = scene.sts.calls();
    let asked = calls.iter().filter(|call| call.parameter("audience") == Some(audience));
    asked.filter_map(|call| call.parameter("subject_token").map(str::to_owned)).collect()
}

#[test]
fn after_a_failed_chain_another_exchange_makes_its_own_with_the_result_of_its_own() {
    let scene = Scene::new();
    once_cut(&scene, "first");
    let nginx = nginx(
        &scene,
        r#"
        location @first { %%EXCHANGE%% STSRequestParameter audience first;
            STSVariables $source_token $first_token; }
        location / { %%EXCHANGE%% STSDependsOn @first; STSRequestParameter audience second;
            STSVariables $first_token $target_token; error_page 502 = @backup; %%PASS%% }
        location @backup { %%EXCHANGE%% STSDependsOn @first; STSRequestParameter audience third;
            STSVariables $first_token $target_token; %%PASS%% }"#,
    )
    .start();
    let token = Seen::by_backend(nginx.get("/").bearer("alice").send()).token();
    assert_eq!(subjects(&scene, "first"), ["alice", "alice"]);
    assert!(subjects(&scene, "second").is_empty());
    let [inner] = &subjects(&scene, "third")[..] else { panic!("one exchange at the backup") };
    assert!(devsts::is_for(inner, "alice") && devsts::is_for(&token, inner), "{token}");
}

#[test]
fn a_source_that_a_failed_chain_has_removed_unread_is_that_of_a_later_exchange() {
    // Where the source stands, and where the target goes.
    for (carry, header) in [
        ("STSAcceptSourceTokenIn header; STSPassTargetTokenIn header;", "Authorization"),
        (
            "STSAcceptSourceTokenIn header name=X-Token&type=; STSPassTargetTokenIn header;",
            "X-Token",
        ),
        (
            "STSVariables $http_x_token $target_token;
             STSPassTargetTokenIn header name=X-Token&type=;",
            "X-Token",
        ),
    ] {
        let scene = Scene::new();
        once_cut(&scene, "agent");
        let nginx = nginx(
            &scene,
            &r#"
            location @agent { %%EXCHANGE%% STSRequestParameter audience agent;
                STSVariables $arg_agent $agent_token; }
            location / { %%EXCHANGE%% STSDependsOn @agent; STSRequestParameter audience second;
                CARRY STSActorToken $agent_token; error_page 502 = @backup;
                proxy_pass %%BACKEND%%; }
            location @backup { %%EXCHANGE%% STSDependsOn @agent; STSRequestParameter audience third;
                CARRY STSActorToken $agent_token; proxy_pass %%BACKEND%%; }"#
                .replace("CARRY", carry),
        )
        .start();
        let value = if header == "X-Token" { "alice" } else { "Bearer alice" };
        let seen = Seen::by_backend(nginx.get("/?agent=a").header(header, value).send());
        assert_eq!(subjects(&scene, "third"), ["alice"], "{carry}");
        let fields = [seen.header("Authorization"), seen.header("X-Token")];
        let fields: Vec<_> = fields.into_iter().flatten().collect();
        assert!(!fields.iter().any(|field| field.ends_with("alice")), "{carry}: {fields:?}");
        let token = fields.iter().map(|field| field.trim_start_matches("Bearer ")).next();
        assert!(token.is_some_and(|token| devsts::is_for(token, "alice")), "{carry}: {fields:?}");
    }
}

#[test]
fn an_actor_that_a_failed_chain_has_removed_unread_acts_in_a_later_exchange() {
    let scene = Scene::new();
    once_cut(&scene, "first");
    let nginx = nginx(
        &scene,
        r#"
        location @first { %%EXCHANGE%% STSRequestParameter audience first;
            STSVariables $source_token $first_token; }
        location / { %%EXCHANGE%% STSDependsOn @first; STSRequestParameter audience second;
            STSActorToken $http_x_actor; STSVariables $first_token $target_token;
            error_page 502 = @backup; %%PASS%% }
        location @backup { %%EXCHANGE%% STSDependsOn @first; STSRequestParameter audience third;
            STSActorToken $http_x_actor; STSVariables $first_token $target_token; %%PASS%% }"#,
    )
    .start();
    let response = nginx.get("/").bearer("alice").header("X-Actor", "robot").send();
    assert_eq!(Seen::by_backend(response).header("X-Actor"), None);
    let calls = scene.sts.calls();
    let last = calls.last().and_then(|call| call.parameter("actor_token").map(str::to_owned));
    assert_eq!(last.as_deref(), Some("robot"));
}

#[test]
fn the_source_of_a_leg_is_found_again_where_a_target_took_its_place() {
    let scene = Scene::new();
    let nginx = nginx(
        &scene,
        r#"
        location @first { %%EXCHANGE%% STSRequestParameter audience first;
            STSVariables $http_x_token $first_token; }
        location / { %%EXCHANGE%% STSDependsOn @first; STSRequestParameter audience second;
            STSVariables $first_token $t; STSPassTargetTokenIn header name=X-Token&type=;
            error_page 418 = @again; return 418; }
        location @again { %%EXCHANGE%% STSDependsOn @first; STSRequestParameter audience third;
            STSVariables $first_token $t; STSPassTargetTokenIn header name=X-Token&type=;
            proxy_pass %%BACKEND%%; }"#
            .replace("return 418;", "STSPhase access; try_files /none =418;")
            .as_str(),
    )
    .start();
    let seen = Seen::by_backend(nginx.get("/").header("X-Token", "alice").send());
    let token = seen.header("X-Token").unwrap_or_default();
    let [inner] = &subjects(&scene, "third")[..] else { panic!("one exchange at the end") };
    assert!(devsts::is_for(inner, "alice") && devsts::is_for(&token, inner), "{token}");
}

#[test]
fn a_later_exchange_has_the_result_of_its_own_visit_as_source() {
    for carry in [
        "STSVariables $first_token $target_token;",
        "STSAcceptSourceTokenIn environment name=first_token; STSVariables '' $target_token;",
    ] {
        let scene = Scene::new();
        let nginx = scene
            .nginx()
            .http("map $uri $where { volatile; default one; /two two; }")
            .server(
                &r#"
            location @first { %%EXCHANGE%% STSRequestParameter audience $where;
                STSVariables $source_token $first_token; }
            location / { %%EXCHANGE%% STSDependsOn @first; STSRequestParameter audience second;
                CARRY error_page 418 = /two;
                STSPhase access; try_files /none =418; }
            location /two { %%EXCHANGE%% STSDependsOn @first; STSRequestParameter audience third;
                CARRY %%PASS%% }"#
                    .replace("CARRY", carry),
            )
            .start();
        Seen::by_backend(nginx.get("/").bearer("alice").send());
        let first = scene.sts.issued().into_iter().filter(|issued| issued.source == "alice");
        let first: Vec<_> = first.map(|issued| issued.target).collect();
        assert_eq!(first.len(), 2);
        assert_eq!(subjects(&scene, "second"), [first[0].clone()]);
        assert_eq!(subjects(&scene, "third"), [first[1].clone()]);
    }
}

#[test]
fn a_bypass_leaves_the_source_of_a_later_exchange_to_be_found() {
    let scene = Scene::new();
    let nginx = nginx(
        &scene,
        r#"
        location @first { %%EXCHANGE%% STSRequestParameter audience first;
            STSVariables $http_x_token $first_token; }
        location / { %%EXCHANGE%% STSDependsOn @first; STSBypass 1;
            STSVariables $first_token $target_token; error_page 418 = @again;
            STSPhase access; try_files /none =418; }
        location @again { %%EXCHANGE%% STSDependsOn @first; STSRequestParameter audience third;
            STSVariables $first_token $target_token; %%PASS%% }"#,
    )
    .start();
    let token = Seen::by_backend(nginx.get("/").header("X-Token", "alice").send()).token();
    let [inner] = &subjects(&scene, "third")[..] else { panic!("one exchange at the end") };
    assert!(devsts::is_for(inner, "alice") && devsts::is_for(&token, inner), "{token}");
}

#[test]
fn a_chain_that_a_server_has_is_that_of_its_locations_and_not_of_its_legs() {
    let scene = Scene::new();
    let nginx = nginx(
        &scene,
        r#"
        %%EXCHANGE%%
        STSDependsOn @user @agent;
        location @user { STSRequestParameter audience user;
            STSVariables $source_token $user_token; }
        location @agent { STSRequestParameter audience agent;
            STSVariables $http_x_agent $agent_token; }
        STSVariables $user_token $target_token;
        STSRequestParameter actor_token $agent_token;
        STSRequestParameter actor_token_type access_token;
        location /one { %%PASS%% }
        location /two { %%PASS%% }"#,
    )
    .start();
    for path in ["/one", "/two"] {
        let response = nginx.get(path).bearer("alice").header("X-Agent", "robot").send();
        let token = Seen::by_backend(response).token();
        let user = scene.sts.source_of(&token).expect("a token of the STS");
        assert!(devsts::is_for(&user, "alice"), "{path}: {user}");
    }
    assert_eq!(subjects(&scene, "user"), ["alice"]);
    assert_eq!(subjects(&scene, "agent"), ["robot"]);
    assert_eq!(scene.sts.call_count(), 3);
}

#[test]
fn a_subrequest_makes_its_own_chain_and_shares_that_of_its_request() {
    let scene = Scene::new();
    let nginx = nginx(
        &scene,
        r#"
        location @first { %%EXCHANGE%% STSRequestParameter audience first;
            STSVariables $source_token $first_token; }
        location /asks { auth_request /chain; proxy_set_header Inner "[$first_token]";
            proxy_set_header Authorization ""; proxy_pass %%BACKEND%%; }
        location /chain { %%EXCHANGE%% STSDependsOn @first; STSRequestParameter audience second;
            STSVariables $first_token $target_token; %%PASS%% }"#,
    )
    .start();
    let seen = Seen::by_backend(nginx.get("/asks").bearer("alice").send());
    assert_eq!(seen.header("Inner").as_deref(), Some("[]"));
    let [inner] = &subjects(&scene, "second")[..] else { panic!("one exchange") };
    assert!(devsts::is_for(inner, "alice"), "{inner}");
    nginx.get("/asks").send().expect_status(401);
    Seen::by_backend(nginx.get("/chain").bearer("alice").send());
    assert_eq!(scene.sts.call_count(), 2);
    scene.sts.script(
        When::matching(|call| call.subject() == Some("bob")),
        Script::new().answer(Answer::oauth_error(400, "access_denied", "no")),
    );
    nginx.get("/asks").bearer("bob").send().expect_status(403);
}

#[test]
fn a_chain_in_an_if_is_that_of_the_requests_that_it_is_for() {
    let scene = Scene::new();
    let nginx = nginx(
        &scene,
        r#"
        location @first { %%EXCHANGE%% STSRequestParameter audience first;
            STSVariables $source_token $first_token; }
        location / {
            %%OTX%%
            if ($arg_chain) { STSDependsOn @first; STSVariables $first_token $target_token; }
            %%PASS%%
        }"#,
    )
    .start();
    let token = |path| Seen::by_backend(nginx.get(path).bearer("alice").send()).token();
    assert!(devsts::is_for(&token("/"), "alice"));
    let chained = token("/?chain=1");
    let inner = scene.sts.source_of(&chained).expect("a token of the STS");
    assert!(devsts::is_for(&inner, "alice"), "{inner}");
}
