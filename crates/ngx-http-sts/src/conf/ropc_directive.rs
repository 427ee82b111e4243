//! `STSROPC url=…&auth=…`: the password grant in one directive, as version 3.1 of the C module has it.
//!
//! It stands beside `STSType ropc` and what is no part of the grant, such as `STSRequestParameter`.

use sts_core::endpoint::Endpoint;
use sts_core::oauth::password;
use sts_core::options::Options;

use crate::conf::argument::{self, Problem};
use crate::conf::directive::{Accepted, Block, Directive, Refusal};
use crate::conf::directives::warn_of_blanks;
use crate::conf::grant::{Calls, GrantSettings};
use crate::conf::grant_options::{AUTH, CLIENT_ID, GrantReader, USERNAME, in_option};

pub(super) const NAME: &str = "STSROPC";

const HTTP_TIMEOUT: &str = "http_timeout";
const SSL_VERIFY: &str = "ssl_verify";
const URL: &str = "url";

/// The directives that say a part of what it says.
const PARTS: [&str; 4] =
    ["STSROPCEndpoint", "STSROPCEndpointAuth", "STSROPCClientID", "STSROPCUsername"];

/// Reads the directive.
pub(super) fn set(block: &mut Block<'_>, arguments: &[&str]) -> Accepted {
    if block.settings.grants.own(&password::GRANT).calls.is_some() {
        return Err(Refusal::Duplicate);
    }
    let text = arguments.first().copied().unwrap_or_default();
    warn_of_blanks(block.conf, block.directive, Some(text));
    let options = Options::parse_with_variables(text, &[CLIENT_ID, USERNAME]);
    let mut options = options.map_err(|error| error.to_string())?;
    let url = options.require_text(URL).map_err(|error| error.to_string())?;
    let endpoint = Endpoint::parse(&url).map_err(|error| in_option(URL, error))?;
    let verify = options.take_text(SSL_VERIFY).map_err(|error| error.to_string())?;
    let verify = verify.map(|word| argument::switch(&word)).transpose();
    let verify = verify.map_err(|problem| in_option(SSL_VERIFY, problem))?.unwrap_or(true);
    let timeout = options.take_text(HTTP_TIMEOUT).map_err(|error| error.to_string())?;
    let timeout = timeout.map(|text| argument::timeout(&text)).transpose();
    let timeout = timeout.map_err(|problem| in_option(HTTP_TIMEOUT, problem))?;
    let mut allowed = vec![URL, AUTH, SSL_VERIFY, HTTP_TIMEOUT];
    let mut reader = GrantReader {
        conf: block.conf,
        directive: block.directive,
        options: &mut options,
        allowed: &mut allowed,
    };
    let grant = reader.read(password::GRANT.source, Some(endpoint))?;
    options.finish(&allowed).map_err(|error| error.to_string())?;
    *block.settings.grants.own(&password::GRANT) =
        GrantSettings { calls: Some(Calls { verify, timeout }), ..grant };
    Ok(())
}

/// Whether a directive may stand beside others in one block.
///
/// # Errors
/// Both say the same.
pub(super) fn check_beside(names: &[&'static Directive], new: &Directive) -> Result<(), Problem> {
    let is_part = |directive: &Directive| PARTS.iter().any(|name| directive.is(name));
    let clashes = |known: &&&'static Directive| {
        (new.is(NAME) && is_part(known)) || (is_part(new) && known.is(NAME))
    };
    let Some(known) = names.iter().find(clashes) else { return Ok(()) };
    let known = known.name.to_string_lossy();
    Err(format!(
        "it cannot be mixed with \"{known}\" in one block: \"{NAME}\" says all of it, in the options \
         {URL}, {AUTH}, {CLIENT_ID} and {USERNAME}"
    ))
}
