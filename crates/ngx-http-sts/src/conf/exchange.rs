//! What a location does with a request, made of its settings.

use std::cell::Cell;
use std::rc::Rc;

use http::HeaderName;
use sts_core::cache_key::ExchangeKey;
use sts_core::client_auth::ClientAuth;
use sts_core::encoding::Encoding;
use sts_core::endpoint::{Endpoint, Host, Scheme};
use sts_core::error::{Failure, FailureKind};
use sts_core::expect::Expect;
use sts_core::life::LifePolicy;
use sts_core::options::Template;
use sts_core::profile::{Profile, Protocol};
use sts_net::calls::CallLimits;
use sts_net::idle::Limits;
use sts_zone::zone::tag;

use crate::cache::Cache;
use crate::callee::Callee;
use crate::conf::actor_token::ActorToken;
use crate::conf::argument::Problem;
use crate::conf::asked::Asked;
use crate::conf::bypass::Bypass;
use crate::conf::cache;
use crate::conf::chain::{self, Slot};
use crate::conf::error_status::ErrorStatuses;
use crate::conf::fresh;
use crate::conf::grant::Username;
use crate::conf::kind::Kind;
use crate::conf::main::MainConf;
use crate::conf::max_calls::PerValue;
use crate::conf::minting::{self, MintIdentity};
use crate::conf::outgoing_proxy;
use crate::conf::place::Fault;
use crate::conf::policy::{BoundTokens, Challenge, OnFailure};
use crate::conf::purge_on::PurgeOn;
use crate::conf::settings::Settings;
use crate::conf::text::Text;
use crate::conf::upstreams;
use crate::conf::written::InForce;
use crate::conf::{Carrier, LocationConf, State};
use crate::http::Limit;
use crate::nginx::conf::{Block, Conf, Matching};
use crate::nginx::phase::Phase;
use crate::nginx::tls::{Protocols, TlsSettings};
use crate::origin::Retries;
use crate::parameters::Parameter;
use crate::request_header::RequestHeader;
use crate::way::Way;

/// Milliseconds that a call may take in all.
pub(super) const TIMEOUT: u64 = 20_000;

/// Seconds that no token is kept for longer.
pub(super) const CACHE_EXPIRES_IN: u64 = 300;

/// Milliseconds taken off each expiry.
pub(super) const EXPIRY_LEEWAY: u64 = 15_000;

/// Milliseconds after which the metadata of an issuer are asked for anew.
const ISSUER_REFRESH: u64 = 60 * 60 * 1000;

/// Bytes of the body of an answer.
const MAX_RESPONSE: usize = 256 * 1024;

/// A usable exchange.
pub(crate) struct Exchange {
    pub(crate) id: ExchangeId,
    /// Where its tokens come from.
    pub(crate) way: Way,
    pub(crate) carrier: Rc<Carrier>,
    pub(crate) parameters: Rc<Vec<Parameter>>,
    /// Headers of the calls.
    pub(crate) request_headers: Rc<Vec<RequestHeader>>,
    /// Where it depends on the request.
    pub(crate) client_id: Option<Rc<Text>>,
    pub(crate) username: Option<Rc<Username>>,
    /// What bounds the calls that have a value in common.
    pub(crate) per_value: Option<Rc<PerValue>>,
    pub(crate) phase: Phase,
    /// The body is read before the exchange is made.
    pub(crate) after_body: bool,
    pub(crate) bypass: Rc<Bypass>,
    pub(crate) on_error: OnFailure,
    pub(crate) on_missing: OnFailure,
    pub(crate) error_status: Rc<ErrorStatuses>,
    pub(crate) bound_tokens: BoundTokens,
    pub(crate) ignore_client_abort: bool,
    pub(crate) challenge: Rc<Challenge>,
    /// When its token is forgotten since a backend does not take it, and the request sent once more.
    pub(crate) purge_on: Option<Rc<PurgeOn>>,
    /// `None` where nothing is kept.
    pub(crate) cache: Option<Rc<Cache>>,
    /// The exchanges whose results it needs, once all blocks are merged.
    pub(crate) chain: Slot,
    /// Another exchange needs its result: it serves no request itself.
    pub(crate) is_step: Cell<bool>,
}

impl Exchange {
    /// Whether something of the request is made a token of.
    pub(crate) fn has_source(&self) -> bool {
        self.way.has_source()
    }

    /// The status that a request is answered with when it is refused.
    pub(crate) fn status(&self, failure: &Failure) -> u16 {
        self.error_status.of(failure)
    }

