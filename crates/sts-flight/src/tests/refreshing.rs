//! A token is renewed before its end, and no request waits for that.

use std::cell::Cell;

use sts_core::error::{Failure, FailureKind};

use super::world::{
    EPOCH, LEFT, ModelCache, Wants, advance, answer, calls, exceeded, fail, kill, refused, request,
    request_checked, running, send, shut_down, tasks_of, token, wants,
};
use crate::ahead::RefreshAhead;
use crate::failed::Exceeded;
use sts_net::calls::CallLimits;

fn ahead() -> Wants {
    Wants { ahead: RefreshAhead::after(80), ..wants() }
}

fn unreachable() -> crate::failed::Failed {
    Failure::new(FailureKind::Unreachable, "refused").into()
}

/// A token of ten seconds is there, and due.
fn due(cache: &std::rc::Rc<ModelCache>) {
    request(cache, &ahead());
    answer(calls() - 1, token("t1", 10));
    advance(9_000);
}

#[test]
fn a_due_token_serves_on_while_the_next_one_is_asked_for() {
    let cache = ModelCache::of_one();
    due(&cache);
    assert_eq!(request(&cache, &ahead()).sees(), "REFRESHED t1");
    assert_eq!(request(&cache, &ahead()).sees(), "HIT t1");
    assert_eq!((calls(), running().0), (2, 1));
    answer(1, token("t2", 10));
    assert_eq!(request(&cache, &ahead()).sees(), "HIT t2");
    advance(5_000);
    assert_eq!((request(&cache, &ahead()).sees(), calls()), ("HIT t2".into(), 2));
}

#[test]
fn a_token_that_is_not_due_is_left_alone() {
    let cache = ModelCache::of_one();
    request(&cache, &ahead());
    answer(0, token("t1", 10));
    advance(7_999);
    assert_eq!((request(&cache, &ahead()).sees(), calls()), ("HIT t1".into(), 1));
}

#[test]
fn a_location_without_it_sets_nothing_off() {
    let cache = ModelCache::of_one();
    due(&cache);
    assert_eq!((request(&cache, &wants()).sees(), calls()), ("HIT t1".into(), 1));
}

#[test]
fn two_workers_make_one_call_for_the_next_token() {
    let (here, there) = ModelCache::of_two();
    due(&here);
    assert_eq!(request(&there, &ahead()).sees(), "REFRESHED t1");
    assert_eq!(request(&here, &ahead()).sees(), "HIT t1");
    assert_eq!(calls(), 2);
    answer(1, token("t2", 10));
    assert_eq!(request(&here, &ahead()).sees(), "HIT t2");
}

#[test]
fn five_hundred_requests_a_second_for_two_minutes_wait_once() {
    let (here, there) = ModelCache::of_two();
    let caches = [&here, &there];
    request(&here, &ahead());
    advance(300);
    answer(0, token("t", 10));
    let (mut refreshed, mut answered) = (0, 1);
    let mut pending = None;
    for step in 0..60_000 {
        let seen = request(caches[step % 2], &ahead()).sees();
        match seen.as_str() {
            "HIT t" => {}
            "REFRESHED t" => refreshed += 1,
            other => panic!("after {step} requests: {other}"),
        }
        if calls() > answered && pending.is_none() {
            // Its life counts from when it was asked for.
            pending = Some((step + 150, token("t", 10)));
        }
        if let Some((_, token)) = pending.take_if(|(at, _)| *at == step) {
            answer(answered, token);
            answered += 1;
        }
        advance(2);
    }
    // Each token serves between 8 and 8.5 of its 10 seconds.
    assert!((13..=15).contains(&refreshed), "{refreshed}");
    assert_eq!(calls(), 1 + refreshed);
}

#[test]
fn a_renewal_at_a_limit_of_its_worker_fails_no_request_of_another() {
    let limits = [
        Exceeded::Calls(CallLimits::DEFAULT),
        Exceeded::Share(std::num::NonZeroU32::MIN),
        Exceeded::Breaker,
        Exceeded::Worker,
    ];
    for limit in limits {
        let (here, there) = ModelCache::of_two();
        let begun = calls();
        due(&here);
        assert_eq!(request(&here, &ahead()).sees(), "REFRESHED t1");
        // For this one the token is over.
        let mut strict = ahead();
        strict.policy.cap = 5;
        let mut other = request(&there, &strict);
        assert_eq!((other.sees(), calls()), ("waits".into(), begun + 2), "{limit:?}");
        fail(begun + 1, exceeded(FailureKind::Busy, limit.clone()));
        advance(15);
        assert_eq!((other.sees(), calls()), ("waits".into(), begun + 3), "{limit:?}");
        answer(begun + 2, token("t2", 60));
        assert_eq!(other.sees(), "MISS t2", "{limit:?}");
    }
}

