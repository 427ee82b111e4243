//! What is wrong with what the command was given.

use std::fmt;

use sts_core::client_auth::ClientAuthError;
use sts_core::endpoint::EndpointError;
use sts_core::options::OptionError;
use sts_core::wstrust::endpoint_auth::EndpointAuthError;

use crate::settings::written::Place;

/// Why nothing can be done, in one line. No secret stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(String);

impl Problem {
    /// This.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// With the directive that it is about.
    #[must_use]
    pub fn of_directive(self, name: &str, place: &Place) -> Self {
        Self(format!("\"{name}\": {self}, in {place}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line, whatever was quoted.
        for c in self.0.chars() {
            match c {
                c if c.is_control() => write!(f, "{}", c.escape_default())?,
                c => fmt::Write::write_char(f, c)?,
            }
        }
        Ok(())
    }
}

impl From<String> for Problem {
    fn from(text: String) -> Self {
        Self(text)
    }
}

macro_rules! from {
    ($($error:ty),*) => {
        $(impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        })*
    };
}

from!(OptionError, ClientAuthError, EndpointAuthError, EndpointError);
