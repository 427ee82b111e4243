//! `=`, `|=`, `+=`, `//=`: changes at the places that a path leads to.

use super::native::path;
use super::{Env, Item, Next, Run, operator};
use crate::budget::{Outcome, Stop};
use crate::term::{Assignment, Term};
use crate::value::Value;

impl Run<'_> {
    /// The paths that a term leads to in a value.
    pub(super) fn paths(
        &self,
        term: &Term,
        env: &Env<'_>,
        input: &Value,
    ) -> Outcome<Vec<Vec<Value>>> {
        let mut paths = Vec::new();
        self.eval(term, env, Item::root(input.clone()), &mut |item| {
            let path = item.into_path()?;
            self.budget.step(path.len().saturating_add(2))?;
            paths.push(path);
            Ok(())
        })?;
        Ok(paths)
    }

    pub(super) fn assign(
        &self,
        assignment: Assignment,
        both: &(Term, Term),
        env: &Env<'_>,
        item: Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        let (places, term) = both;
        let input = item.into_value();
        if let Assignment::Update = assignment {
            let updated = self.update(places, env, input, &mut |old| {
                Ok(self.first(term, env, Item::new(old))?.map(Item::into_value))
            })?;
            return next(Item::new(updated));
        }
        // All others evaluate the right side once, and on the whole input.
        self.values(term, env, &input, &mut |right| {
            let updated = self.update(places, env, input.clone(), &mut |old| {
                Ok(Some(match assignment {
                    Assignment::Arithmetic(operation) => {
                        operator::join(self.budget, operation, old, right.clone())?
                    }
                    Assignment::Alternative if old.is_true() => old,
                    _ => right.clone(),
                }))
            })?;
            next(Item::new(updated))
        })
    }

    /// Changes what is at each of the places. Where nothing comes of it the place is deleted.
    fn update(
        &self,
        places: &Term,
        env: &Env<'_>,
        input: Value,
        change: &mut dyn FnMut(Value) -> Outcome<Option<Value>>,
    ) -> Outcome<Value> {
        let mut gone = Vec::new();
        let mut whole = input;
        for place in self.paths(places, env, &whole)? {
            self.budget.step(1)?;
            let old = path::get(self.budget, whole.clone(), &place)?;
            match change(old)? {
                Some(new) => whole = path::set(self.budget, whole, &place, new)?,
                None => gone.push(place),
            }
        }
        path::delete(self.budget, whole, gone)
    }

    /// `walk(f)`: `f` of each value, once it has been applied to what is in it.
    pub(super) fn walk(&self, term: &Term, env: &Env<'_>, value: Value) -> Outcome<Option<Value>> {
        self.budget.step(1)?;
        let value = match value {
            Value::Array(array) => {
                let mut items = Vec::new();
                for item in self.budget.own_array(array)?.into_items() {
                    items.extend(self.budget.nested(|| self.walk(term, env, item))?);
                }
                self.budget.array(items)?
            }
            Value::Object(object) => {
                let mut fields = operator::fields(self.budget, object)?;
                let mut gone = Vec::new();
                for (name, value) in &mut fields {
                    let old = std::mem::replace(value, Value::Null);
                    match self.budget.nested(|| self.walk(term, env, old))? {
                        Some(new) => *value = new,
                        None => gone.push(name.clone()),
                    }
                }
                for name in gone {
                    self.budget.compared(&name)?;
                    fields.remove(&name);
                }
                self.budget.object(fields)?
            }
            value => value,
        };
        Ok(self.first(term, env, Item::new(value))?.map(Item::into_value))
    }
}

/// What ends an enumeration early, and is no error.
pub(super) fn enough(outcome: Outcome<()>, reached: bool) -> Outcome<()> {
    match outcome {
        Err(Stop::Later) if reached => Ok(()),
        outcome => outcome,
    }
}
