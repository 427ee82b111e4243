//! The forms that arguments of directives have: those of `sts-exchange`, too.

pub(crate) use sts_core::argument::{Problem, groups, number, size, switch, time, timeout, word};
