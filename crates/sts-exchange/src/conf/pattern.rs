//! Regular expressions of NGINX, as far as they can be read without PCRE.

use regex_lite::{Captures, Regex, RegexBuilder};

use crate::problem::Problem;
use crate::settings::written::Place;

/// An expression.
pub struct Pattern(Regex);

/// What was found: captures by their numbers, and by their names.
pub type Found = Vec<(String, String)>;

impl Pattern {
    /// Reads one. What PCRE has and this has not is refused: to take it for something else would find
    /// another location than NGINX does.
    ///
    /// # Errors
    /// It cannot be read here.
    pub fn read(text: &str, is_caseless: bool, place: &Place) -> Result<Self, Problem> {
        let unread = || {
            Problem::new(format!(
                "the regular expression \"{}\" in {place} has what only PCRE has: name the location, or give \
                 the variable with --var",
                text.escape_debug()
            ))
        };
        // For PCRE these give nothing back; here they would be repeated twice.
        if ["++", "*+", "?+", "}+"].iter().any(|possessive| text.contains(possessive)) {
            return Err(unread());
        }
        RegexBuilder::new(text)
            .case_insensitive(is_caseless)
            .build()
            .map(Self)
            .map_err(|_| unread())
    }

    /// What it captures in a text; `None` where it does not fit.
    pub fn find(&self, text: &str) -> Option<Found> {
        let captures: Captures<'_> = self.0.captures(text)?;
        let numbered = captures.iter().enumerate().skip(1).take(9);
        let numbered = numbered.map(|(index, found)| {
            (index.to_string(), found.map_or("", |found| found.as_str()).to_owned())
        });
        let named = self.0.capture_names().flatten().map(|name| {
            let found = captures.name(name).map_or("", |found| found.as_str());
            (name.to_owned(), found.to_owned())
        });
        Some(numbered.chain(named).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, is_caseless: bool) -> Result<Pattern, Problem> {
        Pattern::read(text, is_caseless, &Place { file: "f".into(), line: 1 })
    }

    #[test]
    fn captures_have_numbers_and_names() {
        let pattern = read(r"^/(?<tenant>[a-z]+)/(\d+)", false).ok().unwrap();
        let found = pattern.find("/acme/17/x").unwrap();
        let pairs = [("1", "acme"), ("2", "17"), ("tenant", "acme")];
        assert_eq!(found, pairs.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert!(pattern.find("/ACME/17").is_none());
        assert!(read("^/a", true).ok().unwrap().find("/A").is_some());
    }

    #[test]
    fn what_only_pcre_has_is_refused() {
        for text in ["(?=a)", "(?!a)", "(a)\\1", "(?<!a)b", "(", "a++b", "a*+", "a?+", "a{1}+"] {
            let problem = read(text, false).err().map(|problem| problem.to_string());
            assert!(problem.is_some_and(|it| it.contains("in f:1")), "{text}");
        }
    }
}
