//! A directory that is full, gone, locked, unreadable or hangs costs a request next to nothing.
#![expect(clippy::expect_used, reason = "what fails here is a test")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use e2e::nginx::{Builder, Nginx};
use e2e::parallel::in_parallel;
use e2e::scene::Scene;
use e2e::wait::wait_for;
use nix::fcntl::AT_FDCWD;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags};

use crate::files::Place;

const PASSPHRASE: &str = "a-passphrase-of-the-test";

/// Milliseconds that a store may cost, as the manual has it.
const TIMEOUT: u64 = 20;

/// Where a failure shows at once, on a machine with other things to do.
const PATIENT: &str = "&timeout=2s";

/// What a machine with other things to do may add. Without a time-out it would be for ever.
const SLACK: Duration = Duration::from_millis(400);

fn node(scene: &Scene, directory: &Path, options: &str) -> Builder {
    scene
        .nginx()
        .set("STORE", format!("dir={}&passphrase={PASSPHRASE}{options}", directory.display()))
        .server(
            r#"
            STSCache file "%%STORE%%";
            location / {
                %%OTX%%
                STSPhase rewrite;
                add_header Status "$sts_status" always;
                return 200 "$target_token";
            }
            location = /purge { STSCachePurge; allow all; }
            location = /sts { allow 127.0.0.1; deny all; STSStatus; }
            location = /static { return 200 "static"; }"#,
        )
        .forbid_in_log(PASSPHRASE)
}

/// A request for a token that is not there: how long it took.
#[track_caller]
fn miss(nginx: &Nginx, user: &str) -> Duration {
    let started = Instant::now();
    let response = nginx.get("/").bearer(user).send().expect_status(200);
    assert!(devsts::is_for(&response.text(), user), "{}", response.text());
    assert_eq!(response.header("Status"), Some("MISS"));
    started.elapsed()
}

/// Ten requests one after the other go on.
#[track_caller]
fn assert_costs_little(nginx: &Nginx, what: &str) {
    let times: Vec<_> = (0..10).map(|number| miss(nginx, &format!("{what}-{number}"))).collect();
    let most = Duration::from_millis(TIMEOUT) + SLACK;
    assert!(times.iter().all(|time| *time < most), "{what}: {times:?}");
    let line = nginx.wait_for_log("is of no use");
    assert!(line.contains("[warn]") && line.contains("requests go on without it"), "{line}");
    let log = nginx.error_log();
    assert_eq!(log.matches("is of no use").count(), 1, "{what}: {log}");
}

#[track_caller]
fn wait_until_used(nginx: &Nginx, tokens: impl Fn() -> usize) {
    let before = tokens();
    let mut number = 0;
    wait_for("the directory to be used again", || {
        number += 1;
        miss(nginx, &format!("again-{number}"));
        tokens() > before
    });
    nginx.wait_for_log("answers again");
}

/// A file system in memory that this thread, and what it starts, finds in a place. Nothing where that is
/// not allowed.
fn own_memory(at: &Path, size: &str) -> bool {
    const NOTHING: Option<&str> = None;
    if unshare(CloneFlags::CLONE_NEWNS).is_err() {
        eprintln!("skipped: only root mounts a file system of its own");
        return false;
    }
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)
        .expect("mounts of our own");
    let options = format!("size={size},mode=0700");
    mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some(&*options))
        .expect("a file system");
    true
}

#[test]
fn a_disk_that_is_full_costs_next_to_nothing_and_what_is_there_is_served() {
    let scene = Scene::new();
    let place = Place::new();
    fs::create_dir(place.path()).expect("it is ours");
    if !own_memory(&place.path(), "512k") {
        return;
    }
    let here = node(&scene, &place.path(), PATIENT).start();
    let there = node(&scene, &place.path(), PATIENT).start();
    miss(&here, "alice");
    wait_for("the token in a file", || place.tokens().len() == 1);
    let filler = place.path().join("filler");
    let mut size = 1 << 20;
    while size > 0 {
        use std::io::Write as _;
        let file = fs::OpenOptions::new().create(true).append(true).open(&filler);
        if file.expect("a file").write_all(&vec![b'x'; size]).is_err() {
            size /= 2;
        }
    }
    let response = there.get("/").bearer("alice").send().expect_status(200);
    assert_eq!(response.header("Status"), Some("HIT"));
    assert_costs_little(&there, "full");
    let line = there.wait_for_log("is of no use");
    assert!(line.contains("a file cannot be written: No space left"), "{line}");
    there.post("/purge", "").send().expect_status(503);
    fs::remove_file(&filler).expect("it is ours");
    wait_until_used(&there, || place.tokens().len());
    umount2(&place.path(), MntFlags::MNT_DETACH).expect("it is ours");
}

