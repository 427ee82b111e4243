//! What can be wrong with an expression, and how a run of one can end without a result.

use std::fmt;

use thiserror::Error;

/// An expression that cannot be used, with the place in it. The expression is the operator's and not
/// secret, so the message repeats parts of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{problem}{position}")]
pub struct FilterError {
    problem: Problem,
    position: Position,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Problem {
    #[error("the expression has more than {0} bytes")]
    TooLong(usize),
    #[error("the expression is nested too deeply")]
    TooDeep,
    #[error("a definition has {0} parameters at most")]
    Parameters(usize),
    #[error("{expected} is expected")]
    Expected { expected: String },
    #[error("the filter {name}/{arguments} is unknown")]
    Unknown { name: String, arguments: usize },
    #[error("{name} is not available: {why}")]
    Refused { name: String, why: &'static str },
    #[error("the variable {0} is unknown")]
    Variable(String),
    #[error("no label {0} is around this")]
    Label(String),
    #[error("{0} calls itself; a definition must not")]
    CallsItself(String),
    #[error("the number {0} cannot be kept exactly")]
    Number(String),
    #[error("the regular expression of {0} must be a string without variable parts")]
    VariableRegex(String),
    #[error("the regular expression is not valid: {0}")]
    Regex(String),
    #[error("the regular expression is too large")]
    LargeRegex,
    #[error("a regular expression has the flags g, i and x, in a string")]
    RegexFlags,
}

/// Where in the expression.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Position {
    line: usize,
    /// In characters. 0 where the whole expression is meant.
    column: usize,
    /// Some of what stands there.
    excerpt: String,
    lines: bool,
}

/// Of a longer text the message shows this many characters.
const EXCERPT: usize = 24;

impl FilterError {
    /// About the whole expression.
    pub(crate) fn of_all(problem: Problem) -> Self {
        Self { problem, position: Position::default() }
    }

    /// About what stands at an offset of the expression, in bytes.
    pub(crate) fn at(problem: Problem, text: &str, offset: usize) -> Self {
        let (before, rest) = text.split_at_checked(offset).unwrap_or((text, ""));
        let line_start = before.rfind('\n').map_or(0, |end| end.saturating_add(1));
        let in_line = before.get(line_start..).unwrap_or_default();
        let excerpt = rest.trim_start().lines().next().unwrap_or_default();
        let position = Position {
            line: before.matches('\n').count().saturating_add(1),
            column: in_line.chars().count().saturating_add(1),
            excerpt: excerpt.chars().take(EXCERPT).filter(|c| !c.is_control()).collect(),
            lines: text.contains('\n'),
        };
        Self { problem, position }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.column == 0 {
            return Ok(());
        }
        f.write_str(", at ")?;
        if self.lines {
            write!(f, "line {}, ", self.line)?;
        }
        write!(f, "character {}", self.column)?;
        if self.excerpt.is_empty() {
            f.write_str(" (the end)")
        } else {
            write!(f, " (`{}`)", self.excerpt)
        }
    }
}

/// A run without a result. Nothing of the claims stands in it, so it can be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RunError {
    /// The expression does not fit the claims, or calls `error`. The text says what was tried, with
    /// the types of values and never with a value.
    #[error("the filter failed: {0}")]
    Failed(&'static str),
    /// There was no output.
    #[error("the filter gave nothing")]
    NoOutput,
    /// The first output was this type, and not an object.
    #[error("the filter gave a value of type {0}, not an object")]
    NotAnObject(&'static str),
    /// More than [`Limits::steps`](crate::Limits::steps).
    #[error("the filter took too many steps")]
    TooManySteps,
    /// The claims, the output or a value on the way have more than
    /// [`Limits::bytes`](crate::Limits::bytes).
    #[error("the claims, or what the filter makes of them, are too large")]
    TooLarge,
    /// The claims, the output or a value on the way are nested more deeply than
    /// [`Limits::depth`](crate::Limits::depth), or calls are nested too deeply.
    #[error("the claims, or what the filter makes of them, are nested too deeply")]
    TooDeep,
}
