//! What is left when a process dies, or when the memory is damaged.

use super::*;
use crate::layout::LEAST_WORDS;

/// What a worker may be at when it dies.
type Work = fn(&Memory);

const WORK: [(&str, Work); 12] = [
    ("notes a call and keeps its value", |memory| {
        put(&mut memory.open(2000), 10, &[10; 300], 5000);
    }),
    ("replaces a value", |memory| {
        let Found::Lead(call) = memory.open(2000).find(&key(1), claim(1), |_| false, |_| true)
        else {
            panic!("no process calls")
        };
        memory.open(2000).complete(&key(1), call, &value(&[1; 500], 2000, 5000), ROOMY);
    }),
    ("pushes values out", |memory| {
        put(&mut memory.open(2000), 10, &[10; 3000], 5000);
    }),
    ("finds a value that has expired", |memory| {
        hit(&mut memory.open(5000), 0);
    }),
    ("notes the use of a value", |memory| {
        hit(&mut memory.open(4000), 1);
    }),
    ("forgets", |memory| {
        memory.open(2000).forget(&key(2));
        memory.open(2000).purge(Purge::Sources { sources: &[2], exchanges: &[1] }, 0);
    }),
    ("fails", |memory| {
        let mut zone = memory.open(2000);
        let call = lead(&mut zone, 10);
        zone.renew(&key(10), call);
        zone.fail(&key(10), call, &[b'r'; 200]);
    }),
    ("takes a failed call over and shares nothing", |memory| {
        let call = lead(&mut memory.open(2000), 50);
        memory.open(2000).share_nothing(&key(50), call);
    }),
    ("fails to renew a value", |memory| {
        let mut zone = memory.open(2000);
        let (_, refresh) = zone.find_or_refresh(&key(1), claim(1), |_| Fit::Due, 0, |_| true);
        let call = refresh.and_then(|refresh| refresh.call).expect("no process calls");
        zone.fail_refresh(&key(1), call, Some(&[b'r'; 200]), |_| 1000);
    }),
    ("is refused", |memory| {
        let call = lead(&mut memory.open(2000), 50);
        memory.open(2000).refuse(&key(50), call, &[b'r'; 200], Some(refusal(&[b'r'; 200])));
        let mut zone = memory.open(2000);
        let (_, refresh) = zone.find_or_refresh(&key(1), claim(1), |_| Fit::Due, 0, |_| true);
        let call = refresh.and_then(|refresh| refresh.call).expect("no process calls");
        zone.refuse(&key(1), call, &[b'r'; 200], Some(refusal(&[b'r'; 300])));
        put(&mut zone, 50, &[50; 300], 5000);
    }),
    ("finds the clock set back", |memory| {
        memory.open(9000);
        memory.open(2000);
    }),
    ("makes room for calls", |memory| {
        for number in 20..40 {
            lead(&mut memory.open(2000), number);
        }
    }),
];

/// A zone with a little of everything.
fn used() -> Memory {
    let memory = Memory::new(LEAST_WORDS * 2);
    for number in 0..5 {
        put(&mut memory.open(1000), number, &[number as u8; 300], 4000 + number);
    }
    let call = lead(&mut memory.open(1000), 50);
    memory.open(1000).fail(&key(50), call, &[b'r'; 200]);
    memory
}

#[test]
fn a_death_before_any_store_of_any_operation_leaves_nothing_wrong() {
    for (what, work) in WORK {
        // One more store happens in each round, until the whole operation fits.
        for stores in 0.. {
            let memory = used();
            fuse::set(Some(stores));
            let died = catch_unwind(AssertUnwindSafe(|| work(&memory))).is_err();
            fuse::set(None);
            let mut zone = memory.open(3000);
            for number in 0..60 {
                if let Some(found) = hit(&mut zone, number) {
                    let whole = found.iter().all(|byte| u64::from(*byte) == number);
                    assert!(whole && [300, 500, 3000].contains(&found.len()), "{what}, {stores}");
                }
            }
            assert!(put(&mut zone, 70, b"afterwards", 5000), "{what}, {stores}");
            assert_eq!(hit(&mut zone, 70).unwrap(), b"afterwards", "{what}, {stores}");
            if !died {
                assert!(stores >= 3, "{what} stores nothing");
                break;
            }
        }
    }
}

#[test]
fn the_mark_of_a_change_empties_the_zone() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"token", 5000);
    memory.open(1001).leave_changing();
    assert_eq!(hit(&mut memory.open(1002), 1), None);
    assert!(!memory.holds(b"token"));
    assert_eq!(memory.open(1003).statistics().emptied, 1);
    assert!(put(&mut memory.open(1004), 1, b"token", 5000));
}

#[test]
fn a_region_of_another_layout_is_not_read() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"token", 5000);
    memory.0[header::LAYOUT].fetch_sub(1, Ordering::Relaxed);
    assert_eq!(hit(&mut memory.open(1001), 1), None);
    assert_wiped_soon(&memory, b"token");
}

#[test]
fn a_region_with_foreign_content_is_not_read() {
    let memory = Memory::new(MEBIBYTE);
    for word in &memory.0 {
        word.store(u64::from_ne_bytes(*b"foreign "), Ordering::Relaxed);
    }
    assert!(put(&mut memory.open(1000), 1, b"token", 5000));
    assert_wiped_soon(&memory, b"foreign foreign ");
    assert_eq!(hit(&mut memory.open(1001), 1).unwrap(), b"token");
}

#[test]
fn what_stood_in_a_zone_that_was_emptied_is_wiped_by_and_by() {
    let memory = Memory::new(MEBIBYTE);
    for number in 0..1000 {
        put(&mut memory.open(1000), number, b"a secret of before", 5000);
    }
    memory.open(1001).leave_changing();
    let before = fuse::burnt();
    memory.open(1002);
    let table = memory.open(1002).region.buckets.len();
    assert!(fuse::burnt() - before <= (table + 3000) as u64, "not all at once");
    // What is put down meanwhile is not taken for something of before.
    for number in 0..300 {
        assert!(put(&mut memory.open(1003), number, b"of later", 5000));
    }
    assert_wiped_soon(&memory, b"a secret of before");
    for number in 0..300 {
        assert_eq!(hit(&mut memory.open(1004), number).unwrap(), b"of later");
    }
    assert_eq!(memory.open(1004).statistics().emptied, 1);
}

#[track_caller]
fn assert_wiped_soon(memory: &Memory, bytes: &[u8]) {
    let zone = memory.open(1003);
    for _ in 0..=zone.region.units.len() / crate::region::WIPED {
        memory.open(1003);
    }
    assert!(!memory.holds(bytes));
}
