//! What the settings of a protocol ask the STS for.

use std::rc::Rc;

use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::oauth::grant::{Grant, Source};
use sts_core::profile::Protocol;

use crate::conf::argument::Problem;
use crate::conf::grant::{Calls, Username};
use crate::conf::issuer;
use crate::conf::kind::Kind;
use crate::conf::ropc_directive;
use crate::conf::settings::Settings;
use crate::conf::text::Text;
use crate::conf::wstrust;
use crate::nginx::phase::Phase;
use crate::parameters::Parameter;

/// The settings of the protocol in force, whatever it is.
pub(super) struct Asked {
    pub(super) protocol: Protocol,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) auth: ClientAuth,
    pub(super) client_id: Option<Rc<Text>>,
    pub(super) username: Option<Rc<Username>>,
    /// What else is evaluated for each request.
    pub(super) parameters: Rc<Vec<Parameter>>,
    /// What an `STSROPC` says of its calls.
    pub(super) calls: Option<Calls>,
}

impl Asked {
    /// `None` where nothing is asked for.
    ///
    /// # Errors
    /// Settings contradict each other.
    pub(super) fn of(settings: &Settings) -> Result<Option<Self>, Problem> {
        Ok(Some(match settings.kind {
            // What the gateway makes itself it asks of no STS.
            None | Some(Kind::Disabled | Kind::Jwt) => return Ok(None),
            Some(Kind::OAuth(grant)) => {
                let asked = Self::of_grant(grant, settings)?;
                if grant.source == Source::Password {
                    asked.check_username(settings.phase)?;
                }
                asked
            }
            Some(Kind::WsTrust) => {
                if settings.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty()) {
                    return Err("\"STSRequestParameter\" has no place in a message of WS-Trust, and \
                                would have no effect: write it where the exchanges of the other \
                                types are; \"STSWSTrustAppliesTo\" and \"STSWSTrustClaims\" say here \
                                what is asked for"
                        .into());
                }
                let endpoint = settings.wstrust.endpoint.as_ref();
                let endpoint = endpoint.or(settings.grants.any.endpoint.as_ref()).cloned();
                if endpoint.as_ref().is_some_and(Endpoint::is_issuer) {
                    return Err(
                        "\"STSIssuer\" (option \"issuer\") has no meaning for WS-Trust, whose \
                                servers have no such metadata: write \"STSWSTrustEndpoint\""
                            .into(),
                    );
                }
                let wstrust::Exchange { checked, auth, parameters } =
                    settings.wstrust.exchange(&settings.grants.any)?;
                Self {
                    protocol: Protocol::WsTrust(Box::new(checked)),
                    endpoint,
                    auth,
                    client_id: None,
                    username: None,
                    parameters: Rc::new(parameters),
                    calls: None,
                }
            }
        }))
    }

    fn of_grant(grant: &'static Grant, settings: &Settings) -> Result<Self, Problem> {
        let own = settings.grants.of(grant)?;
        Ok(Self {
            protocol: Protocol::OAuth(grant),
            endpoint: own.endpoint,
            auth: own.auth.unwrap_or(ClientAuth::none()),
            client_id: own.client_id,
            username: own.username,
            parameters: settings.parameters.clone().unwrap_or_default(),
            calls: own.calls,
        })
    }

    /// Whether its parameters are those of `STSRequestParameter`.
    pub(super) const fn has_request_parameters(&self) -> bool {
        !matches!(self.protocol, Protocol::WsTrust(_))
    }

    fn check_username(&self, phase: Option<Phase>) -> Result<(), Problem> {
        let Some(username) = &self.username else {
            if self.client_id.is_some() || self.auth.id().is_some() {
                return Ok(());
            }
            return Err("an exchange of type \"ropc\" needs \"STSROPCUsername\" (option \
                        \"username\"), or a client id in its place"
                .into());
        };
        if username.authenticated && phase.is_some_and(|phase| phase != Phase::PreContent) {
            return Err(
                "the user name \"*\" (\"STSROPCUsername\") needs \"STSPhase precontent\": in an \
                        earlier phase NGINX has authenticated no user yet"
                    .into(),
            );
        }
        Ok(())
    }

    /// The directive that sets its client authentication.
    pub(super) fn auth_directive(&self, settings: &Settings) -> String {
        self.directive(settings, "EndpointAuth")
    }

    /// The directive that sets its endpoint.
    pub(super) fn endpoint_directive(&self, settings: &Settings) -> String {
        if self.endpoint.as_ref().is_some_and(Endpoint::is_issuer) {
            return issuer::NAME.to_owned();
        }
        self.directive(settings, "Endpoint")
    }

    /// What may set an endpoint where none is set.
    pub(super) fn any_endpoint(&self) -> String {
        let own = match &self.protocol {
            Protocol::WsTrust(_) => return "\"STSWSTrustEndpoint\" or \"STSEndpoint\"".into(),
            Protocol::OAuth(grant) => format!("{}Endpoint", Kind::OAuth(grant).prefix()),
        };
        let own = if own == "STSEndpoint" { String::new() } else { format!("\"{own}\" or ") };
        format!("{own}\"STSEndpoint\", or \"STSIssuer\", which tells the endpoint")
    }

    /// The directive that is written, else the one that could be.
    fn directive(&self, settings: &Settings, name: &str) -> String {
        if self.calls.is_some() {
            return ropc_directive::NAME.to_owned();
        }
        let own = format!("{}{name}", settings.kind.map_or("STS", Kind::prefix));
        let any = format!("STS{name}");
        let is_any = settings.places.of(&own).is_none() && settings.places.of(&any).is_some();
        if is_any { any } else { own }
    }
}
