//! The directives that say how an exchange of a type is made: its endpoint, how the gateway
//! authenticates there, as which client.
//!
//! `STSEndpoint` and its like are for whichever type is in force. The older types have directives of
//! their own besides (`STSOTXEndpoint`), which say the same for one type, and win.

use std::collections::BTreeMap;
use std::rc::Rc;

use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::oauth::grant::Grant;
use sts_core::options::Template;
use sts_core::wstrust::endpoint_auth;

use crate::conf::argument::Problem;
use crate::conf::settings::inherit;
use crate::conf::text::Text;
use crate::nginx::conf::Conf;
use crate::nginx::value::Reported;

/// Each directive's own value, for one type; `None` where it was not written.
#[derive(Clone, Default)]
pub(crate) struct GrantSettings {
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) auth: Option<ClientAuth>,
    pub(crate) client_id: Option<Rc<Text>>,
    /// Of the password grant alone.
    pub(crate) username: Option<Rc<Username>>,
    /// Of an `STSROPC`, which is the grant as a whole.
    pub(crate) calls: Option<Calls>,
}

/// The same for whichever type is in force.
#[derive(Clone, Default)]
pub(crate) struct AnyType {
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) auth: Option<AnyAuth>,
    pub(crate) client_id: Option<Rc<Text>>,
}

/// `STSEndpointAuth`, of which the type that reads it is known later.
#[derive(Clone)]
pub(crate) struct AnyAuth {
    oauth: Result<ClientAuth, Problem>,
    wstrust: Result<ClientAuth, Problem>,
}

/// The settings of all OAuth types.
#[derive(Clone, Default)]
pub(crate) struct Grants {
    pub(crate) any: AnyType,
    /// By the names of the types.
    own: BTreeMap<&'static str, GrantSettings>,
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
    /// A name, or `*` for the user that NGINX has authenticated.
    pub(crate) fn compile(conf: &Conf<'_>, template: Template) -> Result<Self, Reported> {
        let authenticated = template.literal().is_some_and(|name| name == "*");
        let template = if authenticated { Template::of_argument("$remote_user") } else { template };
        Ok(Self { text: Text::compile(conf, template)?, authenticated })
    }
}

impl AnyAuth {
    /// # Errors
    /// No type can use it.
    pub(crate) fn parse(method: &str, options: Option<&str>) -> Result<Self, Problem> {
        let oauth = ClientAuth::parse(method, options).map_err(|error| error.to_string());
        let wstrust = endpoint_auth::parse(method, options).map_err(|error| error.to_string());
        match (&oauth, &wstrust) {
            (Err(problem), Err(_)) => Err(problem.clone()),
            _ => Ok(Self { oauth, wstrust }),
        }
    }

    /// As WS-Trust reads it.
    ///
    /// # Errors
    /// WS-Trust cannot use it.
    pub(crate) fn of_wstrust(&self) -> Result<ClientAuth, Problem> {
        self.wstrust.clone().map_err(|problem| format!("\"STSEndpointAuth\": {problem}"))
    }
}

impl Grants {
    /// What is written for one type.
    pub(crate) fn own(&mut self, grant: &'static Grant) -> &mut GrantSettings {
        self.own.entry(grant.name).or_default()
    }

    /// What holds for a type.
    ///
    /// # Errors
    /// What is written for any type is of no use to this one.
    pub(crate) fn of(&self, grant: &'static Grant) -> Result<GrantSettings, Problem> {
        let mut settings = self.own.get(grant.name).cloned().unwrap_or_default();
        if settings.calls.is_some() {
            return Ok(settings);
        }
        inherit(&mut settings.endpoint, &self.any.endpoint);
        inherit(&mut settings.client_id, &self.any.client_id);
        if settings.auth.is_none()
            && let Some(auth) = &self.any.auth
        {
            let auth = auth.oauth.clone();
            settings.auth =
                Some(auth.map_err(|problem| format!("\"STSEndpointAuth\": {problem}"))?);
        }
        Ok(settings)
    }

    /// Takes from the block around what is not written here. What is written for any type replaces what
    /// is written around for one. Every field is named, here and below, so that the compiler tells of
    /// one that is not inherited.
    pub(super) fn inherit(&mut self, outer: &Self) {
        let Self { any, own } = outer;
        for (name, around) in own {
            self.own.entry(name).or_default().inherit(around, &self.any);
        }
        self.any.inherit(any);
    }
}

impl GrantSettings {
    fn inherit(&mut self, outer: &Self, any: &AnyType) {
        let Self { endpoint, auth, client_id, username, calls } = outer;
        let is_replaced = calls.is_some() && any.endpoint.is_some();
        if self.calls.is_some() || is_replaced {
            return;
        }
        self.calls = *calls;
        if any.endpoint.is_none() {
            inherit(&mut self.endpoint, endpoint);
        }
        if any.auth.is_none() {
            inherit(&mut self.auth, auth);
        }
        if any.client_id.is_none() {
            inherit(&mut self.client_id, client_id);
        }
        inherit(&mut self.username, username);
    }
}

impl AnyType {
    fn inherit(&mut self, outer: &Self) {
        let Self { endpoint, auth, client_id } = outer;
        inherit(&mut self.endpoint, endpoint);
        inherit(&mut self.auth, auth);
        inherit(&mut self.client_id, client_id);
    }
}
