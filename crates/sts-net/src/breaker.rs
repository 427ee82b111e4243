//! Whether an STS is called at all: not while it is down, and not while it asks for a pause.
//!
//! One for each origin and worker, as connections and counts of calls are. A state machine without a
//! clock: `now` is milliseconds of one that never goes back.

/// Milliseconds.
type Millis = u64;

/// What a location wants (`STSBreaker`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Failures in a row after which no calls are made, at least 1.
    pub failures: u32,
    /// For how long none is made, after the last failure.
    pub time: Millis,
}

/// What an STS may ask for at most at a time: after that a call asks again.
pub const LONGEST_PAUSE: Millis = 60_000;

/// Calls at once after an outage. Each that is answered makes room for one more, until all may run.
const FIRST_CALLS: usize = 2;
const ALL_CALLS: usize = 256;

/// No call may be made for so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halted {
    /// Milliseconds, at least 1.
    pub after: Millis,
    /// It is the STS that has asked for it.
    pub is_asked_for: bool,
}

/// How a call went, as far as that says whether the STS is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The STS has answered.
    Answered,
    /// It has answered that no call is welcome for so many milliseconds.
    Paused(Millis),
    /// It is not there: nothing could be sent, nothing came back, or a gateway before it says so.
    Failed,
    /// The call says nothing of the STS.
    Nothing,
}

/// The right to make a call, to be given back with [`Breaker::end`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Admission {
    is_probe: bool,
}

/// How it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Calls are made.
    #[default]
    Closed,
    /// None is made.
    Open,
    /// One is made, or the next one that comes, to find out whether the STS is there again.
    Probing,
}

/// What the end of a call has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing that an operator has to know.
    None,
    /// No calls are made from now on.
    Opened,
    /// They are made again.
    Closed,
}

/// What is known of an STS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// In a row, and when the last one was.
    failures: u32,
    failed: Millis,
    /// A call finds out whether the STS is there again.
    is_probed: bool,
    /// Until when the STS wants no calls.
    paused: Millis,
    /// Calls at once while they are let in gradually.
    allowance: Option<usize>,
}

impl Breaker {
    /// Whether a call may be made now. A location without a policy makes all of its calls.
    ///
    /// # Errors
    /// It may not.
    pub fn check(&self, policy: Option<Policy>, now: Millis) -> Result<(), Halted> {
        let Some(policy) = policy else { return Ok(()) };
        if now < self.paused {
            return Err(Halted { after: self.paused - now, is_asked_for: true });
        }
        if !self.is_open(policy) {
            return Ok(());
        }
        let end = self.failed.saturating_add(policy.time);
        if now < end {
            return Err(Halted { after: end - now, is_asked_for: false });
        }
        if self.is_probed {
            return Err(Halted { after: AFTER_PROBE, is_asked_for: false });
        }
        Ok(())
    }

    /// Begins a call. After an outage the first one is a probe, and the only one.
    ///
    /// # Errors
    /// It may not be made now.
    pub fn begin(&mut self, policy: Option<Policy>, now: Millis) -> Result<Admission, Halted> {
        self.check(policy, now)?;
        let is_probe = policy.is_some_and(|policy| self.is_open(policy));
        self.is_probed |= is_probe;
        Ok(Admission { is_probe })
    }

    /// Ends a call.
    #[expect(clippy::needless_pass_by_value, reason = "a call ends once")]
    pub fn end(
        &mut self,
        admission: Admission,
        policy: Option<Policy>,
        outcome: Outcome,
        now: Millis,
    ) -> Change {
        if admission.is_probe {
            self.is_probed = false;
        }
        let was_open = policy.is_some_and(|policy| self.is_open(policy));
        match outcome {
            Outcome::Nothing => Change::None,
            Outcome::Failed => {
                self.failures = self.failures.saturating_add(1);
                self.failed = now;
                let is_open = policy.is_some_and(|policy| self.is_open(policy));
                if is_open && !was_open { Change::Opened } else { Change::None }
            }
            Outcome::Answered | Outcome::Paused(_) => {
                if let Outcome::Paused(time) = outcome {
                    let until = now.saturating_add(time.min(LONGEST_PAUSE));
                    self.paused = self.paused.max(until);
                }
                self.failures = 0;
                self.allowance = match self.allowance {
                    _ if was_open => Some(FIRST_CALLS),
                    Some(calls) if calls < ALL_CALLS => Some(calls + 1),
                    _ => None,
                };
                if was_open { Change::Closed } else { Change::None }
            }
        }
    }

    /// Calls that may run at once, while they are let in gradually after an outage.
    pub fn allowance(&self) -> Option<usize> {
        self.allowance
    }

