use sts_net::message::ReadMessage;

use super::*;

/// What a server said, read as so many replies.
fn said(language: Language, count: usize, text: &[u8]) -> Answer {
    let mut replies = Replies::new(language, count, 1_000);
    replies.take(text).ok().flatten().unwrap()
}

fn place(name: &str) -> Place {
    Place { value: name.into(), epochs: ["a", "b", "c"].map(|epoch| format!("{name}-{epoch}")) }
}

const FRESH: &[u8; 16] = b"fresh-epoch-----";
const OTHER: &[u8; 16] = b"other-epoch-----";

fn epoch(bytes: &[u8; 16]) -> Epoch {
    Epoch::read(bytes).unwrap()
}

fn shown(found: &Found) -> String {
    match &found.entry {
        Entry::Value { sealed, left } => {
            format!("{} {left}", String::from_utf8_lossy(sealed.expose()))
        }
        Entry::Lead(Lease::Text(text)) => format!("lead {text}"),
        Entry::Lead(Lease::Number(number)) => format!("lead {number}"),
        Entry::Elsewhere => "elsewhere".into(),
    }
}

fn redis(text: &str) -> Result<Found, StoreError> {
    let fresh = epoch(FRESH);
    Language::Redis.found(said(Language::Redis, 5, text.as_bytes()), 0, "me", &fresh)
}

#[test]
fn a_look_at_redis_reads_elects_and_has_the_epochs_in_one_go() {
    let commands = Language::Redis.look(&place("n"), &[place("o")], "me", &epoch(FRESH));
    assert_eq!(commands.count(), 10);
    let written = String::from_utf8(commands.into_secret().expose().to_vec()).unwrap();
    let set = "*7\r\n$3\r\nSET\r\n$1\r\nn\r\n$3\r\nLme\r\n$2\r\nNX\r\n$3\r\nGET\r\n$2\r\nPX\r\n$4\r\n2000\r\n";
    assert!(written.starts_with(set), "{written}");
    let fresh = "$-1\r\n$-1\r\n$16\r\nother-epoch-----\r\n";
    for (value, expected) in [
        ("$-1\r\n:2000\r\n", "lead me"),
        ("$3\r\nLme\r\n:1999\r\n", "lead me"),
        ("$4\r\nLyou\r\n:500\r\n", "elsewhere"),
        ("$5\r\n\u{1}seal\r\n:59000\r\n", "\u{1}seal 59000"),
        ("$5\r\n\u{1}seal\r\n:-1\r\n", "\u{1}seal 0"),
        ("$0\r\n\r\n:5\r\n", " 5"),
    ] {
        let found = redis(&format!("{value}{fresh}")).unwrap();
        assert_eq!(shown(&found), expected);
        let [all, exchange, source] = found.epochs;
        assert_eq!([all, exchange, source], [FRESH, FRESH, OTHER].map(|it| Some(epoch(it))));
    }
}

#[test]
fn an_error_anywhere_is_the_answer() {
    let fresh = "$-1\r\n$-1\r\n$-1\r\n";
    for (text, error) in [
        ("-OOM command not allowed\r\n:1\r\n", Some("OOM command not allowed")),
        ("$-1\r\n-NOPERM no\r\n", Some("NOPERM no")),
        (":1\r\n:1\r\n", None),
        ("$-1\r\n$-1\r\n", None),
    ] {
        let error = error.map_or(StoreError::Unexpected, |it| StoreError::Refused(it.into()));
        assert_eq!(redis(&format!("{text}{fresh}")).err(), Some(error));
    }
    let short = redis(":1\r\n:1\r\n$-1\r\n$-1\r\n$1\r\nx\r\n").err();
    assert_eq!(short, Some(StoreError::Unexpected));
}

#[test]
fn what_lies_under_an_older_passphrase_comes_with_its_own_epochs() {
    let new = "$-1\r\n:2000\r\n$-1\r\n$-1\r\n$-1\r\n";
    let value = "$4\r\n\u{1}old\r\n:7000\r\n";
    let there = "$16\r\nother-epoch-----\r\n".repeat(3);
    let lost = "$16\r\nother-epoch-----\r\n$-1\r\n$-1\r\n";
    for (epochs, count) in [(there.as_str(), 3), (lost, 0)] {
        let text = format!("{new}{value}{epochs}");
        let answer = said(Language::Redis, 10, text.as_bytes());
        let found = Language::Redis.found(answer, 1, "me", &epoch(FRESH)).unwrap();
        let older = found.older[0].as_ref().unwrap();
        assert_eq!((older.sealed.expose(), older.left), (&b"\x01old"[..], 7_000));
        assert_eq!(older.epochs.map_or(0, |epochs| epochs.len()), count);
    }
}

#[test]
fn a_look_at_memcached_is_the_same() {
    let commands = Language::Memcached.look(&place("n"), &[], "", &epoch(FRESH));
    assert_eq!(
        commands.into_secret().expose(),
        b"mg n v t c N2\r\nmg n-a v\r\nmg n-b v\r\nmg n-c v\r\n"
    );
    for (value, expected) in [
        ("VA 0 t-1 c7 W\r\n\r\n", "lead 7"),
        ("VA 0 t2 c7 Z\r\n\r\n", "elsewhere"),
        // Renewed by a touch.
        ("VA 0 t2 c7\r\n\r\n", "elsewhere"),
        ("VA 5 t60 c8\r\n\u{1}seal\r\n", "\u{1}seal 59000"),
        ("VA 5 t-1 c8\r\n\u{1}seal\r\n", "\u{1}seal 0"),
    ] {
        let text = format!("{value}EN\r\nVA 16\r\nother-epoch-----\r\nEN\r\n");
        let answer = said(Language::Memcached, 4, text.as_bytes());
        let found = Language::Memcached.found(answer, 0, "", &epoch(FRESH)).unwrap();
        assert_eq!(shown(&found), expected);
        assert_eq!(found.epochs, [None, Some(epoch(OTHER)), None]);
    }
}

