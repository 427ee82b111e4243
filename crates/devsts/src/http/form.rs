//! Strict reading of `application/x-www-form-urlencoded`.
//!
//! The usual parsers repair what they read: a lone `%`, bytes that are no UTF-8, a raw space. A
//! service that is to notice encoding mistakes of its clients must not.

/// The pairs in the order in which they came, or what is wrong.
pub fn decode(encoded: &[u8]) -> Result<Vec<(String, String)>, String> {
    if encoded.is_empty() {
        return Ok(Vec::new());
    }
    encoded.split(|byte| *byte == b'&').map(pair).collect()
}

/// One form-encoded value, as the user name and password of RFC 6749 section 2.3.1 are.
pub fn decode_value(encoded: &[u8]) -> Result<String, String> {
    let mut out = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    loop {
        rest = match rest {
            [] => break,
            [b'+', tail @ ..] => {
                out.push(b' ');
                tail
            }
            [b'%', high, low, tail @ ..] => {
                let (Some(high), Some(low)) = (hex(*high), hex(*low)) else {
                    return Err("a percent sign without two hex digits".to_owned());
                };
                out.push(high << 4 | low);
                tail
            }
            [b'%', ..] => return Err("a percent sign without two hex digits".to_owned()),
            [byte @ (b'!'..=b'~'), tail @ ..] if !matches!(byte, b'&' | b'=') => {
                out.push(*byte);
                tail
            }
            [byte, ..] => return Err(format!("byte 0x{byte:02x} is not encoded")),
        };
    }
    String::from_utf8(out).map_err(|_| "a value is not UTF-8".to_owned())
}

fn pair(encoded: &[u8]) -> Result<(String, String), String> {
    let (name, value) = match encoded.iter().position(|byte| *byte == b'=') {
        Some(at) => {
            let (name, value) = encoded.split_at(at);
            (name, value.get(1..).unwrap_or_default())
        }
        None => (encoded, &[][..]),
    };
    if name.is_empty() {
        return Err("a parameter without a name".to_owned());
    }
    Ok((decode_value(name)?, decode_value(value)?))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_keep_their_order_and_are_decoded() {
        let pairs = decode(b"b=1&a=x+y%20z%C3%A9&b=2&empty=&bare").unwrap();
        let expected = [("b", "1"), ("a", "x y z\u{e9}"), ("b", "2"), ("empty", ""), ("bare", "")];
        assert_eq!(pairs, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    #[test]
    fn what_is_not_properly_encoded_is_refused() {
        for bad in [
            "a=%", "a=%4", "a=%zz", "a=b c", "a=b=c", "a=\u{e9}", "a=%ff", "&a=1", "a=1&", "=x",
            "a=\r\n", "a=\0",
        ] {
            assert!(decode(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
