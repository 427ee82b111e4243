//! The exchange of a location that calls an STS, made of its settings.

use std::cell::Cell;
use std::rc::Rc;

use sts_core::cache_key::ExchangeKey;
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::{Endpoint, Host, Scheme};
use sts_core::expect::Expect;
use sts_core::life::LifePolicy;
use sts_core::profile::Profile;
use sts_net::calls::CallLimits;
use sts_net::idle::Limits;
use sts_zone::zone::tag;

use crate::callee::Callee;
use crate::conf::Carrier;
use crate::conf::argument::Problem;
use crate::conf::asked::Asked;
use crate::conf::cache;
use crate::conf::chain;
use crate::conf::exchange::{
    CACHE_EXPIRES_IN, EXPIRY_LEEWAY, Exchange, Made, TIMEOUT, check_actor,
};
use crate::conf::fresh;
use crate::conf::identity::{CallIdentity, Identity, OfRequest};
use crate::conf::main::MainConf;
use crate::conf::outgoing_proxy;
use crate::conf::place::Fault;
use crate::conf::purge_on::PurgeOn;
use crate::conf::settings::Settings;
use crate::conf::upstreams;
use crate::http::Limit;
use crate::nginx::conf::Conf;
use crate::nginx::tls::{Protocols, TlsSettings};
use crate::origin::Retries;
use crate::parameters::Parameter;
use crate::way::Way;

/// Milliseconds after which the metadata of an issuer are asked for anew.
const ISSUER_REFRESH: u64 = 60 * 60 * 1000;

/// Bytes of the body of an answer.
const MAX_RESPONSE: usize = 256 * 1024;

/// The exchange of a block; `None` where there is none.
pub(super) fn build(
    conf: &Conf<'_>,
    main: &mut MainConf,
    settings: &Settings,
) -> Result<Option<Exchange>, Fault> {
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
    if host.is_some() {
        check_host(&endpoint, proxy.is_some())?;
    }
    let endpoint_place = settings.places.named_in(&format!("\"{endpoint_directive}\"")).cloned();
    let at_endpoint = conf.at(endpoint_place.as_ref());
    // Metadata are for all: no certificate is shown for them.
    let shown = if endpoint.is_issuer() { &ClientAuth::none() } else { &profile.auth };
    let destination =
        main.destinations.of(&at_endpoint, &endpoint, &tls, shown, proxy.as_ref(), host)?;
    let contact = destination.identity();
    let request_headers = settings.request_headers.clone().unwrap_or_default();
    let of_request = OfRequest {
        client_id: client_id.as_deref(),
        username: username.as_deref(),
        parameters: &parameters,
        headers: &request_headers,
    };
    let needs = settings.depends_on.clone().map(|names| (conf.server_id(), names));
    let identity = CallIdentity::new(&profile, contact, &carrier, &of_request, needs);
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
    let timeout = calls.and_then(|calls| calls.timeout);
    let limit = limit(settings, timeout);
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
    let actor = carrier.actor.as_deref();
    let actor = actor.map(|actor| (actor.token_type.as_str(), actor.text.template.to_argument()));
    let headers = request_headers.iter().filter(|header| header.is_in_key);
    let headers = headers.map(|one| (one.name.as_str(), one.text.template.to_argument()));
    let history = main.histories.of(conf, name_of(&key, parts.chain(actor).chain(headers)));
    let history =
        history.map_err(|_| Problem::from("the zone of what has succeeded cannot be made"))?;
    let purge_on = PurgeOn::new(settings, cache.as_ref(), life, &profile.protocol)?;
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

/// What a call may take; a timeout that `STSROPC` has of its own goes first.
fn limit(settings: &Settings, timeout: Option<u64>) -> Limit {
    Limit {
        timeout: timeout.or(settings.timeout).unwrap_or(TIMEOUT),
        response: settings.max_response.unwrap_or(MAX_RESPONSE),
        keepalive: settings.keepalive.unwrap_or(Limits::DEFAULT),
        retries: Retries {
            times: settings.retries.unwrap_or(Retries::DEFAULT.times),
            pause: settings.retry_interval.unwrap_or(Retries::DEFAULT.pause),
        },
        calls: settings.max_calls.as_ref().map_or(CallLimits::DEFAULT, |it| it.limits),
        breaker: settings.breaker.flatten(),
    }
}

/// Whether the calls to an endpoint can have a `Host` of their own.
fn check_host(endpoint: &Endpoint, has_proxy: bool) -> Result<(), Problem> {
    if endpoint.is_issuer() {
        return Err(Problem::from(
            "\"STSHost\" (option \"host\") cannot be set with \"STSIssuer\": metadata are those of the \
             issuer by its own name, and may name an endpoint of another host; write the endpoint itself",
        ));
    }
    // RFC 9112, section 3.2.2.
    if has_proxy && endpoint.scheme() == Scheme::Http {
        return Err(Problem::from(
            "\"STSHost\" (option \"host\") cannot be set for an http:// endpoint behind \
             \"STSOutgoingProxy\": a proxy makes that header of the URL that it is given; use an \
             https:// endpoint, or \"STSOutgoingProxy off\"",
        ));
    }
    Ok(())
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
