//! The parameters of a query or a form (`application/x-www-form-urlencoded`).

use std::ops::Range;

use memchr::{memchr, memchr_iter};

use crate::carry::Found;
use crate::carry::name::Likeness;
use crate::form;
use crate::secret::Secret;

/// How many parameters a text has at most: an empty one counts, too.
pub fn count(text: &[u8]) -> usize {
    memchr_iter(b'&', text).count() + 1
}

/// The value of a parameter, encoded as it stands there; empty without `=`.
pub fn find<'t>(text: &'t [u8], name: &str) -> Found<&'t [u8]> {
    let parts = parts(text).filter_map(|part| text.get(part));
    parts.filter(|part| Likeness::Same.holds(part, name)).map(value).collect()
}

/// Decodes a value; `None` if a `%` in it is not followed by two hexadecimal digits.
pub fn decode(value: &[u8]) -> Option<Secret> {
    form::decode(value)
}

/// A text without the parameters of a name, and with one that is appended; nothing if that is how it
/// is already.
pub fn replace(
    text: &[u8],
    name: &str,
    likeness: Likeness,
    value: Option<&[u8]>,
) -> Option<Secret> {
    let kept = others(text, name, likeness);
    let is_whole = |run: &Range<usize>| run.start == 0 && run.end == text.len();
    if value.is_none() && kept.first().is_some_and(is_whole) {
        return None;
    }
    let more = value.map_or(0, |value| {
        form::encoded_len(name.as_bytes()) + form::encoded_len(value) + "&=".len()
    });
    let mut replaced = Secret::with_capacity(text.len() + more);
    for (index, run) in kept.into_iter().enumerate() {
        if index > 0 {
            replaced.append(b"&");
        }
        replaced.append(text.get(run).unwrap_or_default());
    }
    if let Some(value) = value {
        if !replaced.is_empty() {
            replaced.append(b"&");
        }
        form::encode(&mut replaced, name.as_bytes());
        replaced.append(b"=");
        form::encode(&mut replaced, value);
    }
    Some(replaced)
}

/// The runs of parameters between those of a name, each without the `&` around it.
fn others(text: &[u8], name: &str, likeness: Likeness) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut run: Option<Range<usize>> = None;
    for part in parts(text) {
        if text.get(part.clone()).is_some_and(|part| likeness.holds(part, name)) {
            runs.extend(run.take());
        } else {
            let start = run.map_or(part.start, |run| run.start);
            run = Some(start..part.end);
        }
    }
    runs.extend(run);
    runs
}

/// Where the parameters are.
fn parts(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let length = memchr(b'&', text.get(start..)?);
        let end = length.map_or(text.len(), |length| start + length);
        next = length.map(|_| end + 1);
        Some(start..end)
    })
}

