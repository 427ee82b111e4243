use std::os::unix::fs::PermissionsExt as _;
use std::slice;
use std::sync::Barrier;
use std::thread;

use sts_store::epoch::{Epoch, Scope};
use sts_store::language::{Answer, Commands, Entry as Found, Language, Lease};
use sts_store::seal::{Keys, Prefix};
use tempfile::TempDir;

use super::*;
use crate::clock::BOOT;

const REDIS: Language = Language::Redis;

fn at(since: u64) -> Now {
    Now { wall: 1_700_000_000_000 + since, boot: Some(([1; BOOT], since)) }
}

fn directory() -> (TempDir, Directory) {
    let root = TempDir::new().unwrap();
    let directory = Directory::new(root.path().to_owned(), true, 1024);
    (root, directory)
}

fn ask(directory: &Directory, commands: Commands, now: u64) -> Answer {
    Answer::Redis(directory.answer(&commands.into_secret(), &at(now)).unwrap())
}

fn place() -> sts_store::seal::Place {
    let scopes = [Scope::All, Scope::Exchange([1; 32]), Scope::Sources(2)];
    Keys::Insecure.place(&Prefix::new(""), &[7; 32], &scopes)
}

fn epoch(number: u8) -> Epoch {
    Epoch::new(1, &[number; 32])
}

fn look(directory: &Directory, text: &str, now: u64) -> Found {
    let place = place();
    let answer = ask(directory, REDIS.look(&place, &[], text, &epoch(1)), now);
    REDIS.found(answer, 0, text, &epoch(1)).unwrap().entry
}

fn said(words: &[&[u8]]) -> Secret {
    let mut bytes = Secret::default();
    sts_store::resp::command(&mut bytes, words);
    bytes
}

fn files(root: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    let mut look = vec![root.to_owned()];
    while let Some(next) = look.pop() {
        for file in fs::read_dir(next).unwrap().map(Result::unwrap) {
            let mode = file.metadata().unwrap().permissions().mode() & 0o7777;
            if file.file_type().unwrap().is_dir() {
                look.push(file.path());
                assert_eq!(mode, 0o700);
            } else {
                found.push((file.file_name().into_string().unwrap(), mode));
            }
        }
    }
    found
}

#[test]
fn a_node_is_elected_and_the_other_finds_what_it_puts() {
    let (root, directory) = directory();
    let place = place();
    assert!(matches!(look(&directory, "one", 0), Found::Lead(Lease::Text(text)) if text == "one"));
    assert!(matches!(look(&directory, "two", 5), Found::Elsewhere));
    ask(&directory, REDIS.renew(&place.value), 1_500);
    assert!(matches!(look(&directory, "two", 3_400), Found::Elsewhere), "it is renewed");
    let put = said(&[b"SET", place.value.as_bytes(), b"sealed", b"PX", b"60000", b"XX"]);
    directory.answer(&put, &at(3_450)).unwrap();
    let Found::Value { sealed, left } = look(&directory, "two", 10_000) else { panic!("no value") };
    assert_eq!((sealed.expose(), left), (&b"sealed"[..], 53_450));
    // A renewal that comes too late does not touch it.
    ask(&directory, REDIS.renew(&place.value), 10_000);
    assert!(matches!(look(&directory, "x", 10_000), Found::Value { left: 53_450, .. }));
    assert!(matches!(look(&directory, "two", 63_450), Found::Lead(_)), "it is over");
    assert!(files(root.path()).iter().all(|(_, mode)| *mode == 0o600));
}

#[test]
fn a_lease_that_is_not_renewed_is_the_next_ones_and_so_is_one_that_is_given_up() {
    let (_root, directory) = directory();
    assert!(matches!(look(&directory, "one", 0), Found::Lead(_)));
    assert!(matches!(look(&directory, "two", 1_999), Found::Elsewhere));
    assert!(matches!(look(&directory, "two", 2_000), Found::Lead(_)));
    ask(&directory, REDIS.release(&place().value, &Lease::Text("two".into())), 2_001);
    assert!(matches!(look(&directory, "three", 2_001), Found::Lead(_)));
}

#[test]
fn of_many_processes_one_is_elected() {
    let (_root, directory) = directory();
    for round in 0..20 {
        let all = Barrier::new(8);
        let leads = thread::scope(|scope| {
            let one = |number: usize| {
                let (all, directory) = (&all, &directory);
                move || {
                    all.wait();
                    let (place, text) = (place(), format!("{number}"));
                    let commands = REDIS.look(&place, &[], &text, &epoch(1)).into_secret();
                    // Where the owner of the lock was not given the processor for long, a look fails.
                    let Ok(replies) = directory.answer(&commands, &at(round * 2_000)) else {
                        return false;
                    };
                    let found = REDIS.found(Answer::Redis(replies), 0, &text, &epoch(1)).unwrap();
                    matches!(found.entry, Found::Lead(_))
                }
            };
            let running: Vec<_> = (0..8).map(|number| scope.spawn(one(number))).collect();
            running.into_iter().map(|it| it.join().unwrap()).filter(|it| *it).count()
        });
        assert_eq!(leads, 1, "round {round}");
    }
}

