//! What an exchange may take: size, time, calls at once.

use std::time::{Duration, Instant};

use devsts::{Answer, Gate, Script, Sts, When};
use e2e::http1::Connection;
use e2e::nginx::{Nginx, open_files};
use e2e::ports::FullPort;
use e2e::scene::{Scene, Seen, assert_exchanged};
use e2e::wait::{DEADLINE, wait_for};

/// A location with the usual exchange and these directives more.
fn location(more: &str) -> String {
    format!("location / {{ %%OTX%% {more} %%PASS%% }}")
}

/// An answer with a body of exactly this size.
fn answer_of(size: usize) -> Answer {
    let start = r#"{"access_token":"T","token_type":"Bearer","#;
    let end = r#""x":1}"#;
    let body = format!("{start}{}{end}", " ".repeat(size - start.len() - end.len()));
    Answer::new(200).header("Content-Type", "application/json").body(body)
}

#[test]
fn an_answer_up_to_the_limit_is_used_and_a_larger_one_is_refused() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(&location("STSMaxResponse 8k;")).start();
    for shape in ["length", "chunked", "until-close"] {
        for (size, status) in [(8191, 200), (8192, 200), (8193, 502), (100_000, 502)] {
            let user = format!("{shape}-{size}");
            let answer = match shape {
                "chunked" => answer_of(size).chunked(1000),
                "until-close" => answer_of(size).until_close(),
                _ => answer_of(size),
            };
            scene.sts.script(When::subject(&user), Script::new().answer(answer));
            let response = nginx.get("/").bearer(&user).send();
            assert_eq!(response.status, status, "{shape}, {size} bytes");
        }
    }
}

#[test]
fn by_default_an_answer_may_have_256_kib() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(&location("")).start();
    for (size, status) in [(256 * 1024, 200), (256 * 1024 + 1, 502)] {
        let user = format!("size-of-{size}");
        scene.sts.script(When::subject(&user), Script::new().answer(answer_of(size)));
        assert_eq!(nginx.get("/").bearer(&user).send().status, status, "{size} bytes");
    }
}

#[test]
fn an_endless_answer_is_not_read_to_its_end() {
    let scene = Scene::new();
    let endless = Answer::new(200).header("Content-Type", "application/json").claim_length(1 << 40);
    let script = Script::new().answer(endless.body(vec![b' '; 4 << 20])).hang();
    scene.sts.script(When::any(), script);
    let nginx = scene.nginx().server(&location("STSHTTPTimeOut 10;")).start();

    let start = Instant::now();
    nginx.get("/").bearer("alice").send().expect_status(502);

    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 0));
}

#[test]
fn a_call_that_takes_too_long_is_given_up_wherever_it_is() {
    let drip = Duration::from_millis(100);
    let endpoints: [(&str, Script); 5] = [
        ("no answer", Script::new().hang()),
        ("half a head", Script::new().limit(30).usual().hang()),
        ("half a body", Script::new().limit(250).usual().hang()),
        ("byte by byte", Script::new().drip(1, drip).usual()),
        ("interim answers", Script::new().send("HTTP/1.1 102 Processing\r\n\r\n").hang()),
    ];
    for (what, script) in endpoints {
        eprintln!("{what}");
        let scene = Scene::new();
        scene.sts.script(When::any(), script);
        let nginx = scene.nginx().server(&location("STSHTTPTimeOut 1;")).start();

        let start = Instant::now();
        nginx.get("/").bearer("alice").send().expect_status(504);

        let took = start.elapsed();
        assert!(took >= Duration::from_millis(900), "{what}: {took:?}");
        assert!(took < Duration::from_secs(4), "{what}: {took:?}");
        assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 0));
    }
}

