//! What was written in one block, and what it inherits.

use std::rc::Rc;

use sts_core::encoding::Encoding;
use sts_core::endpoint::HostField;
use sts_core::expect::Expect;
use sts_core::issued::TokenTypes;
use sts_core::oauth;
use sts_core::oauth::grant::Grant;
use sts_core::secret::Secret;
use sts_net::calls::CallLimits;
use sts_net::idle::Limits;

use crate::conf::carrier::{Accepted, Passed, Variables};
use crate::conf::directive::Part;
use crate::conf::error_status::ErrorStatuses;
use crate::conf::exchange::{Challenge, OnFailure};
use crate::conf::grant::Grants;
use crate::conf::parameter::Parameter;
use crate::conf::place::Places;
use crate::conf::wstrust::WsTrustSettings;
use crate::nginx::phase::Phase;
use crate::nginx::tls::Protocols;
use crate::origin::Proxy;

/// Each directive's own value; `None` where it was not written.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// Where they were written.
    pub(crate) places: Places,
    pub(crate) kind: Option<Kind>,
    pub(crate) grants: Grants,
    pub(crate) wstrust: WsTrustSettings,
    pub(crate) parameters: Option<Rc<Vec<Parameter>>>,
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
    pub(crate) on_error: Option<OnFailure>,
    pub(crate) on_missing: Option<OnFailure>,
    pub(crate) error_status: Option<Rc<ErrorStatuses>>,
    pub(crate) max_response: Option<usize>,
    pub(crate) keepalive: Option<Limits>,
    pub(crate) max_calls: Option<CallLimits>,
    pub(crate) bound_tokens: Option<BoundTokens>,
    pub(crate) ignore_client_abort: Option<bool>,
    pub(crate) challenge: Option<Rc<Challenge>>,
    pub(crate) outgoing_proxy: Option<Option<Proxy>>,
    pub(crate) host: Option<HostField>,
    pub(crate) retries: Option<u32>,
    /// Milliseconds.
    pub(crate) retry_interval: Option<u64>,
    /// The name of a cache.
    pub(crate) cache: Option<String>,
    /// `STSCachePurge`; not inherited: a location inside answers otherwise.
    pub(crate) purge: bool,
    pub(crate) crypto_passphrase: Option<Rc<Secret>>,
    /// Seconds.
    pub(crate) cache_expires_in: Option<u64>,
    /// Milliseconds.
    pub(crate) expiry_leeway: Option<u64>,
}

/// `STSType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Disabled,
    OAuth(&'static Grant),
    WsTrust,
}

impl Kind {
    /// The word of `STSType`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::OAuth(grant) => grant.name,
            Self::WsTrust => "wstrust",
        }
    }

    /// The words of `STSType` and `STSExchange`.
    pub(crate) fn words() -> Vec<(&'static str, Self)> {
        let grants = oauth::ALL.into_iter().map(Self::OAuth);
        let kinds = [Self::WsTrust].into_iter().chain(grants).chain([Self::Disabled]);
        kinds.map(|kind| (kind.word(), kind)).collect()
    }

    /// How the directives begin that only this type has; those without have only what is for any.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::OAuth(grant) => match grant.name.as_bytes() {
                b"cc" => "STSCC",
                b"otx" => "STSOTX",
                b"ropc" => "STSROPC",
                _ => "STS",
            },
            Self::WsTrust => "STSWSTrust",
            Self::Disabled => "STS",
        }
    }
}

/// `STSBoundTokens`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BoundTokens {
    Allow,
    Refuse,
}

impl Settings {
    /// Takes from `outer` what was not written here. Lists are replaced as a whole.
    pub(crate) fn inherit(&mut self, outer: &Self) {
        self.inherit_exchange(outer);
        self.inherit_common(outer);
    }

    /// Whether a type is in force that is none of nothing.
    pub(crate) fn makes_exchange(&self) -> bool {
        self.kind.is_some_and(|kind| kind != Kind::Disabled)
    }

    /// What `STSExchange` takes the place of.
    fn inherit_exchange(&mut self, outer: &Self) {
        self.places.inherit(&outer.places, Part::Exchange);
        inherit(&mut self.kind, &outer.kind);
        if self.grants.any.endpoint.is_none() {
            inherit(&mut self.wstrust.endpoint, &outer.wstrust.endpoint);
        }
        if self.grants.any.auth.is_none() {
            inherit(&mut self.wstrust.auth, &outer.wstrust.auth);
        }
        self.grants.inherit(&outer.grants);
        self.wstrust.inherit_exchange(&outer.wstrust);
        inherit(&mut self.parameters, &outer.parameters);
        inherit(&mut self.verify, &outer.verify);
        inherit(&mut self.timeout, &outer.timeout);
        inherit(&mut self.cache_expires_in, &outer.cache_expires_in);
    }

    /// What goes with either syntax.
    pub(crate) fn inherit_common(&mut self, outer: &Self) {
        self.places.inherit(&outer.places, Part::Common);
        self.wstrust.inherit_common(&outer.wstrust);
        inherit(&mut self.variables, &outer.variables);
        inherit(&mut self.accept, &outer.accept);
        inherit(&mut self.pass, &outer.pass);
        inherit(&mut self.max_form, &outer.max_form);
        inherit(&mut self.source_encoding, &outer.source_encoding);
        inherit(&mut self.target_encoding, &outer.target_encoding);
        inherit(&mut self.token_types, &outer.token_types);
        inherit(&mut self.expect, &outer.expect);
        inherit(&mut self.trusted_certificate, &outer.trusted_certificate);
        inherit(&mut self.crl, &outer.crl);
        inherit(&mut self.protocols, &outer.protocols);
        inherit(&mut self.ciphers, &outer.ciphers);
        inherit(&mut self.phase, &outer.phase);
        inherit(&mut self.after_body, &outer.after_body);
        inherit(&mut self.on_error, &outer.on_error);
        inherit(&mut self.on_missing, &outer.on_missing);
        inherit(&mut self.error_status, &outer.error_status);
        inherit(&mut self.max_response, &outer.max_response);
        inherit(&mut self.keepalive, &outer.keepalive);
        inherit(&mut self.max_calls, &outer.max_calls);
        inherit(&mut self.bound_tokens, &outer.bound_tokens);
        inherit(&mut self.ignore_client_abort, &outer.ignore_client_abort);
        inherit(&mut self.challenge, &outer.challenge);
        inherit(&mut self.outgoing_proxy, &outer.outgoing_proxy);
        inherit(&mut self.host, &outer.host);
        inherit(&mut self.retries, &outer.retries);
        inherit(&mut self.retry_interval, &outer.retry_interval);
        inherit(&mut self.cache, &outer.cache);
        inherit(&mut self.crypto_passphrase, &outer.crypto_passphrase);
        inherit(&mut self.expiry_leeway, &outer.expiry_leeway);
    }
}

/// Takes the value of the block around where there is none of its own.
pub(super) fn inherit<T: Clone>(own: &mut Option<T>, outer: &Option<T>) {
    if own.is_none() {
        own.clone_from(outer);
    }
}
