//! `STSName`: what exchanges are called.

use crate::conf::argument::Problem;

/// Bytes that a name may have.
const LONGEST: usize = 64;

/// Reads a name.
pub(super) fn parse(name: &str) -> Result<String, Problem> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/@".contains(&byte);
    if (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(name.to_owned());
    }
    Err(format!(
        "a name has at most {LONGEST} letters of ASCII, digits and \".\", \"_\", \"-\", \":\", \"/\", \
         \"@\", as in \"orders\""
    ))
}