#[test]
fn a_connection_that_takes_too_long_is_given_up() {
    let scene = Scene::new();
    let full = FullPort::new();
    let endpoint = format!("http://127.0.0.1:{}/token", full.number());
    let nginx = scene.nginx().server(&location("STSHTTPTimeOut 1;")).set("STS", endpoint).start();

    let start = Instant::now();
    nginx.get("/").bearer("alice").send().expect_status(504);

    let took = start.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn a_worker_without_free_connections_answers_that_it_is_busy_and_recovers() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::subject_prefix("user-"), Script::new().hold(&gate).usual());
    let server = "
        %%OTX%%
        add_header X-STS-Error $sts_error always;
        add_header X-Token $target_token;
        location / { }
        location /open { STSType disabled; return 200 open; }";
    // A client needs one, its exchange another one, and NGINX two.
    let nginx = scene.nginx().server(server).worker_connections(32).start();
    let worker = nginx.worker();
    let before = open_files(worker);

    // NGINX makes room by closing clients that have not sent anything yet.
    let mut clients: Vec<_> = (0..20).map(|_| nginx.connect()).collect();
    clients.iter_mut().for_each(|client| client.send("GET / HTTP/1.1\r\n"));
    // It is accepted after all of them.
    nginx.get("/open").send().expect_status(200);
    let (mut calls, mut busy) = (0, 0);
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("Host: localhost\r\nAuthorization: Bearer user-{number}\r\n\r\n"));
        wait_for("a call or a refusal", || scene.sts.call_count() > calls || !client.is_waiting());
        calls = scene.sts.call_count();
        busy += usize::from(!client.is_waiting());
    }
    gate.open();

    let mut turned_away = 0;
    for (number, client) in clients.iter_mut().enumerate() {
        let response = client.read_response();
        if response.status == 503 {
            assert_eq!(response.header("X-STS-Error"), Some("busy"));
            turned_away += 1;
        } else {
            let response = response.expect_status(200);
            let token = response.header("X-Token").expect("a token");
            assert!(devsts::is_for(token, &format!("user-{number}")), "{token}");
        }
    }
    assert!(busy > 0 && calls > 0 && turned_away == busy, "{busy} {calls} {turned_away}");
    drop(clients);
    nginx.wait_for_log("raise worker_connections");

    let response = nginx.get("/").bearer("afterwards").send().expect_status(200);
    assert!(devsts::is_for(response.header("X-Token").expect("a token"), "afterwards"));
    assert_eq!(nginx.worker(), worker);
    let idle = || usize::try_from(scene.sts.connections().open).unwrap_or(usize::MAX);
    wait_for("everything else to be closed", || open_files(worker) <= before + idle() + 1);
}

/// Starts so many exchanges of different tokens.
fn start_all(nginx: &Nginx, count: usize) -> Vec<Connection> {
    (0..count).map(|number| nginx.get("/").bearer(format!("user-{number}")).start()).collect()
}

#[test]
fn calls_beyond_the_limit_wait_and_those_beyond_the_queue_are_turned_away() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::any(), Script::new().hold(&gate).usual());
    let nginx = scene.nginx().server(&location("STSMaxCalls 2 queue 3;")).start();

    let mut clients = start_all(&nginx, 8);
    wait_for("three to be turned away", || {
        clients.iter_mut().filter_map(|client| (!client.is_waiting()).then_some(())).count() == 3
    });
    assert!(scene.sts.wait_for_calls(2, DEADLINE));
    assert_eq!(scene.sts.call_count(), 2);
    gate.open();

    let statuses: Vec<u16> =
        clients.iter_mut().map(|client| client.read_response().status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 3, "{statuses:?}");
    assert_eq!(scene.sts.call_count(), 5);
    assert!(scene.sts.connections().accepted <= 2, "{:?}", scene.sts.connections());
}

#[test]
fn without_a_queue_calls_beyond_the_limit_are_turned_away() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::any(), Script::new().hold(&gate).usual());
    let nginx = scene.nginx().server(&location("STSMaxCalls 1 queue 0;")).start();

    let mut first = nginx.get("/").bearer("alice").start();
    assert!(scene.sts.wait_for_calls(1, DEADLINE));
    nginx.get("/").bearer("bob").send().expect_status(503);
    gate.open();

    assert_exchanged(first.read_response(), "alice");
    assert_exchanged(nginx.get("/").bearer("carol").send(), "carol");
}

#[test]
fn requests_that_wait_get_their_own_tokens() {
    let scene = Scene::with(Sts::builder().latency(Duration::from_millis(5)));
    let nginx = scene.nginx().server(&location("STSMaxCalls 3;")).start();
    e2e::parallel::in_parallel(60, 120, |number| {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    });
    assert!(scene.sts.connections().accepted <= 3, "{:?}", scene.sts.connections());
}

