//! Connections that were used before: when they end, what is tried anew, and what NGINX counts.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

use std::time::{Duration, Instant};

use devsts::{Answer, Client, Gate, Script, Sts, When};
use e2e::nginx::Nginx;
use e2e::parallel::in_parallel;
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::{DEADLINE, wait_for};

/// Shows its client by an assertion that may be used once, and keeps no token.
const ONCE: &str = "
    STSType otx;
    STSOTXEndpoint %%STS%%;
    STSOTXEndpointAuth client_secret_jwt
        client_id=once&client_secret=2Federate-and-thirty-two-characters;
    STSVariables $source_token $target_token;
    STSCacheExpiresIn 0;
    add_header X-STS-Error $sts_error always;
";

const SECRET: &str = "2Federate-and-thirty-two-characters";

fn scene() -> Scene {
    Scene::with(Sts::builder().client(Client::new("once", SECRET)))
}

fn answered_with(status: u16) -> Script {
    Script::new().answer(Answer::new(status))
}

#[test]
fn a_call_that_came_to_the_wrong_server_on_an_old_connection_is_made_anew_on_a_new_one() {
    let scene = scene();
    let nginx = scene.nginx().server("location / { %%ONCE%% %%PASS%% }").set("ONCE", ONCE).start();
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    scene.sts.script(When::connection(1), answered_with(421));

    assert_exchanged(nginx.get("/").bearer("bob").send(), "bob");

    let calls = scene.sts.calls();
    let [_, refused, anew] = calls.as_slice() else { panic!("{} calls", calls.len()) };
    assert_eq!((refused.connection, anew.connection), (1, 2));
    // It is written again, and not sent again.
    let assertions =
        [refused, anew].map(|call| call.parameter("client_assertion").map(str::to_owned));
    assert!(assertions[0].is_some() && assertions[0] != assertions[1], "{assertions:?}");
    assert_eq!(refused.subject(), anew.subject());
    // The new connection is kept, and the old one is not.
    assert_exchanged(nginx.get("/").bearer("carol").send(), "carol");
    assert_eq!(scene.sts.connections().accepted, 2);
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 1));
}

#[test]
fn a_server_that_calls_itself_the_wrong_one_is_asked_once_on_an_old_and_once_on_a_new_connection() {
    let scene = scene();
    let nginx = scene.nginx().server("location / { %%ONCE%% %%PASS%% }").set("ONCE", ONCE).start();
    scene.sts.script(When::subject("bob"), answered_with(421));

    // On a new connection there is no better one.
    let response = nginx.get("/").bearer("bob").send().expect_status(502);
    assert_eq!(response.header("X-STS-Error"), Some("gateway_refused"));
    assert_eq!(scene.sts.call_count(), 1);

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    nginx.get("/").bearer("bob").send().expect_status(502);
    assert_eq!(scene.sts.call_count(), 4);
}

#[test]
fn a_request_that_was_not_written_when_the_server_had_waited_enough_is_made_anew() {
    let scene = scene();
    // Far more than the kernel takes on the way to a server that does not read.
    let server = "
        location / {
            set $kilobyte $http_x_long; set $more $kilobyte$kilobyte$kilobyte$kilobyte;
            set $more $more$more$more$more$more$more$more$more;
            set $more $more$more$more$more$more$more$more$more;
            set $more $more$more$more$more$more$more$more$more;
            set $more $more$more$more$more$more$more$more$more;
            set $more $more$more;
            %%ONCE%% STSRequestParameter long $more; %%PASS%%
        }";
    let nginx = scene.nginx().server(server).set("ONCE", ONCE).start();
    // The beginning of a second request is answered, and the rest is never read.
    let late = Answer::new(408).closing();
    let script = Script::new().usual().read(1).answer(late).hang();
    scene.sts.script(When::call(1), script);
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let long = "x".repeat(1024);
    assert_exchanged(nginx.get("/").bearer("bob").header("X-Long", &long).send(), "bob");

    let calls = scene.sts.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].connection, 2);
    assert_eq!(calls[1].parameter("long").map(str::len), Some(1024 * 4 * 8 * 8 * 8 * 8 * 2));
}

