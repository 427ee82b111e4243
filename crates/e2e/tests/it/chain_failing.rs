//! Each row of the table of failures, at either leg of a chain.

use devsts::{Answer, Script, When};
use e2e::faults::{DESCRIPTION, all_rows};
use e2e::nginx::Nginx;
use e2e::scene::{Scene, Seen};

const CHAIN: &str = r#"
    STSHTTPTimeOut 1;
    add_header Error $sts_error always;
    location @first { %%EXCHANGE%% STSRequestParameter audience first;
        STSVariables $source_token $first_token; }
    location / { %%EXCHANGE%% STSDependsOn @first; STSRequestParameter audience second;
        STSVariables $first_token $target_token; %%PASS%% }
    location /pass { %%EXCHANGE%% STSDependsOn @first; STSRequestParameter audience second;
        STSOnError pass; STSVariables $first_token $target_token; %%PASS%% }
"#;

/// The source token of a row; the first word keeps the STS from reading a wish in it.
fn user(row: &str) -> String {
    format!("user.{row}")
}

/// The table, where the leg with this audience fails for the user of each row.
fn start(scene: &Scene, audience: &'static str) -> Nginx {
    for row in all_rows() {
        let source = user(row.name);
        let is_of = move |subject: &str| match audience {
            "first" => subject == source,
            _ => devsts::is_for(subject, &source),
        };
        let when = When::matching(move |call| {
            call.parameter("audience") == Some(audience) && call.subject().is_some_and(&is_of)
        });
        scene.sts.script(when, row.script);
    }
    scene.nginx().server(CHAIN).start()
}

fn assert_table(audience: &'static str) {
    let scene = Scene::new();
    let nginx = start(&scene, audience);
    for row in all_rows() {
        let mark = nginx.mark_log();
        let response = nginx.get("/").bearer(user(row.name)).send();
        assert_eq!(response.status, row.status, "{audience} {}", row.name);
        assert_eq!(response.header("Error"), Some(row.error), "{audience} {}", row.name);
        let challenge = (row.status == 401).then_some("Bearer error=\"invalid_token\"");
        assert_eq!(response.header("WWW-Authenticate"), challenge, "{audience} {}", row.name);
        assert!(!response.text().contains(DESCRIPTION), "{audience} {}", row.name);
        // The same cause is logged once a second; then how many there were more.
        let lines = nginx.log_since(mark);
        let is_of_a_failure =
            |line: &&String| line.contains(", took ") && line.contains("failed: ");
        let lines: Vec<_> = lines.iter().filter(is_of_a_failure).collect();
        let names_leg = |line: &&String| line.contains("the exchange of \"@first\" failed");
        assert!(lines.iter().all(|line| names_leg(line) == (audience == "first")), "{lines:?}");
    }
    assert!(scene.backend.requests().is_empty());
    for row in all_rows() {
        let response = nginx.get("/pass").bearer(user(row.name)).send();
        assert_eq!(response.header("Error"), Some(row.error), "{audience} {}", row.name);
        assert_eq!(Seen::by_backend(response).token(), "", "{audience} {}", row.name);
    }
    let called = |name: &str| {
        let calls = scene.sts.calls();
        calls.iter().filter(|call| call.parameter("audience") == Some(name)).count()
    };
    if audience == "first" {
        assert_eq!(called("second"), 0, "without a source nothing is asked");
    } else {
        assert_eq!(called("first"), all_rows().len(), "each result of the first leg is kept");
    }
}

#[test]
fn every_failure_of_the_first_leg_has_its_row() {
    assert_table("first");
}

#[test]
fn every_failure_of_the_last_leg_has_its_row() {
    assert_table("second");
}

#[test]
fn a_result_that_a_lax_neighbour_has_kept_is_judged_by_what_holds_for_the_leg() {
    for (answer, lax) in [
        (
            r#"{"access_token":"T","token_type":"mac","expires_in":60}"#,
            "STSAcceptTokenType Bearer mac;",
        ),
        (
            r#"{"access_token":"T","token_type":"Bearer","expires_in":60,
                "issued_token_type":"urn:ietf:params:oauth:token-type:refresh_token"}"#,
            "STSExpect off;",
        ),
    ] {
        let scene = Scene::new();
        let first = When::matching(|call| call.parameter("audience") == Some("first"));
        let answer = Answer::new(200).header("Content-Type", "application/json").body(answer);
        scene.sts.script(first, Script::new().answer(answer));
        let lax = format!(
            "location /lax {{ %%EXCHANGE%% STSRequestParameter audience first; {lax}
                STSVariables $source_token $target_token; %%PASS%% }}"
        );
        let nginx = scene.nginx().server(CHAIN).server(&lax).start();
        assert_eq!(Seen::by_backend(nginx.get("/lax").bearer("alice").send()).token(), "T");
        assert_eq!(Seen::by_backend(nginx.get("/lax").bearer("alice").send()).token(), "T");
        assert_eq!(scene.sts.call_count(), 1);
        let response = nginx.get("/").bearer("alice").send().expect_status(502);
        assert_eq!(response.header("Error"), Some("bad_answer"));
        nginx.wait_for_log("the exchange of \"@first\" failed");
        assert_eq!(scene.sts.call_count(), 1, "neither leg is asked for");
    }
}
