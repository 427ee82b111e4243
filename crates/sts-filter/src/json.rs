//! Claims as they come and go: JSON that is read strictly, and that can be written.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

use crate::budget::{Limits, Outcome, fail};
use crate::error::{ClaimsError, RunError};
use crate::number::Number;
use crate::value::{Array, Object, Value};

/// Claims in JSON: an object, within the limits.
///
/// # Errors
///
/// It is not such JSON, a name is twice in one object, or a whole number has more than 64 bits and
/// would lose digits.
pub fn read_claims(json: &[u8], limits: &Limits) -> Result<Map<String, Json>, ClaimsError> {
    match read(json, limits)? {
        Json::Object(claims) => Ok(claims),
        _ => Err(ClaimsError::NotAnObject),
    }
}

/// Any JSON, within the limits.
pub(crate) fn read(json: &[u8], limits: &Limits) -> Result<Json, ClaimsError> {
    if json.len() > limits.bytes {
        return Err(ClaimsError::TooLarge);
    }
    let mut found = None;
    let depth = limits.depth.min(Limits::DEEPEST);
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = Strict { depth, found: &mut found }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(_) if !digits_are_kept(json) => Err(ClaimsError::Number),
        Ok(value) => Ok(value),
        Err(_) => Err(found.unwrap_or(ClaimsError::NotJson)),
    }
}

/// Whether each whole number in this JSON fits 64 bits: of a larger one the reader makes a float.
fn digits_are_kept(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some((byte, tail)) = rest.split_first() {
        rest = match byte {
            b'"' => behind_string(tail),
            b'-' | b'0'..=b'9' => {
                let inner = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
                let end = rest.iter().position(|byte| !inner(byte)).unwrap_or(rest.len());
                let (number, tail) = rest.split_at(end);
                if std::str::from_utf8(number).ok().and_then(Number::parse).is_none() {
                    return false;
                }
                tail
            }
            _ => tail,
        };
    }
    true
}

fn behind_string(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest {
            [b'\\', _, tail @ ..] => tail,
            [b'"', tail @ ..] => return tail,
            [_, tail @ ..] => tail,
            [] => return rest,
        };
    }
}

/// Reads a value of so many levels in which no name is twice.
struct Strict<'f> {
    depth: usize,
    /// What was found: messages of the reader repeat what it read.
    found: &'f mut Option<ClaimsError>,
}

impl Strict<'_> {
    fn inner<E: Error>(&mut self) -> Result<Strict<'_>, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Strict { depth, found: self.found }),
            None => {
                *self.found = Some(ClaimsError::TooDeep);
                Err(E::custom("too deep"))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        loop {
            match access.next_element_seed(self.inner()?)? {
                Some(item) => items.push(item),
                None => return Ok(Json::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Json, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let value = access.next_value_seed(self.inner()?)?;
            if fields.insert(name, value).is_some() {
                *self.found = Some(ClaimsError::Twice);
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(Json::Object(fields))
    }
}

/// Whether claims are too deep to be walked by recursion.
pub(crate) fn check_depth(claims: &Map<String, Json>, depth: usize) -> Result<(), RunError> {
    fn fits(json: &Json, left: usize) -> bool {
        match (json, left.checked_sub(1)) {
            (Json::Array(items), Some(left)) => items.iter().all(|item| fits(item, left)),
            (Json::Object(fields), Some(left)) => fields.values().all(|value| fits(value, left)),
            (Json::Array(_) | Json::Object(_), None) => false,
            _ => true,
        }
    }
    match depth.checked_sub(1) {
        Some(left) if claims.values().all(|value| fits(value, left)) => Ok(()),
        _ => Err(RunError::TooDeep),
    }
}

/// JSON as a value of ours. It is walked by recursion, so its depth has been looked at.
pub(crate) fn from_json(json: &Json) -> Outcome<Value> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number_from_json(number) {
            Some(number) => number.into(),
            None => return fail("a number is beyond all bounds"),
        },
        Json::String(text) => Value::Text(text.as_str().into()),
        Json::Array(items) => {
            let items = items.iter().map(from_json).collect::<Outcome<_>>()?;
            Value::Array(Rc::new(Array::new(items)))
        }
        Json::Object(fields) => Value::Object(Rc::new(object_from_json(fields)?)),
    })
}

pub(crate) fn object_from_json(fields: &Map<String, Json>) -> Outcome<Object> {
    let fields = fields.iter().map(|(name, value)| Ok((name.as_str().into(), from_json(value)?)));
    Ok(Object::new(fields.collect::<Outcome<BTreeMap<_, _>>>()?))
}

fn number_from_json(number: &serde_json::Number) -> Option<Number> {
    match (number.as_u64(), number.as_i64()) {
        (Some(number), _) => Some(Number::from_whole(number.into())),
        (None, Some(number)) => Some(Number::from_whole(number.into())),
        (None, None) => Number::from_float(number.as_f64()?),
    }
}

/// A value of ours as JSON. Numbers are finite and strings are text, so everything has one; if a
/// number had none, this would fail.
pub(crate) fn to_json(value: &Value) -> Outcome<Json> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(number) => {
            let json = match *number {
                Number::Whole(number) => u64::try_from(number)
                    .map(serde_json::Number::from)
                    .or_else(|_| i64::try_from(number).map(serde_json::Number::from))
                    .ok(),
                Number::Float(number) => serde_json::Number::from_f64(number),
            };
            match json {
                Some(number) => Json::Number(number),
                None => return fail("JSON has no such number"),
            }
        }
        Value::Text(text) => Json::String(text.as_ref().to_owned()),
        Value::Array(array) => {
            Json::Array(array.items().iter().map(to_json).collect::<Outcome<_>>()?)
        }
        Value::Object(object) => Json::Object(object_to_json(object)?),
    })
}

pub(crate) fn object_to_json(object: &Object) -> Outcome<Map<String, Json>> {
    let fields = object.fields().iter();
    fields.map(|(name, value)| Ok((name.as_ref().to_owned(), to_json(value)?))).collect()
}

/// The text of a value in JSON.
pub(crate) fn write(value: &Value) -> Outcome<String> {
    Ok(to_json(value)?.to_string())
}
