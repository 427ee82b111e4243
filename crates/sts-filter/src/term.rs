//! An expression in which every name is resolved.

use crate::builtin::{Format, Native, Special};
use crate::number::{Arithmetic, Number};
use crate::regex::Pattern as Regex;

/// Which variable, argument or label is meant. Each place in the text that binds one has a number
/// of its own.
pub(crate) type Binder = u32;

/// A part of an expression: from one value it makes any number of them.
pub(crate) enum Term {
    Identity,
    Null,
    Bool(bool),
    Number(Number),
    Text(Box<str>),
    /// `@base64 "a\(.b)"`.
    Interpolation(Format, Vec<Part>),
    Array(Option<Box<Self>>),
    /// Names and values; without one the value is what the input has under the name.
    Object(Vec<(Self, Option<Self>)>),
    Negate(Box<Self>),
    Pipe(Box<(Self, Self)>),
    /// `source as pattern | body`.
    Bind(Box<(Self, Pattern, Self)>),
    Comma(Box<(Self, Self)>),
    Alternative(Box<(Self, Self)>),
    And(Box<(Self, Self)>),
    Or(Box<(Self, Self)>),
    Arithmetic(Arithmetic, Box<(Self, Self)>),
    Compare(Comparison, Box<(Self, Self)>),
    Assign(Assignment, Box<(Self, Self)>),
    Label(Binder, Box<Self>),
    Break(Binder),
    Reduce(Box<Fold>),
    /// With what is given for each item.
    Foreach(Box<Fold>, Option<Box<Self>>),
    Try(Box<Self>, Option<Box<Self>>),
    /// Condition, then, else.
    If(Box<(Self, Self, Option<Self>)>),
    Variable(Binder),
    /// A filter that is an argument.
    Argument(Binder),
    /// A definition by its number, and its arguments.
    Call(usize, Vec<Self>),
    Native(Native, Vec<Self>),
    Special(Special, Vec<Self>),
    Regex(Box<(Regex, Option<Self>)>),
    Path(Box<(Self, Vec<Step>)>),
}

/// A part of a string.
pub(crate) enum Part {
    Text(Box<str>),
    Term(Term),
}

/// One step of a path such as `.a[1:]?`.
pub(crate) struct Step {
    pub(crate) access: Access,
    /// Whether what cannot be accessed is left out.
    pub(crate) optional: bool,
}

pub(crate) enum Access {
    Index(Term),
    /// `[]`.
    Each,
    Slice(Option<Term>, Option<Term>),
}

/// `reduce source as pattern (init; update)`.
pub(crate) struct Fold {
    pub(crate) source: Term,
    pub(crate) pattern: Pattern,
    pub(crate) init: Term,
    pub(crate) update: Term,
}

/// What a value is taken apart by.
pub(crate) enum Pattern {
    Variable(Binder),
    /// What to index by, and what becomes of what is there.
    Fields(Vec<(Term, Self)>),
}

#[derive(Clone, Copy)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

#[derive(Clone, Copy)]
pub(crate) enum Assignment {
    /// `=`.
    Value,
    /// `|=`.
    Update,
    /// `+=` and its kind.
    Arithmetic(Arithmetic),
    /// `//=`.
    Alternative,
}

/// `def name(parameters): body;`.
pub(crate) struct Definition {
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Term,
}

#[derive(Clone, Copy)]
pub(crate) struct Parameter {
    pub(crate) binder: Binder,
    /// `$name`: the argument is evaluated once, where the definition is called.
    pub(crate) by_value: bool,
}
