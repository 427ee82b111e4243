//! A checked exchange configuration: a [`Profile`] that exists can be used.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::advice;
use crate::client_auth::ClientAuth;
use crate::endpoint::Endpoint;
use crate::error::{Failure, FailureKind};
use crate::issued::Issued;
use crate::known::Known;
use crate::now::Now;
use crate::oauth::grant::{Grant, Source};
use crate::oauth::token_exchange;
use crate::secret::Secret;
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

/// What a request brings to the exchange.
pub struct Subject<'a> {
    /// The token to be exchanged; not looked at by a grant without [`Source`].
    pub source: &'a [u8],
    /// What else is asked for, evaluated, in the order of the configuration: extra form parameters, and
    /// for WS-Trust those that [`crate::wstrust`] names.
    pub parameters: &'a [Parameter<'a>],
}

/// The names that the STS is told, where the configuration leaves them to the request.
#[derive(Clone, Copy, Default)]
pub struct Names<'a> {
    /// In place of [`Profile::client_id`]. When empty, no `client_id` is sent.
    pub client_id: Option<&'a [u8]>,
    /// The user that a [`Source::Password`] is of; without it, the client id. When empty, there is no
    /// user to ask a token for.
    pub username: Option<&'a [u8]>,
}

/// One evaluated extra parameter.
pub struct Parameter<'a> {
    /// Its name, checked by [`crate::parameters::check_name`].
    pub name: &'a str,
    /// Its value, not yet encoded.
    pub value: &'a [u8],
}

/// A POST to the endpoint of the profile.
pub struct Outgoing {
    /// Headers that belong to the body and to the client authentication. The transport adds those that
    /// belong to the connection, and `Content-Length`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Secret,
}

/// The headers of an answer that are looked at.
pub static ANSWER_HEADERS: [HeaderName; 4] =
    [CONTENT_TYPE, CONTENT_ENCODING, LOCATION, RETRY_AFTER];

/// What the STS answered, whole.
pub struct Incoming<'a> {
    /// The status code.
    pub status: StatusCode,
    /// The headers, [`ANSWER_HEADERS`] at least.
    pub headers: &'a HeaderMap,
    /// The body, within the configured limit.
    pub body: &'a [u8],
    /// What of it must not be repeated; asked for only when it failed. [`Profile::known`] knows.
    pub known: &'a dyn Fn() -> Known,
}

impl Profile {
    /// The client id that goes into the body because the client authentication does not carry one
    /// (RFC 6749, section 3.2.1).
    pub(crate) fn body_client_id<'a>(&'a self, names: &Names<'a>) -> Option<&'a [u8]> {
        let configured = || self.client_id.as_deref().map(str::as_bytes);
        let client_id = names.client_id.or_else(configured);
        client_id.filter(|id| !id.is_empty() && self.auth.leaves_client_id_to_body())
    }

    /// The user that a password is of.
    pub(crate) fn username<'a>(&'a self, names: &Names<'a>) -> Option<&'a [u8]> {
        let configured = || self.client_id.as_deref().or_else(|| self.auth.id()).map(str::as_bytes);
        names.username.or(names.client_id).or_else(configured)
    }

    /// Whether the gateway sends anything of its own that is worth stealing.
    pub fn sends_credentials(&self) -> bool {
        self.auth.sends_credentials()
    }

    /// Whether a request has a `client_id` parameter without the operator's doing.
    pub(crate) fn sends_client_id(&self) -> bool {
        self.auth.sends_client_id() || self.body_client_id(&Names::default()).is_some()
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
            Protocol::OAuth(grant) => grant.request(self, subject, names, now),
            Protocol::WsTrust(exchange) => wstrust::request::write(self, exchange, subject, now),
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
