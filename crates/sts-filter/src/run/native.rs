//! Filters that make a value of values.

pub(crate) mod array;
pub(crate) mod object;
pub(crate) mod path;
pub(crate) mod text;
