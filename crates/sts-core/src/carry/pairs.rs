//! The parameters of a query or a form (`application/x-www-form-urlencoded`).

use std::ops::Range;

use memchr::{memchr, memchr2_iter};

use crate::carry::Found;
use crate::carry::name::Likeness;
use crate::form;
use crate::secret::Secret;

/// How many parameters a text has at most: an empty one counts, too, and so does what only some
/// readers take for one.
pub fn count(text: &[u8]) -> usize {
    memchr2_iter(b'&', b';', text).count() + 1
}

/// The value of a parameter, encoded as it stands there; empty without `=`.
pub fn find<'t>(text: &'t [u8], name: &str) -> Found<&'t [u8]> {
    let parts = split(text, 0..text.len(), b'&').map(|part| slice(text, &part));
    parts.filter(|part| Likeness::Same.holds(part, name)).map(value).collect()
}

/// Decodes a value; `None` if a `%` in it is not followed by two hexadecimal digits.
pub fn decode(value: &[u8]) -> Option<Secret> {
    form::decode(value)
}

/// A text without the parameters of a name; nothing if there are none.
pub fn remove(text: &[u8], name: &str, likeness: Likeness) -> Option<Secret> {
    joined(text, &others(text, name, likeness, None))
}

/// A text without what a backend may take for the name ([`Likeness::Alike`]), but for a parameter that is
/// `kept`: nothing if there is none. One is kept only where all readers see one parameter in it.
pub fn remove_beside(text: &[u8], name: &str, kept: Option<&str>) -> Option<Secret> {
    joined(text, &others(text, name, Likeness::Alike, kept))
}

fn joined(text: &[u8], kept: &[Kept]) -> Option<Secret> {
    if let [Kept { range, .. }] = kept
        && *range == (0..text.len())
    {
        return None;
    }
    let mut left = Secret::with_capacity(text.len());
    for (index, Kept { range, separator }) in kept.iter().enumerate() {
        if index > 0 {
            left.append(&[*separator]);
        }
        left.append(slice(text, range));
    }
    Some(left)
}

/// A text with a parameter before all others. There a reader has it that stops after so many
/// parameters.
pub fn prepend(text: &[u8], name: &str, value: &[u8]) -> Secret {
    let more = form::encoded_len(name.as_bytes()) + form::encoded_len(value) + "=&".len();
    let mut all = Secret::with_capacity(more + text.len());
    form::encode(&mut all, name.as_bytes());
    all.append(b"=");
    form::encode(&mut all, value);
    if !text.is_empty() {
        all.append(b"&");
        all.append(text);
    }
    all
}

/// A run of parameters that stays.
struct Kept {
    range: Range<usize>,
    /// What stands between it and the run before it.
    separator: u8,
}

/// The runs between the parameters of a name. Some readers take `;` for the end of a parameter, too:
/// what they would find goes, and the rest of what others find stays.
fn others(text: &[u8], name: &str, likeness: Likeness, stays: Option<&str>) -> Vec<Kept> {
    let is_named = |part: &Range<usize>| likeness.holds(slice(text, part), name);
    let is_one = |part: &[u8]| memchr(b';', part).is_none();
    let stays = |part: &Range<usize>| {
        let part = slice(text, part);
        stays.is_some_and(|name| is_one(part) && Likeness::Same.holds(part, name))
    };
    let mut kept: Vec<Kept> = Vec::new();
    let mut keep = |range: Range<usize>, separator| match kept.last_mut() {
        Some(last) if last.range.end + 1 == range.start => last.range.end = range.end,
        _ => kept.push(Kept { range, separator }),
    };
    for part in split(text, 0..text.len(), b'&').filter(|part| stays(part) || !is_named(part)) {
        if likeness == Likeness::Same || stays(&part) {
            keep(part, b'&');
            continue;
        }
        let mut separator = b'&';
        for piece in split(text, part, b';').filter(|piece| !is_named(piece)) {
            keep(piece, separator);
            separator = b';';
        }
    }
    kept
}

/// Where the pieces of a part of a text are.
fn split(text: &[u8], within: Range<usize>, separator: u8) -> impl Iterator<Item = Range<usize>> {
    let end = within.end;
    let mut next = Some(within.start);
    std::iter::from_fn(move || {
        let start = next?;
        let length = memchr(separator, text.get(start..end)?);
        next = length.map(|length| start + length + 1);
        Some(start..length.map_or(end, |length| start + length))
    })
}

