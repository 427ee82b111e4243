//! What is kept without a call.

use super::*;

fn keep(zone: &mut Zone<'_>, number: u64, bytes: &[u8], life: Millis) -> bool {
    let begun = zone.begin().unwrap();
    let value = value(bytes, zone.now, life);
    zone.keep(&key(number), begun, &value, ROOMY)
}

fn looked(zone: &mut Zone<'_>, number: u64) -> Option<Vec<u8>> {
    zone.look(&key(number), |_| true).map(|hit| hit.value.to_vec())
}

#[test]
fn what_is_made_is_found_until_it_expires() {
    let memory = Memory::new(MEBIBYTE);
    assert!(keep(&mut memory.open(1000), 1, b"token", 500));
    assert_eq!(looked(&mut memory.open(1499), 1).unwrap(), b"token");
    assert_eq!(looked(&mut memory.open(1500), 1), None);
    assert!(!keep(&mut memory.open(1500), 1, b"token", 0), "without a life it is not kept");
}

#[test]
fn a_purge_in_between_wins() {
    let memory = Memory::new(MEBIBYTE);
    let mut zone = memory.open(1000);
    let begun = zone.begin().unwrap();
    while let (_, Some(_)) = zone.purge(Purge::All, 0) {}
    assert!(!zone.keep(&key(1), begun, &value(b"token", 1000, 500), ROOMY));
    assert_eq!(looked(&mut zone, 1), None);
    assert!(keep(&mut zone, 1, b"token", 500), "what is made after it is kept");
}

#[test]
fn a_purge_finds_what_was_made() {
    let memory = Memory::new(MEBIBYTE);
    let mut zone = memory.open(1000);
    assert!(keep(&mut zone, 1, b"token", 500));
    let (removed, _) = zone.purge(Purge::Exchanges(&[TAGS.exchange]), 0);
    assert_eq!(removed, 1);
    assert_eq!(looked(&mut zone, 1), None);
}

#[test]
fn a_call_for_the_same_key_goes_on() {
    let memory = Memory::new(MEBIBYTE);
    let mut zone = memory.open(1000);
    let call = lead(&mut zone, 1);
    assert!(keep(&mut zone, 1, b"made", 500));
    assert_eq!(looked(&mut zone, 1).unwrap(), b"made");
    // Another process still waits for it.
    let found = zone.find(&key(1), claim(2), |_| false, |_| true);
    assert!(matches!(found, Found::Wait(number) if number == call));
    assert!(zone.complete(&key(1), call, &value(b"called", 1000, 500), ROOMY));
    assert_eq!(looked(&mut zone, 1).unwrap(), b"called");
}

#[test]
fn what_is_too_large_is_not_kept_and_ends_no_call() {
    let memory = Memory::new(MEBIBYTE);
    let mut zone = memory.open(1000);
    let call = lead(&mut zone, 1);
    let begun = zone.begin().unwrap();
    let small = Capacity { value: 4, ..ROOMY };
    assert!(!zone.keep(&key(1), begun, &value(b"token", 1000, 500), small));
    let found = zone.find(&key(1), claim(2), |_| true, |_| true);
    assert!(matches!(found, Found::Wait(number) if number == call));
}

#[test]
fn an_older_one_takes_no_newer_ones_place() {
    let memory = Memory::new(MEBIBYTE);
    let mut zone = memory.open(1000);
    assert!(keep(&mut zone, 1, b"new", 500));
    let begun = zone.begin().unwrap();
    assert!(!zone.keep(&key(1), begun, &value(b"old", 900, 700), ROOMY));
    assert_eq!(looked(&mut zone, 1).unwrap(), b"new");
}

fn is_there(zone: &mut Zone<'_>, number: u64) -> bool {
    looked(zone, number).is_some()
}

#[test]
fn what_is_made_takes_a_tenth_of_a_full_zone_at_most() {
    let memory = Memory::new(MEBIBYTE);
    let bytes = [7; 500];
    let mut zone = memory.open(1000);
    let called = (0..)
        .find(|number| !put(&mut zone, *number, &bytes, 100_000) || zone.statistics().evicted > 0);
    let called = called.unwrap();
    assert!(called > 1000, "the zone holds some: {called}");
    let evicted = zone.statistics().evicted;
    for number in 0..5 * called {
        // Whatever is used lately: the clock goes on.
        let mut zone = memory.open(2000 + number);
        assert!(keep(&mut zone, 1_000_000 + number, &bytes, 100_000), "{number}");
    }
    let mut zone = memory.open(2000 + 5 * called);
    let left = (0..=called).filter(|number| is_there(&mut zone, *number)).count() as u64;
    assert!(zone.statistics().evicted > evicted);
    // Of what tokens have, eight tenths of the zone, an eighth is a tenth of the zone.
    assert!(left >= called - called / 8 - 2, "{left} of {called}");
    // And there they are: the newest ones.
    let made = (0..5 * called).filter(|number| is_there(&mut zone, 1_000_000 + number)).count();
    assert!(made as u64 >= called / 8 - 2 && made as u64 <= called / 8 + 2, "{made} of {called}");
    assert!(is_there(&mut zone, 1_000_000 + 5 * called - 1));
}