#[test]
fn a_call_that_fails_makes_room_for_the_next() {
    let scene = Scene::new();
    scene.sts.script(When::subject("slow"), Script::new().hang());
    scene.sts.script(When::subject("gone"), Script::new().reset());
    let more = "STSMaxCalls 1 queue 0; STSHTTPTimeOut 1;";
    let nginx = scene.nginx().server(&location(more)).start();
    for round in 0..2 {
        nginx.get("/").bearer("slow").send().expect_status(504);
        nginx.get("/").bearer("gone").send().expect_status(502);
        let user = format!("user-{round}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    }
}

#[test]
fn one_sts_that_is_busy_does_not_hold_up_another() {
    let scene = Scene::new();
    let other = Scene::new();
    scene.sts.script(When::any(), Script::new().hang());
    let exchange = "
        STSType otx;
        STSOTXEndpoint %%OTHER%%;
        STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
        STSVariables $source_token $target_token;";
    let server = "
        STSMaxCalls 1 queue 0;
        location / { %%OTX%% %%PASS%% }
        location /other { %%OTX_OTHER%% %%PASS%% }";
    let nginx = scene.nginx().server(server).set("OTX_OTHER", exchange);
    let nginx = nginx.set("OTHER", other.sts.endpoint()).start();

    let _waiting = nginx.get("/").bearer("alice").start();
    assert!(scene.sts.wait_for_calls(1, DEADLINE));
    nginx.get("/").bearer("bob").send().expect_status(503);
    assert_exchanged(nginx.get("/other").bearer("carol").send(), "carol");

    nginx.stop_at_once();
}

#[test]
fn a_queued_call_is_not_made_after_its_client_has_left() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::any(), Script::new().hold(&gate).usual());
    let nginx = scene.nginx().server(&location("STSMaxCalls 1 queue 1;")).start();
    let mut first = nginx.get("/").bearer("alice").start();
    assert!(scene.sts.wait_for_calls(1, DEADLINE));

    let mark = nginx.mark_log();
    nginx.get("/").bearer("bob").start().reset();
    wait_for("NGINX to notice", || {
        nginx.log_since(mark).iter().any(|line| line.contains("prematurely closed"))
    });
    let mut third = nginx.get("/").bearer("carol").start();
    gate.open();

    assert_exchanged(first.read_response(), "alice");
    assert_exchanged(third.read_response(), "carol");
    let subjects: Vec<_> =
        scene.sts.calls().iter().filter_map(|call| call.subject().map(str::to_owned)).collect();
    assert_eq!(subjects, ["alice", "carol"]);
}

#[test]
fn a_request_does_not_reach_the_backend_after_its_client_has_left() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::any(), Script::new().hold(&gate).usual());
    let nginx = scene.nginx().server(&location("")).start();

    nginx.get("/gone").bearer("alice").start().reset();
    nginx.wait_for_log("prematurely closed");
    gate.open();

    assert_exchanged(nginx.get("/").bearer("bob").send(), "bob");
    let requests = scene.backend.requests();
    assert!(!requests.iter().any(|request| request.path() == "/gone"));
    assert!(nginx.access_log().contains("\"GET /gone HTTP/1.1\" 499"), "{}", nginx.access_log());
}

#[test]
fn a_request_reaches_the_backend_without_its_client_when_that_is_asked_for() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::any(), Script::new().hold(&gate).usual());
    let more = "STSIgnoreClientAbort on; proxy_ignore_client_abort on;";
    let nginx = scene.nginx().server(&location(more)).start();

    let client = nginx.get("/gone").bearer("alice").start();
    assert!(scene.sts.wait_for_calls(1, DEADLINE));
    client.reset();
    gate.open();

    wait_for("the request at the backend", || !scene.backend.requests().is_empty());
    let requests = scene.backend.requests();
    let cookie = requests.first().and_then(|request| request.header("Cookie"));
    let token = cookie.as_deref().and_then(|cookie| cookie.strip_prefix("STS_COOKIE="));
    assert!(token.is_some_and(|token| devsts::is_for(token, "alice")), "{cookie:?}");
}

#[test]
fn a_client_that_has_sent_all_and_closed_its_direction_counts_as_gone() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::any(), Script::new().hold(&gate).usual());
    let nginx = scene.nginx().server(&location("")).start();
    let mut client = nginx.get("/gone").bearer("alice").start();
    assert!(scene.sts.wait_for_calls(1, DEADLINE));

    client.finish_sending();

    // As NGINX treats it while it waits for an upstream.
    nginx.wait_for_log("prematurely closed");
    gate.open();
    assert_eq!(Seen::by_backend(nginx.get("/").bearer("bob").send()).uri(), "/");
    assert_eq!(scene.backend.requests().len(), 1);
}
