//! Reload, quit, upgrade and sudden death with exchanges under way.

use std::time::{Duration, Instant};

use devsts::pki::{Identity, Leaf};
use devsts::{Gate, Script, Sts, Tls, When};
use e2e::http1::Connection;
use e2e::nginx::{Nginx, is_asleep, is_running, open_files, under_valgrind};
use e2e::parallel::in_parallel;
use e2e::ports::FullPort;
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::{DEADLINE, wait_for};

const SERVER: &str = "location / { %%OTX%% %%PASS%% }";

/// The same exchange at a port that takes no connection.
const OTX_FULL: &str = "
    STSType otx;
    STSOTXEndpoint http://127.0.0.1:%%FULL%%/token;
    STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
    STSVariables $source_token $target_token;
";

/// How many exchanges are under way when something happens.
const WAITING: u64 = 20;

/// What of time is short: nothing waits for anything.
const SOON: Duration = Duration::from_secs(4);

/// An STS that answers `user-…` only when the gate is open.
fn held() -> (Scene, Gate) {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::subject_prefix("user-"), Script::new().hold(&gate).usual());
    (scene, gate)
}

/// Requests with exchanges under way.
fn start_all(scene: &Scene, nginx: &Nginx) -> Vec<Connection> {
    let before = scene.sts.call_count();
    let clients: Vec<_> = (0..WAITING)
        .map(|number| nginx.get("/").bearer(format!("user-{number}")).start())
        .collect();
    assert!(scene.sts.wait_for_calls(before + WAITING, DEADLINE));
    clients
}

/// All of them get their own tokens.
#[track_caller]
fn finish_all(clients: Vec<Connection>) {
    for (number, mut client) in clients.into_iter().enumerate() {
        assert_exchanged(client.read_response(), &format!("user-{number}"));
    }
}

#[test]
fn a_reload_lets_the_exchanges_under_way_finish() {
    let (scene, gate) = held();
    let nginx = scene.nginx().server(SERVER).start();
    let old = nginx.worker();
    let clients = start_all(&scene, &nginx);

    nginx.reload();
    assert_exchanged(nginx.get("/").bearer("newcomer").send(), "newcomer");
    assert!(is_running(old));
    gate.open();

    finish_all(clients);
    nginx.wait_until_process_is_gone(old);
    assert_exchanged(nginx.get("/").bearer("latecomer").send(), "latecomer");
}

#[test]
fn a_reload_may_change_the_exchange() {
    let (scene, gate) = held();
    let other = Scene::new();
    let nginx = scene.nginx().server(SERVER).start();
    let clients = start_all(&scene, &nginx);

    nginx.reload_with(&other.nginx().server(SERVER));
    assert_exchanged(nginx.get("/").bearer("newcomer").send(), "newcomer");
    gate.open();

    finish_all(clients);
    assert_eq!(other.sts.call_count(), 1);
    assert_eq!(scene.sts.call_count(), WAITING);
}

#[test]
fn reloads_under_load_lose_no_request() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(SERVER).workers(2).start();
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            in_parallel(8, 400, |number| {
                let user = format!("user-{number}");
                assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
            });
        });
        while !load.is_finished() {
            nginx.reload();
        }
    });
    wait_for("the former generations to leave", || nginx.retiring_workers().is_empty());
}

#[test]
fn a_graceful_quit_lets_the_exchanges_under_way_finish() {
    let (scene, gate) = held();
    let nginx = scene.nginx().server(SERVER).start();
    let clients = start_all(&scene, &nginx);

    nginx.quit();
    wait_for("NGINX to quit", || nginx.workers().is_empty());
    assert_eq!(nginx.retiring_workers().len(), 1);
    gate.open();

    finish_all(clients);
    nginx.wait_until_gone();
}

#[test]
fn a_graceful_quit_does_not_wait_for_idle_connections_to_the_sts() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(SERVER).start();
    in_parallel(8, 32, |number| {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    });
    assert!(scene.sts.connections().idle > 0);

    let start = Instant::now();
    nginx.quit();
    nginx.wait_until_gone();

    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 0));
}

#[test]
fn a_reload_does_not_wait_for_idle_connections_to_the_sts() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(SERVER).start();
    let old = nginx.worker();
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let start = Instant::now();
    nginx.reload();
    nginx.wait_until_process_is_gone(old);

    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 0));
    assert_exchanged(nginx.get("/").bearer("bob").send(), "bob");
}

