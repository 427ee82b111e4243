//! What a zone keeps, and for how long.

mod calls;
mod deaths;
mod made;
mod model;
mod refreshing;
mod refusals;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use super::*;
use crate::layout::LEAST_WORDS;
use crate::word::fuse;

const TAGS: Tags = Tags { exchange: 1, source: 2 };
const ROOMY: Capacity = Capacity { entries: usize::MAX, value: usize::MAX };
const MEBIBYTE: usize = 1024 * 1024 / 8;

struct Memory(Vec<AtomicU64>);

impl Memory {
    fn new(words: usize) -> Self {
        Self((0..words).map(|_| AtomicU64::new(0)).collect())
    }

    fn open(&self, now: Millis) -> Zone<'_> {
        Zone::open(&self.0, now, || Some([7; 32])).unwrap()
    }

    fn holds(&self, bytes: &[u8]) -> bool {
        let all: Vec<u8> =
            self.0.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect();
        all.windows(bytes.len()).any(|window| window == bytes)
    }
}

fn key(number: u64) -> Digest {
    let mut key = [0; 32];
    let (chunks, _) = key.as_chunks_mut::<8>();
    for (index, chunk) in (0u64..).zip(chunks) {
        *chunk =
            number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(index as u32 * 7).to_ne_bytes();
    }
    key
}

fn claim(process: u32) -> Claim {
    Claim { process, awaits: None }
}

fn find(zone: &mut Zone<'_>, number: u64) -> Found {
    zone.find(&key(number), claim(1), |_| true, |_| true)
}

fn lead(zone: &mut Zone<'_>, number: u64) -> u64 {
    match find(zone, number) {
        Found::Lead(call) => call,
        _ => panic!("another process leads, or there is a value"),
    }
}

fn hit(zone: &mut Zone<'_>, number: u64) -> Option<Vec<u8>> {
    match find(zone, number) {
        Found::Hit(hit) => Some(hit.value.to_vec()),
        Found::Lead(call) => {
            zone.release(&key(number), call);
            None
        }
        _ => None,
    }
}

fn value(bytes: &[u8], sent: Millis, life: Millis) -> Value<'_> {
    Value { tags: TAGS, note: 0, bytes, sent, life }
}

fn refusal(bytes: &[u8]) -> Refusal<'_> {
    Refusal { tags: TAGS, life: 5_000, bytes }
}

fn put(zone: &mut Zone<'_>, number: u64, bytes: &[u8], life: Millis) -> bool {
    let call = lead(zone, number);
    let value = value(bytes, zone.now, life);
    zone.complete(&key(number), call, &value, ROOMY)
}

#[test]
fn a_value_is_found_until_it_expires() {
    let memory = Memory::new(MEBIBYTE);
    assert!(put(&mut memory.open(1000), 1, b"token", 500));
    assert_eq!(hit(&mut memory.open(1499), 1).unwrap(), b"token");
    assert_eq!(hit(&mut memory.open(1500), 1), None);
}

#[test]
fn what_is_left_of_a_life_is_told() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"token", 500);
    let Found::Hit(hit) = find(&mut memory.open(1200), 1) else { panic!("no hit") };
    assert_eq!(hit.kept, Kept { note: 0, sent: 1000, remaining: 300 });
}

#[test]
fn a_life_counts_from_when_the_value_was_asked_for() {
    let memory = Memory::new(MEBIBYTE);
    let mut zone = memory.open(1400);
    let call = lead(&mut zone, 1);
    assert!(zone.complete(&key(1), call, &value(b"token", 1000, 500), ROOMY));
    assert!(hit(&mut memory.open(1499), 1).is_some());
    assert!(hit(&mut memory.open(1500), 1).is_none());
    let mut zone = memory.open(1500);
    let call = lead(&mut zone, 1);
    assert!(!zone.complete(&key(1), call, &value(b"token", 1000, 500), ROOMY), "it is over");
}

