//! Two workers and one shared cache.

use super::world::{
    LEASE, ModelCache, Wants, advance, answer, calls, fail, kill, refused, request, running,
    shut_down, token, wants,
};

#[test]
fn one_worker_calls_and_the_other_has_the_token_within_fifteen_milliseconds() {
    let (here, there) = ModelCache::of_two();
    let mut caller = request(&here, &wants());
    let mut other = request(&there, &wants());
    answer(0, token("t1", 60));
    advance(15);
    assert_eq!((caller.sees(), other.sees()), ("MISS t1".into(), "COALESCED t1".into()));
    assert_eq!(calls(), 1);
}

#[test]
fn a_herd_over_two_workers_makes_one_call() {
    let (here, there) = ModelCache::of_two();
    let caches = [&here, &there];
    let mut herd: Vec<_> = (0..200).map(|number| request(caches[number % 2], &wants())).collect();
    answer(0, token("t1", 60));
    advance(15);
    assert!(herd.iter_mut().all(|client| client.sees().ends_with(" t1")));
    assert_eq!(calls(), 1);
}

#[test]
fn a_refusal_reaches_those_that_wait_in_the_other_worker() {
    let (here, there) = ModelCache::of_two();
    request(&here, &wants());
    let mut other = request(&there, &wants());
    fail(0, refused());
    advance(15);
    assert_eq!((other.sees(), calls()), ("refused".into(), 1));
}

#[test]
fn a_refusal_is_no_answer_for_a_request_that_came_after_it() {
    let (here, there) = ModelCache::of_two();
    request(&here, &wants());
    fail(0, refused());
    let mut late = request(&there, &wants());
    assert_eq!((late.sees(), calls()), ("waits".into(), 2));
}

#[test]
fn the_calling_worker_dies_and_the_other_calls_at_its_next_look() {
    let (here, there) = ModelCache::of_two();
    request(&here, &wants());
    let mut other = request(&there, &wants());
    kill(0);
    advance(15);
    assert_eq!((other.sees(), calls()), ("waits".into(), 2));
    answer(1, token("t2", 60));
    assert_eq!(other.sees(), "MISS t2");
}

#[test]
fn a_long_call_keeps_its_lease_by_its_heartbeat() {
    let (here, there) = ModelCache::of_two();
    let mut caller = request(&here, &wants());
    let mut other = request(&there, &wants());
    advance(LEASE * 3);
    assert_eq!(calls(), 1);
    answer(0, token("t1", 60));
    advance(15);
    assert_eq!((caller.sees(), other.sees()), ("MISS t1".into(), "COALESCED t1".into()));
}

#[test]
fn one_heartbeat_serves_all_calls_of_a_worker() {
    let (here, there) = ModelCache::of_two();
    for key in 1..=3 {
        request(&here, &Wants { key, ..wants() });
    }
    let mut others: Vec<_> =
        (1..=3).map(|key| request(&there, &Wants { key, ..wants() })).collect();
    advance(LEASE * 2);
    assert_eq!(calls(), 3);
    for number in 0..3 {
        answer(number, token("t", 60));
    }
    advance(15);
    assert!(others.iter_mut().all(|other| other.sees() == "COALESCED t"));
}

#[test]
fn a_worker_that_ends_leaves_its_call_to_the_other() {
    let (here, there) = ModelCache::of_two();
    let mut first = request(&here, &wants());
    let mut other = request(&there, &wants());
    shut_down(0);
    advance(15);
    assert_eq!((first.sees(), calls(), running().0), ("bad_answer".into(), 2, 1));
    answer(1, token("t2", 60));
    assert_eq!(other.sees(), "MISS t2");
}

#[test]
fn the_last_client_of_a_waiting_worker_leaves_and_its_looks_end() {
    let (here, there) = ModelCache::of_two();
    request(&here, &wants());
    request(&there, &wants()).leave();
    assert_eq!(super::world::tasks_of(1), (0, 0));
}

#[test]
fn a_waiting_worker_joins_its_requests_to_one_flight() {
    let (here, there) = ModelCache::of_two();
    request(&here, &wants());
    let mut others: Vec<_> = (0..5).map(|_| request(&there, &wants())).collect();
    kill(0);
    advance(15);
    // One of them calls for all.
    assert_eq!(calls(), 2);
    answer(1, token("t2", 60));
    let seen: Vec<_> = others.iter_mut().map(super::world::Client::sees).collect();
    assert_eq!(seen.iter().filter(|seen| *seen == "MISS t2").count(), 1);
    assert_eq!(seen.iter().filter(|seen| *seen == "COALESCED t2").count(), 4);
}

#[test]
fn an_answer_after_a_purge_serves_those_that_came_before_and_is_not_kept() {
    let (here, there) = ModelCache::of_two();
    let mut caller = request(&here, &wants());
    here.purge();
    answer(0, token("t1", 60));
    assert_eq!(caller.sees(), "MISS t1");
    assert_eq!(request(&there, &wants()).sees(), "waits");
    assert_eq!(calls(), 2);
}
