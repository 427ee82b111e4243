//! The pairs of a `Cookie` header, as RFC 6265, section 5.4 writes them.

use crate::carry::Found;
use crate::carry::name::{self, Likeness};
use crate::secret::Secret;

/// The value of a cookie in one header field, without spaces and quotes around it.
pub fn find<'f>(field: &'f [u8], name: &str) -> Found<&'f [u8]> {
    let named = |pair: &&[u8]| name_of(pair) == name.as_bytes();
    field.split(|byte| *byte == b';').filter(named).map(value).collect()
}

/// A header field without the cookies of a name; nothing if there are none. What is left may be empty.
pub fn remove(field: &[u8], name: &str, likeness: Likeness) -> Option<Secret> {
    let named = |pair: &&[u8]| match likeness {
        Likeness::Same => name_of(pair) == name.as_bytes(),
        Likeness::Alike => may_be_found_in(pair, name),
    };
    without(field, named)
}

/// A header field without what a backend may take for the name ([`Likeness::Alike`]), but for a cookie
/// that is `kept`; nothing if there is none. One is kept only where no reader finds the name in its value.
pub fn remove_beside(field: &[u8], name: &str, kept: Option<&str>) -> Option<Secret> {
    let stays = |pair: &&[u8]| {
        let behind = pair.iter().position(|byte| *byte == b'=').and_then(|at| pair.get(at + 1..));
        let is_one = !behind.is_some_and(|value| may_be_found_in(value, name));
        is_one && kept.is_some_and(|kept| name_of(pair) == kept.as_bytes())
    };
    without(field, |pair| !stays(pair) && may_be_found_in(pair, name))
}

fn without(field: &[u8], named: impl Fn(&&[u8]) -> bool) -> Option<Secret> {
    let pairs = || field.split(|byte| *byte == b';');
    if !pairs().any(|pair| named(&pair)) {
        return None;
    }
    let mut left = Secret::with_capacity(field.len());
    let mut first = true;
    for (index, pair) in pairs().enumerate().filter(|(_, pair)| !named(pair)) {
        // Only what stands in front of it has gone, so it has a space in front that it does not need.
        let pair = if first && index > 0 { pair.trim_ascii_start() } else { pair };
        if !first {
            left.append(b";");
        }
        first = false;
        left.append(pair);
    }
    Some(left)
}

/// A header field, which may be empty, with a cookie before all others. There a reader has it that
/// stops at a cookie that is not well-formed.
pub fn prepend(field: &[u8], name: &str, value: &[u8]) -> Secret {
    let room = name.len() + "=".len() + value.len() + "; ".len() + field.len();
    let mut all = Secret::with_capacity(room);
    all.append(name.as_bytes());
    all.append(b"=");
    all.append(value);
    let field = field.trim_ascii_start();
    if !field.is_empty() {
        all.append(b"; ");
        all.append(field);
    }
    all
}

/// Lenient readers look for the next `=` and take what stands before it for a name, whatever separates
/// it from what is before that: a space, a comma, a tab, a quote. So the name may stand anywhere in
/// front of a `=`, or in a pair that has none.
fn may_be_found_in(pair: &[u8], name: &str) -> bool {
    let end = pair.iter().rposition(|byte| *byte == b'=').unwrap_or(pair.len());
    name::is_in(pair.split_at(end).0, name)
}

/// Whether a text can be the value of a cookie as it is (RFC 6265, section 4.1.1, `cookie-octet`).
pub fn can_hold(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\'))
}

fn name_of(pair: &[u8]) -> &[u8] {
    let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
    pair.split_at(end).0.trim_ascii()
}

