//! An answer that is for one request only.

use super::world::{ModelCache, advance, answer, calls, request, running, token, wants};

#[test]
fn another_worker_s_requests_each_call_when_an_answer_may_not_be_shared() {
    let (here, there) = ModelCache::of_two();
    let mut first = request(&here, &wants());
    let mut others: Vec<_> = (0..2).map(|_| request(&there, &wants())).collect();
    answer(0, token("once", 0));
    advance(15);
    assert_eq!((first.sees(), calls(), running().0), ("MISS once".into(), 3, 2));
    answer(1, token("second", 0));
    answer(2, token("third", 0));
    assert_eq!((others[0].sees(), others[1].sees()), ("MISS second".into(), "MISS third".into()));
}

#[test]
fn lone_calls_go_on_when_one_of_their_clients_leaves() {
    let cache = ModelCache::of_one();
    let mut herd: Vec<_> = (0..3).map(|_| request(&cache, &wants())).collect();
    answer(0, token("once", 0));
    herd[1].leave();
    answer(2, token("third", 0));
    assert_eq!(herd[2].sees(), "MISS third");
}

#[test]
fn a_request_that_comes_after_an_answer_for_one_is_elected_again() {
    let cache = ModelCache::of_one();
    request(&cache, &wants());
    answer(0, token("once", 0));
    let mut next = request(&cache, &wants());
    answer(1, token("twice", 60));
    assert_eq!(next.sees(), "MISS twice");
}
