//! The answer of a token endpoint (RFC 6749, sections 5.1 and 5.2), shared by all grants.

use std::fmt::Write;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;

use super::member::Member;
use super::refusal::{self, Grant};
use crate::error::{Failure, FailureKind};
use crate::excerpt::excerpt;
use crate::issued::{Issued, TokenType};
use crate::profile::Incoming;
use crate::retry_after;
use crate::secret::Secret;

/// Reads an answer. Its status decides first: a server that says 429, 503 or another 5xx has not
/// judged the token, whatever else its body says. Then its `error`, also with a status of success.
pub(crate) fn read(answer: &Incoming<'_>, grant: Grant) -> Result<Issued, Failure> {
    let body = Body::parse(answer.body);
    if answer.status.is_success() && body.as_ref().is_some_and(|body| body.error.is_none()) {
        return body.ok_or("no body").and_then(Body::issued).map_err(|reason| bad(answer, reason));
    }
    let error = body.as_ref().and_then(Body::error);
    let kind = kind(answer.status, error, grant);
    Err(Failure {
        kind,
        reason: reason(answer, body.as_ref()),
        retry_after: (kind == FailureKind::Busy)
            .then(|| retry_after::read(answer.headers))
            .flatten(),
    })
}

fn kind(status: StatusCode, error: Option<&str>, grant: Grant) -> FailureKind {
    match (status, error) {
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, _) => FailureKind::Busy,
        (status, _) if status.is_server_error() => FailureKind::Unreachable,
        (status, Some(code)) if status.is_success() || status.is_client_error() => {
            refusal::classify(code, grant)
        }
        (status, None) if status.is_client_error() => FailureKind::GatewayRefused,
        _ => FailureKind::BadAnswer,
    }
}

/// The members of interest; a refresh token is among those that are not even looked at.
#[derive(Deserialize)]
struct Body {
    access_token: Option<Member>,
    token_type: Option<Member>,
    expires_in: Option<Member>,
    error: Option<Member>,
    error_description: Option<Member>,
}

impl Body {
    /// `None` if the body is no JSON object, or has one of the members twice.
    fn parse(body: &[u8]) -> Option<Self> {
        // RFC 8259, section 8.1 lets a reader ignore a byte order mark.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        // The derived reader would take an array for the members in their order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return None;
        }
        serde_json::from_slice(body).ok()
    }

    fn error(&self) -> Option<&str> {
        match &self.error {
            Some(Member::Text(code)) => Some(code),
            _ => None,
        }
    }

    fn issued(self) -> Result<Issued, &'static str> {
        let token = match self.access_token {
            Some(Member::Text(mut token)) => std::mem::take(&mut *token),
            Some(_) => return Err("the access_token is not a string"),
            None => return Err("there is no access_token"),
        };
        let token = Secret::new(token);
        if token.is_empty() {
            return Err("the access_token is empty");
        }
        // Any of these would end a header or a string of NGINX.
        if token.expose().iter().any(|b| matches!(b, b'\r' | b'\n' | b'\0')) {
            return Err("the access_token holds CR, LF or NUL");
        }
        let token_type = token_type(self.token_type)?;
        Ok(Issued { token, token_type, expires_in: self.expires_in.map(seconds) })
    }
}

/// RFC 6749, section 7.1: a token whose type is not understood must not be used.
fn token_type(member: Option<Member>) -> Result<TokenType, &'static str> {
    match member {
        None => Ok(TokenType::Bearer),
        Some(Member::Text(name)) if name.eq_ignore_ascii_case("Bearer") => Ok(TokenType::Bearer),
        Some(Member::Text(name)) if name.eq_ignore_ascii_case("N_A") => {
            Ok(TokenType::NotApplicable)
        }
        Some(_) => Err("the token_type is neither Bearer nor N_A"),
    }
}

/// A number, or a number in a string. What is negative or no number gives no life at all: the token
/// serves the request that asked for it and nobody else.
fn seconds(member: Member) -> u64 {
    let seconds = match member {
        Member::Integer(seconds) => seconds,
        // The conversion rounds down, stops at both ends, and turns what is no number into 0.
        Member::Float(seconds) => seconds as u64,
        Member::Text(text) => match text.trim().parse() {
            Ok(seconds) => seconds,
            Err(_) => text.trim().parse::<f64>().unwrap_or(0.0) as u64,
        },
        Member::Other => 0,
    };
    seconds.min(MAX_LIFE)
}

fn bad(answer: &Incoming<'_>, reason: &str) -> Failure {
    Failure::new(FailureKind::BadAnswer, format!("HTTP {}: {reason}", answer.status.as_u16()))
}

fn reason(answer: &Incoming<'_>, body: Option<&Body>) -> String {
    let mut reason = format!("HTTP {}", answer.status.as_u16());
    let member = |name: &str, member: &Option<Member>, reason: &mut String| {
        if let Some(Member::Text(text)) = member {
            // Writing to a string does not fail.
            let _ = write!(reason, ", {name} \"{}\"", excerpt(text));
        }
    };
    match body {
        Some(body) if body.error.is_some() => {
            member("error", &body.error, &mut reason);
            member("error_description", &body.error_description, &mut reason);
        }
        Some(_) => reason.push_str(" without an OAuth error"),
        None => {
            reason.push_str(" without a JSON object");
            let content_type =
                answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            if let Some(content_type) = content_type {
                let _ = write!(reason, ", content type \"{}\"", excerpt(content_type));
            }
        }
    }
    reason
}

/// In seconds, about 68 years: no sum with a time of day overflows.
const MAX_LIFE: u64 = i32::MAX as u64;
