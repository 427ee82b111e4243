//! Filters that evaluate their arguments themselves.

use super::assign::enough;
use super::native::path;
use super::{Env, Item, Next, Run};
use crate::budget::{Outcome, Stop, fail};
use crate::builtin::Special;
use crate::number::Number;
use crate::term::Term;
use crate::value::Value;

/// What is known of an error that the expression makes: its text may have claims in it.
const OWN_ERROR: &str = "the expression calls error";

impl Run<'_> {
    pub(super) fn special(
        &self,
        special: Special,
        arguments: &[Term],
        env: &Env<'_>,
        item: Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        match (special, arguments) {
            (Special::Empty, []) => Ok(()),
            (Special::Error, []) => Err(Stop::Error(OWN_ERROR, item.into_value())),
            (Special::Error, [message]) => {
                self.values(message, env, item.value(), &mut |message| {
                    Err(Stop::Error(OWN_ERROR, message))
                })
            }
            (Special::First, [term]) => match self.first(term, env, item)? {
                Some(first) => next(first),
                None => Ok(()),
            },
            (Special::Limit, [count, term]) => self.limit(count, term, env, &item, next),
            (Special::Path, [term]) => {
                let input = item.into_value();
                for path in self.paths(term, env, &input)? {
                    next(Item::new(self.budget.array(path)?))?;
                }
                Ok(())
            }
            (Special::Delete, [term]) => {
                let input = item.into_value();
                let paths = self.paths(term, env, &input)?;
                next(Item::new(path::delete(self.budget, input, paths)?))
            }
            (Special::GetPath, [term]) => self.values(term, env, item.value(), &mut |path| {
                let mut here = item.clone();
                for key in path::keys(&path)? {
                    self.budget.step(1)?;
                    let value = path::index(self.budget, here.value(), key)?;
                    here = here.inner(key.clone(), value, self.budget)?;
                }
                next(here)
            }),
            (Special::Walk, [term]) => match self.walk(term, env, item.into_value())? {
                Some(value) => next(Item::new(value)),
                None => Ok(()),
            },
            _ => fail("a filter has other arguments"),
        }
    }

    /// `limit(count; term)`: the first outputs, after which the term is left.
    fn limit(
        &self,
        count: &Term,
        term: &Term,
        env: &Env<'_>,
        item: &Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        self.values(count, env, item.value(), &mut |count| {
            let Value::Number(count) = count else {
                return fail("limit needs a number");
            };
            let mut left = count;
            let one = Number::from_count(1);
            if left < one {
                return Ok(());
            }
            let mut reached = false;
            let outcome = self.eval(term, env, item.clone(), &mut |item| {
                left = left.join(crate::number::Arithmetic::Subtract, one).unwrap_or(one);
                next(item)?;
                reached = left < one;
                if reached { Err(Stop::Later) } else { Ok(()) }
            });
            enough(outcome, reached)
        })
    }
}