#[test]
fn an_epoch_that_is_there_is_told_and_one_that_is_lost_or_cut_is_made_anew() {
    let (root, directory) = directory();
    let name = place().epochs[0].clone();
    let make = |number| {
        let answer = ask(&directory, REDIS.make_epochs(&[&name], &epoch(number)), 0);
        REDIS.made_epochs(answer, &epoch(number)).unwrap()
    };
    assert_eq!((make(1), make(2)), (vec![epoch(1)], vec![epoch(1)]));
    ask(&directory, REDIS.set_epochs(slice::from_ref(&name), &epoch(3)), 0);
    assert_eq!(make(4), [epoch(3)]);
    let path = root.path().join(&name[..1]).join(&name);
    for length in [0, 20, entry::HEAD + 15] {
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(make(5), [epoch(5)]);
        ask(&directory, REDIS.set_epochs(slice::from_ref(&name), &epoch(3)), 0);
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(make(6), [epoch(6)]);
}

#[test]
fn a_token_that_is_cut_is_one_that_does_not_open_and_is_replaced() {
    let (root, directory) = directory();
    let name = place().value;
    let token = [b'x'; 200];
    let put = said(&[b"SET", name.as_bytes(), &token, b"PX", b"60000", b"NX"]);
    let path = root.path().join(&name[..1]).join(&name);
    directory.answer(&put, &at(0)).unwrap();
    let whole = fs::read(&path).unwrap();
    // And one that is larger than any.
    let large = vec![b'x'; 1 << 20];
    for content in [&whole[..whole.len() - 1], &whole[..entry::HEAD + 64], &large] {
        fs::write(&path, content).unwrap();
        let Found::Value { sealed, left } = look(&directory, "one", 5) else { panic!("nothing") };
        assert!(sealed.is_empty() && left == 0);
        let get = said(&[b"GET", name.as_bytes()]);
        assert!(directory.answer(&get, &at(5)).unwrap().remove(0) == Reply::Bulk(None));
        directory.answer(&put, &at(5)).unwrap();
        let Found::Value { sealed, .. } = look(&directory, "one", 5) else { panic!("nothing") };
        assert!(sealed.expose() == token);
    }
    // What is too short for a token is nothing.
    for length in [0, 5, entry::HEAD, entry::HEAD + 63] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(look(&directory, "one", 5), Found::Lead(_)), "{length}");
    }
}

#[test]
fn conditions_hold_and_old_values_are_told() {
    let (_root, directory) = directory();
    let run = |words: &[&[u8]]| directory.answer(&said(words), &at(0)).unwrap().remove(0);
    let bulk = |text: &[u8]| Reply::Bulk(Some(Secret::new(text)));
    let is = |reply: Reply, expected: Reply| assert!(reply == expected);
    is(run(&[b"SET", b"a", b"1", b"PX", b"9000", b"XX"]), Reply::Bulk(None));
    is(run(&[b"GET", b"a"]), Reply::Bulk(None));
    is(run(&[b"PTTL", b"a"]), Reply::Integer(-2));
    is(run(&[b"SET", b"a", b"1", b"PX", b"9000", b"NX"]), Reply::Simple("OK".into()));
    is(run(&[b"SET", b"a", b"2", b"NX"]), Reply::Bulk(None));
    is(run(&[b"SET", b"a", b"2", b"PX", b"9000", b"XX"]), Reply::Simple("OK".into()));
    is(run(&[b"SET", b"a", b"3", b"GET"]), bulk(b"2"));
    is(run(&[b"PTTL", b"a"]), Reply::Integer(-1));
    is(run(&[b"PEXPIRE", b"a", b"50", b"GT"]), Reply::Integer(0));
    is(run(&[b"PEXPIRE", b"a", b"50"]), Reply::Integer(1));
    is(run(&[b"PEXPIRE", b"a", b"49", b"GT"]), Reply::Integer(0));
    is(run(&[b"PEXPIRE", b"a", b"51", b"GT"]), Reply::Integer(1));
    is(run(&[b"PTTL", b"a"]), Reply::Integer(51));
    is(run(&[b"PEXPIRE", b"a", b"1"]), Reply::Integer(1));
    is(run(&[b"PEXPIRE", b"a", b"1"]), Reply::Integer(0));
    is(run(&[b"GET", b"a"]), Reply::Bulk(None));
}

#[test]
fn nothing_else_is_done() {
    let (root, directory) = directory();
    let words: [&[&[u8]]; 12] = [
        &[b"DEL", b"a"],
        &[b"GET"],
        &[b"GET", b"a", b"b"],
        &[b"GET", b""],
        &[b"GET", b"../a"],
        &[b"GET", b".lock"],
        &[b"SET", b"a", b"1", b"KEEPTTL"],
        &[b"SET", b"a", b"1", b"PX"],
        &[b"SET", b"a", b"1", b"PX", b"-1"],
        &[b"PEXPIRE", b"a", b"1", b"LT"],
        &[b"GET", &[b'a'; 200]],
        &[b"SET", b"a", &[b'x'; 6_000]],
    ];
    for words in words {
        let answer = directory.answer(&said(words), &at(0));
        assert!(matches!(answer, Err(Problem::Command)));
    }
    assert!(directory.answer(&Secret::new(*b"+OK\r\n"), &at(0)).is_err());
    assert!(files(root.path()).is_empty());
}

