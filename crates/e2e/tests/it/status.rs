//! `STSStatus` and `STSName`: what is counted, and how it is shown.
#![expect(clippy::indexing_slicing, clippy::panic, reason = "a test reports by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use devsts::{Answer, Script, When};
use e2e::nginx::Nginx;
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::wait_for;
use serde_json::{Value, json};

/// Locations that show the counters, for those on this machine.
const STATUS: &str = "location = /sts { allow 127.0.0.1; deny all; STSStatus; }";

fn status(nginx: &Nginx) -> Value {
    nginx.get("/sts?format=json").send().expect_status(200).json()
}

fn exchange(nginx: &Nginx, name: &str) -> Value {
    let status = status(nginx);
    let exchanges = status["exchanges"].as_array().cloned().unwrap_or_default();
    let found = exchanges.into_iter().find(|one| one["name"] == *name);
    found.unwrap_or_else(|| panic!("no exchange {name:?} in {status}"))
}

/// The numbers of an object that are not 0.
fn counted(object: &Value) -> Value {
    let all = object.as_object().cloned().unwrap_or_default();
    Value::Object(all.into_iter().filter(|(_, number)| *number != 0).collect())
}

#[test]
fn each_outcome_is_counted_under_the_name_of_its_exchange() {
    let scene = Scene::new();
    let server = format!(
        "{STATUS}
        location /orders {{ %%OTX%% STSName orders; STSHTTPTimeOut 1; STSBypass $arg_by; %%PASS%% }}
        location /pass {{ %%OTX%% STSName pass; STSOnError pass; %%PASS%% }}
        location /other {{ %%OTX%% %%PASS%% }}"
    );
    let nginx = scene.nginx().server(&server).start();
    assert_exchanged(nginx.get("/orders").bearer("a").send(), "a");
    assert_exchanged(nginx.get("/orders").bearer("a").send(), "a");
    assert_exchanged(nginx.get("/other").bearer("a").send(), "a");
    nginx.get("/orders").bearer("refuse").send().expect_status(401);
    nginx.get("/orders").send().expect_status(401);
    nginx.get("/orders?by=1").bearer("a").send().expect_status(200);
    scene.sts.script(When::subject("slow"), Script::new().hang());
    nginx.get("/orders").bearer("slow").send().expect_status(504);
    scene.sts.script(When::subject("busy"), Script::new().answer(Answer::new(503)));
    nginx.get("/pass").bearer("busy").send().expect_status(200);

    let orders = exchange(&nginx, "orders");
    let requests = json!({"hit": 1, "miss": 1, "failed": 3, "bypassed": 1});
    assert_eq!(counted(&orders["requests"]), requests);
    let failures = json!({"refused": 1, "missing_token": 1, "timeout": 1});
    assert_eq!(counted(&orders["failures"]), failures);
    assert_eq!(orders["failures"].as_object().map(serde_json::Map::len), Some(14));
    assert_eq!(counted(&orders["calls"]), json!({"ok": 1, "refused": 1, "failed": 1}));
    assert_eq!(orders["call_seconds"]["count"], 3);
    assert_eq!(orders["wait_seconds"]["count"], 3);
    assert!(orders["call_seconds"]["sum"].as_f64().is_some_and(|sum| (0.9..3.0).contains(&sum)));
    assert_eq!((&orders["calls_active"], &orders["calls_queued"]), (&json!(0), &json!(0)));
    assert_eq!(orders["type"], "otx");
    assert_eq!(orders["endpoint"], scene.sts.endpoint());

    let pass = exchange(&nginx, "pass");
    assert_eq!(counted(&pass["requests"]), json!({"passed": 1}));
    assert_eq!(counted(&pass["failures"]), json!({"busy": 1}));
    // What is not named is called by its type and host. It shares the tokens of the others.
    let other = exchange(&nginx, &format!("otx 127.0.0.1:{}", scene.sts.port()));
    assert_eq!(counted(&other["requests"]), json!({"hit": 1}));

    let status = status(&nginx);
    assert_eq!(status["zones"][0]["name"], "default");
    assert_eq!(status["zones"][0]["entries"], 1);
    assert_eq!(status["zones"][0]["size_bytes"], 16 * 1024 * 1024);
    assert!(status["zones"][0]["used_bytes"].as_u64().is_some_and(|used| used > 100));
    assert_eq!(status["connections"]["active"], 0);
    assert!(status["connections"]["idle"].as_u64().is_some_and(|idle| idle > 0));
    assert_eq!(status["module"], "0.1.0");
    assert_eq!(status["workers"], 1);
    assert_eq!(status["pid"], nginx.worker());
}

