use sts_net::message::ReadMessage;

use super::*;

/// What a server said, read as so many replies.
fn said(language: Language, count: usize, text: &[u8]) -> Answer {
    let mut replies = Replies::new(language, count, 1_000);
    replies.take(text).ok().flatten().unwrap()
}

fn place(name: &str) -> Place {
    Place {
        value: name.into(),
        renewal: format!("{name}-renewal"),
        epochs: ["a", "b", "c"].map(|epoch| format!("{name}-{epoch}")),
    }
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
        language.there(said(language, 1, text.as_bytes())).map(|there| there.is(&lease))
    };
    let text = || Lease::Text("me".into());
    assert_eq!(is_own(Language::Redis, "$3\r\nLme\r\n", text()), Ok(true));
    assert_eq!(is_own(Language::Redis, "$4\r\nLyou\r\n", text()), Ok(false));
    assert_eq!(is_own(Language::Redis, "$-1\r\n", text()), Ok(false));
    assert_eq!(is_own(Language::Redis, "$2\r\nme\r\n", text()), Ok(false), "a value");
    assert_eq!(is_own(Language::Memcached, "VA 0 c7\r\n\r\n", Lease::Number(7)), Ok(true));
    assert_eq!(is_own(Language::Memcached, "VA 0 c8\r\n\r\n", Lease::Number(7)), Ok(false));
    assert_eq!(is_own(Language::Memcached, "VA 1 c7\r\nx\r\n", Lease::Number(7)), Ok(false));
    assert_eq!(is_own(Language::Memcached, "EN\r\n", Lease::Number(7)), Ok(false));
}

