//! Clients leave, and workers end.

use super::world::{
    LEFT, ModelCache, Wants, advance, answer, calls, fail, refused, request, request_alone,
    running, send, sent_flag, shut_down, tasks_of, token, wants,
};

#[test]
fn the_client_whose_call_runs_leaves_and_the_others_get_its_token() {
    let cache = ModelCache::of_one();
    let first = request(&cache, &wants());
    let mut second = request(&cache, &wants());
    first.leave();
    answer(0, token("t1", 60));
    assert_eq!((second.sees(), first.resumed()), ("COALESCED t1".into(), 0));
    assert_eq!(calls(), 1);
}

#[test]
fn a_call_that_the_sts_has_seen_goes_on_without_clients_and_fills_the_cache() {
    let cache = ModelCache::of_one();
    request(&cache, &wants()).leave();
    assert_eq!(running().0, 1);
    answer(0, token("t1", 60));
    assert_eq!(request(&cache, &wants()).sees(), "HIT t1");
}

#[test]
fn a_call_without_clients_does_not_hold_a_worker_that_shuts_down() {
    let cache = ModelCache::of_one();
    let client = request(&cache, &wants());
    assert_eq!(tasks_of(0).1, 1);
    client.leave();
    assert_eq!(tasks_of(0).1, 0);
}

#[test]
fn a_call_that_still_stands_in_a_queue_is_destroyed_with_its_last_client() {
    send(false);
    let cache = ModelCache::of_one();
    let (first, second) = (request(&cache, &wants()), request(&cache, &wants()));
    first.leave();
    assert_eq!(running().0, 1);
    second.leave();
    assert_eq!((running().0, cache.running(1)), (0, None));
}

#[test]
fn a_client_that_comes_after_all_have_left_joins_the_call_that_goes_on() {
    let cache = ModelCache::of_one();
    request(&cache, &wants()).leave();
    let mut late = request(&cache, &wants());
    answer(0, token("t1", 60));
    assert_eq!((late.sees(), calls()), ("COALESCED t1".into(), 1));
}

#[test]
fn the_failure_of_a_call_without_cache_is_told_when_its_client_has_left() {
    let client = request_alone(0, &wants());
    advance(30);
    client.leave();
    advance(70);
    fail(0, refused());
    assert_eq!(LEFT.take(), ["refused after 100"]);
}

#[test]
fn the_failure_of_a_shared_call_is_told_once_when_its_caller_has_left() {
    let cache = ModelCache::of_one();
    let first = request(&cache, &wants());
    let mut second = request(&cache, &wants());
    first.leave();
    fail(0, refused());
    assert_eq!((second.sees(), LEFT.take().len()), ("refused".into(), 1));
}

#[test]
fn a_lone_call_in_a_queue_is_destroyed_and_one_that_was_sent_goes_on() {
    send(false);
    let (queued, seen) = (request_alone(0, &wants()), request_alone(0, &wants()));
    sent_flag(1);
    queued.leave();
    seen.leave();
    assert_eq!(running().0, 1);
}

#[test]
fn a_worker_that_ends_answers_all_waiting_requests_and_gives_the_lease_up() {
    let cache = ModelCache::of_one();
    let (mut first, mut second) = (request(&cache, &wants()), request(&cache, &wants()));
    let mut alone = request_alone(0, &wants());
    shut_down(0);
    assert_eq!((first.sees(), second.sees()), ("bad_answer".into(), "bad_answer".into()));
    assert_eq!((alone.sees(), cache.running(1)), ("bad_answer".into(), None));
    assert_eq!(tasks_of(0).0, 0);
}

#[test]
fn leaving_twice_is_leaving_once() {
    let cache = ModelCache::of_one();
    let client = request(&cache, &wants());
    let mut other = request(&cache, &wants());
    client.leave();
    client.leave();
    answer(0, token("t1", 60));
    assert_eq!(other.sees(), "COALESCED t1");
}

#[test]
fn a_client_of_another_key_leaves_without_a_trace() {
    let cache = ModelCache::of_one();
    let mut alice = request(&cache, &wants());
    request(&cache, &Wants { key: 2, ..wants() }).leave();
    answer(0, token("alice's", 60));
    assert_eq!(alice.sees(), "MISS alice's");
}
