//! How soon a thousand requests of two workers that wait for one token have it: run
//! `make zone-costs`, or this with `STS_TEST_NGINX` and `STS_TEST_MODULE`.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "it measures, and says so"
)]

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpStream;
use std::time::Instant;

use devsts::{Answer, Gate, Script, When};
use e2e::nginx::Nginx;
use e2e::scene::Scene;
use e2e::wait::{DEADLINE, wait_for};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

const REQUESTS: usize = 1000;
const ROUNDS: usize = 10;

const HTTP: &str = r#"
    server {
        listen 127.0.0.1:%%PORT_HERD%% reuseport backlog=2048;
        access_log off;
        location / {
            %%OTX%%
            STSPhase rewrite;
            add_header Status "$sts_status" always;
            add_header Worker $pid always;
            return 200 $target_token;
        }
    }"#;

/// When a worker's answers were there, in milliseconds after that of the request that called.
type Delays = BTreeMap<String, Vec<f64>>;

fn main() {
    for outcome in ["a token", "a refusal"] {
        println!("{REQUESTS} requests wait for {outcome}; milliseconds after the one that called:");
        println!("{:>8} {:>8} {:>8} {:>8} {:>8}", "round", "calls", "50 %", "99 %", "all");
        let scene = Scene::new();
        let nginx = scene.nginx().http(HTTP).server("location = /status { stub_status; }");
        let nginx = nginx.workers(2).start();
        for round in 1..=ROUNDS {
            let before = scene.sts.call_count();
            let delays = herd(&scene, &nginx, &format!("user-{round}"), outcome == "a token");
            assert_eq!(delays.len(), 2, "one worker served all");
            let mut all: Vec<_> = delays.into_values().flatten().collect();
            all.sort_by(f64::total_cmp);
            let calls = scene.sts.call_count() - before;
            let (half, most) = (all[REQUESTS / 2], all[REQUESTS * 99 / 100]);
            let last = all[REQUESTS - 1];
            println!("{round:>8} {calls:>8} {half:>8.1} {most:>8.1} {last:>8.1}");
        }
    }
}

fn herd(scene: &Scene, nginx: &Nginx, user: &str, good: bool) -> Delays {
    let gate = Gate::new();
    let script = Script::new().hold(&gate);
    let script = if good {
        script.usual()
    } else {
        script.answer(Answer::new(400).body(r#"{"error":"invalid_grant"}"#))
    };
    scene.sts.script(When::subject(user), script);
    let address = nginx.address_of("PORT_HERD");
    let request = nginx.get("/").bearer(user).to_bytes();
    let before = scene.sts.call_count();
    let mut clients: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let mut client = TcpStream::connect(address).expect("NGINX accepts");
            std::io::Write::write_all(&mut client, &request).expect("NGINX reads");
            client
        })
        .collect();
    let writing = format!("Writing: {} ", REQUESTS + 1);
    wait_for("all to wait", || nginx.get("/status").send().text().contains(&writing));
    assert!(scene.sts.wait_for_calls(before + 1, DEADLINE));

    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("an epoll");
    for (number, client) in (0..).zip(&clients) {
        let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, number);
        epoll.add(client, event).expect("a socket can be watched");
    }
    gate.open();
    let mut answered: Vec<Option<Instant>> = vec![None; REQUESTS];
    let mut left = REQUESTS;
    let mut events = vec![EpollEvent::empty(); REQUESTS];
    while left > 0 {
        let ready = epoll.wait(&mut events, EpollTimeout::NONE).expect("events");
        let now = Instant::now();
        for event in &events[..ready] {
            answered[event.data() as usize] = Some(now);
            left -= 1;
        }
    }

    let heads: Vec<_> = clients
        .iter_mut()
        .map(|client| {
            let mut bytes = [0; 4096];
            let length = client.read(&mut bytes).expect("an answer");
            String::from_utf8_lossy(&bytes[..length]).into_owned()
        })
        .collect();
    let first = answered.iter().flatten().min().copied().expect("answers");
    let leader = heads.iter().position(|head| head.contains("Status: MISS"));
    let ended = leader.and_then(|leader| answered[leader]).unwrap_or(first);
    let mut delays = Delays::new();
    for (head, answered) in heads.iter().zip(answered.into_iter().flatten()) {
        let worker = head.split("Worker: ").nth(1).and_then(|rest| rest.lines().next());
        let delay = answered.saturating_duration_since(ended).as_secs_f64() * 1000.0;
        delays.entry(worker.unwrap_or_default().to_owned()).or_default().push(delay);
    }
    delays
}
