//! Filters that make a value of values.
#![expect(
    clippy::needless_pass_by_value,
    reason = "those of one table have one signature, and some change what they get"
)]

pub(crate) mod array;
pub(crate) mod object;
pub(crate) mod path;
pub(crate) mod text;
