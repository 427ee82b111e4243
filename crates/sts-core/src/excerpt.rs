//! What an STS said, made fit for a line of the log.

/// Truncates the text, escapes its control characters and quotes, and cuts short what could be a
/// token: an STS that repeats the token in its complaint must not bring it into the log.
pub(crate) fn excerpt(text: &str) -> String {
    let mut excerpt = String::new();
    for word in text.split_inclusive(|c| !is_token_char(c)) {
        // At most one character follows the token, and those of the token are ASCII.
        let token = word.trim_end_matches(|c| !is_token_char(c));
        let (token, rest) = word.split_at(token.len());
        let parts = match token.split_at_checked(SHOWN) {
            Some((start, _)) if token.len() > MAX_WORD => [start, ELLIPSIS, rest],
            _ => [token, "", rest],
        };
        if !parts.into_iter().all(|part| push(&mut excerpt, part)) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_text_stays_as_it_is() {
        let text = "Client's token isn't valid (trace 7c2f3a10-1111-2222-3333-444455556666): see \
                    https://sts.example/realms/master/protocol/openid-connect/token, größer";
        assert_eq!(excerpt(text), text);
    }

    #[test]
    fn what_could_fake_or_hide_a_line_is_escaped() {
        assert_eq!(
            excerpt("a\r\n2026/01/01 [alert] b\0\x1b[2J\x7f\u{85}\u{2028}\u{202e}c\"\\"),
            r#"a\r\n2026/01/01 [alert] b\0\u{1b}[2J\u{7f}\u{85}\u{2028}\u{202e}c\"\\"#
        );
    }

    #[test]
    fn what_could_be_a_token_is_cut_short() {
        let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyIiwiYXVkIjoic3RzIn0.c2lnbmF0dXJl";
        assert_eq!(
            excerpt(&format!("token '{jwt}' of {}, bad", "x".repeat(43))),
            "token 'eyJhbGciOiJS...' of xxxxxxxxxxxx..., bad"
        );
        assert_eq!(excerpt(jwt), "eyJhbGciOiJS...");
        assert_eq!(excerpt(&"x".repeat(40)), "x".repeat(40));
    }

    #[test]
    fn long_text_is_truncated_between_characters() {
        assert_eq!(excerpt(&"é ".repeat(1000)), format!("{}...", "é ".repeat(85)));
        assert_eq!(excerpt(&"\0".repeat(1000)), format!("{}...", "\\0".repeat(128)));
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_printable_and_one_line(text in "\\PC*|[\\x00-\\x7f]{0,600}|.*") {
            let excerpt = excerpt(&text);
            prop_assert!(excerpt.len() <= MAX_BYTES + 2 * ELLIPSIS.len());
            prop_assert!(!excerpt.chars().any(char::is_control));
        }

        #[test]
        fn no_long_token_is_in_it(before in ".{0,20}", token in "[A-Za-z0-9._~+=-]{41,600}") {
            let excerpt = excerpt(&format!("{before} {token}"));
            prop_assert!(!excerpt.contains(&token[..SHOWN + ELLIPSIS.len() + 1]));
        }
    }
}
