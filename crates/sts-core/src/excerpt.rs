//! What an STS said, made fit for a line of the log.

/// Truncates the text, escapes its control characters and quotes, and cuts short what could be a
/// token: an STS that repeats the token in its complaint must not bring it into the log.
pub(crate) fn excerpt(text: &str) -> String {
    let mut excerpt = String::new();
    for word in text.split_inclusive(|c| !is_token_char(c)) {
        let token = word.trim_end_matches(|c| !is_token_char(c));
        if token.len() > MAX_WORD {
            let (start, rest) =
                (word.get(..SHOWN).unwrap_or(""), word.get(token.len()..).unwrap_or(""));
            if !push(&mut excerpt, start)
                || !push(&mut excerpt, ELLIPSIS)
                || !push(&mut excerpt, rest)
            {
                break;
            }
        } else if !push(&mut excerpt, word) {
            break;
        }
    }
    excerpt
}

/// Appends until there is no room; then says so and returns false.
fn push(excerpt: &mut String, text: &str) -> bool {
    for c in text.chars() {
        let end = excerpt.len();
        match c {
            // Readable as it is, since what is quoted stands in double quotes.
            '\'' => excerpt.push(c),
            c => excerpt.extend(c.escape_debug()),
        }
        if excerpt.len() > MAX_BYTES {
            excerpt.truncate(end);
            excerpt.push_str(ELLIPSIS);
            return false;
        }
    }
    true
}

/// The characters of a `b64token` (RFC 6750, section 2.1), less the slash, which keeps paths whole.
fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '=')
}

/// Of the escaped text; a line of NGINX's error log has room for 2048 with all else that it says.
const MAX_BYTES: usize = 256;

/// The shortest opaque tokens in use have 128 bits or more: 43 characters are 256 bits in base64url;
/// a UUID, which STSs give as a trace id, has 36.
const MAX_WORD: usize = 40;

/// Enough to recognise a word, and no more than the start of a JWT's header.
const SHOWN: usize = 12;

const ELLIPSIS: &str = "...";
