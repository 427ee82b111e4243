//! What the client sees when it does not work: each row of the manual's table, with both policies,
//! and with an error page outside and inside of what the exchange protects.

use devsts::{Answer, Script, When};
use e2e::faults::{DESCRIPTION, Row, all_rows};
use e2e::nginx::Nginx;
use e2e::response::Response;
use e2e::scene::{Scene, Seen, assert_exchanged};

const FACTS: &str = "
    add_header X-Sts-Status $sts_status always;
    add_header X-Sts-Error $sts_error always;
";

/// The same exchange with each policy, and with error pages in several places.
const SERVER: &str = "
    %%OTX%%
    STSHTTPTimeOut 1;
    %%FACTS%%
    location /return { %%PASS%% }
    location /pass { STSOnError pass; %%PASS%% }
    location /outside { %%PAGES%% /open-error; %%PASS%% }
    location /inside { %%PAGES%% /error.html; %%PASS%% }
    location /named { %%PAGES%% @closed-error; %%PASS%% }
    location /proxied { %%PAGES%% /from-backend; %%PASS%% }
    location /open-error { STSType disabled; return 200 open; }
    location @closed-error { return 200 closed; }
    location /from-backend { STSType disabled; %%PASS%% }
    location /error.html { }
";

fn start(scene: &Scene) -> Nginx {
    for row in all_rows() {
        scene.sts.script(When::subject(row.name), row.script);
    }
    let nginx = scene.nginx().server(SERVER).set("FACTS", FACTS).file("html/error.html", "sorry\n");
    nginx.set("PAGES", "error_page 401 403 502 503 504").forbid_in_log("a-query").start()
}

/// The client is told nothing that the STS said.
#[track_caller]
fn assert_discreet(response: &Response, row: &Row) {
    let mut said = response.text();
    for (name, value) in &response.headers {
        said.push_str(&format!("{name}: {value}\n"));
    }
    assert!(!said.contains(DESCRIPTION), "{}: {said}", row.name);
    assert!(!said.contains("127.0.0.1"), "{}: {said}", row.name);
}

#[track_caller]
fn assert_facts(response: &Response, status: &str, error: &str) {
    assert_eq!(response.header("X-Sts-Status").unwrap_or_default(), status);
    assert_eq!(response.header("X-Sts-Error").unwrap_or_default(), error);
}

