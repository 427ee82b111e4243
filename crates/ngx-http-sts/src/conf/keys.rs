//! The options of `STSExchange`: each stands for a directive, and is read as its arguments are.

use crate::conf::argument::Problem;
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

/// The words of several in a row, each of so many words and perhaps the flag.
fn groups<'w, 'a>(
    words: &'w [&'a str],
    each: usize,
    flag: Option<&str>,
) -> Option<Vec<&'w [&'a str]>> {
    let mut groups = Vec::new();
    let mut rest = words;
    while !rest.is_empty() || groups.is_empty() {
        let has_flag = flag.is_some() && rest.get(each).copied() == flag;
        let (group, behind) = rest.split_at_checked(each + usize::from(has_flag))?;
        groups.push(group);
        rest = behind;
    }
    Some(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart_by_their_number_and_the_flag() {
        let of = |text: &str, flag| {
            let words: Vec<&str> = text.split_ascii_whitespace().collect();
            let groups = groups(&words, 2, flag);
            groups.map(|all| all.iter().map(|one| one.join(" ")).collect::<Vec<_>>().join("; "))
        };
        for (text, flag, expected) in [
            ("a b", None, Some("a b")),
            ("a b c d", None, Some("a b; c d")),
            ("a b c", None, None),
            ("", None, None),
            ("a b off", Some("off"), Some("a b off")),
            ("a b off c d", Some("off"), Some("a b off; c d")),
            ("a b c d off", Some("off"), Some("a b; c d off")),
            ("a off b", Some("off"), None),
            ("a b off off", Some("off"), None),
        ] {
            assert_eq!(of(text, flag).as_deref(), expected, "{text:?}");
        }
    }
}
