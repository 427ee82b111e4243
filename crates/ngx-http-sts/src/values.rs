//! What a request brings to its exchange, and how it comes to a token with that.

use std::cell::OnceCell;
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::error::{Failure, FailureKind};
use sts_core::profile::{Names, Parameter, Subject};
use sts_core::secret::SharedSecret;
use sts_core::source;
use sts_flight::flights::{self, Lookup};
use sts_flight::waiting::Waiting;

use crate::ask::Ask;
use crate::chain::Needed;
use crate::conf::Exchange;
use crate::conf::policy::BoundTokens;
use crate::conf::text::Text;
use crate::nginx::request::{OutOfMemory, Request};
use crate::parameters::Parameters;
use crate::worker::Nginx;

/// What a request brings to the exchange besides its token.
pub(crate) struct Values<'e> {
    /// Extra parameters.
    parameters: Vec<Parameter<'e>>,
    names: Names<'e>,
}

impl<'e> Values<'e> {
    /// The values as they are for this request.
    pub(crate) fn of(request: Request<'e>, exchange: &'e Exchange) -> Result<Self, OutOfMemory> {
        let mut parameters = Vec::with_capacity(exchange.parameters.len());
        for parameter in exchange.parameters.iter() {
            if let Some(value) = parameter.evaluate(request)? {
                parameters.push(Parameter { name: &parameter.name, value });
            }
        }
        let evaluate = |text: Option<&'e Text>| text.map(|text| text.evaluate(request)).transpose();
        Ok(Self {
            parameters,
            names: Names {
                client_id: evaluate(exchange.client_id.as_deref())?,
                username: evaluate(exchange.username.as_deref().map(|username| &username.text))?,
            },
        })
    }

    /// The name of what is asked for; `needed` are the results of other exchanges that it is made of.
    pub(crate) fn key(&self, exchange: &Exchange, token: &[u8], needed: &Needed<'_>) -> CacheKey {
        let key = &exchange.callee.key;
        if needed.is_empty() {
            return key.of_names(&self.subject(token), &self.names);
        }
        let source = needed.in_key(token);
        let values: Vec<_> = self.parameters.iter().map(|one| needed.in_key(one.value)).collect();
        let parameters = self.parameters.iter().zip(&values);
        let parameters: Vec<_> =
            parameters.map(|(one, value)| Parameter { name: one.name, value }).collect();
        let subject = Subject { source: &source, parameters: &parameters };
        key.of_chain(&subject, &self.names, &needed.keys())
    }

    /// Compares the subject of what was issued for a source with the one that the location expects
    /// (`STSExpect`).
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn check_subject(
        &self,
        exchange: &Exchange,
        source: &[u8],
        target: &[u8],
    ) -> Result<(), Failure> {
        let callee = &exchange.callee;
        callee.expect.check_subject(&callee.profile, target, &self.subject(source), &self.names)
    }

    fn subject<'s>(&'s self, source: &'s [u8]) -> Subject<'s> {
        Subject { source, parameters: &self.parameters }
    }
}

/// Takes the token from the cache, or joins a call, or starts one.
///
/// # Errors
/// There is no token to ask for, or the source fails the `check`, which is told how to look whether it
/// is bound to a key. `time` is for how long the request waits, in milliseconds.
pub(crate) fn start(
    exchange: &Exchange,
    token: &SharedSecret,
    values: &Values<'_>,
    key: CacheKey,
    time: u64,
    check: impl Fn(&dyn Fn() -> bool) -> Result<(), Failure>,
) -> Result<Lookup<Nginx>, Failure> {
    let missing = |reason| Err(Failure::new(FailureKind::MissingToken, reason));
    if exchange.has_source() && token.expose().is_empty() {
        return missing("no source token");
    }
    if values.names.username.is_some_and(<[u8]>::is_empty) {
        return missing("no user is named whose password the source token could be");
    }
    let looked = OnceCell::new();
    let claims = || *looked.get_or_init(|| source::claims(token.expose()));
    let check = |unbound: bool| check(&|| !unbound && claims().is_bound);
    // A source that fails the check asks for nothing.
    let ask = || Ask {
        callee: exchange.callee.clone(),
        token: token.clone(),
        parameters: Parameters::new(&exchange.parameters, &values.parameters),
        client_id: values.names.client_id.map(Rc::from),
        username: values.names.username.map(Rc::from),
        time,
        claims: claims(),
        unbound: exchange.has_source() && exchange.bound_tokens == BoundTokens::Refuse,
    };
    let Some(cache) = &exchange.cache else {
        check(false)?;
        return Ok(Lookup::Waits(Waiting::alone(ask())));
    };
    flights::lookup(cache, key, &exchange.callee.life, check, ask)
}