    /// What happens to a request whose exchange fails.
    pub(crate) fn policy(&self, kind: FailureKind) -> OnFailure {
        match kind {
            kind if kind.is_of_request() => OnFailure::Return,
            // Whatever is said of requests without a source.
            FailureKind::MissingActor => OnFailure::Return,
            FailureKind::MissingToken => self.on_missing,
            _ => self.on_error,
        }
    }
}

/// Two locations have the same exchange when they ask the same STS for the same, with a source token
/// from the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExchangeId(usize);

/// What makes exchanges differ.
#[derive(PartialEq, Eq)]
pub(crate) enum Identity {
    Call(Box<CallIdentity>),
    Mint(MintIdentity),
}

/// Those that call an STS.
#[derive(PartialEq, Eq)]
pub(crate) struct CallIdentity {
    protocol: Protocol,
    endpoint: Endpoint,
    auth: ClientAuth,
    client_id: Option<Template>,
    username: Option<Template>,
    parameters: Vec<(String, Template)>,
    /// Value, type, and whether there may be none.
    actor: Option<(Template, String, bool)>,
    /// Those that count.
    headers: Vec<(HeaderName, Template)>,
    /// How the STS is found, and by what it is known to be the one.
    contact: [u8; 32],
    source: Rc<str>,
    source_encoding: Option<Encoding>,
    /// The server, and the names of the locations whose results it needs.
    needs: Option<(usize, Rc<Vec<String>>)>,
}

impl LocationConf {
    /// Inherits from the block around, and makes the exchange.
    ///
    /// # Errors
    /// What is wrong, with the block that it is wrong in.
    pub(crate) fn merge(
        &mut self,
        conf: &Conf<'_>,
        main: &mut MainConf,
        outer: &Self,
    ) -> Result<(), Fault> {
        let own_exchange = self.written.changes_exchange();
        let site = conf.site().filter(|site| site.matching == Matching::Named);
        let name = site.as_ref().map(|site| site.name.as_str());
        let in_force = match &outer.in_force {
            Some(outer) => self.written.inside_as(name, outer),
            // NGINX does not merge what stands in `http` itself.
            None => {
                let http = outer.written.inside(&InForce::default());
                if main.unmade.is_first_server() && !http.settings.makes_exchange() {
                    main.unmade.look(conf, &outer.written.settings, &http.settings, None);
                }
                self.written.inside_as(name, &http)
            }
        };
        let settings = &self.in_force.insert(in_force).settings;
        if self.written.settings.purge {
            let name = settings.cache.as_deref().unwrap_or(cache::DEFAULT_NAME);
            self.purges = Some(main.caches.named(conf, name, None)?);
            // A purge needs no token.
            warn_of_open(conf, settings, "STSCachePurge", "forgets tokens");
            return Ok(());
        }
        if self.written.settings.status {
            self.shows = Some(main.overview());
            warn_of_open(conf, settings, "STSStatus", "shows what the gateway does");
            return Ok(());
        }
        if let Some(names) = &self.written.settings.jwks {
            let place = settings.places.of("STSJWKS");
            self.publishes = Some(main.publications.wants(names, place));
            // Keys are for all.
            return Ok(());
        }
        let block = conf.block();
        let built = build(conf, main, settings);
        let problem = match built {
            Err(problem) => problem,
            Ok(None) => {
                main.unmade.look(conf, &self.written.settings, settings, Some(&block));
                let carrier = Carrier::new(settings, false);
                if settings.kind == Some(Kind::Disabled) {
                    main.targets.are_disabled_by(&carrier);
                }
                // What an exchange elsewhere brings may come here.
                let passes = settings.pass.as_ref().is_some_and(|pass| !pass.is_empty());
                self.carrier = passes.then(|| Rc::new(carrier));
                return Ok(());
            }
            Ok(Some(exchange)) => {
                let in_if = matches!(block, Block::Nested(_)) && own_exchange;
                if !(in_if && exchange.phase == Phase::Rewrite) {
                    check_phase(&conf.at(settings.places.of("STSPhase")), &exchange);
                    main.unmade.uses(settings);
                    main.targets.are_set_by(&exchange.carrier);
                    main.uses(exchange.phase);
                    // Where a request comes too late for that, it is exchanged here.
                    main.uses(Phase::PreContent);
                    self.carrier = Some(exchange.carrier.clone());
                    let exchange = Rc::new(exchange);
                    let needs = settings.depends_on.as_ref();
                    main.chains.note(conf, &exchange, needs, settings.places.of("STSDependsOn"));
                    main.retries.note(conf, &exchange, settings.places.of("STSRetryOn"));
                    self.state = State::Enabled(exchange);
                    return Ok(());
                }
                Fault::from(Problem::from(
                    "\"STSPhase rewrite\" does not work with an exchange inside \"if\", which is not \
                 chosen yet in that phase: move the exchange to the location, or use another phase",
                ))
            }
        };
        let fault = problem.placed(&settings.places);
        match block {
            // Its locations may complete it.
            Block::Server { empty: false } => {
                main.uses(Phase::PreContent);
                let Fault { problem, place } = fault;
                let place = place.map(|place| format!(" in {place}")).unwrap_or_default();
                self.state = State::Incomplete(format!("{problem}{place}"));
                Ok(())
            }
            Block::Server { empty: true } | Block::Location(_) | Block::Nested(_) => Err(fault),
        }
    }
}

