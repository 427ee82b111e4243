//! Clients that leave, at every moment: the worker goes on, and nothing is left open.

use std::time::Duration;

use devsts::{Gate, Script, Sts, When};
use e2e::nginx::{Nginx, open_files};
use e2e::parallel::in_parallel;
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::{DEADLINE, wait_for};

const SERVER: &str = "location / { %%OTX%% %%PASS%% }";

/// An STS that answers `user-…` only when the gate is open.
fn held() -> (Scene, Gate) {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::subject_prefix("user-"), Script::new().hold(&gate).usual());
    (scene, gate)
}

/// The same worker still does its work.
#[track_caller]
fn assert_unharmed(nginx: &Nginx, worker: i32) {
    assert_exchanged(nginx.get("/").bearer("afterwards").send(), "afterwards");
    assert_eq!(nginx.worker(), worker);
}

#[test]
fn fifty_connections_that_are_reset_at_once_harm_no_other() {
    for phase in ["precontent", "access", "rewrite"] {
        let (scene, gate) = held();
        let server = format!("STSPhase {phase}; {SERVER}");
        let nginx = scene.nginx().server(&server).start();
        let worker = nginx.worker();
        let before = open_files(worker);

        let clients: Vec<_> =
            (0..50).map(|number| nginx.get("/").bearer(format!("user-{number}")).start()).collect();
        assert!(scene.sts.wait_for_calls(50, DEADLINE));
        clients.into_iter().for_each(e2e::http1::Connection::reset);
        let gone = || nginx.error_log().matches("prematurely closed").count();
        wait_for("NGINX to notice", || gone() == 50);
        gate.open();

        assert_unharmed(&nginx, worker);
        assert_eq!(scene.backend.requests().len(), 1, "{phase}");
        // What is left are the idle connections to the STS, and one is an event's own.
        let idle = || usize::try_from(scene.sts.connections().open).unwrap_or(usize::MAX);
        wait_for("everything else to be closed", || open_files(worker) <= before + idle() + 1);
    }
}

#[test]
fn clients_that_leave_at_any_moment_harm_no_other() {
    let scene = Scene::with(Sts::builder().latency(Duration::from_millis(2)));
    let nginx = scene.nginx().server(SERVER).start();
    let worker = nginx.worker();

    in_parallel(10, 500, |number| {
        let client = nginx.get("/").bearer(format!("user-{number}")).start();
        // From before the request is read until after the answer is there.
        std::thread::sleep(Duration::from_micros(number as u64 % 50 * 120));
        client.reset();
    });

    assert_unharmed(&nginx, worker);
}

#[test]
fn clients_that_leave_half_a_body_behind_harm_no_other() {
    let (scene, gate) = held();
    let nginx = scene.nginx().server(SERVER).start();
    let worker = nginx.worker();
    let post = |number: usize| {
        format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer user-{number}\r\n\
             Content-Length: 100000\r\n\r\nhalf a body"
        )
    };
    let mut clients: Vec<_> = (0..20).map(|_| nginx.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(post(number));
    }
    assert!(scene.sts.wait_for_calls(20, DEADLINE));
    // Half of them leave while they wait for their token, half while NGINX waits for their bodies.
    let rest = clients.split_off(10);
    clients.into_iter().for_each(e2e::http1::Connection::reset);
    gate.open();
    rest.into_iter().for_each(e2e::http1::Connection::reset);

    assert_unharmed(&nginx, worker);
    assert_eq!(scene.backend.requests().len(), 1);
}

#[test]
fn an_http2_connection_that_breaks_takes_its_streams_along() {
    let (scene, gate) = held();
    let http2 = "server { %%LISTEN_H2%% location / { %%OTX%% %%PASS%% } }";
    let nginx = scene.nginx().http(http2).server(SERVER).start();
    let worker = nginx.worker();

    let mut connection = nginx.connect_http2();
    let mut streams = Vec::new();
    for number in 0..50 {
        let bearer = format!("Bearer user-{number}");
        streams.push(connection.get("/", &[("authorization", &bearer)]));
    }
    assert!(scene.sts.wait_for_calls(50, DEADLINE));
    drop(streams);
    drop(connection);
    wait_for("NGINX to notice", || nginx.access_log().matches("\" 499 ").count() == 50);
    gate.open();

    assert_unharmed(&nginx, worker);
    assert_eq!(scene.backend.requests().len(), 1);
}

