//! The calls to one STS are shared out fairly (`STSMaxCalls`).
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::scope;
use std::time::Duration;

use devsts::{Gate, Script, Sts, When};
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::{DEADLINE, wait_for};

#[test]
fn a_location_with_a_narrow_limit_has_its_share_beside_a_flood_of_another() {
    let scene = Scene::with(Sts::builder().latency(Duration::from_millis(20)));
    let server = "
        location /wide { %%OTX%% STSMaxCalls 8; %%PASS%% }
        location /narrow { %%OTX%% STSMaxCalls 2 queue 4; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    let is_over = AtomicBool::new(false);
    let served = AtomicUsize::new(0);
    scope(|scope| {
        for client in 0..32 {
            let (nginx, is_over, served) = (&nginx, &is_over, &served);
            scope.spawn(move || {
                for number in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    let user = format!("wide-{client}-{number}");
                    nginx.get("/wide").bearer(&user).send().expect_status(200);
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        wait_for("the flood", || served.load(Ordering::Relaxed) > 100);
        let narrow: Vec<_> = (0..4)
            .map(|client| {
                let nginx = &nginx;
                scope.spawn(move || {
                    for number in 0..25 {
                        let user = format!("narrow-{client}-{number}");
                        assert_exchanged(nginx.get("/narrow").bearer(&user).send(), &user);
                    }
                })
            })
            .collect();
        let before = served.load(Ordering::Relaxed);
        for client in narrow {
            client.join().expect("a client of the narrow location");
        }
        let meanwhile = served.load(Ordering::Relaxed) - before;
        is_over.store(true, Ordering::Relaxed);
        // One in nine of the calls at the least, when each line has the same turn.
        assert!(meanwhile < 100 * 9, "{meanwhile}");
    });
}

#[test]
fn the_calls_of_one_value_do_not_take_all_places() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::any(), Script::new().hold(&gate).usual());
    let server = "
        location / { %%OTX%% STSMaxCalls 4 queue 10 per $http_x_client 3; %%PASS%% }
        location = /sts { allow 127.0.0.1; deny all; STSStatus; }
        location /status { stub_status; }";
    let nginx = scene.nginx().server(server).start();
    let start = |client: &str, user: String| {
        nginx.get("/").header("X-Client", client).bearer(&user).start()
    };
    let mut flood: Vec<_> = (0..3).map(|number| start("a", format!("flood-{number}"))).collect();
    nginx.wait_until_waiting("/status", 3);
    for number in 3..20 {
        let response = start("a", format!("flood-{number}")).read_response();
        response.expect_status(503);
    }
    let line = nginx.wait_for_log("for one value");
    assert!(line.contains("busy") && line.contains("STSMaxCalls"), "{line}");
    let seen = nginx.get("/sts?format=json").send().expect_status(200).text();
    let not_made = r#""calls_not_made":{"queue":0,"value":17,"breaker":0,"pause":0}"#;
    assert!(seen.contains(not_made), "{seen}");
    // Others have their places, and what has no value is not bounded.
    let mut others: Vec<_> = (0..2).map(|number| start("b", format!("other-{number}"))).collect();
    let without = (0..4).map(|number| nginx.get("/").bearer(format!("none-{number}")).start());
    let mut without: Vec<_> = without.collect();
    nginx.wait_until_waiting("/status", 9);
    assert!(scene.sts.wait_for_calls(4, DEADLINE));
    assert_eq!(scene.sts.call_count(), 4);
    gate.open();
    for (name, clients) in [("flood", &mut flood), ("other", &mut others), ("none", &mut without)] {
        for (number, client) in clients.iter_mut().enumerate() {
            assert_exchanged(client.read_response(), &format!("{name}-{number}"));
        }
    }
    // The places are free again.
    assert_exchanged(start("a", "late".into()).read_response(), "late");
}

#[test]
fn requests_of_two_clients_with_one_token_are_one_call_in_one_place() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::any(), Script::new().hold(&gate).usual());
    let server = "
        location / { %%OTX%% STSMaxCalls 4 queue 10 per $http_x_client 1; %%PASS%% }
        location /status { stub_status; }";
    let nginx = scene.nginx().server(server).start();
    let mut first = nginx.get("/").header("X-Client", "a").bearer("alice").start();
    nginx.wait_until_waiting("/status", 1);
    let mut same = nginx.get("/").header("X-Client", "a").bearer("alice").start();
    let mut other = nginx.get("/").header("X-Client", "b").bearer("alice").start();
    nginx.wait_until_waiting("/status", 3);
    gate.open();
    for client in [&mut first, &mut same, &mut other] {
        assert_exchanged(client.read_response(), "alice");
    }
    assert_eq!(scene.sts.call_count(), 1);
}