#[test]
fn a_process_that_does_not_accept_a_value_calls_for_another_and_the_others_keep_it_meanwhile() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"old", 5000);
    let mut zone = memory.open(2000);
    let young = |kept: &Kept| kept.sent >= 1500;
    let Found::Lead(call) = zone.find(&key(1), claim(1), young, |_| true) else {
        panic!("no process calls")
    };
    let waiting = zone.find(&key(1), claim(2), young, |_| true);
    assert!(matches!(waiting, Found::Wait(awaited) if awaited == call));
    assert!(zone.look(&key(1), young).is_none());
    assert_eq!(&*zone.look(&key(1), |_| true).unwrap().value, b"old");
    assert!(zone.complete(&key(1), call, &value(b"new", 2000, 5000), ROOMY));
    let found = zone.find(&key(1), Claim { process: 2, awaits: Some(call) }, young, |_| true);
    assert!(matches!(found, Found::Hit(hit) if *hit.value == b"new"));
    assert_eq!(zone.statistics().entries, 1);
}

#[test]
fn what_is_of_no_use_can_be_forgotten() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1000), 1, b"token", 500);
    memory.open(1000).forget(&key(1));
    memory.open(1000).forget(&key(2));
    assert_eq!(hit(&mut memory.open(1000), 1), None);
}

#[test]
fn a_clock_that_goes_back_makes_no_life_longer() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(1_000_000), 1, b"token", 500);
    assert_eq!(hit(&mut memory.open(10_000), 1), None);
}

#[test]
fn a_clock_that_was_set_back_empties_the_zone_once() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(0), 1, b"token", 300_000);
    assert!(hit(&mut memory.open(200_000), 1).is_some());
    // It may be 200 seconds old or more, and would be found for 250 from now on.
    assert!(Zone::is_behind(&memory.0, 50_000));
    assert_eq!(hit(&mut memory.open(50_000), 1), None);
    assert!(!Zone::is_behind(&memory.0, 50_000));
    assert!(put(&mut memory.open(50_000), 1, b"later", 300_000));
    assert_eq!(hit(&mut memory.open(50_001), 1).unwrap(), b"later");
    assert_eq!(memory.open(50_001).statistics().emptied, 1);
}

#[test]
fn a_clock_that_is_read_a_little_late_empties_nothing() {
    let memory = Memory::new(MEBIBYTE);
    put(&mut memory.open(100_000), 1, b"token", 300_000);
    memory.open(150_000);
    assert!(!Zone::is_behind(&memory.0, 148_000));
    assert!(hit(&mut memory.open(148_000), 1).is_some());
}

#[test]
fn the_value_that_was_not_used_for_the_longest_time_makes_room() {
    let memory = Memory::new(MEBIBYTE);
    let two = Capacity { entries: 2, value: 100 };
    let put = |now, number| {
        let mut zone = memory.open(now);
        let call = lead(&mut zone, number);
        assert!(zone.complete(&key(number), call, &value(b"token", now, 100_000), two));
    };
    put(1000, 1);
    put(2000, 2);
    assert!(hit(&mut memory.open(3000), 1).is_some());
    put(4000, 3);
    assert!(hit(&mut memory.open(5000), 1).is_some());
    assert_eq!(hit(&mut memory.open(5000), 2), None);
    assert_eq!(memory.open(5000).statistics().evicted, 1);
}

#[test]
fn a_value_that_is_too_large_is_not_kept_and_the_others_are_told() {
    let memory = Memory::new(MEBIBYTE);
    let small = Capacity { entries: 10, value: 4 };
    let mut zone = memory.open(1000);
    let call = lead(&mut zone, 1);
    assert!(!zone.complete(&key(1), call, &value(b"token", 1000, 500), small));
    let waiting = Claim { process: 2, awaits: Some(call) };
    assert!(matches!(zone.find(&key(1), waiting, |_| true, |_| true), Found::Unshared));
}

#[test]
fn what_goes_is_wiped() {
    let memory = Memory::new(MEBIBYTE);
    let secret = b"a secret that is longer than one unit of the zone, and so lies in two of them; \
                   nothing of it may be left when it has gone, wherever it was put down before";
    put(&mut memory.open(1000), 1, secret, 500);
    let pieces = || secret.chunks_exact(24).any(|piece| memory.holds(piece));
    assert!(pieces());
    assert_eq!(hit(&mut memory.open(2000), 1), None);
    assert!(!pieces());
    put(&mut memory.open(3000), 1, secret, 500);
    assert!(pieces());
    assert_eq!(memory.open(3000).purge(Purge::All, 0), (1, None));
    assert!(!pieces());
}

