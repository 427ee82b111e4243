//! Which call has its turn.

use std::collections::VecDeque;
use std::pin::pin;

use super::*;

const ONE_AND_ONE: CallLimits = CallLimits { running: 1, queued: 1 };

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn granted(poll: Poll<Result<Permit, Full>>) -> Permit {
    match poll {
        Poll::Ready(Ok(permit)) => permit,
        Poll::Ready(Err(full)) => panic!("refused: {full}"),
        Poll::Pending => panic!("has to wait"),
    }
}

#[test]
fn a_call_beyond_the_limit_waits_until_another_ends() {
    let calls = Calls::default();
    let first = granted(poll(pin!(calls.turn(ONE_AND_ONE))));
    let mut second = pin!(calls.turn(ONE_AND_ONE));
    assert!(poll(second.as_mut()).is_pending());
    drop(first);
    let second = granted(poll(second));
    assert_eq!(calls.running(), 1);
    drop(second);
    assert_eq!(calls.running(), 0);
}

#[test]
fn a_call_beyond_the_queue_is_refused_at_once() {
    let calls = Calls::default();
    let _first = granted(poll(pin!(calls.turn(ONE_AND_ONE))));
    let mut second = pin!(calls.turn(ONE_AND_ONE));
    assert!(poll(second.as_mut()).is_pending());
    assert!(matches!(poll(pin!(calls.turn(ONE_AND_ONE))), Poll::Ready(Err(Full::Queue))));
}

#[test]
fn a_call_that_stops_waiting_gives_its_place_in_the_queue_back() {
    let calls = Calls::default();
    let first = granted(poll(pin!(calls.turn(ONE_AND_ONE))));
    {
        let mut second = pin!(calls.turn(ONE_AND_ONE));
        assert!(poll(second.as_mut()).is_pending());
    }
    let mut third = pin!(calls.turn(ONE_AND_ONE));
    assert!(poll(third.as_mut()).is_pending());
    drop(first);
    granted(poll(third));
}

#[test]
fn a_turn_that_came_too_late_goes_to_the_next() {
    let calls = Calls::default();
    let limits = CallLimits { running: 1, queued: 2 };
    let first = granted(poll(pin!(calls.turn(limits))));
    let mut second = Box::pin(calls.turn(limits));
    let mut third = pin!(calls.turn(limits));
    assert!(poll(second.as_mut()).is_pending());
    assert!(poll(third.as_mut()).is_pending());
    drop(first);
    drop(second);
    granted(poll(third));
    assert_eq!(calls.running(), 0);
}

#[test]
fn a_narrow_limit_with_a_queue_does_not_slow_a_call_with_a_wide_one() {
    let calls = Calls::default();
    let wide = CallLimits { running: 3, queued: 10 };
    let first = granted(poll(pin!(calls.turn(ONE_AND_ONE))));
    let mut narrow = pin!(calls.turn(ONE_AND_ONE));
    assert!(poll(narrow.as_mut()).is_pending());
    let second = granted(poll(pin!(calls.turn(wide))));
    let third = granted(poll(pin!(calls.turn(wide))));
    let mut fourth = pin!(calls.turn(wide));
    assert!(poll(fourth.as_mut()).is_pending());
    drop(second);
    // No more than one of those with the narrow limit.
    assert!(poll(narrow.as_mut()).is_pending());
    let fourth = granted(poll(fourth));
    drop(first);
    let narrow = granted(poll(narrow));
    drop((third, fourth, narrow));
    assert_eq!(calls.running(), 0);
}

#[test]
fn the_first_in_the_queue_has_its_turn_first() {
    let calls = Calls::default();
    let limits = CallLimits { running: 2, queued: 10 };
    let first = granted(poll(pin!(calls.turn(limits))));
    let second = granted(poll(pin!(calls.turn(limits))));
    let (mut third, mut fourth) = (pin!(calls.turn(limits)), pin!(calls.turn(limits)));
    assert!(poll(third.as_mut()).is_pending());
    assert!(poll(fourth.as_mut()).is_pending());
    drop(first);
    // A turn that was given counts before it is taken.
    assert!(poll(pin!(calls.turn(limits))).is_pending());
    assert!(poll(fourth.as_mut()).is_pending());
    let _third = granted(poll(third));
    drop(second);
    granted(poll(fourth));
}

#[test]
fn a_turn_that_came_too_late_goes_to_the_next_whatever_its_limit() {
    let calls = Calls::default();
    let (narrow, wide) =
        (CallLimits { running: 1, queued: 10 }, CallLimits { running: 2, queued: 10 });
    let first = granted(poll(pin!(calls.turn(wide))));
    let second = granted(poll(pin!(calls.turn(wide))));
    let mut leaves = Box::pin(calls.turn(narrow));
    let mut late = Box::pin(calls.turn(wide));
    let mut last = pin!(calls.turn(narrow));
    assert!(poll(leaves.as_mut()).is_pending());
    assert!(poll(late.as_mut()).is_pending());
    assert!(poll(last.as_mut()).is_pending());
    drop(leaves);
    drop(first);
    assert!(poll(last.as_mut()).is_pending(), "the turn is that of the other line");
    drop(late);
    let last = granted(poll(last));
    drop((second, last));
    assert_eq!(calls.running(), 0);
}

