//! What was written in one block, and what it inherits.

use std::rc::Rc;

use sts_core::encoding::Encoding;
use sts_core::endpoint::HostField;
use sts_core::expect::Expect;
use sts_core::issued::TokenTypes;
use sts_core::secret::Secret;
use sts_flight::ahead::RefreshAhead;
use sts_net::breaker::Policy;
use sts_net::idle::Limits;

use crate::conf::actor_token::ActorToken;
use crate::conf::bypass::Bypass;
use crate::conf::carrier::{Accepted, Passed, Variables};
use crate::conf::directive::Part;
use crate::conf::error_status::ErrorStatuses;
use crate::conf::grant::Grants;
use crate::conf::jwt::JwtSettings;
use crate::conf::kind::Kind;
use crate::conf::max_calls::MaxCalls;
use crate::conf::place::Places;
use crate::conf::policy::{BoundTokens, Challenge, OnFailure};
use crate::conf::retry_on::RetryOn;
use crate::conf::wstrust::WsTrustSettings;
use crate::nginx::phase::Phase;
use crate::nginx::tls::Protocols;
use crate::origin::Proxy;
use crate::parameters::Parameter;
use crate::request_header::RequestHeader;

/// Each directive's own value; `None` where it was not written.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// Where they were written.
    pub(crate) places: Places,
    pub(crate) kind: Option<Kind>,
    pub(crate) grants: Grants,
    pub(crate) wstrust: WsTrustSettings,
    pub(crate) jwt: JwtSettings,
    pub(crate) parameters: Option<Rc<Vec<Parameter>>>,
    pub(crate) actor_token: Option<Rc<ActorToken>>,
    pub(crate) request_headers: Option<Rc<Vec<RequestHeader>>>,
    pub(crate) variables: Option<Rc<Variables>>,
    pub(crate) accept: Option<Rc<Vec<Accepted>>>,
    pub(crate) pass: Option<Rc<Vec<Passed>>>,
    /// Bytes.
    pub(crate) max_form: Option<u64>,
    pub(crate) source_encoding: Option<Option<Encoding>>,
    pub(crate) target_encoding: Option<Option<Encoding>>,
    pub(crate) token_types: Option<Rc<TokenTypes>>,
    pub(crate) expect: Option<Expect>,
    pub(crate) verify: Option<bool>,
    pub(crate) trusted_certificate: Option<String>,
    pub(crate) crl: Option<String>,
    pub(crate) protocols: Option<Protocols>,
    pub(crate) ciphers: Option<String>,
    /// Milliseconds.
    pub(crate) timeout: Option<u64>,
    pub(crate) phase: Option<Phase>,
    pub(crate) after_body: Option<bool>,
    pub(crate) bypass: Option<Rc<Bypass>>,
    pub(crate) on_error: Option<OnFailure>,
    pub(crate) on_missing: Option<OnFailure>,
    pub(crate) error_status: Option<Rc<ErrorStatuses>>,
    pub(crate) max_response: Option<usize>,
    pub(crate) keepalive: Option<Limits>,
    pub(crate) max_calls: Option<MaxCalls>,
    /// `None` inside: off.
    pub(crate) breaker: Option<Option<Policy>>,
    pub(crate) bound_tokens: Option<BoundTokens>,
    pub(crate) ignore_client_abort: Option<bool>,
    pub(crate) challenge: Option<Rc<Challenge>>,
    pub(crate) outgoing_proxy: Option<Option<Proxy>>,
    pub(crate) host: Option<HostField>,
    /// `STSDependsOn`: the names of locations.
    pub(crate) depends_on: Option<Rc<Vec<String>>>,
    /// Milliseconds after which the metadata of an issuer are asked for anew.
    pub(crate) issuer_refresh: Option<u64>,
    pub(crate) retries: Option<u32>,
    /// Milliseconds.
    pub(crate) retry_interval: Option<u64>,
    /// The name of a cache.
    pub(crate) cache: Option<String>,
    /// `STSCachePurge`; not inherited: a location inside answers otherwise.
    pub(crate) purge: bool,
    /// `STSJWKS`: the names of exchanges; not inherited either.
    pub(crate) jwks: Option<Rc<Vec<String>>>,
    /// `STSStatus`; not inherited either.
    pub(crate) status: bool,
    /// What the exchange is called.
    pub(crate) name: Option<String>,
    pub(crate) crypto_passphrase: Option<Rc<Secret>>,
    /// Seconds.
    pub(crate) cache_expires_in: Option<u64>,
    /// Milliseconds.
    pub(crate) expiry_leeway: Option<u64>,
    pub(crate) refresh_ahead: Option<RefreshAhead>,
    /// Milliseconds.
    pub(crate) negative_ttl: Option<u64>,
    /// Statuses.
    pub(crate) purge_on: Option<Rc<Vec<u16>>>,
    pub(crate) retry_on: Option<Option<Rc<RetryOn>>>,
}

