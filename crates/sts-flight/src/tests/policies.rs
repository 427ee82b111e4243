//! Locations use a token for as long as each of them says.

use sts_core::life::LifePolicy;

use super::world::{
    EPOCH, ModelCache, Wants, advance, answer, calls, request, running, token, wants,
};

fn capped(cap: u64) -> Wants {
    Wants { policy: LifePolicy { cap, leeway: 0 }, ..wants() }
}

#[test]
fn a_token_is_used_up_to_its_end_and_not_a_moment_longer() {
    let cache = ModelCache::of_one();
    request(&cache, &wants());
    answer(0, token("t1", 60));
    advance(59_999);
    assert_eq!(request(&cache, &wants()).sees(), "HIT t1");
    advance(1);
    assert_eq!(request(&cache, &wants()).sees(), "waits");
}

#[test]
fn a_stricter_location_asks_anew_while_another_still_has_the_token() {
    let cache = ModelCache::of_one();
    request(&cache, &capped(300));
    answer(0, token("t1", 600));
    advance(10_000);
    let mut strict = request(&cache, &capped(10));
    assert_eq!((strict.sees(), calls()), ("waits".into(), 2));
    // The flight for a fresher token does not hold up a request that the old one suits.
    assert_eq!(request(&cache, &capped(300)).sees(), "HIT t1");
    answer(1, token("t2", 600));
    assert_eq!(strict.sees(), "MISS t2");
    assert_eq!(request(&cache, &capped(300)).sees(), "HIT t2");
}

#[test]
fn the_leeway_of_one_location_does_not_shorten_the_life_for_its_neighbours() {
    let cache = ModelCache::of_one();
    let careful = Wants { policy: LifePolicy { cap: 300, leeway: 5_000 }, ..wants() };
    request(&cache, &careful);
    answer(0, token("t1", 60));
    advance(56_000);
    assert_eq!(request(&cache, &wants()).sees(), "HIT t1");
    assert_eq!(request(&cache, &careful).sees(), "waits");
}

#[test]
fn each_client_is_told_its_own_location_s_end_of_the_token() {
    let cache = ModelCache::of_one();
    let (mut long, mut short) = (request(&cache, &capped(300)), request(&cache, &capped(20)));
    answer(0, token("t1", 60));
    assert_eq!((long.until(), short.until()), (EPOCH + 60_000, EPOCH + 20_000));
}

#[test]
fn life_counts_from_when_the_token_was_asked_for() {
    let cache = ModelCache::of_one();
    let mut client = request(&cache, &wants());
    let asked_now = token("slow", 10);
    advance(4_000);
    answer(0, asked_now);
    assert_eq!(client.until(), EPOCH + 10_000);
}

#[test]
fn a_token_without_a_life_serves_its_caller_and_the_others_call_for_themselves() {
    let cache = ModelCache::of_one();
    let mut herd: Vec<_> = (0..3).map(|_| request(&cache, &wants())).collect();
    answer(0, token("once", 0));
    assert_eq!(herd[0].sees(), "MISS once");
    assert_eq!((calls(), running().0), (3, 2));
    answer(1, token("second", 0));
    answer(2, token("third", 0));
    assert_eq!((herd[1].sees(), herd[2].sees()), ("MISS second".into(), "MISS third".into()));
}

#[test]
fn what_is_too_old_for_its_caller_s_location_may_be_kept_for_another() {
    let cache = ModelCache::of_one();
    let mut strict = request(&cache, &capped(1));
    let mut lenient = request(&cache, &capped(300));
    let asked_now = token("slow", 60);
    advance(2_000);
    answer(0, asked_now);
    assert_eq!((strict.sees(), lenient.sees()), ("MISS slow".into(), "COALESCED slow".into()));
    assert_eq!((cache.has(1), calls()), (true, 1));
}
