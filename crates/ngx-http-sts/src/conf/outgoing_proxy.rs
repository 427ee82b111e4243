//! `STSOutgoingProxy host[:port] [username=name&password_file=file]`.

use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::{Endpoint, Scheme};

use crate::conf::argument::{self, Problem};
use crate::origin::Proxy;

/// The options of `STSExchange` in which the credentials stand, and what they are called behind the
/// proxy in the directive.
pub(super) const CREDENTIALS: [(&str, &str); 2] =
    [("outgoing_proxy_username", "username"), (PASSWORD_FILE, "password_file")];

pub(super) const PASSWORD_FILE: &str = "outgoing_proxy_password_file";

/// Reads it: a proxy with `http://` before it or not, and its credentials; `off` for none.
pub(super) fn parse(arguments: &[&str]) -> Result<Option<Proxy>, Problem> {
    let options = argument::options(arguments)?;
    let (text, credentials) = match (arguments, options) {
        (["off"], None) => return Ok(None),
        (["off", ..], Some(_)) => {
            return Err("without a proxy there is nothing for credentials".into());
        }
        _ => (arguments.first().copied().unwrap_or_default(), options),
    };
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let endpoint = Endpoint::parse(&url).map_err(|error| error.to_string())?;
    if endpoint.scheme() != Scheme::Http || endpoint.target() != "/" {
        return Err("a proxy is written http://host:port, without a path, or off".into());
    }
    let auth = credentials.map(ClientAuth::for_proxy).transpose();
    let auth = auth.map_err(|error| format!("the credentials of the proxy: {error}"))?;
    Ok(Some(Proxy { endpoint, auth }))
}
