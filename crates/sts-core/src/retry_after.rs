//! `Retry-After` (RFC 9110, section 10.2.3).

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// The value, if it is one of the two that the header may have.
pub(crate) fn read(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let is_seconds =
        (1..=MAX_DIGITS).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    let is_date = || httpdate::parse_http_date(value).is_ok();
    (is_seconds || is_date()).then(|| value.to_owned())
}

/// 31 years; more is no statement about when to come back.
const MAX_DIGITS: usize = 9;