#[test]
fn a_renewal_at_a_limit_of_its_worker_is_not_made_again_at_once() {
    let cache = ModelCache::of_one();
    due(&cache);
    assert_eq!(request(&cache, &ahead()).sees(), "REFRESHED t1");
    fail(1, exceeded(FailureKind::Busy, Exceeded::Breaker));
    for _ in 0..10 {
        advance(20);
        assert_eq!(request(&cache, &ahead()).sees(), "STALE t1");
    }
    assert_eq!(calls(), 2);
}

#[test]
fn a_renewal_has_the_whole_time_of_a_call_whatever_is_left_for_its_request() {
    let cache = ModelCache::of_one();
    due(&cache);
    // As in a chain that has taken most of its time.
    let late = Wants { timeout: 10, ..ahead() };
    assert_eq!(request(&cache, &late).sees(), "REFRESHED t1");
    advance(300);
    answer(1, token("t2", 10));
    assert_eq!(request(&cache, &ahead()).sees(), "HIT t2");
}

#[test]
fn what_ends_with_its_source_is_not_renewed() {
    let cache = ModelCache::of_one();
    request(&cache, &ahead());
    let mut bound = token("t1", 10);
    bound.validity.is_final = true;
    answer(0, bound);
    advance(9_999);
    assert_eq!((request(&cache, &ahead()).sees(), calls()), ("HIT t1".into(), 1));
}

#[test]
fn a_token_that_lives_no_longer_than_the_one_before_it_is_the_last() {
    let cache = ModelCache::of_one();
    due(&cache);
    request(&cache, &ahead());
    answer(1, token("the same", 1));
    advance(900);
    assert_eq!((request(&cache, &ahead()).sees(), calls()), ("HIT the same".into(), 2));
}

#[test]
fn while_the_sts_is_down_the_token_serves_to_its_end_and_is_stale() {
    let cache = ModelCache::of_one();
    due(&cache);
    assert_eq!(request(&cache, &ahead()).sees(), "REFRESHED t1");
    fail(1, unreachable());
    assert_eq!(LEFT.take(), ["kept: unreachable after 0"]);
    // No second attempt within a second.
    assert_eq!((request(&cache, &ahead()).sees(), calls()), ("STALE t1".into(), 2));
    advance(999);
    assert_eq!((request(&cache, &ahead()).sees(), calls()), ("STALE t1".into(), 2));
    advance(1);
    assert_eq!(request(&cache, &ahead()).sees(), "waits");
}

#[test]
fn attempts_are_further_and_further_apart() {
    let cache = ModelCache::of_one();
    request(&cache, &ahead());
    answer(0, token("t1", 300));
    advance(260_000);
    let mut at = Vec::new();
    for second in 0..40 {
        let before = calls();
        let seen = request(&cache, &ahead()).sees();
        assert_eq!(seen, if second == 0 { "REFRESHED t1" } else { "STALE t1" });
        if calls() > before {
            at.push(second);
            fail(before, unreachable());
        }
        advance(1_000);
    }
    assert_eq!(at.len(), 6, "{at:?}");
    assert!(at.windows(3).all(|pauses| pauses[2] - pauses[1] > pauses[1] - pauses[0]), "{at:?}");
}

#[test]
fn the_next_success_ends_the_failures() {
    let cache = ModelCache::of_one();
    request(&cache, &ahead());
    answer(0, token("t1", 100));
    advance(90_000);
    request(&cache, &ahead());
    fail(1, unreachable());
    advance(1_500);
    assert_eq!(request(&cache, &ahead()).sees(), "STALE t1");
    // In this worker as in others.
    assert_eq!(request(&cache, &ahead()).sees(), "STALE t1");
    answer(2, token("t2", 100));
    assert_eq!(request(&cache, &ahead()).sees(), "HIT t2");
    advance(90_000);
    assert_eq!(request(&cache, &ahead()).sees(), "REFRESHED t2");
}

#[test]
fn a_refusal_of_the_sts_drops_the_token() {
    for kind in [FailureKind::Refused, FailureKind::Denied, FailureKind::StepUp] {
        let cache = ModelCache::of_one();
        due(&cache);
        request(&cache, &ahead());
        fail(calls() - 1, Failure::new(kind, "invalid_grant").into());
        assert_eq!(LEFT.take(), [format!("dropped: {} after 0", kind.name())]);
        assert_eq!(request(&cache, &ahead()).sees(), "waits");
    }
}

#[test]
fn no_other_failure_drops_it() {
    for kind in [
        FailureKind::GatewayRefused,
        FailureKind::BadAnswer,
        FailureKind::Busy,
        FailureKind::Unreachable,
        FailureKind::Timeout,
    ] {
        let cache = ModelCache::of_one();
        due(&cache);
        request(&cache, &ahead());
        fail(calls() - 1, Failure::new(kind, "no").into());
        assert_eq!(request(&cache, &ahead()).sees(), "STALE t1", "{}", kind.name());
    }
}

