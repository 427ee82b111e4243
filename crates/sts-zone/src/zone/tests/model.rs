//! The zone against a simple map with a clock.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::layout::LEAST_WORDS;

#[derive(Clone, Debug)]
enum Step {
    /// Looks a key up, and puts a value there if no other process is to do that.
    Put {
        number: u64,
        length: usize,
        life: Millis,
    },
    /// Puts a value in the place of one that is older than this.
    Refresh {
        number: u64,
        oldest: Millis,
        length: usize,
    },
    Get {
        number: u64,
    },
    /// Begins a call by a process, which ends at another step or never.
    Begin {
        number: u64,
        process: u32,
    },
    End {
        number: u64,
        length: usize,
    },
    Fail {
        number: u64,
    },
    /// Begins a call, which is refused.
    Refuse {
        number: u64,
        length: usize,
    },
    /// Looks a key up as one that remembers refusals for so long.
    Ask {
        number: u64,
        remembers: Millis,
    },
    Forget {
        number: u64,
    },
    Purge {
        source: bool,
    },
    Wait {
        time: Millis,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0..12u64;
    prop_oneof![
        4 => (number.clone(), 0..900usize, 1..3000u64)
            .prop_map(|(number, length, life)| Step::Put { number, length, life }),
        2 => (number.clone(), 0..1500u64, 0..900usize)
            .prop_map(|(number, oldest, length)| Step::Refresh { number, oldest, length }),
        4 => number.clone().prop_map(|number| Step::Get { number }),
        2 => (number.clone(), 1..4u32)
            .prop_map(|(number, process)| Step::Begin { number, process }),
        2 => (number.clone(), 0..900usize)
            .prop_map(|(number, length)| Step::End { number, length }),
        1 => number.clone().prop_map(|number| Step::Fail { number }),
        2 => (number.clone(), 0..300usize)
            .prop_map(|(number, length)| Step::Refuse { number, length }),
        2 => (number.clone(), 0..3000u64)
            .prop_map(|(number, remembers)| Step::Ask { number, remembers }),
        1 => number.prop_map(|number| Step::Forget { number }),
        1 => any::<bool>().prop_map(|source| Step::Purge { source }),
        3 => (0..1500u64).prop_map(|time| Step::Wait { time }),
    ]
}

/// What is expected of the zone.
#[derive(Default)]
struct Model {
    values: HashMap<u64, (Vec<u8>, Millis, Millis)>,
    /// Calls that run: by which process, until when it has the lease, its number.
    calls: HashMap<u64, (u32, Millis, u64)>,
    /// What was refused, and when.
    refusals: HashMap<u64, (Vec<u8>, Millis)>,
    /// The last purge was before calls with a larger number.
    purged: u64,
    latest: u64,
}

impl Model {
    fn value(&self, number: u64, now: Millis) -> Option<&Vec<u8>> {
        let value = self.values.get(&number).filter(|(_, _, until)| *until > now);
        value.map(|(bytes, ..)| bytes)
    }

    /// Begins a call in the zone, and checks that it was to be so.
    fn begin(
        &mut self,
        zone: &mut Zone<'_>,
        number: u64,
        process: u32,
        accepts: impl FnOnce(&Kept) -> bool,
    ) -> Option<u64> {
        let now = zone.now;
        let running = self.calls.get(&number).copied();
        let is_others = running.is_some_and(|(of, lease, _)| of != process && now <= lease);
        match zone.find(&key(number), claim(process), accepts, |_| true) {
            Found::Lead(call) => {
                assert!(!is_others, "two call for {number}");
                assert!(call > self.latest, "a number was given twice");
                self.latest = call;
                self.calls.insert(number, (process, now + LEASE, call));
                Some(call)
            }
            Found::Wait(call) => {
                assert_eq!(running.map(|(.., number)| number), Some(call));
                assert!(is_others, "no process calls for {number}");
                None
            }
            Found::Hit(hit) => {
                assert_eq!(Some(&*hit.value), self.value(number, now));
                None
            }
            Found::Failed(_) | Found::Refused(_) | Found::Unshared => {
                panic!("it waited for nothing")
            }
        }
    }

    fn put(&mut self, zone: &mut Zone<'_>, number: u64, call: u64, bytes: Vec<u8>, life: Millis) {
        let now = zone.now;
        let kept = zone.complete(&key(number), call, &value(&bytes, now, life), ROOMY);
        assert_eq!(kept, call > self.purged);
        if kept {
            self.values.insert(number, (bytes, now, now + life));
            self.refusals.remove(&number);
        }
        self.calls.remove(&number);
    }

