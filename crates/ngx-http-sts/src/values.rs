//! What a request brings to its exchange, and how it comes to a token with that.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::error::{Failure, FailureKind};
use sts_core::parameters::{ACTOR_TOKEN, ACTOR_TOKEN_TYPE};
use sts_core::profile::{Names, Parameter, Subject};
use sts_core::request_header::is_value;
use sts_core::secret::{Secret, SharedSecret};
use sts_core::source;
use sts_flight::flights::{self, Lookup};
use sts_flight::granted::CacheStatus;
use sts_flight::waiting::Waiting;
use sts_net::calls::Share;

use crate::ask::{Ask, Brought, Header};
use crate::callee::Callee;
use crate::chain::Needed;
use crate::conf::Exchange;
use crate::conf::policy::BoundTokens;
use crate::conf::text::Text;
use crate::minter::{NotMade, Once, Turn, Wait};
use crate::nginx::request::{OutOfMemory, Request};
use crate::parameters::Parameters;
use crate::request_header::RequestHeader;
use crate::source::Source;
use crate::way::Way;
use crate::worker::Nginx;

/// What a request brings to the exchange besides its token.
pub(crate) struct Values<'e> {
    /// Extra parameters.
    parameters: Vec<Parameter<'e>>,
    /// Headers of the call.
    headers: Vec<(&'e RequestHeader, &'e [u8])>,
    /// The token of what acts for the subject; it is among the parameters.
    actor: Option<&'e [u8]>,
    names: Names<'e>,
    share: Option<Share>,
}

impl<'e> Values<'e> {
    /// The values as they are for this request, the actor token of which was found with its source.
    pub(crate) fn of(
        request: Request<'e>,
        exchange: &'e Exchange,
        source: &'e Source,
    ) -> Result<Self, OutOfMemory> {
        let mut parameters = Vec::with_capacity(OF_ACTOR + exchange.parameters.len());
        let actor = source.actor.as_ref().map(SharedSecret::expose);
        let configured = exchange.carrier.actor.as_deref();
        if let Some((token, actor)) = actor.zip(configured) {
            parameters.push(Parameter { name: ACTOR_TOKEN, value: token });
            let value = actor.token_type.as_bytes();
            parameters.push(Parameter { name: ACTOR_TOKEN_TYPE, value });
        }
        if let Way::Mint(minter) = &exchange.way {
            minter.evaluate(request, &mut parameters)?;
        }
        for parameter in exchange.parameters.iter() {
            if let Some(value) = parameter.evaluate(request)? {
                parameters.push(Parameter { name: &parameter.name, value });
            }
        }
        let mut headers = Vec::with_capacity(exchange.request_headers.len());
        for header in exchange.request_headers.iter() {
            if let Some(value) = header.evaluate(request)? {
                headers.push((header, value));
            }
        }
        let evaluate = |text: Option<&'e Text>| text.map(|text| text.evaluate(request)).transpose();
        let per_value = exchange.per_value.as_deref();
        let share = per_value.map(|per| per.share(request)).transpose()?.flatten();
        Ok(Self {
            share,
            parameters,
            headers,
            actor,
            names: Names {
                client_id: evaluate(exchange.client_id.as_deref())?,
                username: evaluate(exchange.username.as_deref().map(|username| &username.text))?,
                // It is no value of the request.
                assertion: None,
            },
        })
    }

    /// The name of what is asked for; `needed` are the results of other exchanges that it is made of.
    pub(crate) fn key(&self, exchange: &Exchange, token: &[u8], needed: &Needed<'_>) -> CacheKey {
        let key = exchange.way.key();
        let counts = |(header, value): &(&'e RequestHeader, &'e [u8])| {
            header.is_in_key.then_some(Parameter { name: header.name.as_str(), value })
        };
        let headers: Vec<_> = self.headers.iter().filter_map(counts).collect();
        if needed.is_empty() {
            return key.of_request(&self.subject(token), &self.names, &headers, &[]);
        }
        let source = needed.in_key(token);
        // Borrowed, but for what takes the place of a token: a value may be a secret.
        let values: Vec<_> = self.parameters.iter().map(|one| needed.in_key(one.value)).collect();
        let of_headers: Vec<_> = headers.iter().map(|one| needed.in_key(one.value)).collect();
        let parameters = with_values(&self.parameters, &values);
        let headers = with_values(&headers, &of_headers);
        let subject = Subject { source: &source, parameters: &parameters };
        let assertion = needed.assertion_in_key();
        let names = Names { assertion: assertion.as_deref(), ..self.names };
        key.of_request(&subject, &names, &headers, &needed.keys())
    }

    /// Compares the subject of what was issued for a source with the one that the location expects
    /// (`STSExpect`).
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn check_subject(
        &self,
        callee: &Callee,
        source: &[u8],
        target: &[u8],
    ) -> Result<(), Failure> {
        callee.expect.check_subject(&callee.profile, target, &self.subject(source), &self.names)
    }

