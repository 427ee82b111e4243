//! Paths: `.a[1:]?[]`, names, labels, and calls.

use super::native::path;
use super::{Bound, Env, Item, Next, NextIn, Run};
use crate::budget::{Outcome, Stop, fail};
use crate::builtin::Native;
use crate::term::{Access, Binder, Parameter, Pattern, Step, Term};
use crate::value::Value;

impl Run<'_> {
    pub(super) fn path(
        &self,
        parts: &(Term, Vec<Step>),
        env: &Env<'_>,
        item: Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        let input = item.value().clone();
        self.eval(&parts.0, env, item, &mut |item| {
            self.walk_steps(&parts.1, env, &input, item, next)
        })
    }

    fn walk_steps(
        &self,
        steps: &[Step],
        env: &Env<'_>,
        input: &Value,
        item: Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        let Some((step, rest)) = steps.split_first() else {
            return next(item);
        };
        self.budget.step(1)?;
        let mut go_on = |item| self.budget.nested(|| self.walk_steps(rest, env, input, item, next));
        match &step.access {
            Access::Index(index) => self.values(index, env, input, &mut |key| match path::index(
                self.budget,
                item.value(),
                &key,
            ) {
                Ok(value) => go_on(item.inner(key, value, self.budget)?),
                Err(Stop::Error(..)) if step.optional => Ok(()),
                Err(stop) => Err(stop),
            }),
            Access::Each => match item.value() {
                Value::Array(array) => {
                    for (index, value) in array.items().iter().enumerate() {
                        let key = Value::count(index);
                        go_on(item.inner(key, value.clone(), self.budget)?)?;
                    }
                    Ok(())
                }
                Value::Object(object) => {
                    for (name, value) in object.fields() {
                        let key = Value::Text(name.clone());
                        go_on(item.inner(key, value.clone(), self.budget)?)?;
                    }
                    Ok(())
                }
                _ if step.optional => Ok(()),
                _ => fail("[] needs an array or an object"),
            },
            Access::Slice(from, to) => {
                if item.is_tracked() {
                    return fail("a slice is no place in the input that could be changed");
                }
                self.bound(from.as_ref(), env, input, &mut |from| {
                    self.bound(to.as_ref(), env, input, &mut |to| match path::slice(
                        self.budget,
                        item.value(),
                        from,
                        to,
                    ) {
                        Ok(value) => go_on(Item::new(value)),
                        Err(Stop::Error(..)) if step.optional => Ok(()),
                        Err(stop) => Err(stop),
                    })
                })
            }
        }
    }

    /// One end of a slice; `null` is an open one.
    fn bound(
        &self,
        term: Option<&Term>,
        env: &Env<'_>,
        input: &Value,
        next: &mut dyn FnMut(&Value) -> Outcome<()>,
    ) -> Outcome<()> {
        match term {
            Some(term) => self.values(term, env, input, &mut |value| next(&value)),
            None => next(&Value::Null),
        }
    }

    pub(super) fn bind(
        &self,
        parts: &(Term, Pattern, Term),
        env: &Env<'_>,
        item: &Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        let (source, pattern, body) = parts;
        self.values(source, env, item.value(), &mut |value| {
            self.match_pattern(pattern, &value, item.value(), env, &mut |env| {
                self.eval(body, env, item.clone(), next)
            })
        })
    }

    /// Binds the variables of a pattern; for each way to do so there is an environment.
    pub(super) fn match_pattern(
        &self,
        pattern: &Pattern,
        value: &Value,
        input: &Value,
        env: &Env<'_>,
        next: NextIn<'_>,
    ) -> Outcome<()> {
        match pattern {
            Pattern::Variable(binder) => next(&env.bind(*binder, Bound::Value(value.clone()))),
            Pattern::Fields(fields) => self.match_fields(fields, value, input, env, next),
        }
    }

    fn match_fields(
        &self,
        fields: &[(Term, Pattern)],
        value: &Value,
        input: &Value,
        env: &Env<'_>,
        next: NextIn<'_>,
    ) -> Outcome<()> {
        let Some(((key, pattern), rest)) = fields.split_first() else {
            return next(env);
        };
        self.budget.nested(|| {
            self.values(key, env, input, &mut |key| {
                let inner = path::index(self.budget, value, &key)?;
                self.match_pattern(pattern, &inner, input, env, &mut |env| {
                    self.match_fields(rest, value, input, env, next)
                })
            })
        })
    }

    pub(super) fn label(
        &self,
        binder: Binder,
        body: &Term,
        env: &Env<'_>,
        item: Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        let label = self.labels.get();
        self.labels.set(label.saturating_add(1));
        match self.eval(body, &env.bind(binder, Bound::Label(label)), item, next) {
            Err(Stop::Break(reached)) if reached == label => Ok(()),
            outcome => outcome,
        }
    }

    pub(super) fn call(
        &self,
        number: usize,
        arguments: &[Term],
        env: &Env<'_>,
        item: &Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        let Some(definition) = self.definitions.get(number) else {
            return fail("a definition is gone");
        };
        self.bind_arguments(
            &definition.parameters,
            arguments,
            env,
            env,
            item.value(),
            &mut |inner| self.eval(&definition.body, inner, item.clone(), next),
        )
    }

    /// Binds the arguments of a call, each on the stack within the one before.
    fn bind_arguments(
        &self,
        parameters: &[Parameter],
        arguments: &[Term],
        caller: &Env<'_>,
        env: &Env<'_>,
        input: &Value,
        next: NextIn<'_>,
    ) -> Outcome<()> {
        let (Some((parameter, parameters)), Some((argument, arguments))) =
            (parameters.split_first(), arguments.split_first())
        else {
            return next(env);
        };
        self.budget.step(1)?;
        let mut bind = |bound: Bound<'_>| {
            let env = env.bind(parameter.binder, bound);
            self.budget
                .nested(|| self.bind_arguments(parameters, arguments, caller, &env, input, next))
        };
        if parameter.by_value {
            self.values(argument, caller, input, &mut |value| bind(Bound::Value(value)))
        } else {
            bind(Bound::Filter(argument, caller))
        }
    }

    pub(super) fn native(
        &self,
        native: Native,
        arguments: &[Term],
        env: &Env<'_>,
        item: Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        let budget = self.budget;
        match (native, arguments) {
            (Native::Zero(native), []) => next(Item::new(native(budget, item.into_value())?)),
            (Native::One(native), [argument]) => {
                let input = item.into_value();
                self.values(argument, env, &input, &mut |argument| {
                    next(Item::new(native(budget, input.clone(), argument)?))
                })
            }
            (Native::Two(native), [first, second]) => {
                let input = item.into_value();
                self.values(second, env, &input, &mut |second| {
                    self.values(first, env, &input, &mut |first| {
                        let output = native(budget, input.clone(), first, second.clone())?;
                        next(Item::new(output))
                    })
                })
            }
            _ => fail("a filter has other arguments"),
        }
    }
}
