//! `STSExpect`: an answer is compared with the question, each time that its token is used.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::{Answer, Script, When};
use e2e::nginx::{Builder, Nginx};
use e2e::scene::{Scene, Seen};
use serde_json::{Value, json};

fn urn(short: &str) -> String {
    format!("urn:ietf:params:oauth:token-type:{short}")
}

fn jwt(claims: &Value) -> String {
    format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// An STS that answers every question with this, beside what each answer has.
fn sts(members: Value) -> Scene {
    let mut body = json!({ "access_token": "target", "token_type": "Bearer", "expires_in": 300 });
    if let (Value::Object(body), Value::Object(members)) = (&mut body, members) {
        body.extend(members);
    }
    let scene = Scene::new();
    scene.sts.script(When::any(), Script::new().answer(Answer::json(200, &body)));
    scene
}

/// A location for each expectation, all with the same question, in directives.
fn locations(question: &str, expectations: &[(&str, &str)]) -> String {
    let mut server = String::from(
        "add_header X-Sts-Status $sts_status always; add_header X-Sts-Error $sts_error always;",
    );
    for (path, expect) in expectations {
        server.push_str(&format!("location {path} {{ %%OTX%% {question} {expect} %%PASS%% }}\n"));
    }
    server
}

fn nginx(scene: &Scene, server: &str) -> Builder {
    scene.nginx().server(server)
}

/// The status of a request to a location, and how it came to its token.
#[track_caller]
fn get(nginx: &Nginx, path: &str) -> (u16, String) {
    let response = nginx.get(path).bearer("alice").send();
    let header = |name| response.header(name).unwrap_or_default().to_owned();
    let (status, error) = (header("X-Sts-Status"), header("X-Sts-Error"));
    match response.status {
        200 => assert_eq!(error, "", "{path}"),
        other => assert_eq!(
            (other, status.as_str(), error.as_str()),
            (502, "FAILED", "bad_answer"),
            "{path}"
        ),
    }
    (response.status, status)
}

const ALL: [(&str, &str); 4] = [
    ("/default", ""),
    ("/type", "STSExpect issued_token_type;"),
    ("/other", "STSExpect scope audience;"),
    ("/off", "STSExpect off;"),
];

#[test]
fn a_refresh_or_id_token_that_was_not_asked_for_goes_no_further_and_is_not_kept() {
    for kind in ["refresh_token", "id_token"] {
        let scene = sts(json!({ "issued_token_type": urn(kind) }));
        let nginx = nginx(&scene, &locations("", &ALL)).workers(2).start();
        for path in ["/default", "/type", "/default"] {
            let calls = scene.sts.call_count();
            assert_eq!(get(&nginx, path).0, 502, "{kind} {path}");
            assert_eq!(scene.sts.call_count(), calls + 1, "{kind} {path}: it is not kept");
        }
        let line = nginx.wait_for_log("failed: bad_answer");
        assert!(line.contains("requested_token_type") && line.contains("STSExpect"), "{line}");
        assert!(scene.backend.requests().is_empty());
        // Where it is let through it is kept, and of no use to a strict neighbour all the same.
        let calls = scene.sts.call_count();
        assert_eq!(get(&nginx, "/off"), (200, "MISS".to_owned()));
        for _ in 0..8 {
            assert_eq!(get(&nginx, "/other"), (200, "HIT".to_owned()));
            assert_eq!(get(&nginx, "/default").0, 502, "{kind}");
        }
        nginx.reload();
        assert_eq!(get(&nginx, "/off"), (200, "HIT".to_owned()));
        assert_eq!(get(&nginx, "/type").0, 502, "{kind}");
        assert_eq!(scene.sts.call_count(), calls + 1, "{kind}");
        assert!(scene.backend.requests().iter().all(|request| request.path() != "/type"));
    }
}

#[test]
fn the_type_has_to_be_the_one_that_was_asked_for() {
    for (asked, issued, status) in [
        ("", "access_token", 200),
        ("", "jwt", 200),
        ("", "saml2", 200),
        ("access_token", "jwt", 200),
        ("jwt", "access_token", 200),
        ("id_token", "id_token", 200),
        ("id_token", "access_token", 502),
        ("access_token", "refresh_token", 502),
        ("saml2", "saml1", 502),
        ("urn:example:own", "access_token", 502),
    ] {
        let scene = sts(json!({ "issued_token_type": urn(issued) }));
        let question = match asked {
            "" => String::new(),
            asked => format!("STSRequestParameter requested_token_type {asked};"),
        };
        let nginx = nginx(&scene, &locations(&question, &ALL)).start();
        assert_eq!(get(&nginx, "/default").0, status, "{asked} {issued}");
        assert_eq!(get(&nginx, "/off").0, 200, "{asked} {issued}");
    }
    // Many servers do not say it.
    let scene = sts(json!({}));
    let question = "STSRequestParameter requested_token_type saml2;";
    let nginx = nginx(&scene, &locations(question, &ALL)).start();
    assert_eq!(get(&nginx, "/default").0, 200);
}

const LISTED: [(&str, &str); 5] = [
    ("/default", ""),
    ("/audience", "STSExpect audience;"),
    ("/scope", "STSExpect scope;"),
    ("/both", "STSExpect audience scope issued_token_type subject;"),
    ("/off", "STSExpect off;"),
];

#[test]
fn the_audience_and_the_scope_are_what_was_asked_for_where_that_is_set() {
    let question = "STSRequestParameter audience orders;
        STSRequestParameter resource https://orders.example/;
        STSRequestParameter scope 'read write';";
    let both = json!(["https://orders.example/", "account", "orders"]);
    for (members, audience, scope) in [
        (json!({ "access_token": jwt(&json!({ "aud": both })) }), 200, 200),
        (
            json!({ "access_token": jwt(&json!({ "aud": both, "scope": "read write x" })) }),
            200,
            200,
        ),
        (json!({ "access_token": jwt(&json!({ "aud": both, "scp": ["read"] })) }), 200, 502),
        (json!({ "access_token": jwt(&json!({ "aud": both })), "scope": "write" }), 200, 502),
        (json!({ "access_token": jwt(&json!({ "aud": "orders" })) }), 502, 200),
        (json!({ "access_token": jwt(&json!({ "aud": ["other"], "scope": "read" })) }), 502, 502),
        (json!({ "access_token": jwt(&json!({})) }), 502, 200),
        // An opaque token says nothing of its audience, and its answer may leave the scope out.
        (json!({}), 502, 200),
        (json!({ "scope": "read write" }), 502, 200),
        (json!({ "scope": "read" }), 502, 502),
        (json!({ "scope": ["read", "write"] }), 502, 502),
    ] {
        let expected = [200, audience, scope, audience.max(scope), 200];
        // Whichever of them calls first.
        for first in 0..LISTED.len() {
            let scene = sts(members.clone());
            let nginx = nginx(&scene, &locations(question, &LISTED)).start();
            for index in (first..LISTED.len()).chain(0..first) {
                let (path, _) = LISTED[index];
                assert_eq!(get(&nginx, path).0, expected[index], "{path} {members}");
            }
            // Only what the one that calls does not expect is asked for again.
            let refused = (first..LISTED.len()).chain(0..first);
            let refused = refused.take_while(|index| expected[*index] == 502).count() as u64;
            assert_eq!(scene.sts.call_count(), refused + 1, "{first} {members}");
        }
    }
}

#[test]
fn both_syntaxes_expect_the_same_of_every_type() {
    let scene = sts(json!({ "access_token": jwt(&json!({ "aud": "other" })) }));
    let server = "
        location /directives/cc { STSType cc; STSEndpoint %%STS%%; STSRequestParameter audience orders;
            STSExpect audience; STSVariables $target_token; %%PASS%% }
        location /option/cc { STSExchange cc %%STS%% audience=orders&expect=audience;
            STSVariables $target_token; %%PASS%% }
        location /directives/jwt_bearer { STSType jwt_bearer; STSEndpoint %%STS%%;
            STSRequestParameter audience orders; STSExpect audience;
            STSVariables $source_token $target_token; %%PASS%% }
        location /option/jwt_bearer {
            STSExchange jwt_bearer %%STS%% audience=orders&expect=audience+scope;
            STSVariables $source_token $target_token; %%PASS%% }
        location /inherited { STSExpect audience; location /inherited/lax {
            STSExpect off; STSExchange otx %%STS%% audience=orders;
            STSVariables $source_token $target_token; %%PASS%% }
            location /inherited/strict { STSExchange otx %%STS%% audience=orders;
            STSVariables $source_token $target_token; %%PASS%% } }";
    let nginx = nginx(&scene, server).start();
    for path in ["/directives/cc", "/option/cc", "/directives/jwt_bearer", "/option/jwt_bearer"] {
        assert_eq!(nginx.get(path).bearer("alice").send().status, 502, "{path}");
    }
    assert_eq!(nginx.get("/inherited/lax").bearer("alice").send().status, 200);
    assert_eq!(nginx.get("/inherited/strict").bearer("alice").send().status, 502);
    nginx.wait_for_log("the token does not say that it is for the audience");
    nginx.allow_in_log("[error]");
}

#[test]
fn where_errors_pass_what_is_not_expected_passes_as_nothing() {
    let scene = sts(
        json!({ "issued_token_type": urn("refresh_token"), "access_token": "a-refresh-token" }),
    );
    let server = locations("", &[("/", "STSOnError pass;")]);
    let nginx = nginx(&scene, &server).start();
    let response = nginx.get("/").bearer("alice").send();
    assert_eq!(response.header("X-Sts-Error"), Some("bad_answer"));
    assert_eq!(Seen::by_backend(response).token(), "");
    nginx.forbid_in_log("a-refresh-token");
}
