//! More than one NGINX.

use e2e::ports::free_port;
use e2e::scene::{Scene, Seen};
use e2e::stores::{self, Server};

use super::run::{SOURCE, assert_bearer, written};

#[test]
fn two_nodes_share_their_tokens_and_each_goes_on_without_the_store() {
    let scene = Scene::new();
    // `make test-stores` has a Redis.
    let store = stores::available().map(|installed| Server::redis(&installed, &[]));
    let port = store.as_ref().map_or_else(free_port, Server::port);
    if let Some(store) = &store {
        let rules = "ACL SETUSER nginx on >s3cret ~sts:* -@all +get +set +pttl +pexpire";
        store.ask(&rules.split(' ').map(str::as_bytes).collect::<Vec<_>>());
    }
    // The time-out is for a machine with other things to do.
    let node = || {
        written(&scene, "Two nodes with one Redis")
            .with("host=127.0.0.1&", &format!("host=127.0.0.1&port={port}&timeout=2s&"))
            .run()
    };
    let nodes = [node(), node()];
    let mut seen = Vec::new();
    for node in &nodes {
        let response = node.get("/").bearer(SOURCE).send();
        seen.push(response.header("X-STS").unwrap_or_default().to_owned());
        assert_bearer(&Seen::by_backend(response), SOURCE);
    }
    let second = if store.is_some() { "HIT" } else { "MISS" };
    assert_eq!(seen, ["MISS", second]);
    let [first, _] = nodes;
    let purged = first.post("/purge", "").send();
    purged.expect_status(if store.is_some() { 200 } else { 503 });
}