fn digest(value: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(value)
}

/// A call that waits, with all that belongs to it.
fn waits(calls: &Calls, limits: CallLimits, share: Option<Share>) -> Pin<Box<Turn>> {
    let mut turn = Box::pin(calls.turn(limits).of(share));
    assert!(poll(turn.as_mut()).is_pending());
    turn
}

#[test]
fn a_narrow_line_has_its_share_beside_a_wide_one_that_is_always_full() {
    let calls = Calls::default();
    let narrow = CallLimits { running: 2, queued: 4 };
    let wide = CallLimits { running: 8, queued: 1_000 };
    let mut running: VecDeque<_> =
        (0..8).map(|_| (false, granted(poll(pin!(calls.turn(wide)))))).collect();
    let mut lines: Vec<_> = (0..100).map(|_| (false, waits(&calls, wide, None))).collect();
    lines.extend((0..4).map(|_| (true, waits(&calls, narrow, None))));
    let (mut done, mut order) = (0, Vec::new());
    while let Some((was_narrow, permit)) = running.pop_front() {
        drop(permit);
        done += usize::from(was_narrow);
        let at = lines.iter_mut().position(|(_, turn)| turn_of(turn).is_some_and(|it| it));
        if let Some(at) = at {
            let (is_narrow, turn) = lines.remove(at);
            order.push(is_narrow);
            running.push_back((is_narrow, granted(poll(pin!(turn)))));
        }
        let narrow_ones = running.iter().filter(|(is_narrow, _)| *is_narrow).count();
        assert!(running.len() <= 8 && narrow_ones <= 2);
    }
    assert_eq!((done, lines.len(), calls.running()), (4, 0, 0));
    // Its calls do not wait for the hundred to be over.
    let last = order.iter().rposition(|is_narrow| *is_narrow).unwrap();
    assert!(last < 20, "{last}");
}

/// Whether a call has got its turn.
fn turn_of(turn: &Turn) -> Option<bool> {
    turn.waits.as_ref().map(|waits| waits.waiter.borrow().granted)
}

#[test]
fn the_line_of_one_limit_does_not_fill_that_of_another() {
    let calls = Calls::default();
    let (narrow, wide) =
        (CallLimits { running: 1, queued: 1 }, CallLimits { running: 2, queued: 3 });
    let _running = [granted(poll(pin!(calls.turn(wide)))), granted(poll(pin!(calls.turn(wide))))];
    let _line = [waits(&calls, wide, None), waits(&calls, wide, None), waits(&calls, wide, None)];
    assert!(matches!(poll(pin!(calls.turn(wide))), Poll::Ready(Err(Full::Queue))));
    let _narrow = waits(&calls, narrow, None);
    assert!(matches!(poll(pin!(calls.turn(narrow))), Poll::Ready(Err(Full::Queue))));
    assert_eq!(calls.waiting(), 4);
}

#[test]
fn one_value_has_its_places_and_no_more() {
    let calls = Calls::default();
    let limits = CallLimits { running: 2, queued: 10 };
    let of = |value| Some(Share { value: digest(value), places: 3 });
    let first = granted(poll(pin!(calls.turn(limits).of(of(7)))));
    let second = granted(poll(pin!(calls.turn(limits).of(of(7)))));
    let third = waits(&calls, limits, of(7));
    let fourth = poll(pin!(calls.turn(limits).of(of(7))));
    assert!(matches!(fourth, Poll::Ready(Err(Full::Value(full))) if full == digest(7)));
    // Others are not concerned, nor what has no value.
    let other = waits(&calls, limits, of(8));
    let without = waits(&calls, limits, None);
    // Each end of a call, and each wait that is given up, makes a place free.
    drop(third);
    let third = waits(&calls, limits, of(7));
    assert!(
        matches!(poll(pin!(calls.turn(limits).of(of(7)))), Poll::Ready(Err(Full::Value(full))) if full == digest(7))
    );
    drop((first, second));
    let fourth = waits(&calls, limits, of(7));
    drop((other, without, third, fourth));
    assert_eq!((calls.running(), calls.waiting()), (0, 0));
    assert!(calls.0.borrow().places.is_empty());
}

#[test]
fn fewer_calls_run_while_they_are_let_in_gradually() {
    let calls = Calls::default();
    let limits = CallLimits { running: 4, queued: 10 };
    calls.set_allowance(Some(1));
    let first = granted(poll(pin!(calls.turn(limits))));
    let (mut second, mut third) = (waits(&calls, limits, None), waits(&calls, limits, None));
    calls.set_allowance(Some(2));
    let second = granted(poll(second.as_mut()));
    assert!(poll(third.as_mut()).is_pending());
    calls.set_allowance(None);
    let third = granted(poll(third.as_mut()));
    drop((first, second, third));
    assert_eq!(calls.running(), 0);
}

