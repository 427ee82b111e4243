//! `xsd:dateTime` (XML Schema part 2, section 3.2.7), in UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::now::UnixTime;

/// In whole seconds, with `Z`: what every reader understands (WS-Security has fractions optional).
pub(super) fn format(time: UnixTime) -> String {
    let seconds = i64::try_from(time.0).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds)
        .unwrap_or(Timestamp::MAX)
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// Rounded down to the second; what is before 1970 is 1970. A time without a zone is in UTC
/// (SAML 2.0 core, section 1.3.3; WS-Security, section 10).
pub(super) fn parse(text: &str) -> Option<UnixTime> {
    let text = text.trim_matches(XML_SPACE);
    // The parser takes more than the standard has, such as names of zones and spaces.
    if !text.bytes().all(|b| b.is_ascii_digit() || b"-+:.TZ".contains(&b)) {
        return None;
    }
    let (whole, zone) = without_fraction(text)?;
    let is_utc = zone.is_empty() || zone == "Z";
    let seconds = if is_utc {
        let time: DateTime = whole.parse().ok()?;
        TimeZone::UTC.to_timestamp(time).ok()?.as_second()
    } else {
        format!("{whole}{zone}").parse::<Timestamp>().ok()?.as_second()
    };
    Some(UnixTime(u64::try_from(seconds).unwrap_or(0)))
}

/// Splits `2026-11-24T00:00:00.123+01:00` into what is before and behind the fraction, which may
/// have any number of digits.
fn without_fraction(text: &str) -> Option<(&str, &str)> {
    let (whole, rest) = text.split_at_checked(WHOLE)?;
    let Some(fraction) = rest.strip_prefix('.') else { return Some((whole, rest)) };
    let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    (zone.len() < fraction.len()).then_some((whole, zone))
}

/// Length of date and time to the second; years of more than four digits are not for tokens.
const WHOLE: usize = "2026-11-24T00:00:00".len();

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
            "12026-11-24T00:00:01Z",
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
