//! Secrets that an STS knows, and that must not come into the log by what it says.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The secrets of one exchange, the client's and the gateway's, and what stands in their places.
///
/// An STS may repeat what it was sent: whole or cut off, as it is or as it stood in the request.
#[derive(Default)]
pub struct Known(Vec<(Secret, &'static str)>);

/// In place of the source token.
const SOURCE: &str = "[source token]";

/// In place of any other secret.
const OTHER: &str = "[secret]";

impl Known {
    /// None at all.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The source token is one.
    pub(crate) fn add_source(&mut self, source: &[u8]) {
        self.add_as(source, SOURCE);
    }

    /// This is one as well.
    pub fn add(&mut self, secret: &[u8]) {
        self.add_as(secret, OTHER);
    }

    fn add_as(&mut self, secret: &[u8], place: &'static str) {
        // What is not UTF-8 can be repeated only in a form of ASCII.
        for form in forms(secret) {
            if !self.0.iter().any(|(known, _)| known.expose() == form.as_bytes()) {
                self.0.push((Secret::new(form.as_bytes()), place));
            }
        }
    }

    /// The text without any of them.
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut masked = Cow::Borrowed(text);
        for (secret, place) in &self.0 {
            if let Some(clean) = self.without(&masked, secret.expose(), place) {
                masked = Cow::Owned(clean);
            }
        }
        masked
    }

    /// How much of a text is the beginning of any of them. Forms of one secret begin alike.
    fn length_of_beginning(&self, text: &str) -> usize {
        let beginning = |(known, _): &(Secret, _)| {
            let known = std::str::from_utf8(known.expose()).unwrap_or_default();
            let same = text.chars().zip(known.chars()).take_while(|(a, b)| a == b);
            same.map(|(a, _)| a.len_utf8()).sum()
        };
        self.0.iter().map(beginning).max().unwrap_or_default()
    }

    /// The text without a secret; `None` where it is not in it.
    fn without(&self, text: &str, secret: &[u8], place: &str) -> Option<String> {
        let secret = std::str::from_utf8(secret).ok()?;
        let start = start(secret).filter(|start| !start.is_empty())?;
        let mut clean = String::new();
        let mut last = '\0';
        let mut rest = text;
        let mut found = false;
        while let Some(at) = rest.find(start) {
            let (before, repeated) = rest.split_at(at);
            let (repeated, after) = repeated.split_at(self.length_of_beginning(repeated));
            last = before.chars().last().unwrap_or(last);
            clean.push_str(before);
            // A letter or two are in every text: they have to be a word by themselves.
            let is_word = !last.is_alphanumeric() && !after.starts_with(char::is_alphanumeric);
            if secret.len() >= SHORTEST || is_word {
                clean.push_str(place);
                found = true;
            } else {
                clean.push_str(repeated);
            }
            last = repeated.chars().last().unwrap_or(last);
            rest = after;
        }
        clean.push_str(rest);
        found.then_some(clean)
    }
}

/// The forms that a secret may have in an answer.
fn forms(secret: &[u8]) -> Vec<Zeroizing<String>> {
    let mut forms = Vec::new();
    if let Ok(text) = std::str::from_utf8(secret) {
        forms.push(Zeroizing::new(text.to_owned()));
    }
    let form: Zeroizing<String> =
        Zeroizing::new(form_urlencoded::byte_serialize(secret).collect::<String>());
    forms.push(Zeroizing::new(lower_hex(&form)));
    forms.push(Zeroizing::new(form.replace('+', "%20")));
    forms.push(form);
    forms.push(Zeroizing::new(STANDARD.encode(secret)));
    // RFC 7522, section 2.1.
    forms.push(Zeroizing::new(URL_SAFE_NO_PAD.encode(secret)));
    // The longer ones first: what is left of them would not be known any more.
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms
}

/// `%2F` as `%2f`.
fn lower_hex(encoded: &str) -> String {
    let mut left = 0_u8;
    encoded
        .chars()
        .map(|c| {
            let is_digit = left > 0;
            left = if c == '%' { 2 } else { left.saturating_sub(1) };
            if is_digit { c.to_ascii_lowercase() } else { c }
        })
        .collect()
}

/// What a secret is known by: its first bytes, since it may have been cut off.
fn start(secret: &str) -> Option<&str> {
    let mut end = secret.len().min(TELLTALE);
    while !secret.is_char_boundary(end) {
        end += 1;
    }
    secret.get(..end)
}

/// Bytes at the start of a secret by which it is known again.
const TELLTALE: usize = 8;

/// Bytes of the shortest secret that is looked for within words.
const SHORTEST: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(text: &str, secrets: &[&str]) -> String {
        let mut known = Known::nothing();
        for (index, secret) in secrets.iter().enumerate() {
            match index {
                0 => known.add_source(secret.as_bytes()),
                _ => known.add(secret.as_bytes()),
            }
        }
        known.mask(text).into_owned()
    }

    #[test]
    fn a_repeated_token_is_taken_out_wherever_it_stands() {
        let text = "token abcdefghij is bad: abcdefghij";
        let clean = "token [source token] is bad: [source token]";
        assert_eq!(masked(text, &["abcdefghij"]), clean);
        assert_eq!(masked("not 1234, but x", &["1234"]), "not [source token], but x");
    }

    #[test]
    fn a_token_that_was_cut_off_is_taken_out_too() {
        assert_eq!(masked("bad: abcdefghi...", &["abcdefghijklmnop"]), "bad: [source token]...");
        assert_eq!(masked("bad: abcdefg", &["abcdefghijklmnop"]), "bad: abcdefg");
    }

    #[test]
    fn a_text_without_secrets_stays_as_it_is() {
        assert_eq!(masked("expired", &["abcdefghij"]), "expired");
        assert_eq!(masked("expired", &[""]), "expired");
        assert_eq!(masked("expired", &["e"]), "expired");
    }

    #[test]
    fn a_short_secret_is_taken_out_where_it_is_a_word() {
        assert_eq!(masked("an e, e and de, \"e\"", &["e"]), {
            "an [source token], [source token] and de, \"[source token]\""
        });
        assert_eq!(masked("é is it", &["é"]), "[source token] is it");
    }

    #[test]
    fn a_secret_is_known_in_the_forms_that_it_was_sent_in() {
        let secret = "pä ss/w\"rd";
        for form in [
            "pä ss/w\"rd",
            "p%C3%A4+ss%2Fw%22rd",
            "p%c3%a4+ss%2fw%22rd",
            "p%C3%A4%20ss%2Fw%22rd",
            "cMOkIHNzL3cicmQ=",
            "cMOkIHNzL3cicmQ",
        ] {
            assert_eq!(masked(&format!("no: {form}."), &["x-x-x", secret]), "no: [secret].");
        }
    }

    #[test]
    fn forms_that_begin_alike_are_taken_out_whole() {
        // In base64 they part only behind the thirteenth byte.
        let secret = "a long secret?>~ and more of it";
        for form in [
            "YSBsb25nIHNlY3JldD8+fiBhbmQgbW9yZSBvZiBpdA==",
            "YSBsb25nIHNlY3JldD8-fiBhbmQgbW9yZSBvZiBpdA",
            "YSBsb25nIHNlY3JldD8-fiBhb",
        ] {
            assert_eq!(masked(&format!("no: {form}."), &[secret]), "no: [source token].");
        }
    }

    #[test]
    fn one_that_begins_as_another_does_is_taken_out_whole() {
        assert_eq!(masked("a hunter22 b", &["hunter2", "hunter22"]), "a [source token] b");
        assert_eq!(lower_hex("%2FA%4a%ZZ%"), "%2fA%4a%zz%");
    }

    proptest! {
        #[test]
        fn no_secret_of_four_bytes_or_more_is_left(
            before in "[^<>]{0,20}", secret in "<[^\\[\\]]{3,60}>", after in "[^<>]{0,20}"
        ) {
            let text = format!("{before}{secret}{after}{secret}");
            let clean = masked(&text, &[&secret]);
            prop_assert!(!clean.contains(&secret), "{}", clean);
        }
    }
}
