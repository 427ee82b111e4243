//! Times in words.

use jiff::Timestamp;

/// A number of seconds, in the largest unit that says enough.
pub fn seconds(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (size, name) =
        UNITS.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1, "second"));
    let number = seconds / size;
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}

/// A point in time, and how far away it is.
pub fn time(at: u64, now: u64) -> String {
    let shown = i64::try_from(at).ok().and_then(|at| Timestamp::from_second(at).ok());
    let shown = shown.map_or_else(|| "beyond the year 9999".to_owned(), |at| at.to_string());
    match (at.checked_sub(now), now.checked_sub(at)) {
        (Some(0), _) => format!("{shown}, now"),
        (Some(left), _) => format!("{shown}, in {}", seconds(left)),
        (_, Some(ago)) => format!("{shown}, {} ago", seconds(ago)),
        (None, None) => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_words() {
        for (number, expected) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (7199, "1 hour"),
            (200_000, "2 days"),
        ] {
            assert_eq!(seconds(number), expected);
        }
        assert_eq!(time(1_000_000_000, 1_000_000_300), "2001-09-09T01:46:40Z, 5 minutes ago");
        assert_eq!(time(1_000_000_000, 999_999_999), "2001-09-09T01:46:40Z, in 1 second");
        assert!(time(u64::MAX, 0).starts_with("beyond the year 9999"));
    }
}
