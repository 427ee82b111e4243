//! Programs that look at a request before its exchange.

use devsts::{Answer, Backend, Script, When, is_for};
use e2e::scene::{Scene, Seen};

use super::run::{Recipe, SOURCE, assert_bearer, recipe, written};

const SESSION: &str = "_oauth2_proxy=the-session";

#[test]
fn the_token_that_oauth2_proxy_sends_is_exchanged_and_stripped() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Behind oauth2-proxy");
    let request = recipe.get("/").header("X-Forwarded-Access-Token", SOURCE);
    let request = request.header("Authorization", "Bearer an-id-token").header("Cookie", SESSION);
    let seen = Seen::by_backend(request.send());
    assert_bearer(&seen, SOURCE);
    for name in ["X-Forwarded-Access-Token", "Cookie"] {
        assert_eq!(seen.headers(name), [""; 0], "{name}");
    }
    let call = scene.only_call();
    assert_eq!(call.subject(), Some(SOURCE));
    assert_eq!(call.parameter("audience"), Some("orders"));

    // No session, a token that is no good, and two of them.
    recipe.get("/").bearer("an-id-token").send().expect_status(401);
    let get = || recipe.get("/").header("X-Forwarded-Access-Token", "refuse");
    get().send().expect_status(401);
    get().header("X-Forwarded-Access-Token", SOURCE).send().expect_status(400);
    assert_eq!(scene.backend.requests().len(), 1);
}

/// oauth2-proxy, as far as NGINX sees it: it knows one session.
fn oauth2_proxy(token: Option<&str>) -> Backend {
    let proxy = Backend::start().expect("a program");
    let accepted = Answer::new(202).header("Set-Cookie", "_oauth2_proxy=renewed; HttpOnly");
    let accepted = match token {
        Some(token) => accepted.header("X-Auth-Request-Access-Token", token),
        None => accepted,
    };
    let knows =
        |call: &devsts::Call| call.header("cookie").is_some_and(|all| all.contains(SESSION));
    let asked = |call: &devsts::Call| call.path() == "/oauth2/auth";
    proxy.script(
        When::matching(move |call| asked(call) && knows(call)),
        Script::new().answer(accepted),
    );
    proxy.script(When::matching(asked), Script::new().answer(Answer::new(401)));
    proxy
}

fn by_auth_request(scene: &Scene, proxy: &Backend) -> Recipe {
    written(scene, "oauth2-proxy by auth_request")
        .with("http://127.0.0.1:4180", &proxy.url(""))
        .run()
}

#[test]
fn the_token_of_a_session_of_oauth2_proxy_is_exchanged() {
    let (scene, proxy) = (Scene::new(), oauth2_proxy(Some(SOURCE)));
    let recipe = by_auth_request(&scene, &proxy);
    // What a client may send in order to be taken for another user.
    let forged = ["X-Auth-Request-Access-Token", "X-Forwarded-Access-Token"];
    let request = recipe.post("/orders?a=b", "c=d").header("Cookie", SESSION).bearer("forged");
    let request = forged.iter().fold(request, |request, name| request.header(name, "forged"));
    let response = request.send();
    assert_eq!(response.header("Set-Cookie"), Some("_oauth2_proxy=renewed; HttpOnly"));
    let seen = Seen::by_backend(response);
    assert_bearer(&seen, SOURCE);
    assert_eq!((seen.uri().as_str(), seen.body().as_str()), ("/orders?a=b", "c=d"));
    assert_eq!(seen.headers("Cookie"), [""; 0]);
    let call = scene.only_call();
    assert_eq!((call.subject(), call.parameter("audience")), (Some(SOURCE), Some("orders")));
    // The place where oauth2-proxy is asked is none that a client can ask.
    recipe.get("/oauth2/auth").header("Cookie", SESSION).send().expect_status(404);
    recipe.get("/oauth2/start?rd=/").send().expect_status(200);
    // oauth2-proxy makes its own addresses of what it is told of the client's request.
    let [question, start] = &proxy.requests()[..] else { panic!("not two requests") };
    assert!(question.body.is_empty());
    for (request, name, uri) in [
        (question, "X-Forwarded-Uri", "/orders?a=b"),
        (start, "X-Auth-Request-Redirect", "/oauth2/start?rd=/"),
    ] {
        assert_eq!(request.header(name).as_deref(), Some(uri));
        assert_eq!(request.header("Host").as_deref(), Some("localhost"));
        assert_eq!(request.header("X-Real-IP").as_deref(), Some("127.0.0.1"));
    }
}

