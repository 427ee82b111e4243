//! The form-encoded option strings of directives, such as `client_id=sts&client_secret=a%26b`.

use thiserror::Error;

use crate::form;
use crate::secret::Secret;

/// The options of one string. Whoever understands a key takes its value out; what is left at the
/// end nobody understands.
pub struct Options {
    entries: Vec<Entry>,
}

struct Entry {
    key: String,
    value: Secret,
}

impl Options {
    /// Splits and decodes an option string; an empty one has no options.
    ///
    /// # Errors
    /// The string is not form-encoded, or a key is given twice. What has no key could be part of a
    /// secret, so the error tells the place and not the text.
    pub fn parse(text: &str) -> Result<Self, OptionError> {
        let mut options = Self { entries: Vec::new() };
        if text.is_empty() {
            return Ok(options);
        }
        for (index, pair) in text.split('&').enumerate() {
            let entry = Entry::parse(pair, index + 1)?;
            if options.entries.iter().any(|known| known.key == entry.key) {
                return Err(OptionError::Repeated { key: entry.key });
            }
            options.entries.push(entry);
        }
        Ok(options)
    }

    /// Takes the value of a key.
    pub fn take(&mut self, key: &str) -> Option<Secret> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.swap_remove(index).value)
    }

    /// Takes the value of a key that must be there.
    ///
    /// # Errors
    /// It is not.
    pub fn require(&mut self, key: &'static str) -> Result<Secret, OptionError> {
        self.take(key).ok_or(OptionError::Missing { key })
    }

    /// Takes the value of a key whose value is text and no secret.
    ///
    /// # Errors
    /// The value is empty, not UTF-8, or holds control characters.
    pub fn take_text(&mut self, key: &'static str) -> Result<Option<String>, OptionError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        if value.is_empty() {
            return Err(OptionError::Empty { key });
        }
        match std::str::from_utf8(value.expose()) {
            Ok(text) if !text.chars().any(char::is_control) => Ok(Some(text.to_owned())),
            _ => Err(OptionError::NotText { key }),
        }
    }

    /// [`Self::take_text`] for a key that must be there.
    ///
    /// # Errors
    /// It is not, or its value is no text.
    pub fn require_text(&mut self, key: &'static str) -> Result<String, OptionError> {
        self.take_text(key)?.ok_or(OptionError::Missing { key })
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// A key that is not among the allowed ones was not taken.
    pub fn finish(self, allowed: &[&'static str]) -> Result<(), OptionError> {
        match self.entries.into_iter().find(|entry| !allowed.contains(&entry.key.as_str())) {
            Some(Entry { key, .. }) => Err(OptionError::Unknown { key, allowed: allowed.to_vec() }),
            None => Ok(()),
        }
    }
}

impl Entry {
    fn parse(pair: &str, position: usize) -> Result<Self, OptionError> {
        let (key, value) = pair.split_once('=').ok_or(OptionError::NoValue { position })?;
        let decode = |text: &str| {
            form::decode(text.as_bytes()).ok_or(OptionError::PercentEncoding { position })
        };
        let (key, value) = (decode(key)?, decode(value)?);
        let is_key_byte = |b: &u8| b.is_ascii_alphanumeric() || b"_.-".contains(b);
        match std::str::from_utf8(key.expose()) {
            Ok(key)
                if (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|b| is_key_byte(&b)) =>
            {
                Ok(Self { key: key.to_owned(), value })
            }
            _ => Err(OptionError::Key { position }),
        }
    }
}

/// Why an option string cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionError {
    /// A value that must say something is empty.
    #[error("the value of \"{key}\" must not be empty")]
    Empty {
        /// Whose value it is.
        key: &'static str,
    },
    /// What stands before `=` is no key.
    #[error(
        "option number {position} has no proper key: a key is made of letters, digits, \"_\", \".\" \
         and \"-\", and a literal \"&\" in a value is written %26"
    )]
    Key {
        /// Counted from 1.
        position: usize,
    },
    /// A required key is not there.
    #[error("\"{key}\" is missing")]
    Missing {
        /// Which.
        key: &'static str,
    },
    /// There is no `=`.
    #[error(
        "option number {position} has no \"=\": options are written key=value&key=value, and a \
         literal \"&\" in a value is written %26"
    )]
    NoValue {
        /// Counted from 1.
        position: usize,
    },
    /// A value that must be text is not.
    #[error("the value of \"{key}\" must be UTF-8 text without control characters")]
    NotText {
        /// Whose value it is.
        key: &'static str,
    },
    /// A `%` that starts nothing.
    #[error(
        "option number {position} has a \"%\" that is not followed by two hexadecimal digits: a \
         literal \"%\" is written %25"
    )]
    PercentEncoding {
        /// Counted from 1.
        position: usize,
    },
    /// A key is given more than once.
    #[error("\"{key}\" is given more than once")]
    Repeated {
        /// Which.
        key: String,
    },
    /// A key that means nothing here.
    #[error("unknown option \"{key}\": {}", allowed_keys(allowed))]
    Unknown {
        /// Which.
        key: String,
        /// What would mean something.
        allowed: Vec<&'static str>,
    },
}

fn allowed_keys(allowed: &[&str]) -> String {
    match allowed {
        [] => "no options are allowed here".to_owned(),
        allowed => format!("allowed are {}", allowed.join(", ")),
    }
}

/// Longer than any key; what is longer is a value whose `&` was not encoded.
const MAX_KEY: usize = 64;
