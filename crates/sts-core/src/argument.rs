//! The forms that arguments of directives have, and those that stand in an option of `STSExchange`.

/// What is wrong with an argument, as a fragment that says what is allowed.
pub type Problem = String;

/// How options are written, where several words are found in their place.
pub const ONE_WORD: &str = "the options are one word: join them by \"&\", without spaces, as in \
                            key=value&key=value; in a value \"+\" stands for a space";

/// The option string that may stand behind the first argument.
///
/// # Errors
/// There are several words.
pub fn options<'a>(arguments: &[&'a str]) -> Result<Option<&'a str>, Problem> {
    match arguments {
        [] | [_] => Ok(None),
        [_, options] => Ok(Some(options)),
        _ => Err(ONE_WORD.into()),
    }
}

/// `on`, `off`, `true`, `false`, in any case.
///
/// # Errors
/// Another word.
pub fn switch(text: &str) -> Result<bool, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(invalid(text, "\"on\" and \"off\"")),
    }
}

/// One of several words.
///
/// # Errors
/// None of them.
pub fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Problem> {
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        // Where a word was forgotten, the credentials that come next stand in its place.
        let is_word = text.len() <= 40
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if is_word {
            return invalid(text, &words.join(", "));
        }
        format!("invalid value: allowed are {}", words.join(", "))
    })
}

/// A whole number within limits.
///
/// # Errors
/// No such number.
pub fn number(text: &str, least: u64, most: u64) -> Result<u64, Problem> {
    let number = digits(text).and_then(|digits| digits.parse().ok());
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| invalid(text, &format!("whole numbers from {least} to {most}")))
}

/// Bytes, with `k` and `m` as NGINX has them.
///
/// # Errors
/// No size within the limits.
pub fn size(text: &str, least: u64, most: u64) -> Result<u64, Problem> {
    let (digits_of, unit) = match text.strip_suffix(['k', 'K']) {
        Some(rest) => (rest, 1024),
        None => match text.strip_suffix(['m', 'M']) {
            Some(rest) => (rest, 1024 * 1024),
            None => (text, 1),
        },
    };
    let bytes = digits(digits_of)
        .and_then(|digits| digits.parse::<u64>().ok())
        .and_then(|number| number.checked_mul(unit));
    bytes
        .filter(|bytes| (least..=most).contains(bytes))
        .ok_or_else(|| invalid(text, &format!("sizes from {least} to {most} bytes, as 64k or 1m")))
}

/// Milliseconds: a number with `ms`, `s`, `m`, `h` or `d`; seconds without a unit.
///
/// # Errors
/// No time within the limits.
pub fn time(text: &str, least: u64, most: u64) -> Result<u64, Problem> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let unit = match unit {
        "ms" => Some(1),
        "" | "s" => Some(1000),
        "m" => Some(60 * 1000),
        "h" => Some(60 * 60 * 1000),
        "d" => Some(24 * 60 * 60 * 1000),
        _ => None,
    };
    let milliseconds = digits(number)
        .and_then(|digits| digits.parse::<u64>().ok())
        .and_then(|number| number.checked_mul(unit?));
    milliseconds.filter(|time| (least..=most).contains(time)).ok_or_else(|| {
        invalid(text, &format!("times from {least}ms to {most}ms, as 500ms, 30s or 5m"))
    })
}

/// A whole number of seconds within limits.
///
/// # Errors
/// No such number.
pub fn seconds(text: &str, least: u64, most: u64) -> Result<u64, Problem> {
    number(text, least, most).map_err(|_| {
        invalid(text, &format!("whole numbers of seconds from {least} to {most}, without a unit"))
    })
}

/// The time that a call may take, in milliseconds: a number of seconds.
///
/// # Errors
/// No number from 1 to 3600.
pub fn timeout(text: &str) -> Result<u64, Problem> {
    seconds(text, 1, 3600).map(|seconds| seconds * 1000)
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

fn invalid(text: &str, allowed: &str) -> Problem {
    format!("invalid value \"{}\": allowed are {allowed}", text.escape_debug())
}

/// The words of several in a row, each of so many words and perhaps the flag; `None` where
/// they are not that many.
pub fn groups<'w, 'a>(
    words: &'w [&'a str],
    each: usize,
    flag: Option<&str>,
) -> Option<Vec<&'w [&'a str]>> {
    let mut groups = Vec::new();
    let mut rest = words;
    while !rest.is_empty() || groups.is_empty() {
        let has_flag = flag.is_some() && rest.get(each).copied() == flag;
        let (group, behind) = rest.split_at_checked(each + usize::from(has_flag))?;
        groups.push(group);
        rest = behind;
    }
    Some(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart_by_their_number_and_the_flag() {
        let of = |text: &str, flag| {
            let words: Vec<&str> = text.split_ascii_whitespace().collect();
            let groups = groups(&words, 2, flag);
            groups.map(|all| all.iter().map(|one| one.join(" ")).collect::<Vec<_>>().join("; "))
        };
        for (text, flag, expected) in [
            ("a b", None, Some("a b")),
            ("a b c d", None, Some("a b; c d")),
            ("a b c", None, None),
            ("", None, None),
            ("a b off", Some("off"), Some("a b off")),
            ("a b off c d", Some("off"), Some("a b off; c d")),
            ("a b c d off", Some("off"), Some("a b; c d off")),
            ("a off b", Some("off"), None),
            ("a b off off", Some("off"), None),
        ] {
            assert_eq!(of(text, flag).as_deref(), expected, "{text:?}");
        }
    }
}
