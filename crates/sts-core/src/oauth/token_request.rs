//! The request to a token endpoint (RFC 6749, section 3.2), as far as all grants share it.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use crate::error::Failure;
use crate::form::Form;
use crate::gateway::Gateway;
use crate::message::{Names, Outgoing, Subject};
use crate::now::Now;
use crate::parameters::CLIENT_ID;
use crate::secret::Secret;

/// Collects the parameters of a request: those of the grant, then the extra ones, then those of the
/// client authentication.
pub(crate) struct TokenRequest<'a> {
    form: Form<'a>,
}

impl<'a> TokenRequest<'a> {
    /// The request of a grant, the type of which is given as it stands in a form.
    pub(super) fn new(grant_type: &'static str, subject: &Subject<'_>) -> Self {
        let capacity = OF_GRANT + subject.parameters.len() + OF_CLIENT;
        let mut form = Form::with_capacity(capacity);
        form.push_encoded("grant_type", grant_type);
        Self { form }
    }

    pub(super) fn push(&mut self, name: &'a str, value: &'a [u8]) {
        self.form.push(name, value);
    }

    /// A value that is made of the source token.
    pub(super) fn push_owned(&mut self, name: &'static str, value: Secret) {
        self.form.push_owned(name, value);
    }

    pub(super) fn push_encoded(&mut self, name: &'static str, value: &'static str) {
        self.form.push_encoded(name, value);
    }

    /// Adds the extra parameters and the client authentication, and writes it all.
    pub(super) fn finish(
        mut self,
        gateway: &Gateway<'a>,
        subject: &Subject<'a>,
        names: &Names<'a>,
        now: &Now,
    ) -> Result<Outgoing, Failure> {
        for parameter in subject.parameters {
            self.form.push(parameter.name, parameter.value);
        }
        if let Some(client_id) = gateway.body_client_id(names) {
            self.form.push(CLIENT_ID, client_id);
        }
        let mut headers = HeaderMap::with_capacity(HEADERS);
        headers.insert(CONTENT_TYPE, FORM);
        headers.insert(ACCEPT, JSON);
        let proof = gateway.auth.prove(gateway.endpoint, names.assertion, now)?;
        let mut form = self.form;
        proof.apply(&mut headers, &mut form);
        Ok(Outgoing { headers, body: form.encode() })
    }
}

/// Headers of a request, with that of a client authentication.
const HEADERS: usize = 3;

/// The parameters that a grant sends by itself, its type included.
const OF_GRANT: usize = 3;

/// The parameters of a client authentication: an id, and two that prove it.
const OF_CLIENT: usize = 3;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
