//! What an issuer says of itself (RFC 8414, section 2; OpenID Connect Discovery 1.0, section 3), as far
//! as it is needed: where its token endpoint is.
//!
//! Metadata decide where tokens and secrets go. So nothing in them is taken that is in doubt.

mod document;

use http::StatusCode;

use crate::advice;
use crate::content;
use crate::endpoint::{Endpoint, Host, Scheme};
use crate::error::{Failure, FailureKind};
use crate::message::Incoming;
use crate::retry_after;
use document::Document;

/// Bytes that metadata may have.
pub const MAX_BYTES: usize = 64 * 1024;

/// The endpoints of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    token_endpoint: Endpoint,
    /// For clients that show a certificate (RFC 8705, section 5).
    mtls_token_endpoint: Option<Endpoint>,
}

impl Metadata {
    /// Reads the answer to a question for metadata; `None` where there is nothing to be had at this URL, and
    /// the other form may lead to it.
    ///
    /// # Errors
    /// It says something else, or has nothing that can be used.
    pub fn answered(answer: &Incoming<'_>, issuer: &Endpoint) -> Result<Option<Self>, Failure> {
        let status = answer.status;
        // A server that does not know the form of RFC 8414 says so in one of these ways.
        if matches!(
            status,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE
        ) {
            return Ok(None);
        }
        let problem = if status == StatusCode::OK {
            let coding = content::check_coding(answer.headers);
            match coding.and_then(|()| Self::read(answer.body, issuer)) {
                Ok(metadata) => return Ok(Some(metadata)),
                Err(problem) => format!("HTTP 200: {problem}"),
            }
        } else {
            match advice::of_status(answer, &(answer.known)()) {
                Some(remark) => format!("HTTP {}, {remark}", status.as_u16()),
                None => format!("HTTP {}", status.as_u16()),
            }
        };
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => FailureKind::Busy,
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => FailureKind::Unreachable,
            status if status.is_server_error() => FailureKind::Unreachable,
            _ => FailureKind::BadAnswer,
        };
        let retry_after =
            if kind == FailureKind::Busy { retry_after::read(answer.headers) } else { None };
        Err(Failure { retry_after, ..Failure::new(kind, problem) })
    }

    /// Reads metadata, which have to be those of this issuer (RFC 8414, section 3.3).
    ///
    /// # Errors
    /// What is wrong with them, fit for a line of a log.
    pub fn read(body: &[u8], issuer: &Endpoint) -> Result<Self, String> {
        if body.len() > MAX_BYTES {
            return Err(format!("the metadata are larger than {MAX_BYTES} bytes"));
        }
        let document = Document::parse(body)?;
        let named = document.issuer()?;
        if named != issuer.url() {
            return Err(format!(
                "they are of the issuer \"{}\", and not of the one that is configured, to which they \
                 have to be equal byte for byte",
                crate::excerpt::excerpt(named)
            ));
        }
        let token_endpoint = document.token_endpoint()?;
        let token_endpoint = endpoint("token_endpoint", token_endpoint, issuer)?;
        let alias = document.mtls_token_endpoint()?;
        let name = "mtls_endpoint_aliases.token_endpoint";
        let mtls_token_endpoint = alias.map(|url| endpoint(name, url, issuer)).transpose()?;
        Ok(Self { token_endpoint, mtls_token_endpoint })
    }

    /// Where tokens are asked for, by a client that shows a certificate of TLS or by another one.
    pub fn token_endpoint(&self, shows_certificate: bool) -> &Endpoint {
        match &self.mtls_token_endpoint {
            Some(alias) if shows_certificate => alias,
            _ => &self.token_endpoint,
        }
    }

    /// Metadata that [`Self::read`] reads as these: what a cache keeps.
    pub fn to_document(&self, issuer: &Endpoint) -> String {
        document::write(
            issuer.url(),
            self.token_endpoint.url(),
            self.mtls_token_endpoint.as_ref().map(Endpoint::url),
        )
    }
}

/// An endpoint that such an issuer may have: what goes there must not be less safe than what told it.
fn endpoint(member: &str, url: &str, issuer: &Endpoint) -> Result<Endpoint, String> {
    let endpoint =
        Endpoint::parse(url).map_err(|error| format!("the {member} cannot be used: {error}"))?;
    if matches!(endpoint.host(), Host::Unix(_)) {
        return Err(format!("the {member} is a local socket, which no issuer can know of"));
    }
    if endpoint.scheme() == Scheme::Http {
        if issuer.scheme() == Scheme::Https {
            return Err(format!("the {member} is http://, and the issuer https://"));
        }
        if !endpoint.is_loopback() {
            return Err(format!("the {member} is http:// and not on this machine"));
        }
    }
    Ok(endpoint)
}

#[cfg(test)]
mod tests;
