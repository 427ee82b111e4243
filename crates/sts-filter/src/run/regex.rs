//! `test`, `capture`, `scan`, `sub` and `gsub`.

use std::collections::BTreeMap;

use regex_lite::Captures;

use super::{Env, Item, Next, Run};
use crate::budget::{Outcome, fail};
use crate::regex::{Pattern, Purpose};
use crate::term::Term;
use crate::value::Value;

impl Run<'_> {
    pub(super) fn regex(
        &self,
        parts: &(Pattern, Option<Term>),
        env: &Env<'_>,
        item: &Item,
        next: Next<'_>,
    ) -> Outcome<()> {
        let (pattern, replacement) = parts;
        let Value::Text(text) = item.value() else {
            return fail("a regular expression needs a string");
        };
        match pattern.purpose {
            Purpose::Test => {
                self.budget.step(pattern.steps(text.len()))?;
                next(Item::new(Value::Bool(pattern.regex().is_match(text))))
            }
            Purpose::Capture => self.matches(pattern, text, &mut |captures| {
                next(Item::new(self.groups(pattern, captures)?))
            }),
            Purpose::Scan => self.matches(pattern, text, &mut |captures| {
                if captures.len() == 1 {
                    return next(Item::new(self.group(captures.get(0))?));
                }
                let groups = captures.iter().skip(1).map(|group| self.group(group));
                let groups = groups.collect::<Outcome<_>>()?;
                next(Item::new(self.budget.array(groups)?))
            }),
            Purpose::Replace => {
                let mut replaced = String::new();
                let mut done = 0;
                self.matches(pattern, text, &mut |captures| {
                    let groups = Item::new(self.groups(pattern, captures)?);
                    let with = match replacement {
                        Some(replacement) => self.first(replacement, env, groups)?,
                        None => None,
                    };
                    let Some(Value::Text(with)) = with.map(Item::into_value) else {
                        return fail("what a match becomes is not a string");
                    };
                    if let Some(found) = captures.get(0) {
                        let before = text.get(done..found.start()).unwrap_or_default();
                        replaced.push_str(before);
                        replaced.push_str(&with);
                        done = found.end();
                    }
                    self.budget.bytes(with.len())?;
                    self.budget.fits(replaced.len())
                })?;
                replaced.push_str(text.get(done..).unwrap_or_default());
                next(Item::new(self.budget.text(&replaced)?))
            }
        }
    }

    /// Each match, or the first one. The text is paid for once, and with each match what is searched again.
    fn matches(
        &self,
        pattern: &Pattern,
        text: &str,
        found: &mut dyn FnMut(&Captures<'_>) -> Outcome<()>,
    ) -> Outcome<()> {
        let mut searched = 0;
        self.budget.step(pattern.steps(text.len()))?;
        for captures in pattern.regex().captures_iter(text) {
            found(&captures)?;
            if !pattern.global {
                break;
            }
            searched = captures.get(0).map_or(searched, |found| found.end());
            self.budget.step(pattern.steps_again(text.len().saturating_sub(searched)))?;
        }
        Ok(())
    }

    fn group(&self, group: Option<regex_lite::Match<'_>>) -> Outcome<Value> {
        group.map_or(Ok(Value::Null), |group| self.budget.text(group.as_str()))
    }

    /// The named groups.
    fn groups(&self, pattern: &Pattern, captures: &Captures<'_>) -> Outcome<Value> {
        let mut groups = BTreeMap::new();
        for name in pattern.regex().capture_names().flatten() {
            groups.insert(name.into(), self.group(captures.name(name))?);
        }
        self.budget.object(groups)
    }
}
