use proptest::prelude::*;
use sts_core::error::FailureKind;

use super::*;
use crate::words::{CallResult, Outcome};

fn memory(words: usize) -> Vec<AtomicU64> {
    std::iter::repeat_with(AtomicU64::default).take(words).collect()
}

fn name(number: u8) -> Name {
    let mut digest = [0; 32];
    digest[0] = number;
    Name::of(&digest)
}

const SMALL: Shape = Shape { rows: 4, lanes: 2 };
const HIT: Word = Word::request(Outcome::Hit);

fn hits(region: &Region<'_>, row: Row) -> u64 {
    region.totals(row, |_| true).request(Outcome::Hit)
}

#[test]
fn what_workers_count_is_summed() {
    let words = memory(SMALL.words());
    let region = Region::open(&words, SMALL).unwrap();
    let (a, b) = (region.claim(name(1)).unwrap(), region.claim(name(2)).unwrap());
    let (one, other) = (region.take_lane(10, |_| true), region.take_lane(11, |_| true));
    assert_ne!(one.number, other.number);
    for (lane, row) in [(one, a), (other, a), (one, a), (other, b)] {
        region.count(lane, row, HIT);
    }
    region.count(one, b, Word::failure(FailureKind::Denied));
    assert_eq!((hits(&region, a), hits(&region, b)), (3, 1));
    let totals = region.totals(b, |_| true);
    assert_eq!(totals.failure(FailureKind::Denied), 1);
    assert_eq!(totals.call(CallResult::Ok), 0);
}

#[test]
fn a_name_finds_its_row_again_after_a_reload() {
    let words = memory(SMALL.words());
    let first = Region::open(&words, SMALL).unwrap();
    let (a, b) = (first.claim(name(1)).unwrap(), first.claim(name(2)).unwrap());
    let lane = first.take_lane(10, |_| true);
    first.count(lane, a, HIT);
    first.count(lane, b, HIT);
    let second = Region::open(&words, SMALL).unwrap();
    assert_eq!(second.claim(name(2)), Some(b));
    assert_eq!(second.claim(name(3)), Some(Row(2)));
    // The old worker counts on meanwhile.
    first.count(lane, b, HIT);
    assert_eq!(hits(&second, b), 2);
    assert_eq!(hits(&second, Row(2)), 0);
    // One that comes back has what it had.
    let third = Region::open(&words, SMALL).unwrap();
    assert_eq!(third.claim(name(1)), Some(a));
    assert_eq!(hits(&third, a), 1);
}

#[test]
fn a_row_is_used_again_when_no_worker_can_count_in_it() {
    let words = memory(SMALL.words());
    let region = Region::open(&words, SMALL).unwrap();
    let common = region.claim(Name::COMMON).unwrap();
    let old = region.claim(name(1)).unwrap();
    region.count(region.take_lane(10, |_| true), old, HIT);
    region.claim(name(2)).unwrap();
    region.claim(name(3)).unwrap();
    // The workers of the configuration before may still count.
    let region = Region::open(&words, SMALL).unwrap();
    region.claim(name(2)).unwrap();
    assert_eq!(region.claim(name(4)), None, "a full region says so");
    // Twice later nothing of the first one is left.
    let region = Region::open(&words, SMALL).unwrap();
    assert_eq!(region.claim(name(4)), Some(old));
    assert_eq!(hits(&region, old), 0);
    assert_eq!(region.claim(Name::COMMON), Some(common));
}

#[test]
fn what_a_worker_has_at_a_time_goes_with_it() {
    let words = memory(SMALL.words());
    let region = Region::open(&words, SMALL).unwrap();
    let row = region.claim(name(1)).unwrap();
    let killed = region.take_lane(10, |_| true);
    region.change(killed, row, Gauge::CallsActive, 1);
    region.change(killed, row, Gauge::CallsActive, 1);
    region.change(killed, row, Gauge::CallsActive, -1);
    region.count(killed, row, HIT);
    let active = |is_alive: fn(u32) -> bool| region.totals(row, is_alive).gauge(Gauge::CallsActive);
    assert_eq!(active(|_| true), 1);
    assert_eq!(active(|process| process != 10), 0);
    // The one that follows it has its lane, and nothing of what it had.
    let next = region.take_lane(11, |process| process != 10);
    assert_eq!(next.number, killed.number);
    assert_eq!(active(|_| true), 0);
    assert_eq!(hits(&region, row), 1);
    region.change(next, row, Gauge::CallsActive, 1);
    region.leave_lane(next);
    assert_eq!(active(|_| true), 0);
}

#[test]
fn a_worker_that_comes_again_has_the_same_lane() {
    let words = memory(SMALL.words());
    let region = Region::open(&words, SMALL).unwrap();
    assert_eq!(region.take_lane(10, |_| true), region.take_lane(10, |_| true));
}