#[test]
fn the_manual_has_each_metric_and_no_other() {
    let scene = Scene::new();
    let cache = "STSCache file dir=%%PREFIX%%/kept&passphrase=0123456789abcdef0123456789abcdef;";
    let server = format!("{STATUS} {cache} location / {{ %%OTX%% STSBreaker 5; %%PASS%% }}");
    let nginx = scene.nginx().server(&server).start();
    let text = nginx.get("/sts").send().expect_status(200).text();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let shown: BTreeSet<_> = types.filter_map(|line| line.split(' ').next()).collect();
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/directives/status.md");
    let manual = std::fs::read_to_string(manual).expect("the page of the manual");
    let rows = manual.lines().filter(|line| line.starts_with("| `nginx_sts_"));
    let told: BTreeSet<_> = rows
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| cell.split(','))
        .map(|name| name.trim().trim_matches('`'))
        .collect();
    assert_eq!(told, shown);
}

#[test]
fn the_format_is_what_is_asked_for_or_accepted() {
    let scene = Scene::new();
    let server = format!("{STATUS} location / {{ %%OTX%% %%PASS%% }}");
    let nginx = scene.nginx().server(&server).start();
    let scraper =
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let text = "text/plain; version=0.0.4; charset=utf-8";
    let html = "text/html; charset=utf-8";
    for (target, accept, content_type) in [
        ("/sts", None, text),
        ("/sts", Some(scraper), text),
        ("/sts", Some(browser), html),
        ("/sts", Some("text/html;q=0, text/plain"), text),
        ("/sts", Some("application/json"), text),
        ("/sts?format=prometheus", Some(browser), text),
        ("/sts?format=json", Some(browser), "application/json"),
        ("/sts?other=1&format=html", Some(scraper), html),
    ] {
        let request = nginx.get(target);
        let request =
            accept.iter().fold(request, |request, accept| request.header("Accept", accept));
        let response = request.send().expect_status(200);
        assert_eq!(response.header("Content-Type"), Some(content_type), "{target} {accept:?}");
        assert_eq!(response.header("Cache-Control"), Some("no-store"));
    }
    for target in ["/sts?format=xml", "/sts?format=", "/sts?format=json&format=html"] {
        nginx.get(target).send().expect_status(400);
    }
    for method in ["POST", "PUT", "DELETE"] {
        let response = nginx.request(method, "/sts").send().expect_status(405);
        assert_eq!(response.header("Allow"), Some("GET, HEAD"), "{method}");
    }
    let head = nginx.request("HEAD", "/sts?format=json").send().expect_status(200);
    assert!(head.text().is_empty());
}

#[test]
fn the_page_may_do_nothing_but_run_itself_and_ask_its_own_server() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(STATUS).start();
    let response = nginx.get("/sts?format=html").send().expect_status(200);
    let policy = response.header("Content-Security-Policy").unwrap_or_default().to_owned();
    for part in [
        "default-src 'none'",
        "connect-src 'self'",
        "style-src 'sha256-",
        "script-src 'sha256-",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "no {part} in {policy}");
    }
    let page = response.text();
    assert!(!policy.contains("unsafe"), "{policy}");
    // The name of SVG is no address.
    let addresses = page.replace("http://www.w3.org/2000/svg", "");
    for outside in ["://", "src=", "@import", "url("] {
        assert!(!addresses.contains(outside), "{outside} in the page");
    }
    for (begin, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
        for element in page.split(begin).skip(1).filter_map(|rest| rest.split(end).next()) {
            let hash = openssl::sha::sha256(element.as_bytes());
            let hash = format!("'sha256-{}'", openssl::base64::encode_block(&hash));
            assert!(policy.contains(&hash), "{begin}");
        }
    }
    assert!(page.matches("<script").count() == page.matches("<script>").count());
}

#[test]
fn counts_are_kept_over_a_reload_and_found_by_their_names() {
    let scene = Scene::new();
    let server = format!(
        "{STATUS}
        location /a {{ %%OTX%% STSName a; %%PASS%% }}
        location /b {{ %%OTX%% STSName b; STSRequestParameter scope b; %%PASS%% }}"
    );
    let nginx = scene.nginx().server(&server).start();
    assert_exchanged(nginx.get("/a").bearer("user").send(), "user");
    assert_exchanged(nginx.get("/b").bearer("user").send(), "user");
    let worker = nginx.worker();
    nginx.reload();
    wait_for("a new worker", || nginx.workers().len() == 1 && nginx.workers()[0] != worker);
    assert_exchanged(nginx.get("/a").bearer("user").send(), "user");
    assert_eq!(counted(&exchange(&nginx, "a")["requests"]), json!({"miss": 1, "hit": 1}));
    assert_eq!(counted(&exchange(&nginx, "b")["requests"]), json!({"miss": 1}));
}