    /// How it stands for a location with this policy.
    pub fn state(&self, policy: Policy, now: Millis) -> State {
        let is_open = self.is_open(policy);
        match self.pause(policy, now) {
            _ if is_open && self.is_probed => State::Probing,
            Some(_) => State::Open,
            None if is_open => State::Probing,
            None => State::Closed,
        }
    }

    /// Milliseconds for which no call is made; `None` where one may be made now.
    pub fn pause(&self, policy: Policy, now: Millis) -> Option<Millis> {
        let failed = if self.is_open(policy) { self.failed.saturating_add(policy.time) } else { 0 };
        let end = self.paused.max(failed);
        end.checked_sub(now).filter(|left| *left > 0)
    }

    /// Whether no calls but a probe are made.
    pub fn is_open(&self, policy: Policy) -> bool {
        self.failures >= policy.failures
    }
}

/// When those are told to come back that meet a probe.
const AFTER_PROBE: Millis = 1_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: Option<Policy> = Some(Policy { failures: 3, time: 10_000 });

    fn call(breaker: &mut Breaker, outcome: Outcome, now: Millis) -> Change {
        let admission = breaker.begin(POLICY, now).unwrap();
        breaker.end(admission, POLICY, outcome, now)
    }

    /// One that has just opened.
    fn open(now: Millis) -> Breaker {
        let mut breaker = Breaker::default();
        assert_eq!(call(&mut breaker, Outcome::Failed, now), Change::None);
        assert_eq!(call(&mut breaker, Outcome::Failed, now), Change::None);
        assert_eq!(call(&mut breaker, Outcome::Failed, now), Change::Opened);
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_tells_when_to_come_back() {
        let breaker = open(1_000);
        let halted = |after| Err(Halted { after, is_asked_for: false });
        assert_eq!(breaker.check(POLICY, 1_000), halted(10_000));
        assert_eq!(breaker.check(POLICY, 10_999), halted(1));
        assert_eq!(breaker.check(POLICY, 11_000), Ok(()));
    }

    #[test]
    fn an_answer_in_between_is_no_row() {
        let mut breaker = Breaker::default();
        for now in 0..20 {
            call(&mut breaker, Outcome::Failed, now);
            call(&mut breaker, Outcome::Failed, now);
            call(&mut breaker, Outcome::Nothing, now);
            call(&mut breaker, Outcome::Answered, now);
        }
        assert_eq!(breaker.check(POLICY, 20), Ok(()));
    }

    #[test]
    fn one_probe_finds_out_whether_the_sts_is_back() {
        let mut breaker = open(0);
        let probe = breaker.begin(POLICY, 10_000).unwrap();
        assert_eq!(breaker.check(POLICY, 10_000).unwrap_err().after, 1_000);
        assert!(breaker.begin(POLICY, 15_000).is_err());
        assert_eq!(breaker.end(probe, POLICY, Outcome::Failed, 16_000), Change::None);
        assert_eq!(breaker.check(POLICY, 25_999).unwrap_err().after, 1);
        let probe = breaker.begin(POLICY, 26_000).unwrap();
        assert_eq!(breaker.end(probe, POLICY, Outcome::Answered, 26_100), Change::Closed);
        assert_eq!(breaker.check(POLICY, 26_100), Ok(()));
    }

    #[test]
    fn its_state_is_told() {
        let policy = POLICY.unwrap();
        let mut breaker = Breaker::default();
        assert_eq!(breaker.state(policy, 0), State::Closed);
        breaker = open(0);
        assert_eq!(breaker.state(policy, 9_999), State::Open);
        assert_eq!(breaker.pause(policy, 9_999), Some(1));
        // The next call finds out.
        assert_eq!(
            (breaker.state(policy, 10_000), breaker.pause(policy, 10_000)),
            (State::Probing, None)
        );
        let probe = breaker.begin(POLICY, 20_000).unwrap();
        assert_eq!(breaker.state(policy, 20_000), State::Probing);
        let _ = breaker.end(probe, POLICY, Outcome::Paused(5_000), 20_000);
        assert_eq!(breaker.state(policy, 24_999), State::Open);
        assert_eq!(breaker.state(policy, 25_000), State::Closed);
    }

    #[test]
    fn a_probe_that_is_given_up_makes_room_for_the_next() {
        let mut breaker = open(0);
        let probe = breaker.begin(POLICY, 10_000).unwrap();
        assert_eq!(breaker.end(probe, POLICY, Outcome::Nothing, 10_001), Change::None);
        assert!(breaker.begin(POLICY, 10_001).is_ok());
    }

    #[test]
    fn calls_that_ran_when_it_opened_close_it_when_they_are_answered() {
        let mut breaker = Breaker::default();
        let slow = breaker.begin(POLICY, 0).unwrap();
        for _ in 0..3 {
            call(&mut breaker, Outcome::Failed, 1);
        }
        assert_eq!(breaker.end(slow, POLICY, Outcome::Answered, 2), Change::Closed);
        assert_eq!(breaker.check(POLICY, 2), Ok(()));
    }

    #[test]
    fn after_an_outage_calls_are_let_in_one_by_one() {
        let mut breaker = open(0);
        assert_eq!(breaker.allowance(), None);
        call(&mut breaker, Outcome::Answered, 10_000);
        assert_eq!(breaker.allowance(), Some(2));
        call(&mut breaker, Outcome::Answered, 10_001);
        assert_eq!(breaker.allowance(), Some(3));
        for _ in 0..254 {
            call(&mut breaker, Outcome::Answered, 10_002);
        }
        assert_eq!(breaker.allowance(), None);
    }

    #[test]
    fn a_pause_that_the_sts_asks_for_is_kept_to_and_bounded() {
        let mut breaker = Breaker::default();
        call(&mut breaker, Outcome::Paused(7_000), 0);
        assert_eq!(breaker.check(POLICY, 6_999), Err(Halted { after: 1, is_asked_for: true }));
        assert_eq!(breaker.check(POLICY, 7_000), Ok(()));
        call(&mut breaker, Outcome::Paused(u64::MAX), 7_000);
        assert_eq!(breaker.check(POLICY, 7_000 + LONGEST_PAUSE), Ok(()));
        assert!(breaker.check(POLICY, 6_999 + LONGEST_PAUSE).is_err());
    }

    #[test]
    fn a_location_without_a_policy_makes_all_of_its_calls_and_they_count() {
        let mut breaker = Breaker::default();
        for now in 0..5 {
            let admission = breaker.begin(None, now).unwrap();
            assert_eq!(breaker.end(admission, None, Outcome::Failed, now), Change::None);
        }
        assert_eq!(breaker.check(None, 5), Ok(()));
        assert!(breaker.check(POLICY, 5).is_err());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Begin,
        End(usize, Outcome),
        Wait(Millis),
    }

    fn step() -> impl Strategy<Value = Step> {
        let outcome = prop_oneof![
            3 => Just(Outcome::Failed),
            2 => Just(Outcome::Answered),
            1 => Just(Outcome::Nothing),
            1 => (0..200_000_u64).prop_map(Outcome::Paused),
        ];
        prop_oneof![
            3 => Just(Step::Begin),
            3 => (any::<usize>(), outcome).prop_map(|(at, outcome)| Step::End(at, outcome)),
            2 => (0..20_000_u64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn it_never_stays_open_and_never_lets_two_probes_out(
            failures in 1..5_u32, time in 1..30_000_u64,
            steps in proptest::collection::vec(step(), 1..200),
        ) {
            let policy = Some(Policy { failures, time });
            let mut breaker = Breaker::default();
            let mut running = Vec::new();
            let (mut now, mut row, mut paused) = (0, 0, 0);
            for step in steps {
                match step {
                    Step::Wait(time) => now += time,
                    Step::Begin => match breaker.begin(policy, now) {
                        Ok(admission) => {
                            prop_assert!(now >= paused);
                            prop_assert_eq!(admission.is_probe, row >= failures);
                            running.push(admission);
                            let probes = running.iter().filter(|one| one.is_probe).count();
                            prop_assert!(probes <= 1);
                        }
                        Err(Halted { after, is_asked_for }) => {
                            prop_assert!(after > 0);
                            prop_assert!(after <= time.max(LONGEST_PAUSE));
                            prop_assert_eq!(is_asked_for, now < paused);
                            prop_assert!(is_asked_for || row >= failures);
                            let is_probed = running.iter().any(|one| one.is_probe);
                            let then = breaker.check(policy, now + after);
                            prop_assert!(then.is_ok() || is_probed || row >= failures);
                        }
                    },
                    Step::End(at, outcome) if !running.is_empty() => {
                        let admission = running.swap_remove(at % running.len());
                        breaker.end(admission, policy, outcome, now);
                        match outcome {
                            Outcome::Failed => row += 1,
                            Outcome::Nothing => {}
                            Outcome::Answered => row = 0,
                            Outcome::Paused(time) => {
                                row = 0;
                                paused = paused.max(now + time.min(LONGEST_PAUSE));
                            }
                        }
                    }
                    Step::End(..) => {}
                }
            }
            for admission in running {
                breaker.end(admission, policy, Outcome::Nothing, now);
            }
            prop_assert_eq!(breaker.check(policy, now + time.max(LONGEST_PAUSE)), Ok(()));
        }
    }
}
