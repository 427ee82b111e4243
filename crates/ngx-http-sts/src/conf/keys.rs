//! The options of `STSExchange`: each stands for a directive, and is read as its arguments are.

use crate::conf::argument::{Problem, groups};
use crate::conf::directive::{Block, Directive, Refusal};
use crate::conf::directives::DIRECTIVES;
use crate::conf::kind::Kind;

/// The option that a directive can be written as.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// For this type of exchange alone.
    pub(crate) of: Option<Kind>,
    /// Its value may hold variables.
    pub(crate) has_variables: bool,
    /// The options of the directive's last argument: what each is called beside this one, and there.
    pub(crate) options: &'static [(&'static str, &'static str)],
}

/// The directives that an exchange of a type can have as options.
pub(crate) fn of(kind: Kind) -> impl Iterator<Item = (&'static str, &'static Directive)> {
    DIRECTIVES.iter().filter_map(move |directive| {
        let key = directive.key.filter(|key| key.of.is_none_or(|of| of == kind))?;
        Some((key.name, directive))
    })
}

/// The names of the options whose values may hold variables.
pub(crate) fn with_variables() -> impl Iterator<Item = &'static str> {
    let keys = DIRECTIVES.iter().filter_map(|directive| directive.key);
    keys.filter(|key| key.has_variables).map(|key| key.name)
}

/// Reads the decoded value of an option as the arguments of its directive. `options` is the last of
/// them, where it is an option string itself.
pub(crate) fn set(
    directive: &'static Directive,
    block: &mut Block<'_>,
    value: &str,
    options: Option<&str>,
) -> Result<(), Refusal> {
    let (least, most) = directive.arguments;
    if directive.key.is_some_and(|key| !key.options.is_empty()) {
        return match options {
            Some(options) => (directive.set)(block, &[value, options]),
            None => (directive.set)(block, &[value]),
        };
    }
    if most == 1 {
        return (directive.set)(block, &[value]);
    }
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    if directive.is_of_list {
        let flag = directive.flag.map(|flag| format!(", each with \"{flag}\" behind it or not"));
        let problem = || {
            Problem::from(format!(
                "the value must be {least} words, or a multiple, with spaces (+) between them{}",
                flag.as_deref().unwrap_or_default()
            ))
        };
        let each = groups(&words, least.into(), directive.flag).ok_or_else(problem)?;
        return each.into_iter().try_for_each(|words| (directive.set)(block, words));
    }
    if !(least.into()..=most.into()).contains(&words.len()) {
        return Err(Problem::from(format!(
            "the value must be {least} to {most} words with spaces (+) between them"
        ))
        .into());
    }
    (directive.set)(block, &words)
}