/// A location that answers from the module itself is for operators.
fn warn_of_open(conf: &Conf<'_>, settings: &Settings, directive: &str, does: &str) {
    let conf = conf.at(settings.places.of(directive));
    if conf.is_open_to_all() {
        conf.warn(format_args!(
            "\"{directive}\": every request that reaches the location {does}, since it has no \"allow\" \
             or \"deny\", \"auth_basic\" or \"auth_request\": write \"allow\" for those that may, and \
             \"deny all\""
        ));
    }
}

fn check_phase(conf: &Conf<'_>, exchange: &Exchange) {
    if exchange.phase == Phase::Access && conf.satisfies_any() {
        conf.warn(format_args!(
            "\"STSPhase access\" with \"satisfy any\": one check that allows a request is enough \
             for NGINX, which then skips the checks that are left, and forgets a 401 or 403 of those \
             before, this exchange's too. Such a request is exchanged, or refused, only after the \
             access checks, and none of them can rely on the target token: use \"STSPhase \
             precontent\", or \"satisfy all\""
        ));
    }
}

/// The exchange of a block; `None` where there is none.
fn build(
    conf: &Conf<'_>,
    main: &mut MainConf,
    settings: &Settings,
) -> Result<Option<Exchange>, Fault> {
    if settings.kind == Some(Kind::Jwt) {
        return minting::build(conf, main, settings).map(Some);
    }
    let Some(asked) = Asked::of(settings)? else { return Ok(None) };
    let kind = asked.protocol.name();
    let missing = |what: &str| format!("an exchange of type \"{kind}\" needs {what}");
    let endpoint_directive = asked.endpoint_directive(settings);
    let auth_directive = asked.auth_directive(settings);
    let endpoint = asked.endpoint.clone().ok_or_else(|| missing(&asked.any_endpoint()))?;
    let has_request_parameters = asked.has_request_parameters();
    let Asked { protocol, endpoint: _, auth, client_id, username, parameters, calls } = asked;
    // Version 3.1 of the C module has it in `STSROPC` alone.
    let verify = calls.map(|calls| calls.verify).or(settings.verify).unwrap_or(true);
    let has_source = protocol.has_source();
    let carrier = Rc::new(Carrier::new(settings, has_source));
    if has_source {
        carrier.check_source()?;
        if carrier.source_text.is_empty() {
            return Err(missing("\"STSVariables\" or \"STSAcceptSourceTokenIn\"").into());
        }
    }
    chain::check_assertion(&auth, settings.depends_on.as_ref())
        .map_err(|problem| Problem::from(format!("\"{auth_directive}\": {problem}")))?;
    let auth_place = settings.places.named_in(&format!("\"{auth_directive}\"")).cloned();
    let credential = main
        .credentials
        .share(conf, auth)
        .map_err(|problem| Problem::from(format!("\"{auth_directive}\": {problem}")))?;
    let profile = Profile {
        protocol,
        endpoint: endpoint.clone(),
        auth: credential.auth().clone(),
        client_id: client_id.as_ref().map(|text| text.to_string()),
    };
    if has_request_parameters {
        check_parameters(&profile, &parameters)?;
    }
    check_actor(settings, kind, profile.protocol.takes_actor())?;
    if let Some(actor) = &carrier.actor {
        actor.check(&parameters, &carrier)?;
    }
    let expect = settings.expect.clone();
    if let Some(Err(problem)) = expect.as_ref().map(|expect| expect.check_names(&profile)) {
        let at_expect = conf.at(settings.places.of("STSExpect"));
        at_expect.warn(format_args!("\"STSExpect\": {problem}"));
    }
    let expect = expect.unwrap_or_else(|| Expect::default_of(&profile.protocol));
    let tls = TlsSettings {
        verify,
        trusted: settings.trusted_certificate.clone(),
        revoked: settings.crl.clone(),
        protocols: settings.protocols.unwrap_or(Protocols::DEFAULT),
        ciphers: settings.ciphers.clone(),
    };
    let proxy = settings.outgoing_proxy.clone().flatten();
    // A socket of this machine is nothing that a proxy could reach.
    let mut proxy = proxy.filter(|_| !matches!(endpoint.host(), Host::Unix(_)));
    let at_proxy = conf.at(settings.places.of("STSOutgoingProxy"));
    let proxy_credential = proxy.as_mut().and_then(|proxy| proxy.auth.as_mut()).map(|auth| {
        let credential = main.credentials.share(&at_proxy, auth.clone())?;
        auth.clone_from(credential.auth());
        Ok(credential)
    });
    let proxy_credential = proxy_credential.transpose().map_err(|problem: String| {
        let option = outgoing_proxy::PASSWORD_FILE;
        Problem::from(format!("\"STSOutgoingProxy\" (option \"{option}\"): {problem}"))
    })?;
    let host = settings.host.as_ref();
    if host.is_some() && endpoint.is_issuer() {
        return Err(Problem::from(
            "\"STSHost\" (option \"host\") cannot be set with \"STSIssuer\": metadata are those of the \
             issuer by its own name, and may name an endpoint of another host; write the endpoint itself",
        )
        .into());
    }
    // RFC 9112, section 3.2.2.
    if host.is_some() && proxy.is_some() && endpoint.scheme() == Scheme::Http {
        return Err(Problem::from(
            "\"STSHost\" (option \"host\") cannot be set for an http:// endpoint behind \
             \"STSOutgoingProxy\": a proxy makes that header of the URL that it is given; use an \
             https:// endpoint, or \"STSOutgoingProxy off\"",
        )
        .into());
    }
    let endpoint_place = settings.places.named_in(&format!("\"{endpoint_directive}\"")).cloned();
    let at_endpoint = conf.at(endpoint_place.as_ref());
    // Metadata are for all: no certificate is shown for them.
    let shown = if endpoint.is_issuer() { &ClientAuth::none() } else { &profile.auth };
    let destination =
        main.destinations.of(&at_endpoint, &endpoint, &tls, shown, proxy.as_ref(), host)?;
    let contact = destination.identity();
    let username_template = |username: &Rc<Username>| {
        let Username { text, authenticated: _ } = &**username;
        text.template.clone()
    };
    let parameter_template =
        |Parameter { name, text, place: _ }: &Parameter| (name.clone(), text.template.clone());
    let request_headers = settings.request_headers.clone().unwrap_or_default();
    let actor = carrier.actor.as_deref();
    let actor_template = |actor: &ActorToken| {
        let ActorToken { text, token_type, is_optional, place: _ } = actor;
        (text.template.clone(), token_type.clone(), *is_optional)
    };
    let headers = request_headers.iter().filter(|header| header.is_in_key);
    let header_template = |RequestHeader { name, text, is_in_key: _ }: &RequestHeader| {
        (name.clone(), text.template.clone())
    };
    let identity = CallIdentity {
        protocol: profile.protocol.clone(),
        endpoint,
        auth: profile.auth.clone(),
        client_id: client_id.as_ref().map(|text| text.template.clone()),
        username: username.as_ref().map(username_template),
        parameters: parameters.iter().map(parameter_template).collect(),
        actor: actor.map(actor_template),
        headers: headers.clone().map(header_template).collect(),
        contact,
        source: carrier.source_text.clone(),
        source_encoding: carrier.source_encoding,
        needs: settings.depends_on.clone().map(|names| (conf.server_id(), names)),
    };
    let (id, is_new) = main.identify(Identity::Call(Box::new(identity)));
    if is_new {
        let at_auth = conf.at(auth_place.as_ref());
        let proxy = proxy.as_ref().map(|proxy| &proxy.endpoint);
        warn(&at_endpoint, &at_auth, &profile, proxy);
        let is_found = destination.is_found();
        upstreams::warn(&at_endpoint, &profile.endpoint, proxy.is_some() || is_found, "the STS");
        if let Some(proxy) = proxy {
            upstreams::warn(&at_proxy, proxy, is_found, "the proxy");
        }
        let is_https = profile.endpoint.scheme() == Scheme::Https;
        if is_https && !verify {
            let name = calls.map_or("STSSSLValidateServer", |_| &endpoint_directive);
            warn_of_unverified(&conf.at(settings.places.of(name)), &profile);
        }
        if is_https && settings.verify.is_some_and(|other| other != verify) {
            at_endpoint.warn(format_args!(
                "\"STSSSLValidateServer\" has no effect on \"{endpoint_directive}\", whose option \
                 \"ssl_verify\" decides, and is \"on\" where it is not given"
            ));
        }
    }
    let limit = Limit {
        timeout: calls.and_then(|calls| calls.timeout).or(settings.timeout).unwrap_or(TIMEOUT),
        response: settings.max_response.unwrap_or(MAX_RESPONSE),
        keepalive: settings.keepalive.unwrap_or(Limits::DEFAULT),
        retries: Retries {
            times: settings.retries.unwrap_or(Retries::DEFAULT.times),
            pause: settings.retry_interval.unwrap_or(Retries::DEFAULT.pause),
        },
        calls: settings.max_calls.as_ref().map_or(CallLimits::DEFAULT, |it| it.limits),
        breaker: settings.breaker.flatten(),
    };
    let cap = settings.cache_expires_in.unwrap_or(CACHE_EXPIRES_IN);
    let life = LifePolicy { cap, leeway: settings.expiry_leeway.unwrap_or(EXPIRY_LEEWAY) };
    let fresh = fresh::in_force(settings, &profile.protocol);
    let name = settings.cache.as_deref().unwrap_or(cache::DEFAULT_NAME);
    let passphrase = settings.crypto_passphrase.as_deref();
    // One that is named has to be there, although nothing is kept in it.
    let cache = (cap > 0 || name != cache::DEFAULT_NAME)
        .then(|| main.caches.named(conf, name, passphrase))
        .transpose()?
        .filter(|_| cap > 0);
    let discovery = profile.endpoint.is_issuer().then(|| {
        let zone = cache.as_ref().map(|cache| cache.zone());
        let refresh = settings.issuer_refresh.unwrap_or(ISSUER_REFRESH) / 1000;
        let destinations = &mut main.destinations;
        main.discoveries.of(&profile.endpoint, &destination, &profile.auth, zone, refresh, || {
            destinations.kin(&at_endpoint, &tls)
        })
    });
    let discovery = discovery.transpose()?;
    let secrets = cache.as_ref().map(|cache| cache.fingerprint()).unwrap_or_default();
    let key = ExchangeKey::new(&profile, &contact, &secrets);
    if let Some(cache) = &cache {
        cache.serves(&key, profile.endpoint.url(), cap);
    }
    let parts = parameters.iter().map(|one| (one.name.as_str(), one.text.to_string()));
    let actor = actor.map(|actor| (actor.token_type.as_str(), actor.text.template.to_argument()));
    let headers = headers.map(|one| (one.name.as_str(), one.text.template.to_argument()));
    let history = main.histories.of(conf, name_of(&key, parts.chain(actor).chain(headers)));
    let history =
        history.map_err(|_| Problem::from("the zone of what has succeeded cannot be made"))?;
    let purge_on = PurgeOn::new(settings, cache.as_ref(), life, &profile.protocol);
    let endpoint = profile.endpoint.clone();
    let tally = main.names.tally(settings, profile.protocol.name(), Some(&endpoint))?;
    tally.has_breaker_as_well(limit.breaker.is_some());
    let callee = Rc::new(Callee {
        profile,
        credential,
        proxy_credential,
        destination,
        discovery,
        limit,
        key,
        life,
        fresh,
        token_types: carrier.token_types.clone(),
        expect,
        doubted: Cell::default(),
        history,
        tally,
    });
    let made = Made { id, way: Way::Call(callee), carrier, cache };
    Ok(Some(Exchange {
        parameters,
        request_headers,
        // A fixed one is part of the profile.
        client_id: client_id.filter(|text| text.template.has_variables()),
        username,
        per_value: settings.max_calls.as_ref().and_then(|it| it.per_value.clone()),
        purge_on,
        ..made.exchange(conf, settings)
    }))
}

