//! What requests take of the memory of a worker while they wait, and what a rush of them leaves there.

use std::time::Duration;

use devsts::{Gate, Script, When};
use e2e::http1::Connection;
use e2e::nginx::{Nginx, anonymous_memory, memory_is_watched};
use e2e::scene::Scene;
use e2e::wait::holds_within;

/// Requests that wait at once. With the default of `STSMaxCalls`, 256 of them call and the others wait
/// for their turn.
const RUSH: usize = 1200;

/// Bytes of a source token, which a client's header of 64 KiB has room for.
const TOKEN: usize = 60_000;

/// How long a worker may take to give memory back.
const SOON: Duration = Duration::from_secs(20);

const SERVER: &str = r#"
    large_client_header_buffers 4 64k;
    location / {
        %%OTX%%
        STSPhase rewrite;
        return 200 "$target_token";
    }
    location = /status { STSType disabled; stub_status; }
"#;

fn source(user: &str) -> String {
    format!("{user}-{}", "x".repeat(TOKEN - user.len() - 1))
}

#[track_caller]
fn exchange(nginx: &Nginx, user: &str) {
    let source = source(user);
    let target = nginx.get("/").bearer(&source).send().expect_status(200).text();
    assert!(devsts::is_for(&target, &source), "{user} got {target:?}");
}

/// Requests that wait at once, all of which call.
const CALLING: usize = 200;

const WAITING: &str = r#"
    large_client_header_buffers 4 64k;
    location = /sts {
        %%EXCHANGE%%
        STSAcceptSourceTokenIn header;
        STSPassTargetTokenIn header;
        proxy_pass %%BACKEND%%;
    }
    location = /backend { proxy_pass %%BACKEND%%; }
    location = /status { stub_status; }
"#;

#[test]
fn a_request_that_waits_for_an_sts_takes_little_more_than_one_that_waits_for_a_backend() {
    let gate = Gate::new();
    // Each on an NGINX of its own: what the others had in it would be free for these.
    let crowd = |target: &str| {
        let scene = Scene::new();
        let nginx = scene.nginx().server(WAITING).worker_connections(4096).start();
        // What is needed once for all is there then.
        nginx.get(target).bearer(source("first")).send().expect_status(200);
        scene.sts.script(When::any(), Script::new().hold(&gate).usual());
        scene.backend.script(When::any(), Script::new().hold(&gate).usual());
        nginx.wait_until_waiting("/status", 0);
        let before = anonymous_memory(nginx.worker());
        let clients: Vec<_> = (0..CALLING)
            .map(|number| {
                let mut client = Connection::open(nginx.address());
                let token = source(&format!("user-{number}"));
                client.send(nginx.get(target).bearer(&token).to_bytes());
                client
            })
            .collect();
        nginx.wait_until_waiting("/status", CALLING);
        (nginx, clients, before, scene)
    };
    let (nginx, clients, before, scene) = crowd("/backend");
    let for_backend = anonymous_memory(nginx.worker()) - before;
    drop((clients, nginx, scene));

    let (nginx, clients, before, _scene) = crowd("/sts");
    let for_sts = || anonymous_memory(nginx.worker()) - before;
    // A message is there until the connection has taken it. What looks at memory keeps what is freed.
    let is_little = || memory_is_watched() || for_sts() * 10 <= for_backend * 13;
    let came_down = holds_within(SOON, is_little);
    let for_sts = for_sts();
    gate.open();
    drop((clients, nginx));
    assert!(came_down, "{for_sts} KiB for the STS, {for_backend} KiB for the backend");
}

#[test]
fn a_worker_gives_back_what_a_rush_of_large_tokens_took() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::subject_prefix("rush-"), Script::new().hold(&gate).usual());
    let nginx = scene.nginx().server(SERVER).worker_connections(4096).start();
    let worker = nginx.worker();
    (0..50).for_each(|number| exchange(&nginx, &format!("before-{number}")));
    let before = anonymous_memory(worker);

    let mut clients: Vec<_> = (0..RUSH)
        .map(|number| {
            let source = source(&format!("rush-{number}"));
            let mut client = Connection::open(nginx.address());
            client.send(nginx.get("/").bearer(&source).to_bytes());
            client
        })
        .collect();
    nginx.wait_until_waiting("/status", RUSH);
    let most = anonymous_memory(worker);
    assert!(most > 10 * before, "{before} KiB, in the rush {most} KiB");
    gate.open();
    for (number, client) in clients.iter_mut().enumerate() {
        let target = client.read_response().expect_status(200).text();
        assert!(devsts::is_for(&target, &source(&format!("rush-{number}"))), "{target:?}");
    }
    drop(clients);

    // What looks at memory keeps what is freed.
    let is_back = || memory_is_watched() || anonymous_memory(worker) * 2 <= before * 3;
    let came_back = holds_within(SOON, is_back);
    let after = anonymous_memory(worker);
    assert!(came_back, "a worker had {before} KiB, in the rush {most} KiB and keeps {after} KiB");
    exchange(&nginx, "after");
}
