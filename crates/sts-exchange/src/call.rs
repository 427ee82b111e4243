//! One exchange: what is sent, what comes back, and what becomes of it.

pub mod actor;
mod minted;

use std::time::Instant;

use http::HeaderValue;
use http::header::PROXY_AUTHORIZATION;
use openssl::rand::rand_bytes;
use sts_core::carry::credentials;
use sts_core::endpoint::Endpoint;
use sts_core::error::{Failure, FailureKind};
use sts_core::expiry::Expiry;
use sts_core::issued::Issued;
use sts_core::known::Known;
use sts_core::life;
use sts_core::metadata::{self, Metadata};
use sts_core::now::{NoEntropy, Now, UnixTime};
use sts_core::parameters::{ACTOR_TOKEN, token_type};
use sts_core::profile::{Incoming, Names, Parameter, Subject};
use sts_core::request_header::is_value;
use sts_core::secret::Secret;
use sts_core::source;
use sts_net::http1::answer::Answer;
use sts_net::http1::request;

use crate::exchange::{Call, Exchange, Way};
use crate::problem::Problem;
use crate::values::{self, Variables};
use crate::wire::{Deadline, Destination, WireError};

/// What a request brings.
pub struct Brought<'b> {
    /// The source token as it stands in its place.
    pub token: &'b Secret,
    /// The client assertion, where another exchange has brought it.
    pub assertion: Option<&'b Secret>,
    /// All else.
    pub variables: &'b dyn Variables,
}

/// How an exchange went.
pub struct Outcome {
    /// The source token, decoded.
    pub source: Secret,
    /// What was asked for, evaluated: parameters by their names.
    pub parameters: Vec<(String, Secret)>,
    /// What was sent, if it came to that.
    pub sent: Option<Sent>,
    /// What came back.
    pub answer: Option<Answer>,
    /// Why nothing did.
    pub wire: Option<WireError>,
    /// A token, or why there is none.
    pub result: Result<Got, Failure>,
    /// Milliseconds that it took.
    pub took: u128,
    /// What must not be shown.
    pub known: Known,
}

/// A message as it was sent.
pub struct Sent {
    /// To this endpoint, which an issuer may have told.
    pub endpoint: Endpoint,
    /// All of it.
    pub message: Secret,
    /// The body at its end.
    pub body: Secret,
    /// When, in seconds since 1970.
    pub at: UnixTime,
}

/// What was issued.
pub struct Got {
    /// The token and what was said of it; a minted one is a bearer token of which nothing was said.
    pub token: Secret,
    /// The answer, as it was read.
    pub issued: Option<Issued>,
    /// Seconds for which it is good, where that is known.
    pub good_for: Option<u64>,
    /// Seconds for which the module would use it again.
    pub kept_for: u64,
}

/// Now, and random bytes of OpenSSL.
pub fn now() -> Now {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Now { wall: UnixTime(since.map_or(0, |since| since.as_secs())), entropy }
}

fn entropy() -> Result<[u8; 32], NoEntropy> {
    let mut entropy = [0; 32];
    rand_bytes(&mut entropy).map_err(|_| NoEntropy)?;
    Ok(entropy)
}

/// Makes an exchange.
///
/// # Errors
/// A variable has no value. All else is an outcome.
pub fn run(exchange: &Exchange, brought: &Brought<'_>) -> Result<Outcome, Problem> {
    let started = Instant::now();
    let mut outcome = Outcome {
        source: Secret::default(),
        parameters: Vec::new(),
        sent: None,
        answer: None,
        wire: None,
        result: Err(Failure::new(FailureKind::MissingToken, "no source token")),
        took: 0,
        known: Known::nothing(),
    };
    outcome.known.add(brought.token.expose());
    match source(exchange, brought.token) {
        Ok(source) => outcome.source = source,
        Err(failure) => {
            outcome.result = Err(failure);
            return Ok(outcome);
        }
    }
    match &exchange.way {
        Way::Call(call) => call.run(exchange.allows_bound, brought, &mut outcome)?,
        Way::Mint(mint) => mint.run(exchange, brought.variables, &mut outcome)?,
    }
    outcome.took = started.elapsed().as_millis();
    Ok(outcome)
}

