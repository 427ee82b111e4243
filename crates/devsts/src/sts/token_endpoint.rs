//! The token endpoint: RFC 6749 section 3.2, without leniency.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::assertion::{Expected, Seen};
use super::client::Client;
use super::foreign::KnownServer;
use super::manners::{Manners, Wrong};
use super::steer::{self, Steered};
use super::token::Issuer;
use super::{
    Metadata, Noted, OnCall, client_auth, client_credentials, jwt_bearer, password, saml_bearer,
    token_exchange, wstrust,
};
use crate::http::answer::Answer;
use crate::script::Script;
use crate::server::Service;
use crate::server::call::{Call, FORM};

pub(super) struct TokenEndpoint {
    pub(super) paths: Vec<String>,
    pub(super) clients: Vec<Client>,
    pub(super) anonymous: bool,
    pub(super) seen: Seen,
    pub(super) issuer: Issuer,
    pub(super) latency: Duration,
    pub(super) on_call: Option<OnCall>,
    pub(super) wstrust: Vec<wstrust::Endpoint>,
    pub(super) manners: Option<Manners>,
    /// What the assertion of a grant may be for, besides the endpoint.
    pub(super) audiences: Vec<String>,
    /// A JWT is taken only where the request says that it is on behalf of its subject.
    pub(super) on_behalf_of: bool,
    /// What client assertions have to be like.
    pub(super) expected: Expected,
    pub(super) metadata: Option<Metadata>,
    pub(super) servers: Vec<KnownServer>,
}

/// A refusal of RFC 6749 section 5.2, or of HTTP before it came to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) error: String,
    pub(super) description: String,
}

/// A request that is to be granted, were it not for what the subject token asks for.
pub(super) struct Grant<'a> {
    pub(super) source: Cow<'a, str>,
    /// What may ask for an answer, where it is not the source: the subject of an assertion.
    pub(super) steering: Option<String>,
    /// Told by token exchange alone.
    pub(super) issued_token_type: Option<&'a str>,
    pub(super) scope: Option<&'a str>,
    /// What is issued in the place of an access token.
    pub(super) typed: Option<Typed>,
}

/// A JWT that is no access token.
pub(super) struct Typed {
    /// Its `typ`.
    pub(super) kind: &'static str,
    /// The `token_type` that is told.
    pub(super) token_type: &'static str,
    pub(super) claims: Map<String, Value>,
}

/// The parameters of a request that may come more than once (RFC 8693 section 2.1).
const REPEATABLE: [&str; 2] = ["audience", "resource"];
/// Parameters that must not stand in the URL: RFC 6749 section 2.3.1 says so of the credentials, and
/// URLs are logged.
const NOT_IN_URL: [&str; 9] = [
    "actor_token",
    "assertion",
    "client_assertion",
    "client_id",
    "client_secret",
    "grant_type",
    "password",
    "subject_token",
    "username",
];

impl Service for TokenEndpoint {
    fn answer(&self, call: &Call) -> Script {
        let script = Script::new();
        let script = if self.latency.is_zero() { script } else { script.wait(self.latency) };
        if let Some(endpoint) = self.wstrust.iter().find(|endpoint| endpoint.is_at(call.path())) {
            let mut outcome = endpoint.answer(call, &self.issuer, script.clone());
            let fault = self.manners.and_then(|manners| manners.on(Wrong::Message));
            if let Some(fault) = fault.filter(|_| outcome.result.is_err()) {
                outcome.script = script.answer(fault);
            }
            if let Some(tell) = &self.on_call {
                let noted = Noted {
                    call: call.number,
                    client: outcome.requestor,
                    source: outcome.source,
                    result: outcome.result,
                };
                tell(call, noted);
            }
            return outcome.script;
        }
        let path = self.paths.first().map_or("", String::as_str);
        if let Some(answer) = self.metadata.as_ref().and_then(|it| it.answer(call, path)) {
            return script.answer(answer);
        }
        if !self.paths.iter().any(|path| path == call.path()) {
            let missing = self.manners.and_then(|manners| manners.on(Wrong::Path));
            return script.answer(missing.unwrap_or_else(|| Answer::new(404)));
        }
        let mut client = None;
        let (usual, result) = match self.grant(call, &mut client) {
            Ok(grant) => self.fulfil(call, &grant, script.clone()),
            Err(refusal) => (script.clone().answer(refusal.answer()), Err(refusal.to_string())),
        };
        let is_known = |id: &str| self.clients.iter().any(|client| client.id == id);
        let instead = self.manners.and_then(|manners| manners.instead(call, &result, is_known));
        let (script, result) = match instead {
            Some(answer) => {
                let note = format!("status {}, as recorded", answer.status_code());
                (script.answer(answer), Err(note))
            }
            None => (usual, result),
        };
        if let Some(tell) = &self.on_call {
            let source = call.subject().map(ToOwned::to_owned);
            tell(call, Noted { call: call.number, client, source, result });
        }
        script
    }
}

