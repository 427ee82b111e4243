//! Tokens in files (`STSCache file`): several NGINXs share a directory.
#![expect(clippy::expect_used, reason = "what fails here is a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use devsts::{Answer, Script, Sts, When};
use e2e::nginx::{Builder, Nginx};
use e2e::parallel::in_parallel;
use e2e::scene::Scene;
use e2e::wait::wait_for;
use tempfile::TempDir;

pub(crate) const PASSPHRASE: &str = "a-passphrase-of-the-test";

const LOCATION: &str = r#"
    STSCache file "dir=%%DIR%%&timeout=2s%%OPTIONS%%";
    STSRefreshAhead off;
    location / {
        %%OTX%%
        STSPhase rewrite;
        add_header Status "$sts_status" always;
        add_header Expires-In "$sts_expires_in" always;
        add_header Said "$sts_issued_token_type $sts_scope" always;
        return 200 "$target_token";
    }
    location = /purge { STSCachePurge; allow all; }
    location = /status { stub_status; }
    location = /sts { allow 127.0.0.1; deny all; STSStatus; }
"#;

/// A place for files, which NGINX makes.
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { root: TempDir::new().expect("a directory") }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("files")
    }

    /// All files, but for what is locked and what is being written.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let parts = fs::read_dir(self.path()).into_iter().flatten().flatten();
        let files =
            parts.flat_map(|part| fs::read_dir(part.path()).into_iter().flatten().flatten());
        let is_one = |path: &PathBuf| {
            path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."))
        };
        files.map(|file| file.path()).filter(is_one).collect()
    }

    /// Those with a token: an epoch and a lease are shorter.
    pub(crate) fn tokens(&self) -> Vec<PathBuf> {
        let is_long = |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.len() > 150);
        self.files().into_iter().filter(is_long).collect()
    }
}

fn node_with(scene: &Scene, place: &Place, options: &str) -> Builder {
    scene
        .nginx()
        .set("DIR", place.path().display())
        .set("OPTIONS", options)
        .server(LOCATION)
        .forbid_in_log(PASSPHRASE)
}

fn node(scene: &Scene, place: &Place) -> Builder {
    node_with(scene, place, &format!("&passphrase={PASSPHRASE}"))
}

/// Cache status and token of a request.
#[track_caller]
fn get(nginx: &Nginx, user: &str) -> (String, String) {
    let response = nginx.get("/").bearer(user).send().expect_status(200);
    (response.header("Status").unwrap_or_default().to_owned(), response.text())
}

#[track_caller]
fn wait_for_tokens(place: &Place, number: usize) {
    wait_for(&format!("{number} tokens in files"), || place.tokens().len() == number);
}

/// Exchanges here, and finds it there.
#[track_caller]
fn share(here: &Nginx, there: &Nginx, user: &str) -> String {
    let (status, token) = get(here, user);
    assert_eq!(status, "MISS", "{}", here.error_log());
    assert_eq!(get(there, user), ("HIT".into(), token.clone()), "{}", there.error_log());
    token
}

#[test]
fn a_token_of_one_nginx_is_a_hit_of_another_and_of_one_that_starts_later() {
    let scene = Scene::new();
    let place = Place::new();
    let here = node(&scene, &place).start();
    let there = node(&scene, &place).start();
    let token = share(&here, &there, "alice");
    assert_eq!(token, devsts::target_for("alice", 1));
    drop((here, there));
    let later = node(&scene, &place).start();
    assert_eq!(get(&later, "alice"), ("HIT".into(), token.clone()));
    // From now on it is in its zone.
    fs::remove_dir_all(place.path()).expect("it is ours");
    assert_eq!(get(&later, "alice"), ("HIT".into(), token));
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn files_are_the_workers_own_and_nothing_can_be_read_in_them() {
    let scene = Scene::new();
    let place = Place::new();
    let nginx = node(&scene, &place).start();
    let (_, token) = get(&nginx, "alice");
    wait_for_tokens(&place, 1);
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o7777;
    assert_eq!(mode(&place.path()), 0o700);
    let files = place.files();
    assert_eq!(files.len(), 1 + 4, "a token and its epochs");
    for file in files {
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().expect("a directory")), 0o700);
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        assert_eq!(name.len(), 43);
        let content = fs::read(&file).expect("it is ours");
        for part in [&token[..], "alice", "otxclient", "127.0.0.1"] {
            let holds = content.windows(part.len()).any(|it| it == part.as_bytes());
            assert!(!holds && !name.contains(part), "{part}");
        }
    }
}

