//! What an option string says of an OAuth grant: `STSExchange`, `STSROPC`.

use std::fmt::Display;
use std::rc::Rc;

use sts_core::client_auth::{ClientAuth, Method};
use sts_core::endpoint::Endpoint;
use sts_core::oauth::grant::Source;
use sts_core::options::{Options, Template};

use crate::conf::argument::Problem;
use crate::conf::directive::{Accepted, Directive, Refusal};
use crate::conf::grant::{GrantSettings, Username};
use crate::conf::text::Text;
use crate::nginx::conf::Conf;

pub(super) const AUTH: &str = "auth";
pub(super) const CLIENT_ID: &str = "client_id";
pub(super) const USERNAME: &str = "username";
const PASSWORD: &str = "password";

/// Takes the options of a grant out of a string.
pub(super) struct GrantReader<'r, 'c> {
    pub(super) conf: &'r Conf<'c>,
    /// Which the string is of.
    pub(super) directive: &'static Directive,
    pub(super) options: &'r mut Options,
    /// The keys that mean something.
    pub(super) allowed: &'r mut Vec<&'static str>,
}

impl GrantReader<'_, '_> {
    pub(super) fn read(
        &mut self,
        source: Source,
        endpoint: Option<Endpoint>,
    ) -> Result<GrantSettings, Refusal> {
        let method = self.options.take_text(AUTH).map_err(|error| error.to_string())?;
        let method = method.map_or(Ok(Method::None), |method| Method::parse(&method));
        let method = method.map_err(|error| in_option(AUTH, error))?;
        self.allowed.extend(method.options());
        if !ClientAuth::is_result(self.options) {
            check_literal(self.options, method.options())?;
        }
        let auth = ClientAuth::from_options(method, self.options)
            .map_err(|error| format!("\"auth={}\": {error}", method.name()))?;
        let mut grant = GrantSettings { endpoint, ..GrantSettings::default() };
        grant.client_id = self.text(CLIENT_ID)?;
        if source == Source::Password {
            grant.username = self.username(method, &auth)?;
            self.ignore_password();
        }
        grant.auth = Some(auth);
        Ok(grant)
    }

    fn text(&mut self, key: &'static str) -> Result<Option<Rc<Text>>, Refusal> {
        self.allowed.push(key);
        let template = self.options.take_template(key).map_err(|error| error.to_string())?;
        let text = template.map(|template| Text::compile(self.conf, template));
        Ok(text.transpose()?.map(Rc::new))
    }

    /// One name serves both places where the gateway has one for itself.
    fn username(
        &mut self,
        method: Method,
        auth: &ClientAuth,
    ) -> Result<Option<Rc<Username>>, Refusal> {
        self.allowed.push(USERNAME);
        let template = self.options.take_template(USERNAME).map_err(|error| error.to_string())?;
        let template = match (method, auth.id()) {
            (Method::Basic, Some(id)) => Some(Template::of_literal(id)),
            _ => template,
        };
        let username = template.map(|template| Username::compile(self.conf, template));
        Ok(username.transpose()?.map(Rc::new))
    }

    /// The source token is the password.
    fn ignore_password(&mut self) {
        self.allowed.push(PASSWORD);
        if self.options.take(PASSWORD).is_some() {
            let name = self.directive.name.to_string_lossy();
            self.conf.warn(format_args!(
                "\"{name}\": option \"{PASSWORD}\" is ignored: the password is the source token"
            ));
        }
    }
}

/// A name that is proved by a secret is the same for all requests.
pub(super) fn check_literal(options: &Options, keys: &[&'static str]) -> Accepted {
    let named =
        keys.iter().find(|key| matches!(**key, CLIENT_ID | USERNAME) && options.has_variables(key));
    let Some(key) = named else { return Ok(()) };
    let problem = "with this client authentication the value cannot hold variables; a literal \"$\" is \
                   written %24";
    Err(in_option(key, problem).into())
}

pub(super) fn in_option(key: &str, problem: impl Display) -> Problem {
    format!("option \"{key}\": {problem}")
}
