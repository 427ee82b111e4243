//! `Retry-After` (RFC 9110, section 10.2.3).

use std::time::UNIX_EPOCH;

use http::HeaderMap;
use http::header::RETRY_AFTER;

use crate::now::UnixTime;

/// The value, if it is one of the two that the header may have.
pub(crate) fn read(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let is_seconds =
        (1..=MAX_DIGITS).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    let is_date = || httpdate::parse_http_date(value).is_ok();
    (is_seconds || is_date()).then(|| value.to_owned())
}

/// How many seconds after `now` the STS wants the next call; `None` where it does not say so in one of the
/// two forms.
pub fn seconds(headers: &HeaderMap, now: UnixTime) -> Option<u64> {
    let value = read(headers)?;
    value.parse().ok().or_else(|| {
        let date = httpdate::parse_http_date(&value).ok()?;
        let date = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
        Some(date.saturating_sub(now.0))
    })
}

/// 31 years; more is no statement about when to come back.
const MAX_DIGITS: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_how_many_seconds() {
        let said = |value: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            seconds(&headers, UnixTime(784_111_770))
        };
        assert_eq!(said("120"), Some(120));
        assert_eq!(said("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7));
        assert_eq!(said("Sun, 06 Nov 1994 08:49:27 GMT"), Some(0));
        assert_eq!(said("soon"), None);
    }

    #[test]
    fn only_seconds_and_dates_are_carried_over() {
        for (value, carried) in [
            ("120", true),
            ("0", true),
            (" 7 ", true),
            ("999999999", true),
            ("1000000000", false),
            ("-1", false),
            ("+1", false),
            ("1.5", false),
            ("", false),
            ("soon", false),
            ("120, 60", false),
            // The three forms of RFC 9110, section 5.6.7.
            ("Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("Sunday, 06-Nov-94 08:49:37 GMT", true),
            ("Sun Nov  6 08:49:37 1994", true),
            ("Sun, 06 Nov 1994 08:49:37 CET", false),
            ("Sun, 36 Nov 1994 08:49:37 GMT", false),
            ("1994-11-06T08:49:37Z", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            let expected = carried.then(|| value.trim().to_owned());
            assert_eq!(read(&headers), expected, "{value}");
        }
        assert_eq!(read(&HeaderMap::new()), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_not_carried_over() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, http::HeaderValue::from_bytes(b"1\xff").unwrap());
        assert_eq!(read(&headers), None);
    }
}
