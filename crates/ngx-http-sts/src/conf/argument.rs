//! The forms that arguments of directives have.

/// What is wrong with an argument, as a fragment that says what is allowed.
pub(crate) type Problem = String;

/// `on`, `off`, `true`, `false`, in any case.
pub(crate) fn switch(text: &str) -> Result<bool, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(invalid(text, "\"on\" and \"off\"")),
    }
}

/// One of several words.
pub(crate) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Problem> {
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
pub(crate) fn number(text: &str, least: u64, most: u64) -> Result<u64, Problem> {
    let number = digits(text).and_then(|digits| digits.parse().ok());
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| invalid(text, &format!("whole numbers from {least} to {most}")))
}

/// Bytes, with `k` and `m` as NGINX has them.
pub(crate) fn size(text: &str, least: u64, most: u64) -> Result<u64, Problem> {
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

/// A whole number of seconds within limits.
pub(crate) fn seconds(text: &str, least: u64, most: u64) -> Result<u64, Problem> {
    number(text, least, most).map_err(|_| {
        invalid(text, &format!("whole numbers of seconds from {least} to {most}, without a unit"))
    })
}

/// How options are written, where several words are found in their place.
pub(crate) const ONE_WORD: &str = "the options are one word: join them by \"&\", without spaces, as in \
                                   key=value&key=value; in a value \"+\" stands for a space";

/// The option string that may stand behind the first argument.
pub(crate) fn options<'a>(arguments: &[&'a str]) -> Result<Option<&'a str>, Problem> {
    match arguments {
        [] | [_] => Ok(None),
        [_, options] => Ok(Some(options)),
        _ => Err(ONE_WORD.into()),
    }
}

/// Milliseconds: a number with `ms`, `s`, `m`, `h` or `d`; seconds without a unit.
pub(crate) fn time(text: &str, least: u64, most: u64) -> Result<u64, Problem> {
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

/// The time that a call may take, in milliseconds: a number of seconds.
pub(crate) fn timeout(text: &str) -> Result<u64, Problem> {
    seconds(text, 1, 3600).map(|seconds| seconds * 1000)
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

fn invalid(text: &str, allowed: &str) -> Problem {
    format!("invalid value \"{}\": allowed are {allowed}", text.escape_debug())
}
