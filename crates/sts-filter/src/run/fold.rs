//! What needs to know of several outputs: `//`, `try`, `reduce`, `foreach`.

use super::{Env, Item, Next, Run};
use crate::budget::{Outcome, Stop};
use crate::term::{Fold, Term};
use crate::value::Value;

impl Run<'_> {
    /// Evaluates a term, and tells its own errors from those of what comes next: only the first are
    /// in the outcome inside.
    fn apart(
        &self,
        term: &Term,
        env: &Env<'_>,
        item: Item,
        next: Next<'_>,
    ) -> Outcome<Result<(), (&'static str, Value)>> {
        let mut later = None;
        let outcome = self.eval(term, env, item, &mut |item| {
            next(item).map_err(|stop| {
                later = Some(stop);
                Stop::Later
            })
        });
        match (later, outcome) {
            (Some(stop), _) => Err(stop),
            (None, Err(Stop::Error(about, message))) => Ok(Err((about, message))),
            (None, outcome) => outcome.map(Ok),
        }
    }

    /// `body?` and `try body catch handler`.
    pub(super) fn guard(
        &self,
        body: &Term,
        handler: Option<&Term>,
        env: &Env<'_>,
        item: Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        match (self.apart(body, env, item, next)?, handler) {
            (Err((_, message)), Some(handler)) => self.eval(handler, env, Item::new(message), next),
            _ => Ok(()),
        }
    }

    /// `left // right`: what is true of the left, else the right.
    pub(super) fn alternative(
        &self,
        both: &(Term, Term),
        env: &Env<'_>,
        item: Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        let mut any = false;
        let outcome = self.apart(&both.0, env, item.clone(), &mut |item| {
            if item.value().is_true() {
                any = true;
                return next(item);
            }
            Ok(())
        })?;
        // Also after an error nothing else is taken where there was something.
        drop(outcome);
        if any { Ok(()) } else { self.eval(&both.1, env, item, next) }
    }

    pub(super) fn reduce(
        &self,
        fold: &Fold,
        env: &Env<'_>,
        item: Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        let input = item.into_value();
        self.values(&fold.init, env, &input, &mut |init| {
            let mut state = init;
            self.each_binding(fold, env, &input, &mut |env| {
                let before = std::mem::replace(&mut state, Value::Null);
                self.eval(&fold.update, env, Item::new(before), &mut |item| {
                    state = item.into_value();
                    Ok(())
                })
            })?;
            next(Item::new(state))
        })
    }

    pub(super) fn foreach(
        &self,
        fold: &Fold,
        extract: Option<&Term>,
        env: &Env<'_>,
        item: Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        let input = item.into_value();
        self.values(&fold.init, env, &input, &mut |init| {
            let mut state = init;
            self.each_binding(fold, env, &input, &mut |env| {
                let before = std::mem::replace(&mut state, Value::Null);
                self.eval(&fold.update, env, Item::new(before), &mut |item| {
                    state = item.value().clone();
                    match extract {
                        Some(extract) => self.eval(extract, env, item, next),
                        None => next(item),
                    }
                })
            })
        })
    }

    fn each_binding(
        &self,
        fold: &Fold,
        env: &Env<'_>,
        input: &Value,
        next: super::NextIn<'_>,
    ) -> Outcome<()> {
        self.values(&fold.source, env, input, &mut |value| {
            self.match_pattern(&fold.pattern, &value, input, env, next)
        })
    }
}
