//! What one request brings to prove the identity of the gateway.

use std::rc::Rc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use super::assertion::{self, JWT_BEARER};
use super::{ClientAuth, Credentials};
use crate::endpoint::Endpoint;
use crate::error::Failure;
use crate::form::Form;
use crate::now::Now;
use crate::parameters::CLIENT_ID;
use crate::secret::Secret;

/// Proof for one request.
pub(crate) enum Proof<'a> {
    /// Nothing, or what TLS shows.
    None,
    Header(HeaderValue),
    /// RFC 6749, section 2.3.1.
    Secret {
        client_id: &'a str,
        secret: Rc<Secret>,
    },
    /// RFC 7521, section 4.2.
    Assertion {
        client_id: Option<&'a str>,
        kind: &'a str,
        assertion: Rc<Secret>,
    },
    /// The same, of what the request has brought.
    Result {
        client_id: Option<&'a str>,
        kind: &'a str,
        assertion: &'a [u8],
    },
}

impl ClientAuth {
    /// Makes the proof for a request, which may have brought an assertion.
    pub(crate) fn prove<'a>(
        &'a self,
        endpoint: &Endpoint,
        brought: Option<&'a [u8]>,
        now: &Now,
    ) -> Result<Proof<'a>, Failure> {
        let id = self.id.as_deref();
        Ok(match &self.credentials {
            Credentials::None | Credentials::Certificate { .. } | Credentials::Message { .. } => {
                Proof::None
            }
            Credentials::Header(slot) => Proof::Header(slot.value()?.as_ref().clone()),
            Credentials::Secret(slot) => {
                Proof::Secret { client_id: id.unwrap_or_default(), secret: slot.value()? }
            }
            Credentials::Key { key, addressee } => {
                let client_id = id.unwrap_or_default();
                let (audience, kind) = (addressee.audience(endpoint), addressee.kind(endpoint));
                let assertion = assertion::sign(&*key.value()?, kind, client_id, &audience, now)?;
                // RFC 7521, section 4.2 leaves the client id to the assertion, but some servers look
                // for the client first.
                Proof::Assertion { client_id: id, kind: JWT_BEARER, assertion }
            }
            Credentials::Assertion { assertion, kind } => {
                Proof::Assertion { client_id: id, kind, assertion: assertion.value()? }
            }
            Credentials::Result { location, kind } => {
                let assertion = assertion::of_result(brought, location, kind)?;
                Proof::Result { client_id: id, kind, assertion }
            }
        })
    }

    /// Adds the proof to a request without a form.
    pub(crate) fn apply_to_headers(&self, headers: &mut HeaderMap) -> Result<(), Failure> {
        if let Credentials::Header(slot) = &self.credentials {
            headers.insert(AUTHORIZATION, slot.value()?.as_ref().clone());
        }
        Ok(())
    }
}

impl Proof<'_> {
    /// Adds it to a request.
    pub(crate) fn apply<'a>(&'a self, headers: &mut HeaderMap, form: &mut Form<'a>) {
        match self {
            Self::None => {}
            Self::Header(value) => {
                headers.insert(AUTHORIZATION, value.clone());
            }
            Self::Secret { client_id, secret } => {
                form.push(CLIENT_ID, client_id.as_bytes());
                form.push("client_secret", secret.expose());
            }
            Self::Assertion { client_id, kind, assertion } => {
                push_assertion(form, *client_id, kind, assertion.expose());
            }
            Self::Result { client_id, kind, assertion } => {
                push_assertion(form, *client_id, kind, assertion);
            }
        }
    }
}

fn push_assertion<'a>(
    form: &mut Form<'a>,
    client_id: Option<&'a str>,
    kind: &'a str,
    assertion: &'a [u8],
) {
    if let Some(client_id) = client_id {
        form.push(CLIENT_ID, client_id.as_bytes());
    }
    form.push("client_assertion_type", kind.as_bytes());
    form.push("client_assertion", assertion);
}
