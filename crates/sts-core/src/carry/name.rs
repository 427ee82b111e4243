//! When two names of parameters are the same.

/// How strictly names are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// It is the name, decoded.
    Same,
    /// Some backend takes it for the name. PHP skips white space before a name, reads `.`, space and a
    /// `[` that no `]` follows as `_`, and ends a name at `[` and at NUL.
    Alike,
}

impl Likeness {
    /// Whether the encoded name of a parameter or a cookie is this one. It ends where a `=` is.
    pub fn holds(self, encoded: &[u8], name: &str) -> bool {
        match self {
            Self::Same => Decoded(encoded).eq(name.bytes()),
            Self::Alike => {
                // C's `isspace`, which is one more than Rust's `is_ascii_whitespace`.
                let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
                let is_open = !Decoded(encoded).any(|byte| byte == b']');
                let is_underscore = |byte| matches!(byte, b'.' | b' ') || (byte == b'[' && is_open);
                let mut decoded = Decoded(encoded).skip_while(is_space);
                let all = name.bytes().all(|wanted| {
                    decoded.next().is_some_and(|byte| {
                        byte == wanted || (wanted == b'_' && is_underscore(byte))
                    })
                });
                all && matches!(decoded.next(), None | Some(b'[' | b'\0'))
            }
        }
    }
}

/// The bytes that an encoded name stands for. A `%` that starts nothing stands for itself, as most
/// readers have it.
struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if let [b'%', high, low, rest @ ..] = self.0
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            self.0 = rest;
            return Some(high << 4 | low);
        }
        let (first, rest) = self.0.split_first().filter(|(first, _)| **first != b'=')?;
        self.0 = rest;
        Some(if *first == b'+' { b' ' } else { *first })
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(encoded: &str) -> bool {
        Likeness::Same.holds(encoded.as_bytes(), "access_token")
    }

    fn alike(encoded: &str) -> bool {
        Likeness::Alike.holds(encoded.as_bytes(), "access_token")
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
    }

    #[test]
    fn another_name_is_another() {
        for encoded in [
            "",
            "access_toke",
            "access_tokens",
            "xaccess_token",
            "Access_token",
            "access_token%",
            "access_token%2",
            "access-token",
            "%access_token",
            "access_tokenx[]",
            "access[token]",
            "access[token]=x",
        ] {
            assert!(!same(encoded) && !alike(encoded), "{encoded}");
        }
    }

    #[test]
    fn what_php_takes_for_a_name_is_like_it() {
        for encoded in [
            "access.token",
            "access+token",
            "access%20token",
            "access%2Etoken",
            "++access_token",
            "%20access_token",
            "access_token[]",
            "access_token%5Ba%5D",
            "access_token%00",
            "access_token%00x",
            "access[token",
            "access%5Btoken",
            "access%5Btoken=x]",
            "%0Baccess_token",
            "\u{b}access_token",
        ] {
            assert!(alike(encoded) && !same(encoded), "{encoded}");
        }
    }
}
