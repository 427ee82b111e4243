//! Settings whose value may hold variables.

use std::fmt;

use sts_core::options::Template;

use crate::nginx::conf::Conf;
use crate::nginx::request::{OutOfMemory, Request};
use crate::nginx::value::{Reported, Value};

/// A text as it was written, and as NGINX compiled it.
pub(crate) struct Text {
    pub(crate) template: Template,
    value: Value,
}

impl Text {
    pub(crate) fn compile(conf: &Conf<'_>, template: Template) -> Result<Self, Reported> {
        let value = Value::compile_pieces(conf, template.pieces())?;
        Ok(Self { template, value })
    }

    /// See [`Value::literal`].
    pub(crate) fn literal(&self) -> Option<&[u8]> {
        self.value.literal()
    }

    /// The text for a request.
    pub(crate) fn evaluate<'r>(&'r self, request: Request<'r>) -> Result<&'r [u8], OutOfMemory> {
        self.value.evaluate(request).ok_or(OutOfMemory)
    }
}

/// What it is where it is fixed, else how it was written.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let literal = self.template.literal();
        f.write_str(&literal.unwrap_or_else(|| self.template.to_argument()))
    }
}