#[test]
fn a_request_that_was_written_is_not_made_anew_because_the_server_had_waited_enough() {
    let scene = scene();
    let nginx = scene.nginx().server("location / { %%ONCE%% %%PASS%% }").set("ONCE", ONCE).start();
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    scene.sts.script(When::subject("bob"), answered_with(408));

    nginx.get("/").bearer("bob").send().expect_status(502);

    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn a_connection_is_given_up_before_the_time_that_the_sts_keeps_it() {
    let scene = Scene::new();
    let keep = |value: &'static str| {
        Script::new().usual_as(move |answer| answer.header("Keep-Alive", value))
    };
    scene.sts.script(When::subject("short"), keep("timeout=1, max=100"));
    scene.sts.script(When::subject("never"), keep("timeout=0"));
    let server = "location / { %%OTX%% STSKeepalive 8 1d; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();

    // It is used again at once, and closed by this side soon.
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    assert_exchanged(nginx.get("/").bearer("short").send(), "short");
    let start = Instant::now();
    assert_eq!(scene.sts.connections().accepted, 1);
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());

    assert_exchanged(nginx.get("/").bearer("never").send(), "never");
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 0));
    assert_exchanged(nginx.get("/").bearer("bob").send(), "bob");
    assert_eq!(scene.sts.connections().accepted, 3);
}

#[test]
fn a_time_of_the_sts_makes_no_connection_last_longer_than_the_location_says() {
    let scene = Scene::new();
    let long = Script::new().usual_as(|answer| answer.header("Keep-Alive", "timeout=3600"));
    scene.sts.script(When::any(), long);
    let server = "location / { %%OTX%% STSKeepalive 8 200ms; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 0));
}

/// `Waiting: N` of `stub_status`, and `$connections_waiting`.
fn waiting(nginx: &Nginx) -> (String, String) {
    let text = nginx.get("/status").send().expect_status(200).text();
    let (_, stub) = text.split_once("Waiting: ").expect("a number of waiting clients");
    let variable = nginx.get("/waiting").send().expect_status(200).text();
    (stub.trim().to_owned(), variable.trim().to_owned())
}

#[test]
fn idle_connections_to_the_sts_are_no_waiting_clients() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::subject_prefix("user-"), Script::new().hold(&gate).usual());
    let server = "
        location / { %%OTX%% %%PASS%% }
        location = /status { stub_status; }
        location = /waiting { return 200 $connections_waiting; }";
    let nginx = scene.nginx().server(server).start();
    let clients: Vec<_> =
        (0..30).map(|number| nginx.get("/").bearer(format!("user-{number}")).start()).collect();
    assert!(scene.sts.wait_for_calls(30, DEADLINE));
    gate.open();
    for (number, mut client) in clients.into_iter().enumerate() {
        assert_exchanged(client.read_response(), &format!("user-{number}"));
    }
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.idle == 30));
    let none = ("0".to_owned(), "0".to_owned());
    wait_for("the clients to be gone", || waiting(&nginx) == none);

    // Neither when they are used, nor when they are closed.
    in_parallel(8, 100, |number| {
        let user = format!("again-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    });
    wait_for("the clients to be gone", || waiting(&nginx) == none);
    scene.sts.close_idle();
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 0));
    wait_for("the clients to be gone", || waiting(&nginx) == none);

    // A client that does wait is counted.
    let mut client = nginx.connect();
    nginx.get("/status").send_on(&mut client).expect_status(200);
    assert_eq!(waiting(&nginx), ("1".to_owned(), "1".to_owned()));
}

#[test]
fn a_worker_without_free_files_says_so_and_recovers() {
    const FILES: usize = 40;
    let scene = Scene::new();
    let server = "
        %%OTX%% STSPhase rewrite; add_header X-STS-Error $sts_error always;
        location / { return 200 $target_token; }";
    let nginx = scene.nginx().main(&format!("worker_rlimit_nofile {FILES};")).server(server);
    let nginx = nginx.allow_in_log("accept4() failed (24: Too many open files)").start();
    let mut clients: Vec<_> = (0..FILES).map(|_| nginx.connect()).collect();
    clients.iter_mut().for_each(|client| client.send("GET / HTTP/1.1\r\n"));
    nginx.wait_for_log("accept4() failed (24: Too many open files)");

    clients[0].send("Host: localhost\r\nAuthorization: Bearer alice\r\n\r\n");
    let response = clients[0].read_response().expect_status(503);

    assert_eq!(response.header("X-STS-Error"), Some("busy"));
    let line = nginx.wait_for_log("worker_rlimit_nofile");
    assert!(line.contains("24: Too many open files"), "{line}");
    assert!(!nginx.error_log().contains("raise worker_connections"));
    drop(clients);
    let response = nginx.get("/").bearer("bob").send().expect_status(200);
    assert!(devsts::is_for(&response.text(), "bob"));
}
