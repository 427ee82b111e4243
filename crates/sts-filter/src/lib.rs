//! Filters that rewrite claims, in the language of jq.
//!
//! An operator writes an expression; it is read when the configuration is ([`Filter::compile`]), and
//! run on the claims of a token before that is signed ([`Filter::run`]). The expression is trusted to
//! say what the token holds, and not to be harmless: a run takes no more than so many steps, bytes
//! and levels ([`Limits`]), and sees nothing but the claims. There is no input but these, no
//! environment, no file, no clock, no output but the object that it gives. Errors of a run hold
//! nothing of the claims.
//!
//! There is all of the grammar but `?//` and modules, and of the filters: `add`, `all`, `any`,
//! `arrays`, `ascii_downcase`, `ascii_upcase`, `abs`, `booleans`, `capture`, `ceil`, `contains`,
//! `del`, `delpaths`, `empty`, `endswith`, `error`, `first`, `flatten`, `floor`, `fromjson`,
//! `from_entries`, `getpath`, `group_by`, `gsub`, `has`, `IN`, `in`, `index`, `indices`, `inside`,
//! `isempty`, `iterables`, `join`, `keys`, `last`, `length`, `limit`, `ltrimstr`, `map`,
//! `map_values`, `max`, `max_by`, `min`, `min_by`, `not`, `nth`, `nulls`, `numbers`, `objects`,
//! `path`, `paths`, `pick`, `reverse`, `rindex`, `round`, `rtrimstr`, `scalars`, `scan`, `select`,
//! `setpath`, `sort`, `sort_by`, `split`, `startswith`, `strings`, `sub`, `test`, `to_entries`,
//! `tojson`, `tonumber`, `tostring`, `trim`, `ltrim`, `rtrim`, `type`, `unique`, `unique_by`,
//! `utf8bytelength`, `values`, `walk`, `with_entries`, and `@text`, `@json`, `@uri`, `@base64`,
//! `@base64d`.
//!
//! jaq reads the language (`compile`, with `nesting` before it); the evaluation is our own (`run`),
//! over values that know their size (`value`), and out of one budget (`budget`). What may be called
//! is in `builtin` and in `prelude.jq`. ADR 19 says why.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod budget;
mod builtin;
mod compile;
mod error;
mod json;
mod nesting;
mod number;
mod regex;
mod run;
mod term;
mod value;

use std::rc::Rc;

use serde_json::{Map, Value as Json};

use budget::Budget;
pub use budget::Limits;
pub use error::{FilterError, RunError};
use value::Value;

/// An expression that can be run.
pub struct Filter {
    program: compile::Program,
}

/// How a run went.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What became of the claims.
    pub result: Result<Map<String, Json>, RunError>,
    /// The steps that were taken, at most [`Limits::steps`].
    pub steps: u32,
}

impl Filter {
    /// Reads an expression of at most 4096 bytes.
    ///
    /// # Errors
    ///
    /// It is not a valid expression, it calls what does not exist here or a definition that calls
    /// itself, or it is nested too deeply. The message says which, and where.
    pub fn compile(text: &str) -> Result<Self, FilterError> {
        compile::compile(text).map(|program| Self { program })
    }

    /// The first output for these claims, which has to be an object.
    ///
    /// # Errors
    ///
    /// The expression fails for these claims, gives nothing or something else than an object, or
    /// reaches a limit.
    pub fn run(
        &self,
        claims: &Map<String, Json>,
        limits: &Limits,
    ) -> Result<Map<String, Json>, RunError> {
        self.report(claims, limits).result
    }

    /// As [`Self::run`], with what the run took.
    #[must_use]
    pub fn report(&self, claims: &Map<String, Json>, limits: &Limits) -> Report {
        let budget = Budget::new(limits);
        let result = self.rewrite(claims, &budget);
        Report { result, steps: limits.steps.saturating_sub(budget.steps_left()) }
    }

    fn rewrite(
        &self,
        claims: &Map<String, Json>,
        budget: &Budget,
    ) -> Result<Map<String, Json>, RunError> {
        json::check_depth(claims, budget.limits().depth)?;
        let claims = json::object_from_json(claims)?;
        let claims = budget.checked(Value::Object(Rc::new(claims)))?;
        let Self { program } = self;
        match run::first(&program.definitions, &program.main, claims, budget)? {
            Value::Object(object) => Ok(json::object_to_json(&object)?),
            other => Err(RunError::NotAnObject(other.kind())),
        }
    }
}
