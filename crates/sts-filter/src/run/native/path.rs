//! Places in a value, and changes there.

use std::rc::Rc;

use crate::budget::{Budget, Outcome, Stop, fail};
use crate::error::RunError;
use crate::number::Number;
use crate::value::{Array, Object, Value};

/// The index that a number means; with `from_end` negative ones count from there.
pub(crate) fn position(index: Number, length: usize, from_end: bool) -> Option<usize> {
    let index = index.rounded(f64::floor)?.truncate();
    match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) if from_end && index < 0 => {
            length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
        }
        // Beyond the end of every array.
        Err(_) if index >= 0 => Some(usize::MAX),
        Err(_) => None,
    }
}

/// What stands under a name or an index; `null` where nothing does.
pub(crate) fn index(budget: &Budget, value: &Value, key: &Value) -> Outcome<Value> {
    let found = match (value, key) {
        (Value::Object(object), Value::Text(name)) => {
            budget.compared(name)?;
            object.fields().get(name)
        }
        (Value::Array(array), Value::Number(index)) => {
            let items = array.items();
            position(*index, items.len(), true).and_then(|at| items.get(at))
        }
        (Value::Null, Value::Text(_) | Value::Number(_) | Value::Null) => None,
        (Value::Object(_), _) => return fail("an object is indexed with what is not a string"),
        (Value::Array(_), _) => return fail("an array is indexed with what is not a number"),
        (Value::Null, _) => return fail("null is indexed with this type"),
        (Value::Bool(_), _) => return fail("a boolean is indexed"),
        (Value::Number(_), _) => return fail("a number is indexed"),
        (Value::Text(_), _) => return fail("a string is indexed"),
    };
    Ok(found.cloned().unwrap_or(Value::Null))
}

/// A part of an array or of a string.
pub(crate) fn slice(budget: &Budget, value: &Value, from: &Value, to: &Value) -> Outcome<Value> {
    let range = |length: usize| {
        let end = |bound: &Value, open: usize, round: fn(f64) -> f64| match bound {
            Value::Null => Ok(open),
            Value::Number(number) => {
                let index = number.rounded(round).unwrap_or(*number).truncate();
                let index = if index < 0 {
                    index.saturating_add(i128::try_from(length).unwrap_or(i128::MAX))
                } else {
                    index
                };
                Ok(usize::try_from(index.max(0)).unwrap_or(usize::MAX).min(length))
            }
            _ => fail("a slice has bounds that are not numbers"),
        };
        Ok((end(from, 0, f64::floor)?, end(to, length, f64::ceil)?))
    };
    match value {
        Value::Null => Ok(Value::Null),
        Value::Array(array) => {
            let (from, to) = range(array.items().len())?;
            budget.array(array.items().get(from..to).unwrap_or_default().to_vec())
        }
        Value::Text(text) => {
            // Its characters are counted, and gone through.
            budget.bytes(text.len().saturating_mul(2))?;
            let (from, to) = range(text.chars().count())?;
            let part: String = text.chars().skip(from).take(to.saturating_sub(from)).collect();
            budget.text(&part)
        }
        _ => fail("a slice needs an array or a string"),
    }
}

/// The keys of a path.
pub(crate) fn keys(path: &Value) -> Outcome<&[Value]> {
    match path {
        Value::Array(keys) => Ok(keys.items()),
        _ => fail("a path is not an array"),
    }
}

/// What stands at a place; `null` where nothing does.
pub(crate) fn get(budget: &Budget, value: Value, path: &[Value]) -> Outcome<Value> {
    budget.step(path.len())?;
    path.iter().try_fold(value, |value, key| index(budget, &value, key))
}

/// Puts a value at a place, and makes what leads there.
pub(crate) fn set(budget: &Budget, whole: Value, path: &[Value], new: Value) -> Outcome<Value> {
    let Some((key, rest)) = path.split_first() else {
        return Ok(new);
    };
    budget.step(1)?;
    let whole = match (whole, key) {
        (Value::Null, Value::Text(_)) => Value::Object(Rc::new(Object::new([].into()))),
        (Value::Null, Value::Number(_)) => Value::Array(Rc::new(Array::new(Vec::new()))),
        (whole, _) => whole,
    };
    match (whole, key) {
        (Value::Object(object), Value::Text(name)) => {
            budget.compared(name)?;
            let mut object = budget.own_object(object)?;
            let old = object.remove(name).unwrap_or(Value::Null);
            object.insert(name.clone(), budget.nested(|| set(budget, old, rest, new))?);
            budget.checked(Value::Object(Rc::new(object)))
        }
        (Value::Array(array), Value::Number(index)) => {
            let mut array = budget.own_array(array)?;
            let Some(at) = position(*index, array.items().len(), true) else {
                return fail("an index is before the start of an array");
            };
            let missing = at.saturating_add(1).saturating_sub(array.items().len());
            // Each null takes more bytes than one, so what fits here is not much too large.
            budget.fits(missing)?;
            budget.items(missing)?;
            for _ in 0..missing {
                array.push(Value::Null);
            }
            let old = array.replace(at, Value::Null).unwrap_or(Value::Null);
            array.replace(at, budget.nested(|| set(budget, old, rest, new))?);
            budget.checked(Value::Array(Rc::new(array)))
        }
        _ => fail("a value cannot be set at this place"),
    }
}

