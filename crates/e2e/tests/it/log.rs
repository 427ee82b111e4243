//! What stands in the error log: one line a failure, and no secret.

use devsts::{Answer, Script, When};
use e2e::nginx::{LogMark, Nginx};
use e2e::scene::{Scene, assert_exchanged};
use serde_json::json;

/// The lines of the module since then, but for those about calls.
fn own_lines(nginx: &Nginx, mark: LogMark) -> Vec<String> {
    nginx.log_since(mark).into_iter().filter(is_of_a_failure).collect()
}

/// Each call is a line as well.
#[expect(clippy::ptr_arg, reason = "a test of an iterator over lines")]
fn is_of_a_failure(line: &String) -> bool {
    line.contains("sts: ") && !line.contains("\": call ")
}

fn start(scene: &Scene, more: &str) -> Nginx {
    let server = format!("location / {{ %%OTX%% STSHTTPTimeOut 1; {more} %%PASS%% }}");
    scene.nginx().server(&server).start()
}

#[test]
fn each_failure_is_one_line_that_says_where_and_why() {
    let scene = Scene::new();
    let nginx = start(&scene, "");
    let refused = Answer::oauth_error(400, "invalid_grant", "the token has expired");
    scene.sts.script(When::subject("source-1"), Script::new().answer(refused));
    scene.sts.script(When::subject("source-2"), Script::new().answer(Answer::new(404)));
    scene.sts.script(When::subject("source-3"), Script::new().reset());
    scene.sts.script(When::subject("source-4"), Script::new().hang());
    let expected: [(u16, &[&str]); 4] = [
        (401, &["refused", "invalid_grant", "the token has expired"]),
        (502, &["gateway_refused", "404"]),
        (502, &["unreachable"]),
        (504, &["timeout"]),
    ];
    let authority = format!("127.0.0.1:{}", scene.sts.port());
    for (number, (status, parts)) in (1..).zip(expected) {
        let mark = nginx.mark_log();
        let request = nginx.get("/some/path?some=query").bearer(format!("source-{number}"));
        let mut connection = request.start();
        let client = connection.local_address();
        connection.read_response().expect_status(status);

        let lines = own_lines(&nginx, mark);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = lines.first().cloned().unwrap_or_default();
        for part in parts.iter().chain(&[authority.as_str(), "GET", "/some/path", " ms"]) {
            assert!(line.contains(part), "no {part:?} in {line}");
        }
        assert!(line.contains(&client.ip().to_string()), "{line}");
    }
    nginx.forbid_in_log("source-");
    nginx.forbid_in_log("some=query");
}

#[test]
fn a_missing_token_is_one_line_and_no_error() {
    let scene = Scene::new();
    let nginx = start(&scene, "");
    let mark = nginx.mark_log();
    nginx.get("/some/path?some=query").send().expect_status(401);
    let lines = own_lines(&nginx, mark);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains("[error]")), "{lines:?}");
    nginx.forbid_in_log("some=query");
}

#[test]
fn with_pass_a_failure_is_a_line_as_well() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSOnError pass;");
    let mark = nginx.mark_log();
    nginx.get("/").bearer("refuse").send().expect_status(200);
    assert_eq!(own_lines(&nginx, mark).len(), 1);
}

#[test]
fn a_success_is_a_line_at_level_info_about_its_call_and_no_other() {
    let scene = Scene::new();
    let nginx = start(&scene, "");
    let mark = nginx.mark_log();
    assert_exchanged(nginx.get("/?some=query").bearer("source-token").send(), "source-token");
    assert!(own_lines(&nginx, mark).is_empty());
    let lines = nginx.log_since(mark);
    let calls: Vec<_> = lines.iter().filter(|line| line.contains("\": call ")).collect();
    assert_eq!(calls.len(), 1, "{lines:?}");
    let call = format!("sts: otx exchange at \"{}\": call ok, took ", scene.sts.endpoint());
    assert!(calls[0].contains("[info]") && calls[0].contains(&call), "{calls:?}");
    nginx.forbid_in_log("source-token");
    nginx.forbid_in_log("some=query");
    for issued in scene.sts.issued() {
        nginx.forbid_in_log(&issued.target);
    }
}

#[test]
fn what_the_sts_says_is_cut_short_and_starts_no_line() {
    let scene = Scene::new();
    let nginx = start(&scene, "");
    let long = "0123456789".repeat(400);
    let answers = [
        json!({"error": "invalid_grant", "error_description": "a\n2026/01/01 forged\r\u{1b}[2Jb"}),
        json!({"error": "invalid_grant\nforged", "error_description": "x"}),
        json!({"error": "invalid_grant", "error_description": long}),
        json!({"error": long, "error_description": long, "error_uri": long}),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let user = format!("user-{number}");
        scene.sts.script(When::subject(&user), Script::new().answer(Answer::json(400, &answer)));
        let mark = nginx.mark_log();
        nginx.get("/").bearer(&user).send();
        let lines = nginx.log_since(mark);
        assert_eq!(own_lines(&nginx, mark).len(), 1, "{lines:?}");
        assert!(!lines.iter().any(|line| line.trim_start().starts_with("forged")), "{lines:?}");
        assert!(!lines.iter().any(|line| line.starts_with("2026/01/01 forged")), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains('\u{1b}') || line.contains('\r')));
        assert!(lines.iter().all(|line| line.len() < 1500), "{lines:?}");
    }
}

#[test]
fn a_token_that_the_sts_repeats_in_its_answer_is_not_logged() {
    let scene = Scene::new();
    let nginx = start(&scene, "");
    let source = "a-source-token-that-the-sts-repeats";
    let answer = Answer::oauth_error(400, "invalid_grant", &format!("token {source} is expired"));
    scene.sts.script(When::any(), Script::new().answer(answer));
    nginx.forbid_in_log(source);
    nginx.get("/").bearer(source).send().expect_status(401);
}

#[test]
fn an_answer_that_cannot_be_read_is_not_quoted() {
    let scene = Scene::new();
    let nginx = start(&scene, "");
    let secret = "target-token-in-a-broken-answer";
    let bodies = [
        format!("{{\"access_token\":\"{secret}\""),
        format!("access_token={secret}"),
        format!("{{\"access_token\":\"{secret}\",\"token_type\":\"mac\"}}"),
        format!("{{\"access_token\":\"{secret}\\n\"}}"),
    ];
    nginx.forbid_in_log(secret);
    for (number, body) in bodies.into_iter().enumerate() {
        let user = format!("user-{number}");
        let answer = Answer::new(200).header("Content-Type", "application/json").body(body);
        scene.sts.script(When::subject(&user), Script::new().answer(answer));
        nginx.get("/").bearer(&user).send().expect_status(502);
    }
}

#[test]
fn the_modules_own_debug_lines_have_no_token_either() {
    let scene = Scene::new();
    let server = "location / { %%OTX%% %%PASS%% }";
    let nginx = scene.nginx().server(server).debug_log();
    // NGINX's own debug lines do have the headers that go to the backend.
    let nginx = nginx.start();
    assert_exchanged(nginx.get("/").bearer("source-token").send(), "source-token");
    nginx.get("/").bearer("refuse.source-token").send().expect_status(401);

    let target = devsts::target_for("source-token", 1);
    for line in nginx.error_log().lines().filter(|line| line.contains("sts: ")) {
        assert!(!line.contains("source-token") && !line.contains(&target), "{line}");
    }
}