#[test]
fn an_epoch_is_that_of_the_node_that_was_faster() {
    let made = |language: Language, count, text: &str| {
        language.made_epochs(said(language, count, text.as_bytes()), &epoch(FRESH))
    };
    let redis = made(Language::Redis, 2, "$-1\r\n$16\r\nother-epoch-----\r\n");
    assert_eq!(redis, Ok(vec![epoch(FRESH), epoch(OTHER)]));
    let text = "HD\r\nVA 16\r\nfresh-epoch-----\r\nNS\r\nVA 16\r\nother-epoch-----\r\n";
    let memcached = made(Language::Memcached, 4, text);
    assert_eq!(memcached, Ok(vec![epoch(FRESH), epoch(OTHER)]));
}

#[test]
fn a_lease_is_the_own_one_only_by_what_tells_it_apart() {
    let is_own = |language: Language, text: &str, lease| {
        language.is_own(said(language, 1, text.as_bytes()), &lease)
    };
    let text = || Lease::Text("me".into());
    assert_eq!(is_own(Language::Redis, "$3\r\nLme\r\n", text()), Ok(true));
    assert_eq!(is_own(Language::Redis, "$4\r\nLyou\r\n", text()), Ok(false));
    assert_eq!(is_own(Language::Redis, "$-1\r\n", text()), Ok(false));
    assert_eq!(is_own(Language::Redis, "$2\r\nme\r\n", text()), Ok(false), "a value");
    assert_eq!(is_own(Language::Memcached, "HD c7\r\n", Lease::Number(7)), Ok(true));
    assert_eq!(is_own(Language::Memcached, "HD c8\r\n", Lease::Number(7)), Ok(false));
    assert_eq!(is_own(Language::Memcached, "EN\r\n", Lease::Number(7)), Ok(false));
}

#[test]
fn a_life_in_memcached_is_never_for_ever_and_never_a_date() {
    for (life, time) in [(5_999, "T5"), (0, "T1"), (u64::MAX, "T2592000")] {
        let commands = Language::Memcached.put("n", b"v", life).into_secret();
        assert_eq!(commands.expose(), format!("ms n 1 {time}\r\nv\r\n").as_bytes());
    }
}

#[test]
fn a_greeting_has_what_is_configured() {
    let count = |greeting: &Greeting| Language::Redis.greet(greeting).count();
    assert_eq!(count(&Greeting::default()), 0);
    let password = Some(Secret::new("p w"));
    let all = Greeting { username: Some("u".into()), password, db: 3 };
    assert_eq!(count(&all), 2);
    assert_eq!(
        Language::Redis.greet(&all).into_secret().expose(),
        b"*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$3\r\np w\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
    );
}

#[test]
fn more_than_was_asked_for_is_an_error() {
    let mut replies = Replies::new(Language::Redis, 1, 10);
    assert_eq!(replies.take(b"+OK\r\n+OK\r\n").err(), Some(ReadError::TooMuch));
    let mut replies = Replies::new(Language::Redis, 2, 10);
    assert!(replies.take(b"+OK\r\n+O").unwrap().is_none());
    assert!(replies.take(b"K\r\n").unwrap().is_some());
    assert_eq!(Replies::new(Language::Redis, 1, 10).end().err(), Some(ReadError::CutOff));
}

#[test]
fn what_a_store_repeats_of_what_it_was_sent_is_not_told() {
    for (said, told) in [
        ("WRONGPASS invalid username-password pair", "WRONGPASS invalid username-password pair"),
        (
            "NOPERM this user has no permissions to run the 'get' command",
            "NOPERM this user has no permissions to run the 'get' command",
        ),
        (
            "ERR unknown command 'SET', with args beginning with: 'sts:a' 's3cr3t' 'PX'",
            "ERR unknown command 'SET', with args beginning with:",
        ),
        (
            "ERR unknown command 'AUTH', with args beginning with: 's3cr3t' ",
            "ERR unknown command 'AUTH', with args beginning with:",
        ),
        ("ERR 's3cr3t", "ERR"),
        ("ERR \"a's3cr3t'\" s3cr3t", "ERR"),
    ] {
        assert_eq!(StoreError::refused(said), StoreError::Refused(told.to_owned()));
    }
    let StoreError::Refused(long) = StoreError::refused(&"\u{e9}".repeat(500)) else { panic!() };
    assert_eq!(long.chars().count(), EXCERPT);
}

#[test]
fn what_is_forgotten_and_what_is_given_up_ends_at_once() {
    let written =
        |commands: Commands| String::from_utf8(commands.into_secret().expose().to_vec()).unwrap();
    let gone = "*3\r\n$7\r\nPEXPIRE\r\n$1\r\nn\r\n$1\r\n1\r\n";
    assert_eq!(written(Language::Redis.forget("n")), gone);
    assert_eq!(written(Language::Redis.release("n", &Lease::Text("me".into()))), gone);
    assert_eq!(written(Language::Memcached.forget("n")), "md n\r\n");
    assert_eq!(written(Language::Memcached.release("n", &Lease::Number(7))), "md n C7\r\n");
}
