//! Signatures that take long, and what else a worker has to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use e2e::nginx::Nginx;
use e2e::scene::Scene;
use e2e::wait::wait_for;

use super::keys::{rsa, with};
use super::nginx;

const MINTED: &str = "
    location /minted {
        STSType jwt;
        STSJWTKeyFile key.jwk;
        STSVariables $claims $target_token;
        STSCacheExpiresIn 0;
        add_header Token $target_token;
        empty_gif;
    }
    location /static { empty_gif; }";

const MANY: usize = 60;

/// Stops the worker, so that what is sent meanwhile is there at once when it goes on.
fn rest(nginx: &Nginx, worker: i32) {
    nginx.kill_by(worker, nix::sys::signal::Signal::SIGSTOP as i32);
    wait_for("the worker to rest", || {
        let stat = std::fs::read_to_string(format!("/proc/{worker}/stat")).unwrap_or_default();
        stat.contains(") T ")
    });
}

#[test]
fn what_else_has_come_is_served_between_two_signatures_of_rsa() {
    let scene = Scene::new();
    let nginx = nginx(&scene, &with(rsa(), "kid", "a")).server(MINTED).start();
    let worker = nginx.worker();
    let mut minting: Vec<_> = (0..MANY).map(|_| nginx.connect()).collect();
    let mut beside = nginx.connect();
    for connection in minting.iter_mut().chain([&mut beside]) {
        connection.send(nginx.get("/static").to_bytes());
        connection.read_response().expect_status(200);
    }
    let answered = Arc::new(AtomicUsize::new(0));
    rest(&nginx, worker);
    for (number, connection) in minting.iter_mut().enumerate() {
        let claims = format!(r#"{{"number":{number}}}"#);
        connection.send(nginx.get("/minted").header("X-Claims", claims).to_bytes());
    }
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
    nginx.kill_by(worker, nix::sys::signal::Signal::SIGCONT as i32);
    beside.read_response().expect_status(200);
    let before = answered.load(Ordering::SeqCst);
    assert!(before < MANY / 2, "{before} of {MANY} tokens were signed before it");
    // All are, and each has its own.
    let mut tokens: Vec<_> = all.into_iter().map(|one| one.join().unwrap()).collect();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), MANY);
    assert_eq!(nginx.worker(), worker);
}

#[test]
fn a_client_that_leaves_before_its_turn_holds_up_none() {
    let scene = Scene::new();
    let nginx = nginx(&scene, &with(rsa(), "kid", "a")).server(MINTED).start();
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
    nginx.kill_by(worker, nix::sys::signal::Signal::SIGCONT as i32);
    for mut connection in stay {
        connection.read_response().expect_status(200);
    }
    assert_eq!(nginx.worker(), worker);
}