/// The source token, taken out of the form in which it stands in its place.
fn source(exchange: &Exchange, token: &Secret) -> Result<Secret, Failure> {
    let rule = &exchange.source;
    if !rule.is_needed {
        return Ok(Secret::default());
    }
    let first = rule.accept.first().map(|accept| &accept.place);
    let own = first.and_then(|place| place.encoding);
    let bad = |reason: String| Failure::new(FailureKind::BadToken, reason);
    let token = match own.unwrap_or(rule.encoding) {
        None => token.clone(),
        Some(encoding) => {
            encoding.decode(token.expose()).map_err(|error| bad(format!("the token {error}")))?
        }
    };
    if token.is_empty() {
        return Err(Failure::new(FailureKind::MissingToken, "no source token"));
    }
    let is_bearer = first.is_some_and(|place| place.is_bearer_header() && own.is_none());
    if is_bearer && rule.encoding.is_none() && !credentials::is_b64token(token.expose()) {
        return Err(bad("the token cannot stand behind \"Bearer\" in a header".to_owned()));
    }
    // Claims that a token is made of are no token of the client.
    let is_call = matches!(exchange.way, Way::Call(_));
    if is_call && !exchange.allows_bound && source::claims(token.expose()).is_bound {
        return Err(bad(
            "the token is bound to a key of its client, and would lose that by the exchange \
             (STSBoundTokens)"
                .to_owned(),
        ));
    }
    Ok(token)
}