#[test]
fn a_call_without_its_client_does_not_hold_up_a_quit_for_longer_than_it_may_take() {
    let (scene, _gate) = held();
    // All clients have to leave before the first call gives up.
    let time: u64 = if under_valgrind() { 40 } else { 2 };
    let server = "location / { %%OTX%% STSHTTPTimeOut %%TIME%%; %%PASS%% }";
    let nginx = scene.nginx().set("TIME", time).server(server).start();
    start_all(&scene, &nginx).into_iter().for_each(Connection::reset);
    let gone = || nginx.error_log().matches("prematurely closed").count();
    wait_for("NGINX to notice", || gone() == 20);

    let start = Instant::now();
    nginx.quit();
    nginx.wait_until_gone();

    assert!(start.elapsed() < Duration::from_secs(time * 3), "{:?}", start.elapsed());
}

#[test]
fn the_time_to_shut_down_ends_exchanges_that_take_longer() {
    let (scene, _gate) = held();
    let nginx = scene.nginx().main("worker_shutdown_timeout 1s;").server(SERVER).start();
    let old = nginx.worker();
    let mut clients = start_all(&scene, &nginx);

    let start = Instant::now();
    nginx.reload();
    nginx.wait_until_process_is_gone(old);

    let took = start.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(6), "{took:?}");
    for client in &mut clients {
        // They are let go one way or another, and no client gets an answer that is not its own.
        if let Ok(response) = client.try_read_response() {
            assert!(response.status >= 500, "{response:?}");
        }
    }
    assert_exchanged(nginx.get("/").bearer("newcomer").send(), "newcomer");
    assert!(scene.backend.requests().len() == 1);
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open <= 1));
}

#[test]
fn a_request_that_waits_for_a_worker_past_its_time_to_shut_down_calls_for_itself() {
    let (scene, gate) = held();
    let server = "
        location /pid { return 200 $pid; }
        location / { %%OTX%% STSHTTPTimeOut 20; %%PASS%% }";
    let nginx = scene.nginx().main("worker_shutdown_timeout 4s;").server(server).start();
    let old = nginx.worker();
    let mut first = nginx.get("/").bearer("user-1").start();
    assert!(scene.sts.wait_for_calls(1, DEADLINE));

    nginx.reload();
    let mut clients: Vec<_> = (0..WAITING).map(|_| nginx.connect()).collect();
    for client in &mut clients {
        client.send(nginx.get("/pid").to_bytes());
        assert_ne!(client.read_response().text(), old.to_string());
        client.send(nginx.get("/").bearer("user-1").to_bytes());
    }
    assert!(is_running(old), "no request waited for it");
    assert_eq!(scene.sts.call_count(), 1);
    nginx.wait_until_process_is_gone(old);

    assert!(scene.sts.wait_for_calls(2, DEADLINE));
    gate.open();
    for client in &mut clients {
        assert_exchanged(client.read_response(), "user-1");
    }
    assert_eq!(scene.sts.call_count(), 2);
    if let Ok(response) = first.try_read_response() {
        assert!(response.status >= 500, "{response:?}");
    }
}

#[test]
fn the_time_to_shut_down_ends_a_quit_as_well() {
    let (scene, _gate) = held();
    let nginx = scene.nginx().main("worker_shutdown_timeout 1s;").server(SERVER).start();
    let _clients = start_all(&scene, &nginx);

    let start = Instant::now();
    nginx.quit();
    nginx.wait_until_gone();

    let took = start.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(6), "{took:?}");
}

#[test]
fn the_time_to_shut_down_ends_handshakes_and_connects_as_well() {
    let scene = Scene::with(Sts::builder().tls(Tls::new(Identity::self_signed(&Leaf::server()))));
    scene.sts.on_accept(None, Script::new().hang());
    let full = FullPort::new();
    let server = "
        location /handshake { %%OTX%% %%PASS%% }
        location /connect { %%OTX_FULL%% %%PASS%% }";
    let nginx = scene.nginx().main("worker_shutdown_timeout 1s;").server(server);
    let nginx = nginx.set("OTX_FULL", OTX_FULL).set("FULL", full.number()).start();
    let old = nginx.worker();
    let _clients: Vec<_> = (0..8)
        .map(|number| {
            let path = if number % 2 == 0 { "/handshake" } else { "/connect" };
            nginx.get(path).bearer(format!("user-{number}")).start()
        })
        .collect();
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 4));

    let start = Instant::now();
    nginx.reload();
    nginx.wait_until_process_is_gone(old);

    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 0));
}

