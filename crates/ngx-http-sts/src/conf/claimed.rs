//! Which variables may become claims: what of a request does is named by `STSJWTClaim`.

use sts_core::carry::variable;
use sts_core::options::Template;

use crate::conf::argument::Problem;
use crate::nginx::conf::Conf;
use crate::nginx::value::Reported;
use crate::nginx::variable::{BuiltIn, Origin};

/// What NGINX says of a request that its client does not choose: the connection, the certificate that it has
/// verified, the time, and its own configuration. `remote_user` is what an access check has let through; the
/// manual says what else it may be.
const OF_NGINX: [&str; 31] = [
    "binary_remote_addr",
    "connection",
    "hostname",
    "https",
    "msec",
    "nginx_version",
    "pid",
    "realip_remote_addr",
    "realip_remote_port",
    "remote_addr",
    "remote_port",
    "remote_user",
    "request_id",
    "scheme",
    "server_addr",
    "server_name",
    "server_port",
    "ssl_client_cert",
    "ssl_client_escaped_cert",
    "ssl_client_fingerprint",
    "ssl_client_i_dn",
    "ssl_client_i_dn_legacy",
    "ssl_client_raw_cert",
    "ssl_client_s_dn",
    "ssl_client_s_dn_legacy",
    "ssl_client_serial",
    "ssl_client_v_end",
    "ssl_client_v_start",
    "ssl_client_verify",
    "time_iso8601",
    "time_local",
];

/// The source token of a client, which this module shows as a variable that others may take over.
const SOURCE_TOKEN: &str = "sts_source_token";

/// Checks the variables of a text that the configuration has for a claim.
///
/// # Errors
/// A client may set one of them as it likes.
pub(super) fn check_variables(
    conf: &Conf<'_>,
    built_in: BuiltIn,
    template: &Template,
) -> Result<(), Problem> {
    // Between pieces there are literal dollar signs.
    for name in template.pieces().flat_map(variable::names) {
        if let Some(doubt) = doubt(conf, built_in, name)? {
            return Err(format!(
                "\"${name}\" {doubt}: what of a request may become a claim is named by \"STSJWTClaim\", as \
                 in \"STSJWTClaim device ${name}\"; else take a variable of \"auth_request_set\", \"map\" or \
                 \"set\""
            ));
        }
    }
    Ok(())
}

/// Why a variable may be what a client sets as it likes.
pub(super) fn doubt(
    conf: &Conf<'_>,
    built_in: BuiltIn,
    name: &str,
) -> Result<Option<&'static str>, Problem> {
    const CLIENTS: &str = "may be what a client sends";
    const CAPTURE: &str = "is a part of what a client sends, captured by a regular expression";
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Some(CAPTURE));
    }
    if is(SOURCE_TOKEN) {
        return Ok(Some(CLIENTS));
    }
    let origin = built_in
        .origin(conf, name)
        .map_err(|Reported| Problem::from("NGINX has no memory to look at its variables"))?;
    Ok(match origin {
        Origin::Directive => None,
        Origin::Capture => Some(CAPTURE),
        Origin::Module => (!OF_NGINX.into_iter().any(is)).then_some(CLIENTS),
    })
}
