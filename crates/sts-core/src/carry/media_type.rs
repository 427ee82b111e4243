//! Which bodies are forms that can be read and changed, and what a charset does to the query.

const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// Charsets in which every byte of a form stands for what it does in ASCII. In others, such as `utf-16`
/// and `cp037`, a name can be written in bytes that look like something else.
const CHARSETS: [&[u8]; 3] = [b"utf-8", b"us-ascii", b"iso-8859-1"];

/// Whether the value of a `Content-Type` says that a body is a form, in no charset or in one of those
/// in which names can be read.
///
/// It is read strictly, as RFC 9110, sections 8.3.1 and 5.6.6 have it: backends differ in what they make
/// of anything else. A parameter other than `charset` is not known, so it is no.
pub fn is_plain_form(content_type: &[u8]) -> bool {
    let mut parts = content_type.split(|byte| *byte == b';').map(trim_blanks);
    let is_form = parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case(FORM));
    // What is behind the type, if anything, is the one charset.
    is_form && parts.next().is_none_or(is_charset) && parts.next().is_none()
}

/// Whether the value of a `Content-Type` names a charset of which it is not known that what looks like
/// ASCII in it is ASCII. Some readers, such as Django, read the query in the charset of the body, also
/// where there is none: `+AGE-` is an "a" in `utf-7`.
///
/// Whatever looks like a charset to some reader counts, wherever it stands.
pub fn may_be_in_unknown_charset(content_type: &[u8]) -> bool {
    const WORD: &[u8] = b"charset";
    let behind = |at: usize| content_type.get(at + WORD.len()..).unwrap_or_default();
    let named = content_type.windows(WORD.len()).enumerate();
    named
        .filter(|(_, word)| word.eq_ignore_ascii_case(WORD))
        .any(|(at, _)| !is_like_ascii(behind(at)))
}

/// What stands behind the word, up to the next parameter.
fn is_like_ascii(behind: &[u8]) -> bool {
    let Some(value) = behind.strip_prefix(b"=") else { return false };
    let value = trim_blanks(value.split(|byte| *byte == b';').next().unwrap_or_default());
    let value = match value {
        [b'"', inner @ .., b'"'] => inner,
        value => value,
    };
    let name = value.to_ascii_lowercase();
    let is_number =
        |number: &[u8]| matches!(number.len(), 1 | 2) && number.iter().all(u8::is_ascii_digit);
    // These have ASCII in the lower half, and one byte for each character.
    let is_numbered = |prefix: &[u8]| name.strip_prefix(prefix).is_some_and(is_number);
    matches!(name.as_slice(), b"utf-8" | b"utf8" | b"us-ascii" | b"ascii" | b"latin1")
        || is_numbered(b"iso-8859-")
        || is_numbered(b"windows-125")
}

/// RFC 9110, section 5.6.6: no blanks are allowed around `=`.
fn is_charset(parameter: &[u8]) -> bool {
    let at = parameter.iter().position(|byte| *byte == b'=').unwrap_or(parameter.len());
    let (name, value) = parameter.split_at(at);
    let ([b'=', b'"', value @ .., b'"'] | [b'=', value @ ..]) = value else { return false };
    name.eq_ignore_ascii_case(b"charset")
        && CHARSETS.iter().any(|charset| value.eq_ignore_ascii_case(charset))
}

