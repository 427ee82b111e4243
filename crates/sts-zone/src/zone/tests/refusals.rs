//! What an STS has refused is not asked for again for a short time.

use super::*;

/// What a request that has just come finds, which remembers refusals for five seconds.
fn ask(zone: &mut Zone<'_>, number: u64) -> Found {
    zone.find_or_refresh(&key(number), claim(1), |_| Fit::Yes, 5_000, |_| true).0
}

fn refuse(zone: &mut Zone<'_>, number: u64, remembered: Option<Refusal<'_>>) {
    let call = lead(zone, number);
    zone.refuse(&key(number), call, b"no", remembered);
}

#[track_caller]
fn assert_refused(found: &Found, bytes: &[u8]) {
    assert!(matches!(found, Found::Refused(told) if **told == *bytes));
}

#[test]
fn a_refusal_is_told_for_as_long_as_it_is_remembered() {
    let memory = Memory::new(MEBIBYTE);
    refuse(&mut memory.open(1_000), 1, Some(refusal(b"no")));
    assert_refused(&ask(&mut memory.open(1_000), 1), b"no");
    assert_refused(&ask(&mut memory.open(5_999), 1), b"no");
    assert!(matches!(ask(&mut memory.open(5_999), 2), Found::Lead(_)));
    assert!(matches!(ask(&mut memory.open(6_000), 1), Found::Lead(_)));
}

#[test]
fn each_remembers_it_for_its_own_time() {
    let memory = Memory::new(MEBIBYTE);
    refuse(&mut memory.open(1_000), 1, Some(refusal(b"no")));
    let ask = |now, remembers| {
        let mut zone = memory.open(now);
        zone.find_or_refresh(&key(1), claim(1), |_| Fit::Yes, remembers, |_| true).0
    };
    assert_refused(&ask(1_999, 1_000), b"no");
    assert_refused(&ask(5_999, 60_000), b"no");
    assert!(matches!(ask(2_000, 1_000), Found::Lead(_)));
    assert!(matches!(ask(1_001, 0), Found::Lead(_)));
}

#[test]
fn one_that_is_not_to_be_remembered_is_told_to_those_that_wait_only() {
    let memory = Memory::new(MEBIBYTE);
    let call = lead(&mut memory.open(1_000), 1);
    memory.open(1_000).refuse(&key(1), call, b"no", None);
    let waits = Claim { process: 2, awaits: Some(call) };
    let found = memory.open(1_001).find(&key(1), waits, |_| true, |_| true);
    assert!(matches!(found, Found::Failed(told) if *told == *b"no"));
    assert!(matches!(ask(&mut memory.open(1_002), 1), Found::Lead(_)));
}

#[test]
fn a_value_that_is_issued_ends_it() {
    let memory = Memory::new(MEBIBYTE);
    refuse(&mut memory.open(1_000), 1, Some(refusal(b"no")));
    assert!(put(&mut memory.open(1_500), 1, b"token", 500));
    assert!(matches!(ask(&mut memory.open(1_600), 1), Found::Hit(_)));
    assert!(matches!(ask(&mut memory.open(2_100), 1), Found::Lead(_)));
}

#[test]
fn a_purge_forgets_it_and_what_was_called_for_before() {
    let all = Purge::All;
    let of_source = Purge::Sources { sources: &[TAGS.source], exchanges: &[TAGS.exchange] };
    let of_exchange = Purge::Exchanges(&[TAGS.exchange]);
    for what in [all, of_source, of_exchange] {
        let memory = Memory::new(MEBIBYTE);
        refuse(&mut memory.open(1_000), 1, Some(refusal(b"no")));
        let call = lead(&mut memory.open(1_000), 2);
        // It is no token, and not counted as one.
        assert_eq!(memory.open(1_001).purge(what, 0), (0, None));
        assert!(matches!(ask(&mut memory.open(1_002), 1), Found::Lead(_)));
        memory.open(1_003).refuse(&key(2), call, b"no", Some(refusal(b"no")));
        assert!(matches!(ask(&mut memory.open(1_004), 2), Found::Lead(_)));
    }
    let memory = Memory::new(MEBIBYTE);
    refuse(&mut memory.open(1_000), 1, Some(refusal(b"no")));
    memory.open(1_001).purge(Purge::Exchanges(&[7]), 0);
    assert_refused(&ask(&mut memory.open(1_002), 1), b"no");
}

#[test]
fn a_flood_of_refusals_pushes_out_neither_tokens_nor_calls() {
    let memory = Memory::new(LEAST_WORDS * 20);
    let units = memory.open(1_000).region.units.len() as u64;
    assert!(put(&mut memory.open(1_000), 1, b"token", 60_000));
    let running = lead(&mut memory.open(1_000), 2);
    for number in 100..100 + 4 * units {
        let mut zone = memory.open(1_500);
        zone.renew(&key(2), running);
        refuse(&mut zone, number, Some(refusal(&[b'n'; 100])));
        assert!(zone.region.used(Share::Refusals) <= units as usize / 10);
    }
    let mut zone = memory.open(2_000);
    assert_eq!(hit(&mut zone, 1).unwrap(), b"token");
    assert_eq!((zone.statistics().evicted, zone.statistics().emptied), (0, 0));
    // The last ones are remembered.
    assert_refused(&ask(&mut zone, 99 + 4 * units), &[b'n'; 100]);
}

#[test]
fn one_that_is_longer_than_all_their_room_is_not_remembered() {
    let memory = Memory::new(LEAST_WORDS);
    refuse(&mut memory.open(1_000), 1, Some(refusal(&[b'n'; 1_000])));
    assert!(matches!(ask(&mut memory.open(1_001), 1), Found::Lead(_)));
    refuse(&mut memory.open(1_002), 2, Some(refusal(&[b'n'; 200])));
    assert_refused(&ask(&mut memory.open(1_003), 2), &[b'n'; 200]);
    assert_eq!(memory.open(1_004).statistics().emptied, 0);
}
