//! Two nodes and a store that they share.

use sts_core::error::FailureKind;
use sts_core::life::LifePolicy;

use super::world::{
    LEASE, ModelCache, ModelStore, TIMEOUT, Wants, advance, answer, calls, exceeded, fail, kill,
    refused, request, running, tasks_of, token, wants,
};
use crate::ahead::RefreshAhead;
use crate::failed::Exceeded;

/// Milliseconds between two looks for another node's answer, at most.
const LOOK: u64 = 25;

#[test]
fn a_token_of_one_node_is_a_hit_of_the_other_and_lies_in_its_cache_then() {
    let (here, there, store) = ModelCache::of_nodes();
    let mut first = request(&here, &wants());
    answer(0, token("t1", 60));
    assert_eq!((first.sees(), store.token(1)), ("MISS t1".into(), Some("t1".into())));
    let mut second = request(&there, &wants());
    assert_eq!((second.sees(), there.has(1)), ("HIT t1".into(), true));
    let asked = store.asked.get();
    assert_eq!(request(&there, &wants()).sees(), "HIT t1");
    assert_eq!((calls(), store.asked.get()), (1, asked));
}

#[test]
fn a_hit_of_the_own_cache_asks_no_store() {
    let (here, _, store) = ModelCache::of_nodes();
    request(&here, &wants());
    answer(0, token("t1", 60));
    let asked = store.asked.get();
    assert_eq!(request(&here, &wants()).sees(), "HIT t1");
    assert_eq!(store.asked.get(), asked);
}

#[test]
fn a_herd_over_two_nodes_makes_one_call_that_may_take_five_seconds() {
    let (here, there, _) = ModelCache::of_nodes();
    let caches = [&here, &there];
    let mut herd: Vec<_> = (0..200).map(|number| request(caches[number % 2], &wants())).collect();
    advance(5_000);
    answer(0, token("t1", 60));
    advance(LOOK);
    assert!(herd.iter_mut().all(|client| client.sees().ends_with(" t1")));
    assert_eq!(calls(), 1);
}

#[test]
fn a_node_dies_that_calls_and_the_other_one_calls_when_its_lease_has_ended() {
    let (here, there, _) = ModelCache::of_nodes();
    request(&here, &wants());
    let mut other = request(&there, &wants());
    advance(700);
    kill(0);
    advance(LEASE + LOOK);
    assert_eq!(calls(), 2);
    answer(1, token("t2", 60));
    assert_eq!(other.sees(), "MISS t2");
}

#[test]
fn a_node_that_was_refused_gives_its_lease_up() {
    let (here, there, store) = ModelCache::of_nodes();
    request(&here, &wants());
    let mut other = request(&there, &wants());
    fail(0, refused());
    assert!(!store.is_leased(1));
    advance(LOOK);
    assert_eq!((other.sees(), calls()), ("waits".into(), 2));
    fail(1, refused());
    assert_eq!(other.sees(), "refused");
}

#[test]
fn a_request_waits_for_another_node_for_half_its_time_and_then_calls() {
    let (here, there, store) = ModelCache::of_nodes();
    request(&here, &Wants { timeout: 60_000, ..wants() });
    let mut other = request(&there, &Wants { timeout: 4_000, ..wants() });
    advance(1_950);
    assert_eq!(calls(), 1);
    advance(50);
    assert_eq!((calls(), running().1 >= 1_950), (2, true));
    answer(1, token("t2", 60));
    assert_eq!((other.sees(), store.token(1)), ("MISS t2".into(), Some("t2".into())));
}

#[test]
fn a_store_that_hangs_costs_its_timeout_and_is_part_of_the_one_deadline() {
    let (here, _, store) = ModelCache::of_nodes();
    store.hangs.set(true);
    let mut client = request(&here, &wants());
    assert_eq!(calls(), 0);
    advance(TIMEOUT);
    assert_eq!((calls(), running().1), (1, wants().timeout - TIMEOUT));
    answer(0, token("t1", 60));
    assert_eq!(client.sees(), "MISS t1");
    // What is not known to be the epoch of now is not put there.
    assert_eq!((store.asked.get(), store.late.get()), (1, 1));
}

#[test]
fn a_store_that_is_slow_is_waited_for_and_one_that_is_slower_is_not() {
    for (delay, asks) in [(TIMEOUT - 1, 0), (TIMEOUT + 1, 1)] {
        let (here, there, store) = ModelCache::of_nodes();
        let before = calls();
        request(&here, &wants());
        answer(before, token("t1", 60));
        store.delay.set(delay);
        let mut client = request(&there, &wants());
        advance(TIMEOUT);
        assert_eq!(calls() - before - 1, asks, "{delay}");
        if asks == 0 {
            assert_eq!(client.sees(), "HIT t1");
        }
    }
}

#[test]
fn a_broken_store_costs_nothing_and_a_full_one_neither() {
    for spoil in [
        |store: &ModelStore| store.is_broken.set(true),
        |store: &ModelStore| store.is_full.set(true),
    ] {
        let (here, _, store) = ModelCache::of_nodes();
        let before = calls();
        spoil(&store);
        let mut client = request(&here, &wants());
        assert_eq!(calls(), before + 1);
        answer(before, token("t1", 60));
        assert_eq!((client.sees(), store.token(1)), ("MISS t1".into(), None));
        assert_eq!((store.failed.get(), here.has(1)), (1, true));
    }
}

