//! Many requests wait at once, and then do not.

use super::world::{
    Client, ModelCache, PIECES, Wants, advance, answer, given_back, request, shut_down, tasks_of,
    token, wants,
};
use crate::rush::{BREATH, PAUSE, RUSH};

/// So many clients want the token of a key.
fn herd(cache: &std::rc::Rc<ModelCache>, key: u8, number: usize) -> Vec<Client> {
    (0..number).map(|_| request(cache, &Wants { key, ..wants() })).collect()
}

#[test]
fn memory_goes_back_piece_by_piece_when_a_rush_is_over() {
    let cache = ModelCache::of_one();
    let clients = herd(&cache, 1, RUSH);
    answer(0, token("t1", 60));
    drop(clients);
    advance(2 * PAUSE);
    assert_eq!(given_back(), 1);
    advance(BREATH);
    assert_eq!(given_back(), 2);
    advance(10 * PAUSE);
    assert_eq!((given_back(), tasks_of(0).0), (PIECES, 0));
}

#[test]
fn fewer_requests_are_no_rush() {
    let cache = ModelCache::of_one();
    let clients = herd(&cache, 1, RUSH - 1);
    answer(0, token("t1", 60));
    drop(clients);
    advance(10 * PAUSE);
    assert_eq!(given_back(), 0);
}

#[test]
fn requests_that_come_one_after_the_other_are_no_rush() {
    let cache = ModelCache::of_one();
    for number in 0..2 * RUSH {
        let client = request(&cache, &Wants { key: (number % 200) as u8, ..wants() });
        client.leave();
    }
    advance(10 * PAUSE);
    assert_eq!(given_back(), 0);
}

#[test]
fn memory_stays_while_the_rush_goes_on() {
    let cache = ModelCache::of_one();
    let _rest = herd(&cache, 1, RUSH / 2);
    let clients = herd(&cache, 2, RUSH / 2);
    answer(1, token("t1", 60));
    drop(clients);
    advance(10 * PAUSE);
    assert_eq!(given_back(), 0);
}

#[test]
fn the_memory_of_requests_that_wait_longer_than_the_others_goes_back_later() {
    let cache = ModelCache::of_one();
    let rest = herd(&cache, 1, RUSH / 2);
    let clients = herd(&cache, 2, 3 * RUSH);
    answer(1, token("t2", 60));
    drop(clients);
    advance(5 * PAUSE);
    assert_eq!(given_back(), PIECES);
    answer(0, token("t1", 60));
    drop(rest);
    advance(5 * PAUSE);
    assert_eq!((given_back(), tasks_of(0).0), (2 * PIECES, 0));
}

#[test]
fn a_rush_that_begins_meanwhile_keeps_what_is_left_of_the_memory() {
    let cache = ModelCache::of_one();
    let clients = herd(&cache, 1, RUSH);
    answer(0, token("t1", 60));
    drop(clients);
    advance(2 * PAUSE);
    assert_eq!(given_back(), 1);
    let clients = herd(&cache, 2, RUSH);
    advance(5 * PAUSE);
    assert_eq!(given_back(), 1);
    answer(1, token("t2", 60));
    drop(clients);
    advance(5 * PAUSE);
    assert_eq!(given_back(), 1 + PIECES);
}

#[test]
fn each_rush_is_watched() {
    let cache = ModelCache::of_one();
    for key in 1..3 {
        let clients = herd(&cache, key, RUSH);
        answer(usize::from(key) - 1, token("t", 60));
        drop(clients);
        advance(5 * PAUSE);
        assert_eq!(given_back(), u32::from(key) * PIECES);
    }
}

#[test]
fn a_worker_that_shuts_down_does_not_wait_for_memory() {
    let cache = ModelCache::of_one();
    let clients = herd(&cache, 1, RUSH);
    answer(0, token("t1", 60));
    drop(clients);
    assert_eq!(tasks_of(0).1, 0);
    shut_down(0);
    assert_eq!((given_back(), tasks_of(0).0), (0, 0));
}
