//! Values that may hold variables.

use crate::form;

/// A value as an operator wrote it, in which `$` starts a variable and `%24` is a dollar sign.
///
/// It is made of pieces: in each of them every `$` starts a variable, and between two of them there is
/// a literal dollar sign. So what has been decoded is never decoded again, and no decoded text becomes
/// a dollar sign by accident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<String>,
}

impl Template {
    /// The argument of a directive: nothing but the dollar sign is encoded in it.
    pub fn of_argument(text: &str) -> Self {
        Self { pieces: text.split(DOLLAR).map(str::to_owned).collect() }
    }

    /// A text in which a dollar sign is nothing else.
    pub fn of_literal(text: &str) -> Self {
        Self { pieces: text.split('$').map(str::to_owned).collect() }
    }

    /// A form-encoded value; `None` when it is not form-encoded, or not UTF-8.
    pub fn of_encoded(encoded: &[u8]) -> Option<Self> {
        let pieces = split_at_dollars(encoded).map(|piece| {
            let decoded = form::decode(piece)?;
            std::str::from_utf8(decoded.expose()).ok().map(str::to_owned)
        });
        Some(Self { pieces: pieces.collect::<Option<_>>()? })
    }

    /// The pieces, with a literal dollar sign between each two.
    pub fn pieces(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().map(String::as_str)
    }

    /// The value, where it holds no variables.
    pub fn literal(&self) -> Option<String> {
        (!self.has_variables()).then(|| self.pieces.join("$"))
    }

    /// Whether it holds variables.
    pub fn has_variables(&self) -> bool {
        self.pieces.iter().any(|piece| piece.contains('$'))
    }

    /// Whether there is nothing in it, not even a variable.
    pub fn is_empty(&self) -> bool {
        self.pieces().all(str::is_empty) && self.pieces.len() <= 1
    }

    /// Whether a control character stands in it.
    pub fn has_control_characters(&self) -> bool {
        self.pieces().any(|piece| piece.chars().any(char::is_control))
    }

    /// As the argument of a directive has it, for messages and comparisons within one syntax.
    pub fn to_argument(&self) -> String {
        self.pieces.join(DOLLAR)
    }
}

/// Takes one layer of form-encoding off that is around another: a dollar sign that is encoded in the
/// outer layer is still to be literal in the inner one. `None` when it is not form-encoded.
pub(super) fn decode_outer(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut inner = Vec::with_capacity(encoded.len());
    for (index, piece) in split_at_dollars(encoded).enumerate() {
        if index > 0 {
            inner.extend_from_slice(DOLLAR.as_bytes());
        }
        inner.extend_from_slice(form::decode(piece)?.expose());
    }
    Some(inner)
}

/// The text between encoded dollar signs. `%2524` is none: it is `%24`, encoded.
fn split_at_dollars(encoded: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(encoded);
    std::iter::from_fn(move || {
        let current = rest?;
        let Some(at) = memchr::memmem::find(current, DOLLAR.as_bytes()) else { return rest.take() };
        let (piece, after) = current.split_at_checked(at)?;
        rest = after.get(DOLLAR.len()..);
        Some(piece)
    })
}

const DOLLAR: &str = "%24";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(template: &Template) -> Vec<&str> {
        template.pieces().collect()
    }

    #[test]
    fn an_argument_has_nothing_encoded_but_the_dollar_sign() {
        let template = Template::of_argument("a+b%20%24$host%24");
        assert_eq!(pieces(&template), ["a+b%20", "$host", ""]);
        assert!(template.has_variables());
        assert_eq!(template.literal(), None);
        assert_eq!(template.to_argument(), "a+b%20%24$host%24");
    }

    #[test]
    fn a_literal_has_no_variables() {
        let template = Template::of_literal("a$b%24");
        assert_eq!(template.literal().as_deref(), Some("a$b%24"));
    }

    #[test]
    fn an_encoded_value_is_decoded_once() {
        let template = Template::of_encoded(b"a+b%20%24$host%2524").unwrap();
        assert_eq!(pieces(&template), ["a b ", "$host%24"]);
        assert_eq!(Template::of_encoded(b"%2524").unwrap().literal().as_deref(), Some("%24"));
        assert_eq!(Template::of_encoded(b"5%24+a").unwrap().literal().as_deref(), Some("5$ a"));
        assert_eq!(Template::of_encoded(b"").unwrap().literal().as_deref(), Some(""));
    }

    #[test]
    fn what_is_not_encoded_is_no_value() {
        for encoded in [&b"%"[..], b"%2", b"%zz", b"%%24", b"a%24%", b"%FF"] {
            assert_eq!(Template::of_encoded(encoded), None, "{encoded:?}");
        }
    }

    #[test]
    fn nothing_is_empty_and_a_dollar_sign_is_not() {
        assert!(Template::of_argument("").is_empty());
        for text in ["%24", "a", "$a"] {
            assert!(!Template::of_argument(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_literal_dollar_sign_stays_literal_in_the_inner_layer() {
        let inner = |encoded: &[u8]| decode_outer(encoded).map(|it| String::from_utf8(it).unwrap());
        assert_eq!(inner(b"a%3D%24x%26b%3D$y").as_deref(), Some("a=%24x&b=$y"));
        assert_eq!(inner(b"a%3D%2524").as_deref(), Some("a=%24"));
        assert_eq!(inner(b"a%3D%252524").as_deref(), Some("a=%2524"));
        assert_eq!(inner(b"a%3D%"), None);
    }

    proptest! {
        #[test]
        fn a_literal_survives_both_layers(value: String) {
            let encode = |text: &str| -> String {
                form_urlencoded::byte_serialize(text.as_bytes()).collect()
            };
            let outer = encode(&encode(&value));
            let inner = decode_outer(outer.as_bytes()).unwrap();
            prop_assert_eq!(Template::of_encoded(&inner).unwrap().literal(), Some(value));
        }

        #[test]
        fn no_text_panics(text: Vec<u8>) {
            let _ = Template::of_encoded(&text);
            let _ = decode_outer(&text);
        }
    }
}
