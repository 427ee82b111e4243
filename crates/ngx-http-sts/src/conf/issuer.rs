//! `STSIssuer`: in the place of the endpoint the issuer that tells it.

use sts_core::endpoint::Endpoint;

use crate::conf::argument::Problem;
use crate::conf::directive::{Accepted, Block, Directive, Refusal};

/// The directive, and the option of `STSExchange`.
pub(super) const NAME: &str = "STSIssuer";
pub(super) const KEY: &str = "issuer";

/// Reads the directive.
pub(super) fn set(block: &mut Block<'_>, arguments: &[&str]) -> Accepted {
    let url = arguments.first().copied().unwrap_or_default();
    let endpoint = &mut block.settings.grants.any.endpoint;
    if endpoint.is_some() {
        return Err(Refusal::Duplicate);
    }
    *endpoint = Some(Endpoint::parse_issuer(url).map_err(|error| error.to_string())?);
    Ok(())
}

/// Whether a directive may stand beside others in one block.
///
/// # Errors
/// Both say where tokens are asked for.
pub(super) fn check_beside(names: &[&'static Directive], new: &Directive) -> Result<(), Problem> {
    let clashes = |known: &&&'static Directive| {
        (new.is(NAME) && is_endpoint(known)) || (is_endpoint(new) && known.is(NAME))
    };
    let Some(known) = names.iter().find(clashes) else { return Ok(()) };
    let known = known.name.to_string_lossy();
    Err(format!(
        "it cannot be mixed with \"{known}\" in one block: the endpoint is what \"{NAME}\" finds out; \
         write one of the two"
    ))
}

fn is_endpoint(directive: &Directive) -> bool {
    directive.name.to_bytes().ends_with(b"Endpoint") || directive.is("STSROPC")
}
