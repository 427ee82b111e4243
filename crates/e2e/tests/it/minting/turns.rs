//! Tokens that take long to make, and what else a worker has to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use e2e::http1::Connection;
use e2e::nginx::Nginx;
use e2e::response::Response;
use e2e::scene::Scene;
use e2e::wait::wait_for;

use super::keys::{named, rsa, rsa_of, with};
use super::nginx;

/// A server whose location `/minted` has these settings besides.
fn server(settings: &str) -> String {
    format!(
        "
    location /minted {{
        STSType jwt;
        STSJWTKeyFile key.jwk;
        STSVariables $claims $target_token;
        STSCacheExpiresIn 0;
        {settings}
        add_header Token $target_token;
        add_header Error $sts_error always;
        empty_gif;
    }}
    location /static {{ empty_gif; }}"
    )
}

/// It takes more than half of the steps that it may.
const FILTER: &str = "STSJWTFilter '(\"abcdefghijklmnopqrstuvwxyz\" * 3 | .[8:]) as $t | \
    [($t / \"\")[] as $a | ($t / \"\")[] | 1] as $n | {number, n: ($n | length)}';";

const MANY: usize = 60;

/// Stops the worker, so that what is sent meanwhile is there at once when it goes on.
fn rest(nginx: &Nginx, worker: i32) {
    nginx.kill_by(worker, nix::sys::signal::Signal::SIGSTOP as i32);
    wait_for("the worker to rest", || {
        let stat = std::fs::read_to_string(format!("/proc/{worker}/stat")).unwrap_or_default();
        stat.contains(") T ")
    });
}

fn go_on(nginx: &Nginx, worker: i32) {
    nginx.kill_by(worker, nix::sys::signal::Signal::SIGCONT as i32);
}

/// Connections that the worker knows.
fn connections(nginx: &Nginx, number: usize) -> Vec<Connection> {
    let mut connections: Vec<_> = (0..number).map(|_| nginx.connect()).collect();
    for connection in &mut connections {
        connection.send(nginx.get("/static").to_bytes());
        connection.read_response().expect_status(200);
    }
    connections
}

/// Asks for tokens on all of them, each for another one.
fn ask(nginx: &Nginx, connections: &mut [Connection]) {
    for (number, connection) in connections.iter_mut().enumerate() {
        let claims = format!(r#"{{"number":{number}}}"#);
        connection.send(nginx.get("/minted").header("X-Claims", claims).to_bytes());
    }
}

/// How many have this status, and this error.
fn count(responses: &[Response], status: u16, error: &str) -> usize {
    let is =
        |one: &&Response| one.status == status && one.header("Error").unwrap_or_default() == error;
    responses.iter().filter(is).count()
}

/// A request that comes behind many others, whose tokens take long, is served before most of them.
fn serves_between(key: &str, settings: &str) {
    let scene = Scene::new();
    let nginx = nginx(&scene, key).server(&server(settings)).start();
    let worker = nginx.worker();
    let mut minting = connections(&nginx, MANY);
    let mut beside = connections(&nginx, 1).remove(0);
    let answered = Arc::new(AtomicUsize::new(0));
    rest(&nginx, worker);
    ask(&nginx, &mut minting);
    // The last one, behind all of them.
    beside.send(nginx.get("/static").to_bytes());
    let all: Vec<_> = minting
        .into_iter()
        .map(|mut connection| {
            let answered = answered.clone();
            thread::spawn(move || {
                let response = connection.read_response().expect_status(200);
                answered.fetch_add(1, Ordering::SeqCst);
                response.header("Token").unwrap().to_owned()
            })
        })
        .collect();
    go_on(&nginx, worker);
    beside.read_response().expect_status(200);
    let before = answered.load(Ordering::SeqCst);
    assert!(before < MANY / 2, "{before} of {MANY} tokens were made before it");
    // All are, and each has its own.
    let mut tokens: Vec<_> = all.into_iter().map(|one| one.join().unwrap()).collect();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), MANY);
    assert_eq!(nginx.worker(), worker);
}

#[test]
fn what_else_has_come_is_served_between_two_signatures_of_rsa() {
    serves_between(&with(rsa(), "kid", "a"), "");
}

#[test]
fn what_else_has_come_is_served_between_two_filters() {
    serves_between(&named("a"), FILTER);
}

#[test]
fn what_else_has_come_is_served_between_two_large_tokens() {
    let claims = format!("STSJWTClaim large '[{}0]' json;", "0,".repeat(1900));
    let several: String =
        (0..8).map(|number| claims.replace("large", &format!("large{number}"))).collect();
    serves_between(&named("a"), &several);
}

