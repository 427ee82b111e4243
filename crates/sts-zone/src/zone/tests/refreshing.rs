//! Which process calls for a newer value while the one that is there serves.

use super::*;
use crate::terms::Refresh;

const ON: bool = true;

/// What a process finds for a value that is due.
fn due(zone: &mut Zone<'_>, process: u32, is_alive: bool) -> (Option<Vec<u8>>, Option<Refresh>) {
    let (found, refresh) =
        zone.find_or_refresh(&key(1), claim(process), |_| Fit::Due, 0, |_| is_alive);
    let value = match found {
        Found::Hit(hit) => Some(hit.value.to_vec()),
        _ => None,
    };
    (value, refresh)
}

fn elected(zone: &mut Zone<'_>, process: u32) -> u64 {
    match due(zone, process, ON) {
        (Some(_), Some(Refresh { call: Some(call), .. })) => call,
        other => panic!("not elected: {other:?}"),
    }
}

const NONE: Option<Refresh> = Some(Refresh { call: None, has_failed: false });
const FAILED: Option<Refresh> = Some(Refresh { call: None, has_failed: true });

#[test]
fn one_process_is_elected_together_with_the_hit() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"t1", 10_000);
    let call = elected(&mut memory.open(9000), 1);
    assert_eq!(due(&mut memory.open(9000), 2, ON), (Some(b"t1".to_vec()), NONE));
    // Who wants a fresher one waits for the same call.
    let found = memory.open(9001).find(&key(1), claim(2), |_| false, |_| true);
    assert!(matches!(found, Found::Wait(awaited) if awaited == call));
    let value = value(b"t2", 9000, 10_000);
    assert!(memory.open(9300).complete(&key(1), call, &value, ROOMY));
    assert_eq!(hit(&mut memory.open(9301), 1).unwrap(), b"t2");
}

#[test]
fn a_value_that_is_not_due_elects_no_process() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"t1", 10_000);
    let mut zone = memory.open(2000);
    let (found, refresh) = zone.find_or_refresh(&key(1), claim(1), |_| Fit::Yes, 0, |_| true);
    assert!(matches!(found, Found::Hit(_)) && refresh.is_none());
    let (found, refresh) = zone.find_or_refresh(&key(1), claim(1), |_| Fit::No, 0, |_| true);
    assert!(matches!(found, Found::Lead(_)) && refresh.is_none());
    let (found, refresh) = zone.find_or_refresh(&key(2), claim(1), |_| Fit::Due, 0, |_| true);
    assert!(matches!(found, Found::Lead(_)) && refresh.is_none());
}

#[test]
fn the_call_of_a_process_that_has_died_or_is_silent_goes_to_the_next() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"t1", 50_000);
    let first = elected(&mut memory.open(9000), 1);
    let (_, refresh) = due(&mut memory.open(9100), 2, false);
    assert!(refresh.is_some_and(|it| it.call.is_some_and(|call| call > first)));
    let (_, refresh) = due(&mut memory.open(9100 + LEASE + 1), 3, true);
    assert!(refresh.is_some_and(|it| it.call.is_some()));
}

#[test]
fn after_a_failure_the_value_stays_and_the_next_call_waits_out_the_pause() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"t1", 100_000);
    let call = elected(&mut memory.open(9000), 1);
    memory.open(9000).fail_refresh(&key(1), call, Some(b"down"), |failures| {
        assert_eq!(failures, 0);
        3_000
    });
    assert_eq!(due(&mut memory.open(11_999), 2, ON), (Some(b"t1".to_vec()), FAILED));
    let (_, refresh) = due(&mut memory.open(12_000), 2, ON);
    let Some(Refresh { call: Some(call), has_failed: true }) = refresh else {
        panic!("{refresh:?}")
    };
    // While it runs, others know of the failure before it.
    assert_eq!(due(&mut memory.open(12_001), 3, ON).1, FAILED);
    memory.open(12_000).fail_refresh(&key(1), call, Some(b"down"), |failures| {
        assert_eq!(failures, 1);
        6_000
    });
    assert_eq!(due(&mut memory.open(17_999), 2, ON).1, FAILED);
    let call = elected(&mut memory.open(18_000), 2);
    assert!(memory.open(18_001).complete(&key(1), call, &value(b"t2", 18_000, 9_000), ROOMY));
    let (_, refresh) = due(&mut memory.open(26_000), 2, ON);
    assert!(matches!(refresh, Some(Refresh { call: Some(_), has_failed: false })));
}

#[test]
fn those_that_wait_for_a_call_that_ended_without_a_word_make_it_themselves() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"t1", 100_000);
    let call = elected(&mut memory.open(9000), 1);
    memory.open(9000).fail_refresh(&key(1), call, None, |_| 3_000);
    // What serves on is not asked for until the pause is over.
    assert_eq!(due(&mut memory.open(11_999), 3, ON), (Some(b"t1".to_vec()), FAILED));
    let waits = Claim { process: 2, awaits: Some(call) };
    let found = memory.open(9001).find(&key(1), waits, |_| false, |_| true);
    assert!(matches!(found, Found::Lead(next) if next > call));
}

#[test]
fn a_refusal_drops_the_value_also_where_the_note_of_its_call_had_to_go() {
    let memory = Memory::new(64 * 1024);
    put(&mut memory.open(1000), 1, b"t1", 100_000);
    let call = elected(&mut memory.open(9000), 1);
    // So many other calls that the note is forgotten.
    for other in 0..10_000_u32 {
        let mut digest = [2; 32];
        digest[..4].copy_from_slice(&other.to_le_bytes());
        let claim = Claim { process: 1, awaits: None };
        memory.open(9001).find(&digest, claim, |_| true, |_| true);
    }
    memory.open(9002).refuse(&key(1), call, b"refused", None);
    assert!(memory.open(9003).look(&key(1), |_| true).is_none());
}

