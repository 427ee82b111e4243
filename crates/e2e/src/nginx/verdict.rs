//! What in an error log fails a test.

use std::sync::{Arc, Mutex};

/// The severities that no test may cause, unless it says so.
const ALARMS: [&str; 3] = ["[alert]", "[crit]", "[emerg]"];

/// What fails a test whatever its severity.
const FAULTS: [&str; 4] =
    ["exited on signal", "exited with fatal code", "open socket", "panicked at"];

/// What a test expects of its error log.
#[derive(Clone, Debug, Default)]
pub(super) struct Expectations(Arc<Mutex<Lists>>);

#[derive(Debug, Default)]
struct Lists {
    allowed: Vec<String>,
    forbidden: Vec<String>,
}

impl Expectations {
    pub(super) fn allow(&self, text: &str) {
        self.0.lock().expect("nothing panics in here").allowed.push(text.into());
    }

    pub(super) fn forbid(&self, text: &str) {
        assert!(!text.is_empty(), "an empty secret is in every log");
        self.0.lock().expect("nothing panics in here").forbidden.push(text.into());
    }

    /// The lines that fail the test, with what is wrong with each.
    pub(super) fn judge(&self, log: &str) -> Vec<String> {
        let lists = self.0.lock().expect("nothing panics in here");
        let leaks = |line: &str| lists.forbidden.iter().any(|secret| line.contains(secret));
        let alarms = |line: &str| {
            ALARMS.iter().chain(&FAULTS).any(|mark| line.contains(mark))
                && !lists.allowed.iter().any(|text| line.contains(text))
        };
        let mut found = Vec::new();
        for line in log.lines() {
            if leaks(line) {
                found.push(format!("a secret is in the error log: {line}"));
            } else if alarms(line) {
                found.push(line.to_owned());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_fail_a_test_and_warnings_do_not() {
        let log = "1 [warn] a\n2 [alert] b\n3 [notice] c\n4 [crit] d\n5 [emerg] e\n6 [error] f";
        let found = Expectations::default().judge(log);
        assert_eq!(found, ["2 [alert] b", "4 [crit] d", "5 [emerg] e"]);
    }

    #[test]
    fn an_allowed_line_fails_no_test_and_others_of_its_severity_do() {
        let expectations = Expectations::default();
        expectations.allow("worker process 17 exited on signal 9");
        let log = "[alert] 1#1: worker process 17 exited on signal 9\n\
                   [alert] 1#1: worker process 18 exited on signal 11";
        assert_eq!(expectations.judge(log), ["[alert] 1#1: worker process 18 exited on signal 11"]);
    }

    #[test]
    fn a_secret_fails_a_test_also_in_an_allowed_line() {
        let expectations = Expectations::default();
        expectations.allow("signal");
        expectations.forbid("s3cret");
        assert_eq!(expectations.judge("[info] token s3cret\n[alert] signal s3cret").len(), 2);
    }
}