#[test]
fn a_request_without_a_session_is_sent_to_sign_in() {
    let (scene, proxy) = (Scene::new(), oauth2_proxy(Some(SOURCE)));
    let recipe = by_auth_request(&scene, &proxy);
    for request in [recipe.get("/orders?a=b"), recipe.get("/orders?a=b").bearer("forged")] {
        let response = request.send().expect_status(302);
        let location = response.header("Location").unwrap_or_default();
        assert!(location.ends_with("/oauth2/start?rd=/orders?a=b"), "{location}");
    }
    assert_eq!(scene.sts.call_count(), 0);
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn a_session_whose_token_the_sts_refuses_is_not_sent_round_in_circles() {
    for (token, calls) in [(Some("refuse"), 1), (None, 0)] {
        let (scene, proxy) = (Scene::new(), oauth2_proxy(token));
        let recipe = by_auth_request(&scene, &proxy);
        recipe.get("/orders").header("Cookie", SESSION).send().expect_status(403);
        assert_eq!(scene.sts.call_count(), calls);
        assert!(scene.backend.requests().is_empty());
    }
    let (scene, proxy) = (Scene::new(), oauth2_proxy(Some("status-500")));
    let recipe = by_auth_request(&scene, &proxy);
    recipe.get("/orders").header("Cookie", SESSION).send().expect_status(502);
}

#[test]
fn a_token_that_the_verifier_refuses_never_gets_to_the_sts() {
    let scene = Scene::new();
    let verifier = Backend::start().expect("a verifier");
    let is_forged = |call: &devsts::Call| {
        call.header("authorization").is_none_or(|token| token.contains("forged"))
    };
    let challenge = "Bearer realm=\"verifier\"";
    let refused = Answer::new(401).header("WWW-Authenticate", challenge);
    verifier.script(When::matching(is_forged), Script::new().answer(refused));
    verifier.script(
        When::matching(|call| call.header("authorization").is_some_and(|t| t.contains("broken"))),
        Script::new().answer(Answer::new(503)),
    );
    let recipe = written(&scene, "A check of the token before the exchange")
        .with("http://127.0.0.1:9000/verify", &verifier.url("/verify"))
        .run();

    let request = recipe.post("/", "a=b").bearer(SOURCE).header("Cookie", "session=1");
    let seen = Seen::by_backend(request.send());
    assert_bearer(&seen, SOURCE);
    assert_eq!(seen.body(), "a=b");
    let question = verifier.requests().pop().expect("a question");
    assert_eq!(question.header("Authorization"), Some(format!("Bearer {SOURCE}")));
    assert_eq!((question.header("Cookie"), question.body.is_empty()), (None, true));

    for request in [recipe.get("/").bearer("forged"), recipe.get("/")] {
        let response = request.send().expect_status(401);
        assert_eq!(response.header("WWW-Authenticate"), Some(challenge));
    }
    recipe.get("/").bearer("broken").send().expect_status(500);
    recipe.get("/verify").bearer(SOURCE).send().expect_status(404);
    assert_eq!(scene.sts.call_count(), 1);
    // Revoked, although its exchange is in the cache.
    verifier.script(When::any(), Script::new().answer(Answer::new(401)));
    assert!(is_for(&scene.sts.issued()[0].target, SOURCE));
    assert_eq!(scene.backend.requests().len(), 1);
}