/// RFC 9110, section 5.6.3: spaces and tabs, and nothing else that some take for a blank.
fn trim_blanks(text: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    text.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_form_is_a_form_in_the_charsets_that_are_known() {
        for form in [
            "application/x-www-form-urlencoded",
            "APPLICATION/x-www-form-URLENCODED",
            " application/x-www-form-urlencoded\t",
            "application/x-www-form-urlencoded;charset=utf-8",
            "application/x-www-form-urlencoded; charset=UTF-8",
            "application/x-www-form-urlencoded ;\tCHARSET=\"Utf-8\"",
            "application/x-www-form-urlencoded; charset=US-ASCII",
            "application/x-www-form-urlencoded; charset=iso-8859-1",
        ] {
            assert!(is_plain_form(form.as_bytes()), "{form}");
        }
    }

    #[test]
    fn whatever_else_is_said_of_a_body_it_is_none() {
        for other in [
            "",
            ";",
            "text/plain",
            "application/json",
            "multipart/form-data; boundary=b",
            "multipart/mixed; boundary=b",
            "application/x-www-form-urlencoded2",
            "application/x-www-form-urlencoded x",
            "application/x-www-form-urlencoded, application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded,multipart/form-data; boundary=b",
            "application / x-www-form-urlencoded",
            "application/x-www-form-urlencoded;",
            "application/x-www-form-urlencoded; ;",
            "application/x-www-form-urlencoded; charset",
            "application/x-www-form-urlencoded; charset=",
            "application/x-www-form-urlencoded; charset=\"\"",
            "application/x-www-form-urlencoded; charset=\"utf-8",
            "application/x-www-form-urlencoded; charset=utf-8\"",
            "application/x-www-form-urlencoded; charset='utf-8'",
            "application/x-www-form-urlencoded; charset=u\\tf-8",
            "application/x-www-form-urlencoded; charset = utf-8",
            "application/x-www-form-urlencoded; charset =utf-8",
            "application/x-www-form-urlencoded; charset= utf-8",
            "application/x-www-form-urlencoded; charset=utf-8; charset=utf-8",
            "application/x-www-form-urlencoded; charset=utf-8; charset=cp037",
            "application/x-www-form-urlencoded; charset=cp037",
            "application/x-www-form-urlencoded; charset=utf-16be",
            "application/x-www-form-urlencoded; charset=utf-7",
            "application/x-www-form-urlencoded; charset*=utf-8",
            "application/x-www-form-urlencoded; boundary=b",
            "application/x-www-form-urlencoded; boundary=b; charset=utf-8",
            "application/x-www-form-urlencoded charset=utf-8",
            "\u{b}application/x-www-form-urlencoded",
            "\u{feff}application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded\u{85}",
        ] {
            assert!(!is_plain_form(other.as_bytes()), "{other}");
        }
        assert!(!is_plain_form(b"application/x-www-form-urlencoded\xa0"));
        assert!(!is_plain_form(b"application/x-www-form-urlencoded\xa0; charset=utf-8"));
        assert!(!is_plain_form(b"application/x-www-form-urlencoded;\xa0charset=utf-8"));
        assert!(!is_plain_form(b"application/x-www-form-urlencoded; charset=utf-8\0"));
    }

    #[test]
    fn a_charset_that_could_hide_a_name_in_the_query_is_told() {
        for known in [
            "",
            "text/plain",
            "application/json; charset=utf-8",
            "application/json;charset=UTF8",
            "text/xml; Charset=\"ISO-8859-15\"; a=b",
            "text/plain; charset=windows-1252",
            "text/plain; charset=us-ascii ; a=b",
        ] {
            assert!(!may_be_in_unknown_charset(known.as_bytes()), "{known}");
        }
        for unknown in [
            "text/plain; charset=utf-7",
            "text/plain; charset=utf-16",
            "text/plain; charset=cp037",
            "text/plain; charset",
            "text/plain; charset=",
            "text/plain; CHARSET =utf-8",
            "text/plain; charset= utf-7",
            "text/plain; charset*=utf-8''utf-7",
            "text/plain; charset=utf-8; charset=utf-7",
            "text/plain, charset=utf-7",
            "text/plain; charset=\"utf-8\", charset=utf-7",
            "text/plain; charset=utf-8 charset=utf-7",
            "charset=utf-7",
            "text/plain; charset=iso-8859-",
            "text/plain; charset=iso-8859-8-i",
        ] {
            assert!(may_be_in_unknown_charset(unknown.as_bytes()), "{unknown}");
        }
    }

    proptest! {
        #[test]
        fn the_charset_of_a_plain_form_is_known(
            name in "[cC]harset",
            value in prop::sample::select(vec!["utf-8", "US-ASCII", "\"iso-8859-1\"", "utf-7"]),
        ) {
            let form = format!("application/x-www-form-urlencoded; {name}={value}");
            let unknown = may_be_in_unknown_charset(form.as_bytes());
            prop_assert_eq!(is_plain_form(form.as_bytes()), !unknown);
        }

        #[test]
        fn a_stray_byte_anywhere_makes_it_another(at in 0..48_usize, byte: u8) {
            let mut form = b"application/x-www-form-urlencoded; charset=utf-8".to_vec();
            let is_between = (33..=35).contains(&at);
            prop_assume!(!(is_between && matches!(byte, b' ' | b'\t')));
            form.insert(at, byte);
            prop_assume!(!(at == 0 && matches!(byte, b' ' | b'\t')));
            prop_assert!(!is_plain_form(&form));
        }
    }
}
