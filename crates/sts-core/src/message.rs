//! What goes to an STS and comes back from it, whatever protocol is spoken.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::known::Known;
use crate::secret::Secret;

/// What a request brings to the exchange.
pub struct Subject<'a> {
    /// The token to be exchanged; not looked at by a grant without [`Source`](crate::oauth::grant::Source).
    pub source: &'a [u8],
    /// What else is asked for, evaluated, in the order of the configuration: extra form parameters, and
    /// for WS-Trust those that [`crate::wstrust`] names.
    pub parameters: &'a [Parameter<'a>],
}

/// The names that the STS is told, where the configuration leaves them to the request.
#[derive(Clone, Copy, Default)]
pub struct Names<'a> {
    /// In place of [`Profile::client_id`](crate::profile::Profile::client_id). When empty, no `client_id` is sent.
    pub client_id: Option<&'a [u8]>,
    /// The user that a [`Source::Password`](crate::oauth::grant::Source::Password) is of; without it, the client id. When empty, there is no
    /// user to ask a token for.
    pub username: Option<&'a [u8]>,
    /// By which the gateway is known, where its client authentication
    /// [needs](crate::client_auth::ClientAuth::needs_result_of) the result of another exchange.
    pub assertion: Option<&'a [u8]>,
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
    /// What of it must not be repeated; asked for only when it failed. [`Profile::known`](crate::profile::Profile::known) knows.
    pub known: &'a dyn Fn() -> Known,
}
