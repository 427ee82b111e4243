//! JSON of which two readers could not have two opinions: no name twice, no number that would be changed,
//! and no deeper than it may be.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads a text. Arrays and objects may lie in each other `levels` deep; 0 lets none be there.
pub(super) fn read(text: &[u8], levels: usize) -> Option<Value> {
    // serde_json makes a fraction of those, and another number.
    if has_large_integer(text) {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Strict { levels }.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}

/// Whether a whole number stands in a text that 64 bits cannot hold.
fn has_large_integer(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = match first {
            b'"' => behind_string(behind),
            b'-' | b'0'..=b'9' => {
                let is_part = |b: &u8| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
                let length = 1 + behind.iter().take_while(|b| is_part(b)).count();
                let (number, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                let is_whole = !number.iter().any(|b| matches!(b, b'.' | b'e' | b'E'));
                let number = str::from_utf8(number).unwrap_or_default();
                let fits = number.parse::<u64>().is_ok() || number.parse::<i64>().is_ok();
                if is_whole && !fits {
                    return true;
                }
                behind
            }
            _ => behind,
        };
    }
    false
}

/// What stands behind the end of a string.
fn behind_string(text: &[u8]) -> &[u8] {
    let mut is_escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.and_then(|end| text.get(end + 1..)).unwrap_or_default()
}

/// A value with so many levels of arrays and objects in it.
#[derive(Clone, Copy)]
struct Strict {
    levels: usize,
}

impl Strict {
    fn inside<E: Error>(self) -> Result<Self, E> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok(Self { levels }),
            None => Err(E::custom("too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("no finite number"))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(inside)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(inside)?;
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a name twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_one_meaning_is_read() {
        for (text, expected) in [
            (
                r#"{"a":{"b":[1,-2,3.5,true,null,"x"]}}"#,
                json!({"a":{"b":[1,-2,3.5,true,null,"x"]}}),
            ),
            (" [] ", json!([])),
            (r#""99999999999999999999""#, json!("99999999999999999999")),
            (r#""\"99999999999999999999""#, json!("\"99999999999999999999")),
            ("18446744073709551615", json!(u64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("99999999999999999999.0", json!(1e20)),
        ] {
            assert_eq!(read(text.as_bytes(), 8), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_has_several_meanings_or_none_is_refused() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":{"a":1,"a":2}}"#,
            r#"{"a":99999999999999999999}"#,
            r#"{"\"":-9223372036854775809}"#,
            r#"["\\",18446744073709551616]"#,
            "1e999",
            "{}{}",
            "{} x",
            "{'a':1}",
            "{\"a\":1,}",
            "NaN",
            "",
            "\u{feff}{}",
            "\"\n\"",
        ] {
            assert_eq!(read(text.as_bytes(), 8), None, "{text}");
        }
        assert_eq!(read(b"\"\xff\"", 8), None);
    }

    #[test]
    fn levels_are_counted() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(nested(3).as_bytes(), 3).is_some());
        assert!(read(nested(4).as_bytes(), 3).is_none());
        assert!(read(nested(100_000).as_bytes(), 32).is_none());
        assert!(read(br#"{"a":{"b":{}}}"#, 3).is_some());
        assert!(read(br#"{"a":{"b":{}}}"#, 2).is_none());
        assert!(read(b"1", 0).is_some());
        assert!(read(b"[]", 0).is_none());
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_serde_json_reads(
            text in r#"[\[\]{},: ]{0,6}("([a-c\\"]|\\u00[46][0-9])*"|-?[0-9]{1,22}(\.[0-9]{1,3})?|true|null|[\[\]{},: ]){0,12}"#,
            bytes: Vec<u8>,
        ) {
            for text in [text.as_bytes(), &bytes] {
                if let Some(value) = read(text, 32) {
                    let theirs: Value = serde_json::from_slice(text).unwrap();
                    prop_assert_eq!(value, theirs);
                }
            }
        }
    }
}
