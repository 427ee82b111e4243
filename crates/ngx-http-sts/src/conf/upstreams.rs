//! `upstream` blocks that have the name of an endpoint or a proxy. They are not used, and an operator
//! has to know that.

use std::fmt::Display;

use sts_core::endpoint::{Endpoint, Host};

use crate::nginx::conf::Conf;

/// Warns where `proxy_pass` would take the `upstream` of the endpoint's name, that is where no port
/// stands in the URL; with a port, where the name leads nowhere, so that nothing else can be meant.
pub(super) fn warn(conf: &Conf<'_>, endpoint: &Endpoint, is_found: bool, whose: impl Display) {
    let host = endpoint.looked_up();
    let Host::Name(name) = &*host else { return };
    if endpoint.has_port() && is_found {
        return;
    }
    let Some(place) = conf.upstream(name) else { return };
    conf.warn(format_args!(
        "the upstream \"{name}\" in {place} is not used: the name of {whose} is looked up instead; \
         write the name or address of a server of the upstream here, or give the upstream another \
         name if it is for something else"
    ));
}