#[test]
fn with_return_the_client_gets_the_status_of_the_table() {
    let scene = Scene::new();
    let nginx = start(&scene);
    for row in all_rows() {
        let response = nginx.get("/return?a-query").bearer(row.name).send();
        assert_eq!(response.status, row.status, "{}", row.name);
        assert_facts(&response, "FAILED", row.error);
        assert_discreet(&response, &row);
        let challenge = response.header("WWW-Authenticate");
        if row.status == 401 {
            assert_eq!(challenge, Some("Bearer error=\"invalid_token\""), "{}", row.name);
        } else {
            assert_eq!(challenge, None, "{}", row.name);
        }
    }
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn with_pass_the_request_goes_on_without_any_token() {
    let scene = Scene::new();
    let nginx = start(&scene);
    for row in all_rows() {
        let response = nginx.get("/pass?a-query").bearer(row.name).send();
        assert_facts(&response, "PASSED", row.error);
        assert_eq!(response.header("WWW-Authenticate"), None);
        let seen = Seen::by_backend(response);
        assert_eq!(seen.token(), "", "{}", row.name);
        assert_eq!(seen.header("Authorization"), None, "{}", row.name);
    }
}

#[test]
fn an_error_page_outside_of_the_exchange_is_shown() {
    let scene = Scene::new();
    let nginx = start(&scene);
    for row in all_rows() {
        let response = nginx.get("/outside?a-query").bearer(row.name).send();
        assert_eq!(response.status, row.status, "{}", row.name);
        assert_eq!(response.text(), "open", "{}", row.name);
    }
    assert_eq!(scene.sts.call_count(), all_rows().len() as u64);
}

#[test]
fn an_error_page_within_the_exchange_is_shown_without_another_call() {
    let scene = Scene::new();
    let nginx = start(&scene);
    for row in all_rows() {
        let response = nginx.get("/inside?a-query").bearer(row.name).send();
        assert_eq!(response.status, row.status, "{}", row.name);
        assert_eq!(response.text(), "sorry\n", "{}", row.name);
        assert_facts(&response, "FAILED", row.error);
        assert_eq!(response.header("WWW-Authenticate").is_some(), row.status == 401);
    }
    assert_eq!(scene.sts.call_count(), all_rows().len() as u64);
}

#[test]
fn an_error_page_may_be_a_named_location_or_proxied_and_gets_no_token() {
    let scene = Scene::new();
    let nginx = start(&scene);
    for row in all_rows().into_iter().filter(|row| row.name != "hang") {
        let response = nginx.get("/named").bearer(row.name).send();
        assert_eq!((response.status, response.text().as_str()), (row.status, "closed"));
        let response = nginx.get("/proxied").bearer(row.name).send();
        assert_eq!(response.status, row.status, "{}", row.name);
        let seen = response.json();
        assert_eq!(seen["uri"], "/from-backend");
        assert!(seen["headers"].to_string().contains("\"STS_COOKIE=\""), "{seen}");
    }
}

#[test]
fn a_missing_token_is_401_with_a_challenge_and_no_error_code() {
    let scene = Scene::new();
    let nginx = start(&scene);
    for (path, body) in
        [("/return", None), ("/outside", Some("open")), ("/inside", Some("sorry\n"))]
    {
        let response = nginx.get(path).send().expect_status(401);
        assert_eq!(response.header("WWW-Authenticate"), Some("Bearer"), "{path}");
        assert_eq!(response.all("WWW-Authenticate").len(), 1);
        if path != "/outside" {
            assert_facts(&response, "FAILED", "missing_token");
        }
        assert!(body.is_none_or(|body| body == response.text()), "{path}");
    }
    let response = nginx.get("/pass").send();
    assert_facts(&response, "PASSED", "missing_token");
    assert_eq!(Seen::by_backend(response).token(), "");
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn every_method_is_refused_alike_and_the_connection_stays_usable() {
    let scene = Scene::new();
    let nginx = start(&scene);
    let mut connection = nginx.connect();
    for method in ["GET", "HEAD", "OPTIONS", "DELETE", "POST", "PUT"] {
        let body = if matches!(method, "POST" | "PUT") { "a body" } else { "" };
        let request = nginx.request(method, "/return").body(body);
        request.send_on(&mut connection).expect_status(401);
    }
    assert_exchanged(nginx.get("/return").bearer("alice").send_on(&mut connection), "alice");
}

#[test]
fn on_missing_decides_on_requests_without_a_token_and_on_no_others() {
    let scene = Scene::new();
    let server = "
        %%OTX%%
        location /1 { %%PASS%% }
        location /2 { STSOnError pass; %%PASS%% }
        location /3 { STSOnMissing pass; %%PASS%% }
        location /4 { STSOnError pass; STSOnMissing return; %%PASS%% }
        location /5 { STSOnError return; STSOnMissing return; %%PASS%% }
        location /6 { STSOnError pass; STSOnMissing pass; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    let seen: Vec<_> = (1..=6)
        .map(|number| {
            let path = format!("/{number}");
            let missing = nginx.get(&path).send().status;
            let refused = nginx.get(&path).bearer("refuse").send().status;
            (missing, refused)
        })
        .collect();
    let expected = [(401, 401), (200, 200), (200, 401), (401, 200), (401, 401), (200, 200)];
    assert_eq!(seen, expected);
}

#[test]
fn retry_after_is_carried_over_when_it_is_one() {
    let scene = Scene::new();
    let nginx = start(&scene);
    let date = "Wed, 21 Oct 2037 07:28:00 GMT";
    let rows = [
        (429, Some("7"), Some("7")),
        (503, Some("120"), Some("120")),
        (503, Some(date), Some(date)),
        (503, None, None),
        (429, Some("soon; or later"), None),
        (503, Some("-1"), None),
        (500, Some("7"), None),
    ];
    for (number, (status, given, carried)) in rows.into_iter().enumerate() {
        let user = format!("user-{number}");
        let mut answer = Answer::new(status);
        if let Some(value) = given {
            answer = answer.header("Retry-After", value);
        }
        scene.sts.script(When::subject(&user), Script::new().answer(answer));
        let response = nginx.get("/return").bearer(&user).send();
        assert_eq!(response.status, if status == 500 { 502 } else { 503 });
        assert_eq!(response.header("Retry-After"), carried, "{given:?}");
    }
}

#[test]
fn nothing_is_told_of_an_exchange_where_there_is_none() {
    let scene = Scene::new();
    let server = "location / { %%FACTS%% return 200 open; }";
    let nginx = scene.nginx().server(server).set("FACTS", FACTS).start();
    let response = nginx.get("/").bearer("alice").send().expect_status(200);
    assert_eq!(response.header("X-Sts-Status"), None);
    assert_eq!(response.header("X-Sts-Error"), None);
}

#[test]
fn a_success_is_told_as_a_miss_without_error() {
    let scene = Scene::new();
    let nginx = start(&scene);
    let response = nginx.get("/return").bearer("alice").send();
    assert_facts(&response, "MISS", "");
    assert_exchanged(response, "alice");
}

#[test]
fn the_access_log_has_status_and_error_also_of_what_was_refused() {
    let scene = Scene::new();
    let log = "log_format sts '$uri [$sts_status] [$sts_error] $status';
               access_log %%PREFIX%%/sts.log sts;";
    let server = "
        %%OTX%%
        location / { %%PASS%% }
        location /pass { STSOnError pass; %%PASS%% }
        location /open { STSType disabled; return 200 open; }
        location /page { error_page 401 /error.html; %%PASS%% }
        location /error.html { }";
    let nginx = scene.nginx().http(log).server(server).file("html/error.html", "sorry").start();

    nginx.get("/a").bearer("alice").send();
    nginx.get("/b").send();
    nginx.get("/pass").bearer("refuse").send();
    nginx.get("/open").send();
    nginx.get("/page").bearer("refuse.bob").send();

    e2e::wait::wait_for("the log", || nginx.read("sts.log").lines().count() == 5);
    let log = nginx.read("sts.log").replace("[-]", "[]");
    let expected = "/a [MISS] [] 200\n/b [FAILED] [missing_token] 401\n\
                    /pass [PASSED] [refused] 200\n/open [] [] 200\n\
                    /error.html [FAILED] [refused] 401\n";
    assert_eq!(log, expected);
}

#[test]
fn an_error_page_may_send_the_client_to_sign_in() {
    let scene = Scene::new();
    let server = "
        location / {
            %%OTX%%
            error_page 401 =302 https://login.example/?from=$uri;
            %%PASS%%
        }";
    let nginx = scene.nginx().server(server).start();
    for request in [nginx.get("/page"), nginx.get("/page").bearer("refuse")] {
        let response = request.send().expect_status(302);
        assert_eq!(response.header("Location"), Some("https://login.example/?from=/page"));
    }
}