#[test]
fn a_refusal_leaves_the_value_to_the_call_that_has_taken_over() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"t1", 100_000);
    let call = elected(&mut memory.open(9000), 1);
    let (_, refresh) = due(&mut memory.open(9000 + LEASE + 1), 2, ON);
    assert!(refresh.is_some_and(|it| it.call.is_some()));
    memory.open(9000 + LEASE + 2).refuse(&key(1), call, b"refused", None);
    assert!(memory.open(9000 + LEASE + 3).look(&key(1), |_| true).is_some());
}

#[test]
fn those_that_wait_for_the_call_read_its_failure() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"t1", 100_000);
    let call = elected(&mut memory.open(9000), 1);
    memory.open(9000).fail_refresh(&key(1), call, Some(b"down"), |_| 3_000);
    let waits = Claim { process: 2, awaits: Some(call) };
    let found = memory.open(9005).find(&key(1), waits, |_| false, |_| true);
    assert!(matches!(found, Found::Failed(reason) if *reason == *b"down"));
    // One that has just come is not told of it: it calls.
    let found = memory.open(9006).find(&key(1), claim(2), |_| false, |_| true);
    assert!(matches!(found, Found::Lead(_)));
}

#[test]
fn a_refusal_forgets_the_value_and_only_that_of_the_last_call() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"t1", 100_000);
    put(&mut memory.open(1000), 2, b"other", 100_000);
    let late = elected(&mut memory.open(9000), 1);
    let (_, refresh) = due(&mut memory.open(9100), 2, false);
    let call = refresh.and_then(|refresh| refresh.call).unwrap();
    memory.open(9200).refuse(&key(1), late, b"no", None);
    assert_eq!(due(&mut memory.open(9200), 3, ON), (Some(b"t1".to_vec()), NONE));
    memory.open(9300).refuse(&key(1), call, b"no", None);
    assert_eq!(hit(&mut memory.open(9300), 1), None);
    assert_eq!(hit(&mut memory.open(9300), 2).unwrap(), b"other");
}

#[test]
fn a_pause_is_bounded_whatever_stands_in_the_zone() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"t1", u64::MAX / 2);
    let call = elected(&mut memory.open(9000), 1);
    memory.open(9000).fail_refresh(&key(1), call, Some(b"down"), |_| u64::MAX);
    assert_eq!(due(&mut memory.open(9000 + 299_999), 2, ON).1, FAILED);
    elected(&mut memory.open(9000 + 300_000), 2);
}

#[test]
fn a_call_that_is_given_up_or_was_for_its_caller_only_is_not_made_again_at_once() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"t1", 100_000);
    let call = elected(&mut memory.open(9000), 1);
    memory.open(9000).release(&key(1), call);
    let call = elected(&mut memory.open(9000), 2);
    memory.open(9000).share_nothing(&key(1), call);
    assert_eq!(due(&mut memory.open(18_999), 2, ON).1, NONE);
    elected(&mut memory.open(19_001), 2);
}

#[test]
fn a_value_is_forgotten_where_it_is_the_one_that_is_meant() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"t1", 10_000);
    put(&mut memory.open(1000), 2, b"other", 10_000);
    assert!(!memory.open(2000).forget_where(&key(1), |kept| kept.sent > 1000));
    assert!(!memory.open(2000).forget_where(&key(3), |_| true));
    assert!(!memory.open(11_000).forget_where(&key(1), |_| true), "it is over");
    put(&mut memory.open(11_000), 1, b"t2", 10_000);
    assert!(
        memory.open(12_000).forget_where(&key(1), |kept| *kept
            == Kept { note: 0, sent: 11_000, remaining: 9_000 })
    );
    assert_eq!(hit(&mut memory.open(12_000), 1), None);
    assert_eq!(memory.open(12_000).statistics().emptied, 0);
}

#[test]
fn a_value_that_is_marked_is_the_same_but_for_its_note() {
    let memory = Memory::new(MEBIBYTE);
    let long = vec![7; 5000];
    put(&mut memory.open(1000), 1, &long, 10_000);
    put(&mut memory.open(1000), 2, b"other", 10_000);
    assert!(!memory.open(2000).mark_where(&key(1), 8, |kept| kept.sent > 1000));
    assert!(!memory.open(2000).mark_where(&key(3), 8, |_| true));
    assert!(memory.open(2000).mark_where(&key(1), 8, |kept| kept.sent == 1000));
    assert!(memory.open(2000).mark_where(&key(1), 1, |kept| kept.note == 8));
    assert!(memory.open(2500).look(&key(1), |kept| kept.note & 8 == 0).is_none());
    let hit = memory.open(3000).look(&key(1), |_| true).unwrap();
    assert_eq!(hit.kept, Kept { note: 9, sent: 1000, remaining: 8_000 });
    assert_eq!(*hit.value, long);
    let statistics = memory.open(3000).statistics();
    assert_eq!((statistics.entries, statistics.emptied), (2, 0));
    // What was asked for later takes its place, and its life ends when it would have.
    let number = memory.open(3000).begin().unwrap();
    assert!(memory.open(3000).keep(&key(1), number, &value(b"t2", 3000, 10_000), ROOMY));
    assert_eq!(memory.open(3000).look(&key(1), |kept| kept.note == 0).unwrap().value[..], *b"t2");
    assert!(memory.open(3000).mark_where(&key(1), 8, |_| true));
    assert!(memory.open(13_000).look(&key(1), |_| true).is_none());
}