#[test]
fn counts_are_kept_when_there_are_many_more_exchanges() {
    let scene = Scene::new();
    let location = |n: usize| format!("location /l{n} {{ %%OTX%% STSName e{n}; %%PASS%% }}\n");
    let with = |number: usize| {
        let locations: String = (0..number).map(location).collect();
        scene.nginx().server(&format!("{STATUS} {locations}"))
    };
    let nginx = with(2).start();
    assert_exchanged(nginx.get("/l1").bearer("user").send(), "user");
    for number in [100, 300, 2] {
        let worker = nginx.worker();
        nginx.reload_with(&with(number));
        wait_for("a new worker", || nginx.workers().len() == 1 && nginx.workers()[0] != worker);
        wait_for("the old worker to end", || nginx.retiring_workers().is_empty());
        assert_exchanged(nginx.get("/l1").bearer("user").send(), "user");
        let token = format!("refuse.{number}");
        nginx.get(&format!("/l{}", number - 1)).bearer(token).send().expect_status(401);
    }
    let now = exchange(&nginx, "e1");
    assert_eq!(counted(&now["requests"]), json!({"miss": 1, "hit": 3, "failed": 1}));
}

#[test]
fn a_process_without_workers_counts_as_well() {
    let scene = Scene::new();
    let server = format!("{STATUS} location / {{ %%OTX%% STSName a; %%PASS%% }}");
    let nginx = scene.nginx().main("master_process off;").server(&server).start();
    assert_exchanged(nginx.get("/").bearer("user").send(), "user");
    assert_exchanged(nginx.get("/").bearer("user").send(), "user");
    assert_eq!(status(&nginx)["connections"], json!({"active": 0, "idle": 1}));
    assert_eq!(counted(&exchange(&nginx, "a")["requests"]), json!({"miss": 1, "hit": 1}));
}

#[test]
fn a_call_that_no_request_waits_for_before_it_is_sent_is_abandoned() {
    let scene = Scene::new();
    // A server that says nothing, where one for TLS should be.
    scene.sts.on_accept(None, Script::new().hang());
    let endpoint = scene.sts.endpoint().replace("http://", "https://");
    let server = format!(
        "{STATUS} location / {{ STSType otx; STSOTXEndpoint {endpoint}; STSName a;
            STSVariables $source_token $target_token; %%PASS%% }}"
    );
    let nginx = scene.nginx().server(&server).start();
    let client = nginx.get("/").bearer("user").start();
    wait_for("a call", || exchange(&nginx, "a")["calls_active"] == 1);
    assert_eq!(status(&nginx)["connections"]["active"], 0, "it is not open yet");
    drop(client);
    wait_for("the end of the call", || exchange(&nginx, "a")["calls_active"] == 0);
    let after = exchange(&nginx, "a");
    assert_eq!(counted(&after["calls"]), json!({"abandoned": 1}));
    // A request whose client has left is none of the outcomes.
    assert_eq!(counted(&after["requests"]), json!({}));
}

#[test]
fn what_is_remembered_or_made_here_has_outcomes_of_its_own() {
    let scene = Scene::new();
    let key =
        openssl::pkey::PKey::generate_ed25519().and_then(|key| key.private_key_to_pem_pkcs8());
    let server = format!(
        "{STATUS}
        location /a {{ %%OTX%% STSName a; %%PASS%% }}
        location /minted {{
            STSType jwt; STSJWTKeyFile key.pem; STSName minted; STSVariables $minted;
            proxy_set_header X-Minted $minted; proxy_pass %%BACKEND%%;
        }}"
    );
    let nginx = scene.nginx().file("key.pem", key.expect("a key")).server(&server).start();
    for _ in 0..2 {
        nginx.get("/a").bearer("refuse").send().expect_status(401);
        nginx.get("/minted").send().expect_status(200);
    }
    let now = exchange(&nginx, "a");
    assert_eq!(counted(&now["requests"]), json!({"failed": 1, "negative": 1}));
    assert_eq!(counted(&now["failures"]), json!({"refused": 2}));
    assert_eq!(counted(&now["calls"]), json!({"refused": 1}));
    let minted = exchange(&nginx, "minted");
    assert_eq!(counted(&minted["requests"]), json!({"minted": 1, "hit": 1}));
    assert_eq!((&minted["type"], &minted["endpoint"]), (&json!("jwt"), &json!("")));
}

