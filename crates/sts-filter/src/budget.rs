//! What a run may take: steps, bytes, depth.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::error::RunError;
use crate::value::{Array, Object, Value};

/// The bounds of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Steps. One is the evaluation of one part of the expression, or as much work on a value as
    /// takes about as long: a value of an array visited, 64 bytes of a string copied.
    pub steps: u32,
    /// Bytes of the claims, of the output and of each value on the way, in JSON. Escapes in strings
    /// are not counted.
    pub bytes: usize,
    /// Levels of arrays and objects of the claims, the output and each value on the way; no more
    /// than [`Self::DEEPEST`].
    pub depth: usize,
}

impl Limits {
    /// More levels are never allowed: values are walked by recursion.
    pub const DEEPEST: usize = 64;
}

impl Default for Limits {
    /// 20,000 steps, which take about a millisecond, 64 KiB and 64 levels.
    fn default() -> Self {
        Self { steps: 20_000, bytes: 65_536, depth: Self::DEEPEST }
    }
}

/// Evaluations that may be within each other. Each takes some hundred bytes of the stack.
const NESTING: usize = 384;

/// Why an evaluation does not go on.
pub(crate) enum Stop {
    /// An error that `try` catches: what is known of it without a value, and what `catch` gets.
    Error(&'static str, Value),
    /// `break` to the label with this number, whose kind is the number of its activation.
    Break(u64),
    /// The end of the run.
    Limit(RunError),
    /// What comes later has stopped, and its caller knows why.
    Later,
}

impl From<Stop> for RunError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Error(about, _) => Self::Failed(about),
            Stop::Limit(error) => error,
            // Each is taken by what it is meant for, around where it comes from.
            Stop::Break(_) | Stop::Later => Self::Failed("a label is gone"),
        }
    }
}

pub(crate) type Outcome<T> = Result<T, Stop>;

/// What is left of the limits. All containers and texts of a run are made here.
pub(crate) struct Budget {
    limits: Limits,
    steps: Cell<u32>,
    nesting: Cell<usize>,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limits: Limits { depth: limits.depth.min(Limits::DEEPEST), ..*limits },
            steps: Cell::new(limits.steps),
            nesting: Cell::new(0),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn steps_left(&self) -> u32 {
        self.steps.get()
    }

    /// Pays for so much work.
    pub(crate) fn step(&self, steps: usize) -> Outcome<()> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.steps.get().checked_sub(steps));
        self.steps.set(left.unwrap_or(0));
        left.map(drop).ok_or(Stop::Limit(RunError::TooManySteps))
    }

    /// Pays for reading or writing so many bytes of text.
    pub(crate) fn bytes(&self, bytes: usize) -> Outcome<()> {
        self.step((bytes >> 6).saturating_add(1))
    }

    /// Goes one level deeper; [`Self::leave`] comes back.
    pub(crate) fn enter(&self) -> Outcome<()> {
        let nesting = self.nesting.get();
        if nesting >= NESTING {
            return Err(Stop::Limit(RunError::TooDeep));
        }
        self.nesting.set(nesting.saturating_add(1));
        Ok(())
    }

    pub(crate) fn leave(&self) {
        self.nesting.set(self.nesting.get().saturating_sub(1));
    }

    /// Does something one level deeper.
    pub(crate) fn nested<T>(&self, run: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        self.enter()?;
        let outcome = run();
        self.leave();
        outcome
    }

    /// Refuses what would be larger than a value may be, before it is made.
    pub(crate) fn fits(&self, bytes: usize) -> Outcome<()> {
        if bytes > self.limits.bytes { Err(Stop::Limit(RunError::TooLarge)) } else { Ok(()) }
    }

    pub(crate) fn text(&self, text: &str) -> Outcome<Value> {
        self.fits(text.len().saturating_add(2))?;
        self.bytes(text.len())?;
        Ok(Value::Text(text.into()))
    }

    pub(crate) fn array(&self, items: Vec<Value>) -> Outcome<Value> {
        self.items(items.len())?;
        self.checked(Value::Array(Rc::new(Array::new(items))))
    }

    pub(crate) fn object(&self, fields: BTreeMap<Rc<str>, Value>) -> Outcome<Value> {
        self.fields(fields.len())?;
        self.checked(Value::Object(Rc::new(Object::new(fields))))
    }

    /// Pays for a look at, or a copy of, so many items of an array.
    pub(crate) fn items(&self, items: usize) -> Outcome<()> {
        self.step((items >> 3).saturating_add(1))
    }

    /// Pays for a look at, or a copy of, so many fields of an object.
    pub(crate) fn fields(&self, fields: usize) -> Outcome<()> {
        self.step(fields.saturating_add(1))
    }

    /// An array to change: a copy of its own, if others have it too.
    pub(crate) fn own_array(&self, array: Rc<Array>) -> Outcome<Array> {
        Rc::try_unwrap(array).or_else(|shared| {
            self.items(shared.items().len())?;
            Ok((*shared).clone())
        })
    }

    /// An object to change: a copy of its own, if others have it too.
    pub(crate) fn own_object(&self, object: Rc<Object>) -> Outcome<Object> {
        Rc::try_unwrap(object).or_else(|shared| {
            self.fields(shared.fields().len())?;
            Ok((*shared).clone())
        })
    }

    /// A container that has grown.
    pub(crate) fn checked(&self, value: Value) -> Outcome<Value> {
        let size = value.size();
        self.fits(size.bytes)?;
        if size.depth > self.limits.depth {
            return Err(Stop::Limit(RunError::TooDeep));
        }
        Ok(value)
    }

    /// Compares, and pays for it.
    pub(crate) fn compare(&self, left: &Value, right: &Value) -> Outcome<std::cmp::Ordering> {
        let least = left.size().bytes.min(right.size().bytes);
        self.step((least >> 5).saturating_add(1))?;
        Ok(left.cmp(right))
    }
}

/// An error that `try` can catch, with the same text for `catch`.
pub(crate) fn fail<T>(about: &'static str) -> Outcome<T> {
    Err(Stop::Error(about, Value::Text(about.into())))
}
