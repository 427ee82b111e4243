//! `xsd:dateTime` in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// To the second.
pub(super) fn format(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let timestamp = Timestamp::from_second(seconds.try_into().unwrap_or(i64::MAX));
    timestamp.unwrap_or(Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Only with `Z`, as SOAP Message Security 1.1, section 10 wants it.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let timestamp: Timestamp = text.parse().ok().filter(|_| text.ends_with('Z'))?;
    let seconds = u64::try_from(timestamp.as_second()).ok()?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}
