//! The `WWW-Authenticate` of a 401, and which tokens are refused without a call.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use devsts::{Answer, Script, When};
use e2e::nginx::Nginx;
use e2e::scene::{Scene, Seen, assert_exchanged};
use serde_json::{Value, json};

fn start(scene: &Scene, more: &str) -> Nginx {
    scene.nginx().server(&format!("location / {{ %%OTX%% {more} %%PASS%% }}")).start()
}

/// The challenge of a request with this token; none when it is empty.
fn challenge(nginx: &Nginx, token: &str) -> Option<String> {
    let request = nginx.get("/").header("Host", "shop.example");
    let request = if token.is_empty() { request } else { request.bearer(token) };
    let response = request.send().expect_status(401);
    assert!(response.all("WWW-Authenticate").len() < 2);
    response.header("WWW-Authenticate").map(str::to_owned)
}

#[test]
fn by_default_the_challenge_is_bearer_with_an_error_only_for_a_token_that_came() {
    let scene = Scene::new();
    for more in ["", "STSChallenge on;"] {
        let nginx = start(&scene, more);
        assert_eq!(challenge(&nginx, "").as_deref(), Some("Bearer"));
        assert_eq!(challenge(&nginx, "refuse").as_deref(), Some("Bearer error=\"invalid_token\""));
    }
}

#[test]
fn the_challenge_can_be_switched_off() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSChallenge off;");
    assert_eq!(challenge(&nginx, ""), None);
    assert_eq!(challenge(&nginx, "refuse"), None);
}

#[test]
fn a_challenge_of_ones_own_may_hold_variables() {
    let scene = Scene::new();
    let own = r#"STSChallenge 'Bearer realm="$host", resource_metadata="https://$host/.well-known/oauth-protected-resource"';"#;
    let nginx = start(&scene, own);
    let expected = "Bearer realm=\"shop.example\", \
                    resource_metadata=\"https://shop.example/.well-known/oauth-protected-resource\"";
    assert_eq!(challenge(&nginx, "").as_deref(), Some(expected));
    let refused = challenge(&nginx, "refuse").unwrap_or_default();
    assert!(refused.starts_with(expected), "{refused}");
    assert!(refused.ends_with("error=\"invalid_token\""), "{refused}");
}

#[test]
fn a_challenge_cannot_be_broken_out_of() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSChallenge 'Bearer realm=\"$arg_realm\"';");
    let response = nginx.get("/?realm=a%0d%0aX-Forged:%20b").send().expect_status(401);
    assert_eq!(response.header("X-Forged"), None);
}

const CLAIMS: &str = r#"{"access_token":{"polids":{"essential":true,"values":["5"]}}}"#;

/// Has the STS say so of this token.
fn script(scene: &Scene, token: &str, members: &Value) {
    let answer = Answer::json(400, members);
    scene.sts.script(When::subject(token), Script::new().answer(answer));
}

/// With the words of people, which no client is to see.
fn script_steps(scene: &Scene) {
    let description = "AADSTS50079: enroll at <b>evil.example</b>";
    let authentication = json!({
        "error": "insufficient_user_authentication", "error_description": description,
        "acr_values": "urn:mfa urn:pin", "max_age": 300, "error_uri": "https://evil.example/",
    });
    script(scene, "stale", &authentication);
    let claims = json!({
        "error": "interaction_required", "error_description": description, "claims": CLAIMS,
        "error_codes": [50079], "suberror": "basic_action",
    });
    script(scene, "weak", &claims);
    let doubtful = json!({
        "error": "insufficient_user_authentication", "error_description": description,
        "acr_values": "a\", realm=\"evil", "max_age": 1,
    });
    script(scene, "doubtful", &doubtful);
}

#[test]
fn a_client_learns_what_it_has_to_do_and_nothing_else_of_what_the_sts_says() {
    let scene = Scene::new();
    script_steps(&scene);
    let more = "error_page 401 = @why;";
    let why = "location @why { add_header Error $sts_error always; return 401 no; }";
    let nginx =
        scene.nginx().server(&format!("location / {{ %%OTX%% {more} %%PASS%% }} {why}")).start();
    let authentication = "Bearer error=\"insufficient_user_authentication\"";
    let claims = STANDARD.encode(CLAIMS);
    for (token, expected) in [
        ("stale", format!("{authentication}, acr_values=\"urn:mfa urn:pin\", max_age=\"300\"")),
        ("weak", format!("Bearer error=\"insufficient_claims\", claims=\"{claims}\"")),
        ("doubtful", authentication.to_owned()),
    ] {
        let response = nginx.get("/").bearer(token).send().expect_status(401);
        assert_eq!(response.all("WWW-Authenticate"), [expected.as_str()], "{token}");
        assert_eq!(response.header("Error"), Some("step_up"), "{token}");
        assert!(!format!("{response:?}").contains("evil"), "{token}");
        assert_eq!(response.text(), "no", "{token}");
    }
    assert_eq!(scene.backend.call_count(), 0);
    let log = nginx.error_log();
    assert!(log.contains("step_up: HTTP 400, error \"interaction_required\""), "{log}");
    assert!(!log.contains("has not succeeded since"), "{log}");
}

