//! Of arrays and numbers.

use std::rc::Rc;

use crate::budget::{Budget, Outcome, fail};
use crate::number::{Arithmetic, Number};
use crate::run::operator;
use crate::value::{Array, Value};

pub(crate) fn length(budget: &Budget, input: Value) -> Outcome<Value> {
    Ok(match input {
        Value::Null => Value::count(0),
        Value::Bool(_) => return fail("a boolean has no length"),
        number @ Value::Number(_) => return abs(budget, number),
        Value::Text(text) => {
            budget.bytes(text.len())?;
            Value::count(text.chars().count())
        }
        Value::Array(array) => Value::count(array.items().len()),
        Value::Object(object) => Value::count(object.fields().len()),
    })
}

pub(crate) fn abs(_: &Budget, input: Value) -> Outcome<Value> {
    let Value::Number(number) = input else {
        return fail("this needs a number");
    };
    let zero = Number::from_count(0);
    if number < zero {
        Ok(zero.join(Arithmetic::Subtract, number).unwrap_or(number).into())
    } else {
        Ok(number.into())
    }
}

pub(crate) fn round(input: Value, round: fn(f64) -> f64) -> Outcome<Value> {
    match input {
        Value::Number(number) => Ok(number.rounded(round).unwrap_or(number).into()),
        _ => fail("this needs a number"),
    }
}

fn items(input: Value) -> Outcome<Rc<Array>> {
    match input {
        Value::Array(array) => Ok(array),
        _ => fail("this needs an array"),
    }
}

/// The sum of the items, or of the values of an object.
pub(crate) fn add(budget: &Budget, input: Value) -> Outcome<Value> {
    let values: Vec<&Value> = match &input {
        Value::Array(array) => array.items().iter().collect(),
        Value::Object(object) => object.fields().values().collect(),
        _ => return fail("add needs an array or an object"),
    };
    budget.step(values.len())?;
    // Strings all at once: one after the other would copy the first as often as there are more.
    let mut text = String::new();
    if values.iter().all(|value| matches!(value, Value::Text(_))) && !values.is_empty() {
        for value in values {
            if let Value::Text(part) = value {
                budget.fits(text.len().saturating_add(part.len()))?;
                text.push_str(part);
            }
        }
        return budget.text(&text);
    }
    values
        .into_iter()
        .cloned()
        .try_fold(Value::Null, |sum, value| operator::join(budget, Arithmetic::Add, sum, value))
}

pub(crate) fn reverse(budget: &Budget, input: Value) -> Outcome<Value> {
    match input {
        Value::Null => budget.array(Vec::new()),
        Value::Text(text) => {
            budget.bytes(text.len())?;
            budget.text(&text.chars().rev().collect::<String>())
        }
        input => {
            let mut items = budget.own_array(items(input)?)?.into_items();
            items.reverse();
            budget.array(items)
        }
    }
}

/// Arrays in the array become their items, so many levels deep.
pub(crate) fn flatten(budget: &Budget, input: Value, levels: Value) -> Outcome<Value> {
    let Value::Number(levels) = levels else {
        return fail("flatten needs a number");
    };
    let Ok(levels) = usize::try_from(levels.truncate()) else {
        return fail("flatten needs a depth that is not negative");
    };
    let mut flat = Vec::new();
    let array = items(input)?;
    flatten_into(budget, &array, levels, &mut flat)?;
    budget.array(flat)
}

fn flatten_into(
    budget: &Budget,
    array: &Array,
    levels: usize,
    flat: &mut Vec<Value>,
) -> Outcome<()> {
    for item in array.items() {
        budget.step(1)?;
        match item {
            Value::Array(inner) if levels > 0 => {
                budget.nested(|| flatten_into(budget, inner, levels.saturating_sub(1), flat))?;
            }
            item => flat.push(item.clone()),
        }
    }
    Ok(())
}

fn pay_for_sorting(budget: &Budget, keys: &Array) -> Outcome<()> {
    let items = keys.items();
    let bytes = items.iter().fold(0_usize, |sum, item| sum.saturating_add(item.size().bytes));
    budget.sorting(items.len(), bytes)
}

pub(crate) fn sort(budget: &Budget, input: Value) -> Outcome<Value> {
    let array = items(input)?;
    pay_for_sorting(budget, &array)?;
    let mut items = budget.own_array(array)?.into_items();
    items.sort();
    budget.array(items)
}

pub(crate) fn unique(budget: &Budget, input: Value) -> Outcome<Value> {
    let array = items(input)?;
    pay_for_sorting(budget, &array)?;
    let mut items = budget.own_array(array)?.into_items();
    items.sort();
    items.dedup();
    budget.array(items)
}

/// The items in the order of their keys, each with its key.
fn by_key(budget: &Budget, input: Value, keys: Value) -> Outcome<Vec<(Value, Value)>> {
    let (array, keys) = (items(input)?, items(keys)?);
    pay_for_sorting(budget, &keys)?;
    let keys = keys.items().iter().cloned();
    let mut pairs: Vec<_> = keys.zip(array.items().iter().cloned()).collect();
    pairs.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(pairs)
}

pub(crate) fn sort_by(budget: &Budget, input: Value, keys: Value) -> Outcome<Value> {
    let sorted = by_key(budget, input, keys)?;
    budget.array(sorted.into_iter().map(|(_, item)| item).collect())
}

pub(crate) fn group_by(budget: &Budget, input: Value, keys: Value) -> Outcome<Value> {
    let mut groups: Vec<Vec<Value>> = Vec::new();
    let mut last = None;
    for (key, item) in by_key(budget, input, keys)? {
        match groups.last_mut() {
            Some(group) if last.as_ref() == Some(&key) => group.push(item),
            _ => groups.push(vec![item]),
        }
        last = Some(key);
    }
    let groups = groups.into_iter().map(|group| budget.array(group));
    let groups = groups.collect::<Outcome<_>>()?;
    budget.array(groups)
}

pub(crate) fn min(budget: &Budget, input: Value) -> Outcome<Value> {
    let array = items(input)?;
    pay_for_sorting(budget, &array)?;
    Ok(array.items().iter().min().cloned().unwrap_or(Value::Null))
}

pub(crate) fn max(budget: &Budget, input: Value) -> Outcome<Value> {
    let array = items(input)?;
    pay_for_sorting(budget, &array)?;
    Ok(array.items().iter().max().cloned().unwrap_or(Value::Null))
}