#[test]
fn a_directory_that_is_gone_costs_next_to_nothing_and_is_used_when_it_is_back() {
    let scene = Scene::new();
    let place = Place::new();
    let nginx = node(&scene, &place.path(), PATIENT).start();
    miss(&nginx, "alice");
    wait_for("the token in a file", || place.tokens().len() == 1);
    fs::remove_dir_all(place.path()).expect("it is ours");
    assert_costs_little(&nginx, "gone");
    let line = nginx.wait_for_log("is of no use");
    assert!(line.contains("No such file or directory"), "{line}");
    assert!(!place.path().exists());
    nginx.post("/purge", "").send().expect_status(503);
    fs::create_dir(place.path()).expect("it is ours");
    wait_until_used(&nginx, || place.tokens().len());
}

#[test]
fn a_directory_that_is_no_directory_any_more_costs_next_to_nothing() {
    let scene = Scene::new();
    let place = Place::new();
    let nginx = node(&scene, &place.path(), PATIENT).start();
    fs::remove_dir_all(place.path()).expect("it is ours");
    fs::write(place.path(), "a file").expect("it is ours");
    assert_costs_little(&nginx, "no-directory");
}

/// Opening anything on this mount hangs for as long as this lives, as on a server of files that is gone.
fn hang(at: &Path) -> Fanotify {
    let flags = InitFlags::FAN_CLASS_CONTENT | InitFlags::FAN_CLOEXEC;
    let fanotify = Fanotify::init(flags, EventFFlags::O_RDONLY).expect("it is allowed");
    let marks = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_MOUNT;
    fanotify.mark(marks, MaskFlags::FAN_OPEN_PERM, AT_FDCWD, Some(at)).expect("a mark");
    fanotify
}

#[test]
fn a_directory_that_hangs_holds_up_no_worker_and_costs_its_timeout() {
    let scene = Scene::new();
    let place = Place::new();
    fs::create_dir(place.path()).expect("it is ours");
    if !own_memory(&place.path(), "4m") {
        return;
    }
    let nginx = node(&scene, &place.path(), "").start();
    let mut number = 0;
    wait_for("a token in a file", || {
        number += 1;
        miss(&nginx, &format!("first-{number}"));
        !place.tokens().is_empty()
    });
    let hung = hang(&place.path());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| in_parallel(8, 64, |it| miss(&nginx, &format!("hung-{it}"))));
        let mut times: Vec<_> = (0..200)
            .map(|_| {
                let started = Instant::now();
                nginx.get("/static").send().expect_status(200);
                started.elapsed()
            })
            .collect();
        times.sort_unstable();
        assert!(times[197] < Duration::from_millis(100), "p99 {:?}", times[197]);
        waiting.join().expect("all go on");
    });
    assert_costs_little(&nginx, "later");
    let line = nginx.wait_for_log("is of no use");
    assert!(line.contains("did not answer in time (option \"timeout\" is 20 ms)"), "{line}");
    nginx.post("/purge", "").send().expect_status(503);
    let text = nginx.get("/sts").send().expect_status(200).text();
    let has = |text: &str, line: &str| text.lines().any(|one| one == line);
    assert!(has(&text, "nginx_sts_store_breaker_open{store=\"default\"} 1"), "{text}");
    for result in ["timeout", "skipped"] {
        let none = format!(
            "nginx_sts_store_operations_total{{store=\"default\",op=\"get\",result=\"{result}\"}} 0"
        );
        assert!(!has(&text, &none), "{text}");
    }
    drop(hung);
    wait_until_used(&nginx, || place.tokens().len());
    drop(nginx);
    umount2(&place.path(), MntFlags::MNT_DETACH).expect("it is ours");
}

#[test]
fn a_purge_also_holds_after_files_were_of_no_use() {
    let scene = Scene::new();
    let place = Place::new();
    let here = node(&scene, &place.path(), PATIENT).start();
    let there = node(&scene, &place.path(), PATIENT).start();
    miss(&here, "alice");
    wait_for("the token in a file", || place.tokens().len() == 1);
    let token = there.get("/").bearer("alice").send().text();
    let aside = place.path().with_extension("aside");
    fs::rename(place.path(), &aside).expect("it is ours");
    assert_costs_little(&there, "aside");
    here.post("/purge", "").send().expect_status(503);
    fs::rename(&aside, place.path()).expect("it is ours");
    wait_for("the purge to be told", || here.post("/purge", "").send().status == 200);
    wait_for("the other one to forget", || {
        there.get("/").bearer("alice").send().expect_status(200).text() != token
    });
}