fn slice<'t>(text: &'t [u8], range: &Range<usize>) -> &'t [u8] {
    text.get(range.clone()).unwrap_or_default()
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

    fn without(text: &str, likeness: Likeness) -> String {
        let left = remove(text.as_bytes(), NAME, likeness);
        left.map_or_else(
            || text.to_owned(),
            |left| String::from_utf8(left.expose().to_vec()).unwrap(),
        )
    }

    fn with(text: &str, value: &[u8]) -> String {
        String::from_utf8(prepend(text.as_bytes(), NAME, value).expose().to_vec()).unwrap()
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
            assert_eq!(without(text, Likeness::Same), expected, "{text}");
            assert_eq!(without(text, Likeness::Alike), expected, "{text}");
        }
        assert!(remove(b"a=b&c;d", NAME, Likeness::Same).is_none(), "nothing to do");
        assert!(remove(b"a=b&c;d", NAME, Likeness::Alike).is_none(), "nothing to do");
    }

    #[test]
    fn what_some_readers_take_for_a_parameter_goes_and_the_rest_of_it_stays() {
        for (text, expected) in [
            ("a=b;access_token=x", "a=b"),
            ("a=b; access_token=x;c=d&e=f", "a=b;c=d&e=f"),
            ("a=b;access.token;c", "a=b;c"),
            ("a=b&c=;access_token=x&d", "a=b&c=&d"),
            ("a=b;my_access_token=x", "a=b;my_access_token=x"),
            // The name of this is all of it up to the first `=`.
            ("a;access_token=x;b=c&d=e", "d=e"),
            ("access_token=x;a=b&c=d", "c=d"),
            ("a=b;%;c=d&%zz=e&f=%", "a=b;c=d&f=%"),
        ] {
            assert_eq!(without(text, Likeness::Alike), expected, "{text}");
        }
        assert_eq!(without("a=b;access_token=x", Likeness::Same), "a=b;access_token=x");
    }

    #[test]
    fn a_value_is_put_before_all_others_and_encoded() {
        assert_eq!(with("", b"x"), "access_token=x");
        assert_eq!(with("a=b", b"x y&z="), "access_token=x+y%26z%3D&a=b");
        assert_eq!(with("&", b"x"), "access_token=x&&");
    }

    #[test]
    fn parameters_are_counted() {
        for (text, expected) in [("", 1), ("a=b", 1), ("a&b", 2), ("&&", 3), ("a;b&c", 3)] {
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

    #[test]
    fn a_parameter_that_stays_is_one_for_all_readers() {
        let beside = |text: &str| {
            let left = remove_beside(text.as_bytes(), NAME, Some(NAME));
            left.map(|left| String::from_utf8(left.expose().to_vec()).unwrap())
        };
        for (text, expected) in [
            ("", None),
            ("access_token=x", None),
            ("a=b&access_token=x=%20y&c;d", None),
            ("acc%65ss_token=x", None),
            ("access.token=x&access_token=y", Some("access_token=y")),
            ("access_token=y&Access_Token[]=x&a=b", Some("access_token=y&a=b")),
            ("access_token=y;access_token=x&a=b", Some("a=b")),
            ("a=b;access_token=x&c=d", Some("a=b&c=d")),
        ] {
            assert_eq!(beside(text).as_deref(), expected, "{text}");
        }
        let other = remove_beside(b"t=x&access_token=y", NAME, Some("t"));
        assert!(other.is_some_and(|left| left.expose() == b"t=x"));
    }

    proptest! {
        #[test]
        fn whatever_else_is_there_is_left_as_it_is(
            before in prop::collection::vec(other(), 0..5),
            after in prop::collection::vec(other(), 0..5),
            value in "[^&]{0,20}",
            new: Vec<u8>,
        ) {
            let token = format!("access_token={value}").into_bytes();
            let others: Vec<_> = before.iter().chain(&after).cloned().collect();
            let whole: Vec<_> =
                before.iter().chain([&token]).chain(&after).cloned().collect();
            let whole = whole.join(&b'&');
            prop_assert_eq!(find(&whole, NAME), Found::Once(value.as_bytes()));
            let left = remove(&whole, NAME, Likeness::Same).unwrap();
            let left = left.expose();
            prop_assert_eq!(left, &others.join(&b'&'));
            let all = prepend(left, NAME, &new);
            prop_assert!(all.expose().ends_with(left));
            let Found::Once(found) = find(all.expose(), NAME) else { panic!("no value") };
            prop_assert!(all.expose().starts_with(&[b"access_token=", found].concat()));
            let decoded = decode(found).unwrap();
            prop_assert_eq!(decoded.expose(), &new);
        }

        #[test]
        fn no_piece_that_a_reader_could_take_for_the_name_is_left(text in part_of_many_kinds()) {
            let text = text.as_bytes();
            let left = remove(text, NAME, Likeness::Alike);
            let left = left.as_ref().map_or(text, Secret::expose);
            let pieces = || text.split(|byte| matches!(byte, b'&' | b';'));
            let is_named = |piece: &[u8]| Likeness::Alike.holds(piece, NAME);
            for piece in left.split(|byte| matches!(byte, b'&' | b';')) {
                prop_assert!(!is_named(piece));
                let is_known = left.is_empty() || pieces().any(|known| known == piece);
                prop_assert!(is_known, "a new piece");
            }
            prop_assert!(left.split(|byte| *byte == b'&').all(|part| !is_named(part)));
            prop_assert!(remove(left, NAME, Likeness::Alike).is_none(), "more is found at last");
            if !pieces().any(is_named) {
                prop_assert_eq!(left, text);
            }
        }

        #[test]
        fn no_text_panics(text: Vec<u8>, value: Vec<u8>) {
            let _ = find(&text, NAME);
            let _ = remove(&text, NAME, Likeness::Alike);
            let _ = prepend(&text, NAME, &value);
        }
    }

    /// Text in which names and what separates parameters are not rare.
    fn part_of_many_kinds() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "access_token",
            "access.token",
            "token",
            "access",
            "my_",
            "a",
            "&",
            "&",
            ";",
            ";",
            "=",
            "=",
            "[",
            "]",
            "%5B",
            "%",
            "+",
            "%00",
            " ",
            "_",
            "-",
            "\u{e9}",
        ]);
        prop::collection::vec(word, 0..16).prop_map(|words| words.concat())
    }
}
