//! When the name of a parameter or a cookie is the one that is meant.

use crate::hex;

/// How strictly names are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// It is the name, decoded.
    Same,
    /// A backend may take it for the name.
    ///
    /// Backends read names in many ways: PHP skips blanks before a name, takes `.`, a space and an open
    /// `[` for `_` and ends a name at `[` and at NUL; Express, Rack and Django look into brackets; some
    /// do not tell upper case from lower case. So no spelling is looked for, but one rule holds. Each
    /// `_`, `.`, space, `+` and `[` of the name stands for any one of these, case does not matter, and
    /// what stands before and behind must be no letter, digit, `_` or `-`.
    Alike,
}

impl Likeness {
    /// Whether the encoded name of a parameter is this one. It ends where a `=` is.
    pub fn holds(self, encoded: &[u8], name: &str) -> bool {
        match self {
            Self::Same => Decoded::key(encoded).map(Byte::value).eq(name.bytes()),
            Self::Alike => {
                // What is no encoding is read in as many ways as there are readers, and NUL ends a
                // name in some of them.
                let in_doubt = |byte: Byte| matches!(byte, Byte::StrayPercent | Byte::Is(0));
                Decoded::key(encoded).any(in_doubt) || is_found(Decoded::key(encoded), name)
            }
        }
    }
}

/// Whether a name may be found in an encoded text, by the rule of [`Likeness::Alike`].
pub fn is_in(encoded: &[u8], name: &str) -> bool {
    is_found(Decoded { rest: encoded, ends_at_equals: false }, name)
}

/// Looks as well at what is left for a reader that skips what it cannot decode or print.
fn is_found(text: Decoded<'_>, name: &str) -> bool {
    let is_odd = |byte: Byte| !matches!(byte, Byte::Is(b' '..=b'~'));
    stands_in(text.clone().map(Byte::value), name)
        || (text.clone().any(is_odd)
            && stands_in(text.filter(|byte| !is_odd(*byte)).map(Byte::value), name))
}

fn stands_in(mut text: impl Iterator<Item = u8> + Clone, name: &str) -> bool {
    let mut before = None;
    loop {
        if !before.is_some_and(is_of_word) && begins_with(text.clone(), name) {
            return true;
        }
        match text.next() {
            Some(byte) => before = Some(byte),
            None => return false,
        }
    }
}

fn begins_with(mut text: impl Iterator<Item = u8>, name: &str) -> bool {
    let same = |wanted: u8, byte: u8| {
        byte.eq_ignore_ascii_case(&wanted) || (is_underscore(wanted) && is_underscore(byte))
    };
    name.bytes().all(|wanted| text.next().is_some_and(|byte| same(wanted, byte)))
        && !text.next().is_some_and(is_of_word)
}

/// What stands for `_` in some reader, or is read as something that does.
fn is_underscore(byte: u8) -> bool {
    matches!(byte, b'_' | b'.' | b' ' | b'+' | b'[')
}

/// What makes another name of a name when it stands beside it.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The bytes that an encoded text stands for.
#[derive(Clone)]
struct Decoded<'a> {
    rest: &'a [u8],
    ends_at_equals: bool,
}

#[derive(Clone, Copy)]
enum Byte {
    Is(u8),
    /// A `%` that starts nothing. It stands for itself, as most readers have it.
    StrayPercent,
}

impl Byte {
    fn value(self) -> u8 {
        match self {
            Self::Is(byte) => byte,
            Self::StrayPercent => b'%',
        }
    }
}

impl<'a> Decoded<'a> {
    /// The name of a parameter.
    fn key(encoded: &'a [u8]) -> Self {
        Self { rest: encoded, ends_at_equals: true }
    }
}