/// What the type of an exchange decides.
pub(super) struct Made {
    pub(super) id: usize,
    pub(super) way: Way,
    pub(super) carrier: Rc<Carrier>,
    pub(super) cache: Option<Rc<Cache>>,
}

impl Made {
    /// The exchange, with what is said of requests whatever its type is.
    pub(super) fn exchange(self, conf: &Conf<'_>, settings: &Settings) -> Exchange {
        let Self { id, way, carrier, cache } = self;
        let bypass = settings.bypass.clone().unwrap_or_default();
        bypass.check(&conf.at(settings.places.of("STSBypass")), &carrier);
        let on_error = settings.on_error.unwrap_or(OnFailure::Return);
        Exchange {
            id: ExchangeId(id),
            way,
            carrier,
            parameters: Rc::default(),
            request_headers: Rc::default(),
            client_id: None,
            username: None,
            per_value: None,
            purge_on: None,
            phase: settings.phase.unwrap_or(Phase::PreContent),
            after_body: settings.after_body.unwrap_or(false),
            bypass,
            on_error,
            on_missing: settings.on_missing.unwrap_or(on_error),
            error_status: settings.error_status.clone().unwrap_or_default(),
            bound_tokens: settings.bound_tokens.unwrap_or(BoundTokens::Refuse),
            ignore_client_abort: settings.ignore_client_abort.unwrap_or(false),
            challenge: settings.challenge.clone().unwrap_or_else(|| Rc::new(Challenge::On)),
            cache,
            chain: Slot::default(),
            is_step: Cell::new(false),
        }
    }
}

