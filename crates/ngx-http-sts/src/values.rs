//! What a request brings to its exchange, and how it comes to a token with that.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::error::{Failure, FailureKind};
use sts_core::profile::{Names, Parameter, Subject};
use sts_core::secret::{Secret, SharedSecret};
use sts_core::source;
use sts_flight::flights::{self, Lookup};
use sts_flight::waiting::Waiting;

use crate::ask::Ask;
use crate::conf::Exchange;
use crate::conf::settings::BoundTokens;
use crate::conf::text::Text;
use crate::nginx::request::{OutOfMemory, Request};
use crate::worker::Nginx;

/// What a request brings to the exchange besides its token.
pub(crate) struct Values<'e> {
    /// Extra parameters by name.
    parameters: Vec<(&'e str, Cow<'e, [u8]>)>,
    client_id: Option<Cow<'e, [u8]>>,
    username: Option<Cow<'e, [u8]>>,
}

impl<'e> Values<'e> {
    /// The values as they are for this request.
    pub(crate) fn of(request: Request<'e>, exchange: &'e Exchange) -> Result<Self, OutOfMemory> {
        let mut parameters = Vec::with_capacity(exchange.parameters.len());
        for parameter in exchange.parameters.iter() {
            if let Some(value) = parameter.evaluate(request)? {
                parameters.push((parameter.name.as_str(), value));
            }
        }
        let evaluate = |text: Option<&'e Text>| text.map(|text| text.evaluate(request)).transpose();
        Ok(Self {
            parameters,
            client_id: evaluate(exchange.client_id.as_deref())?,
            username: evaluate(exchange.username.as_deref().map(|username| &username.text))?,
        })
    }

    /// The name of what is asked for.
    pub(crate) fn key(&self, exchange: &Exchange, token: &[u8]) -> CacheKey {
        self.with_subject(token, |subject, names| exchange.callee.key.of_names(subject, names))
    }

    /// Compares what was issued for a source with what the location expects (`STSExpect`).
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn check(
        &self,
        exchange: &Exchange,
        source: &[u8],
        target: &[u8],
    ) -> Result<(), Failure> {
        let callee = &exchange.callee;
        self.with_subject(source, |subject, names| {
            callee.expect.check(&callee.profile, target, subject, names)
        })
    }

    fn with_subject<R>(
        &self,
        token: &[u8],
        use_it: impl FnOnce(&Subject<'_>, &Names<'_>) -> R,
    ) -> R {
        let parameters: Vec<_> =
            self.parameters.iter().map(|(name, value)| Parameter { name, value }).collect();
        let subject = Subject { source: token, parameters: &parameters };
        let names =
            Names { client_id: self.client_id.as_deref(), username: self.username.as_deref() };
        use_it(&subject, &names)
    }
}

/// Takes the token from the cache, or joins a call, or starts one.
///
/// # Errors
/// There is no token to ask for, or the source fails the `check`, which is told how to look whether it
/// is bound to a key.
pub(crate) fn start(
    exchange: &Exchange,
    token: &SharedSecret,
    values: &Values<'_>,
    key: CacheKey,
    check: impl Fn(&dyn Fn() -> bool) -> Result<(), Failure>,
) -> Result<Lookup<Nginx>, Failure> {
    let missing = |reason| Err(Failure::new(FailureKind::MissingToken, reason));
    if exchange.has_source() && token.expose().is_empty() {
        return missing("no source token");
    }
    if values.username.as_ref().is_some_and(|name| name.is_empty()) {
        return missing("no user is named whose password the source token could be");
    }
    let looked = OnceCell::new();
    let claims = || *looked.get_or_init(|| source::claims(token.expose()));
    let check = |unbound: bool| check(&|| !unbound && claims().is_bound);
    // Only what has passed the check asks.
    let ask = || Ask {
        callee: exchange.callee.clone(),
        token: token.clone(),
        parameters: values
            .parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Secret::new(&**value)))
            .collect(),
        client_id: values.client_id.as_deref().map(Rc::from),
        username: values.username.as_deref().map(Rc::from),
        claims: claims(),
        unbound: exchange.has_source() && exchange.bound_tokens == BoundTokens::Refuse,
    };
    let Some(cache) = &exchange.cache else {
        check(false)?;
        return Ok(Lookup::Waits(Waiting::alone(ask())));
    };
    flights::lookup(cache, key, &exchange.callee.life, check, ask)
}