#[test]
fn a_stop_ends_exchanges_at_once() {
    let (scene, _gate) = held();
    let nginx = scene.nginx().server(SERVER).start();
    let _clients = start_all(&scene, &nginx);

    let start = Instant::now();
    nginx.terminate();
    nginx.wait_until_gone();

    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 0));
}

#[test]
fn a_worker_that_is_killed_takes_only_its_own_requests_along() {
    let (scene, gate) = held();
    let nginx = scene.nginx().server(SERVER).start();
    let mut clients = start_all(&scene, &nginx);

    nginx.kill_worker(nginx.worker());

    for client in &mut clients {
        assert!(client.try_read_response().is_err());
    }
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 0));
    gate.open();
    in_parallel(8, 40, |number| {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    });
}

#[test]
fn of_two_workers_the_other_goes_on_when_one_is_killed() {
    let (scene, gate) = held();
    let nginx = scene.nginx().server(SERVER).workers(2).start();
    let clients = start_all(&scene, &nginx);
    let victim = nginx.workers().first().copied().expect("two workers");

    nginx.kill_worker(victim);
    gate.open();

    // Each client was with one worker or the other.
    for (number, mut client) in clients.into_iter().enumerate() {
        if let Ok(response) = client.try_read_response() {
            assert_exchanged(response, &format!("user-{number}"));
        }
    }
    assert_exchanged(nginx.get("/").bearer("afterwards").send(), "afterwards");
}

#[test]
fn a_binary_upgrade_lets_the_exchanges_under_way_finish() {
    let (scene, gate) = held();
    let nginx = scene.nginx().server(SERVER).daemon().start();
    let clients = start_all(&scene, &nginx);

    let old = nginx.upgrade();
    assert_exchanged(nginx.get("/").bearer("newcomer").send(), "newcomer");
    assert!(is_running(old));
    gate.open();

    finish_all(clients);
    nginx.wait_until_process_is_gone(old);
    assert_exchanged(nginx.get("/").bearer("latecomer").send(), "latecomer");
}

#[test]
fn without_a_master_exchanges_are_made_as_well() {
    let scene = Scene::new();
    let nginx = scene.nginx().main("master_process off;").server(SERVER).start();
    in_parallel(16, 64, |number| {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
        nginx.get("/").send().expect_status(401);
    });
}

#[test]
fn without_a_master_a_reload_with_exchanges_under_way_is_survived() {
    let (scene, gate) = held();
    let nginx = scene.nginx().main("master_process off;").server(SERVER).start();
    let clients = start_all(&scene, &nginx);

    reload_single(&nginx);
    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 0));
    gate.open();

    // NGINX by itself answers nothing after such a reload, so only that it is alive counts.
    let before = open_files(nginx.master());
    clients.into_iter().for_each(Connection::reset);
    wait_for("NGINX to be done with them", || open_files(nginx.master()) <= before - 20);
    assert!(is_running(nginx.master()));
}

#[test]
fn without_a_master_a_reload_ends_the_calls_of_the_former_configuration() {
    let (scene, gate) = held();
    let nginx = scene.nginx().main("master_process off;").server(SERVER).start();
    start_all(&scene, &nginx).into_iter().for_each(Connection::reset);
    let gone = || nginx.error_log().matches("prematurely closed").count();
    wait_for("NGINX to notice", || gone() == 20);

    // No request waits for these calls. They use what the configuration owns.
    reload_single(&nginx);

    assert!(scene.sts.wait_for_connections(DEADLINE, |connections| connections.open == 0));
    assert!(is_running(nginx.master()));
    gate.open();
}

#[test]
fn without_a_master_a_stop_ends_exchanges_at_once() {
    for graceful in [true, false] {
        let (scene, _gate) = held();
        let nginx = scene.nginx().main("master_process off;").server(SERVER).start();
        let _clients = start_all(&scene, &nginx);
        let start = Instant::now();
        if graceful {
            nginx.quit();
        } else {
            nginx.terminate();
        }
        nginx.wait_until_gone();
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    }
}

/// Reloads where there is only one process, which says in its log that it has begun to.
fn reload_single(nginx: &Nginx) {
    let mark = nginx.mark_log();
    nginx.kill_by(nginx.master(), 1);
    wait_for("the reload", || {
        let log = nginx.log_since(mark);
        let at = log.iter().position(|line| line.ends_with("reconfiguring"));
        // What comes next in the log is of the new configuration.
        at.is_some_and(|at| log.iter().skip(at).any(|line| line.contains("using the \"epoll\"")))
    });
    // A signal that comes while it still reloads is seen by NGINX when something else happens.
    wait_for("NGINX to wait for events", || is_asleep(nginx.master()));
}