/// Whether what acts for a subject has a place in an exchange.
pub(super) fn check_actor(
    settings: &Settings,
    kind: &str,
    takes_actor: bool,
) -> Result<(), Problem> {
    if settings.actor_token.is_none() || takes_actor {
        return Ok(());
    }
    Err(format!(
        "\"STSActorToken\" has no place in an exchange of type \"{kind}\", and would have no effect: \
         it is for the type \"otx\"; write it in the locations of that type"
    ))
}

/// Checks the parameters one after the other, so that the line of the first wrong one is known.
fn check_parameters(profile: &Profile, parameters: &[Parameter]) -> Result<(), Fault> {
    for (index, parameter) in parameters.iter().enumerate() {
        let names = parameters.iter().take(index + 1).map(|parameter| parameter.name.as_str());
        profile.check_parameters(names).map_err(|error| {
            let problem = format!("\"STSRequestParameter\" (option \"params\"): {error}");
            Fault { problem, place: parameter.place.clone() }
        })?;
    }
    Ok(())
}

/// Tells exchanges apart that an STS may accept or refuse for their parameters.
fn name_of<'p>(key: &ExchangeKey, parts: impl Iterator<Item = (&'p str, String)>) -> u64 {
    let mut text = key.digest().to_vec();
    for (name, value) in parts {
        for part in [name, value.as_str()] {
            text.extend_from_slice(&(part.len() as u64).to_le_bytes());
            text.extend_from_slice(part.as_bytes());
        }
    }
    tag(&openssl::sha::sha256(&text))
}

