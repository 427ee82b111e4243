//! The harness itself, on an NGINX without the module.

use std::panic::{AssertUnwindSafe, catch_unwind};

use e2e::nginx::{Nginx, about};
use e2e::parallel::in_parallel;
use e2e::wait::wait_for;

fn plain() -> e2e::nginx::Builder {
    Nginx::builder().without_module().server("location /hello { return 200 hello; }")
}

#[test]
fn a_request_is_answered() {
    let nginx = plain().start();
    assert_eq!(nginx.get("/hello").send().expect_status(200).text(), "hello");
}

#[test]
fn responses_come_one_after_the_other_on_one_connection() {
    let nginx = plain().start();
    let mut connection = nginx.connect();
    connection
        .send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.read_response().status, 200);
    assert_eq!(connection.read_response().status, 404);
    assert_eq!(nginx.get("/hello").send_on(&mut connection).status, 200);
}

#[test]
fn many_requests_run_at_once() {
    let nginx = plain().start();
    let statuses = in_parallel(50, 200, |_| nginx.get("/hello").send().status);
    assert_eq!(statuses, vec![200; 200]);
}

#[test]
fn http2_streams_are_answered() {
    let nginx =
        plain().http("server { %%LISTEN_H2%% location /hello { return 200 two; } }").start();
    let mut connection = nginx.connect_http2();
    let streams: Vec<_> = (0..5).map(|_| connection.get("/hello", &[("x-a", "b")])).collect();
    for stream in streams {
        assert_eq!(stream.response().expect_status(200).text(), "two");
    }
}

#[test]
fn a_reload_brings_new_workers() {
    let nginx = plain().workers(2).start();
    wait_for("the workers", || nginx.workers().len() == 2);
    let before = nginx.workers();
    nginx.reload();
    let after = nginx.workers();
    assert!(after.iter().all(|pid| !before.contains(pid)));
    nginx.get("/hello").send().expect_status(200);
}

#[test]
fn a_reload_can_bring_another_configuration_at_the_same_port() {
    let nginx = plain().start();
    let next = Nginx::builder().without_module().server("location /new { return 200; }");
    nginx.reload_with(&next);
    nginx.get("/new").send().expect_status(200);
}

#[test]
fn a_killed_worker_is_replaced() {
    let nginx = plain().start();
    nginx.kill_worker(nginx.worker());
    nginx.get("/hello").send().expect_status(200);
}

#[test]
fn a_binary_upgrade_leaves_one_master() {
    let nginx = plain().daemon().start();
    nginx.worker();
    let old = nginx.upgrade();
    nginx.wait_until_process_is_gone(old);
    nginx.get("/hello").send().expect_status(200);
}

#[test]
fn nginx_runs_without_a_master() {
    let nginx = plain().main("master_process off;").start();
    nginx.get("/hello").send().expect_status(200);
}

#[test]
fn a_configuration_is_checked() {
    assert!(plain().check().ok);
    let checked = plain().server("nonsense;").check();
    assert!(!checked.ok);
    assert!(checked.output.contains("unknown directive \"nonsense\""), "{}", checked.output);
}

#[test]
fn a_worker_that_dies_fails_the_test() {
    let nginx = plain().start();
    let worker = nginx.worker();
    nginx.kill_by(worker, 11);
    wait_for("a new worker", || nginx.workers().iter().any(|pid| *pid != worker));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(nginx))).is_err());
}

#[test]
fn a_secret_in_the_log_fails_the_test() {
    let nginx = plain().start();
    nginx.forbid_in_log("s3cret");
    nginx.get("/s3cret").send().expect_status(404);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(nginx))).is_err());
}

#[test]
fn a_test_that_fails_leaves_no_process_behind() {
    let mut pid = 0;
    let failed = catch_unwind(AssertUnwindSafe(|| {
        let nginx = plain().start();
        pid = nginx.worker();
        panic!("as a failed assertion does");
    }));
    assert!(failed.is_err());
    wait_for("the worker to be gone", || !e2e::nginx::is_running(pid));
}

#[test]
fn the_version_is_known() {
    assert!(about().version >= e2e::nginx::Version(1, 22, 0));
    assert!(about().configured("--with-http_ssl_module"));
}
