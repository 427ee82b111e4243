//! The forms that arguments of directives have: those of `sts-exchange`, too.

pub(crate) use sts_core::argument::{
    Problem, groups, number, seconds, size, switch, time, timeout, word,
};

/// How options are written, where several words are found in their place.
pub(crate) const ONE_WORD: &str = "the options are one word: join them by \"&\", without spaces, as in \
                                   key=value&key=value; in a value \"+\" stands for a space";

/// The option string that may stand behind the first argument.
pub(crate) fn options<'a>(arguments: &[&'a str]) -> Result<Option<&'a str>, Problem> {
    match arguments {
        [] | [_] => Ok(None),
        [_, options] => Ok(Some(options)),
        _ => Err(ONE_WORD.into()),
    }
}