fn warn_of_unverified(conf: &Conf<'_>, profile: &Profile) {
    let name = profile.endpoint.authority();
    conf.warn(format_args!(
        "the certificate of the STS \"{name}\" is not verified: every host on the way can read \
         the tokens; leave \"STSSSLValidateServer\" (option \"ssl_verify\") on, and name the CA \
         with \"STSSSLTrustedCertificate\""
    ));
}

fn warn(conf: &Conf<'_>, at_auth: &Conf<'_>, profile: &Profile, proxy: Option<&Endpoint>) {
    let endpoint = &profile.endpoint;
    let name = endpoint.authority();
    let is_local = endpoint.is_loopback() && proxy.is_none_or(Endpoint::is_loopback);
    if endpoint.scheme() == Scheme::Http && !is_local && profile.sends_credentials() {
        conf.warn(format_args!(
            "credentials go to the STS \"{name}\" in clear: use https:// in its endpoint"
        ));
    }
    if profile.auth.signs_as_of_old() && !endpoint.is_issuer() {
        at_auth.notice(format_args!(
            "the client assertion for the STS \"{name}\" has the endpoint as its \"aud\" and \"JWT\" as \
             its \"typ\", as older servers want it; newer ones (rfc7523bis) want their issuer: name it \
             with the option \"aud\"; or write \"typ=JWT\", where this is meant"
        ));
    }
    if let Some(bits) = profile.auth.slow_bits() {
        at_auth.warn(format_args!(
            "the RSA key for the STS \"{name}\" has {bits} bits: each signature holds a worker up for \
             milliseconds; take 2048 bits, or better a key for ES256 or EdDSA"
        ));
    }
}
