//! A directory that is full, gone, locked, unreadable or hangs costs a request next to nothing.
#![expect(clippy::expect_used, reason = "what fails here is a test")]

use std::borrow::Borrow;
use std::fs;
use std::path::Path;

use e2e::nginx::{Builder, Nginx};
use e2e::parallel::in_parallel;
use e2e::scene::Scene;
use e2e::wait::wait_for;
use nix::fcntl::AT_FDCWD;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags};

use crate::files::Place;
use crate::store_costs::{self, assert_costs_little, assert_holds_up_no_worker, miss};

/// Where a failure shows at once, on a machine with other things to do.
const PATIENT: &str = "&timeout=2s";

fn node(scene: &Scene, directory: &Path, options: &str) -> Builder {
    store_costs::node(scene, "file", &format!("dir={}{options}", directory.display()))
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
    let there = assert_costs_little("full", || {
        let there = node(&scene, &place.path(), PATIENT).start();
        let response = there.get("/").bearer("alice").send().expect_status(200);
        assert_eq!(response.header("Status"), Some("HIT"));
        there
    });
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
    assert_costs_little("gone", || &nginx);
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
    assert_costs_little("no-directory", || &nginx);
}

/// Opening anything on this mount hangs for as long as this lives, as on a server of files that is gone.
fn hang(at: &Path) -> Fanotify {
    let flags = InitFlags::FAN_CLASS_CONTENT | InitFlags::FAN_CLOEXEC;
    let fanotify = Fanotify::init(flags, EventFFlags::O_RDONLY).expect("it is allowed");
    let marks = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_MOUNT;
    fanotify.mark(marks, MaskFlags::FAN_OPEN_PERM, AT_FDCWD, Some(at)).expect("a mark");
    fanotify
}

/// An NGINX whose directory hangs for as long as it runs: its threads could not end before.
struct Hung {
    _directory: Option<Fanotify>,
    nginx: Nginx,
}

impl Borrow<Nginx> for Hung {
    fn borrow(&self) -> &Nginx {
        &self.nginx
    }
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
    in_parallel(8, 64, |it| miss(&nginx, &format!("hung-{it}")));
    assert_costs_little("later", || &nginx);
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
    assert_holds_up_no_worker("hung", |is_with| Hung {
        _directory: is_with.then(|| hang(&place.path())),
        nginx: node(&scene, &place.path(), PATIENT).start(),
    });
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
    assert_costs_little("aside", || &there);
    here.post("/purge", "").send().expect_status(503);
    fs::rename(&aside, place.path()).expect("it is ours");
    wait_for("the purge to be told", || here.post("/purge", "").send().status == 200);
    wait_for("the other one to forget", || {
        there.get("/").bearer("alice").send().expect_status(200).text() != token
    });
}