#[test]
fn exchanges_that_another_one_needs_are_counted_as_well() {
    let scene = Scene::new();
    let server = format!(
        "{STATUS}
        location @inner {{ %%EXCHANGE%% STSName inner; STSVariables $source_token $inner; }}
        location / {{ %%EXCHANGE%% STSName outer; STSDependsOn @inner;
            STSVariables $inner $target_token; %%PASS%% }}"
    );
    let nginx = scene.nginx().server(&server).start();
    nginx.get("/").bearer("user").send().expect_status(200);
    nginx.get("/").bearer("user").send().expect_status(200);
    nginx.get("/").bearer("refuse").send().expect_status(401);
    for name in ["inner", "outer"] {
        let now = exchange(&nginx, name);
        assert_eq!(counted(&now["requests"]), json!({"miss": 1, "hit": 1, "failed": 1}), "{name}");
        assert_eq!(counted(&now["failures"]), json!({"refused": 1}), "{name}");
    }
    assert_eq!(counted(&exchange(&nginx, "inner")["calls"]), json!({"ok": 1, "refused": 1}));
    assert_eq!(counted(&exchange(&nginx, "outer")["calls"]), json!({"ok": 1}));
}

#[test]
fn a_worker_that_is_killed_leaves_its_counts_and_nothing_that_it_was_at() {
    let scene = Scene::new();
    let server = format!("{STATUS} location / {{ %%OTX%% STSName a; %%PASS%% }}");
    let nginx = scene.nginx().server(&server).start();
    assert_exchanged(nginx.get("/").bearer("user").send(), "user");
    scene.sts.script(When::subject("slow"), Script::new().hang());
    let waits = nginx.get("/").bearer("slow").start();
    wait_for("a call", || exchange(&nginx, "a")["calls_active"] == 1);
    nginx.allow_in_log("exited on signal 9");
    let worker = nginx.worker();
    nginx.kill_worker(worker);
    drop(waits);
    wait_for("a new worker", || nginx.workers().len() == 1 && nginx.workers()[0] != worker);
    let after = exchange(&nginx, "a");
    assert_eq!(after["calls_active"], 0);
    assert_eq!(counted(&after["requests"]), json!({"miss": 1}));
    assert_eq!(status(&nginx)["connections"], json!({"active": 0, "idle": 0}));
    // The new one counts where the old one has counted.
    assert_exchanged(nginx.get("/").bearer("user").send(), "user");
    assert_eq!(counted(&exchange(&nginx, "a")["requests"]), json!({"miss": 1, "hit": 1}));
}

#[test]
fn calls_that_wait_for_their_turn_are_seen() {
    let scene = Scene::new();
    let server =
        format!("{STATUS} location / {{ %%OTX%% STSName a; STSMaxCalls 1 queue 2; %%PASS%% }}");
    let nginx = scene.nginx().server(&server).start();
    let gate = devsts::Gate::new();
    scene.sts.script(When::any(), Script::new().hold(&gate).usual());
    let waiting: Vec<_> = (0..3).map(|n| nginx.get("/").bearer(format!("u{n}")).start()).collect();
    wait_for("a queue", || {
        let now = exchange(&nginx, "a");
        now["calls_active"] == 1 && now["calls_queued"] == 2
    });
    nginx.get("/").bearer("u3").send().expect_status(503);
    assert_eq!(counted(&exchange(&nginx, "a")["calls_not_made"]), json!({"queue": 1}));
    gate.open();
    for (number, mut connection) in waiting.into_iter().enumerate() {
        assert_exchanged(connection.read_response(), &format!("u{number}"));
    }
    let after = exchange(&nginx, "a");
    assert_eq!((&after["calls_active"], &after["calls_queued"]), (&json!(0), &json!(0)));
    assert_eq!(counted(&after["calls"]), json!({"ok": 3}));
}

