//! Calls and definitions.

use jaq_core::load::parse::Def;

use super::scope::Callee;
use super::{Compiled, Compiler, Parsed};
use crate::builtin::{self, Builtin};
use crate::error::{FilterError, Problem};
use crate::regex::{self, Purpose};
use crate::term::{Binder, Definition, Term};

/// The parameters of a definition. Each is a level of a call.
const PARAMETERS: usize = 16;

impl<'t> Compiler<'t> {
    /// A definition cannot be called in its own body, nor in that of one that stands in it, and jq
    /// has no other way to come back to a definition: without that, every expression ends.
    pub(super) fn define(&mut self, definition: Def<&'t str>) -> Compiled<()> {
        if definition.args.len() > PARAMETERS {
            return Err(self.error(Problem::Parameters(PARAMETERS), definition.name));
        }
        let parameters = self.scope.open(definition.name, &definition.args);
        let body = self.term(definition.body)?;
        self.scope.close(Definition { parameters, body });
        Ok(())
    }

    pub(super) fn variable(&self, name: &'t str) -> Compiled<Binder> {
        self.scope.variable(name).ok_or_else(|| {
            let problem = match builtin::refusal(name) {
                Some(why) => Problem::Refused { name: name.to_owned(), why },
                None => Problem::Variable(name.to_owned()),
            };
            self.error(problem, name)
        })
    }

    pub(super) fn unknown(&self, name: &str, arguments: usize) -> FilterError {
        let problem = match builtin::refusal(name) {
            Some(why) => Problem::Refused { name: name.to_owned(), why },
            None => Problem::Unknown { name: name.to_owned(), arguments },
        };
        self.error(problem, name)
    }

    pub(super) fn call(&mut self, name: &'t str, arguments: Vec<Parsed<'t>>) -> Compiled<Term> {
        let count = arguments.len();
        match self.scope.callee(name, count) {
            Some(Callee::Itself) => {
                return Err(self.error(Problem::CallsItself(name.to_owned()), name));
            }
            Some(Callee::Argument(binder)) => return Ok(Term::Argument(binder)),
            Some(Callee::Definition(number)) => {
                return Ok(Term::Call(number, self.terms(arguments)?));
            }
            None => {}
        }
        match (name, count) {
            ("null", 0) => return Ok(Term::Null),
            ("true", 0) => return Ok(Term::Bool(true)),
            ("false", 0) => return Ok(Term::Bool(false)),
            ("test", 1 | 2) => return self.regex(name, Purpose::Test, arguments, false),
            ("capture", 1 | 2) => return self.regex(name, Purpose::Capture, arguments, false),
            ("scan", 1 | 2) => return self.regex(name, Purpose::Scan, arguments, false),
            ("sub" | "gsub", 2 | 3) => return self.regex(name, Purpose::Replace, arguments, true),
            _ => {}
        }
        let found = match builtin::find(name, count) {
            Some(_) if name.starts_with(builtin::INTERNAL) && !self.in_prelude => None,
            found => found,
        };
        match found {
            Some(Builtin::Native(native)) => Ok(Term::Native(native, self.terms(arguments)?)),
            Some(Builtin::Special(special)) => Ok(Term::Special(special, self.terms(arguments)?)),
            None => Err(self.unknown(name, count)),
        }
    }

    fn terms(&mut self, terms: Vec<Parsed<'t>>) -> Compiled<Vec<Term>> {
        terms.into_iter().map(|term| self.term(term)).collect()
    }

    /// The regular expression comes first, then with `replaces` what a match becomes, then flags.
    fn regex(
        &mut self,
        name: &'t str,
        purpose: Purpose,
        arguments: Vec<Parsed<'t>>,
        replaces: bool,
    ) -> Compiled<Term> {
        let mut terms = self.terms(arguments)?.into_iter();
        let pattern = terms.next();
        let replacement = if replaces { terms.next() } else { None };
        let flags = terms.next();
        let Some(Term::Text(pattern)) = pattern else {
            return Err(self.error(Problem::VariableRegex(name.to_owned()), name));
        };
        let flags = match flags {
            None | Some(Term::Null) => "".into(),
            Some(Term::Text(flags)) => flags,
            Some(_) => return Err(self.error(Problem::RegexFlags, name)),
        };
        let mut regex = regex::Pattern::new(&pattern, &flags, purpose)
            .map_err(|problem| self.error(problem, name))?;
        regex.global |= matches!(name, "gsub" | "scan");
        Ok(Term::Regex(Box::new((regex, replacement))))
    }
}
