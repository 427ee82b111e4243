//! A store that fails holds up no worker: `make test-stores`.

use e2e::nginx::Nginx;
use e2e::ports::{FullPort, free_port};
use e2e::scene::Scene;
use e2e::stores::{self, Server};

use crate::store_costs::assert_holds_up_no_worker;
use crate::stores_failing::{fill_memcached, node, saying, slow, with_memcached};

/// Questions that are not answered are there for as long as it is measured.
const LONG: &str = "&timeout=2s";

const NONSENSE: &[u8] = b"\x00\xffHTTP/1.1 200 OK\r\n\r\n";

#[test]
#[ignore = "make test-stores has the servers"]
fn a_worker_serves_others_as_ever_while_redis_fails() {
    let installed = stores::installed();
    let (hung, behind) = (Server::redis(&installed, &[]), Server::redis(&installed, &[]));
    let full = Server::redis(&installed, &["--maxmemory", "1"]);
    let hole = FullPort::new();
    hung.freeze();
    for (what, port) in [
        ("dead", free_port()),
        ("hung", hung.port()),
        ("black-holed", hole.number()),
        ("slow", slow(&behind)),
        ("full", full.port()),
        ("nonsense", saying(NONSENSE)),
    ] {
        let scene = Scene::new();
        let start = |_: bool| -> Nginx { node(&scene, port, LONG).start() };
        assert_holds_up_no_worker(what, start);
    }
    hung.thaw();
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_worker_serves_others_as_ever_while_memcached_fails() {
    let installed = stores::installed();
    let (hung, behind) = (Server::memcached(&installed, &[]), Server::memcached(&installed, &[]));
    let full = Server::memcached(&installed, &["-M", "-m", "2"]);
    fill_memcached(&full);
    let hole = FullPort::new();
    hung.freeze();
    for (what, port) in [
        ("dead", free_port()),
        ("hung", hung.port()),
        ("black-holed", hole.number()),
        ("slow", slow(&behind)),
        ("full", full.port()),
        ("nonsense", saying(NONSENSE)),
    ] {
        let scene = Scene::new();
        let start = |_: bool| -> Nginx { with_memcached(&scene, port, LONG).start() };
        assert_holds_up_no_worker(what, start);
    }
    hung.thaw();
}
