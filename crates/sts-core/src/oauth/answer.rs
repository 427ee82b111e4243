//! The answer of a token endpoint (RFC 6749, sections 5.1 and 5.2), shared by all grants.

mod body;

use std::rc::Rc;

use http::StatusCode;

use super::refusal;
use super::source::Source;
use crate::advice;
use crate::content;
use crate::error::{Failure, FailureKind};
use crate::issued::Issued;
use crate::known::Known;
use crate::message::Incoming;
use crate::retry_after;
use body::{Body, OauthError};

/// Reads an answer.
///
/// Its status decides first: an STS that says 429, 503 or another 5xx has not judged the token,
/// whatever else its body says. Then the `error` in its body, which counts with a status of success
/// as well. The type of the body does not matter, only whether it can be read as JSON.
pub(crate) fn read(answer: &Incoming<'_>, source: Source) -> Result<Issued, Failure> {
    let coding = content::check_coding(answer.headers);
    let body = coding.and_then(|()| Body::parse(answer.body).map_err(str::to_owned));
    let error = match body {
        Ok(Body { error: None, token }) if answer.status.is_success() => {
            return token.issued().map_err(|reason| {
                let reason = format!("HTTP {}: {reason}", answer.status.as_u16());
                Failure::new(FailureKind::BadAnswer, reason)
            });
        }
        Ok(Body { error, .. }) => Ok(error),
        Err(reason) => Err(reason),
    };
    let code = error.as_ref().ok().and_then(Option::as_ref).and_then(OauthError::code);
    let has_claims =
        error.as_ref().ok().and_then(Option::as_ref).is_some_and(OauthError::has_claims);
    let kind = match kind(answer.status, code, source) {
        // Entra says what is missing beside one of several codes.
        FailureKind::Refused | FailureKind::Denied if has_claims => FailureKind::StepUp,
        kind => kind,
    };
    let known = (answer.known)();
    let step_up = match &error {
        Ok(Some(error)) if kind == FailureKind::StepUp => error.step_up(&known).map(Rc::new),
        _ => None,
    };
    let retry_after = match kind {
        FailureKind::Busy => retry_after::read(answer.headers),
        _ => None,
    };
    let codes = code.into_iter().collect();
    let reason = reason(answer, &error, &known);
    Err(Failure { retry_after, codes, step_up, ..Failure::new(kind, reason) })
}

fn kind(status: StatusCode, code: Option<&str>, source: Source) -> FailureKind {
    // RFC 9110, section 15.5.8: it is not the STS that says so.
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return FailureKind::Unreachable;
    }
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return FailureKind::Busy;
    }
    if status.is_server_error() {
        return FailureKind::Unreachable;
    }
    match code {
        Some(code) if status.is_success() || status.is_client_error() => {
            refusal::classify(code, status, source)
        }
        None if status.is_client_error() => FailureKind::GatewayRefused,
        // A redirect is never followed: it would hand token and credentials to another server.
        _ => FailureKind::BadAnswer,
    }
}

/// The line for the operator. Of the body it holds nothing but what the standard makes for reading.
fn reason(
    answer: &Incoming<'_>,
    error: &Result<Option<OauthError<'_>>, String>,
    known: &Known,
) -> String {
    let status = format!("HTTP {}", answer.status.as_u16());
    if let Some(remark) = advice::of_status(answer, known) {
        return format!("{status}, {remark}");
    }
    match error {
        Ok(Some(error)) => format!("{status}, {}", error.in_words(known)),
        Ok(None) => format!("{status} without an OAuth error"),
        Err(reason) => format!("{status}: {reason}{}", advice::content_type(answer, known)),
    }
}
