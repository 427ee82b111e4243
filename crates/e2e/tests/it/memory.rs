//! What a rush of requests leaves in the memory of a worker.

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
