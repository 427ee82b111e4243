//! The call for metadata.

use std::cell::Cell;
use std::rc::Rc;

use sts_core::endpoint::Endpoint;
use sts_core::error::{Failure, FailureKind};
use sts_core::expect::{Findings, Look};
use sts_core::issued::{Said, TokenType};
use sts_core::known::Known;
use sts_core::life::LifePolicy;
use sts_core::metadata::{MAX_BYTES, Metadata};
use sts_core::profile::Incoming;
use sts_core::secret::Secret;
use sts_core::target::Target;
use sts_flight::failed::{Exceeded, Failed};
use sts_flight::host;
use sts_flight::token::{Token, Validity};

use crate::http::{self, Destination, Limit, Message};
use crate::nginx::clock;
use crate::nginx::timer::{self, Hold};

/// Milliseconds by which a wait is longer than the call that it is for, so that it is the call that
/// says why there is no answer. Each request has a deadline of its own.
const GRACE: u64 = 1_000;

/// Which issuer is asked, and where.
pub(super) struct Question {
    pub(super) issuer: Endpoint,
    /// Where its metadata may be, in this order.
    pub(super) forms: [Endpoint; 2],
    pub(super) at: Rc<Destination>,
}

/// What flights of metadata ask for.
pub(crate) struct Ask {
    pub(super) question: Rc<Question>,
    pub(super) limit: Limit,
    pub(super) policy: LifePolicy,
}

impl Question {
    /// A failure that names where the metadata are asked for first.
    pub(super) fn failure(&self, kind: FailureKind, reason: &str) -> Failure {
        let [form, _] = &self.forms;
        named(form, Failure::new(kind, reason))
    }

    /// Asks at one URL after the other, until there is something.
    async fn ask(
        &self,
        limit: &Limit,
        time: u64,
        sent: &Cell<bool>,
        hold: &Hold,
    ) -> Result<Metadata, Failed> {
        let end = timer::now().saturating_add(time);
        let mut nothing = Vec::new();
        for form in &self.forms {
            let write = || Message::get(&self.at, form);
            let left = end.saturating_sub(timer::now());
            // The breaker is that of a location, and this is for all: questions have a pause of their own.
            let limit = &Limit { breaker: None, ..*limit };
            let call = http::Call::new(&self.at, write, limit, None, sent);
            let answer = http::call(&call, left, hold.clone()).await;
            let answer = answer.map_err(|error| {
                let Failed { failure, exceeded } = error.into_failed(limit);
                Failed { failure: named(form, failure), exceeded }
            })?;
            let known = || {
                let mut known = Known::nothing();
                self.at.tell(&mut known);
                known
            };
            let (status, headers, body) = (answer.status, &answer.headers, answer.body.expose());
            let answer = Incoming { status, headers, body, known: &known };
            match Metadata::answered(&answer, &self.issuer) {
                Ok(Some(metadata)) => return Ok(metadata),
                Ok(None) if nothing.is_empty() => nothing.push(format!("HTTP {}", status.as_u16())),
                Ok(None) => {
                    nothing.push(format!("HTTP {} at \"{}\"", status.as_u16(), form.shown()));
                }
                Err(failure) => return Err(named(form, failure).into()),
            }
        }
        Err(self.failure(FailureKind::BadAnswer, &nothing.join(", and ")).into())
    }
}

fn named(form: &Endpoint, failure: Failure) -> Failure {
    let reason = format!("the metadata at \"{}\": {}", form.shown(), failure.reason);
    Failure { reason, ..failure }
}

impl host::Ask for Ask {
    type Hold = Hold;

    fn timeout(&self) -> u64 {
        self.limit.timeout.saturating_add(GRACE)
    }

    fn policy(&self) -> &LifePolicy {
        &self.policy
    }

    fn is_ended_by(&self, exceeded: &Exceeded) -> bool {
        let limit = &self.limit;
        match exceeded {
            Exceeded::Calls(calls) => {
                limit.calls.running <= calls.running && limit.calls.queued <= calls.queued
            }
            Exceeded::Breaker => limit.breaker.is_some(),
            // One limit holds for all, and no value has places of its own.
            Exceeded::Response(_) | Exceeded::Share(_) | Exceeded::TokenType(_) => true,
            Exceeded::Time | Exceeded::Worker => true,
        }
    }

    async fn call(&self, time: u64, sent: &Cell<bool>, _: Hold) -> Result<Token, Failed> {
        let limit = Limit { response: MAX_BYTES, ..self.limit };
        let asked = clock::milliseconds();
        // What a request waits for holds a worker that shuts down by the request's own deadline.
        let hold = Hold::default();
        hold.release();
        let metadata = self.question.ask(&limit, time.min(limit.timeout), sent, &hold).await?;
        let document = metadata.to_document(&self.question.issuer);
        Ok(token(pack(asked, document.as_bytes()), asked, u64::MAX))
    }

    /// Each request that has waited has told of its own failure.
    fn failed_after_leaving(&self, _: &Failure, _: u64) {}
}

/// Metadata in the form in which flights carry what they are for. `at_most` is when it is forgotten, in
/// milliseconds since 1970.
pub(super) fn token(kept: Secret, asked: u64, at_most: u64) -> Token {
    Token {
        token: Target::new(kept),
        token_type: TokenType::Unsaid,
        validity: Validity { sent: asked, good_for: None, at_most, is_final: false },
        unbound: true,
        kept: false,
        look: Look { findings: Findings::default(), is_expected: true },
        said: Said::default(),
        call_time: None,
    }
}

/// What is kept: when it was asked for, and the document.
fn pack(asked: u64, document: &[u8]) -> Secret {
    let mut kept = Secret::with_capacity(size_of::<u64>() + document.len());
    kept.append(&asked.to_le_bytes());
    kept.append(document);
    kept
}

/// What [`pack`] has made.
pub(super) fn unpack(kept: &[u8]) -> Option<(u64, &[u8])> {
    let (asked, document) = kept.split_first_chunk()?;
    Some((u64::from_le_bytes(*asked), document))
}