    fn take(&mut self, zone: &mut Zone<'_>, step: &Step) {
        let now = zone.now;
        match *step {
            Step::Put { number, length, life } => {
                if let Some(call) = self.begin(zone, number, 1, |_| true) {
                    self.put(zone, number, call, bytes(number, length), life);
                }
            }
            Step::Refresh { number, oldest, length } => {
                let accepts = |kept: &Kept| now - kept.sent <= oldest;
                let old = self.values.get(&number).filter(|(.., until)| *until > now);
                let is_fresh = old.is_some_and(|(_, sent, _)| now - sent <= oldest);
                if let Some(call) = self.begin(zone, number, 1, accepts) {
                    assert!(!is_fresh, "it was fresh enough");
                    self.put(zone, number, call, bytes(number, length), 2000);
                }
            }
            Step::Get { number } => {
                let found = zone.look(&key(number), |_| true).map(|hit| hit.value.to_vec());
                assert_eq!(found.as_ref(), self.value(number, now));
            }
            Step::Begin { number, process } => {
                self.begin(zone, number, process, |_| true);
            }
            Step::End { number, length } => {
                if let Some(&(.., call)) = self.calls.get(&number) {
                    self.put(zone, number, call, bytes(number, length), 2000);
                }
            }
            Step::Fail { number } => {
                if let Some((.., call)) = self.calls.remove(&number) {
                    zone.fail(&key(number), call, &[b'f'; 200]);
                    let waiting = Claim { process: 9, awaits: Some(call) };
                    let found = zone.find(&key(number), waiting, |_| false, |_| true);
                    assert!(matches!(found, Found::Failed(reason) if *reason == [b'f'; 200]));
                }
            }
            Step::Refuse { number, length } => {
                if let Some(call) = self.begin(zone, number, 1, |_| false) {
                    let told = bytes(number, length);
                    zone.refuse(&key(number), call, b"no", Some(refusal(&told)));
                    self.calls.remove(&number);
                    self.values.remove(&number);
                    self.refusals.remove(&number);
                    if call > self.purged {
                        self.refusals.insert(number, (told, now));
                    }
                }
            }
            Step::Ask { number, remembers } => {
                let refused = self.refusals.get(&number);
                let refused = refused.filter(|(_, ended)| now < ended + remembers.min(5_000));
                let claim = claim(1);
                let is_elsewhere = |_| true;
                let found = zone.find_or_refresh(
                    &key(number),
                    claim,
                    |_| Fit::Yes,
                    remembers,
                    is_elsewhere,
                );
                match found {
                    (Found::Hit(hit), None) => {
                        assert_eq!(Some(&*hit.value), self.value(number, now));
                    }
                    (Found::Refused(told), None) => {
                        assert_eq!(self.value(number, now), None);
                        assert_eq!(Some(&*told), refused.map(|(told, _)| told));
                    }
                    (Found::Lead(call), None) => {
                        assert!(self.value(number, now).is_none() && refused.is_none());
                        self.latest = call;
                        self.calls.insert(number, (1, now + LEASE, call));
                    }
                    (Found::Wait(_), None) => {
                        assert!(self.value(number, now).is_none() && refused.is_none());
                    }
                    _ => panic!("it waited for nothing, and nothing was due"),
                }
            }
            Step::Forget { number } => {
                zone.forget(&key(number));
                self.values.remove(&number);
            }
            Step::Purge { source } => {
                let of_source =
                    Purge::Sources { sources: &[TAGS.source], exchanges: &[TAGS.exchange] };
                let what = if source { of_source } else { Purge::All };
                let mut from = Some(0);
                while let Some(at) = from {
                    from = zone.purge(what, at).1;
                }
                self.values.clear();
                self.refusals.clear();
                self.purged = self.latest;
            }
            Step::Wait { .. } => {}
        }
    }
}

fn bytes(number: u64, length: usize) -> Vec<u8> {
    (0..length).map(|at| (number as usize * 31 + at) as u8).collect()
}

proptest! {
    #[test]
    fn the_zone_agrees_with_a_map(steps in proptest::collection::vec(step(), 1..120)) {
        let memory = Memory::new(MEBIBYTE);
        let mut model = Model::default();
        let mut now = 10_000;
        for step in steps {
            if let Step::Wait { time } = step {
                now += time;
            }
            let mut zone = memory.open(now);
            if model.latest == 0 {
                // Numbers of calls begin somewhere.
                model.purged = zone.region.at(header::PURGED);
                model.latest = model.purged;
            }
            model.take(&mut zone, &step);
            prop_assert_eq!(memory.open(now).statistics().emptied, 0);
        }
    }

    #[test]
    fn a_zone_that_may_hold_few_values_holds_the_latest(
        puts in proptest::collection::vec((0..12u64, 0..400usize, 1..3000u64, 0..500u64), 1..60),
        most in 1..6usize,
    ) {
        let memory = Memory::new(LEAST_WORDS * 4);
        let mut now = 10_000;
        for (number, length, life, time) in puts {
            now += time;
            let mut zone = memory.open(now);
            if zone.look(&key(number), |_| true).is_some() {
                continue;
            }
            let call = lead(&mut zone, number);
            let bytes = bytes(number, length);
            let few = Capacity { entries: most, value: usize::MAX };
            prop_assert!(zone.complete(&key(number), call, &value(&bytes, now, life), few));
            prop_assert!(zone.statistics().entries <= most as u64);
            prop_assert_eq!(hit(&mut zone, number), Some(bytes));
            prop_assert_eq!(zone.statistics().emptied, 0);
        }
    }

    #[test]
    fn a_damaged_region_never_answers_wrongly(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 1..8),
        later in proptest::collection::vec(0..12u64, 1..30),
    ) {
        let memory = Memory::new(LEAST_WORDS * 4);
        for number in 0..8 {
            put(&mut memory.open(1000), number, &bytes(number, 200 + number as usize), 50_000);
        }
        for (place, word) in damage {
            place.get(&memory.0).store(word, Ordering::Relaxed);
        }
        for number in later {
            let mut zone = memory.open(2000);
            if let Some(found) = hit(&mut zone, number) {
                prop_assert_eq!(found, bytes(number, 200 + number as usize));
            } else if let Found::Lead(call) = find(&mut zone, number) {
                let bytes = bytes(number, 200 + number as usize);
                zone.complete(&key(number), call, &value(&bytes, 2000, 50_000), ROOMY);
            }
        }
    }
}