impl Call {
    fn run(
        &self,
        allows_bound: bool,
        brought: &Brought<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Problem> {
        let variables = brought.variables;
        if let Some(actor) = &self.actor
            && let Err(failure) = actor.ask(allows_bound, variables, outcome)?
        {
            outcome.result = Err(failure);
            return Ok(());
        }
        for (name, template) in &self.parameters {
            let value = values::evaluate(template, variables)?;
            if !template.has_variables() {
                outcome.parameters.push((name.clone(), value));
                continue;
            }
            let identifier = token_type(name, value.expose()).map(Secret::new);
            let value = identifier.unwrap_or(value);
            if !value.is_empty() {
                outcome.parameters.push((name.clone(), value));
            }
        }
        let mut headers = Vec::new();
        for (name, template) in &self.headers {
            let value = values::evaluate(template, variables)?;
            if value.is_empty() {
                continue;
            }
            match HeaderValue::from_bytes(value.expose()) {
                Ok(header) if is_value(value.expose()) => headers.push((name.clone(), header)),
                _ => {
                    let reason =
                        format!("the value of the header \"{name}\" holds what no header can");
                    outcome.result = Err(Failure::new(FailureKind::BadHeader, reason));
                    return Ok(());
                }
            }
        }
        let evaluate = |template: &Option<_>| {
            template.as_ref().map(|template| values::evaluate(template, variables)).transpose()
        };
        let (client_id, username) = (evaluate(&self.client_id)?, evaluate(&self.username)?);
        let names = Names {
            client_id: client_id.as_ref().map(Secret::expose),
            username: username.as_ref().map(Secret::expose),
            assertion: brought.assertion.map(Secret::expose),
        };
        if names.username.is_some_and(<[u8]>::is_empty) {
            let reason = "no user is named whose password the source token could be";
            outcome.result = Err(Failure::new(FailureKind::MissingToken, reason));
            return Ok(());
        }
        let deadline = Deadline::new(self.contact.timeout);
        let result = self.exchange(&names, headers, &deadline, outcome);
        outcome.result = result;
        Ok(())
    }

    fn exchange(
        &self,
        names: &Names<'_>,
        headers: Vec<(http::HeaderName, HeaderValue)>,
        deadline: &Deadline,
        outcome: &mut Outcome,
    ) -> Result<Got, Failure> {
        let source = outcome.source.clone();
        let asked = std::mem::take(&mut outcome.parameters);
        let parameters: Vec<_> =
            asked.iter().map(|(name, value)| Parameter { name, value: value.expose() }).collect();
        let subject = Subject { source: source.expose(), parameters: &parameters };
        outcome.known = self.profile.known(&subject);
        if let Some(auth) = self.contact.proxy.as_ref().and_then(|proxy| proxy.auth.as_ref()) {
            auth.tell(&mut outcome.known);
        }
        names.assertion.into_iter().for_each(|assertion| outcome.known.add(assertion));
        let result = self.ask(names, &subject, headers, deadline, outcome);
        drop(parameters);
        outcome.parameters = asked;
        result
    }

    fn ask(
        &self,
        names: &Names<'_>,
        subject: &Subject<'_>,
        headers: Vec<(http::HeaderName, HeaderValue)>,
        deadline: &Deadline,
        outcome: &mut Outcome,
    ) -> Result<Got, Failure> {
        let endpoint = self.endpoint(deadline, outcome)?;
        let key_pair = self.profile.auth.key_pair().transpose()?;
        let destination = Destination { endpoint: &endpoint, contact: &self.contact, key_pair };
        let now = now();
        let mut outgoing = self.profile.request_as(subject, names, &now)?;
        for (name, value) in headers {
            outgoing.headers.insert(name, value);
        }
        if let Some(authorization) = destination.proxy_authorization()? {
            outgoing.headers.insert(PROXY_AUTHORIZATION, authorization);
        }
        let message =
            request::post(&destination.start(), &outgoing.headers, outgoing.body.expose());
        let answer = destination.send(&message, deadline);
        outcome.sent =
            Some(Sent { endpoint: endpoint.clone(), message, body: outgoing.body, at: now.wall });
        let answer = answer.map_err(|error| {
            let failure = error.failure();
            outcome.wire = Some(error);
            failure
        })?;
        let result = self.read(&answer, subject, names, now.wall);
        outcome.answer = Some(answer);
        result
    }

    /// The token endpoint, which an issuer may have to tell first.
    fn endpoint(&self, deadline: &Deadline, outcome: &mut Outcome) -> Result<Endpoint, Failure> {
        let issuer = &self.profile.endpoint;
        if !issuer.is_issuer() {
            return Ok(issuer.clone());
        }
        let metadata = discover(issuer, &self.contact, deadline, &mut outcome.wire)?.0;
        Ok(metadata.token_endpoint(self.profile.auth.key_pair().is_some()).clone())
    }

    fn read(
        &self,
        answer: &Answer,
        subject: &Subject<'_>,
        names: &Names<'_>,
        sent: UnixTime,
    ) -> Result<Got, Failure> {
        let incoming = Incoming {
            status: answer.status,
            headers: &answer.headers,
            body: answer.body.expose(),
            known: &|| {
                let mut known = self.profile.known(subject);
                names.assertion.into_iter().for_each(|assertion| known.add(assertion));
                known
            },
        };
        let issued = self.profile.response(&incoming, &now())?;
        self.token_types.check(&issued.token_type)?;
        let look = self.expect.look(&self.profile, &issued, subject, names);
        let token = issued.token.expose();
        self.expect.judge(look.findings)?;
        self.expect.check_subject(&self.profile, token, subject, names)?;
        let actor = subject.parameters.iter().find(|parameter| parameter.name == ACTOR_TOKEN);
        let actor = actor.map_or(Expiry::Unsaid, |it| source::claims(it.value).expiry(it.value));
        let of_source = source::claims(subject.source).expiry(subject.source);
        let life = life::good_for(&issued, of_source, actor, sent);
        Ok(Got {
            token: issued.token.clone(),
            good_for: life.seconds,
            kept_for: self.life.life(life.seconds) / 1000,
            issued: Some(issued),
        })
    }
}

/// The metadata of an issuer, the document, and where it was found.
///
/// # Errors
/// There are none that can be used.
pub fn discover(
    issuer: &Endpoint,
    contact: &crate::exchange::Contact,
    deadline: &Deadline,
    wire: &mut Option<WireError>,
) -> Result<(Metadata, Secret, Endpoint), Failure> {
    let bad = |reason: String| Failure::new(FailureKind::BadAnswer, reason);
    let forms = issuer.metadata().map_err(|error| bad(error.to_string()))?;
    for form in &forms {
        let destination = Destination { endpoint: form, contact, key_pair: None };
        let authorization = destination.proxy_authorization()?;
        let fields = authorization.map(|value| (PROXY_AUTHORIZATION, value));
        let message = request::bodiless(&destination.get(), &fields.into_iter().collect());
        let answer = destination.send(&message, deadline).map_err(|error| {
            let failure = error.failure();
            *wire = Some(error);
            failure
        })?;
        let incoming = Incoming {
            status: answer.status,
            headers: &answer.headers,
            body: answer
                .body
                .expose()
                .get(..metadata::MAX_BYTES + 1)
                .unwrap_or_else(|| answer.body.expose()),
            known: &Known::nothing,
        };
        let found = Metadata::answered(&incoming, issuer).map_err(|failure| Failure {
            reason: format!("\"{}\": {}", form.shown(), failure.reason),
            ..failure
        })?;
        if let Some(metadata) = found {
            return Ok((metadata, answer.body, form.clone()));
        }
    }
    let [oauth, openid] = forms.map(|form| form.shown());
    Err(bad(format!("the issuer has no metadata: neither at \"{oauth}\" nor at \"{openid}\"")))
}