#[test]
fn what_the_sts_said_with_a_token_is_known_to_the_other_nginx() {
    let scene = Scene::new();
    let place = Place::new();
    let answer = serde_json::json!({
        "access_token": "target", "token_type": "Bearer", "expires_in": 300, "scope": "read write",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    });
    scene.sts.script(When::any(), Script::new().answer(Answer::json(200, &answer)));
    let here = node(&scene, &place).start();
    let there = node(&scene, &place).start();
    share(&here, &there, "alice");
    for nginx in [&here, &there] {
        let said = nginx.get("/").bearer("alice").send().header("Said").map(str::to_owned);
        let expected = "urn:ietf:params:oauth:token-type:access_token read write";
        assert_eq!(said.as_deref(), Some(expected));
    }
}

#[test]
fn what_is_asked_of_files_is_counted() {
    let scene = Scene::new();
    let place = Place::new();
    let here = node(&scene, &place).start();
    let there = node(&scene, &place).start();
    share(&here, &there, "alice");
    get(&here, "alice");
    wait_for_tokens(&place, 1);
    here.post("/purge", "").send().expect_status(200);
    let has = |nginx: &Nginx, lines: &[&str]| {
        let text = nginx.get("/sts").send().expect_status(200).text();
        lines.iter().all(|line| text.lines().any(|one| one == format!("nginx_sts_store_{line}")))
    };
    let total = |op, result| {
        format!("operations_total{{store=\"default\",op=\"{op}\",result=\"{result}\"}}")
    };
    let mine = [
        format!("{} 1", total("get", "miss")),
        format!("{} 0", total("get", "hit")),
        format!("{} 1", total("put", "ok")),
        format!("{} 1", total("purge", "ok")),
        "duration_seconds_count{store=\"default\"} 3".to_owned(),
        "breaker_open{store=\"default\"} 0".to_owned(),
    ];
    let mine: Vec<_> = mine.iter().map(String::as_str).collect();
    wait_for("the numbers of the one", || has(&here, &mine));
    let theirs = [format!("{} 0", total("get", "miss")), format!("{} 1", total("get", "hit"))];
    let theirs: Vec<_> = theirs.iter().map(String::as_str).collect();
    wait_for("the numbers of the other", || has(&there, &theirs));
    let json = here.get("/sts?format=json").send().expect_status(200).json();
    let store = &json["stores"][0];
    assert_eq!((&store["type"], &store["name"]), (&"file".into(), &"default".into()));
    assert_eq!(store["place"], place.path().display().to_string());
    assert_eq!(store["operations"]["put"]["ok"], 1);
    assert_eq!(store["breaker"]["state"], "closed");
}

