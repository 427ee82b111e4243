//! What an STS has refused is not asked for again for a short time.

use sts_core::error::{Failure, FailureKind};

use super::world::{
    ModelCache, Wants, advance, answer, calls, fail, refused, request, request_checked, token,
    wants,
};

fn remembering() -> Wants {
    Wants { negative: 5_000, ..wants() }
}

#[test]
fn ten_thousand_requests_of_a_refused_token_in_five_seconds_are_one_call() {
    let (here, there) = ModelCache::of_two();
    let mut first = request(&here, &remembering());
    fail(0, refused());
    assert_eq!(first.sees(), "refused");
    for number in 0..10_000 {
        let cache = if number % 2 == 0 { &here } else { &there };
        assert_eq!(request(cache, &remembering()).sees(), "refused");
        if number % 2 == 1 && number < 9_998 {
            advance(1);
        }
    }
    assert_eq!(calls(), 1);
    advance(1);
    assert_eq!((request(&here, &remembering()).sees(), calls()), ("waits".into(), 2));
}

#[test]
fn another_user_is_untouched() {
    let cache = ModelCache::of_one();
    request(&cache, &remembering());
    fail(0, refused());
    let bob = Wants { key: 2, ..remembering() };
    assert_eq!((request(&cache, &bob).sees(), calls()), ("waits".into(), 2));
}

#[test]
fn only_what_is_about_the_token_is_remembered() {
    for (kind, is_remembered) in [
        (FailureKind::Refused, true),
        (FailureKind::Denied, true),
        (FailureKind::StepUp, false),
        (FailureKind::GatewayRefused, false),
        (FailureKind::BadAnswer, false),
        (FailureKind::Busy, false),
        (FailureKind::Unreachable, false),
        (FailureKind::Timeout, false),
    ] {
        let cache = ModelCache::of_one();
        request(&cache, &remembering());
        fail(calls() - 1, Failure::new(kind, "no").into());
        let seen = request(&cache, &remembering()).sees();
        assert_eq!(seen == kind.name(), is_remembered, "{}", kind.name());
        assert_eq!(seen == "waits", !is_remembered, "{}", kind.name());
    }
}

#[test]
fn a_location_that_remembers_nothing_asks_and_ends_it_for_all() {
    let cache = ModelCache::of_one();
    request(&cache, &remembering());
    fail(0, refused());
    let mut asks = request(&cache, &wants());
    answer(1, token("t1", 60));
    assert_eq!(
        (asks.sees(), request(&cache, &remembering()).sees()),
        ("MISS t1".into(), "HIT t1".into())
    );
}

#[test]
fn a_purge_forgets_it() {
    let cache = ModelCache::of_one();
    request(&cache, &remembering());
    fail(0, refused());
    cache.purge();
    assert_eq!(request(&cache, &remembering()).sees(), "waits");
}

#[test]
fn a_source_that_fails_its_check_is_told_that() {
    let cache = ModelCache::of_one();
    request(&cache, &remembering());
    fail(0, refused());
    let bound = || Failure::new(FailureKind::BadToken, "bound to a key");
    let refusal = request_checked(&cache, &remembering(), |_| Err(bound())).err();
    assert_eq!(refusal.map(|failure| failure.kind), Some(FailureKind::BadToken));
}

#[test]
fn a_refusal_of_the_next_token_is_remembered_too() {
    let cache = ModelCache::of_one();
    let ahead = Wants { ahead: crate::ahead::RefreshAhead::after(80), ..remembering() };
    request(&cache, &ahead);
    answer(0, token("t1", 10));
    advance(9_000);
    request(&cache, &ahead);
    fail(1, refused());
    assert_eq!((request(&cache, &ahead).sees(), calls()), ("refused".into(), 2));
}