fn value(part: &[u8]) -> &[u8] {
    memchr(b'=', part).and_then(|at| part.get(at + 1..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "access_token";

    fn found(text: &str) -> Found<&str> {
        match find(text.as_bytes(), NAME) {
            Found::Nothing => Found::Nothing,
            Found::Once(value) => Found::Once(std::str::from_utf8(value).unwrap()),
            Found::Repeated => Found::Repeated,
        }
    }

    fn without(text: &str) -> String {
        let left = replace(text.as_bytes(), NAME, Likeness::Same, None);
        left.map_or_else(
            || text.to_owned(),
            |left| String::from_utf8(left.expose().to_vec()).unwrap(),
        )
    }

    fn with(text: &str, value: &[u8]) -> String {
        let all = replace(text.as_bytes(), NAME, Likeness::Same, Some(value)).unwrap();
        String::from_utf8(all.expose().to_vec()).unwrap()
    }

    #[test]
    fn a_parameter_is_found_by_its_whole_name() {
        for (text, expected) in [
            ("", Found::Nothing),
            ("a=b", Found::Nothing),
            ("access_tokens=x&xaccess_token=y&a=access_token=z", Found::Nothing),
            ("access_token=x", Found::Once("x")),
            ("a=b&access_token=x&c=d", Found::Once("x")),
            ("a=b&&access_token=x=y&", Found::Once("x=y")),
            ("a&access_token", Found::Once("")),
            ("access_token=", Found::Once("")),
            ("%61ccess_token=%78", Found::Once("%78")),
            ("access_token=x&access_token=x", Found::Repeated),
            ("access_token=&a=b&access%5Ftoken=x", Found::Repeated),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn a_parameter_leaves_no_trace() {
        for (text, expected) in [
            ("access_token=x", ""),
            ("access_token=x&a=b", "a=b"),
            ("a=b&access_token=x", "a=b"),
            ("a=b&access_token=x&c=d", "a=b&c=d"),
            ("access_token=x&a=b&access_token", "a=b"),
            ("a=%zz&&+=&access_token=x&&=&c", "a=%zz&&+=&&=&c"),
            ("access_tokens=x&access_token=y&xaccess_token=z", "access_tokens=x&xaccess_token=z"),
            ("&access_token=x", ""),
        ] {
            assert_eq!(without(text), expected, "{text}");
        }
        assert!(replace(b"a=b&c", NAME, Likeness::Same, None).is_none(), "nothing to do");
    }

    #[test]
    fn a_value_is_appended_last_and_encoded() {
        assert_eq!(with("", b"x"), "access_token=x");
        assert_eq!(with("a=b", b"x y&z="), "a=b&access_token=x+y%26z%3D");
        assert_eq!(with("access_token=old&a=b", b"new"), "a=b&access_token=new");
        assert_eq!(with("&", b"x"), "&&access_token=x");
    }

    #[test]
    fn parameters_are_counted() {
        for (text, expected) in [("", 1), ("a=b", 1), ("a&b", 2), ("&&", 3)] {
            assert_eq!(count(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn an_undecodable_value_is_no_value() {
        assert!(decode(b"a%2").is_none());
        assert!(decode(b"a%2B+b").is_some_and(|value| value.expose() == b"a+ b"));
    }

    /// Any text between two `&` that is no parameter of the name.
    fn other() -> impl Strategy<Value = Vec<u8>> {
        let bytes = prop_oneof![
            Just(b"access_tokens=x".to_vec()),
            Just(b"a=access_token".to_vec()),
            prop::collection::vec(any::<u8>().prop_filter("no &", |byte| *byte != b'&'), 0..12),
        ];
        bytes.prop_filter("another name", |part| !Likeness::Same.holds(part, NAME))
    }

    proptest! {
        #[test]
        fn whatever_else_is_there_is_left_as_it_is(
            before in prop::collection::vec(other(), 0..5),
            after in prop::collection::vec(other(), 0..5),
            value in "[^&]{0,20}",
            new in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
        ) {
            let token = format!("access_token={value}").into_bytes();
            let others: Vec<_> = before.iter().chain(&after).cloned().collect();
            let whole: Vec<_> =
                before.iter().chain([&token]).chain(&after).cloned().collect();
            let whole = whole.join(&b'&');
            prop_assert_eq!(find(&whole, NAME), Found::Once(value.as_bytes()));
            let mut expected = others.join(&b'&');
            let replaced = replace(&whole, NAME, Likeness::Same, new.as_deref()).unwrap();
            let replaced = replaced.expose();
            if let Some(new) = new {
                if !expected.is_empty() {
                    expected.push(b'&');
                }
                prop_assert!(replaced.starts_with(&expected));
                let Found::Once(found) = find(replaced, NAME) else { panic!("no value") };
                let decoded = decode(found).unwrap();
                prop_assert_eq!(decoded.expose(), &new);
            } else {
                prop_assert_eq!(replaced, &expected);
            }
        }

        #[test]
        fn no_text_panics(text: Vec<u8>, value: Vec<u8>) {
            let _ = find(&text, NAME);
            let _ = replace(&text, NAME, Likeness::Alike, None);
            let _ = replace(&text, NAME, Likeness::Alike, Some(&value));
        }
    }
}
