//! Two processes that use one zone, as two workers do, against a simple map with a clock that lies in
//! the same memory; and what is left when one of them is killed at any moment.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking"
)]

#[path = "processes/model.rs"]
mod model;
#[path = "processes/shared.rs"]
mod shared;
#[path = "processes/worker.rs"]
mod worker;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::getppid;

use crate::shared::Shared;
use crate::worker::Worker;

/// Names the file of the shared memory to a process that is started as a worker, and where its random
/// choices begin.
const FILE: &str = "STS_ZONE_TEST_FILE";
const SEED: &str = "STS_ZONE_TEST_SEED";

/// Bytes of a zone with room for all that the workers put into it.
const ROOMY: usize = 1 << 20;

/// Bytes of a zone in which they have to make room.
const NARROW: usize = 12 << 10;

/// Longer than any of this takes, on the slowest machine.
const DEADLINE: Duration = Duration::from_secs(60);

fn start(path: &Path, seed: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--ignored", "--nocapture", "a_worker"]);
    command.env(FILE, path).env(SEED, seed.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("this program can be run")
}

#[test]
#[ignore = "this is what the other tests start as processes of their own"]
fn a_worker() {
    let Ok(path) = std::env::var(FILE) else { return };
    let seed = std::env::var(SEED).unwrap().parse().unwrap();
    let shared = Shared::open(Path::new(&path));
    let parent = getppid();
    let mut worker = Worker::new(&shared, seed);
    while !shared.is_over() && getppid() == parent {
        worker.work();
    }
}

/// Waits until the condition holds; fails when a worker ends before.
fn wait(what: &str, workers: &mut [Child], mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        for worker in &mut *workers {
            let ended = worker.try_wait().unwrap();
            assert!(ended.is_none(), "a worker found something wrong: {ended:?}");
        }
        assert!(start.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn finish(shared: &Shared, workers: &mut [Child]) {
    shared.end();
    for worker in workers {
        let ended = worker.wait().unwrap();
        assert!(ended.success(), "a worker found something wrong: {ended:?}");
    }
}

#[test]
fn two_processes_agree_with_a_map() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let shared = Shared::create(file.path(), ROOMY, false);
    let mut workers = [1, 2].map(|seed| start(file.path(), seed));
    wait("the workers", &mut workers, || shared.steps() > 40_000);
    finish(&shared, &mut workers);
    let statistics = shared.locked(|zone, _| zone.statistics());
    assert_eq!((statistics.emptied, statistics.evicted), (0, 0));
}

#[test]
fn two_processes_agree_with_a_map_when_there_is_not_enough_room() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let shared = Shared::create(file.path(), NARROW, true);
    let mut workers = [3, 4].map(|seed| start(file.path(), seed));
    wait("the workers", &mut workers, || shared.steps() > 40_000);
    finish(&shared, &mut workers);
    let statistics = shared.locked(|zone, _| zone.statistics());
    assert_eq!(statistics.emptied, 0);
    assert!(statistics.evicted > 0, "there was enough room");
}

#[test]
fn processes_that_are_killed_at_any_moment_leave_nothing_wrong() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let shared = Shared::create(file.path(), NARROW, true);
    let mut seeds = 5..;
    let mut next = || start(file.path(), seeds.next().unwrap());
    let mut workers = [next(), next()];
    let mut killed = 0;
    // Some of them die while they change something, or this tests nothing.
    while killed < 40 || shared.locked(|zone, _| zone.statistics()).emptied < 3 {
        let steps = shared.steps() + 20 + killed * 7 % 300;
        wait("the workers", &mut workers, || shared.steps() > steps);
        let one = &mut workers[killed as usize % 2];
        one.kill().unwrap();
        one.wait().unwrap();
        *one = next();
        killed += 1;
        assert!(killed < 1000, "no process dies while changing something");
    }
    wait("the workers", &mut workers, || shared.steps() > 10_000);
    finish(&shared, &mut workers);
}