impl Settings {
    /// Takes from `outer` what was not written here. Lists are replaced as a whole.
    pub(crate) fn inherit(&mut self, outer: &Self) {
        self.inherit_from(outer, true);
    }

    /// Takes only what goes with either syntax, and not what `STSExchange` takes the place of.
    pub(crate) fn inherit_common(&mut self, outer: &Self) {
        self.inherit_from(outer, false);
    }

    /// Whether a type is in force that is none of nothing.
    pub(crate) fn makes_exchange(&self) -> bool {
        self.kind.is_some_and(|kind| kind != Kind::Disabled)
    }

    /// Every field is named, so that the compiler tells of one that is not inherited.
    fn inherit_from(&mut self, outer: &Self, with_exchange: bool) {
        let Self {
            places,
            kind,
            grants,
            wstrust,
            jwt,
            parameters,
            actor_token,
            request_headers,
            variables,
            accept,
            pass,
            max_form,
            source_encoding,
            target_encoding,
            token_types,
            expect,
            verify,
            trusted_certificate,
            crl,
            protocols,
            ciphers,
            timeout,
            phase,
            after_body,
            bypass,
            on_error,
            on_missing,
            error_status,
            max_response,
            keepalive,
            max_calls,
            breaker,
            bound_tokens,
            ignore_client_abort,
            challenge,
            outgoing_proxy,
            host,
            depends_on,
            issuer_refresh,
            retries,
            retry_interval,
            cache,
            // A location inside answers otherwise.
            purge: _,
            jwks: _,
            status: _,
            name,
            crypto_passphrase,
            cache_expires_in,
            expiry_leeway,
            refresh_ahead,
            negative_ttl,
            purge_on,
            retry_on,
        } = outer;
        // Before `any` is inherited.
        self.wstrust.inherit(wstrust, with_exchange, &self.grants.any);
        if with_exchange {
            self.places.inherit(places, Part::Exchange);
            inherit(&mut self.kind, kind);
            inherit(&mut self.name, name);
            self.grants.inherit(grants);
            inherit(&mut self.parameters, parameters);
            inherit(&mut self.verify, verify);
            inherit(&mut self.timeout, timeout);
            inherit(&mut self.cache_expires_in, cache_expires_in);
        }
        self.places.inherit(places, Part::Common);
        self.jwt.inherit(jwt);
        inherit(&mut self.actor_token, actor_token);
        inherit(&mut self.request_headers, request_headers);
        inherit(&mut self.variables, variables);
        inherit(&mut self.accept, accept);
        inherit(&mut self.pass, pass);
        inherit(&mut self.max_form, max_form);
        inherit(&mut self.source_encoding, source_encoding);
        inherit(&mut self.target_encoding, target_encoding);
        inherit(&mut self.token_types, token_types);
        inherit(&mut self.expect, expect);
        inherit(&mut self.trusted_certificate, trusted_certificate);
        inherit(&mut self.crl, crl);
        inherit(&mut self.protocols, protocols);
        inherit(&mut self.ciphers, ciphers);
        inherit(&mut self.phase, phase);
        inherit(&mut self.after_body, after_body);
        inherit(&mut self.bypass, bypass);
        inherit(&mut self.on_error, on_error);
        inherit(&mut self.on_missing, on_missing);
        inherit(&mut self.error_status, error_status);
        inherit(&mut self.max_response, max_response);
        inherit(&mut self.keepalive, keepalive);
        inherit(&mut self.max_calls, max_calls);
        inherit(&mut self.breaker, breaker);
        inherit(&mut self.bound_tokens, bound_tokens);
        inherit(&mut self.ignore_client_abort, ignore_client_abort);
        inherit(&mut self.challenge, challenge);
        inherit(&mut self.outgoing_proxy, outgoing_proxy);
        inherit(&mut self.host, host);
        inherit(&mut self.depends_on, depends_on);
        inherit(&mut self.issuer_refresh, issuer_refresh);
        inherit(&mut self.retries, retries);
        inherit(&mut self.retry_interval, retry_interval);
        inherit(&mut self.cache, cache);
        inherit(&mut self.crypto_passphrase, crypto_passphrase);
        inherit(&mut self.expiry_leeway, expiry_leeway);
        inherit(&mut self.refresh_ahead, refresh_ahead);
        inherit(&mut self.negative_ttl, negative_ttl);
        inherit(&mut self.purge_on, purge_on);
        inherit(&mut self.retry_on, retry_on);
    }
}

/// Takes the value of the block around where there is none of its own.
pub(super) fn inherit<T: Clone>(own: &mut Option<T>, outer: &Option<T>) {
    if own.is_none() {
        own.clone_from(outer);
    }
}
