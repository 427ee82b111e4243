//! What clients need beside an exchange, and what needs no token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::{Answer, Script, Sts, When};
use e2e::response::Response;
use e2e::scene::{CLIENT_ID, Scene, Seen};
use e2e::wait::wait_for;
use serde_json::{Value, json};

use super::run::{SOURCE, assert_bearer, recipe, written};

const SHOP: &str = "https://shop.example.com";

/// What a browser looks at before it shows an answer to a script of this origin.
#[track_caller]
fn assert_shown(response: &Response, origin: Option<&str>) {
    assert_eq!(response.all("Access-Control-Allow-Origin"), origin.as_slice(), "{response:?}");
    assert_eq!(response.all("Vary"), ["Origin"]);
}

#[test]
fn a_preflight_request_needs_no_token() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Requests from another origin");
    let preflight = |origin| recipe.request("OPTIONS", "/orders/").header("Origin", origin).send();
    let response = preflight(SHOP).expect_status(204);
    assert_shown(&response, Some(SHOP));
    for (name, value) in [("Headers", "Authorization, Content-Type"), ("Methods", "GET, POST")] {
        assert_eq!(response.all(&format!("Access-Control-Allow-{name}")), [value]);
    }
    assert_eq!(response.header("Access-Control-Max-Age"), Some("600"));
    assert_shown(&preflight("https://evil.example.com").expect_status(204), None);
    assert_eq!(scene.sts.call_count(), 0);
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn a_script_of_a_listed_origin_reads_every_answer() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Requests from another origin");
    let get = |source: &str, origin| {
        // What the backend sends of these would be a second header.
        let target = "/orders/?_header=Access-Control-Allow-Origin:*\
                      &_header=Access-Control-Expose-Headers:X-Other";
        recipe.get(target).bearer(source).header("Origin", origin).send()
    };
    let response = get(SOURCE, SHOP);
    assert_shown(&response, Some(SHOP));
    assert_eq!(response.all("Access-Control-Expose-Headers"), ["WWW-Authenticate"]);
    assert_bearer(&Seen::by_backend(response), SOURCE);
    assert_shown(&get(SOURCE, "https://evil.example.com").expect_status(200), None);

    let anonymous = recipe.get("/orders/").header("Origin", SHOP).send().expect_status(401);
    for (response, challenge) in [
        (anonymous, "Bearer"),
        (get("refuse", SHOP).expect_status(401), "Bearer error=\"invalid_token\""),
    ] {
        assert_shown(&response, Some(SHOP));
        assert_eq!(response.header("Access-Control-Expose-Headers"), Some("WWW-Authenticate"));
        assert_eq!(response.header("WWW-Authenticate"), Some(challenge));
    }
    assert_shown(&get("status-500", SHOP).expect_status(502), Some(SHOP));
}

#[test]
fn an_anonymous_request_goes_on_with_no_authorization_at_all() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Anonymous users");
    for authorization in [None, Some("Basic YWxpY2U6d29uZGVybGFuZA=="), Some("Bearer")] {
        let request = recipe.get("/catalogue/");
        let request = match authorization {
            Some(authorization) => request.header("Authorization", authorization),
            None => request,
        };
        let seen = Seen::by_backend(request.send());
        assert_eq!(seen.headers("Authorization"), [""; 0], "{authorization:?}");
    }
    assert_eq!(scene.sts.call_count(), 0);
    assert_bearer(&Seen::by_backend(recipe.get("/catalogue/").bearer(SOURCE).send()), SOURCE);

    // A request with a token that is no good is not anonymous.
    let requests = scene.backend.requests().len();
    recipe.get("/catalogue/").bearer("refuse").send().expect_status(401);
    recipe.get("/catalogue/").header("Authorization", "DPoP bound").send().expect_status(401);
    recipe.get("/catalogue/").bearer("status-500").send().expect_status(502);
    assert_eq!(scene.backend.requests().len(), requests);
}

