//! Which process calls, which wait, and what those that wait are told.

use super::*;

#[test]
fn only_one_calls_and_the_others_wait_for_as_long_as_it_lives() {
    let memory = Memory::new(MEBIBYTE);
    let call = lead(&mut memory.open(1000), 1);
    let other = |now, alive: bool| {
        memory.open(now).find(&key(1), claim(2), |_| true, move |process| process == 1 && alive)
    };
    assert!(matches!(other(1500, true), Found::Wait(awaited) if awaited == call));
    memory.open(2900).renew(&key(1), call);
    assert!(matches!(other(4800, true), Found::Wait(awaited) if awaited == call));
    let Found::Lead(second) = other(4901, true) else { panic!("the lease ran out") };
    // The first caller is late: its answer is good, its other words are about a call of the past.
    memory.open(4902).fail(&key(1), call, b"late");
    assert!(matches!(
        memory.open(4903).find(&key(1), claim(3), |_| true, |process| process == 2),
        Found::Wait(awaited) if awaited == second
    ));
    assert!(memory.open(4904).complete(&key(1), call, &value(b"token", 4904, 500), ROOMY));
    assert!(memory.open(4905).complete(&key(1), second, &value(b"again", 4905, 500), ROOMY));
    assert_eq!(hit(&mut memory.open(4906), 1).unwrap(), b"again");
}

#[test]
fn an_answer_that_comes_late_does_not_take_the_place_of_a_newer_one() {
    let memory = Memory::new(MEBIBYTE);
    let first = lead(&mut memory.open(1000), 1);
    let found = memory.open(4000).find(&key(1), claim(2), |_| true, |_| true);
    let Found::Lead(second) = found else { panic!("the lease ran out") };
    let complete = |now, call, bytes: &[u8], sent| {
        memory.open(now).complete(&key(1), call, &value(bytes, sent, 5000), ROOMY)
    };
    assert!(complete(4100, second, b"newer", 4000));
    assert!(!complete(4200, first, b"late", 1000));
    assert_eq!(hit(&mut memory.open(4201), 1).unwrap(), b"newer");
    // A value that may not be used any more keeps no other away.
    memory.open(4300).forget(&key(1));
    assert!(complete(4400, first, b"late", 1000));
    assert_eq!(hit(&mut memory.open(4401), 1).unwrap(), b"late");
}

#[test]
fn an_answer_takes_the_place_of_a_later_one_that_has_expired() {
    let memory = Memory::new(MEBIBYTE);
    let call = lead(&mut memory.open(1000), 1);
    assert!(memory.open(2000).complete(&key(1), call, &value(b"short", 1900, 200), ROOMY));
    assert!(memory.open(2200).complete(&key(1), call, &value(b"long", 1000, 5000), ROOMY));
    assert_eq!(hit(&mut memory.open(2201), 1).unwrap(), b"long");
}

#[test]
fn a_value_may_be_kept_for_others_than_those_that_wait_for_it() {
    let memory = Memory::new(MEBIBYTE);
    let call = lead(&mut memory.open(1000), 1);
    assert!(memory.open(2000).keep_for_others(&key(1), call, &value(b"old", 1000, 5000), ROOMY));
    let find = |awaits, accepts: bool| {
        let claim = Claim { process: 2, awaits };
        memory.open(2001).find(&key(1), claim, |_| accepts, |_| true)
    };
    assert!(matches!(find(Some(call), false), Found::Unshared), "it is too old for these");
    assert!(matches!(find(Some(call), true), Found::Hit(_)));
    assert!(matches!(find(None, true), Found::Hit(_)));
    assert!(matches!(find(None, false), Found::Lead(_)), "a later request may call");
}

#[test]
fn a_value_that_has_expired_is_not_kept() {
    let memory = Memory::new(MEBIBYTE);
    let call = lead(&mut memory.open(1000), 1);
    assert!(!memory.open(2000).keep_for_others(&key(1), call, &value(b"old", 1000, 500), ROOMY));
    let claim = Claim { process: 2, awaits: Some(call) };
    let found = memory.open(2001).find(&key(1), claim, |_| true, |_| true);
    assert!(matches!(found, Found::Unshared));
}

#[test]
fn a_process_whose_clock_is_a_little_behind_waits_too() {
    let memory = Memory::new(MEBIBYTE);
    let call = lead(&mut memory.open(100_000), 1);
    let found = |now| memory.open(now).find(&key(1), claim(2), |_| true, |_| true);
    for behind in [1, 50, 1000] {
        assert!(matches!(found(100_000 - behind), Found::Wait(awaited) if awaited == call));
    }
    // A clock that was set back must not make a lease last.
    assert!(matches!(found(50_000), Found::Lead(_)));
}

#[test]
fn a_caller_that_died_is_replaced_at_once() {
    let memory = Memory::new(MEBIBYTE);
    lead(&mut memory.open(1000), 1);
    let found = memory.open(1001).find(&key(1), claim(2), |_| true, |_| false);
    assert!(matches!(found, Found::Lead(_)));
}

#[test]
fn a_failure_is_for_those_that_waited_for_it_and_for_a_second() {
    let memory = Memory::new(MEBIBYTE);
    let call = lead(&mut memory.open(1000), 1);
    memory.open(1100).fail(&key(1), call, &[b'r'; 300]);
    let found = |now, number, awaits| {
        memory.open(now).find(&key(number), Claim { process: 2, awaits }, |_| true, |_| true)
    };
    assert!(matches!(found(2100, 1, Some(call)), Found::Failed(reason) if *reason == [b'r'; 300]));
    assert!(matches!(found(1102, 1, None), Found::Lead(_)), "one that comes later calls again");
    let call = lead(&mut memory.open(3000), 2);
    memory.open(3000).fail(&key(2), call, b"");
    assert!(matches!(found(4001, 2, Some(call)), Found::Lead(_)), "it is not kept for long");
}

#[test]
fn the_failure_of_a_call_that_was_taken_over_is_for_those_that_waited_for_the_first() {
    let memory = Memory::new(MEBIBYTE);
    let first = lead(&mut memory.open(1000), 1);
    let found = memory.open(1001).find(&key(1), claim(2), |_| true, |_| false);
    let Found::Lead(second) = found else { panic!("no process calls") };
    memory.open(1002).fail(&key(1), second, b"reason");
    let waiting = Claim { process: 3, awaits: Some(first) };
    let found = memory.open(1003).find(&key(1), waiting, |_| true, |_| true);
    assert!(matches!(found, Found::Failed(_)));
}

#[test]
fn running_and_failed_calls_push_no_value_out() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 0, b"token", 100_000);
    for number in 1..20_000 {
        let mut zone = memory.open(1000);
        let call = lead(&mut zone, number);
        if number % 2 == 0 {
            zone.fail(&key(number), call, &[b'r'; 200]);
        }
    }
    let zone = memory.open(1000);
    assert!(zone.region.used(Share::Nodes) <= zone.region.units.len() / 10);
    assert_eq!(hit(&mut memory.open(1000), 0).unwrap(), b"token");
    assert_eq!(memory.open(1000).statistics().emptied, 0);
}