#[test]
fn what_is_locked_by_another_process_costs_some_milliseconds_and_what_is_there_is_read() {
    let (root, directory) = directory();
    let set = said(&[b"SET", b"a", b"1"]);
    directory.answer(&set, &at(0)).unwrap();
    let shard = Shard::of(root.path(), "a").unwrap();
    let lock = shard.lock(false, || Ok(false)).unwrap();
    for waits in [true, false] {
        let directory = Directory { waits, ..directory.clone() };
        assert!(matches!(directory.answer(&set, &at(0)), Err(Problem::Locked)));
        assert!(directory.answer(&said(&[b"GET", b"a"]), &at(0)).is_ok());
    }
    drop(lock);
    directory.answer(&set, &at(0)).unwrap();
}

#[test]
fn a_directory_that_is_gone_is_a_failure_and_one_that_is_back_is_not() {
    let (root, directory) = directory();
    let path = root.path().join("it");
    let directory = Directory { path: path.clone(), ..directory };
    for words in [&[&b"GET"[..], b"a"][..], &[b"SET", b"a", b"1"]] {
        let problem = directory.answer(&said(words), &at(0)).err().unwrap().to_string();
        assert!(problem.contains("No such file"), "{problem}");
        assert!(!path.exists());
    }
    fs::create_dir(&path).unwrap();
    assert!(directory.answer(&said(&[b"GET", b"a"]), &at(0)).is_ok());
}

#[test]
fn what_is_over_is_removed_some_at_a_time_and_nothing_else() {
    let (root, directory) = directory();
    let name = |number: usize| format!("{number}-name");
    for number in 0..50 {
        let life = if number % 2 == 0 { &b"1000"[..] } else { b"9000" };
        let put = said(&[b"SET", name(number).as_bytes(), b"1", b"PX", life]);
        directory.answer(&put, &at(0)).unwrap();
    }
    directory.answer(&said(&[b"SET", b"epoch", b"1"]), &at(0)).unwrap();
    fs::write(root.path().join("1/of-another-program.txt"), b"text").unwrap();
    fs::write(root.path().join("1/1-of-another-version"), b"text").unwrap();
    let clean = |now: &Now| {
        let mut cleaner = directory.cleaner();
        let mut steps = 1;
        while cleaner.step(10, now).unwrap() {
            steps += 1;
        }
        let left = files(root.path()).into_iter().map(|it| it.0);
        (steps, left.filter(|name| !name.starts_with('.')).count())
    };
    let (steps, left) = clean(&at(5_000));
    assert!(steps > 10, "{steps}");
    assert_eq!(left, 25 + 3);
    let mut later = at(9_000);
    later.wall = Now::read(clock::Boot::read()).wall + 2 * 60 * 60 * 1_000;
    assert_eq!(clean(&later).1, 2, "the epoch, and what is not of this program");
}

#[test]
fn what_lies_there_under_a_name_and_is_no_file_does_not_end_the_cleaning() {
    let (root, directory) = directory();
    for first in ["a", "b", "c"] {
        let put = said(&[b"SET", first.as_bytes(), b"1", b"PX", b"1000"]);
        directory.answer(&put, &at(0)).unwrap();
    }
    fs::create_dir(root.path().join("a/aa-directory")).unwrap();
    std::os::unix::fs::symlink("/nowhere", root.path().join("b/ba-link")).unwrap();
    let mut cleaner = directory.cleaner();
    while cleaner.step(1, &at(5_000)).unwrap() {}
    assert!(cleaner.skipped().is_some_and(|text| text.contains("a/aa-directory")));
    for gone in ["a/a", "b/b", "c/c"] {
        assert!(!root.path().join(gone).exists(), "{gone}");
    }
    assert!(root.path().join("a/aa-directory").exists());
    assert!(root.path().join("b/ba-link").is_symlink());
}

#[test]
fn what_is_written_after_the_clock_was_read_is_there() {
    let (root, directory) = directory();
    let put = said(&[b"SET", b"name", b"1", b"PX", b"1000"]);
    directory.answer(&put, &at(103_000)).unwrap();
    let reply = directory.answer(&said(&[b"GET", b"name"]), &at(102_997)).unwrap();
    assert!(matches!(&reply[..], [Reply::Bulk(Some(_))]));
    assert!(matches!(look(&directory, "slow", 102_997), Found::Lead(_)));
    assert!(matches!(look(&directory, "slower", 102_990), Found::Elsewhere));
    let mut cleaner = directory.cleaner();
    while cleaner.step(10, &at(102_000)).unwrap() {}
    assert!(root.path().join("n/name").exists());
}

#[test]
fn memory_is_told_from_a_disk() {
    assert!(is_memory(Path::new("/dev/shm/not/there")).unwrap());
    assert!(!is_memory(Path::new("/proc")).unwrap());
}
