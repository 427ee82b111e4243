//! Of objects.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::path::position;
use super::text::to_text;
use crate::budget::{Budget, Outcome, fail};
use crate::value::{Object, Value};

/// The names of an object or the indices of an array.
pub(crate) fn keys(budget: &Budget, input: Value) -> Outcome<Value> {
    match input {
        Value::Object(object) => {
            budget.fields(object.fields().len())?;
            budget.array(object.fields().keys().cloned().map(Value::Text).collect())
        }
        Value::Array(array) => budget.array((0..array.items().len()).map(Value::count).collect()),
        _ => fail("keys needs an object or an array"),
    }
}

pub(crate) fn has(budget: &Budget, input: Value, key: Value) -> Outcome<Value> {
    Ok(Value::Bool(match (&input, &key) {
        (Value::Object(object), Value::Text(name)) => {
            budget.compared(name)?;
            object.fields().contains_key(name)
        }
        (Value::Array(array), Value::Number(index)) => {
            position(*index, array.items().len(), false).is_some_and(|at| at < array.items().len())
        }
        _ => return fail("has needs an object and a name, or an array and an index"),
    }))
}

pub(crate) fn to_entries(budget: &Budget, input: Value) -> Outcome<Value> {
    let Value::Object(object) = input else {
        return fail("to_entries needs an object");
    };
    let (key, value): (Rc<str>, Rc<str>) = ("key".into(), "value".into());
    let mut entries = Vec::with_capacity(object.fields().len());
    for (name, content) in object.fields() {
        budget.step(1)?;
        let fields = [(key.clone(), Value::Text(name.clone())), (value.clone(), content.clone())];
        entries.push(budget.object(BTreeMap::from(fields))?);
    }
    budget.array(entries)
}

/// What an entry may call its key and its value.
const KEYS: [&str; 6] = ["key", "k", "name", "Name", "K", "Key"];
const VALUES: [&str; 4] = ["value", "v", "Value", "V"];

pub(crate) fn from_entries(budget: &Budget, input: Value) -> Outcome<Value> {
    let entries: Vec<&Value> = match &input {
        Value::Array(array) => array.items().iter().collect(),
        Value::Object(object) => object.fields().values().collect(),
        _ => return fail("from_entries needs an array"),
    };
    let mut fields = BTreeMap::new();
    for entry in entries {
        let Value::Object(entry) = entry else {
            return fail("an entry is not an object");
        };
        let find = |names: &[&str]| {
            let mut found = names.iter().filter_map(|name| entry.fields().get(*name));
            found.find(|value| !matches!(value, Value::Null)).cloned()
        };
        let name = match find(&KEYS) {
            Some(Value::Text(name)) => name,
            Some(name @ (Value::Number(_) | Value::Bool(_))) => match to_text(budget, name)? {
                Value::Text(name) => name,
                _ => return fail("a key is not a string"),
            },
            Some(_) => return fail("a key is not a string"),
            None => return fail("an entry has no key"),
        };
        budget.fields(1)?;
        budget.compared(&name)?;
        fields.insert(name, find(&VALUES).unwrap_or(Value::Null));
    }
    budget.object(fields)
}

/// Whether a value holds another: a string as a part, an array each item in some item, an object each
/// field in its field.
pub(crate) fn contains(budget: &Budget, input: Value, part: Value) -> Outcome<Value> {
    if input.kind() != part.kind() {
        return fail("contains needs two values of one type");
    }
    holds(budget, &input, &part).map(Value::Bool)
}

fn holds(budget: &Budget, whole: &Value, part: &Value) -> Outcome<bool> {
    budget.step(1)?;
    match (whole, part) {
        (Value::Text(whole), Value::Text(part)) => {
            budget.search(whole, part)?;
            Ok(whole.contains(part.as_ref()))
        }
        (Value::Array(whole), Value::Array(parts)) => {
            for part in parts.items() {
                let mut found = false;
                for whole in whole.items() {
                    found = budget.nested(|| holds(budget, whole, part))?;
                    if found {
                        break;
                    }
                }
                if !found {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(whole), Value::Object(part)) => fields_hold(budget, whole, part),
        (whole, part) => Ok(budget.compare(whole, part)?.is_eq()),
    }
}

fn fields_hold(budget: &Budget, whole: &Object, part: &Object) -> Outcome<bool> {
    for (name, part) in part.fields() {
        budget.compared(name)?;
        let held = match whole.fields().get(name) {
            Some(whole) => budget.nested(|| holds(budget, whole, part))?,
            None => false,
        };
        if !held {
            return Ok(false);
        }
    }
    Ok(true)
}
