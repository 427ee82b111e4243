//! An output: a value, and where it stands in the input if that is asked for.

use std::rc::Rc;

use crate::budget::{Budget, Outcome, Stop, fail};
use crate::error::RunError;
use crate::value::Value;

/// A value on its way through an expression.
#[derive(Clone)]
pub(crate) struct Item {
    value: Value,
    place: Option<Place>,
}

/// The names and indices that lead to a value, the last one outermost.
#[derive(Clone)]
struct Place {
    last: Option<Rc<Inner>>,
    length: usize,
}

struct Inner {
    key: Value,
    outer: Place,
}

impl Item {
    /// A value that stands nowhere in the input.
    pub(crate) fn new(value: Value) -> Self {
        Self { value, place: None }
    }

    /// A value of which the places are asked for.
    pub(super) fn root(value: Value) -> Self {
        Self { value, place: Some(Place { last: None, length: 0 }) }
    }

    pub(super) fn value(&self) -> &Value {
        &self.value
    }

    pub(crate) fn into_value(self) -> Value {
        self.value
    }

    pub(super) fn untracked(self) -> Self {
        Self::new(self.value)
    }

    pub(super) fn is_tracked(&self) -> bool {
        self.place.is_some()
    }

    /// What stands under a key in this one.
    pub(super) fn inner(&self, key: Value, value: Value, budget: &Budget) -> Outcome<Self> {
        let Some(outer) = &self.place else {
            return Ok(Self::new(value));
        };
        let length = outer.length.saturating_add(1);
        // Nothing that is so deep can be there.
        if length > budget.limits().depth {
            return Err(Stop::Limit(RunError::TooDeep));
        }
        let last = Some(Rc::new(Inner { key, outer: outer.clone() }));
        Ok(Self { value, place: Some(Place { last, length }) })
    }

    /// The keys from the root on.
    pub(super) fn into_path(self) -> Outcome<Vec<Value>> {
        let Some(place) = &self.place else {
            return fail("a path is needed, and this is not a place in the input");
        };
        let mut keys = Vec::with_capacity(place.length);
        let mut here = place;
        while let Some(inner) = &here.last {
            keys.push(inner.key.clone());
            here = &inner.outer;
        }
        keys.reverse();
        Ok(keys)
    }
}
