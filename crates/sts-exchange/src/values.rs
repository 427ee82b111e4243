//! The values of variables, and texts in which they stand.

use std::collections::{BTreeMap, BTreeSet};

use sts_core::carry::variable;
use sts_core::known::Known;
use sts_core::options::Template;
use sts_core::secret::Secret;

use crate::problem::Problem;

/// What gives variables their values.
pub trait Variables {
    /// The value of a variable; `None` where nothing is known of it.
    ///
    /// # Errors
    /// It cannot be made.
    fn value(&self, name: &str) -> Result<Option<Secret>, Problem>;

    /// Tells the values that must not be shown.
    fn tell(&self, known: &mut Known);
}

/// Values that were given by name. NGINX compares the names without case.
#[derive(Default)]
pub struct Given {
    values: BTreeMap<String, Secret>,
    /// The names of those that may be shown.
    shown: BTreeSet<String>,
}

impl Given {
    /// Adds one, which may be a token or a secret.
    pub fn add(&mut self, name: &str, value: Secret) {
        let name = name.to_ascii_lowercase();
        self.shown.remove(&name);
        self.values.insert(name, value);
    }

    /// Adds one that may be shown.
    pub fn add_shown(&mut self, name: &str, value: Secret) {
        self.add(name, value);
        self.shown.insert(name.to_ascii_lowercase());
    }

    /// Whether there is one.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(&name.to_ascii_lowercase())
    }

    /// The value.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.values.get(&name.to_ascii_lowercase())
    }
}

impl Variables for Given {
    fn value(&self, name: &str) -> Result<Option<Secret>, Problem> {
        Ok(self.get(name).cloned())
    }

    fn tell(&self, known: &mut Known) {
        let hidden = self.values.iter().filter(|(name, _)| !self.shown.contains(*name));
        hidden.for_each(|(_, value)| known.add(value.expose()));
    }
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'t> {
    /// As it stands.
    Text(&'t str),
    /// The name of a variable, or the digit of a capture.
    Variable(&'t str),
}

/// The parts of a text, as NGINX finds them (`ngx_http_script_compile`).
///
/// # Errors
/// NGINX would refuse it.
pub fn parts(text: &str) -> Result<Vec<Part<'_>>, Problem> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, dollar) = rest.split_at(at);
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        let after = dollar.get(1..).unwrap_or_default();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, next) = if after.starts_with(|c: char| matches!(c, '1'..='9')) {
            after.split_at(1)
        } else if let Some(braced) = after.strip_prefix('{') {
            braced
                .split_once('}')
                .ok_or_else(|| Problem::new("the closing bracket in a variable is missing"))?
        } else {
            after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len()))
        };
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(Problem::new("invalid variable name"));
        }
        parts.push(Part::Variable(name));
        rest = next;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// The value of a text.
///
/// # Errors
/// A variable has none; the problem names it.
pub fn expand(text: &str, variables: &dyn Variables) -> Result<Secret, Problem> {
    let mut pieces = Vec::new();
    for part in parts(text)? {
        pieces.push(match part {
            Part::Text(text) => Secret::new(text),
            Part::Variable(name) => variables.value(name)?.ok_or_else(|| missing(name))?,
        });
    }
    Ok(joined(&pieces))
}

/// The value of a template.
///
/// # Errors
/// As [`expand`].
pub fn evaluate(template: &Template, variables: &dyn Variables) -> Result<Secret, Problem> {
    let mut pieces = Vec::new();
    for (index, piece) in template.pieces().enumerate() {
        if index > 0 {
            pieces.push(Secret::new("$"));
        }
        pieces.push(expand(piece, variables)?);
    }
    Ok(joined(&pieces))
}

fn joined(pieces: &[Secret]) -> Secret {
    let mut text = Secret::with_capacity(pieces.iter().map(Secret::len).sum());
    pieces.iter().for_each(|piece| text.append(piece.expose()));
    text
}

/// The one variable that a text is.
pub fn alone(text: &str) -> Option<&str> {
    let name = variable::names(text).next()?;
    (text == format!("${name}") || text == format!("${{{name}}}")).then_some(name)
}

/// A variable without a value.
pub fn missing(name: &str) -> Problem {
    Problem::new(format!(
        "the variable \"${name}\" has no value here: give it with --var {name}=VALUE, or with --var-file \
         {name}=FILE where it is a secret"
    ))
}

/// A variable whose value cannot be told here, with the reason.
pub fn unknown(name: &str, why: &str) -> Problem {
    Problem::new(format!(
        "the value of \"${name}\" cannot be told here: {why}; give it with --var {name}=VALUE, or with \
         --var-file {name}=FILE where it is a secret"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Given {
        let mut given = Given::default();
        pairs.iter().for_each(|(name, value)| given.add(name, Secret::new(*value)));
        given
    }

    fn expanded(text: &str) -> Result<String, String> {
        let given = given(&[("a", "1"), ("B_2", "two"), ("e", "")]);
        let value = expand(text, &given).map_err(|problem| problem.to_string())?;
        Ok(String::from_utf8(value.expose().to_vec()).unwrap())
    }

    #[test]
    fn variables_stand_where_nginx_finds_them() {
        for (text, expected) in [
            ("", ""),
            ("x", "x"),
            ("$a", "1"),
            ("${a}b", "1b"),
            ("$b_2-$A", "two-1"),
            ("[$e]", "[]"),
            ("$a$a.", "11."),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_nginx_refuses_is_refused_and_a_missing_value_is_named() {
        for text in ["$", "a$ b", "${a", "${}", "$-", "${a b}"] {
            assert!(expanded(text).is_err(), "{text}");
        }
        let problem = expanded("$a $request_id").unwrap_err();
        assert!(problem.starts_with("the variable \"$request_id\" has no value here"), "{problem}");
        assert!(expanded("$1").unwrap_err().contains("\"$1\""));
    }

    #[test]
    fn an_encoded_dollar_sign_is_one() {
        let template = Template::of_argument("5%24$a");
        let value = evaluate(&template, &given(&[("a", "$b")])).ok().unwrap();
        assert_eq!(value.expose(), b"5$$b");
    }

    #[test]
    fn a_text_of_one_variable_is_known() {
        for (text, expected) in [
            ("$source_token", Some("source_token")),
            ("${a}", Some("a")),
            ("x$a", None),
            ("$a$b", None),
            ("", None),
        ] {
            assert_eq!(alone(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_parts_are_all_of_it(text: String) {
            if let Ok(parts) = parts(&text) {
                let length = |part: &Part<'_>| match part {
                    Part::Text(text) => text.len(),
                    Part::Variable(name) => name.len() + 1,
                };
                prop_assert!(parts.iter().map(length).sum::<usize>() <= text.len());
            }
        }
    }
}