#[test]
fn a_location_that_shows_counters_has_no_exchange_and_should_not_be_open() {
    let scene = Scene::new();
    let server = format!("%%OTX%% {STATUS} location / {{ %%PASS%% }}");
    let nginx = scene.nginx().server(&server).start();
    nginx.get("/sts").send().expect_status(200);

    let check = |location: &str| {
        scene.nginx().server(&format!("location = /s {{ {location} }}")).check().output
    };
    for open in ["STSStatus;", "auth_basic off; STSStatus;", "STSCachePurge;"] {
        let said = check(open);
        assert!(said.contains("[warn]") && said.contains("\"deny all\""), "{open}: {said}");
    }
    for closed in [
        "allow 127.0.0.1; deny all; STSStatus;",
        "deny all; STSStatus;",
        "internal; STSStatus;",
        "auth_basic a; auth_basic_user_file b; STSStatus;",
        "auth_request /auth; STSStatus;",
        "deny all; STSCachePurge;",
    ] {
        let said = check(closed);
        assert!(!said.contains("deny all\""), "{closed}: {said}");
    }
}

#[test]
fn a_name_is_that_of_one_exchange() {
    let scene = Scene::new();
    let check = |server: &str| scene.nginx().server(server).check().output;
    let other = "STSOTXEndpoint http://127.0.0.1:9/other;";
    let source = "STSVariables $source_token $target_token; STSType otx;";
    let said = check(&format!(
        "location /a {{ %%OTX%% STSName a; %%PASS%% }}
         location /b {{ {other} {source} STSName a; %%PASS%% }}"
    ));
    assert!(
        said.contains("[emerg]") && said.contains("\"a\" is called another exchange"),
        "{said}"
    );
    // The same STS may be asked for different things under one name.
    let said = check(
        "STSName a; location /a { %%OTX%% %%PASS%% }
         location /b { %%OTX%% STSRequestParameter scope b; %%PASS%% }",
    );
    assert!(!said.contains("[emerg]"), "{said}");
    // An STSExchange takes the place of the exchange around it, and of its name.
    let said = check(
        "%%EXCHANGE%% STSVariables $source_token $target_token; STSName a;
         location /a { %%PASS%% }
         location /b { STSExchange otx http://127.0.0.1:9/b; STSName b; %%PASS%% }
         location /c { STSExchange otx http://127.0.0.1:9/c name=c; %%PASS%% }
         location /d { STSExchange otx http://127.0.0.1:9/d; %%PASS%% }",
    );
    assert!(!said.contains("[emerg]"), "{said}");
}

#[test]
fn a_scrape_of_many_exchanges_is_quick_and_lets_others_in() {
    let scene = Scene::new();
    let locations: String = (0..100)
        .map(|n| format!("location /l{n} {{ %%OTX%% STSName exchange-{n}; %%PASS%% }}\n"))
        .collect();
    let nginx = scene.nginx().server(&format!("{STATUS} {locations}")).start();
    assert_exchanged(nginx.get("/l7").bearer("user").send(), "user");
    let text = nginx.get("/sts").send().expect_status(200).text();
    let mut times: Vec<Duration> = (0..20)
        .map(|_| {
            let start = std::time::Instant::now();
            nginx.get("/sts").send().expect_status(200);
            start.elapsed()
        })
        .collect();
    times.sort();
    // A connection and a busy machine are in it.
    assert!(times[0] < Duration::from_millis(25), "{times:?}");
    for number in [0, 7, 99] {
        let miss = u64::from(number == 7);
        let line = format!(
            "nginx_sts_requests_total{{exchange=\"exchange-{number}\",outcome=\"miss\"}} {miss}"
        );
        assert!(text.lines().any(|one| one == line), "{line}");
    }
    // Each metric begins once, and all its samples follow.
    let mut begun: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let number = begun.len();
    begun.sort_unstable();
    begun.dedup();
    assert_eq!(begun.len(), number);
}

#[test]
fn nothing_else_makes_the_content_of_a_location_without_an_exchange() {
    let scene = Scene::new();
    for (directive, name) in [
        ("STSStatus", "STSStatus"),
        ("STSCachePurge", "STSCachePurge"),
        ("STSJWKS keys", "STSJWKS"),
    ] {
        for (before, behind) in [("", "%%PASS%%"), ("%%PASS%%", "")] {
            let server = format!(
                "%%EXCHANGE%% STSVariables $source_token $target_token;
                 location /both {{ allow 127.0.0.1; deny all; {before} {directive}; {behind} }}"
            );
            let checked = scene.nginx().server(&server).check();
            let said = format!("{checked:?}");
            let wants = format!("\\\"{name}\\\": another directive of the location");
            // The last of two handlers is the one that counts.
            assert_eq!(said.contains(&wants), before.is_empty(), "{directive}: {said}");
        }
    }
}
