//! `xsd:dateTime` (XML Schema part 2, section 3.2.7), in UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::expiry::Expiry;
use crate::now::UnixTime;

/// In whole seconds, with `Z`: what every reader understands (WS-Security has fractions optional).
pub(super) fn format(time: UnixTime) -> String {
    let seconds = i64::try_from(time.0).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds)
        .unwrap_or(Timestamp::MAX)
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// Rounded down to the second. What is before 1970 is 1970, and a year of more than four digits is
/// [far away](Expiry::FAR). A time without a zone is in UTC (SAML 2.0 core, section 1.3.3; WS-Security,
/// section 10).
pub(super) fn parse(text: &str) -> Option<UnixTime> {
    let text = text.trim_matches(XML_SPACE);
    if !text.is_ascii() {
        return None;
    }
    let (sign, unsigned) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (year, rest) = unsigned.split_once('-')?;
    let is_number = !year.is_empty() && year.bytes().all(|b| b.is_ascii_digit());
    // More than four digits are for years that need them (section 3.2.7.1).
    if !is_number || year.len() < 4 || year.len() > 4 && year.starts_with('0') {
        return None;
    }
    // Days of another century are as many every 400 years.
    let (within, is_far) = match year.get(4..) {
        Some("") => (year.to_owned(), false),
        _ => (format!("{:04}", 2000 + year.bytes().fold(0, cycle)), true),
    };
    let seconds = seconds(&within, rest)?;
    Some(match sign {
        -1 => UnixTime(0),
        _ if is_far => Expiry::FAR,
        _ => UnixTime(u64::try_from(seconds).unwrap_or(0)),
    })
}

/// The year within its 400 years, digit by digit.
fn cycle(year: u16, digit: u8) -> u16 {
    (year * 10 + u16::from(digit - b'0')) % 400
}

/// Seconds since 1970 of a year and what stands behind it and its hyphen.
fn seconds(year: &str, rest: &str) -> Option<i64> {
    let (whole, zone) = without_fraction(rest)?;
    // The end of a day may be written as its hour 24.
    let (whole, more) = match whole.strip_suffix("T24:00:00") {
        Some(day) => (format!("{year}-{day}T00:00:00"), DAY),
        None => (format!("{year}-{whole}"), 0),
    };
    // The parser takes more than the standard has.
    let is_shaped = whole.bytes().zip(SHAPE.bytes()).all(|(found, shape)| match shape {
        b'0' => found.is_ascii_digit(),
        _ => found == shape,
    });
    if !is_shaped {
        return None;
    }
    let time: DateTime = whole.parse().ok()?;
    Some(time.duration_since(EPOCH).as_secs() + more - offset(zone)?)
}

/// Seconds by which a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let (sign, zone) = match zone.split_at_checked(1) {
        None | Some(("Z", "")) => return Some(0),
        Some(("+", zone)) => (1, zone),
        Some(("-", zone)) => (-1, zone),
        Some(_) => return None,
    };
    let (hours, minutes) = zone.split_once(':')?;
    let two = |digits: &str| {
        let is_two = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse::<i64>().ok().filter(|_| is_two)
    };
    let minutes = two(hours)? * 60 + two(minutes).filter(|minutes| *minutes < 60)?;
    (minutes <= 14 * 60).then_some(sign * minutes * 60)
}

/// Splits `11-24T00:00:00.123+01:00` into what is before and behind the fraction, which may have any
/// number of digits.
fn without_fraction(text: &str) -> Option<(&str, &str)> {
    let (whole, rest) = text.split_at_checked(SHAPE.len() - "0000-".len())?;
    let Some(fraction) = rest.strip_prefix('.') else { return Some((whole, rest)) };
    let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    (zone.len() < fraction.len()).then_some((whole, zone))
}

/// Date and time to the second.
const SHAPE: &str = "0000-00-00T00:00:00";

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// In seconds.
const DAY: i64 = 24 * 60 * 60;

const XML_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(format(UnixTime(0)), "1970-01-01T00:00:00Z");
        assert_eq!(format(UnixTime(951_782_400)), "2000-02-29T00:00:00Z");
        assert_eq!(format(UnixTime(1_795_478_401)), "2026-11-24T00:00:01Z");
    }

    #[test]
    fn times_of_every_sts_are_read() {
        for text in [
            "2026-11-24T00:00:01Z",
            "2026-11-24T00:00:01.9Z",
            "2026-11-24T00:00:01.123Z",
            "2026-11-24T00:00:01.1234567Z",
            "2026-11-24T00:00:01.123456789012345678Z",
            "2026-11-24T00:00:01",
            "2026-11-24T00:00:01.5",
            "2026-11-24T01:00:01+01:00",
            "2026-11-23T18:30:01.25-05:30",
            "\n\t 2026-11-24T00:00:01Z \r\n",
        ] {
            assert_eq!(parse(text), Some(UnixTime(1_795_478_401)), "{text}");
        }
        assert_eq!(parse("1969-12-31T23:59:59Z"), Some(UnixTime(0)));
        assert_eq!(parse("0001-01-01T00:00:00Z"), Some(UnixTime(0)));
        assert_eq!(parse("-0044-03-15T12:00:00Z"), Some(UnixTime(0)));
        assert_eq!(parse("2026-11-23T24:00:00Z"), parse("2026-11-24T00:00:00Z"));
    }

    #[test]
    fn never_is_far_away_and_not_over() {
        let last = UnixTime(253_402_300_799);
        for (text, time) in [
            ("9999-12-31T23:59:59Z", last),
            ("9999-12-31T23:59:59", last),
            ("9999-12-31T23:59:59.9999999Z", last),
            ("9999-12-31T23:59:59.9999999", last),
            ("9999-12-31T24:00:00Z", UnixTime(last.0 + 1)),
            ("9999-12-31T23:59:59.9999999+00:00", last),
            ("9999-12-31T23:59:59-14:00", UnixTime(last.0 + 14 * 3600)),
            ("10000-01-01T00:00:00Z", Expiry::FAR),
            ("12026-11-24T00:00:01.5+01:00", Expiry::FAR),
            ("292278994-08-17T07:12:55.807Z", Expiry::FAR),
            ("99999999999999999999999-02-28T00:00:00Z", Expiry::FAR),
        ] {
            assert_eq!(parse(text), Some(time), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "Z",
            "2026-11-24",
            "2026-11-24T00:00",
            "2026-11-24T00:00:01.Z",
            "2026-11-24T00:00:01ZZ",
            "2026-11-24T00:00:01z",
            "2026-11-24 00:00:01Z",
            "2026-13-24T00:00:01Z",
            "2026-02-30T00:00:01Z",
            "2026-11-24T25:00:01Z",
            "02026-11-24T00:00:01Z",
            "12026-13-24T00:00:01Z",
            "12026-11-24",
            "10001-02-29T00:00:00Z",
            "226-11-24T00:00:01Z",
            "+2026-11-24T00:00:01Z",
            "2026-11-24T24:00:01Z",
            "2026-11-24T00:00:01+1:00",
            "2026-11-24T00:00:01+01:60",
            "2026-11-24T00:00:01+15:00",
            "2026-11-24T00:00:01+0100",
            "2026-11-24T00:00:01+",
            "2026-11-24T00:00:01+01:00[Europe/Paris]",
            "2026-11-24T00:00:01\u{e9}",
            "1795478401",
            "never",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in 0_u64..250_000_000_000) {
            prop_assert_eq!(parse(&format(UnixTime(seconds))), Some(UnixTime(seconds)));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,40}|[0-9T:.Z+-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