#[test]
fn a_full_queue_is_a_failure_with_a_pause_and_not_one_of_each_request() {
    let cache = ModelCache::of_one();
    due(&cache);
    request(&cache, &ahead());
    fail(1, exceeded(FailureKind::Busy, Exceeded::Calls(CallLimits::DEFAULT)));
    for _ in 0..10 {
        assert_eq!(request(&cache, &ahead()).sees(), "STALE t1");
    }
    assert_eq!(calls(), 2);
}

#[test]
fn an_sts_that_never_answers_costs_no_request_anything() {
    let cache = ModelCache::of_one();
    request(&cache, &ahead());
    answer(0, token("t1", 200));
    advance(185_000);
    assert_eq!(request(&cache, &ahead()).sees(), "REFRESHED t1");
    advance(14_000);
    assert_eq!(request(&cache, &ahead()).sees(), "HIT t1");
    // When the token is over, requests wait for the call that runs.
    advance(1_000);
    let mut late = request(&cache, &ahead());
    assert_eq!((late.sees(), calls()), ("waits".into(), 2));
    answer(1, token("t2", 10));
    assert_eq!(late.sees(), "COALESCED t2");
}

#[test]
fn a_stricter_location_joins_the_call_for_the_next_token() {
    let cache = ModelCache::of_one();
    due(&cache);
    request(&cache, &ahead());
    let strict = Wants { policy: sts_core::life::LifePolicy { cap: 5, leeway: 0 }, ..wants() };
    let mut client = request(&cache, &strict);
    assert_eq!((client.sees(), calls()), ("waits".into(), 2));
    fail(1, unreachable());
    assert_eq!(client.sees(), "unreachable");
    assert_eq!(request(&cache, &ahead()).sees(), "STALE t1");
}

#[test]
fn a_client_that_joined_and_leaves_does_not_end_the_call() {
    send(false);
    let cache = ModelCache::of_one();
    request(&cache, &ahead());
    answer(0, token("t1", 10));
    advance(9_000);
    request(&cache, &ahead());
    let strict = Wants { policy: sts_core::life::LifePolicy { cap: 5, leeway: 0 }, ..wants() };
    request(&cache, &strict).leave();
    assert_eq!(running().0, 1);
    answer(1, token("t2", 10));
    assert_eq!(request(&cache, &ahead()).sees(), "HIT t2");
}

#[test]
fn the_call_does_not_hold_a_worker_that_shuts_down() {
    let (here, there) = ModelCache::of_two();
    due(&here);
    request(&here, &ahead());
    assert_eq!(tasks_of(0).1, 0);
    shut_down(0);
    assert_eq!((here.running(1), LEFT.take().len()), (None, 0));
    // The next one takes it over, and nothing was told of a failure.
    assert_eq!(request(&there, &ahead()).sees(), "REFRESHED t1");
}

#[test]
fn a_worker_that_dies_leaves_the_call_to_another() {
    let (here, there) = ModelCache::of_two();
    due(&here);
    request(&here, &ahead());
    kill(0);
    assert_eq!((request(&there, &ahead()).sees(), calls()), ("REFRESHED t1".into(), 3));
}

#[test]
fn a_source_that_fails_its_check_sets_nothing_off() {
    let cache = ModelCache::of_one();
    due(&cache);
    let bound = || Failure::new(FailureKind::BadToken, "bound to a key");
    assert!(request_checked(&cache, &ahead(), |_| Err(bound())).is_err());
    // What is known of the token may be enough for a hit, and not for a call.
    let looked = Cell::new(0);
    let checked = request_checked(&cache, &ahead(), |is_unbound| {
        looked.set(looked.get() + 1);
        if is_unbound { Ok(()) } else { Err(bound()) }
    });
    assert_eq!(checked.map(|mut client| client.sees()).ok(), Some("HIT t1".into()));
    assert_eq!((calls(), cache.running(1), looked.get() > 1), (1, None, true));
}

#[test]
fn each_client_is_told_the_end_of_the_token_that_it_got() {
    let cache = ModelCache::of_one();
    due(&cache);
    assert_eq!(request(&cache, &ahead()).until(), EPOCH + 10_000);
}

#[test]
fn a_refusal_of_a_call_that_requests_wait_for_drops_a_token_that_suits_others() {
    let cache = ModelCache::of_one();
    due(&cache);
    let strict = Wants { policy: sts_core::life::LifePolicy { cap: 5, leeway: 0 }, ..wants() };
    let mut client = request(&cache, &strict);
    fail(1, refused());
    assert_eq!((client.sees(), cache.has(1)), ("refused".into(), false));
}
