//! A checked exchange configuration: a [`Profile`] that exists can be used.

use http::{HeaderMap, StatusCode};

use crate::client_auth::ClientAuth;
use crate::endpoint::Endpoint;
use crate::error::Failure;
use crate::issued::Issued;
use crate::now::Now;
use crate::oauth::token_exchange;
use crate::secret::Secret;
use crate::wstrust;
use crate::wstrust::settings::WsTrust;

/// The protocol spoken to the STS.
#[derive(Clone, PartialEq, Eq)]
pub enum Protocol {
    /// OAuth 2.0 Token Exchange, RFC 8693.
    TokenExchange,
    /// WS-Trust over SOAP.
    WsTrust(Box<WsTrust>),
}

impl Protocol {
    /// The name that `STSType` has for it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TokenExchange => "otx",
            Self::WsTrust(_) => "wstrust",
        }
    }
}

/// Everything about an exchange that does not depend on the request.
pub struct Profile {
    /// What is spoken.
    pub protocol: Protocol,
    /// Whom it is spoken to.
    pub endpoint: Endpoint,
    /// How the gateway proves who it is.
    pub auth: ClientAuth,
    /// `client_id` parameter, for the methods that do not carry one of their own.
    pub client_id: Option<String>,
}

/// What a request brings to the exchange.
pub struct Subject<'a> {
    /// The token to be exchanged.
    pub source: &'a Secret,
    /// Extra form parameters, evaluated, in the order of the configuration.
    pub parameters: &'a [Parameter<'a>],
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
    /// Headers beyond `Host`, `User-Agent` and `Content-Length`, which belong to the transport.
    pub headers: HeaderMap,
    /// The body.
    pub body: Secret,
}

/// What the STS answered, whole.
pub struct Incoming<'a> {
    /// The status code.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, within the configured limit.
    pub body: &'a [u8],
}

impl Profile {
    /// The client id that goes into the body because the client authentication does not carry one
    /// (RFC 6749, section 3.2.1).
    pub(crate) fn body_client_id(&self) -> Option<&str> {
        self.client_id.as_deref().filter(|_| self.auth.leaves_client_id_to_body())
    }

    /// Whether a request has a `client_id` parameter without the operator's doing.
    pub(crate) fn sends_client_id(&self) -> bool {
        self.auth.sends_client_id() || self.body_client_id().is_some()
    }

    /// Writes the request to the STS.
    ///
    /// # Errors
    /// The source token cannot be used with this protocol.
    pub fn request(&self, subject: &Subject<'_>, now: &Now) -> Result<Outgoing, Failure> {
        match &self.protocol {
            Protocol::TokenExchange => token_exchange::request(self, subject, now),
            Protocol::WsTrust(exchange) => wstrust::request::write(self, exchange, subject, now),
        }
    }

    /// Reads the answer of the STS.
    ///
    /// # Errors
    /// The STS refused, or the answer cannot be used.
    pub fn response(&self, answer: &Incoming<'_>, now: &Now) -> Result<Issued, Failure> {
        match &self.protocol {
            Protocol::TokenExchange => token_exchange::response(answer, now),
            Protocol::WsTrust(exchange) => wstrust::response::read(answer, exchange, now.wall),
        }
    }
}