#[test]
fn a_step_up_respects_what_is_said_of_challenges_and_statuses() {
    let scene = Scene::new();
    script_steps(&scene);
    let off = start(&scene, "STSChallenge off;");
    assert_eq!(challenge(&off, "stale"), None);
    let own = start(&scene, "STSChallenge 'Bearer realm=\"shop\"';");
    let expected = "Bearer realm=\"shop\", error=\"insufficient_user_authentication\", \
                    acr_values=\"urn:mfa urn:pin\", max_age=\"300\"";
    assert_eq!(challenge(&own, "stale").as_deref(), Some(expected));
    let statuses = start(&scene, "STSErrorStatus interaction_required 403;");
    let response = statuses.get("/").bearer("weak").send().expect_status(403);
    assert_eq!(response.header("WWW-Authenticate"), None);
    challenge(&statuses, "stale").expect("a challenge, as no status is set for this error");
}

#[test]
fn only_a_401_has_a_challenge() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSChallenge on;");
    for token in ["error-access_denied", "error-invalid_client", "status-500", "reset"] {
        let response = nginx.get("/").bearer(token).send();
        assert!(matches!(response.status, 403 | 502), "{token}: {}", response.status);
        assert_eq!(response.header("WWW-Authenticate"), None, "{token}");
    }
}

/// An unsigned JWT with these claims.
fn jwt(claims: &str) -> String {
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    format!("{}.{}.{}", part(r#"{"alg":"ES256"}"#), part(claims), part("no signature"))
}

#[test]
fn a_token_that_is_bound_to_a_key_is_refused_unless_that_is_allowed() {
    let scene = Scene::new();
    let strict = start(&scene, "");
    let also_strict = start(&scene, "STSBoundTokens refuse;");
    let lenient = start(&scene, "STSBoundTokens allow;");
    let bound =
        jwt(r#"{"sub":"alice","cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}"#);
    let plain = jwt(r#"{"sub":"alice"}"#);

    for nginx in [&strict, &also_strict] {
        let seen = challenge(nginx, &bound);
        assert_eq!(seen.as_deref(), Some("Bearer error=\"invalid_token\""));
    }
    assert_eq!(scene.sts.call_count(), 0);
    assert_exchanged(lenient.get("/").bearer(&bound).send(), &bound);
    assert_exchanged(strict.get("/").bearer(&plain).send(), &plain);
}

#[test]
fn a_token_that_came_with_the_scheme_dpop_is_refused_unless_that_is_allowed() {
    let scene = Scene::new();
    let map = r#"
        map $http_authorization $any_scheme { "~^\S+\s+(?<credentials>\S+)$" $credentials; }
        map $http_authorization $whole { default $http_authorization; }"#;
    let exchange = "
        STSType otx;
        STSOTXEndpoint %%STS%%;
        STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;";
    let server = "
        location / { %%EXCHANGE%% STSVariables $any_scheme $target_token; %%PASS%% }
        location /allowed {
            %%EXCHANGE%% STSVariables $any_scheme $target_token; STSBoundTokens allow; %%PASS%%
        }
        location /whole {
            %%EXCHANGE%% STSVariables $whole $target_token; %%PASS%%
        }";
    let nginx = scene.nginx().http(map).server(server).set("EXCHANGE", exchange).start();
    for scheme in ["DPoP", "dpop", "DPOP"] {
        for path in ["/", "/whole"] {
            let request = nginx.get(path).header("Authorization", format!("{scheme} alice"));
            let response = request.send().expect_status(401);
            let challenge = response.header("WWW-Authenticate");
            assert_eq!(challenge, Some("Bearer error=\"invalid_token\""), "{scheme} {path}");
        }
    }
    assert_eq!(scene.sts.call_count(), 0);
    let request = nginx.get("/allowed").header("Authorization", "DPoP alice");
    assert_exchanged(request.send(), "alice");
}

#[test]
fn a_bound_token_with_pass_goes_on_without_any_token() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSOnError pass;");
    let bound = jwt(r#"{"cnf":{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}}"#);
    let seen = Seen::by_backend(nginx.get("/").bearer(&bound).send());
    assert_eq!(seen.token(), "");
    assert_eq!(scene.sts.call_count(), 0);
}
