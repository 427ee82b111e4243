//! `STSJWTFilter`: the expression that rewrites claims.

use std::rc::Rc;

use sts_core::mint::{Claims, Filter};
use sts_filter::Limits;

use crate::conf::argument::Problem;

/// An expression of jq.
struct Jq {
    filter: sts_filter::Filter,
    limits: Limits,
}

impl Filter for Jq {
    fn run(&self, claims: &Claims) -> Result<Claims, String> {
        self.filter.run(claims, &self.limits).map_err(|error| error.to_string())
    }
}

/// Compiles an expression.
///
/// # Errors
/// It is none that is allowed.
pub(super) fn compile(text: &str) -> Result<Rc<dyn Filter>, Problem> {
    let filter = sts_filter::Filter::compile(text).map_err(|error| {
        format!("\"STSJWTFilter\" (or the jq expression of \"STSExchange\"): {error}")
    })?;
    Ok(Rc::new(Jq { filter, limits: Limits::default() }))
}
