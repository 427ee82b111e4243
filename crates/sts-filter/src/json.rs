//! Claims as they come and go: as values of ours, and as JSON.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value as Json};

use crate::budget::{Outcome, fail};
use crate::error::RunError;
use crate::number::Number;
use crate::value::{Array, Object, Value};

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
