//! The status page in a browser, and the dashboard on a Prometheus, of an NGINX under load:
//! `make test-page` and `make test-monitoring`.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "what fails here is a test, and its figures are to be read"
)]

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::nginx::{Nginx, workspace};
use e2e::scene::Scene;

/// Two exchanges that are used, one that is seldom used and without tokens, and one that is not.
const SERVER: &str = "
    location = /sts { allow 127.0.0.1; deny all; STSStatus; }
    location /orders { %%OTX%% STSName orders; STSBreaker 5; STSCacheExpiresIn 1; %%PASS%% }
    location /seldom { %%OTX%% STSName seldom; STSRequestParameter scope seldom; %%PASS%% }
    location /idle { %%OTX%% STSName idle; STSRequestParameter scope idle; %%PASS%% }
    location /unnamed { %%OTX%% STSRequestParameter scope unnamed; %%PASS%% }
";

/// Makes requests until `look` has ended, which gets the address of the status.
fn under_load(look: impl FnOnce(&str)) {
    let scene = Scene::new();
    let nginx = scene.nginx().workers(2).server(SERVER).start();
    let address = format!("http://{}/sts", nginx.address());
    let ends = AtomicBool::new(false);
    let ends = &ends;
    std::thread::scope(|scope| {
        let _ends = Ends(ends);
        for number in 0..2 {
            let nginx = &nginx;
            scope.spawn(move || load(nginx, number, ends));
        }
        look(&address);
    });
}

/// Ends the load, also when the look fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn load(nginx: &Nginx, thread: usize, ends: &AtomicBool) {
    for round in 0.. {
        if ends.load(Ordering::Relaxed) {
            return;
        }
        let user = format!("user{}", (round + thread) % 7);
        let user = if round % 10 == 3 { "refuse" } else { &user };
        nginx.get("/orders").bearer(user).send();
        if round % 3 == 0 {
            nginx.get("/unnamed").bearer(user).send();
        }
        if round % 20 == 0 {
            nginx.get("/seldom").send();
        }
        // The processors are for what looks.
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn run(command: &mut Command) {
    let output = command.current_dir(workspace()).stdin(Stdio::null()).output().expect("a program");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

#[test]
#[ignore = "make test-page has a browser"]
fn the_page_shows_what_is_counted() {
    under_load(|address| run(Command::new("node").arg("crates/e2e/page/live.mjs").arg(address)));
}

#[test]
#[ignore = "make test-monitoring has a Prometheus"]
fn a_prometheus_runs_the_queries_of_the_dashboard() {
    under_load(|address| {
        let mut queries = Command::new("python3");
        run(queries.args(["-B", "crates/e2e/monitoring/queries.py", address]));
    });
}
