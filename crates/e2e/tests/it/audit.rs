//! What a line of the access log can tell of an exchange, and what nothing tells.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::{Answer, Script, When};
use e2e::nginx::Nginx;
use e2e::response::Response;
use e2e::scene::{Scene, Seen};
use e2e::wait::wait_for;
use serde_json::{Value, json};

/// In the manner of the one in the manual (`docs/operations.md`).
const AUDIT: &str = r#"
    log_format audit escape=json '{"status":$status,"sts":"$sts_status","error":"$sts_error",'
        '"exchange":"$sts_exchange","exchange_time":"$sts_exchange_time","call_time":"$sts_call_time",'
        '"type":"$sts_issued_token_type","scope":"$sts_scope","key":"$sts_key"}';
"#;

/// The lines so far.
fn audit(nginx: &Nginx) -> Vec<Value> {
    let text = nginx.read("audit.log");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The line of one more request.
fn line_of(nginx: &Nginx, target: &str, token: &str) -> Value {
    answer_and_line_of(nginx, target, token).1
}

/// NGINX writes a request's line after its answer: the next request starts when the line is there.
fn answer_and_line_of(nginx: &Nginx, target: &str, token: &str) -> (Response, Value) {
    let before = audit(nginx).len();
    let request = nginx.get(target);
    let response = if token.is_empty() { request.send() } else { request.bearer(token).send() };
    wait_for("a line in the access log", || audit(nginx).len() > before);
    (response, audit(nginx).remove(before))
}

fn start(scene: &Scene, server: &str) -> Nginx {
    let server = format!("access_log %%PREFIX%%/audit.log audit; {server}");
    scene.nginx().http(AUDIT).server(&server).start()
}

fn is_time(text: &Value) -> bool {
    let text = text.as_str().unwrap_or_default();
    text.split_once('.').is_some_and(|(seconds, rest)| {
        !seconds.is_empty() && rest.len() == 3 && text.parse::<f64>().is_ok()
    })
}

#[test]
fn a_line_tells_how_a_request_came_to_its_token() {
    let scene = Scene::new();
    let server = "
        location / { %%OTX%% STSName orders; STSBypass $arg_by; %%PASS%% }
        location /uncached { %%OTX%% STSCacheExpiresIn 0; %%PASS%% }
        location /plain { return 204; }";
    let nginx = start(&scene, server);
    let issued = json!({
        "access_token": "issued-1", "token_type": "Bearer", "expires_in": 300,
        "issued_token_type": "urn:ietf:params:oauth:token-type:jwt", "scope": "read write",
    });
    scene.sts.script(When::subject("user"), Script::new().answer(Answer::json(200, &issued)));
    let miss = line_of(&nginx, "/", "user");
    assert_eq!((&miss["sts"], &miss["exchange"]), (&json!("MISS"), &json!("orders")));
    assert_eq!(miss["type"], "urn:ietf:params:oauth:token-type:jwt");
    assert_eq!(miss["scope"], "read write");
    assert!(is_time(&miss["exchange_time"]) && is_time(&miss["call_time"]), "{miss}");
    let key = miss["key"].as_str().unwrap_or_default().to_owned();
    assert!(key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{miss}");

    // The same of a token that comes out of the cache, but for the call.
    let hit = line_of(&nginx, "/", "user");
    assert_eq!((&hit["sts"], &hit["exchange_time"]), (&json!("HIT"), &json!("0.000")));
    assert_eq!(hit["call_time"], "");
    for same in ["type", "scope", "key", "exchange"] {
        assert_eq!(hit[same], miss[same], "{same}");
    }

    let other = line_of(&nginx, "/", "other");
    assert_ne!(other["key"], miss["key"]);
    assert_eq!(other["type"], "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!(other["scope"], "");
    let refused = line_of(&nginx, "/", "refuse");
    assert_eq!((&refused["sts"], &refused["error"]), (&json!("FAILED"), &json!("refused")));
    assert!(is_time(&refused["call_time"]) && is_time(&refused["exchange_time"]), "{refused}");
    assert_eq!((&refused["type"], &refused["scope"]), (&json!(""), &json!("")));
    let missing = line_of(&nginx, "/", "");
    assert_eq!((&missing["error"], &missing["call_time"]), (&json!("missing_token"), &json!("")));
    let bypassed = line_of(&nginx, "/?by=1", "user");
    assert_eq!((&bypassed["sts"], &bypassed["exchange_time"]), (&json!("BYPASS"), &json!("")));
    assert_eq!(bypassed["exchange"], "orders");
    let uncached = line_of(&nginx, "/uncached", "user");
    assert_eq!(uncached["key"], "");
    assert_eq!(uncached["exchange"], format!("otx 127.0.0.1:{}", scene.sts.port()));
    let plain = line_of(&nginx, "/plain", "user");
    assert!(plain.as_object().unwrap().iter().all(|(name, value)| name == "status" || value == ""));
}

#[test]
fn a_claim_of_the_token_that_was_issued_is_a_variable() {
    let scene = Scene::new();
    let format = "log_format audit escape=json '{\"status\":$status,\"sub\":\"$sts_claim_sub\",\
        \"user\":\"$sts_claim_preferred_username\",\"client\":\"$sts_claim_clientid\",\
        \"groups\":\"$sts_claim_groups\",\"evil\":\"$sts_claim_evil\",\"own\":\"$sts_claim_own\"}';
        map $uri $sts_claim_own { default own; }";
    let server = "access_log %%PREFIX%%/audit.log audit;
        location / {
            set $early $sts_claim_sub;
            %%OTX%%
            proxy_set_header X-User $sts_claim_sub;
            proxy_set_header X-Evil $sts_claim_evil;
            %%PASS%%
        }
        location /plain { return 204; }";
    let nginx = scene.nginx().http(format).server(server).start();
    let claims = json!({
        "sub": "alice", "preferred_username": "Alice Ü", "clientId": "shop",
        "groups": ["a", "b"], "evil": "x\r\nX-Admin: 1",
    });
    let token = format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let issued = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 300 });
    scene.sts.script(When::subject("user"), Script::new().answer(Answer::json(200, &issued)));
    for _ in 0..2 {
        let line = line_of(&nginx, "/", "user");
        assert_eq!(
            line,
            json!({
                "status": 200, "sub": "alice", "user": "Alice Ü", "client": "shop",
                "groups": "a,b", "evil": "", "own": "own",
            })
        );
    }
    let seen = Seen::by_backend(answer_and_line_of(&nginx, "/", "user").0);
    assert_eq!((seen.header("X-User").as_deref(), seen.header("X-Evil")), (Some("alice"), None));
    // The backend's development STS issues tokens that are no JWTs; and those without an exchange.
    for (target, token) in [("/", "other"), ("/", "refuse"), ("/plain", "user")] {
        assert_eq!(line_of(&nginx, target, token)["sub"], "", "{target} {token}");
    }
}

#[test]
fn an_error_page_and_a_subrequest_tell_of_their_own_exchange() {
    let scene = Scene::new();
    let server = "
        location / { %%OTX%% STSName first; error_page 502 = @second; %%PASS%% }
        location @second { %%OTX%% STSName second; STSRequestParameter scope b; %%PASS%% }
        location /sub { auth_request /auth; return 204; }
        location /auth { %%OTX%% STSName inner; %%PASS%% }";
    let nginx = start(&scene, server);
    let unusable = Script::new().answer(Answer::json(200, &json!({})));
    scene.sts.script(When::any().times(1), unusable);
    let line = line_of(&nginx, "/", "user");
    assert_eq!((&line["sts"], &line["exchange"]), (&json!("MISS"), &json!("second")));
}

#[test]
fn a_scope_and_a_type_of_any_kind_come_out_of_the_cache_as_they_went_in() {
    let scene = Scene::new();
    let nginx = start(
        &scene,
        "location / { %%OTX%% STSAcceptTokenType Bearer other; STSExpect off; %%PASS%% }",
    );
    let types = [None, Some("urn:ietf:params:oauth:token-type:saml2"), Some("urn:x:y"), Some("")];
    let long = "s".repeat(1025);
    let scopes = [None, Some("a b \u{e9}\""), Some(long.as_str())];
    for (number, (kind, scope)) in
        types.iter().flat_map(|kind| scopes.iter().map(move |scope| (*kind, *scope))).enumerate()
    {
        for token_type in ["Bearer", "other"] {
            let user = format!("user-{number}-{token_type}");
            let mut answer = json!({
                "access_token": format!("issued-{user}"), "token_type": token_type, "expires_in": 300,
            });
            if let Some(kind) = kind {
                answer["issued_token_type"] = kind.into();
            }
            if let Some(scope) = scope {
                answer["scope"] = scope.into();
            }
            let script = Script::new().answer(Answer::json(200, &answer));
            scene.sts.script(When::subject(&user), script);
            let (miss, hit) = (line_of(&nginx, "/", &user), line_of(&nginx, "/", &user));
            assert_eq!((&miss["sts"], &hit["sts"]), (&json!("MISS"), &json!("HIT")));
            for line in [miss, hit] {
                assert_eq!(line["type"], kind.unwrap_or_default(), "{line}");
                let told = scope.filter(|scope| scope.len() <= 1024);
                assert_eq!(line["scope"], told.unwrap_or_default(), "{line}");
            }
        }
    }
}

#[test]
fn names_that_a_configuration_has_given_a_value_keep_it() {
    let scene = Scene::new();
    let nginx = scene
        .nginx()
        .http("map $uri $sts_scope { default own; }")
        .server("location / { set $sts_key mine; return 200 $sts_scope-$sts_key; }")
        .start();
    assert_eq!(nginx.get("/").send().expect_status(200).text(), "own-mine");
}

/// Secrets of all kinds go through, and none of them stands in what anything shows: the error log, the
/// access log, the counters in three formats, and what the client gets.
#[test]
fn of_two_hundred_secrets_none_is_shown() {
    let scene = Scene::new();
    let server = "
        location = /sts { allow 127.0.0.1; deny all; STSStatus; }
        location / {
            %%OTX%% STSName orders; STSRequestParameter resource https://$arg_host/;
            STSRequestHeader X-Secret $http_x_secret;
            proxy_set_header Cookie \"\"; proxy_set_header Authorization \"\";
            proxy_set_header Target $target_token; proxy_pass %%BACKEND%%;
        }
        location /q {
            STSExchange otx %%STS%%?key=secret-in-the-query auth=client_secret_post&client_id=otxclient&client_secret=2Federate&name=query&request_header=X-Secret+$http_x_secret;
            STSVariables $source_token $target_token; proxy_pass %%BACKEND%%;
        }";
    let nginx = start(&scene, server);
    let secret = |kind: &str, number: usize| format!("{kind}Secret{number:04}xyz");
    let mut secrets: HashSet<String> =
        ["secret-in-the-query", "2Federate"].map(str::to_owned).into();
    let mut answers = String::new();
    for number in 0..50 {
        let (source, target) = (secret("source", number), secret("target", number));
        let (header, told) = (secret("header", number), secret("told", number));
        let answer = match number % 5 {
            0 => Answer::json(
                200,
                &json!({"access_token": target, "token_type": "Bearer", "expires_in": 300}),
            ),
            1 => Answer::oauth_error(400, "invalid_grant", &format!("{source} {header} is over")),
            2 => Answer::json(200, &json!({"access_token": [target]})),
            3 => Answer::oauth_error(401, "invalid_client", &format!("2Federate {source}")),
            _ => Answer::new(302).header("Location", format!("https://other/?token={told}")),
        };
        scene.sts.script(When::subject(&source), Script::new().answer(answer));
        for target in ["/", "/q"] {
            let request = nginx.get(target).bearer(&source).header("X-Secret", &header);
            let response = request.send();
            // What the backend was sent stands in its answer.
            if response.status != 200 {
                answers.push_str(&response.text());
                response.headers.iter().for_each(|(name, value)| {
                    answers.push_str(&format!("{name}: {value}\n"));
                });
            }
        }
        secrets.extend([source, target, header, told]);
    }
    assert!(secrets.len() >= 200);
    let mut shown = vec![
        ("error log", nginx.error_log()),
        ("access log", nginx.read("audit.log")),
        ("answers", answers),
    ];
    for format in ["prometheus", "json", "html"] {
        let response = nginx.get(&format!("/sts?format={format}")).send().expect_status(200);
        shown.push((format, response.text()));
    }
    for (what, text) in &shown {
        assert!(!text.is_empty(), "{what}");
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{secret} stands in the {what}");
        }
    }
    let json: Value = serde_json::from_str(&shown[4].1).expect("JSON");
    let names: Vec<_> =
        json["exchanges"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["orders", "query"]);
    assert_eq!(json["exchanges"][1]["endpoint"], scene.sts.endpoint());
}