#[test]
fn the_memory_for_a_value_is_within_a_quarter_and_256_bytes() {
    let units = |words: usize| Region::new(&Memory::new(words).0).unwrap().units.len();
    let words = 64 * MEBIBYTE;
    let per_unit = (words * 8) as f64 / units(words) as f64;
    for bytes in [300, 1024, 2048, 8192, 65_536] {
        let taken = entry::units(bytes) as f64 * per_unit;
        eprintln!("{bytes} bytes take {taken:.0} bytes of the zone");
        assert!(taken <= 1.25 * bytes as f64 + 256.0, "{bytes}: {taken}");
    }
}

#[test]
fn values_of_64_kib_fit_into_a_zone_that_is_full_of_short_ones() {
    let memory = Memory::new(MEBIBYTE);
    for number in 0..5000 {
        assert!(put(&mut memory.open(1000), number, b"short", 100_000), "{number}");
    }
    let large = vec![b'x'; 65_536];
    assert!(put(&mut memory.open(1000), 9000, &large, 100_000));
    assert_eq!(hit(&mut memory.open(1000), 9000).unwrap(), large);
}

#[test]
fn a_purge_takes_what_is_meant_and_nothing_comes_after_it_from_before() {
    let memory = Memory::new(MEBIBYTE);
    let mut zone = memory.open(1000);
    for (number, tags) in [(1, (10, 20)), (2, (10, 21)), (3, (11, 20)), (4, (11, 21))]
        .map(|(number, (e, s))| (number, Tags { exchange: e, source: s }))
    {
        let call = lead(&mut zone, number);
        let value = Value { tags, ..value(b"token", 1000, 5000) };
        assert!(zone.complete(&key(number), call, &value, ROOMY));
    }
    let running = lead(&mut zone, 5);
    assert_eq!(zone.purge(Purge::Exchanges(&[9, 10]), 0).0, 2);
    let of = |sources, exchanges| Purge::Sources { sources, exchanges };
    assert_eq!(zone.purge(of(&[22, 20], &[11]), 0).0, 1);
    assert!(hit(&mut zone, 4).is_some() && hit(&mut zone, 3).is_none());
    assert_eq!(zone.purge(of(&[22], &[9, 11]), 0).0, 0);
    assert_eq!(zone.purge(of(&[22], &[9, 12]), 0).0, 1, "its exchange is unknown");
    assert!(!zone.complete(&key(5), running, &value(b"token", 1000, 5000), ROOMY));
    assert!(put(&mut zone, 5, b"token", 5000));
}

#[test]
fn no_purge_takes_what_is_no_token() {
    let memory = Memory::new(MEBIBYTE);
    let mut zone = memory.open(1000);
    let call = lead(&mut zone, 1);
    let kept = Value { tags: Tags::NO_TOKEN, ..value(b"metadata", 1000, 5000) };
    assert!(zone.complete(&key(1), call, &kept, ROOMY));
    let sources = Purge::Sources { sources: &[u64::MAX], exchanges: &[] };
    for purge in [Purge::All, Purge::Exchanges(&[u64::MAX]), sources] {
        assert_eq!(zone.purge(purge, 0), (0, None));
    }
    assert!(hit(&mut zone, 1).is_some());
    // Half of the tags are those of a token.
    let call = lead(&mut zone, 2);
    let tags = Tags { source: 7, ..Tags::NO_TOKEN };
    assert!(zone.complete(&key(2), call, &Value { tags, ..value(b"token", 1000, 5000) }, ROOMY));
    assert_eq!(zone.purge(Purge::All, 0), (1, None));
}

