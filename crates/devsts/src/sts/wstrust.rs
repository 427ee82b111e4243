//! The STS as it speaks WS-Trust: 1.2 to 1.4, over SOAP 1.1 and 1.2, without leniency.
//!
//! | checked | refused as |
//! |---|---|
//! | method, media type, `action` or `SOAPAction` | 405, 415, `wsa:ActionMismatch` |
//! | the envelope, each header, each element of the request, its namespace and how often it comes | `Sender`, `wsa:…`, `wst:BadRequest` |
//! | that each message is new: its id, its timestamp, its nonce | `wsse:MessageExpired`, `wsse:InvalidSecurity` |
//! | the requestor: by HTTP Basic, a `UsernameToken`, or a certificate | 401, `wsse:FailedAuthentication` |
//! | the token: its form, its types, its time | `wsse:…`, `wst:…` |
//!
//! A source token asks for its answer by the words of [`crate::sts`]: a binary token by itself, an
//! assertion by its `NameID`. `error-CODE` is the fault of this name.

mod answer;
mod envelope;
mod fault;
mod grant;
mod names;
mod replay;
mod request;
mod saml;
mod security;
mod subject;
mod time;
mod xml;

use std::time::SystemTime;

use openssl::error::ErrorStack;

use self::answer::Reply;
use self::envelope::{Envelope, Essence, Soap};
use self::fault::Fault;
pub(super) use self::grant::subject_of_grant;
use self::replay::Seen;
use self::request::Request;
use self::saml::Signer;
use self::security::Security;
use self::subject::Subject;
use super::steer::{self, Instead, Steered};
use super::token::Issuer;
use crate::http::answer::Answer;
use crate::pki::{Identity, Leaf};
use crate::script::Script;
use crate::server::call::Call;

/// How an STS speaks WS-Trust.
#[derive(Clone, Debug)]
pub struct WsTrust {
    path: String,
    requestors: Vec<Requestor>,
    applies_to: Vec<String>,
    value_types: Vec<String>,
    lifetime: Option<u64>,
    layout: Layout,
    fault_status: Option<u16>,
    signed_by: Option<Identity>,
    to: Option<String>,
    users: Vec<(String, String)>,
    claims: Vec<(String, String)>,
    manners: Manners,
}

/// What an STS does that its requestors would rather not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Manners {
    /// Assertions are for the holder of a key, whatever was asked for.
    holder_of_key: bool,
    /// A token is about the requestor, for whichever subject it was asked.
    ignores_subject: bool,
    /// Signatures are made with inclusive canonicalisation, inside the envelope.
    inclusive: bool,
}

/// A client that may ask, and what it proves that with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requestor {
    /// HTTP Basic (RFC 7617): user name and password.
    Basic(String, String),
    /// A certificate of TLS with this common name.
    Certificate(String),
    /// A `wsse:UsernameToken` with the password as a digest: user name and password.
    UsernameDigest(String, String),
    /// A `wsse:UsernameToken` with the password as text: user name and password.
    UsernameText(String, String),
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// In one line, and each namespace where it is used first.
    #[default]
    Compact,
    /// Over several lines.
    Pretty,
    /// In one line, with the namespaces of the assertion at the envelope.
    PrefixesOutside,
}

