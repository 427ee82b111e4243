//! A limit of one location ends a call for some of those that wait for it.

use sts_core::error::FailureKind;
use sts_core::issued::TokenType;
use sts_net::calls::CallLimits;

use super::world::{
    ModelCache, Wants, advance, answer, calls, exceeded, fail, request, token, wants,
};
use crate::failed::Exceeded;

#[test]
fn an_answer_too_large_for_the_caller_is_asked_for_again_by_those_with_more_room() {
    let cache = ModelCache::of_one();
    let mut narrow = request(&cache, &Wants { response: 100, ..wants() });
    let mut as_narrow = request(&cache, &Wants { response: 100, ..wants() });
    let mut wide = request(&cache, &Wants { response: 1_000, ..wants() });
    fail(0, exceeded(FailureKind::BadAnswer, Exceeded::Response(100)));
    assert_eq!(narrow.sees(), "bad_answer");
    assert_eq!((as_narrow.sees(), wide.sees(), calls()), ("bad_answer".into(), "waits".into(), 2));
    answer(1, token("large", 60));
    assert_eq!(wide.sees(), "MISS large");
}

#[test]
fn an_answer_that_is_too_large_is_told_to_the_other_worker_with_its_limit() {
    let (here, there) = ModelCache::of_two();
    let mut narrow = request(&here, &Wants { response: 100, ..wants() });
    let mut as_narrow = request(&there, &Wants { response: 100, ..wants() });
    let mut wide = request(&there, &Wants { response: 1_000, ..wants() });
    fail(0, exceeded(FailureKind::BadAnswer, Exceeded::Response(100)));
    advance(15);
    assert_eq!((narrow.sees(), as_narrow.sees()), ("bad_answer".into(), "bad_answer".into()));
    assert_eq!((wide.sees(), calls()), ("waits".into(), 2));
}

#[test]
fn a_type_of_token_that_the_caller_does_not_take_may_suit_another() {
    let cache = ModelCache::of_one();
    let mut strict = request(&cache, &Wants { refuses: vec!["mac"], ..wants() });
    let mut lenient = request(&cache, &wants());
    let limit = Exceeded::TokenType(TokenType::of("mac"));
    fail(0, exceeded(FailureKind::BadAnswer, limit));
    assert_eq!((strict.sees(), lenient.sees()), ("bad_answer".into(), "waits".into()));
    answer(1, token("t2", 60));
    assert_eq!(lenient.sees(), "MISS t2");
}

#[test]
fn a_full_queue_is_full_for_those_with_the_same_share_only() {
    let cache = ModelCache::of_one();
    let few = CallLimits { running: 1, queued: 1 };
    let mut first = request(&cache, &Wants { calls: few, ..wants() });
    let mut same = request(&cache, &Wants { calls: few, ..wants() });
    let mut more = request(&cache, &wants());
    fail(0, exceeded(FailureKind::Busy, Exceeded::Calls(few)));
    assert_eq!(
        (first.sees(), same.sees(), more.sees()),
        ("busy".into(), "busy".into(), "waits".into())
    );
    assert_eq!(calls(), 2);
}

#[test]
fn a_full_queue_of_one_worker_does_not_fail_the_requests_of_another() {
    let (here, there) = ModelCache::of_two();
    let mut first = request(&here, &wants());
    let mut other = request(&there, &wants());
    fail(0, exceeded(FailureKind::Busy, Exceeded::Calls(CallLimits::DEFAULT)));
    advance(15);
    assert_eq!((first.sees(), other.sees(), calls()), ("busy".into(), "waits".into(), 2));
    answer(1, token("t2", 60));
    assert_eq!(other.sees(), "MISS t2");
}

#[test]
fn a_worker_without_connections_fails_its_own_requests_only() {
    let (here, there) = ModelCache::of_two();
    let (mut first, mut second) = (request(&here, &wants()), request(&here, &wants()));
    let mut other = request(&there, &wants());
    fail(0, exceeded(FailureKind::Busy, Exceeded::Worker));
    advance(15);
    assert_eq!((first.sees(), second.sees()), ("busy".into(), "busy".into()));
    // What waits for it in turn has to know that another worker may do better.
    assert_eq!(
        (first.ended_at(), second.ended_at()),
        (Some(Exceeded::Worker), Some(Exceeded::Worker))
    );
    assert_eq!((other.sees(), calls()), ("waits".into(), 2));
}

#[test]
fn a_value_without_a_place_left_fails_the_requests_with_that_value_only() {
    let cache = ModelCache::of_one();
    let [seven, eight] = [7, 8].map(|value| std::num::NonZeroU32::MIN.saturating_add(value));
    let of = |value| Wants { share: Some(value), ..wants() };
    let (mut first, mut same) = (request(&cache, &of(seven)), request(&cache, &of(seven)));
    let mut other = request(&cache, &of(eight));
    fail(0, exceeded(FailureKind::Busy, Exceeded::Share(seven)));
    assert_eq!((first.sees(), same.sees()), ("busy".into(), "busy".into()));
    assert_eq!((other.sees(), calls()), ("waits".into(), 2));
}

#[test]
fn an_open_breaker_of_one_worker_fails_neither_another_nor_those_without_one() {
    let (here, there) = ModelCache::of_two();
    let with = Wants { has_breaker: true, ..wants() };
    let (mut first, mut same) = (request(&here, &with), request(&here, &with));
    let mut without = request(&here, &wants());
    let mut elsewhere = request(&there, &with);
    fail(0, exceeded(FailureKind::Busy, Exceeded::Breaker));
    assert_eq!((first.sees(), same.sees()), ("busy".into(), "busy".into()));
    advance(15);
    assert_eq!((without.sees(), elsewhere.sees()), ("waits".into(), "waits".into()));
    // One of them calls for both.
    assert_eq!(calls(), 2);
    answer(1, token("t2", 60));
    advance(15);
    let seen = [without.sees(), elsewhere.sees()];
    assert!(seen.iter().all(|seen| seen.ends_with(" t2")), "{seen:?}");
}
