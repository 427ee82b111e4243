//! Objects and strings with parts: one for each way to choose among the outputs of their parts.
//!
//! The outputs are collected first, so that an object of a hundred fields is not a hundred levels on
//! the stack.

use std::collections::BTreeMap;

use super::native::path;
use super::{Env, Item, Next, Run};
use crate::budget::{Outcome, Stop, fail};
use crate::builtin::Format;
use crate::term::{Part, Term};
use crate::value::Value;

/// The outputs of one part.
struct Column {
    values: Vec<Value>,
    /// What stands in the place of the next one.
    end: Option<Stop>,
}

impl Run<'_> {
    fn column(&self, term: &Term, env: &Env<'_>, input: &Value) -> Outcome<Column> {
        let mut values = Vec::new();
        match self.values(term, env, input, &mut |value| {
            values.push(value);
            Ok(())
        }) {
            Ok(()) => Ok(Column { values, end: None }),
            Err(Stop::Limit(error)) => Err(Stop::Limit(error)),
            Err(stop) => Ok(Column { values, end: Some(stop) }),
        }
    }

    /// Each choice of one value of each column; that of the last column changes first.
    fn product(
        &self,
        mut columns: Vec<Column>,
        next: &mut dyn FnMut(&[&Value]) -> Outcome<()>,
    ) -> Outcome<()> {
        // How many values of each column are done with, of those columns that have one chosen.
        let mut chosen: Vec<usize> = Vec::with_capacity(columns.len());
        let mut at = 0;
        loop {
            self.budget.step(1)?;
            if let Some(column) = columns.get_mut(chosen.len()) {
                if at < column.values.len() {
                    chosen.push(at);
                    at = 0;
                    continue;
                }
                if let Some(stop) = column.end.take() {
                    return Err(stop);
                }
            } else {
                let row = columns.iter().zip(&chosen).map(|(column, at)| column.values.get(*at));
                next(&row.flatten().collect::<Vec<_>>())?;
            }
            match chosen.pop() {
                Some(last) => at = last.saturating_add(1),
                None => return Ok(()),
            }
        }
    }

    pub(super) fn object(
        &self,
        fields: &[(Term, Option<Term>)],
        env: &Env<'_>,
        item: &Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        let input = item.value();
        let mut columns = Vec::with_capacity(fields.len().saturating_mul(2));
        for (name, value) in fields {
            columns.push(self.column(name, env, input)?);
            if let Some(value) = value {
                columns.push(self.column(value, env, input)?);
            }
        }
        self.product(columns, &mut |row| {
            self.budget.fields(row.len())?;
            let (mut row, mut object) = (row.iter().copied(), BTreeMap::new());
            for (_, value) in fields {
                let Some(Value::Text(name)) = row.next() else {
                    return fail("a name in an object is not a string");
                };
                self.budget.compared(name)?;
                let found = match value {
                    Some(_) => row.next().cloned().unwrap_or(Value::Null),
                    None => path::index(self.budget, input, &Value::Text(name.clone()))?,
                };
                object.insert(name.clone(), found);
            }
            next(Item::new(self.budget.object(object)?))
        })
    }

    pub(super) fn interpolate(
        &self,
        format: Format,
        parts: &[Part],
        env: &Env<'_>,
        item: &Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        let input = item.value();
        let mut columns = Vec::with_capacity(parts.len());
        // In jq the first part changes first.
        for part in parts.iter().rev() {
            columns.push(match part {
                Part::Text(text) => {
                    self.budget.compared(text)?;
                    Column { values: vec![Value::Text(text.as_ref().into())], end: None }
                }
                Part::Term(term) => {
                    let mut column = self.column(term, env, input)?;
                    for value in &mut column.values {
                        *value = format(self.budget, std::mem::replace(value, Value::Null))?;
                    }
                    column
                }
            });
        }
        self.product(columns, &mut |row| {
            let mut whole = String::new();
            for value in row.iter().rev() {
                if let Value::Text(text) = value {
                    self.budget.fits(whole.len().saturating_add(text.len()))?;
                    self.budget.bytes(text.len())?;
                    whole.push_str(text);
                }
            }
            next(Item::new(self.budget.text(&whole)?))
        })
    }
}