#[test]
fn a_post_action_of_a_client_that_left_is_not_disturbed_by_the_answer_to_its_exchange() {
    let (scene, gate) = held();
    let server = "
        location / { %%OTX%% %%PASS%% }
        location /left { %%OTX%% post_action /after; %%PASS%% }
        location /after { internal; proxy_pass %%BACKEND%%/after?_delay=300; }";
    let nginx = scene.nginx().server(server).start();
    let worker = nginx.worker();
    let clients: Vec<_> =
        (0..10).map(|number| nginx.get("/left").bearer(format!("user-{number}")).start()).collect();
    assert!(scene.sts.wait_for_calls(10, DEADLINE));
    clients.into_iter().for_each(e2e::http1::Connection::reset);

    // The answers come while the backend is at work for those actions.
    wait_for("the actions", || scene.backend.requests().len() == 10);
    gate.open();

    assert_unharmed(&nginx, worker);
    wait_for("the actions to end", || nginx.access_log().matches("/left").count() == 10);
    let after = scene.backend.requests();
    assert_eq!(after.iter().filter(|request| request.path() == "/after").count(), 10);
    assert_eq!(after.iter().filter(|request| request.path() == "/left").count(), 0);
}

#[test]
fn a_post_action_with_another_exchange_never_gets_the_token_of_the_first() {
    let (scene, gate) = held();
    let server = "
        location / { %%OTX%% %%PASS%% }
        location /left { %%OTX%% post_action /after; %%PASS%% }
        location /after { %%OTX%% STSRequestParameter audience other; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    let worker = nginx.worker();

    let client = nginx.get("/left").bearer("user-1").start();
    assert!(scene.sts.wait_for_calls(1, DEADLINE));
    client.reset();
    nginx.wait_for_log("prematurely closed");
    gate.open();

    assert_unharmed(&nginx, worker);
    wait_for("the action to end", || nginx.access_log().contains("/left"));
    let first = devsts::target_for("user-1", 1);
    for request in scene.backend.requests() {
        let cookie = request.header("Cookie").unwrap_or_default();
        assert!(!cookie.contains(&first), "{} got {cookie}", request.path());
    }
}

#[test]
fn what_a_client_sends_while_it_waits_is_kept() {
    let (scene, gate) = held();
    let nginx = scene.nginx().server(SERVER).start();

    let mut connection = nginx.get("/").bearer("user-1").start();
    assert!(scene.sts.wait_for_calls(1, DEADLINE));
    connection.send(nginx.post("/", "body").bearer("user-2").to_bytes());
    connection.send(nginx.get("/").bearer("user-3").to_bytes());
    // Whether or not NGINX has read it by now, the answers come in order.
    gate.open();

    for user in ["user-1", "user-2", "user-3"] {
        assert_exchanged(connection.read_response(), user);
    }
}

#[test]
fn an_sts_that_dies_ends_the_calls_to_it_at_once() {
    let mut scene = Scene::new();
    scene.sts.script(When::any(), Script::new().hang());
    let nginx = scene.nginx().server(SERVER).start();
    let worker = nginx.worker();
    let mut clients: Vec<_> =
        (0..30).map(|number| nginx.get("/").bearer(format!("user-{number}")).start()).collect();
    assert!(scene.sts.wait_for_calls(30, DEADLINE));

    // Another takes its place, so that the first is dropped.
    scene.sts = Scene::new().sts;

    for client in &mut clients {
        client.read_response().expect_status(502);
    }
    nginx.get("/").bearer("afterwards").send().expect_status(502);
    assert_eq!(nginx.worker(), worker);
}

#[test]
fn connections_and_memory_do_not_pile_up() {
    let scene = Scene::new();
    scene.sts.script(When::subject_prefix("reset-"), Script::new().reset());
    scene.sts.script(When::subject_prefix("half-"), Script::new().limit(100).usual().close());
    let server = "location / { %%OTX%% STSMaxCalls 16; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    let worker = nginx.worker();
    let round = |round: usize| {
        in_parallel(16, 200, |number| {
            let id = format!("{round}-{number}");
            match number % 5 {
                0 => nginx.get("/").bearer(format!("gone-{id}")).start().reset(),
                1 => drop(nginx.get("/").bearer(format!("reset-{id}")).send().expect_status(502)),
                2 => drop(nginx.get("/").bearer(format!("half-{id}")).send().expect_status(502)),
                3 => drop(nginx.get("/").send().expect_status(401)),
                _ => assert_exchanged(nginx.get("/").bearer(&id).send(), &id),
            }
        });
        let settled = |connections: &devsts::server::Connections| {
            connections.open == connections.idle && connections.open <= 16
        };
        assert!(scene.sts.wait_for_connections(DEADLINE, settled), "{:?}", scene.sts.connections());
    };
    round(0);
    let after_one = open_files(worker);
    let memory = resident_kib(worker);
    for number in 1..8 {
        round(number);
    }

    // The pool of connections to the STS may have another size by now, but never more than 16.
    wait_for("what is open to be closed", || open_files(worker) <= after_one + 16);
    let grown = resident_kib(worker).saturating_sub(memory);
    assert!(grown < 4096, "1400 requests took {grown} KiB");
    assert_unharmed(&nginx, worker);
}

/// The memory of a process, in KiB.
fn resident_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(u64::MAX)
}