#[test]
fn a_public_path_makes_no_exchange_and_passes_no_token_of_the_client() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Public paths");
    for request in [recipe.get("/public/a"), recipe.get("/public/a").bearer(SOURCE)] {
        assert_eq!(Seen::by_backend(request.send()).headers("Authorization"), [""; 0]);
    }
    assert_eq!(scene.sts.call_count(), 0);

    assert_bearer(&Seen::by_backend(recipe.get("/a").bearer(SOURCE).send()), SOURCE);
    let requests = scene.backend.requests().len();
    for target in ["/a", "/publicity", "/public/../a", "/public/%2e%2e/a"] {
        recipe.get(target).send().expect_status(401);
    }
    assert_eq!(scene.backend.requests().len(), requests);
}

#[test]
fn a_health_check_shows_whether_the_sts_gives_the_gateway_a_token() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "A health check of the STS");
    for _ in 0..3 {
        let response = recipe.get("/health/sts").send().expect_status(204);
        assert_eq!(response.header("STS-Error"), None);
    }
    let call = scene.only_call();
    assert_eq!(call.parameter("grant_type"), Some("client_credentials"));
    assert!(devsts::is_for(&scene.sts.issued()[0].target, CLIENT_ID));
    assert!(scene.backend.requests().is_empty());
    assert!(!recipe.nginx.error_log().contains("[warn]"), "{}", recipe.nginx.error_log());
}

#[test]
fn a_health_check_asks_the_sts_again_and_again() {
    let scene = Scene::new();
    let recipe = written(&scene, "A health check of the STS")
        .with("STSCacheExpiresIn 5;", "STSCacheExpiresIn 1;")
        .run();
    recipe.get("/health/sts").send().expect_status(204);
    scene.sts.script(When::any(), Script::new().reset());
    wait_for("the STS to be asked again", || {
        recipe.get("/health/sts").send().header("STS-Error") == Some("unreachable")
    });
}

#[test]
fn a_health_check_names_what_is_wrong_with_the_sts() {
    for (script, status, error) in [
        (Script::new().reset(), 502, "unreachable"),
        (Script::new().hang(), 504, "timeout"),
        (Script::new().answer(Answer::new(503)), 503, "busy"),
    ] {
        let scene = Scene::new();
        scene.sts.script(When::any(), script);
        let recipe = recipe(&scene, "A health check of the STS");
        let response = recipe.get("/health/sts").send().expect_status(status);
        assert_eq!(response.header("STS-Error"), Some(error));
    }
    // The STS does not know the gateway.
    let sts = Sts::builder().start().expect("an STS");
    let scene = Scene { sts, ..Scene::new() };
    let recipe = recipe(&scene, "A health check of the STS");
    let response = recipe.get("/health/sts").send().expect_status(502);
    assert_eq!(response.header("STS-Error"), Some("gateway_refused"));
}

#[test]
fn a_request_that_failed_is_told_by_one_that_did_not() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Whose requests fail");
    let token =
        format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"sub":"alice"}"#));
    let issued = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 300 });
    let down = Script::new().answer(Answer::json(500, &json!({})));
    scene.sts.script(When::subject(SOURCE).times(1), down);
    scene.sts.script(When::subject(SOURCE), Script::new().answer(Answer::json(200, &issued)));
    recipe.get("/orders/").bearer(SOURCE).send().expect_status(502);
    recipe.get("/orders/").bearer(SOURCE).send().expect_status(200);
    let log = || recipe.nginx.read("logs/access.log");
    wait_for("two lines", || log().lines().count() == 2);
    let lines: Vec<Value> =
        log().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [failed, served] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&failed["error"], &failed["user"]), (&json!("unreachable"), &json!("")));
    assert_eq!((&served["error"], &served["user"]), (&json!(""), &json!("alice")));
    assert_eq!(failed["key"], served["key"]);
    assert_eq!(served["key"].as_str().map(str::len), Some(12));
}
