//! Evaluation: each term hands its outputs to what comes next, one after another.
//!
//! What comes next is a closure on the stack, so nothing is kept of outputs that are not wanted, and
//! what stops an evaluation stops it at once. Every term costs a step, and what works on values pays
//! for that by their size. There are no loops but those over values, and definitions do not call
//! themselves; so the stack is as deep as the expression, whose calls are counted.

mod assign;
mod fold;
mod item;
pub(crate) mod native;
mod operator;
mod product;
mod regex;
mod special;
mod steps;

use std::cell::Cell;

use crate::budget::{Budget, Outcome, Stop, fail};
use crate::error::RunError;
use crate::number::Arithmetic;
use crate::term::{Binder, Comparison, Definition, Term};
use crate::value::Value;
pub(crate) use item::Item;

/// What comes next.
type Next<'n> = &'n mut dyn FnMut(Item) -> Outcome<()>;

/// What comes next in another environment.
type NextIn<'n> = &'n mut dyn FnMut(&Env<'_>) -> Outcome<()>;

/// What names stand for, the latest first. As no definition comes back to itself, the latest binding
/// of a binder is the one that is meant.
struct Env<'e> {
    outer: Option<&'e Self>,
    binder: Binder,
    bound: Bound<'e>,
}

enum Bound<'e> {
    Nothing,
    Value(Value),
    /// A filter that is an argument, with the environment of the call.
    Filter(&'e Term, &'e Env<'e>),
    /// One activation of a label.
    Label(u64),
}

const OUTERMOST: Env<'static> = Env { outer: None, binder: Binder::MAX, bound: Bound::Nothing };

impl<'e> Env<'e> {
    fn bind(&'e self, binder: Binder, bound: Bound<'e>) -> Self {
        Self { outer: Some(self), binder, bound }
    }
}

/// One evaluation of an expression.
struct Run<'f> {
    definitions: &'f [Definition],
    budget: &'f Budget,
    /// Labels are numbered, so that each activation has its own.
    labels: Cell<u64>,
}

/// The first output.
pub(crate) fn first(
    definitions: &[Definition],
    term: &Term,
    input: Value,
    budget: &Budget,
) -> Result<Value, RunError> {
    let run = Run { definitions, budget, labels: Cell::new(0) };
    let first = run.first(term, &OUTERMOST, Item::new(input))?;
    first.map(Item::into_value).ok_or(RunError::NoOutput)
}

