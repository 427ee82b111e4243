//! A checked exchange configuration: a [`Profile`] that exists can be used.

use crate::advice;
use crate::client_auth::ClientAuth;
use crate::endpoint::Endpoint;
use crate::error::{Failure, FailureKind};
use crate::gateway::Gateway;
use crate::issued::Issued;
use crate::known::Known;
pub use crate::message::{ANSWER_HEADERS, Incoming, Names, Outgoing, Parameter, Subject};
use crate::now::Now;
use crate::oauth::grant::{Grant, Source};
use crate::oauth::token_exchange;
use crate::parameters::{self, ParameterError, Sent};
use crate::wstrust;
use crate::wstrust::settings::WsTrust;

/// The protocol spoken to the STS.
#[derive(Clone, PartialEq, Eq)]
pub enum Protocol {
    /// A grant of OAuth 2.0.
    OAuth(&'static Grant),
    /// WS-Trust over SOAP.
    WsTrust(Box<WsTrust>),
}

impl Protocol {
    /// The name that `STSType` has for it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::OAuth(grant) => grant.name,
            Self::WsTrust(_) => "wstrust",
        }
    }

    /// Whether a request can name what acts for the subject (RFC 8693, section 2.1).
    pub fn takes_actor(&self) -> bool {
        match self {
            Self::OAuth(grant) => **grant == token_exchange::GRANT,
            Self::WsTrust(_) => false,
        }
    }

    /// Whether it exchanges a token of the client; else the token that it asks for is the gateway's.
    pub const fn has_source(&self) -> bool {
        match self {
            Self::OAuth(grant) => !matches!(grant.source, Source::None),
            Self::WsTrust(_) => true,
        }
    }
}

/// Everything about an exchange that does not depend on the request.
pub struct Profile {
    /// What is spoken.
    pub protocol: Protocol,
    /// The STS that it is spoken to.
    pub endpoint: Endpoint,
    /// How the gateway authenticates itself.
    pub auth: ClientAuth,
    /// `client_id` parameter, for the methods that do not carry one of their own.
    pub client_id: Option<String>,
}

impl Profile {
    /// The gateway, as the STS sees it.
    pub(crate) fn gateway(&self) -> Gateway<'_> {
        let Self { protocol: _, endpoint, auth, client_id } = self;
        Gateway { endpoint, auth, client_id: client_id.as_deref() }
    }

    /// See [`Gateway::username`].
    pub(crate) fn username<'a>(&'a self, names: &Names<'a>) -> Option<&'a [u8]> {
        self.gateway().username(names)
    }

    /// Whether the gateway sends anything of its own that is worth stealing.
    pub fn sends_credentials(&self) -> bool {
        self.auth.sends_credentials()
    }

    /// Checks the names of all extra request parameters of an exchange: each by itself, and that none
    /// is sent twice that may not be (RFC 6749, section 3.2).
    ///
    /// # Errors
    /// A name is not allowed, repeated, or already sent by the exchange itself.
    pub fn check_parameters<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), ParameterError> {
        let sent = Sent {
            client_id: self.gateway().sends_client_id(),
            username: matches!(
                &self.protocol,
                Protocol::OAuth(grant) if grant.source == Source::Password
            ),
        };
        parameters::check_all(sent, names)
    }

    /// Writes the request to the STS.
    ///
    /// # Errors
    /// The source token cannot be used with this protocol, or the gateway cannot authenticate
    /// itself.
    pub fn request(&self, subject: &Subject<'_>, now: &Now) -> Result<Outgoing, Failure> {
        self.request_as(subject, &Names::default(), now)
    }

    /// [`Self::request`], where names depend on the request.
    ///
    /// # Errors
    /// The same.
    pub fn request_as(
        &self,
        subject: &Subject<'_>,
        names: &Names<'_>,
        now: &Now,
    ) -> Result<Outgoing, Failure> {
        match &self.protocol {
            Protocol::OAuth(grant) => grant.request(&self.gateway(), subject, names, now),
            Protocol::WsTrust(exchange) => {
                wstrust::request::write(&self.gateway(), exchange, subject, now)
            }
        }
    }

    /// The secrets of a request that the STS knows, the gateway's among them, and may repeat.
    pub fn known(&self, subject: &Subject<'_>) -> Known {
        let mut known = Known::nothing();
        known.add_source(subject.source);
        let is_token = |name: &str| name.contains("token") && !name.ends_with("_type");
        for parameter in subject.parameters.iter().filter(|parameter| is_token(parameter.name)) {
            known.add(parameter.value);
        }
        self.auth.tell(&mut known);
        if let Protocol::WsTrust(exchange) = &self.protocol {
            wstrust::tell(exchange, subject.source, &mut known);
        }
        known
    }

    /// Reads the answer of the STS.
    ///
    /// # Errors
    /// The STS refused, or the answer cannot be used.
    pub fn response(&self, answer: &Incoming<'_>, now: &Now) -> Result<Issued, Failure> {
        let issued = match &self.protocol {
            Protocol::OAuth(grant) => grant.response(answer),
            Protocol::WsTrust(exchange) => wstrust::response::read(answer, exchange, now.wall),
        };
        issued.map_err(|mut failure| {
            // An STS that judges a token is asked at the right place.
            let has_judged = matches!(
                failure.kind,
                FailureKind::Refused | FailureKind::StepUp | FailureKind::Denied
            );
            let question = advice::of_endpoint(answer, self.endpoint.scheme());
            if let Some(question) = question.filter(|_| !has_judged) {
                failure.reason.push_str(question);
            }
            failure
        })
    }
}