#[test]
fn a_store_that_is_left_alone_is_asked_nothing() {
    let (here, _, store) = ModelCache::of_nodes();
    store.is_left_alone.set(true);
    let mut client = request(&here, &wants());
    answer(0, token("t1", 60));
    assert_eq!((client.sees(), store.asked.get()), ("MISS t1".into(), 0));
}

#[test]
fn a_put_that_hangs_holds_up_no_request_and_ends() {
    let (here, _, store) = ModelCache::of_nodes();
    let mut client = request(&here, &wants());
    store.hangs.set(true);
    answer(0, token("t1", 60));
    assert_eq!(client.sees(), "MISS t1");
    advance(1_000);
    assert_eq!((store.late.get(), tasks_of(0).1), (1, 0));
}

#[test]
fn a_client_that_leaves_while_the_store_is_asked_ends_that_and_no_call_is_made() {
    let (here, _, store) = ModelCache::of_nodes();
    store.delay.set(5);
    request(&here, &wants()).leave();
    assert_eq!(tasks_of(0).1, 0);
    advance(TIMEOUT);
    assert_eq!(calls(), 0);
}

#[test]
fn the_store_is_asked_for_those_that_stay_when_the_first_client_leaves() {
    let (here, there, store) = ModelCache::of_nodes();
    request(&there, &wants());
    answer(0, token("t1", 60));
    store.delay.set(5);
    let first = request(&here, &wants());
    let mut second = request(&here, &wants());
    first.leave();
    advance(5);
    assert_eq!((second.sees(), calls()), ("COALESCED t1".into(), 1));
}

#[test]
fn a_request_that_wants_a_fresher_token_gets_one_and_replaces_the_other() {
    let (here, there, store) = ModelCache::of_nodes();
    request(&here, &wants());
    answer(0, token("t1", 60));
    advance(20_000);
    let policy = LifePolicy { cap: 10, leeway: 0 };
    let mut strict = request(&there, &Wants { policy, ..wants() });
    assert_eq!(calls(), 2);
    answer(1, token("t2", 60));
    assert_eq!((strict.sees(), store.token(1)), ("MISS t2".into(), Some("t2".into())));
}

#[test]
fn a_suspect_token_does_not_come_back_from_the_store_and_one_call_replaces_it_for_all_nodes() {
    let (here, there, store) = ModelCache::of_nodes();
    request(&here, &wants());
    answer(0, token("t1", 60));
    assert_eq!(request(&there, &wants()).sees(), "HIT t1");
    here.suspect(1);
    there.suspect(1);
    advance(1);
    let mut first = request(&here, &wants());
    let mut other = request(&there, &wants());
    advance(LOOK);
    assert_eq!((calls(), first.sees(), other.sees()), (2, "waits".into(), "waits".into()));
    answer(1, token("t2", 60));
    advance(LOOK);
    assert_eq!((first.sees(), other.sees()), ("MISS t2".into(), "HIT t2".into()));
    assert_eq!((calls(), store.token(1)), (2, Some("t2".into())));
}

#[test]
fn a_refusal_takes_the_token_along_that_lies_in_the_store() {
    let (here, there, store) = ModelCache::of_nodes();
    request(&here, &wants());
    answer(0, token("t1", 60));
    advance(20_000);
    let policy = LifePolicy { cap: 10, leeway: 0 };
    let mut strict = request(&there, &Wants { policy, ..wants() });
    assert_eq!((calls(), store.token(1)), (2, Some("t1".into())));
    fail(1, refused());
    assert_eq!((strict.sees(), store.token(1)), ("refused".into(), None));
}

#[test]
fn an_outage_leaves_the_token_that_lies_in_the_store() {
    let (here, there, store) = ModelCache::of_nodes();
    request(&here, &wants());
    answer(0, token("t1", 60));
    advance(20_000);
    let policy = LifePolicy { cap: 10, leeway: 0 };
    request(&there, &Wants { policy, ..wants() });
    fail(1, exceeded(FailureKind::Timeout, Exceeded::Time));
    assert_eq!(store.token(1), Some("t1".into()));
}

#[test]
fn those_that_want_a_fresher_token_than_the_stored_one_share_a_call() {
    let (here, there, store) = ModelCache::of_nodes();
    request(&here, &wants());
    answer(0, token("t1", 60));
    advance(15_000);
    store.delay.set(5);
    let mut lenient = request(&there, &wants());
    let policy = LifePolicy { cap: 10, leeway: 0 };
    let mut strict: Vec<_> =
        (0..2).map(|_| request(&there, &Wants { policy, ..wants() })).collect();
    advance(5);
    assert_eq!(lenient.sees(), "HIT t1");
    // A look, an election, and a look at what has come in between.
    advance(15);
    assert_eq!(calls(), 2);
    answer(1, token("t2", 60));
    let mut seen: Vec<_> = strict.iter_mut().map(super::world::Client::sees).collect();
    seen.sort();
    assert_eq!(seen, ["COALESCED t2", "MISS t2"]);
}

