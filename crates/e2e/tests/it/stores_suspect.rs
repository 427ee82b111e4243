//! A token that a backend does not take, on nodes that share a store (`STSPurgeOn`, `STSRetryOn`): it does not
//! come back from there, and the next one is asked for once.

use e2e::nginx::Nginx;
use e2e::parallel::in_parallel;
use e2e::response::Response;
use e2e::scene::assert_exchanged;
use e2e::stores;

use crate::files::{self, Place};
use crate::retry_on::Scenery;
use crate::stores::{BOTH, PASSPHRASE};

const LOCATIONS: &str = "
    STSRefreshAhead off;
    location / { %%PASS%% }
    location /purge { STSRetryOn off; STSPurgeOn 401; %%PASS%% }
";

struct Nodes {
    scenery: Scenery,
    /// How their store is written.
    written: String,
    here: Nginx,
    there: Nginx,
}

impl Nodes {
    fn new(written: &str) -> Self {
        let scenery = Scenery::new();
        let (here, there) = (node(&scenery, written), node(&scenery, written));
        Self { scenery, written: written.to_owned(), here, there }
    }

    /// Both have tokens for these users, and the backend takes them no longer.
    fn revoke(&mut self, users: &[&str]) {
        self.scenery.warm(&self.here, "/", users);
        for user in users {
            assert_eq!(seen(&get(&self.there, "/", user)), ("HIT", "200"), "{user}");
        }
        self.scenery.age();
        self.scenery.revoke_all();
    }
}

fn node(scenery: &Scenery, written: &str) -> Nginx {
    let (kind, options) = written.split_once(' ').unwrap_or((written, ""));
    let cache = format!("STSCache {kind} \"{options}\";");
    scenery.nginx(&(cache + LOCATIONS)).forbid_in_log(PASSPHRASE).start()
}

fn get(nginx: &Nginx, path: &str, user: &str) -> Response {
    nginx.get(path).bearer(user).send()
}

/// How the exchange went, and what the backend has answered.
fn seen(response: &Response) -> (&str, &str) {
    let header = |name| response.header(name).unwrap_or_default();
    (header("Status"), header("Upstream"))
}

/// What has to hold of nodes with this store.
fn the_token_is_asked_for_once_and_the_old_one_does_not_come_back(written: &str) {
    let mut nodes = Nodes::new(written);
    nodes.revoke(&["alice", "carol", "herd", "bob"]);
    let calls = || nodes.scenery.scene.sts.call_count();
    let before = calls();
    let Nodes { here, there, .. } = &nodes;

    // It is forgotten here, although it lies in the store.
    assert_eq!(seen(&get(here, "/purge", "alice")), ("HIT", "401"));
    let next = get(here, "/purge", "alice");
    assert_eq!(seen(&next), ("MISS", "200"));
    assert_exchanged(next, "alice");
    // The other node has the old one in its zone, and gets the new one from the store.
    assert_eq!(seen(&get(there, "/purge", "alice")), ("HIT", "401"));
    let next = get(there, "/purge", "alice");
    assert_eq!(seen(&next), ("HIT", "200"));
    assert_exchanged(next, "alice");
    assert_eq!(calls(), before + 1);

    // The same for a request that is sent again.
    assert_eq!(seen(&get(here, "/", "carol")), ("MISS", "401 : 200"));
    assert_eq!(seen(&get(there, "/", "carol")), ("HIT", "401 : 200"));
    assert_eq!(seen(&get(there, "/", "carol")), ("HIT", "200"));
    assert_eq!(calls(), before + 2);

    // Both find it out at once.
    in_parallel(8, 24, |number| {
        let response = get(if number % 2 == 0 { here } else { there }, "/", "herd");
        assert_exchanged(response, "herd");
    });
    assert_eq!(calls(), before + 3);

    // A node that comes later has the new ones, and the old one of a user for which none was asked.
    let later = node(&nodes.scenery, &nodes.written);
    for user in ["alice", "carol", "herd"] {
        assert_eq!(seen(&get(&later, "/", user)), ("HIT", "200"), "{user}");
    }
    assert_eq!(seen(&get(&later, "/", "bob")), ("MISS", "401 : 200"));
    assert_eq!(calls(), before + 4);
    // A new one that the backend does not take either is kept to, on all nodes.
    nodes.scenery.revoke_all();
    assert_eq!(seen(&get(&later, "/", "bob")), ("HIT", "401"));
    for node in [here, there] {
        assert_eq!(seen(&get(node, "/", "bob")), ("HIT", "401 : 401"));
        assert_eq!(seen(&get(node, "/", "bob")), ("HIT", "401"));
    }
    assert_eq!(calls(), before + 4);
}

#[test]
fn nginxs_that_share_a_directory_ask_once_for_the_next_token() {
    let place = Place::new();
    let written =
        format!("file dir={}&timeout=2s&passphrase={}", place.path().display(), files::PASSPHRASE);
    the_token_is_asked_for_once_and_the_old_one_does_not_come_back(&written);
}

#[test]
#[ignore = "make test-stores has the servers"]
fn nodes_that_share_a_store_ask_once_for_the_next_token() {
    let installed = stores::installed();
    for kind in BOTH {
        let store = kind.start(&installed);
        let written = kind.written(&store);
        the_token_is_asked_for_once_and_the_old_one_does_not_come_back(&written);
    }
}
