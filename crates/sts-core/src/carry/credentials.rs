//! A scheme and a token in a header.

/// What stands behind a scheme; nothing if there is another scheme, or none. Schemes are compared
/// without case (RFC 9110, section 11.1).
pub fn behind<'f>(scheme: &str, field: &'f [u8]) -> Option<&'f [u8]> {
    let (word, rest) = field.trim_ascii().split_at_checked(scheme.len())?;
    let ends = rest.first().is_none_or(|byte| matches!(byte, b' ' | b'\t'));
    (ends && word.eq_ignore_ascii_case(scheme.as_bytes())).then(|| rest.trim_ascii_start())
}

/// Whether a token can stand behind `Bearer` (RFC 6750, section 2.1, `b64token`).
pub fn is_b64token(token: &[u8]) -> bool {
    let end = token.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let (characters, _) = token.split_at(end);
    !characters.is_empty() && all(characters, is_b64token_character)
}

const fn is_b64token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        | (byte == b'-')
        | (byte == b'.')
        | (byte == b'_')
        | (byte == b'~')
        | (byte == b'+')
        | (byte == b'/')
}

/// As a rule every byte of a long token holds: looked at without branches, which is vectorised.
fn all(bytes: &[u8], holds: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(true, |so_far, byte| so_far & holds(*byte))
}

/// Whether a text can be the value of a header (RFC 9110, section 5.5, `field-value`).
pub fn is_field_value(text: &[u8]) -> bool {
    let allowed = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    text.iter().all(allowed) && text.trim_ascii().len() == text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_scheme_is_compared_without_case_and_as_a_whole() {
        for (field, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("BEARER   abc ", Some("abc")),
            ("Bearer\tabc", Some("abc")),
            ("Bearer", Some("")),
            ("Bearer a b", Some("a b")),
            ("Bearerabc", None),
            ("BearerX abc", None),
            ("Basic abc", None),
            ("abc", None),
            ("", None),
        ] {
            let token = behind("Bearer", field.as_bytes());
            assert_eq!(token, expected.map(str::as_bytes), "{field:?}");
        }
    }

    #[test]
    fn rfc_6750_section_2_1() {
        for good in ["mF_9.B5f-4.1JqM", "a", "a=", "a+/~==", "0-._"] {
            assert!(is_b64token(good.as_bytes()), "{good}");
        }
        for bad in ["", "=", "a=b", "a b", "a,b", "a\"b", "a:b", "a\u{fc}", "a\r\nb", "a\0"] {
            assert!(!is_b64token(bad.as_bytes()), "{bad:?}");
        }
    }

    #[test]
    fn a_header_has_one_line() {
        for good in ["", "a", "<a b=\"c\">", "a\tb", "\u{fc}"] {
            assert!(is_field_value(good.as_bytes()), "{good:?}");
        }
        for bad in ["a\nb", "a\rb", "a\0b", " a", "a ", "a\x7f", "\x1b"] {
            assert!(!is_field_value(bad.as_bytes()), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_can_stand_behind_bearer_can_stand_in_a_header(token: Vec<u8>) {
            prop_assert!(!is_b64token(&token) || is_field_value(&token));
        }
    }
}