#[test]
fn an_answer_that_is_not_what_was_expected_lies_in_no_store() {
    let (here, _, store) = ModelCache::of_nodes();
    request(&here, &wants());
    let mut unexpected = token("t1", 60);
    unexpected.look.is_expected = false;
    answer(0, unexpected);
    assert_eq!((store.token(1), store.is_leased(1)), (None, false));
}

#[test]
fn a_call_that_ended_in_a_limit_of_this_node_leaves_the_lease_to_another() {
    let (here, there, store) = ModelCache::of_nodes();
    request(&here, &wants());
    fail(0, exceeded(FailureKind::Busy, Exceeded::Worker));
    assert!(!store.is_leased(1));
    let mut other = request(&there, &wants());
    answer(1, token("t2", 60));
    assert_eq!(other.sees(), "MISS t2");
}

/// A token of ten seconds that lies with a node and in the store, and is due.
fn ahead() -> Wants {
    Wants { ahead: RefreshAhead::after(80), ..wants() }
}

#[test]
fn the_next_token_is_asked_for_although_the_store_still_has_the_one_that_serves() {
    let (here, there, store) = ModelCache::of_nodes();
    request(&here, &ahead());
    answer(0, token("t1", 10));
    advance(9_000);
    assert_eq!(request(&here, &ahead()).sees(), "REFRESHED t1");
    advance(TIMEOUT);
    assert_eq!(calls(), 2);
    answer(1, token("t2", 10));
    assert_eq!(request(&here, &ahead()).sees(), "HIT t2");
    assert_eq!(store.token(1), Some("t2".into()));
    assert_eq!(request(&there, &ahead()).sees(), "HIT t2");
}

#[test]
fn the_next_token_is_taken_from_the_store_where_another_node_has_got_it() {
    let (here, there, _) = ModelCache::of_nodes();
    request(&here, &ahead());
    answer(0, token("t1", 10));
    assert_eq!(request(&there, &ahead()).sees(), "HIT t1");
    advance(9_000);
    request(&here, &ahead());
    advance(TIMEOUT);
    answer(1, token("t2", 10));
    assert_eq!(request(&there, &ahead()).sees(), "REFRESHED t1");
    advance(TIMEOUT);
    assert_eq!((request(&there, &ahead()).sees(), calls()), ("HIT t2".into(), 2));
}

#[test]
fn two_nodes_with_the_same_token_make_one_call_for_the_next() {
    let (here, there, store) = ModelCache::of_nodes();
    request(&here, &ahead());
    answer(0, token("t1", 10));
    assert_eq!(request(&there, &ahead()).sees(), "HIT t1");
    advance(9_000);
    store.delay.set(1);
    for node in [&here, &there] {
        assert_eq!(request(node, &ahead()).sees(), "REFRESHED t1");
    }
    advance(300);
    assert_eq!(calls(), 2);
    answer(1, token("t2", 10));
    advance(2 * LOOK);
    for node in [&here, &there] {
        assert_eq!(request(node, &ahead()).sees(), "HIT t2");
    }
    assert_eq!((calls(), store.token(1)), (2, Some("t2".into())));
}

#[test]
fn a_node_that_dies_with_a_renewal_costs_one_more_call() {
    let (here, there, _) = ModelCache::of_nodes();
    request(&here, &ahead());
    answer(0, token("t1", 20));
    assert_eq!(request(&there, &ahead()).sees(), "HIT t1");
    advance(17_000);
    for node in [&here, &there] {
        assert_eq!(request(node, &ahead()).sees(), "REFRESHED t1");
    }
    assert_eq!(calls(), 2);
    kill(0);
    advance(LEASE + LOOK);
    assert_eq!(calls(), 3);
    answer(2, token("t3", 20));
    assert_eq!(request(&there, &ahead()).sees(), "HIT t3");
}

#[test]
fn a_renewal_that_is_refused_takes_the_token_along_and_gives_its_lease_up() {
    let (here, there, store) = ModelCache::of_nodes();
    request(&here, &ahead());
    answer(0, token("t1", 10));
    advance(9_000);
    assert_eq!(request(&here, &ahead()).sees(), "REFRESHED t1");
    fail(1, refused());
    assert_eq!(store.token(1), None);
    let mut other = request(&there, &ahead());
    answer(2, token("t3", 10));
    assert_eq!((other.sees(), calls()), ("MISS t3".into(), 3));
}

#[test]
fn the_token_of_an_older_call_replaces_no_newer_one() {
    let (here, there, store) = ModelCache::of_nodes();
    request(&here, &Wants { timeout: 60_000, ..wants() });
    advance(100);
    let mut other = request(&there, &Wants { timeout: 4_000, ..wants() });
    advance(2_000);
    answer(1, token("t2", 60));
    assert_eq!(other.sees(), "MISS t2");
    let mut older = token("t1", 60);
    older.validity.sent -= 2_100;
    answer(0, older);
    assert_eq!(store.token(1), Some("t2".into()));
}