#[test]
fn workers_without_a_lane_of_their_own_share_one_and_lose_no_count() {
    let words = memory(SMALL.words());
    let region = Region::open(&words, SMALL).unwrap();
    let row = region.claim(name(1)).unwrap();
    for process in 10..20 {
        let lane = region.take_lane(process, |_| true);
        region.count(lane, row, HIT);
        region.change(lane, row, Gauge::CallsQueued, 1);
    }
    assert_eq!(hits(&region, row), 10);
    // Only of those that have one of their own is known what they have at a time.
    assert_eq!(region.totals(row, |_| true).gauge(Gauge::CallsQueued), 2);
}

#[test]
fn what_was_counted_goes_over_into_a_region_of_another_shape() {
    let (old, new) = (memory(SMALL.words()), memory(Shape::of(100, 2).words()));
    let before = Region::open(&old, SMALL).unwrap();
    let (a, b) = (before.claim(name(1)).unwrap(), before.claim(name(2)).unwrap());
    let lane = before.take_lane(10, |_| true);
    before.count(lane, a, HIT);
    before.count(lane, b, HIT);
    before.change(lane, b, Gauge::CallsActive, 1);
    let after = Region::open(&new, Shape::of(100, 2)).unwrap();
    let claimed = after.claim(name(2)).unwrap();
    after.take_over(&Region::of_other(&old).unwrap());
    assert_eq!(hits(&after, claimed), 1);
    assert_eq!(after.totals(claimed, |_| true).gauge(Gauge::CallsActive), 0);
    let after = Region::open(&new, Shape::of(100, 2)).unwrap();
    assert_eq!(hits(&after, after.claim(name(1)).unwrap()), 1);
}

#[test]
fn a_smaller_region_keeps_room_for_what_is_configured() {
    let large = Shape { rows: 16, lanes: 2 };
    let (old, new) = (memory(large.words()), memory(SMALL.words()));
    let before = Region::open(&old, large).unwrap();
    (1..16).for_each(|number| assert!(before.claim(name(number)).is_some()));
    let after = Region::open(&new, SMALL).unwrap();
    after.claim(name(100)).unwrap();
    after.take_over(&Region::of_other(&old).unwrap());
    let after = Region::open(&new, SMALL).unwrap();
    assert!(after.claim(name(100)).is_some());
}

#[test]
fn what_is_no_region_is_made_one() {
    let words = memory(SMALL.words());
    words.iter().for_each(|word| store(word, 7));
    assert!(Region::of_other(&words).is_none());
    let region = Region::open(&words, SMALL).unwrap();
    let row = region.claim(name(1)).unwrap();
    assert_eq!(region.totals(row, |_| true), Totals::default());
    assert!(Region::of_other(&words).is_some());
    // One of another shape is another one.
    let other = Shape { rows: 2, lanes: 2 };
    assert!(Region::open(&words, other).unwrap().claim(name(2)) == Some(row));
}

#[test]
fn a_region_that_is_too_small_is_none() {
    let words = memory(SMALL.words() - 1);
    assert!(Region::open(&words, SMALL).is_none());
    // What a damaged header says is not believed.
    let words = memory(SMALL.words());
    Region::open(&words, SMALL).unwrap();
    store(&words[header::ROWS], u64::MAX);
    assert!(Region::of_other(&words).is_none());
}

#[test]
fn the_shape_leaves_room_for_the_next_configuration() {
    for (exchanges, workers) in [(0, 1), (1, 1), (31, 8), (32, 9), (100, 64), (5000, 128)] {
        let shape = Shape::of(exchanges, workers);
        assert!(shape.rows >= 2 * (exchanges + 1) && shape.lanes >= 2 * workers);
        assert!(shape.rows.is_power_of_two() && shape.lanes.is_power_of_two());
    }
    assert_eq!(Shape::of(3, 2), Shape::of(20, 8));
}

proptest! {
    #[test]
    fn no_configuration_finds_the_region_full(reloads in prop::collection::vec(0_usize..32, 1..12)) {
        let shape = Shape::of(31, 1);
        let words = memory(shape.words());
        let mut next = 0_u8;
        for exchanges in reloads {
            let region = Region::open(&words, shape).unwrap();
            prop_assert!(region.claim(Name::COMMON).is_some());
            for _ in 0..exchanges.min(31) {
                next = next.wrapping_add(1);
                prop_assert!(region.claim(name(next)).is_some());
            }
        }
    }

    #[test]
    fn a_histogram_has_what_it_was_told(times in prop::collection::vec(0_u64..60_000, 0..50)) {
        let words = memory(SMALL.words());
        let region = Region::open(&words, SMALL).unwrap();
        let row = region.claim(name(1)).unwrap();
        let lane = region.take_lane(10, |_| true);
        times.iter().for_each(|time| region.observe(lane, row, Duration::Call, *time));
        let histogram = region.totals(row, |_| true).histogram(Duration::Call);
        prop_assert_eq!(histogram.count, times.len() as u64);
        prop_assert_eq!(histogram.sum, times.iter().sum::<u64>());
        for ((bound, _), at_most) in crate::words::BUCKETS.iter().zip(histogram.at_most) {
            prop_assert_eq!(at_most, times.iter().filter(|time| *time <= bound).count() as u64);
        }
        prop_assert_eq!(region.totals(row, |_| true).histogram(Duration::Wait).count, 0);
    }
}
