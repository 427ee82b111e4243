//! One deadline stands over all that a request waits for.

use super::world::{
    ModelCache, Wants, advance, answer, calls, in_worker, request, running, settle, token, wants,
};

fn patient(timeout: u64) -> Wants {
    Wants { timeout, ..wants() }
}

#[test]
fn the_first_request_gets_its_answer_when_its_time_is_over() {
    let cache = ModelCache::of_one();
    let mut client = request(&cache, &patient(1_000));
    advance(999);
    assert_eq!(client.sees(), "waits");
    advance(1);
    assert_eq!(client.sees(), "timeout");
}

#[test]
fn a_request_that_joined_late_waits_out_its_own_time_and_a_second_call_is_made_for_it() {
    let cache = ModelCache::of_one();
    let mut first = request(&cache, &patient(1_000));
    advance(600);
    let mut second = request(&cache, &patient(1_000));
    advance(400);
    assert_eq!((first.sees(), second.sees()), ("timeout".into(), "waits".into()));
    assert_eq!((calls(), running()), (2, (1, 600)));
    answer(1, token("t2", 60));
    assert_eq!(second.sees(), "MISS t2");
}

#[test]
fn a_request_with_less_time_than_the_call_leaves_it_and_the_call_goes_on() {
    let cache = ModelCache::of_one();
    let mut patient_one = request(&cache, &patient(20_000));
    let mut hasty = request(&cache, &patient(1_000));
    advance(1_000);
    assert_eq!((hasty.sees(), patient_one.sees()), ("timeout".into(), "waits".into()));
    answer(0, token("t1", 60));
    assert_eq!((patient_one.sees(), calls()), ("MISS t1".into(), 1));
}

#[test]
fn requests_with_little_time_left_make_no_further_call() {
    let cache = ModelCache::of_one();
    let mut first = request(&cache, &patient(1_000));
    advance(100);
    let mut second = request(&cache, &patient(1_000));
    advance(900);
    // 100 of its 1,000 ms are left: less than a quarter.
    assert_eq!((first.sees(), second.sees(), calls()), ("timeout".into(), "waits".into(), 1));
    advance(100);
    assert_eq!((second.sees(), calls()), ("timeout".into(), 1));
}

#[test]
fn a_wait_for_another_worker_takes_from_the_time_of_the_call_that_follows() {
    let (here, there) = ModelCache::of_two();
    request(&there, &patient(3_000));
    let mut client = request(&here, &patient(5_000));
    advance(3_000);
    // The other worker's call took all its time. What is left of ours is for this one.
    settle();
    advance(10);
    let (count, time) = running();
    assert_eq!((client.sees(), calls(), count), ("waits".into(), 2, 1));
    assert!((1_980..=2_000).contains(&time), "{time}");
    advance(2_000);
    assert_eq!(client.sees(), "timeout");
}

#[test]
fn time_that_is_over_is_told_to_another_worker_whose_requests_have_time() {
    let (here, there) = ModelCache::of_two();
    let mut first = request(&here, &patient(1_000));
    let mut other = request(&there, &patient(10_000));
    advance(1_015);
    assert_eq!((first.sees(), other.sees(), calls()), ("timeout".into(), "waits".into(), 2));
    answer(1, token("t2", 60));
    assert_eq!(other.sees(), "MISS t2");
}

#[test]
fn a_request_that_asks_nothing_of_its_worker_has_its_whole_time_for_the_call() {
    let cache = ModelCache::of_one();
    in_worker(0, || request(&cache, &patient(7_000)));
    assert_eq!(running(), (1, 7_000));
}
