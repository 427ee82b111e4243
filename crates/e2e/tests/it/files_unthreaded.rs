//! Tokens in files, on an NGINX that was built without `--with-threads`: only what is memory is read and
//! written on the event loop. `make test-stores` builds such an NGINX, and runs the other tests of files on it.

use std::path::Path;

use e2e::scene::Scene;

use crate::store_costs;

/// A directory that is memory on every Linux.
const MEMORY: &str = "/dev/shm";

#[test]
#[ignore = "make test-stores builds an NGINX without threads"]
fn a_directory_on_a_disk_is_refused_and_one_in_memory_is_used() {
    let scene = Scene::new();
    let options = |at: &Path| format!("dir={}", at.display());
    let disk = Path::new(env!("CARGO_TARGET_TMPDIR")).join("files-of-a-test");
    let checked = store_costs::node(&scene, "file", &options(&disk)).check();
    assert!(!checked.ok, "{}", checked.output);
    for part in [
        "STSCache",
        "\"dir\"",
        "is on a disk",
        "was built without --with-threads",
        "name a directory on a tmpfs (such as /dev/shm/sts)",
        "nginx.conf:",
    ] {
        assert!(checked.output.contains(part), "{part:?} in {}", checked.output);
    }
    assert!(!disk.exists(), "it was made all the same");

    let memory = tempfile::tempdir_in(MEMORY).expect("a directory in memory");
    let memory = memory.path().join("files");
    let nodes = [0, 1].map(|_| store_costs::node(&scene, "file", &options(&memory)).start());
    store_costs::miss(&nodes[0], "alice");
    let response = nodes[1].get("/").bearer("alice").send().expect_status(200);
    assert_eq!(response.header("Status"), Some("HIT"), "{}", nodes[1].error_log());
    assert_eq!(scene.sts.call_count(), 1);
}