impl Iterator for Decoded<'_> {
    type Item = Byte;

    fn next(&mut self) -> Option<Byte> {
        if let [b'%', high, low, rest @ ..] = self.rest
            && let Some(byte) = hex::byte(*high, *low)
        {
            self.rest = rest;
            return Some(Byte::Is(byte));
        }
        let (first, rest) = self.rest.split_first()?;
        if *first == b'=' && self.ends_at_equals {
            return None;
        }
        self.rest = rest;
        Some(match first {
            b'+' => Byte::Is(b' '),
            b'%' => Byte::StrayPercent,
            byte => Byte::Is(*byte),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "access_token";

    fn same(encoded: &str) -> bool {
        Likeness::Same.holds(encoded.as_bytes(), NAME)
    }

    fn alike(encoded: &str) -> bool {
        Likeness::Alike.holds(encoded.as_bytes(), NAME)
    }

    #[test]
    fn a_name_is_the_same_however_it_is_encoded() {
        for encoded in ["access_token", "%61ccess_token", "access%5Ftoken", "access%5ftoke%6E"] {
            assert!(same(encoded) && alike(encoded), "{encoded}");
        }
    }

    #[test]
    fn a_name_ends_where_its_value_begins() {
        assert!(same("access_token=") && same("access_token=a=b") && alike("+access.token=x"));
        assert!(!same("access=token") && !same("=access_token") && !same("access_token%3Dx"));
        assert!(!alike("access=token") && !alike("=access_token") && !alike("a=access_token"));
    }

    #[test]
    fn another_name_is_another() {
        for encoded in [
            "",
            "access_toke",
            "access_tokens",
            "xaccess_token",
            "my_access_token",
            "access_token_hint",
            "access-token",
            "x-access_token",
            "access_token-x",
            "access_token1[]",
            "access__token",
            "accesstoken",
            "access%255Ftoken",
            "a%C3%A9",
            "access%C3%A9token",
        ] {
            assert!(!same(encoded) && !alike(encoded), "{encoded}");
        }
        assert!(!Likeness::Alike.holds(b"csrftoken", "token"));
        assert!(!Likeness::Alike.holds(b"csrf_token", "token"));
        assert!(!Likeness::Alike.holds(b"csrf-token", "token"));
        assert!(Likeness::Alike.holds(b"csrf.token", "token"));
    }

    #[test]
    fn what_a_backend_takes_for_a_name_is_like_it() {
        for encoded in [
            "access.token",
            "access+token",
            "access%2Btoken",
            "access%20token",
            "access%2Etoken",
            "++access_token",
            "%20access_token",
            "access_token[]",
            "access_token%5Ba%5D",
            "access_token[",
            "access_token]",
            "access[token",
            "access[token]",
            "access%5Btoken",
            "access%5Btoken=x]",
            "[access_token]",
            "%5Baccess_token]",
            "[access_token][0]",
            "user[access_token]",
            "%0Baccess_token",
            "\u{b}access_token",
            "ACCESS_TOKEN",
            "Access.Token[x]",
            "access_token.x",
            "access_token,",
            "%EF%BB%BFaccess_token",
            "access_token%FF",
            "access_token\u{a0}",
            "{\"access_token\":\"x\"}",
        ] {
            assert!(alike(encoded) && !same(encoded), "{encoded}");
        }
    }

    #[test]
    fn what_a_reader_may_leave_out_makes_no_other_name() {
        for encoded in [
            "access%00_token",
            "access_token%00",
            "access_token%00x",
            "access[token%00]",
            "a%00",
            "acc%C3ess_token",
            "access%E2%80%8B_token",
            "access%09_token",
            "access_tok\u{7f}en",
        ] {
            assert!(alike(encoded), "{encoded}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_in_doubt() {
        for encoded in
            ["access_token%", "a%%ccess_token", "a%ccess%_token", "%u0061", "100%", "%zz="]
        {
            assert!(alike(encoded) && !same(encoded), "{encoded}");
        }
        assert!(!alike("a=%zz"));
    }

    #[test]
    fn any_of_the_characters_that_stand_for_each_other_may_be_in_the_name() {
        for name in ["access.token", "access token", "access+token", "access[token"] {
            for encoded in ["access_token", "access.token", "access+token[x]"] {
                assert!(Likeness::Alike.holds(encoded.as_bytes(), name), "{name} {encoded}");
            }
            assert!(!Likeness::Same.holds(b"access_token", name));
        }
    }

    /// Characters that stand for `_`.
    fn underscore() -> impl Strategy<Value = char> {
        prop::sample::select(vec!['_', '.', ' ', '+', '['])
    }

    /// Each character as it is, or encoded.
    fn encode(text: &str, which: &[bool]) -> String {
        let which = which.iter().chain(std::iter::repeat(&false));
        let encode = |(byte, encoded): (u8, &bool)| {
            let must = !matches!(byte, b'!'..=b'~') || matches!(byte, b'%' | b'+' | b'=');
            if must || *encoded { format!("%{byte:02X}") } else { char::from(byte).to_string() }
        };
        text.bytes().zip(which).map(encode).collect()
    }

    proptest! {
        #[test]
        fn a_name_is_found_wherever_it_stands_by_itself(
            before in "([ -~]{0,8}[^a-zA-Z0-9_-])?",
            (one, two) in (underscore(), underscore()),
            behind in "([^a-zA-Z0-9_-][ -~]{0,8})?",
            upper: u16,
            which: Vec<bool>,
        ) {
            let name = format!("a{one}long{two}name");
            let name: String = name
                .bytes()
                .enumerate()
                .map(|(at, byte)| if upper >> at & 1 == 1 { byte.to_ascii_uppercase() } else { byte })
                .map(char::from)
                .collect();
            let key = encode(&format!("{before}{name}{behind}"), &which);
            prop_assert!(Likeness::Alike.holds(key.as_bytes(), "a_long_name"), "{}", key);
            prop_assert!(is_in(key.as_bytes(), "a_long_name"), "{}", key);
        }

        #[test]
        fn a_longer_name_is_another(
            before in "[a-zA-Z0-9_-]{0,4}",
            behind in "[a-zA-Z0-9_-]{0,4}",
            which: Vec<bool>,
        ) {
            prop_assume!(!(before.is_empty() && behind.is_empty()));
            let key = encode(&format!("{before}access_token{behind}"), &which);
            prop_assert!(!alike(&key), "{}", key);
        }

        #[test]
        fn what_is_the_same_is_alike(encoded: Vec<u8>, name in "[ -~]{1,12}") {
            prop_assert!(
                !Likeness::Same.holds(&encoded, &name) || Likeness::Alike.holds(&encoded, &name)
            );
        }
    }
}
