//! JSON of which two readers cannot have two opinions: no name twice (RFC 8259, section 4), no number that
//! would be changed, and no deeper than it may be.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use thiserror::Error;

/// Why a text is not read. Nothing of it stands here.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum JsonError {
    /// It is no JSON (RFC 8259).
    #[error("is not JSON")]
    NotJson,
    /// Arrays and objects lie too deep in each other.
    #[error("is nested too deeply")]
    TooDeep,
    /// A name is twice in one object: two readers may see two values.
    #[error("has a name twice in one object")]
    Twice,
    /// A whole number of more than 64 bits, which would lose digits.
    #[error("has a whole number of more than 64 bits")]
    Number,
}

/// Reads a text. Arrays and objects may lie in each other `levels` deep; 0 lets none be there. More than a
/// hundred are never read.
///
/// # Errors
/// It is no JSON, or some that could be read in two ways.
pub fn read(text: &[u8], levels: usize) -> Result<Value, JsonError> {
    let mut found = None;
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = Strict { levels, found: &mut found }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    match read {
        // serde_json makes a fraction of those, and another number.
        Ok(_) if has_large_integer(text) => Err(JsonError::Number),
        Ok(value) => Ok(value),
        Err(_) => Err(found.unwrap_or(JsonError::NotJson)),
    }
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
struct Strict<'f> {
    levels: usize,
    /// What was found: messages of the reader repeat what it has read.
    found: &'f mut Option<JsonError>,
}

impl Strict<'_> {
    fn inside<E: Error>(&mut self) -> Result<Strict<'_>, E> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok(Strict { levels, found: self.found }),
            None => {
                *self.found = Some(JsonError::TooDeep);
                Err(E::custom("too deep"))
            }
        }
    }

    /// For the next value beside.
    fn again(&mut self) -> Strict<'_> {
        Strict { levels: self.levels, found: self.found }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
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

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Value, A::Error> {
        let mut inside = self.inside()?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(inside.again())? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let mut inside = self.inside()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(inside.again())?;
            if members.insert(name, value).is_some() {
                *inside.found = Some(JsonError::Twice);
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
            assert_eq!(read(text.as_bytes(), 8), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_has_several_meanings_or_none_is_refused() {
        use JsonError as E;
        for (text, error) in [
            (r#"{"a":1,"a":1}"#, E::Twice),
            (r#"{"a":1,"\u0061":2}"#, E::Twice),
            (r#"{"b":{"a":1,"a":2}}"#, E::Twice),
            (r#"{"a":[{"b":1,"b":1}]}"#, E::Twice),
            (r#"{"a":99999999999999999999}"#, E::Number),
            (r#"{"\"":-9223372036854775809}"#, E::Number),
            (r#"["\\",18446744073709551616]"#, E::Number),
            ("1e999", E::NotJson),
            ("{}{}", E::NotJson),
            ("{} x", E::NotJson),
            ("{'a':1}", E::NotJson),
            ("{\"a\":1,}", E::NotJson),
            ("{\"a\":01}", E::NotJson),
            ("NaN", E::NotJson),
            ("eyJhbGciOiJub25lIn0.e30.", E::NotJson),
            ("", E::NotJson),
            ("\u{feff}{}", E::NotJson),
            ("\"\n\"", E::NotJson),
        ] {
            assert_eq!(read(text.as_bytes(), 8), Err(error), "{text}");
        }
        assert_eq!(read(b"\"\xff\"", 8), Err(E::NotJson));
    }

    #[test]
    fn levels_are_counted() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(nested(3).as_bytes(), 3).is_ok());
        assert_eq!(read(nested(4).as_bytes(), 3), Err(JsonError::TooDeep));
        assert_eq!(read(nested(100_000).as_bytes(), 64), Err(JsonError::TooDeep));
        assert_eq!(read("[".repeat(100_000).as_bytes(), 64), Err(JsonError::TooDeep));
        assert!(read(br#"{"a":{"b":{}}}"#, 3).is_ok());
        assert_eq!(read(br#"{"a":{"b":{}}}"#, 2), Err(JsonError::TooDeep));
        assert!(read(b"1", 0).is_ok());
        assert_eq!(read(b"[]", 0), Err(JsonError::TooDeep));
        // Beside each other they are none.
        assert!(read(b"[[],[],[[]],{},{}]", 3).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_serde_json_reads(
            text in r#"[\[\]{},: ]{0,6}("([a-c\\"]|\\u00[46][0-9])*"|-?[0-9]{1,22}(\.[0-9]{1,3})?|true|null|[\[\]{},: ]){0,12}"#,
            bytes: Vec<u8>,
        ) {
            for text in [text.as_bytes(), &bytes] {
                if let Ok(value) = read(text, 32) {
                    let theirs: Value = serde_json::from_slice(text).unwrap();
                    prop_assert_eq!(value, theirs);
                }
            }
        }
    }
}
