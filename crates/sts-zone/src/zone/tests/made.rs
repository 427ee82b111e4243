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
