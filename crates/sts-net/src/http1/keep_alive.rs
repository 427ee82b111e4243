//! For how long the other side keeps an idle connection (RFC 2068, section 19.7.1.1).

use std::num::NonZeroU32;

use crate::http1::fields::Fields;

/// How much earlier than the other side this one gives a connection up: what is sent in the moment in
/// which it closes is lost. With a time below two seconds, half of it.
const MARGIN: u32 = 1_000;

/// What `timeout` of `Keep-Alive` says of an idle connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Idle {
    /// It is not kept at all.
    Closed,
    /// It may be used for so many milliseconds.
    For(NonZeroU32),
    /// Nothing. What cannot be understood is not said, as the field is for information.
    Unsaid,
}

/// What the headers say.
pub(super) fn idle(fields: &Fields<'_>) -> Idle {
    let parameters = fields.all("keep-alive").flat_map(|value| value.split(|byte| *byte == b','));
    let Some(timeout) = parameters.filter_map(timeout).min() else { return Idle::Unsaid };
    let time = timeout.saturating_mul(1_000);
    NonZeroU32::new(time - MARGIN.min(time / 2)).map_or(Idle::Closed, Idle::For)
}

/// The seconds of `timeout=N`.
fn timeout(parameter: &[u8]) -> Option<u32> {
    let (name, value) = str::from_utf8(parameter).ok()?.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("timeout") {
        return None;
    }
    let digits = value.trim();
    let digits = digits.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(digits);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More than the number has room for is for ever.
    Some(digits.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use httparse::Header;

    use super::*;

    fn of(values: &[&str]) -> Option<u32> {
        let headers: Vec<_> = values
            .iter()
            .map(|value| Header { name: "Keep-ALIVE", value: value.as_bytes() })
            .collect();
        match idle(&Fields(&headers)) {
            Idle::Closed => Some(0),
            Idle::For(time) => Some(time.get()),
            Idle::Unsaid => None,
        }
    }

    #[test]
    fn the_time_is_given_up_a_little_earlier() {
        assert_eq!(of(&["timeout=60"]), Some(59_000));
        assert_eq!(of(&["timeout=5, max=1000"]), Some(4_000));
        assert_eq!(of(&["max=1000 , Timeout = 5"]), Some(4_000));
        assert_eq!(of(&["timeout=\"5\""]), Some(4_000));
        assert_eq!(of(&["timeout=2"]), Some(1_000));
        assert_eq!(of(&["timeout=1"]), Some(500));
        assert_eq!(of(&["timeout=0"]), Some(0));
    }

    #[test]
    fn of_several_times_the_shortest_counts() {
        assert_eq!(of(&["timeout=60, timeout=5"]), Some(4_000));
        assert_eq!(of(&["timeout=5", "timeout=60"]), Some(4_000));
    }

    #[test]
    fn a_time_that_is_too_large_for_a_number_is_a_long_one() {
        assert_eq!(of(&["timeout=99999999999999999999"]), Some(u32::MAX - 1_000));
    }

    #[test]
    fn what_is_no_time_says_nothing() {
        for value in ["", "timeout", "timeout=", "timeout=-1", "timeout=5s", "timeout=+5", "max=5"]
        {
            assert_eq!(of(&[value]), None, "{value}");
        }
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["timeout=x, timeout=5"]), Some(4_000));
    }
}