mod model {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        /// A call of a line, with a value or without.
        Ask(usize, Option<u32>),
        /// A call that runs, or has a turn, ends; or one that waits gives up.
        End(usize),
        GiveUp(usize),
        Allow(Option<usize>),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => (0..3_usize, proptest::option::of(0..3_u32)).prop_map(|(l, v)| Step::Ask(l, v)),
            4 => any::<usize>().prop_map(Step::End),
            1 => any::<usize>().prop_map(Step::GiveUp),
            1 => proptest::option::of(1..6_usize).prop_map(Step::Allow),
        ]
    }

    const LINES: [CallLimits; 3] = [
        CallLimits { running: 1, queued: 2 },
        CallLimits { running: 3, queued: 3 },
        CallLimits { running: 5, queued: 20 },
    ];
    const PLACES: usize = 4;

    proptest! {
        #[test]
        fn limits_hold_and_no_turn_is_lost(steps in proptest::collection::vec(step(), 1..200)) {
            let calls = Calls::default();
            let mut running: Vec<(usize, Option<u32>, Permit)> = Vec::new();
            let mut waiting: Vec<(usize, Option<u32>, Pin<Box<Turn>>)> = Vec::new();
            let mut allowance = None;
            for step in steps {
                match step {
                    Step::Ask(line, value) => {
                        let share = value.map(|value| Share { value: digest(value), places: PLACES as u32 });
                        let mut turn = Box::pin(calls.turn(LINES[line]).of(share));
                        match poll(turn.as_mut()) {
                            Poll::Ready(Ok(permit)) => running.push((line, value, permit)),
                            Poll::Pending => waiting.push((line, value, turn)),
                            Poll::Ready(Err(Full::Queue)) => {
                                let same = waiting.iter().filter(|(of, ..)| *of == line).count();
                                prop_assert_eq!(same, LINES[line].queued);
                            }
                            Poll::Ready(Err(Full::Value(full))) => {
                                prop_assert_eq!(Some(full), value.map(digest));
                                let places = running.iter().filter(|(_, of, _)| *of == value).count()
                                    + waiting.iter().filter(|(_, of, _)| *of == value).count();
                                prop_assert_eq!(places, PLACES);
                            }
                        }
                    }
                    Step::End(at) if !running.is_empty() => {
                        drop(running.swap_remove(at % running.len()));
                    }
                    Step::GiveUp(at) if !waiting.is_empty() => {
                        drop(waiting.swap_remove(at % waiting.len()));
                    }
                    Step::Allow(calls_at_once) => {
                        allowance = calls_at_once;
                        calls.set_allowance(allowance);
                    }
                    Step::End(_) | Step::GiveUp(_) => {}
                }
                // Takes the turns that were given.
                let (given, rest) = waiting.into_iter().partition(|(.., turn)| {
                    turn_of(turn).is_some_and(|given| given)
                });
                waiting = rest;
                for (line, value, turn) in given {
                    running.push((line, value, granted(poll(pin!(turn)))));
                }
                prop_assert_eq!((calls.running(), calls.waiting()), (running.len(), waiting.len()));
                prop_assert!(running.len() <= 5);
                for (line, limits) in LINES.iter().enumerate() {
                    let own = running.iter().filter(|(of, ..)| *of == line).count();
                    prop_assert!(own <= limits.running);
                    // None waits that could run.
                    let waits = waiting.iter().any(|(of, ..)| *of == line);
                    let widest = running.iter().map(|(of, ..)| *of)
                        .chain(waiting.iter().map(|(of, ..)| *of))
                        .map(|of| LINES[of].running).max().unwrap_or(0);
                    let room = running.len() < widest.min(allowance.unwrap_or(usize::MAX));
                    prop_assert!(!(waits && room && own < limits.running));
                }
            }
            drop((running, waiting));
            prop_assert_eq!((calls.running(), calls.waiting()), (0, 0));
            prop_assert!(calls.0.borrow().places.is_empty());
        }
    }
}

#[test]
fn a_long_line_costs_those_that_come_and_leave_no_more_than_a_short_one() {
    const MANY: usize = 1_000_000;
    let calls = Calls::default();
    let limits = CallLimits { running: 1, queued: 2 * MANY };
    let running = calls.turn_now(limits, None).unwrap().unwrap();
    let mut line: Vec<Turn> = (0..MANY)
        .map(|_| {
            let mut turn = calls.turn(limits);
            assert!(turn.begin(Waker::noop()).unwrap().is_none());
            turn
        })
        .collect();
    assert_eq!(calls.waiting(), MANY);
    let started = std::time::Instant::now();
    for step in 0..10_000 {
        // It only asks, and one in the middle leaves.
        assert!(calls.turn_now(limits, None).unwrap().is_none());
        drop(line.swap_remove(MANY / 2 - step));
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(calls.waiting(), MANY - 10_000);
    drop(running);
    assert_eq!((calls.running(), calls.waiting()), (1, MANY - 10_001));
}
