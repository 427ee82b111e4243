//! The forms that arguments of directives have: those of `sts-exchange`, too.

pub(crate) use sts_core::argument::{
    ONE_WORD, Problem, groups, number, options, seconds, size, switch, time, timeout, word,
};