fn value(pair: &[u8]) -> &[u8] {
    let equals = pair.iter().position(|byte| *byte == b'=');
    let value = equals.and_then(|at| pair.get(at + 1..)).unwrap_or_default().trim_ascii();
    match value {
        [b'"', inner @ .., b'"'] => inner,
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "access_token";

    fn found(field: &str) -> Found<&str> {
        match find(field.as_bytes(), NAME) {
            Found::Nothing => Found::Nothing,
            Found::Once(value) => Found::Once(std::str::from_utf8(value).unwrap()),
            Found::Repeated => Found::Repeated,
        }
    }

    fn without(field: &str) -> Option<String> {
        let left = remove(field.as_bytes(), NAME, Likeness::Same)?;
        Some(String::from_utf8(left.expose().to_vec()).unwrap())
    }

    fn with(field: &str) -> String {
        String::from_utf8(prepend(field.as_bytes(), NAME, b"x").expose().to_vec()).unwrap()
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        for (field, expected) in [
            ("", Found::Nothing),
            ("a=b; xaccess_token=x; access_tokens=y; Access_Token=z", Found::Nothing),
            ("access_token=x", Found::Once("x")),
            ("a=b; access_token=x; c=d", Found::Once("x")),
            ("a=b;access_token=x;c=d", Found::Once("x")),
            ("a=b;  access_token = x ;c=d", Found::Once("x")),
            ("access_token=x==", Found::Once("x==")),
            ("access_token=\"x\"", Found::Once("x")),
            ("access_token=\"", Found::Once("\"")),
            ("access_token", Found::Once("")),
            ("a=\"b; access_token=x; c\"", Found::Once("x")),
            ("access_token=x; access_token=x", Found::Repeated),
        ] {
            assert_eq!(found(field), expected, "{field}");
        }
    }

    #[test]
    fn a_cookie_leaves_no_trace() {
        for (field, expected) in [
            ("a=b", None),
            ("access_token=x", Some("")),
            ("access_token=x; a=b", Some("a=b")),
            ("a=b; access_token=x", Some("a=b")),
            ("a=b; access_token=x; c=d", Some("a=b; c=d")),
            ("a=b;access_token=x;c=d", Some("a=b;c=d")),
            ("  a=b ; access_token=x;  c=\"d e\" ;", Some("  a=b ;  c=\"d e\" ;")),
            ("access_token=x; a=b; access_token=y", Some("a=b")),
        ] {
            assert_eq!(without(field).as_deref(), expected, "{field}");
        }
    }

    #[test]
    fn what_a_lenient_reader_finds_in_a_pair_takes_the_pair_with_it() {
        for pair in [
            "a=b access_token=x \"",
            "a=b,access_token=x",
            "a=b\taccess_token=x",
            "a=\"b\" access_token = x",
            "a=\"access_token=x",
            "$Version=1, access_token=x",
            "access.token=x",
            "access[token=x",
            "access_token[a]=x",
            "access_token%00=x",
            "access%5Ftoken=x",
            " ACCESS_TOKEN\t=x",
            "{access_token}=x",
            "access_token",
            "\u{b}access_token=x",
            "access%\u{b}_token=x",
        ] {
            let field = format!("c=d; {pair}; e=f");
            let left = remove(field.as_bytes(), NAME, Likeness::Alike);
            assert!(left.is_some_and(|left| left.expose() == b"c=d; e=f"), "{pair}");
        }
    }

    #[test]
    fn a_cookie_that_only_speaks_of_the_name_stays() {
        for pair in [
            "a=access_token",
            "a=\"access_token\"",
            "my_access_token=x",
            "access_token_hint=x",
            "access-token=x",
            "a=b my_access_token=x",
            "a=100%",
            "%=a",
        ] {
            assert!(remove(pair.as_bytes(), NAME, Likeness::Alike).is_none(), "{pair}");
        }
    }

    #[test]
    fn a_cookie_is_put_before_all_others() {
        assert_eq!(with(""), "access_token=x");
        assert_eq!(with("  "), "access_token=x");
        assert_eq!(with("a=b"), "access_token=x; a=b");
        assert_eq!(with(" a=b; "), "access_token=x; a=b; ");
        assert_eq!(with("\"a=b"), "access_token=x; \"a=b");
    }

    #[test]
    fn what_would_end_a_cookie_cannot_stand_in_it() {
        assert!(can_hold(b"eyJ0.e30_-~.+/=="));
        for value in ["a b", "a;b", "a,b", "a\"", "a\\", "a\tb", "a\nb", "\u{fc}"] {
            assert!(!can_hold(value.as_bytes()), "{value:?}");
        }
    }

    /// Any text between two `;` that is no cookie of the name.
    fn other() -> impl Strategy<Value = Vec<u8>> {
        let bytes =
            prop::collection::vec(any::<u8>().prop_filter("no ;", |byte| *byte != b';'), 0..12);
        bytes.prop_filter("another name", |pair| name_of(pair) != NAME.as_bytes())
    }

    #[test]
    fn a_cookie_that_stays_is_one_for_all_readers() {
        let beside = |field: &str| {
            let left = remove_beside(field.as_bytes(), NAME, Some(NAME));
            left.map(|left| String::from_utf8(left.expose().to_vec()).unwrap())
        };
        for (field, expected) in [
            ("a=b", None),
            ("a=b;  access_token = \"x\" ;c=d", None),
            ("access_token=x==", None),
            ("Access_Token=y; access_token=x", Some("access_token=x")),
            ("access_token=x; a=b, access_token=y", Some("access_token=x")),
            ("access_token=x, access_token=y; a=b", Some("a=b")),
        ] {
            assert_eq!(beside(field).as_deref(), expected, "{field}");
        }
    }

    proptest! {
        #[test]
        fn whatever_else_is_there_is_left_as_it_is(
            before in prop::collection::vec(other(), 0..5),
            after in prop::collection::vec(other(), 0..5),
            value in "[!#-+./-9a-z]{0,20}",
        ) {
            let token = format!(" access_token={value}").into_bytes();
            let whole: Vec<_> = before.iter().chain([&token]).chain(&after).cloned().collect();
            let whole = whole.join(&b';');
            prop_assert_eq!(find(&whole, NAME), Found::Once(value.as_bytes()));
            let left = remove(&whole, NAME, Likeness::Same).unwrap();
            let others: Vec<_> = before.iter().chain(&after).cloned().collect();
            let expected = others.join(&b';');
            if before.is_empty() {
                prop_assert_eq!(left.expose(), expected.trim_ascii_start());
            } else {
                prop_assert_eq!(left.expose(), &expected);
            }
            let all = prepend(left.expose(), NAME, value.as_bytes());
            let first = format!("access_token={value}");
            prop_assert!(all.expose().starts_with(first.as_bytes()));
            prop_assert!(all.expose().ends_with(left.expose().trim_ascii_start()));
            prop_assert_eq!(find(all.expose(), NAME), Found::Once(value.as_bytes()));
        }

        #[test]
        fn whatever_stands_around_a_name_it_goes(
            before in "([^;]{0,12}[^;%a-zA-Z0-9_-])?",
            behind in "([\\[. \",][^;=]{0,8})?",
            value in "[^;]{0,12}",
        ) {
            let field = format!("{before}access_token{behind}={value}");
            let left = remove(field.as_bytes(), NAME, Likeness::Alike);
            prop_assert!(left.is_some_and(|left| left.is_empty()), "{}", field);
        }

        #[test]
        fn no_field_panics(field: Vec<u8>) {
            let _ = find(&field, NAME);
            let _ = remove(&field, NAME, Likeness::Alike);
        }
    }
}