impl WsTrust {
    /// Speaks WS-Trust at this path. Any client with a token may ask.
    pub fn at(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            requestors: Vec::new(),
            applies_to: Vec::new(),
            value_types: Vec::new(),
            lifetime: Some(3600),
            layout: Layout::default(),
            fault_status: None,
            signed_by: None,
            to: None,
            users: Vec::new(),
            claims: Vec::new(),
            manners: Manners::default(),
        }
    }

    /// Answers only to this requestor, and to others that are named like this.
    #[must_use]
    pub fn requestor(mut self, requestor: Requestor) -> Self {
        self.requestors.push(requestor);
        self
    }

    /// Issues tokens only for this `AppliesTo`, and for others that are named like this.
    #[must_use]
    pub fn applies_to(mut self, address: &str) -> Self {
        self.applies_to.push(address.to_owned());
        self
    }

    /// Takes binary tokens only of this `ValueType`, and of others that are named like this.
    #[must_use]
    pub fn value_type(mut self, uri: &str) -> Self {
        self.value_types.push(uri.to_owned());
        self
    }

    /// Answers only messages whose `wsa:To` is this; else it has to be the URL that was called.
    #[must_use]
    pub fn to(self, address: &str) -> Self {
        Self { to: Some(address.to_owned()), ..self }
    }

    /// Knows this user, whose `wsse:UsernameToken` with the password as text may be a source, and
    /// others that are named like this.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.users.push((name.to_owned(), password.to_owned()));
        self
    }

    /// Puts a claim of this type into assertions for those that ask for it, and others that are named
    /// like this.
    #[must_use]
    pub fn claim(mut self, uri: &str, value: &str) -> Self {
        self.claims.push((uri.to_owned(), value.to_owned()));
        self
    }

    /// Does not look for which subject a token is asked, as Metro and Rahas (the STS of older WSO2)
    /// do not: a requestor gets a token that is about itself.
    #[must_use]
    pub fn ignoring_subject(self) -> Self {
        Self { manners: Manners { ignores_subject: true, ..self.manners }, ..self }
    }

    /// Issues assertions for the holder of a key, which no requestor asked for.
    #[must_use]
    pub fn for_holders_of_keys(self) -> Self {
        Self { manners: Manners { holder_of_key: true, ..self.manners }, ..self }
    }

    /// Signs inside the envelope, with inclusive canonicalisation (Canonical XML 1.0).
    #[must_use]
    pub fn signing_inclusively(self) -> Self {
        Self { manners: Manners { inclusive: true, ..self.manners }, ..self }
    }

    /// Tells this lifetime, in seconds, or none; an hour otherwise.
    #[must_use]
    pub fn lifetime(self, seconds: impl Into<Option<u64>>) -> Self {
        Self { lifetime: seconds.into(), ..self }
    }

    /// Writes answers like this.
    #[must_use]
    pub fn layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// Sends faults with this status, as 200, in place of the one that SOAP has for them.
    #[must_use]
    pub fn fault_status(self, status: u16) -> Self {
        Self { fault_status: Some(status), ..self }
    }

    /// Signs assertions with this key; with one of its own otherwise.
    #[must_use]
    pub fn signed_by(self, identity: &Identity) -> Self {
        Self { signed_by: Some(identity.clone()), ..self }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

/// What a requestor gets, or a note why it gets nothing.
pub(super) struct Outcome {
    pub(super) script: Script,
    pub(super) requestor: Option<String>,
    pub(super) source: Option<String>,
    pub(super) result: Result<String, String>,
}

/// The endpoint while it runs.
pub(super) struct Endpoint {
    settings: WsTrust,
    signer: Signer,
    seen: Seen,
}

impl Endpoint {
    pub(super) fn new(settings: WsTrust) -> Result<Self, ErrorStack> {
        let own = || Identity::self_signed(&Leaf::server().common_name("devsts signing"));
        let signer = Signer::new(settings.signed_by.clone().unwrap_or_else(own))?;
        Ok(Self { settings, signer, seen: Seen::default() })
    }

    pub(super) fn is_at(&self, path: &str) -> bool {
        self.settings.path == path
    }

    /// Answers after what the script has already.
    pub(super) fn answer(&self, call: &Call, issuer: &Issuer, script: Script) -> Outcome {
        let mut outcome = Outcome {
            script: Script::new(),
            requestor: None,
            source: None,
            result: Ok(String::new()),
        };
        let (answer, result) = match self.exchange(call, issuer, &mut outcome) {
            Ok((wait, answer, target)) => {
                let script = if wait.is_zero() { script } else { script.wait(wait) };
                outcome.script = script.answer(answer);
                outcome.result = Ok(target);
                return outcome;
            }
            Err(Refused::Http(answer)) => {
                let note = format!("status {}", answer.status_code());
                (*answer, note)
            }
            Err(Refused::Fault(fault, envelope)) => {
                let answer = fault.answer(envelope.as_ref(), self.settings.fault_status);
                (answer, fault.to_string())
            }
            Err(Refused::Instead(instead)) => {
                let (script, result) = instead.into_script(script);
                outcome.script = script;
                outcome.result = result;
                return outcome;
            }
        };
        outcome.script = script.answer(answer);
        outcome.result = Err(result);
        outcome
    }

    fn exchange(
        &self,
        call: &Call,
        issuer: &Issuer,
        outcome: &mut Outcome,
    ) -> Result<(std::time::Duration, Answer, String), Refused> {
        let now = SystemTime::now();
        check_http(call)?;
        let document = xml::parse(&call.body)?;
        let soap = Soap::of(&document)?;
        let envelope = Envelope::read(call, soap, &document, self.settings.to.as_deref())
            .map_err(|fault| Refused::Fault(fault, Some(Essence::of(soap))))?;
        let to_fault = |fault: Fault| Refused::Fault(fault, Some(envelope.essence()));
        let request = Request::read(&envelope).map_err(to_fault)?;
        if !self.seen.is_new(&envelope.message_id, now) {
            return Err(to_fault(Fault::replayed("the message has come before")));
        }
        let security = Security::read(&envelope, now, &self.seen).map_err(to_fault)?;
        outcome.requestor = self.authenticate(call, &security, &envelope)?;
        let mut subject = Subject::find(&request, &security, &self.settings).map_err(to_fault)?;
        if self.settings.manners.ignores_subject && request.subject.is_some() {
            subject.steering = outcome.requestor.clone().unwrap_or_default();
        }
        outcome.source = Some(subject.source.clone());
        request.check(&self.settings).map_err(to_fault)?;
        subject.check(now).map_err(to_fault)?;
        let steered = steer::read(&subject.steering).map_err(|instead| match instead {
            Instead::Refusal(refusal) => to_fault(Fault::asked_for(&refusal.error)),
            other => Refused::Instead(other),
        })?;
        let known = |uri: &String| self.settings.claims.iter().find(|(known, _)| known == uri);
        let reply = Reply {
            envelope: &envelope,
            request: &request,
            layout: self.settings.layout,
            manners: self.settings.manners,
            claims: request.claims.iter().filter_map(known).collect(),
            lifetime: steered.life.unwrap_or(self.settings.lifetime),
            now,
        };
        let (token, target) = self.token(call, issuer, &reply, &subject, &steered);
        Ok((steered.wait, reply.answer(&token), target))
    }

    /// The element that is issued, and the token in it.
    fn token(
        &self,
        call: &Call,
        issuer: &Issuer,
        reply: &Reply<'_, '_>,
        subject: &Subject,
        steered: &Steered,
    ) -> (String, String) {
        if let Some(version) = saml::Version::of(&reply.request.token_type) {
            let assertion = self.signer.assertion(version, reply, subject, call.number);
            issuer.note(call.number, &subject.source, &assertion.alone);
            (assertion.written, assertion.alone)
        } else {
            let (target, _) = issuer.issue(call.number, &subject.source, None, steered);
            (reply.binary(&target), target)
        }
    }

    /// The requestor authenticates by one of the ways that are known; where none is known, it need
    /// not.
    fn authenticate(
        &self,
        call: &Call,
        security: &Security<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Option<String>, Refused> {
        let requestors = &self.settings.requestors;
        if requestors.is_empty() {
            return Ok(None);
        }
        if let Some(name) = requestors.iter().find_map(|one| one.is_shown_by(call, security)) {
            return Ok(Some(name.to_owned()));
        }
        if requestors.iter().any(|one| matches!(one, Requestor::Basic(..))) {
            let answer = Answer::new(401)
                .header("WWW-Authenticate", "Basic realm=\"devsts\", charset=\"UTF-8\"");
            return Err(Refused::Http(Box::new(answer)));
        }
        let fault = Fault::wsse("FailedAuthentication", "the requestor is not known here");
        Err(Refused::Fault(fault, Some(envelope.essence())))
    }
}

impl Requestor {
    fn is_shown_by(&self, call: &Call, security: &Security<'_>) -> Option<&str> {
        let (name, shown) = match self {
            Self::Basic(name, password) => (name, security::has_basic(call, name, password)),
            Self::Certificate(name) => {
                let subject = call.tls.as_ref().and_then(|tls| tls.client_subject.as_ref());
                (name, subject == Some(name))
            }
            Self::UsernameDigest(name, password) => (name, security.has_digest(name, password)),
            Self::UsernameText(name, password) => (name, security.has_text(name, password)),
        };
        shown.then_some(name)
    }
}

/// Why there is no token.
enum Refused {
    Http(Box<Answer>),
    /// In the version of SOAP that the message has, if that is known.
    Fault(Fault, Option<Essence>),
    Instead(Instead),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault, None)
    }
}

fn check_http(call: &Call) -> Result<(), Refused> {
    let refuse = |answer: Answer| Err(Refused::Http(Box::new(answer)));
    if call.method != "POST" {
        return refuse(Answer::new(405).header("Allow", "POST"));
    }
    if call.query().is_some() {
        return refuse(Answer::new(400));
    }
    match call.header("content-type") {
        Some(_) => Ok(()),
        None => refuse(Answer::new(415)),
    }
}