#[test]
fn a_herd_over_two_nginxs_makes_one_call() {
    let scene = Scene::new();
    let place = Place::new();
    scene.sts.script(When::any(), Script::new().wait(Duration::from_secs(3)).usual());
    let nodes = [0, 1].map(|_| node(&scene, &place).workers(2).start());
    let tokens = in_parallel(200, 200, |number| get(&nodes[number % 2], "alice").1);
    assert!(tokens.iter().all(|token| *token == devsts::target_for("alice", 1)));
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn an_nginx_that_dies_with_the_lease_costs_one_more_call() {
    let scene = Scene::new();
    let place = Place::new();
    scene.sts.script(When::call(1), Script::new().hang());
    let here = node(&scene, &place).start();
    let there = node(&scene, &place).start();
    std::thread::scope(|scope| {
        let mut first = here.connect();
        first.send("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer alice\r\n\r\n");
        assert!(scene.sts.wait_for_calls(1, e2e::wait::DEADLINE));
        let herd = scope.spawn(|| in_parallel(20, 20, |_| get(&there, "alice").1));
        there.wait_until_waiting("/status", 20);
        here.kill_worker(here.worker());
        let tokens = herd.join().expect("all succeed");
        assert!(tokens.iter().all(|token| *token == devsts::target_for("alice", 2)));
    });
    assert_eq!(scene.sts.call_count(), 2);
    here.stop_at_once();
}

#[test]
fn a_purge_of_one_nginx_is_one_of_all_workers_of_another_within_a_second() {
    for purge in ["everything", "exchange", "source"] {
        let scene = Scene::new();
        let place = Place::new();
        let here = node(&scene, &place).start();
        let there = node(&scene, &place).workers(2).start();
        let token = share(&here, &there, "alice");
        let request = match purge {
            "exchange" => here.post(&format!("/purge?exchange={}", scene.sts.endpoint()), ""),
            "source" => here.post("/purge", "").header("STS-Source-Token", "alice"),
            _ => here.post("/purge", ""),
        };
        assert_eq!(request.send().expect_status(200).text(), "purged 1\n");
        let purged = Instant::now();
        assert_eq!(get(&here, "alice").0, "MISS", "{purge}");
        wait_for("the other one to forget", || get(&there, "alice").1 != token);
        assert!(purged.elapsed() < Duration::from_millis(1_500), "{:?}", purged.elapsed());
        let next = get(&there, "alice").1;
        let others = in_parallel(8, 32, |_| get(&there, "alice").1);
        assert!(others.iter().all(|other| *other == next), "{purge}");
        assert_eq!(scene.sts.call_count(), 2, "{purge}");
    }
}

#[test]
fn an_epoch_that_is_lost_makes_everything_old() {
    let scene = Scene::new();
    let place = Place::new();
    let here = node(&scene, &place).start();
    get(&here, "alice");
    wait_for_tokens(&place, 1);
    let token = place.tokens();
    for file in place.files().iter().filter(|file| !token.contains(file)) {
        fs::remove_file(file).expect("it is ours");
    }
    let there = node(&scene, &place).start();
    assert_eq!(get(&there, "alice"), ("MISS".into(), devsts::target_for("alice", 2)));
}

#[test]
fn a_directory_that_goes_back_to_what_it_was_is_noticed() {
    let scene = Scene::new();
    let place = Place::new();
    let here = node(&scene, &place).start();
    get(&here, "alice");
    wait_for_tokens(&place, 1);
    let before: Vec<_> = place.files().into_iter().map(|file| (fs::read(&file), file)).collect();
    here.post("/purge", "").send().expect_status(200);
    for (content, file) in before {
        fs::write(file, content.expect("it is ours")).expect("it is ours");
    }
    here.wait_for_log("a store has gone back to what it was before the last purge");
    let there = node(&scene, &place).start();
    let old = devsts::target_for("alice", 1);
    wait_for("the purge to hold again", || get(&there, "alice").1 != old);
}

/// What can be done to a file: to Bob's, with Alice's at hand.
type Attack = fn(&Path, &Path);

#[test]
fn a_token_that_was_moved_cut_changed_or_made_up_is_a_miss_and_a_line() {
    let attacks: [(&str, Attack); 4] = [
        ("moved", |bob, alice| {
            fs::copy(alice, bob).expect("it is ours");
        }),
        ("cut", |bob, _| {
            let content = fs::read(bob).expect("it is ours");
            fs::write(bob, &content[..content.len() - 1]).expect("it is ours");
        }),
        ("changed", |bob, _| {
            let mut content = fs::read(bob).expect("it is ours");
            *content.last_mut().expect("it has bytes") ^= 1;
            fs::write(bob, content).expect("it is ours");
        }),
        ("made up", |bob, _| fs::write(bob, "\x02evil".repeat(40)).expect("it is ours")),
    ];
    for (what, attack) in attacks {
        let scene = Scene::new();
        let place = Place::new();
        let here = node(&scene, &place).start();
        get(&here, "alice");
        wait_for_tokens(&place, 1);
        let alice = place.tokens().remove(0);
        get(&here, "bob");
        wait_for_tokens(&place, 2);
        let bob = place.tokens().into_iter().find(|file| *file != alice).expect("two");
        attack(&bob, &alice);
        let there = node(&scene, &place).start();
        assert_eq!(get(&there, "alice").0, "HIT", "{what}");
        assert_eq!(get(&there, "bob"), ("MISS".into(), devsts::target_for("bob", 3)), "{what}");
        there.wait_for_log("has a value that does not open");
        let log = there.error_log();
        assert_eq!(log.matches("does not open").count(), 1, "{log}");
        // What it got replaces the other.
        let later = node(&scene, &place).start();
        wait_for("the new token", || get(&later, "bob").1 == devsts::target_for("bob", 3));
    }
}

#[test]
fn a_file_that_a_loss_of_power_has_left_empty_is_nothing() {
    let scene = Scene::new();
    let place = Place::new();
    let here = node(&scene, &place).start();
    get(&here, "alice");
    wait_for_tokens(&place, 1);
    place.files().iter().for_each(|file| fs::write(file, "").expect("it is ours"));
    let there = node(&scene, &place).start();
    assert_eq!(get(&there, "alice"), ("MISS".into(), devsts::target_for("alice", 2)));
    wait_for_tokens(&place, 1);
    assert!(!there.error_log().contains("does not open"));
}

#[test]
fn another_passphrase_opens_nothing_and_an_old_one_still_reads() {
    let scene = Scene::new();
    let place = Place::new();
    let here = node(&scene, &place).start();
    let (_, token) = get(&here, "alice");
    wait_for_tokens(&place, 1);
    let stranger = node_with(&scene, &place, "&passphrase=another-passphrase").start();
    assert_eq!(get(&stranger, "alice"), ("MISS".into(), devsts::target_for("alice", 2)));
    let rotated = format!("&passphrase=a-third-passphrase&passphrase_old={PASSPHRASE}");
    let rotated = node_with(&scene, &place, &rotated).start();
    assert_eq!(get(&rotated, "alice"), ("HIT".into(), token));
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn a_token_lives_in_a_file_for_what_is_left_of_its_life_and_is_removed_then() {
    let scene = Scene::with(Sts::builder().expires_in(8));
    let place = Place::new();
    let options = format!("&clean_interval=1s&passphrase={PASSPHRASE}");
    let here = node_with(&scene, &place, &options).start();
    let there = node_with(&scene, &place, &options).start();
    let token = share(&here, &there, "alice");
    wait_for_tokens(&place, 1);
    let left = there.get("/").bearer("alice").send().header("Expires-In").map(str::to_owned);
    let left: u64 = left.and_then(|left| left.parse().ok()).expect("a number");
    assert!(left <= 8, "{left}");
    wait_for_tokens(&place, 0);
    assert_ne!(get(&there, "alice").1, token);
    // The epochs stay.
    assert!(place.files().len() >= 4);
}

#[test]
fn a_token_that_is_larger_than_max_val_size_is_in_no_file() {
    let scene = Scene::new();
    let place = Place::new();
    let options = format!("&max_val_size=30k&passphrase={PASSPHRASE}");
    let here = node_with(&scene, &place, &options).start();
    let there = node_with(&scene, &place, &options).start();
    let token = share(&here, &there, "size-20000.alice");
    assert!(token.len() >= 20_000, "{}", token.len());
    let large = "size-40000.alice";
    get(&here, large);
    assert_eq!(get(&there, large).0, "MISS");
    assert_eq!(place.tokens().len(), 1);
}

#[test]
fn without_a_master_process_files_are_used_as_well() {
    let scene = Scene::new();
    let place = Place::new();
    let here = node(&scene, &place).main("master_process off;").start();
    let there = node(&scene, &place).main("master_process off;").start();
    share(&here, &there, "alice");
}

#[test]
fn workers_of_a_reload_go_on_with_the_files() {
    let scene = Scene::new();
    let place = Place::new();
    let nginx = node(&scene, &place).workers(2).start();
    let (_, token) = get(&nginx, "alice");
    wait_for_tokens(&place, 1);
    nginx.reload();
    assert_eq!(get(&nginx, "alice").1, token);
    get(&nginx, "bob");
    wait_for_tokens(&place, 2);
    assert_eq!(scene.sts.call_count(), 2);
    assert!(!nginx.error_log().contains("is of no use"), "{}", nginx.error_log());
}
