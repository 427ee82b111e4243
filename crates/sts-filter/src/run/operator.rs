//! `+ - * / %` on values, and comparisons.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::native::text;
use crate::budget::{Budget, Outcome, fail};
use crate::number::Arithmetic;
use crate::term::Comparison;
use crate::value::{Object, Value};

impl Comparison {
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

pub(crate) fn join(
    budget: &Budget,
    operation: Arithmetic,
    left: Value,
    right: Value,
) -> Outcome<Value> {
    use Arithmetic::{Add, Divide, Multiply, Remainder, Subtract};
    match (operation, left, right) {
        (_, Value::Number(left), Value::Number(right)) => match left.join(operation, right) {
            Some(number) => Ok(number.into()),
            None => fail("a division by zero, or a number beyond all bounds"),
        },
        (Add, Value::Null, other) | (Add, other, Value::Null) => Ok(other),
        (Add, Value::Text(left), Value::Text(right)) => concatenate(budget, &left, &right),
        (Add, Value::Array(left), Value::Array(right)) => {
            let mut left = budget.own_array(left)?;
            budget.items(right.items().len())?;
            for item in right.items() {
                left.push(item.clone());
            }
            budget.checked(Value::Array(Rc::new(left)))
        }
        (Add, Value::Object(left), Value::Object(right)) => {
            let mut left = budget.own_object(left)?;
            budget.fields(right.fields().len())?;
            for (name, value) in right.fields() {
                budget.compared(name)?;
                left.insert(name.clone(), value.clone());
            }
            budget.checked(Value::Object(Rc::new(left)))
        }
        (Subtract, Value::Array(left), Value::Array(right)) => {
            let mut kept = Vec::new();
            for item in left.items() {
                let mut found = false;
                for other in right.items() {
                    found = budget.compare(item, other)?.is_eq();
                    if found {
                        break;
                    }
                }
                if !found {
                    kept.push(item.clone());
                }
            }
            budget.array(kept)
        }
        (Multiply, Value::Text(text), Value::Number(times))
        | (Multiply, Value::Number(times), Value::Text(text)) => {
            // As in jq: nothing for 0 and less, and once for what is less than 1.
            if times.to_float() <= 0.0 {
                return Ok(Value::Null);
            }
            let times = usize::try_from(times.truncate()).unwrap_or(usize::MAX).max(1);
            budget.fits(text.len().saturating_mul(times))?;
            budget.text(&text.repeat(if text.is_empty() { 0 } else { times }))
        }
        (Multiply, Value::Object(left), Value::Object(right)) => merge(budget, left, &right),
        (Divide, text @ Value::Text(_), separator @ Value::Text(_)) => {
            text::split(budget, text, separator)
        }
        (Add, ..) => fail("+ is not defined for these types"),
        (Subtract, ..) => fail("- is not defined for these types"),
        (Multiply, ..) => fail("* is not defined for these types"),
        (Divide, ..) => fail("/ is not defined for these types"),
        (Remainder, ..) => fail("% is not defined for these types"),
    }
}

fn concatenate(budget: &Budget, left: &str, right: &str) -> Outcome<Value> {
    let bytes = left.len().saturating_add(right.len());
    budget.fits(bytes)?;
    budget.bytes(bytes)?;
    Ok(Value::Text([left, right].concat().into()))
}

/// Objects into each other, as deep as both have objects.
fn merge(budget: &Budget, left: Rc<Object>, right: &Object) -> Outcome<Value> {
    let mut left = budget.own_object(left)?;
    budget.fields(right.fields().len())?;
    for (name, value) in right.fields() {
        budget.compared(name)?;
        let merged = match (left.remove(name), value) {
            (Some(Value::Object(left)), Value::Object(right)) => {
                budget.nested(|| merge(budget, left, right))?
            }
            _ => value.clone(),
        };
        left.insert(name.clone(), merged);
    }
    budget.checked(Value::Object(Rc::new(left)))
}

/// The names and values of an object that nothing else has.
pub(crate) fn fields(budget: &Budget, object: Rc<Object>) -> Outcome<BTreeMap<Rc<str>, Value>> {
    Ok(budget.own_object(object)?.into_fields())
}
