//! What a store that fails may cost: a request its time-out in all, a few of them, and then nothing; a worker
//! no time at all. Both are compared with the same without a store, at the same time on the same machine.
#![expect(clippy::panic, reason = "a test reports by panicking")]

use std::borrow::Borrow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use e2e::nginx::{Builder, Nginx};
use e2e::scene::Scene;

pub(crate) const PASSPHRASE: &str = "a-passphrase-of-the-test";

/// What a store may cost, as the manual has it, and after how many failures it is left alone.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(20);
const FAILURES: u32 = 5;

/// What is measured is good enough in one of so many runs: other things run on the machine, which only add
/// to it.
const RUNS: usize = 4;

/// A node with a store, which is written so, and with the same exchange without one.
pub(crate) fn node(scene: &Scene, kind: &str, options: &str) -> Builder {
    scene
        .nginx()
        .set("STORE", format!("{kind} \"{options}&passphrase={PASSPHRASE}\""))
        .server(
            r#"
            location / {
                STSCache %%STORE%%;
                %%OTX%%
                STSPhase rewrite;
                add_header Status "$sts_status" always;
                return 200 "$target_token";
            }
            location /without {
                STSCache shm name=without;
                %%OTX%%
                STSPhase rewrite;
                add_header Status "$sts_status" always;
                return 200 "$target_token";
            }
            location = /purge { STSCache %%STORE%%; STSCachePurge; allow all; }
            location = /sts { allow 127.0.0.1; deny all; STSStatus; }
            location = /static { return 200 "static"; }"#,
        )
        .forbid_in_log(PASSPHRASE)
}

/// A request for a token that is not there: how long it took.
#[track_caller]
pub(crate) fn miss(nginx: &Nginx, user: &str) -> Duration {
    miss_at(nginx, "/", user)
}

#[track_caller]
fn miss_at(nginx: &Nginx, path: &str, user: &str) -> Duration {
    let started = Instant::now();
    let response = nginx.get(path).bearer(user).send().expect_status(200);
    assert!(devsts::is_for(&response.text(), user), "{}", response.text());
    assert_eq!(response.header("Status"), Some("MISS"));
    started.elapsed()
}

/// Times of requests that alternate: with what is in question, and without.
#[derive(Debug)]
struct Times {
    with: Vec<Duration>,
    without: Vec<Duration>,
}

impl Times {
    fn of(number: usize, take: impl Fn(bool, usize) -> Duration) -> Self {
        let (mut with, mut without): (Vec<_>, Vec<_>) =
            (0..number).map(|it| (take(true, it), take(false, it))).unzip();
        with.sort_unstable();
        without.sort_unstable();
        Self { with, without }
    }

    /// Both of the times that so many others are not longer than.
    fn ranked(&self, rank: usize) -> (Duration, Duration) {
        let at = |times: &[Duration]| times.get(rank).copied().unwrap_or(Duration::MAX);
        (at(&self.with), at(&self.without))
    }

    /// Whether each request, but for one, costs the time-out at most, and all of them those of the failures.
    fn cost_little(&self) -> bool {
        let (with, without) = self.ranked(self.with.len().saturating_sub(2));
        let (all_with, all_without): (Duration, Duration) =
            (self.with.iter().sum(), self.without.iter().sum());
        let most = TIMEOUT + TIMEOUT / 4;
        with <= most + 2 * without + Duration::from_millis(5)
            && all_with <= FAILURES * most + 2 * all_without + Duration::from_millis(10)
    }

    /// Whether the longest times, but for one in a hundred, are those without.
    fn are_the_same(&self) -> bool {
        let (with, without) = self.ranked(self.with.len() - 1 - self.with.len() / 100);
        with <= 3 * without + Duration::from_millis(10)
    }
}

/// Ten requests one after the other go on, the first five of which may cost the time-out. Ends with the node
/// of the run that shows it.
#[track_caller]
pub(crate) fn assert_costs_little<N: Borrow<Nginx>>(what: &str, mut start: impl FnMut() -> N) -> N {
    let users = what.replace(' ', "-");
    let mut seen = Vec::new();
    for run in 0..RUNS {
        let node = start();
        let nginx = node.borrow();
        // The first request opens connections, to the STS as well.
        miss_at(nginx, "/without", &format!("{users}-{run}-first"));
        let times = Times::of(10, |with, number| {
            let path = if with { "/" } else { "/without" };
            miss_at(nginx, path, &format!("{users}-{run}-{number}"))
        });
        let line = nginx.wait_for_log("is of no use");
        assert!(line.contains("[warn]") && line.contains("requests go on without it"), "{line}");
        if run == 0 {
            let log = nginx.error_log();
            assert_eq!(log.matches("is of no use").count(), 1, "{what}: {log}");
        }
        if times.cost_little() {
            return node;
        }
        seen.push(times);
    }
    panic!("{what}: {seen:?}");
}

/// While requests ask a store that fails, all others are as they are without one: `start` makes a node with
/// the store, or one without.
#[track_caller]
pub(crate) fn assert_holds_up_no_worker<N: Borrow<Nginx>>(what: &str, start: impl Fn(bool) -> N) {
    let mut seen = Vec::new();
    for run in 0..RUNS {
        let nodes = (start(true), start(false));
        let (with, without) = (nodes.0.borrow(), nodes.1.borrow());
        let (is_over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
        let times = std::thread::scope(|scope| {
            for _ in 0..2 {
                for (nginx, path) in [(with, "/"), (without, "/without")] {
                    let (is_over, asked) = (&is_over, &asked);
                    scope.spawn(move || {
                        while !is_over.load(Ordering::Relaxed) {
                            let number = asked.fetch_add(1, Ordering::Relaxed);
                            miss_at(nginx, path, &format!("{what}-{run}-{number}"));
                        }
                    });
                }
            }
            e2e::wait::wait_for("requests that ask", || asked.load(Ordering::Relaxed) >= 4);
            let times = Times::of(300, |is_with, _| {
                let nginx = if is_with { with } else { without };
                let started = Instant::now();
                nginx.get("/static").send().expect_status(200);
                started.elapsed()
            });
            is_over.store(true, Ordering::Relaxed);
            times
        });
        if times.are_the_same() {
            return;
        }
        seen.push(times.ranked(296));
    }
    panic!("{what}: 99 % within {seen:?}, with and without");
}