#[test]
fn a_step_of_a_purge_is_short_and_all_steps_together_leave_nothing() {
    let memory = Memory::new(MEBIBYTE);
    for number in 0..1000 {
        put(&mut memory.open(1000), number, &[b'x'; 250], 5000);
    }
    let (mut from, mut removed, mut steps) = (Some(0), 0, 0);
    while let Some(at) = from {
        let (more, next) = memory.open(1000).purge(Purge::All, at);
        assert!(more <= PURGE_REMOVES, "{more} in one step");
        assert!(next.is_none_or(|next| next - at <= PURGE_LOOKS));
        (from, removed, steps) = (next, removed + more, steps + 1);
    }
    assert_eq!(removed, 1000);
    assert!(steps >= 1000 / PURGE_REMOVES);
    assert_eq!(memory.open(1000).statistics().entries, 0);
}

#[test]
fn a_region_can_be_too_small() {
    assert!(Zone::open(&Memory::new(LEAST_WORDS - 1).0, 0, || Some([0; 32])).is_none());
}

#[test]
fn a_zone_whose_order_of_calls_is_damaged_is_emptied_and_keeps_tokens_again() {
    let damages = [(header::PURGED, u64::MAX), (header::SEQUENCE, u64::MAX), (header::SEQUENCE, 0)];
    for (word, damaged) in damages {
        let memory = Memory::new(MEBIBYTE);
        assert!(put(&mut memory.open(1000), 1, b"before", 5000));
        memory.0[word].store(damaged, Ordering::Relaxed);
        // It is seen when the next token is to be kept.
        put(&mut memory.open(1001), 2, b"next", 5000);
        assert!(put(&mut memory.open(1002), 3, b"later", 5000), "{word} {damaged}");
        assert_eq!(hit(&mut memory.open(1003), 3).unwrap(), b"later");
        assert!(put(&mut memory.open(1004), 4, b"last", 5000), "{word} {damaged}");
    }
}

/// A zone with one value, the key material of which is damaged.
fn without_key_material() -> Memory {
    let memory = Memory::new(MEBIBYTE);
    assert!(put(&mut memory.open(0), 1, b"value", 500));
    memory.0[header::KEY_MATERIAL].fetch_xor(1, Ordering::Relaxed);
    memory
}

#[test]
fn a_zone_is_not_made_without_random_bytes() {
    let blank = Memory::new(MEBIBYTE);
    let foreign = Memory::new(MEBIBYTE);
    foreign.0[header::MAGIC].store(1, Ordering::Relaxed);
    // A process died while changing it.
    let changing = without_key_material();
    changing.0[header::CHANGING].store(1, Ordering::Relaxed);
    for memory in [blank, foreign, changing] {
        for _ in 0..2 {
            assert!(Zone::open(&memory.0, 1, || None).is_none());
        }
        let mut zone = memory.open(1);
        assert!(matches!(find(&mut zone, 1), Found::Lead(_)), "what was there is not found");
        assert!(zone.key_material().is_some());
    }
}

#[test]
fn a_zone_that_loses_its_key_material_keeps_nothing_without_random_bytes() {
    let memory = without_key_material();
    let mut zone = Zone::open(&memory.0, 1, || None).unwrap();
    assert!(zone.key_material().is_none());

    assert!(matches!(find(&mut zone, 1), Found::Unshared));
    assert!(zone.look(&key(1), |_| true).is_none());
    let value = Value { tags: TAGS, note: 0, bytes: b"other", sent: 1, life: 1000 };
    assert!(!zone.complete(&key(2), u64::MAX, &value, ROOMY));
    assert_eq!(zone.purge(Purge::All, 0), (0, None));
    assert!(Zone::open(&memory.0, 1, || None).is_none(), "it is marked");
    assert!(!memory.holds(b"other"));

    let mut zone = memory.open(1);
    assert!(matches!(find(&mut zone, 1), Found::Lead(_)));
    assert!(zone.key_material().is_some());
}

#[test]
fn a_zone_that_loses_its_key_material_gets_another_one() {
    let memory = without_key_material();
    let mut zone = memory.open(1);
    assert_eq!(zone.key_material().unwrap().as_slice(), [7; 32]);
    assert!(matches!(find(&mut zone, 1), Found::Lead(_)), "it is empty");
}
