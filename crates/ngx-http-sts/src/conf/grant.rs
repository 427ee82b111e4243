//! The directives that each OAuth grant has for itself.

use std::rc::Rc;

use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::options::Template;

use crate::conf::settings::inherit;
use crate::conf::text::Text;
use crate::nginx::conf::Conf;
use crate::nginx::value::Reported;

/// Each directive's own value; `None` where it was not written.
#[derive(Clone, Default)]
pub(crate) struct Grant {
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) auth: Option<ClientAuth>,
    pub(crate) client_id: Option<Rc<Text>>,
    /// Of the password grant alone.
    pub(crate) username: Option<Rc<Username>>,
    /// Of an `STSROPC`, which is the grant as a whole.
    pub(crate) calls: Option<Calls>,
}

/// What an `STSROPC` says of its calls. What is said for all exchanges does not touch them.
#[derive(Clone, Copy)]
pub(crate) struct Calls {
    /// Whether the certificate of the STS is verified.
    pub(crate) verify: bool,
    /// Milliseconds.
    pub(crate) timeout: Option<u64>,
}

/// Whose password the source token is.
pub(crate) struct Username {
    pub(crate) text: Text,
    /// The user that NGINX has authenticated by then.
    pub(crate) authenticated: bool,
}

impl Username {
    /// A name, or `*` for whoever NGINX has authenticated.
    pub(crate) fn compile(conf: &Conf<'_>, template: Template) -> Result<Self, Reported> {
        let authenticated = template.literal().is_some_and(|name| name == "*");
        let template = if authenticated { Template::of_argument("$remote_user") } else { template };
        Ok(Self { text: Text::compile(conf, template)?, authenticated })
    }
}

impl Grant {
    pub(super) fn inherit(&mut self, outer: &Self) {
        if self.calls.is_some() {
            return;
        }
        self.calls = outer.calls;
        inherit(&mut self.endpoint, &outer.endpoint);
        inherit(&mut self.auth, &outer.auth);
        inherit(&mut self.client_id, &outer.client_id);
        inherit(&mut self.username, &outer.username);
    }
}
