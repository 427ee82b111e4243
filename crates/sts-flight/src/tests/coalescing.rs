//! Requests of one worker for the same token share one call.

use sts_core::error::{Failure, FailureKind};

use super::world::{
    ModelCache, advance, answer, calls, fail, refused, request, request_alone, request_checked,
    running, tasks_of, token, wants,
};

#[test]
fn the_first_request_is_a_miss_and_those_that_join_are_coalesced() {
    let cache = ModelCache::of_one();
    let (mut first, mut second) = (request(&cache, &wants()), request(&cache, &wants()));
    assert_eq!((first.sees(), second.sees()), ("waits".into(), "waits".into()));
    answer(0, token("t1", 60));
    assert_eq!((first.sees(), second.sees()), ("MISS t1".into(), "COALESCED t1".into()));
    assert_eq!(calls(), 1);
}

#[test]
fn a_request_that_comes_later_finds_the_token() {
    let cache = ModelCache::of_one();
    request(&cache, &wants());
    answer(0, token("t1", 60));
    assert_eq!(request(&cache, &wants()).sees(), "HIT t1");
    assert_eq!(calls(), 1);
}

#[test]
fn a_herd_of_two_hundred_makes_one_call() {
    let cache = ModelCache::of_one();
    let mut herd: Vec<_> = (0..200).map(|_| request(&cache, &wants())).collect();
    answer(0, token("t1", 60));
    let seen: Vec<_> = herd.iter_mut().map(super::world::Client::sees).collect();
    assert_eq!(seen.iter().filter(|seen| *seen == "MISS t1").count(), 1);
    assert_eq!(seen.iter().filter(|seen| *seen == "COALESCED t1").count(), 199);
    assert_eq!(calls(), 1);
}

#[test]
fn other_keys_have_calls_of_their_own() {
    let cache = ModelCache::of_one();
    let mut alice = request(&cache, &wants());
    let mut bob = request(&cache, &super::world::Wants { key: 2, ..wants() });
    assert_eq!(calls(), 2);
    answer(1, token("bob's", 60));
    assert_eq!((alice.sees(), bob.sees()), ("waits".into(), "MISS bob's".into()));
    answer(0, token("alice's", 60));
    assert_eq!(alice.sees(), "MISS alice's");
}

#[test]
fn other_caches_have_calls_of_their_own_for_the_same_key() {
    let (one, other) = (ModelCache::of_one(), ModelCache::of_one());
    let (mut first, mut second) = (request(&one, &wants()), request(&other, &wants()));
    assert_eq!(calls(), 2);
    answer(0, token("t1", 60));
    assert_eq!((first.sees(), second.sees()), ("MISS t1".into(), "waits".into()));
}

#[test]
fn a_refusal_is_that_of_all_waiting_requests_and_is_not_kept() {
    let cache = ModelCache::of_one();
    let (mut first, mut second) = (request(&cache, &wants()), request(&cache, &wants()));
    fail(0, refused());
    assert_eq!((first.sees(), second.sees()), ("refused".into(), "refused".into()));
    let mut third = request(&cache, &wants());
    assert_eq!((third.sees(), calls()), ("waits".into(), 2));
}

#[test]
fn each_request_is_resumed_once() {
    let cache = ModelCache::of_one();
    let (first, second) = (request(&cache, &wants()), request(&cache, &wants()));
    answer(0, token("t1", 60));
    advance(60_000);
    assert_eq!((first.resumed(), second.resumed()), (1, 1));
}

#[test]
fn a_flight_that_has_ended_leaves_no_task_but_the_last_heartbeat() {
    let cache = ModelCache::of_one();
    request(&cache, &wants());
    request(&cache, &wants());
    answer(0, token("t1", 60));
    assert_eq!(tasks_of(0).0, 1);
    advance(500);
    assert_eq!(tasks_of(0).0, 0);
}

#[test]
fn without_a_cache_each_request_makes_its_call() {
    let (mut first, mut second) = (request_alone(0, &wants()), request_alone(0, &wants()));
    answer(1, token("second's", 60));
    answer(0, token("first's", 60));
    assert_eq!((first.sees(), second.sees()), ("MISS first's".into(), "MISS second's".into()));
    assert_eq!(first.until(), 0);
}