impl TokenEndpoint {
    fn grant<'a>(
        &'a self,
        call: &'a Call,
        client: &mut Option<String>,
    ) -> Result<Grant<'a>, Refusal> {
        check_form(call)?;
        let grant_type = one_value(call, "grant_type")?
            .ok_or_else(|| Refusal::invalid_request("grant_type is missing"))?;
        let known = client_auth::authenticate(
            call,
            &self.clients,
            self.anonymous,
            &self.seen,
            &self.expected,
            &self.issuer,
        )?;
        *client = known.map(|client| client.id.clone());
        match grant_type {
            client_credentials::GRANT_TYPE => {
                let confidential = known.filter(|client| !client.is_public());
                let client = confidential.map(|client| client.id.as_str());
                client_credentials::check(call, client, &self.clients)
            }
            jwt_bearer::GRANT_TYPE => {
                jwt_bearer::check(call, client.as_deref(), &self.audiences, self.on_behalf_of)
            }
            password::GRANT_TYPE => password::check(call),
            saml_bearer::GRANT_TYPE => saml_bearer::check(call, &self.audiences),
            token_exchange::GRANT_TYPE => {
                token_exchange::check(call, client.as_deref(), &self.servers)
            }
            _ => Err(Refusal::new(400, "unsupported_grant_type", "not a grant type known here")),
        }
    }

    fn fulfil(
        &self,
        call: &Call,
        grant: &Grant<'_>,
        script: Script,
    ) -> (Script, Result<String, String>) {
        let steered = match steer::read(grant.steering.as_deref().unwrap_or(&grant.source)) {
            Ok(steered) => steered,
            Err(other) => return other.into_script(script),
        };
        let Steered { wait, .. } = steered;
        let script = if wait.is_zero() { script } else { script.wait(wait) };
        let (target, expires_in) =
            self.issuer.issue(call.number, &grant.source, grant.typed.as_ref(), &steered);
        let mut body = serde_json::json!({
            "access_token": target,
            "token_type": grant.typed.as_ref().map_or("Bearer", |typed| typed.token_type),
        });
        if let Value::Object(members) = &mut body {
            if let Some(kind) = grant.issued_token_type {
                members.insert("issued_token_type".to_owned(), kind.into());
            }
            if let Some(seconds) = expires_in {
                members.insert("expires_in".to_owned(), seconds.into());
            }
            if let Some(scope) = grant.scope {
                members.insert("scope".to_owned(), scope.into());
            }
        }
        // RFC 6749 section 5.1 demands both headers.
        let answer = Answer::json(200, &body)
            .header("Cache-Control", "no-store")
            .header("Pragma", "no-cache");
        (script.answer(answer), Ok(target))
    }
}

/// What can be refused by looking at HTTP and the form alone.
fn check_form(call: &Call) -> Result<(), Refusal> {
    if call.method != "POST" {
        return Err(Refusal::new(405, "invalid_request", "the token endpoint is for POST"));
    }
    if let Some(query) = call.query()
        && query
            .split('&')
            .any(|pair| NOT_IN_URL.contains(&pair.split('=').next().unwrap_or_default()))
    {
        return Err(Refusal::invalid_request("a parameter of the request stands in the URL"));
    }
    let content_type = call
        .header("content-type")
        .ok_or_else(|| Refusal::invalid_request("there must be one Content-Type"))?;
    if !is_form(&content_type) {
        return Err(Refusal::invalid_request("the Content-Type is not that of a form"));
    }
    let pairs = match &call.form {
        Some(Ok(pairs)) => pairs,
        Some(Err(problem)) => return Err(Refusal::invalid_request(problem)),
        None => return Err(Refusal::invalid_request("there is no form")),
    };
    for (at, (name, _)) in pairs.iter().enumerate() {
        let before = pairs.iter().take(at).any(|(earlier, _)| earlier == name);
        if before && !REPEATABLE.contains(&name.as_str()) {
            // RFC 6749 section 3.2: parameters must not be included more than once.
            return Err(Refusal::invalid_request(&format!("{name} is repeated")));
        }
    }
    Ok(())
}

/// The media type alone, or with the charset that RFC 6749 appendix B prescribes anyhow.
fn is_form(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case(FORM))
        && parts.all(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"))
}

/// The parameter's value; one without a value counts as omitted (RFC 6749 section 3.2).
pub(super) fn one_value<'a>(call: &'a Call, name: &str) -> Result<Option<&'a str>, Refusal> {
    match call.parameter_values(name)[..] {
        [] | [""] => Ok(None),
        [value] => Ok(Some(value)),
        _ => Err(Refusal::invalid_request(&format!("{name} is repeated"))),
    }
}

/// The grants of assertions have none of the parameters of token exchange.
pub(super) fn no_subject_token(call: &Call) -> Result<(), Refusal> {
    let mut names = call.parameters().iter().map(|(name, _)| name);
    match names.find(|name| name.starts_with("subject_token") || name.starts_with("actor_token")) {
        None => Ok(()),
        Some(name) => Err(Refusal::invalid_request(&format!("{name} is of another grant"))),
    }
}

/// The scope that is asked for.
pub(super) fn scope(call: &Call) -> Result<Option<&str>, Refusal> {
    let scope = one_value(call, "scope")?;
    if scope.is_some_and(|scope| !is_scope(scope)) {
        return Err(Refusal::new(400, "invalid_scope", "scope is malformed"));
    }
    Ok(scope)
}

/// RFC 6749 section 3.3.
fn is_scope(value: &str) -> bool {
    value.split(' ').all(|token| {
        !token.is_empty()
            && token.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    })
}

impl Refusal {
    pub(super) fn new(status: u16, error: &str, description: &str) -> Self {
        Self { status, error: error.to_owned(), description: description.to_owned() }
    }

    pub(super) fn invalid_request(description: &str) -> Self {
        Self::new(400, "invalid_request", description)
    }

    pub(super) fn invalid_grant(description: &str) -> Self {
        Self::new(400, "invalid_grant", description)
    }

    pub(super) fn invalid_client(description: &str) -> Self {
        Self::new(401, "invalid_client", description)
    }

    pub(super) fn answer(&self) -> Answer {
        let answer = Answer::oauth_error(self.status, &self.error, &self.description)
            .header("Pragma", "no-cache");
        match self.status {
            401 => answer.header("WWW-Authenticate", "Basic realm=\"devsts\", charset=\"UTF-8\""),
            405 => answer.header("Allow", "POST"),
            _ => answer,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error, self.description)
    }
}
