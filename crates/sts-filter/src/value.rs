//! Values that know how large and how deep they are.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::number::Number;

/// What JSON can hold. Copies share what they hold, so that a copy costs nothing.
#[derive(Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(Rc<str>),
    Array(Rc<Array>),
    Object(Rc<Object>),
}

/// Where copies are shared a small value can stand for a huge text, so a container keeps the sum of
/// what is in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    /// The bytes that it takes in JSON, near enough: escapes are not counted, and a float is 24.
    pub(crate) bytes: usize,
    /// Levels of arrays and objects. What was deeper once may still count.
    pub(crate) depth: usize,
}

#[derive(Clone)]
pub(crate) struct Array {
    items: Vec<Value>,
    size: Size,
}

/// The fields are in the order of their names, as they are in a `serde_json::Map`.
#[derive(Clone)]
pub(crate) struct Object {
    fields: BTreeMap<Rc<str>, Value>,
    size: Size,
}

impl Size {
    const EMPTY: Self = Self { bytes: 2, depth: 1 };

    /// Adds a value, and so many bytes around it.
    fn hold(&mut self, around: usize, value: &Value) {
        let size = value.size();
        self.bytes = self.bytes.saturating_add(size.bytes).saturating_add(around);
        self.depth = self.depth.max(size.depth.saturating_add(1));
    }

    fn release(&mut self, around: usize, value: &Value) {
        let bytes = value.size().bytes.saturating_add(around);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// The comma behind an item.
const ITEM: usize = 1;

/// The name of a field, two quotes, the colon and the comma.
fn around(name: &str) -> usize {
    name.len().saturating_add(4)
}

impl Array {
    pub(crate) fn new(items: Vec<Value>) -> Self {
        let mut size = Size::EMPTY;
        for item in &items {
            size.hold(ITEM, item);
        }
        Self { items, size }
    }

    pub(crate) fn push(&mut self, item: Value) {
        self.size.hold(ITEM, &item);
        self.items.push(item);
    }

    /// Puts a value in the place of another, which is given back. `None`, and nothing is done, where
    /// there is none.
    pub(crate) fn replace(&mut self, index: usize, item: Value) -> Option<Value> {
        let place = self.items.get_mut(index)?;
        self.size.release(ITEM, place);
        self.size.hold(ITEM, &item);
        Some(std::mem::replace(place, item))
    }

    pub(crate) fn remove(&mut self, index: usize) {
        if index < self.items.len() {
            self.size.release(ITEM, &self.items.remove(index));
        }
    }

    pub(crate) fn items(&self) -> &[Value] {
        &self.items
    }

    pub(crate) fn into_items(self) -> Vec<Value> {
        self.items
    }
}

impl Object {
    pub(crate) fn new(fields: BTreeMap<Rc<str>, Value>) -> Self {
        let mut size = Size::EMPTY;
        for (name, value) in &fields {
            size.hold(around(name), value);
        }
        Self { fields, size }
    }

    pub(crate) fn insert(&mut self, name: Rc<str>, value: Value) {
        let space = around(&name);
        self.size.hold(space, &value);
        if let Some(old) = self.fields.insert(name, value) {
            self.size.release(space, &old);
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Value> {
        let old = self.fields.remove(name)?;
        self.size.release(around(name), &old);
        Some(old)
    }

    pub(crate) fn fields(&self) -> &BTreeMap<Rc<str>, Value> {
        &self.fields
    }

    pub(crate) fn into_fields(self) -> BTreeMap<Rc<str>, Value> {
        self.fields
    }
}

impl Value {
    pub(crate) fn count(count: usize) -> Self {
        Self::Number(Number::from_count(count))
    }

    pub(crate) fn size(&self) -> Size {
        let bytes = match self {
            Self::Null | Self::Bool(_) => 5,
            Self::Number(number) => number.bytes(),
            Self::Text(text) => text.len().saturating_add(2),
            Self::Array(array) => return array.size,
            Self::Object(object) => return object.size,
        };
        Size { bytes, depth: 0 }
    }

    /// Everything but `false` and `null`.
    pub(crate) fn is_true(&self) -> bool {
        !matches!(self, Self::Null | Self::Bool(false))
    }

    /// As `type` names it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// The place of its type in the order of jq.
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(false) => 1,
            Self::Bool(true) => 2,
            Self::Number(_) => 3,
            Self::Text(_) => 4,
            Self::Array(_) => 5,
            Self::Object(_) => 6,
        }
    }
}

impl Ord for Value {
    /// The order of jq: null, false, true, numbers, strings, arrays, objects; objects by their names
    /// first and by their values then.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => left.cmp(right),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (Self::Array(left), Self::Array(right)) => left.items.cmp(&right.items),
            (Self::Object(left), Self::Object(right)) => {
                let (left, right) = (&left.fields, &right.fields);
                left.keys().cmp(right.keys()).then_with(|| left.values().cmp(right.values()))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Number> for Value {
    fn from(value: Number) -> Self {
        Self::Number(value)
    }
}
