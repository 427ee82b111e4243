//! What a directive is.

use std::ffi::CStr;

use crate::conf::MainConf;
use crate::conf::argument::Problem;
use crate::conf::keys::Key;
use crate::conf::kind::Kind;
use crate::conf::place::Place;
use crate::conf::settings::Settings;
use crate::conf::written::Whole;
use crate::nginx::conf::Conf;
use crate::nginx::module::Levels;
use crate::nginx::value::Reported;

/// A directive.
pub(crate) struct Directive {
    /// C compares it up to its NUL.
    pub(crate) name: &'static CStr,
    /// How many arguments it takes at least and at most.
    pub(crate) arguments: (u8, u8),
    pub(crate) levels: Levels,
    pub(crate) part: Part,
    /// Whether it may be repeated within its option.
    pub(crate) is_of_list: bool,
    /// The word that may stand behind each one of the list.
    pub(crate) flag: Option<&'static str>,
    /// The option of `STSExchange` that says the same.
    pub(crate) key: Option<Key>,
    pub(crate) set: fn(&mut Block<'_>, &[&str]) -> Accepted,
}

/// What a directive is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What goes with an exchange in either syntax.
    Common,
    /// An exchange that is written in directives: not to be mixed with `STSExchange`.
    Exchange,
}

/// What a directive may change, and what it may look at.
pub(crate) struct Block<'a> {
    pub(crate) conf: &'a Conf<'a>,
    pub(crate) main: &'a mut MainConf,
    pub(crate) settings: &'a mut Settings,
    /// The directives that stand before it in its block.
    pub(crate) names: &'a [&'static Directive],
    /// What the `STSExchange` of its block says.
    pub(crate) whole: &'a mut Option<Whole>,
    /// The directive, and where it stands.
    pub(crate) directive: &'static Directive,
    pub(crate) place: &'a Place,
    /// The arguments are the decoded value of an option: a `$` in them was encoded.
    pub(crate) is_option: bool,
}

/// Why a directive is not accepted.
pub(crate) enum Refusal {
    /// It was given before in the same block.
    Duplicate,
    Invalid(Problem),
    /// NGINX has said why.
    Reported,
}

impl Refusal {
    /// As part of the refusal of a directive that has this as an option.
    pub(crate) fn within(self, option: &str) -> Self {
        match self {
            Self::Invalid(problem) => Self::Invalid(format!("option \"{option}\": {problem}")),
            Self::Duplicate => Self::Invalid(format!("option \"{option}\" is given twice")),
            Self::Reported => Self::Reported,
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Invalid(problem)
    }
}

impl From<Reported> for Refusal {
    fn from(_: Reported) -> Self {
        Self::Reported
    }
}

pub(crate) type Accepted = Result<(), Refusal>;

/// A directive that may stand anywhere, goes with either syntax, and is no option.
pub(super) const fn directive(
    name: &'static CStr,
    arguments: (u8, u8),
    set: fn(&mut Block<'_>, &[&str]) -> Accepted,
) -> Directive {
    let (levels, part) = (Levels::All, Part::Common);
    Directive { name, arguments, levels, part, is_of_list: false, flag: None, key: None, set }
}

impl Directive {
    /// Whether this is its name.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.to_bytes() == name.as_bytes()
    }

    /// Whether both are the same one. A static table may lie in memory more than once.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
    }

    /// It is part of an exchange that is written in directives.
    pub(super) const fn of_exchange(self) -> Self {
        Self { part: Part::Exchange, ..self }
    }

    /// Every type of `STSExchange` has it as an option: by the rule, `foo_bar` for `STSFooBar`.
    pub(super) const fn key(self, name: &'static str) -> Self {
        Self { key: Some(Key { name, of: None, has_variables: false, options: &[] }), ..self }
    }

    /// It adds to a list, and has one number of arguments. An option has those of several in a row.
    pub(super) const fn of_list(self) -> Self {
        Self { is_of_list: true, ..self }
    }

    /// The same, where the last argument of each can only be this word.
    pub(super) const fn of_list_with(self, flag: &'static str) -> Self {
        Self { is_of_list: true, flag: Some(flag), ..self }
    }

    /// One type of `STSExchange` has it as an option.
    pub(super) const fn key_of(self, kind: Kind, name: &'static str) -> Self {
        Self { key: Some(Key { name, of: Some(kind), has_variables: false, options: &[] }), ..self }
    }

    /// The options of its last argument stand beside its option, under names of their own.
    pub(super) const fn with_options(
        self,
        options: &'static [(&'static str, &'static str)],
    ) -> Self {
        let key = match self.key {
            Some(key) => Some(Key { options, ..key }),
            None => None,
        };
        Self { key, ..self }
    }

    /// The value of its option may hold variables.
    pub(super) const fn with_variables(self) -> Self {
        let key = match self.key {
            Some(key) => Some(Key { has_variables: true, ..key }),
            None => None,
        };
        Self { key, ..self }
    }
}