    /// How a token is made anew that the gateway has made of this; `None` where an STS has issued it.
    pub(crate) fn once(
        &self,
        exchange: &Exchange,
        source: &SharedSecret,
        needed: &Needed<'_>,
        status: CacheStatus,
    ) -> Option<Rc<Once>> {
        let Way::Mint(minter) = &exchange.way else { return None };
        let (values, encoding) = (&self.parameters, exchange.carrier.target_encoding);
        let once = Once::new(minter, source, values, needed.bounds(), encoding, status);
        Some(Rc::new(once))
    }

    fn subject<'s>(&'s self, source: &'s [u8]) -> Subject<'s> {
        Subject { source, parameters: &self.parameters }
    }
}

/// The same names with other values.
fn with_values<'v>(all: &[Parameter<'v>], values: &'v [Cow<'_, [u8]>]) -> Vec<Parameter<'v>> {
    all.iter().zip(values).map(|(one, value)| Parameter { name: one.name, value }).collect()
}

/// The parameters that an actor token is.
const OF_ACTOR: usize = 2;

/// What a request wants of its exchange.
pub(crate) struct Wanted<'w> {
    /// The source token, decoded.
    pub(crate) token: &'w SharedSecret,
    /// What other exchanges have brought.
    pub(crate) needed: &'w Needed<'w>,
    pub(crate) key: CacheKey,
    /// For how many milliseconds the request waits.
    pub(crate) time: u64,
    /// The turn that it has waited for, if a token is made.
    pub(crate) turn: Option<&'w Turn>,
}

/// How a request comes to its token.
pub(crate) enum Started {
    Known(Lookup<Nginx>),
    /// When it is its turn to have it made.
    Later(Rc<Turn>),
}

/// Takes the token from the cache; else makes it, joins a call for it, or starts one.
///
/// # Errors
/// There is no token to ask for, or the source fails the `check`, which is told how to look whether it
/// is bound to a key.
pub(crate) fn start(
    exchange: &Exchange,
    values: &Values<'_>,
    wanted: &Wanted<'_>,
    check: impl Fn(&dyn Fn() -> bool) -> Result<(), Failure>,
) -> Result<Started, Failure> {
    let Wanted { token, key, turn, time, .. } = *wanted;
    if exchange.has_source() && token.expose().is_empty() {
        return Err(Failure::new(FailureKind::MissingToken, "no source token"));
    }
    match &exchange.way {
        Way::Call(callee) => call(exchange, callee, values, wanted, check).map(Started::Known),
        Way::Mint(minter) => {
            let cache = exchange.cache.as_ref();
            let wait = Wait { turn, time, share: values.share };
            let (values, bounds) = (&values.parameters, wanted.needed.bounds());
            match minter.take_or_make(cache, key, token, values, bounds, &wait) {
                Ok(granted) => Ok(Started::Known(Lookup::Hit(granted))),
                Err(NotMade::NotNow(turn)) => Ok(Started::Later(turn)),
                Err(NotMade::Failed(failure)) => Err(failure),
            }
        }
    }
}

fn call(
    exchange: &Exchange,
    callee: &Rc<Callee>,
    values: &Values<'_>,
    wanted: &Wanted<'_>,
    check: impl Fn(&dyn Fn() -> bool) -> Result<(), Failure>,
) -> Result<Lookup<Nginx>, Failure> {
    let Wanted { token, needed, key, time, .. } = *wanted;
    let missing = |reason| Err(Failure::new(FailureKind::MissingToken, reason));
    if values.names.username.is_some_and(<[u8]>::is_empty) {
        return missing("no user is named whose password the source token could be");
    }
    if let Some((header, _)) = values.headers.iter().find(|(_, value)| !is_value(value)) {
        let reason = format!(
            "the value of the header \"{}\" holds what no header can (STSRequestHeader)",
            header.name
        );
        return Err(Failure::new(FailureKind::BadHeader, reason));
    }
    let looked = OnceCell::new();
    let claims = || *looked.get_or_init(|| source::claims(token.expose()));
    let is_bound =
        || claims().is_bound || values.actor.is_some_and(|it| source::claims(it).is_bound);
    let check = |unbound: bool| check(&|| !unbound && is_bound());
    // A source that fails the check asks for nothing.
    let ask = || Ask {
        callee: callee.clone(),
        brought: Brought {
            token: token.clone(),
            claims: claims(),
            parameters: Parameters::new(&exchange.parameters, &values.parameters),
            headers: values
                .headers
                .iter()
                .map(|(header, value)| Header::new(header, value))
                .collect(),
            assertion: needed.assertion().map(|assertion| Secret::new(assertion.expose())),
        },
        minted: needed.minted(),
        client_id: values.names.client_id.map(Rc::from),
        username: values.names.username.map(Rc::from),
        time,
        share: values.share,
        unbound: exchange.has_source() && exchange.bound_tokens == BoundTokens::Refuse,
    };
    let Some(cache) = &exchange.cache else {
        check(false)?;
        return Ok(Lookup::Waits(Waiting::alone(ask())));
    };
    flights::lookup(cache, key, &callee.life, callee.fresh, check, ask)
}