#[test]
fn a_request_waits_for_its_turn_no_longer_than_it_may() {
    let scene = Scene::new();
    let key = with(rsa_of(4096), "kid", "a");
    let nginx = nginx(&scene, &key).server(&server("STSHTTPTimeOut 1;")).start();
    let worker = nginx.worker();
    let mut minting = connections(&nginx, MANY);
    rest(&nginx, worker);
    ask(&nginx, &mut minting);
    go_on(&nginx, worker);
    let mut minting = minting.into_iter();
    let first = minting.next().unwrap().read_response().expect_status(200);
    assert!(first.header("Token").is_some());
    rest(&nginx, worker);
    // Their time goes by while the worker does nothing.
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(1100) {
        thread::sleep(Duration::from_millis(20));
    }
    go_on(&nginx, worker);
    let responses: Vec<_> = minting.map(|mut one| one.read_response()).collect();
    let (made, late) = (count(&responses, 200, ""), count(&responses, 504, "timeout"));
    assert_eq!(made + late, MANY - 1);
    assert!(late > MANY / 2, "only {late} of {MANY} had no time left");
    nginx.wait_for_log("jwt exchange failed: timeout: no turn to make a token within 1000 ms");
    assert_eq!(nginx.worker(), worker);
}

#[test]
fn no_more_requests_wait_for_a_turn_than_the_queue_takes() {
    let scene = Scene::new();
    let settings = format!("{FILTER} STSMaxCalls 1 queue 4;");
    let nginx = nginx(&scene, &named("a")).server(&server(&settings)).start();
    let worker = nginx.worker();
    let mut minting = connections(&nginx, MANY);
    rest(&nginx, worker);
    ask(&nginx, &mut minting);
    go_on(&nginx, worker);
    let responses: Vec<_> = minting.into_iter().map(|mut one| one.read_response()).collect();
    let (made, busy) = (count(&responses, 200, ""), count(&responses, 503, "busy"));
    assert_eq!(made + busy, MANY);
    assert!(made >= 5 && busy > MANY / 2, "{made} were made, {busy} found no place");
    nginx.wait_for_log("jwt exchange failed: busy: too many tokens wait to be made");
    // The places are free again.
    nginx.get("/minted").header("X-Claims", "{}").send().expect_status(200);
}

#[test]
fn one_value_takes_no_more_places_than_it_has() {
    let scene = Scene::new();
    let settings = format!("{FILTER} STSMaxCalls 1 per $http_x_client 3;");
    let nginx = nginx(&scene, &named("a")).server(&server(&settings)).start();
    let worker = nginx.worker();
    let mut minting = connections(&nginx, MANY);
    rest(&nginx, worker);
    for (number, connection) in minting.iter_mut().enumerate() {
        // Every tenth is another client, with one request.
        let client = if number % 10 == 9 { number } else { 0 };
        let request = nginx.get("/minted").header("X-Claims", format!(r#"{{"number":{number}}}"#));
        connection.send(request.header("X-Client", client.to_string()).to_bytes());
    }
    go_on(&nginx, worker);
    let responses: Vec<_> = minting.into_iter().map(|mut one| one.read_response()).collect();
    let (made, busy) = (count(&responses, 200, ""), count(&responses, 503, "busy"));
    assert_eq!(made + busy, MANY);
    assert!(busy > MANY / 2, "{busy} found no place");
    for other in responses.iter().skip(9).step_by(10) {
        assert_eq!(other.status, 200);
    }
    nginx.wait_for_log("too many tokens of one value wait to be made (STSMaxCalls, per)");
}

#[test]
fn a_client_that_leaves_before_its_turn_holds_up_none() {
    let scene = Scene::new();
    let nginx = nginx(&scene, &with(rsa(), "kid", "a")).server(&server("")).start();
    let worker = nginx.worker();
    rest(&nginx, worker);
    let mut stay = Vec::new();
    for number in 0..MANY {
        let claims = format!(r#"{{"number":{number}}}"#);
        let mut connection = nginx.connect();
        connection.send(nginx.get("/minted").header("X-Claims", claims).to_bytes());
        match number % 3 {
            0 => connection.reset(),
            _ => stay.push(connection),
        }
    }
    go_on(&nginx, worker);
    for mut connection in stay {
        connection.read_response().expect_status(200);
    }
    assert_eq!(nginx.worker(), worker);
}