#[test]
fn what_is_made_is_a_tenth_of_the_entries_at_most() {
    let memory = Memory::new(MEBIBYTE);
    let twenty = Capacity { entries: 20, value: 100 };
    for number in 0..20 {
        let mut zone = memory.open(1000 + number);
        let call = lead(&mut zone, number);
        assert!(zone.complete(&key(number), call, &value(b"token", 1000, 100_000), twenty));
    }
    for number in 100..200 {
        let mut zone = memory.open(10_000 + number);
        let begun = zone.begin().unwrap();
        assert!(zone.keep(&key(number), begun, &value(b"token", 10_000, 100_000), twenty));
    }
    let mut zone = memory.open(20_000);
    assert_eq!((0..20).filter(|number| is_there(&mut zone, *number)).count(), 18);
    assert_eq!((100..200).filter(|number| is_there(&mut zone, *number)).count(), 2);
    assert_eq!(zone.statistics().entries, 20);
    // The two go like others when they were not used for the longest time.
    for number in 300..320 {
        let mut zone = memory.open(30_000 + number);
        let call = lead(&mut zone, number);
        assert!(zone.complete(&key(number), call, &value(b"token", 30_000, 100_000), twenty));
    }
    let mut zone = memory.open(40_000);
    assert_eq!((100..200).filter(|number| is_there(&mut zone, *number)).count(), 0);
    assert_eq!((300..320).filter(|number| is_there(&mut zone, *number)).count(), 20);
}

#[test]
fn no_number_of_tokens_pushes_out_what_is_no_token() {
    let memory = Memory::new(MEBIBYTE);
    let bytes = [7; 500];
    let keys = Value { tags: Tags::NO_TOKEN, ..value(b"keys", 1000, 10_000_000) };
    let metadata = Value { bytes: b"metadata", ..keys };
    let mut zone = memory.open(1000);
    let begun = zone.begin().unwrap();
    assert!(zone.keep(&key(1), begun, &keys, ROOMY));
    let call = lead(&mut zone, 2);
    assert!(zone.complete(&key(2), call, &metadata, ROOMY));
    for number in 0..10_000 {
        let mut zone = memory.open(2000 + 100 * number);
        assert!(put(&mut zone, 10 + number, &bytes, 10_000_000));
        assert!(keep(&mut zone, 1_000_000 + number, &bytes, 10_000_000));
    }
    let mut zone = memory.open(2000 + 100 * 10_000);
    assert!(zone.statistics().evicted > 10_000);
    assert_eq!(looked(&mut zone, 1).unwrap(), b"keys");
    assert_eq!(looked(&mut zone, 2).unwrap(), b"metadata");
}

#[test]
fn where_there_is_nothing_else_what_is_no_token_makes_room_for_one() {
    let memory = Memory::new(MEBIBYTE);
    let one = Capacity { entries: 1, value: 100 };
    let mut zone = memory.open(1000);
    let begun = zone.begin().unwrap();
    let keys = Value { tags: Tags::NO_TOKEN, ..value(b"keys", 1000, 100_000) };
    assert!(zone.keep(&key(1), begun, &keys, one));
    let call = lead(&mut zone, 2);
    assert!(zone.complete(&key(2), call, &value(b"token", 1000, 100_000), one));
    assert!(is_there(&mut zone, 2) && !is_there(&mut zone, 1));
    let begun = zone.begin().unwrap();
    assert!(zone.keep(&key(3), begun, &value(b"token", 1000, 100_000), one));
    assert!(is_there(&mut zone, 3) && !is_there(&mut zone, 2));
    assert_eq!(zone.statistics().entries, 1);
}

#[test]
fn what_is_larger_than_the_share_of_what_is_made_is_not_kept() {
    let memory = Memory::new(LEAST_WORDS);
    let mut zone = memory.open(1000);
    // 32 units: three of them for what is made.
    assert!(keep(&mut zone, 1, &[7; 200], 500));
    assert!(!keep(&mut zone, 2, &[7; 500], 500));
    assert!(!zone.can_keep_made(500, ROOMY) && zone.can_keep(500, ROOMY));
    assert!(is_there(&mut zone, 1));
}
