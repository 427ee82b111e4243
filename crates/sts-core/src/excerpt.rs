//! What an STS said, made fit for a line of the log.

use crate::known::Known;

/// What an STS says for people to read: of a long text the head and the tail, where servers tell
/// what it is about, and what to do. No secret that is known stands in it.
pub(crate) fn description(text: &str, known: &Known) -> String {
    let words = Words::of(&known.mask(text));
    let Some(cut) = words.text.len().checked_sub(MAX_DESCRIPTION).filter(|cut| *cut > 0) else {
        return words.text;
    };
    let head = words.end_at_most(MAX_HEAD);
    let tail = words.start_at_least(cut + MAX_HEAD + ELLIPSIS.len());
    let (head, tail) = (words.text.get(..head), words.text.get(tail..));
    format!("{}{ELLIPSIS}{}", head.unwrap_or_default(), tail.unwrap_or_default())
}

/// A name or a code, which is short where it is right.
pub(crate) fn excerpt(text: &str) -> String {
    let mut words = Words::of(text);
    if words.text.len() > MAX_BYTES {
        words.text.truncate(words.end_at_most(MAX_BYTES));
        words.text.push_str(ELLIPSIS);
    }
    words.text
}

/// A text with its control characters and quotes escaped, and what could be a token in it cut short:
/// an STS that repeats a token in its complaint must not bring it into the log.
struct Words {
    text: String,
    /// Where it may be cut, which is not within an escape: these are the starts of what stands for one
    /// character.
    starts: Vec<usize>,
}

impl Words {
    fn of(text: &str) -> Self {
        let mut words = Self { text: String::new(), starts: Vec::new() };
        for word in text.split_inclusive(|c| !is_token_char(c)) {
            // At most one character follows the token, and those of the token are ASCII.
            let token = word.trim_end_matches(|c| !is_token_char(c));
            let (token, rest) = word.split_at(token.len());
            match token.split_at_checked(SHOWN) {
                Some((start, _)) if token.len() > MAX_WORD => {
                    words.push(start);
                    words.push(ELLIPSIS);
                }
                _ => words.push(token),
            }
            words.push(rest);
        }
        words
    }

    fn push(&mut self, text: &str) {
        for c in text.chars() {
            self.starts.push(self.text.len());
            match c {
                // Readable as it is, since what is quoted stands in double quotes.
                '\'' => self.text.push(c),
                c => self.text.extend(c.escape_debug()),
            }
        }
    }

    /// The last place to cut at that leaves no more than so many bytes.
    fn end_at_most(&self, bytes: usize) -> usize {
        let next = self.starts.partition_point(|start| *start <= bytes);
        self.starts.get(next.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// The first place to cut at that is so many bytes from the start, or more.
    fn start_at_least(&self, bytes: usize) -> usize {
        let next = self.starts.partition_point(|start| *start < bytes);
        self.starts.get(next).copied().unwrap_or(self.text.len())
    }
}

/// The characters of a `b64token` (RFC 6750, section 2.1), less the slash, which keeps paths whole.
fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '=')
}

/// Of an escaped description; a line of NGINX's error log has room for 2048 with all else that it says.
const MAX_DESCRIPTION: usize = 512;

/// Of it, what is kept of the start of a longer one.
const MAX_HEAD: usize = 256;

/// Of an escaped name.
const MAX_BYTES: usize = 128;

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

    fn plain(text: &str) -> String {
        description(text, &Known::nothing())
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        let text = "Client's token isn't valid (trace 7c2f3a10-1111-2222-3333-444455556666): see \
                    https://sts.example/realms/master/protocol/openid-connect/token, größer";
        assert_eq!(plain(text), text);
        assert_eq!(plain(&"a b ".repeat(128)), "a b ".repeat(128));
    }

    #[test]
    fn what_could_fake_or_hide_a_line_is_escaped() {
        let text = "a\r\n2026/01/01 [alert] b\0\x1b[2J\x7f\u{85}\u{2028}\u{202e}c\"\\";
        let escaped = r#"a\r\n2026/01/01 [alert] b\0\u{1b}[2J\u{7f}\u{85}\u{2028}\u{202e}c\"\\"#;
        assert_eq!(plain(text), escaped);
        assert_eq!(excerpt(text), escaped);
    }

    #[test]
    fn what_could_be_a_token_is_cut_short() {
        let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyIiwiYXVkIjoic3RzIn0.c2lnbmF0dXJl";
        assert_eq!(
            plain(&format!("token '{jwt}' of {}, bad", "x".repeat(43))),
            "token 'eyJhbGciOiJS...' of xxxxxxxxxxxx..., bad"
        );
        assert_eq!(plain(jwt), "eyJhbGciOiJS...");
        assert_eq!(excerpt(&"x".repeat(40)), "x".repeat(40));
    }

    #[test]
    fn a_long_description_keeps_head_and_tail() {
        let text = format!("Hydra says {}: the token has expired", "so and so ".repeat(200));
        let shown = plain(&text);
        assert!(shown.starts_with("Hydra says so and so "), "{shown}");
        assert!(shown.ends_with("so and so : the token has expired"), "{shown}");
        assert!((MAX_DESCRIPTION - 6..=MAX_DESCRIPTION).contains(&shown.len()), "{shown}");
        let one_more = format!("{}cd", "a b ".repeat(128));
        assert_eq!(plain(&one_more).len(), MAX_DESCRIPTION);
    }

    #[test]
    fn text_is_cut_between_characters_and_their_escapes() {
        assert_eq!(excerpt(&"é ".repeat(1000)), format!("{}é...", "é ".repeat(42)));
        assert_eq!(excerpt(&"\0".repeat(1000)), format!("{}...", "\\0".repeat(64)));
        let nul = plain(&"\0".repeat(1000));
        assert_eq!(nul, format!("{}...{}", "\\0".repeat(128), "\\0".repeat(126)));
        let escaped = plain(&"\u{1b}".repeat(1000));
        let shown = escaped.replace("\\u{1b}", "");
        assert_eq!(shown, "...");
    }

    #[test]
    fn a_secret_that_the_cut_would_part_is_not_there() {
        let mut known = Known::nothing();
        known.add(b"correct horse battery staple");
        for before in 200..280 {
            let text = format!(
                "{}correct horse battery staple{}",
                "a ".repeat(before / 2),
                " b".repeat(300)
            );
            let shown = description(&text, &known);
            for word in ["correct", "horse", "battery", "staple"] {
                assert!(!shown.contains(word), "{shown}");
            }
        }
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_printable_and_one_line(text in "\\PC*|[\\x00-\\x7f]{0,900}|.*") {
            for (shown, most) in [(plain(&text), MAX_DESCRIPTION), (excerpt(&text), MAX_BYTES + 3)] {
                prop_assert!(shown.len() <= most, "{}", shown.len());
                prop_assert!(!shown.chars().any(char::is_control));
            }
        }

        #[test]
        fn no_long_token_is_in_it(before in ".{0,20}", token in "[A-Za-z0-9._~+=-]{41,600}") {
            for excerpt in [excerpt(&format!("{before} {token}")), plain(&format!("{before} {token}"))] {
                prop_assert!(!excerpt.contains(&token[..SHOWN + ELLIPSIS.len() + 1]));
            }
        }
    }
}