#[test]
fn a_source_that_fails_its_check_makes_no_call_and_gives_the_lease_up() {
    let cache = ModelCache::of_one();
    let bound = || Failure::new(FailureKind::BadToken, "bound to a key");
    let refusal = request_checked(&cache, &wants(), |_| Err(bound())).err();
    assert_eq!(refusal.map(|failure| failure.kind), Some(FailureKind::BadToken));
    assert_eq!((calls(), cache.running(1)), (0, None));
    let mut next = request(&cache, &wants());
    answer(0, token("t1", 60));
    assert_eq!(next.sees(), "MISS t1");
}

#[test]
fn a_source_that_fails_its_check_does_not_join_a_call() {
    let cache = ModelCache::of_one();
    let mut good = request(&cache, &wants());
    let bound = || Failure::new(FailureKind::BadToken, "bound to a key");
    assert!(request_checked(&cache, &wants(), |_| Err(bound())).is_err());
    answer(0, token("t1", 60));
    assert_eq!(good.sees(), "MISS t1");
}

#[test]
fn the_check_of_a_hit_is_told_what_is_known_of_its_source() {
    let cache = ModelCache::of_one();
    request(&cache, &wants());
    answer(0, token("t1", 60));
    let known = std::cell::Cell::new(None);
    let checked = request_checked(&cache, &wants(), |is_unbound| {
        known.set(Some(is_unbound));
        Ok(())
    });
    assert!(checked.is_ok());
    assert_eq!(known.get(), Some(true));
}

#[test]
fn a_token_that_cannot_be_kept_serves_those_that_wait_and_has_no_life() {
    let cache = ModelCache::of_one();
    cache.fill();
    let (mut first, mut second) = (request(&cache, &wants()), request(&cache, &wants()));
    answer(0, token("large", 60));
    assert_eq!((first.sees(), second.sees()), ("MISS large".into(), "COALESCED large".into()));
    assert_eq!((first.until(), second.until()), (0, 0));
    request(&cache, &wants());
    assert_eq!(calls(), 2);
}

#[test]
fn a_purge_in_between_makes_the_next_request_call() {
    let cache = ModelCache::of_one();
    request(&cache, &wants());
    answer(0, token("t1", 60));
    cache.purge();
    let mut next = request(&cache, &wants());
    assert_eq!((next.sees(), running().0), ("waits".into(), 1));
}

#[test]
fn a_token_of_an_unexpected_subject_is_shared_with_those_that_wait_but_not_kept() {
    let cache = ModelCache::of_one();
    let (mut first, mut second) = (request(&cache, &wants()), request(&cache, &wants()));
    let mut unexpected = token("the gateway's", 60);
    unexpected.look.is_expected = false;
    answer(0, unexpected);
    // What each location makes of it, it says where the token is used.
    assert_eq!(first.sees(), "MISS the gateway's");
    assert_eq!(second.sees(), "COALESCED the gateway's");
    assert!(!cache.has(1));
}

#[test]
fn a_request_that_comes_after_a_purge_does_not_join_a_call_from_before() {
    let cache = ModelCache::of_one();
    let mut before = request(&cache, &wants());
    cache.purge();
    let (mut after, mut another) = (request(&cache, &wants()), request(&cache, &wants()));
    assert_eq!(calls(), 2, "those after the purge share one call of their own");
    answer(0, token("of-before", 60));
    assert_eq!(before.sees(), "MISS of-before");
    assert_eq!((after.sees(), another.sees()), ("waits".into(), "waits".into()));
    // The end of the first flight has not taken the second one's place.
    let mut last = request(&cache, &wants());
    assert_eq!(calls(), 2);
    answer(1, token("of-after", 60));
    let seen = [after.sees(), another.sees(), last.sees()];
    assert_eq!(seen, ["MISS of-after", "COALESCED of-after", "COALESCED of-after"]);
    assert_eq!(request(&cache, &wants()).sees(), "HIT of-after");
}
