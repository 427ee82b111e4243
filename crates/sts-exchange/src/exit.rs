//! The numbers that the command exits with.

use sts_core::error::FailureKind;

/// A token was issued, or what was asked for is shown.
pub const OK: u8 = 0;

/// It could not write what it has to say.
pub const NO_OUTPUT: u8 = 1;

/// The arguments are none that it has; clap's own.
pub const USAGE: u8 = 2;

/// What it was given cannot be used: no such location, a secret that cannot be read, a configuration that
/// NGINX itself would refuse, a variable without a value.
pub const BAD_INPUT: u8 = 3;

/// A row of what can go wrong with an exchange, as the table of the manual has them.
pub struct Row {
    /// The number.
    pub code: u8,
    /// `$sts_error`, where it is one.
    pub word: &'static str,
    /// The status that a client of the module gets.
    pub status: Option<u16>,
    /// What it means.
    pub meaning: &'static str,
}

const fn row(code: u8, kind: FailureKind, meaning: &'static str) -> Row {
    Row { code, word: kind.name(), status: Some(kind.status()), meaning }
}

/// All of them.
pub static ROWS: [Row; 15] = [
    Row { code: OK, word: "ok", status: None, meaning: "a token was issued" },
    Row { code: NO_OUTPUT, word: "no_output", status: None, meaning: "nothing could be written" },
    Row { code: USAGE, word: "usage", status: None, meaning: "unknown or missing arguments" },
    Row {
        code: BAD_INPUT,
        word: "bad_input",
        status: None,
        meaning: "no such location, an unreadable file, a configuration that NGINX would refuse, a \
                  variable without a value",
    },
    row(10, FailureKind::MissingToken, "no source token"),
    row(11, FailureKind::BadToken, "the source token cannot be used"),
    row(12, FailureKind::Refused, "the STS refuses the source token"),
    row(13, FailureKind::StepUp, "the STS wants the user to prove more of itself"),
    row(14, FailureKind::Denied, "the STS does not allow the exchange"),
    row(15, FailureKind::GatewayRefused, "the STS refuses the gateway"),
    row(16, FailureKind::BadAnswer, "the answer cannot be used"),
    row(17, FailureKind::Busy, "the STS is overloaded"),
    row(18, FailureKind::Unreachable, "the STS cannot be reached, or failed by itself"),
    row(19, FailureKind::Timeout, "no answer in time"),
    row(20, FailureKind::BadHeader, "a value that cannot stand in a header of the call"),
];

/// The number for a failure.
pub fn of(kind: FailureKind) -> u8 {
    let row = ROWS.iter().find(|row| row.status.is_some() && row.word == kind.name());
    row.map_or(BAD_INPUT, |row| row.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_of_an_exchange_has_a_number_of_its_own() {
        // A command reads no form, and no request that has a token twice.
        let of_requests =
            [FailureKind::RepeatedToken, FailureKind::FormTooLarge, FailureKind::UnsupportedForm];
        for kind in FailureKind::ALL.into_iter().filter(|kind| !of_requests.contains(kind)) {
            let same: Vec<_> = ROWS.iter().filter(|row| row.code == of(kind)).collect();
            assert_eq!(same.len(), 1);
            assert_eq!((same[0].word, same[0].status), (kind.name(), Some(kind.status())));
        }
    }
}