pub(crate) fn set_value(budget: &Budget, input: Value, path: Value, new: Value) -> Outcome<Value> {
    set(budget, input, keys(&path)?, new)
}

pub(crate) fn delete_all(budget: &Budget, input: Value, paths: Value) -> Outcome<Value> {
    let paths = keys(&paths)?.iter().map(|path| keys(path).map(<[Value]>::to_vec));
    delete(budget, input, paths.collect::<Outcome<_>>()?)
}

/// Deletes places, the last first, so that indices stay what they are.
pub(crate) fn delete(
    budget: &Budget,
    mut whole: Value,
    mut paths: Vec<Vec<Value>>,
) -> Outcome<Value> {
    budget.step(paths.len())?;
    for path in &mut paths {
        from_start(budget, &whole, path)?;
    }
    let keys = paths.iter().flatten();
    let bytes = keys.fold(0_usize, |sum, key| sum.saturating_add(key.size().bytes));
    budget.sorting(paths.len(), bytes)?;
    paths.sort();
    paths.dedup();
    for path in paths.iter().rev() {
        whole = delete_one(budget, whole, path)?;
    }
    Ok(whole)
}

/// Makes negative indices of a path such from the start, as far as it leads to something.
fn from_start(budget: &Budget, whole: &Value, path: &mut [Value]) -> Outcome<()> {
    budget.step(path.len())?;
    let mut here = whole.clone();
    for key in path {
        if let (Value::Array(array), Value::Number(number)) = (&here, &*key)
            && let Some(at) = position(*number, array.items().len(), true)
        {
            *key = Value::count(at);
        }
        match index(budget, &here, key) {
            Ok(inner) => here = inner,
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

fn delete_one(budget: &Budget, whole: Value, path: &[Value]) -> Outcome<Value> {
    let Some((key, rest)) = path.split_first() else {
        return Ok(Value::Null);
    };
    budget.step(1)?;
    match (whole, key) {
        (Value::Null, _) => Ok(Value::Null),
        (Value::Object(object), Value::Text(name)) => {
            budget.compared(name)?;
            let mut object = budget.own_object(object)?;
            if let Some(old) = object.remove(name)
                && !rest.is_empty()
            {
                let left = budget.nested(|| delete_one(budget, old, rest))?;
                object.insert(name.clone(), left);
            }
            Ok(Value::Object(Rc::new(object)))
        }
        (Value::Array(array), Value::Number(index)) => {
            let mut array = budget.own_array(array)?;
            let Some(at) = position(*index, array.items().len(), true) else {
                return Ok(Value::Array(Rc::new(array)));
            };
            if rest.is_empty() {
                budget.items(array.items().len())?;
                array.remove(at);
            } else if let Some(old) = array.replace(at, Value::Null) {
                let left = budget.nested(|| delete_one(budget, old, rest))?;
                array.replace(at, left);
            }
            Ok(Value::Array(Rc::new(array)))
        }
        _ => fail("a value cannot be deleted at this place"),
    }
}

/// The paths of all values in a value, but for itself.
pub(crate) fn all(budget: &Budget, input: Value) -> Outcome<Value> {
    let (mut paths, mut path) = (Vec::new(), Vec::new());
    all_within(budget, &input, &mut path, &mut paths)?;
    budget.array(paths)
}

fn all_within(
    budget: &Budget,
    value: &Value,
    path: &mut Vec<Value>,
    paths: &mut Vec<Value>,
) -> Outcome<()> {
    let mut visit = |key: Value, inner: &Value| {
        budget.step(2)?;
        path.push(key);
        paths.push(budget.array(path.clone())?);
        if path.len() > budget.limits().depth {
            return Err(Stop::Limit(RunError::TooDeep));
        }
        budget.nested(|| all_within(budget, inner, path, paths))?;
        path.pop();
        Ok(())
    };
    match value {
        Value::Array(array) => {
            let mut inner = array.items().iter().enumerate();
            inner.try_for_each(|(index, inner)| visit(Value::count(index), inner))
        }
        Value::Object(object) => {
            let mut inner = object.fields().iter();
            inner.try_for_each(|(name, inner)| visit(Value::Text(name.clone()), inner))
        }
        _ => Ok(()),
    }
}