#[test]
fn a_life_in_memcached_is_never_for_ever_and_never_a_date() {
    for (life, time) in [(5_999, "T5"), (0, "T1"), (u64::MAX, "T2592000")] {
        let over = There::Lease(Lease::Number(7));
        let commands = Language::Memcached.put("n", b"v", life, &over).into_secret();
        assert_eq!(commands.expose(), format!("ms n 1 {time} C7\r\nv\r\n").as_bytes());
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

fn as_text(commands: Commands) -> String {
    String::from_utf8(commands.into_secret().expose().to_vec()).unwrap()
}

#[test]
fn a_value_is_put_only_over_what_was_seen_there() {
    let text = || There::Lease(Lease::Text("me".into()));
    let value = |number| There::Value(Secret::new("old"), number);
    let redis = |over| as_text(Language::Redis.put("n", b"v", 9, &over));
    let set = |condition| {
        format!(
            "*6\r\n$3\r\nSET\r\n$1\r\nn\r\n$1\r\nv\r\n$2\r\nPX\r\n$1\r\n9\r\n$2\r\n{condition}\r\n"
        )
    };
    assert_eq!(redis(There::Nothing), set("NX"));
    assert_eq!(redis(text()), set("XX"));
    assert_eq!(redis(value(None)), set("XX"));
    let memcached = |over| as_text(Language::Memcached.put("n", b"v", 9_000, &over));
    assert_eq!(memcached(There::Nothing), "ms n 1 T9 ME\r\nv\r\n");
    assert_eq!(memcached(There::Lease(Lease::Number(7))), "ms n 1 T9 C7\r\nv\r\n");
    assert_eq!(memcached(value(Some(8))), "ms n 1 T9 C8\r\nv\r\n");
    // Another one was faster: that is no failure.
    let done =
        |language: Language, text: &str| language.is_done(said(language, 1, text.as_bytes()));
    assert_eq!(done(Language::Redis, "$-1\r\n"), Ok(()));
    assert_eq!(done(Language::Redis, ":1\r\n"), Err(StoreError::Unexpected));
    for text in ["HD\r\n", "NS\r\n", "EX\r\n", "NF\r\n"] {
        assert_eq!(done(Language::Memcached, text), Ok(()), "{text}");
    }
}

#[test]
fn an_epoch_is_changed_in_one_step_that_tells_what_was_there() {
    let before = |language: Language, text: &str| {
        language.epoch_before(said(language, 1, text.as_bytes())).unwrap()
    };
    let swap = |language: Language, before: &Before| {
        as_text(language.swap_epoch("n", &epoch(FRESH), before))
    };
    let swapped = |language: Language, before: &Before, text: &str| {
        language.swapped(said(language, 1, text.as_bytes()), before)
    };
    let none = before(Language::Redis, "$-1\r\n");
    assert_eq!(none.epoch, None);
    let set = "*4\r\n$3\r\nSET\r\n$1\r\nn\r\n$16\r\nfresh-epoch-----\r\n$3\r\nGET\r\n";
    assert_eq!(swap(Language::Redis, &none), set);
    // What was there at that moment, and not what was there before.
    let other = "$16\r\nother-epoch-----\r\n";
    assert_eq!(swapped(Language::Redis, &none, other), Ok(Swapped::Done(Some(epoch(OTHER)))));
    assert_eq!(swapped(Language::Redis, &none, "$-1\r\n"), Ok(Swapped::Done(None)));
    let none = before(Language::Memcached, "EN\r\n");
    assert_eq!(swap(Language::Memcached, &none), "ms n 16 ME\r\nfresh-epoch-----\r\n");
    let some = before(Language::Memcached, "VA 16 c7\r\nother-epoch-----\r\n");
    assert_eq!(swap(Language::Memcached, &some), "ms n 16 C7\r\nfresh-epoch-----\r\n");
    let done = Ok(Swapped::Done(Some(epoch(OTHER))));
    assert_eq!(swapped(Language::Memcached, &some, "HD\r\n"), done);
    for text in ["NS\r\n", "EX\r\n", "NF\r\n"] {
        assert_eq!(swapped(Language::Memcached, &some, text), Ok(Swapped::Meanwhile), "{text}");
    }
    for (language, text) in [(Language::Redis, "+OK\r\n"), (Language::Memcached, "EN\r\n")] {
        let is_odd = swapped(language, &some, text).is_err();
        assert!(is_odd || language == Language::Memcached, "{text}");
    }
}

#[test]
fn a_lease_beside_a_value_is_one_nodes() {
    let elected = |language: Language, text: &str| {
        language.elected(said(language, 1, text.as_bytes()), "me").unwrap()
    };
    let own = Some(Lease::Text("me".into()));
    assert_eq!(elected(Language::Redis, "$-1\r\n"), own);
    assert_eq!(elected(Language::Redis, "$3\r\nLme\r\n"), own);
    assert_eq!(elected(Language::Redis, "$4\r\nLyou\r\n"), None);
    assert_eq!(elected(Language::Redis, "$2\r\nme\r\n"), None);
    let won = elected(Language::Memcached, "VA 0 c7 W\r\n\r\n");
    assert_eq!(won, Some(Lease::Number(7)));
    assert_eq!(elected(Language::Memcached, "VA 0 c7 Z\r\n\r\n"), None);
    assert_eq!(elected(Language::Memcached, "VA 0 c7\r\n\r\n"), None);
    assert_eq!(as_text(Language::Memcached.elect("n", "")), "mg n v c N2\r\n");
}

#[test]
fn a_lease_in_an_older_place_is_no_value() {
    let fresh = "$-1\r\n$-1\r\n$-1\r\n";
    let old = |value: &str| format!("$-1\r\n:2000\r\n{fresh}{value}{fresh}");
    let redis = |value: &str| {
        let answer = said(Language::Redis, 10, old(value).as_bytes());
        Language::Redis.found(answer, 1, "me", &epoch(FRESH)).unwrap().older.remove(0).is_some()
    };
    assert!(redis("$5\r\n\u{1}seal\r\n:59000\r\n"));
    assert!(!redis("$4\r\nLyou\r\n:500\r\n") && !redis("$-1\r\n:-2\r\n"));
    let memcached = |value: &str| {
        let text = format!("VA 0 t-1 c7 W\r\n\r\nEN\r\nEN\r\nEN\r\n{value}EN\r\nEN\r\nEN\r\n");
        let answer = said(Language::Memcached, 8, text.as_bytes());
        Language::Memcached.found(answer, 1, "", &epoch(FRESH)).unwrap().older.remove(0).is_some()
    };
    assert!(memcached("VA 5 t60\r\n\u{1}seal\r\n"));
    assert!(!memcached("VA 0 t2\r\n\r\n") && !memcached("EN\r\n"));
}

#[test]
fn a_node_of_a_cluster_says_so() {
    let answer = said(Language::Redis, 1, b"-MOVED 12182 127.0.0.1:6381\r\n");
    assert!(!answer.has_error());
    assert_eq!(Language::Redis.there(answer).err(), Some(StoreError::Moved));
    let answer = said(Language::Redis, 1, b"-CLUSTERDOWN The cluster is down\r\n");
    assert!(answer.has_error());
}

#[test]
fn all_replies_together_have_a_limit() {
    let mut replies = Replies::new(Language::Redis, 1, 1_000);
    let many = format!("*1000\r\n{}", "$7\r\nabcdefg\r\n".repeat(1_000));
    assert_eq!(replies.take(many.as_bytes()).err(), Some(ReadError::TooLarge));
}