impl Run<'_> {
    fn eval(&self, term: &Term, env: &Env<'_>, item: Item, next: Next<'_>) -> Outcome<()> {
        self.budget.step(1)?;
        self.budget.enter()?;
        let outcome = self.dispatch(term, env, item, next);
        self.budget.leave();
        outcome
    }

    /// Nothing is done here that needs room on the stack, as this is on it once for each level.
    fn dispatch(&self, term: &Term, env: &Env<'_>, item: Item, next: Next<'_>) -> Outcome<()> {
        match term {
            Term::Identity => next(item),
            Term::Null | Term::Bool(_) | Term::Number(_) | Term::Text(_) | Term::Array(None) => {
                self.literal(term, next)
            }
            Term::Array(Some(items)) => self.array(items, env, item, next),
            Term::Interpolation(format, parts) => {
                self.interpolate(*format, parts, env, &item, next)
            }
            Term::Object(fields) => self.object(fields, env, &item, next),
            Term::Negate(term) => self.negate(term, env, &item, next),
            Term::Pipe(both) => self.pipe(both, env, item, next),
            Term::Bind(parts) => self.bind(parts, env, &item, next),
            Term::Comma(both) => self.comma(both, env, item, next),
            Term::Alternative(both) => self.alternative(both, env, item, next),
            Term::And(both) => self.logic(both, false, env, item, next),
            Term::Or(both) => self.logic(both, true, env, item, next),
            Term::Arithmetic(operation, both) => self.arithmetic(*operation, both, env, item, next),
            Term::Compare(comparison, both) => self.compare(*comparison, both, env, item, next),
            Term::Assign(assignment, both) => self.assign(*assignment, both, env, item, next),
            Term::Label(binder, body) => self.label(*binder, body, env, item, next),
            Term::Reduce(fold) => self.reduce(fold, env, item, next),
            Term::Foreach(fold, extract) => self.foreach(fold, extract.as_deref(), env, item, next),
            Term::Try(body, handler) => self.guard(body, handler.as_deref(), env, item, next),
            Term::If(parts) => self.branch(parts, env, &item, next),
            Term::Variable(binder) | Term::Argument(binder) | Term::Break(binder) => {
                self.name(*binder, env, item, next)
            }
            Term::Call(number, arguments) => self.call(*number, arguments, env, &item, next),
            Term::Native(native, arguments) => self.native(*native, arguments, env, item, next),
            Term::Special(special, arguments) => self.special(*special, arguments, env, item, next),
            Term::Regex(parts) => self.regex(parts, env, &item, next),
            Term::Path(parts) => self.path(parts, env, item, next),
        }
    }

    fn literal(&self, term: &Term, next: Next<'_>) -> Outcome<()> {
        next(Item::new(match term {
            Term::Bool(value) => Value::Bool(*value),
            Term::Number(number) => Value::Number(*number),
            Term::Text(text) => self.budget.text(text)?,
            Term::Array(_) => self.budget.array(Vec::new())?,
            _ => Value::Null,
        }))
    }

    fn array(&self, items: &Term, env: &Env<'_>, item: Item, next: Next<'_>) -> Outcome<()> {
        next(Item::new(self.collect(items, env, item)?))
    }

    fn pipe(&self, both: &(Term, Term), env: &Env<'_>, item: Item, next: Next<'_>) -> Outcome<()> {
        self.eval(&both.0, env, item, &mut |item| self.eval(&both.1, env, item, next))
    }

    fn comma(&self, both: &(Term, Term), env: &Env<'_>, item: Item, next: Next<'_>) -> Outcome<()> {
        self.eval(&both.0, env, item.clone(), next)?;
        self.eval(&both.1, env, item, next)
    }

    fn arithmetic(
        &self,
        operation: Arithmetic,
        both: &(Term, Term),
        env: &Env<'_>,
        item: Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        self.pairs(both, env, item, &mut |left, right| {
            next(Item::new(operator::join(self.budget, operation, left, right)?))
        })
    }

    fn compare(
        &self,
        comparison: Comparison,
        both: &(Term, Term),
        env: &Env<'_>,
        item: Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        self.pairs(both, env, item, &mut |left, right| {
            let ordering = self.budget.compare(&left, &right)?;
            next(Item::new(Value::Bool(comparison.holds(ordering))))
        })
    }

    /// What a name stands for: a value, a filter in its own environment, or a way out.
    fn name(&self, binder: Binder, env: &Env<'_>, item: Item, next: Next<'_>) -> Outcome<()> {
        match &self.find(binder, env)?.bound {
            Bound::Value(value) => next(Item::new(value.clone())),
            Bound::Filter(term, env) => self.eval(term, env, item, next),
            Bound::Label(label) => Err(Stop::Break(*label)),
            Bound::Nothing => fail("a name is gone"),
        }
    }

    /// The binding of a binder that is in scope.
    fn find<'e>(&self, binder: Binder, env: &'e Env<'e>) -> Outcome<&'e Env<'e>> {
        let mut here = env;
        let mut hops = 0_usize;
        while here.binder != binder {
            hops = hops.saturating_add(1);
            match here.outer {
                Some(outer) => here = outer,
                None => return fail("a name is gone"),
            }
        }
        self.budget.step(hops >> 4)?;
        Ok(here)
    }

    /// The first output, after which the term is left.
    fn first(&self, term: &Term, env: &Env<'_>, item: Item) -> Outcome<Option<Item>> {
        let mut found = None;
        let stop = self.eval(term, env, item, &mut |item| {
            found = Some(item);
            Err(Stop::Later)
        });
        match stop {
            Err(Stop::Later) if found.is_some() => Ok(found),
            stop => stop.map(|()| None),
        }
    }

    /// All outputs as an array.
    fn collect(&self, term: &Term, env: &Env<'_>, item: Item) -> Outcome<Value> {
        let mut items = Vec::new();
        self.eval(term, env, item.untracked(), &mut |item| {
            self.budget.step(1)?;
            items.push(item.into_value());
            Ok(())
        })?;
        self.budget.array(items)
    }

    /// Each output of a term as a value, and not as a place in the input.
    fn values(
        &self,
        term: &Term,
        env: &Env<'_>,
        input: &Value,
        next: &mut dyn FnMut(Value) -> Outcome<()>,
    ) -> Outcome<()> {
        self.eval(term, env, Item::new(input.clone()), &mut |item| next(item.into_value()))
    }

    /// The outputs of both terms, each with each; the right one is the slower, as in jq.
    fn pairs(
        &self,
        both: &(Term, Term),
        env: &Env<'_>,
        item: Item,
        next: &mut dyn FnMut(Value, Value) -> Outcome<()>,
    ) -> Outcome<()> {
        let input = item.into_value();
        self.values(&both.1, env, &input, &mut |right| {
            self.values(&both.0, env, &input, &mut |left| next(left, right.clone()))
        })
    }

    fn negate(&self, term: &Term, env: &Env<'_>, item: &Item, next: Next<'_>) -> Outcome<()> {
        self.values(term, env, item.value(), &mut |value| {
            let zero = Value::count(0);
            next(Item::new(operator::join(self.budget, Arithmetic::Subtract, zero, value)?))
        })
    }

    fn logic(
        &self,
        both: &(Term, Term),
        decides: bool,
        env: &Env<'_>,
        item: Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        let input = item.into_value();
        self.values(&both.0, env, &input, &mut |left| {
            if left.is_true() == decides {
                return next(Item::new(Value::Bool(decides)));
            }
            self.values(&both.1, env, &input, &mut |right| {
                next(Item::new(Value::Bool(right.is_true())))
            })
        })
    }

    fn branch(
        &self,
        parts: &(Term, Term, Option<Term>),
        env: &Env<'_>,
        item: &Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        self.values(&parts.0, env, item.value(), &mut |condition| {
            if condition.is_true() {
                return self.eval(&parts.1, env, item.clone(), next);
            }
            match &parts.2 {
                Some(otherwise) => self.eval(otherwise, env, item.clone(), next),
                None => next(item.clone()),
            }
        })
    }
}
