//! The table of the directives: their names, how many arguments they take, and what each accepts.

use std::rc::Rc;

use sts_core::carry::variable;
use sts_core::client_auth::ClientAuth;
use sts_core::encoding::Encoding;
use sts_core::endpoint::{Endpoint, HostField};
use sts_core::expect::Expect;
use sts_core::issued::TokenTypes;
use sts_core::mint::TokenKind;
use sts_core::oauth::{client_credentials, password, token_exchange};
use sts_core::options::{Template, has_variable, secret_with_plus};
use sts_core::secret::Secret;
use sts_core::wstrust::endpoint_auth;
use sts_core::wstrust::words::{
    KeyType, SoapVersion, SourceAs, SourceElement, TokenAs, Version, WordError,
};
use sts_net::idle::Limits;

use crate::conf::actor_token;
use crate::conf::argument::{self, Problem};
use crate::conf::breaker;
use crate::conf::bypass;
use crate::conf::carrier;
use crate::conf::chain;
use crate::conf::directive::{Accepted, Block, Directive, Refusal, directive};
use crate::conf::error_status;
use crate::conf::exchange_directive;
use crate::conf::fresh;
use crate::conf::grant::{AnyAuth, Username};
use crate::conf::issuer;
use crate::conf::jwt;
use crate::conf::kind::Kind;
use crate::conf::max_calls;
use crate::conf::name;
use crate::conf::outgoing_proxy;
use crate::conf::parameter;
use crate::conf::policy::BoundTokens;
use crate::conf::policy::{Challenge, OnFailure, PHASES};
use crate::conf::purge_on;
use crate::conf::request_header;
use crate::conf::retry_on;
use crate::conf::ropc_directive;
use crate::conf::text::Text;
use crate::conf::wstrust::{self, TokenType};
use crate::nginx::conf::Conf;
use crate::nginx::module::Levels;
use crate::nginx::tls::Protocols;

/// All of them, in the order of the manual.
pub(crate) static DIRECTIVES: [Directive; 88] = [
    directive(c"STSExchange", (1, 7), exchange_directive::set),
    directive(c"STSType", (1, 1), |b, a| {
        once(&mut b.settings.kind, argument::word(first(a), &Kind::words()))
    })
    .of_exchange(),
    directive(c"STSEndpoint", (1, 1), |b, a| {
        once(&mut b.settings.grants.any.endpoint, endpoint(a))
    })
    .of_exchange(),
    directive(c"STSIssuer", (1, 1), issuer::set).of_exchange().key("issuer"),
    directive(c"STSIssuerRefresh", (1, 1), |b, a| {
        once(&mut b.settings.issuer_refresh, argument::time(first(a), 1000, 24 * 60 * 60 * 1000))
    })
    .key("issuer_refresh"),
    directive(c"STSEndpointAuth", (1, 7), |b, a| {
        let options = argument::options(a)?;
        warn_of_blanks(b.conf, b.directive, options);
        once(&mut b.settings.grants.any.auth, AnyAuth::parse(first(a), options))
    })
    .of_exchange(),
    directive(c"STSClientID", (1, 1), |b, a| {
        let client_id = template(b.conf, a)?;
        once(&mut b.settings.grants.any.client_id, Ok(client_id))
    })
    .of_exchange(),
    directive(c"STSOTXEndpoint", (1, 1), |b, a| {
        once(&mut b.settings.grants.own(&token_exchange::GRANT).endpoint, endpoint(a))
    })
    .of_exchange(),
    directive(c"STSOTXEndpointAuth", (1, 7), |b, a| {
        once(&mut b.settings.grants.own(&token_exchange::GRANT).auth, auth(b.conf, b.directive, a))
    })
    .of_exchange(),
    directive(c"STSOTXClientID", (1, 1), |b, a| {
        let client_id = template(b.conf, a)?;
        once(&mut b.settings.grants.own(&token_exchange::GRANT).client_id, Ok(client_id))
    })
    .of_exchange(),
    directive(c"STSROPC", (1, 1), ropc_directive::set).of_exchange(),
    directive(c"STSROPCEndpoint", (1, 1), |b, a| {
        once(&mut b.settings.grants.own(&password::GRANT).endpoint, endpoint(a))
    })
    .of_exchange(),
    directive(c"STSROPCEndpointAuth", (1, 7), |b, a| {
        once(&mut b.settings.grants.own(&password::GRANT).auth, auth(b.conf, b.directive, a))
    })
    .of_exchange(),
    directive(c"STSROPCClientID", (1, 1), |b, a| {
        let client_id = template(b.conf, a)?;
        once(&mut b.settings.grants.own(&password::GRANT).client_id, Ok(client_id))
    })
    .of_exchange(),
    directive(c"STSROPCUsername", (1, 1), |b, a| {
        let username = Username::compile(b.conf, Template::of_argument(&text(a)?))?;
        once(&mut b.settings.grants.own(&password::GRANT).username, Ok(Rc::new(username)))
    })
    .of_exchange(),
    directive(c"STSCCEndpoint", (1, 1), |b, a| {
        once(&mut b.settings.grants.own(&client_credentials::GRANT).endpoint, endpoint(a))
    })
    .of_exchange(),
    directive(c"STSCCEndpointAuth", (1, 7), |b, a| {
        once(
            &mut b.settings.grants.own(&client_credentials::GRANT).auth,
            auth(b.conf, b.directive, a),
        )
    })
    .of_exchange(),
    directive(c"STSCCClientID", (1, 1), |b, a| {
        let client_id = template(b.conf, a)?;
        once(&mut b.settings.grants.own(&client_credentials::GRANT).client_id, Ok(client_id))
    })
    .of_exchange(),
    directive(c"STSWSTrustEndpoint", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.endpoint, endpoint(a))
    })
    .of_exchange(),
    directive(c"STSWSTrustEndpointAuth", (1, 7), |b, a| {
        let options = argument::options(a)?;
        warn_of_blanks(b.conf, b.directive, options);
        let auth = endpoint_auth::parse(first(a), options);
        once(&mut b.settings.wstrust.auth, auth.map_err(|error| error.to_string()))
    })
    .of_exchange(),
    directive(c"STSWSTrustAppliesTo", (1, 1), |b, a| {
        let address = template(b.conf, a)?;
        once(&mut b.settings.wstrust.applies_to, Ok(address))
    })
    .of_exchange()
    .key_of(Kind::WsTrust, "applies_to")
    .with_variables(),
    directive(c"STSWSTrustTokenType", (1, 1), |b, a| {
        let token_type = literal(b, a).map(TokenType::new);
        once(&mut b.settings.wstrust.token_type, token_type)
    })
    .of_exchange()
    .key_of(Kind::WsTrust, "token_type"),
    directive(c"STSWSTrustValueType", (1, 1), |b, a| {
        let value_type = literal(b, a);
        once(&mut b.settings.wstrust.value_type, value_type)
    })
    .of_exchange()
    .key_of(Kind::WsTrust, "value_type"),
    directive(c"STSWSTrustVersion", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.version, word(Version::parse, a))
    })
    .key_of(Kind::WsTrust, "wstrust_version"),
    directive(c"STSWSTrustSOAPVersion", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.soap_version, word(SoapVersion::parse, a))
    })
    .key_of(Kind::WsTrust, "wstrust_soap_version"),
    directive(c"STSWSTrustKeyType", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.key_type, word(KeyType::parse, a))
    })
    .key_of(Kind::WsTrust, "wstrust_key_type"),
    directive(c"STSWSTrustTokenAs", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.token_as, word(TokenAs::parse, a))
    })
    .key_of(Kind::WsTrust, "wstrust_token_as"),
    directive(c"STSWSTrustSourceAs", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.source_as, word(SourceAs::parse, a))
    })
    .key_of(Kind::WsTrust, "wstrust_source_as"),
    directive(c"STSWSTrustSourceElements", (1, 4), |b, a| {
        let elements = a.iter().map(|word| SourceElement::parse(word));
        let elements: Result<Vec<_>, _> = elements.collect();
        once(&mut b.settings.wstrust.source_elements, elements.map_err(|error| error.to_string()))
    })
    .key_of(Kind::WsTrust, "wstrust_source_elements"),
    directive(c"STSWSTrustTokenWrapper", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.token_wrapper, switch(a))
    })
    .key_of(Kind::WsTrust, "wstrust_token_wrapper"),
    directive(c"STSWSTrustTo", (1, 1), |b, a| {
        let to = literal(b, a);
        once(&mut b.settings.wstrust.to, to)
    })
    .key_of(Kind::WsTrust, "wstrust_to"),
    directive(c"STSWSTrustClaims", (1, 7), |b, a| {
        let claims = wstrust::claims(b.conf, a)?;
        once(&mut b.settings.wstrust.claims, Ok(claims))
    })
    .key_of(Kind::WsTrust, "wstrust_claims")
    .with_variables(),
    directive(c"STSJWTKeyFile", (1, 2), jwt::key_file).key_of(Kind::Jwt, "jwt_key_file"),
    directive(c"STSJWTAlgorithm", (1, 1), |b, a| {
        once(&mut b.settings.jwt.algorithm, argument::word(first(a), &jwt::algorithms()))
    })
    .key_of(Kind::Jwt, "alg"),
    directive(c"STSJWTIssuer", (1, 1), |b, a| {
        let issuer = jwt::value(b, first(a))?;
        once(&mut b.settings.jwt.issuer, Ok(issuer))
    })
    .key_of(Kind::Jwt, "iss"),
    directive(c"STSJWTSubject", (1, 1), |b, a| {
        let subject = jwt::value(b, first(a))?;
        once(&mut b.settings.jwt.subject, Ok(subject))
    })
    .key_of(Kind::Jwt, "sub"),
    directive(c"STSJWTAudience", (1, 1), jwt::audience).key_of(Kind::Jwt, "aud"),
    directive(c"STSJWTLifetime", (1, 2), |b, a| {
        once(&mut b.settings.jwt.lifetime, jwt::lifetime(a))
    })
    .key_of(Kind::Jwt, "jwt_lifetime"),
    directive(c"STSJWTClaim", (2, 3), jwt::claim),
    directive(c"STSJWTFilter", (1, 1), |b, a| {
        once(&mut b.settings.jwt.filter, text(a).map(Rc::from))
    }),
    directive(c"STSJWTType", (1, 1), |b, a| {
        once(&mut b.settings.jwt.kind, argument::word(first(a), &TokenKind::WORDS))
    })
    .key_of(Kind::Jwt, "jwt_type"),
    directive(c"STSName", (1, 1), |b, a| once(&mut b.settings.name, name::parse(first(a))))
        .key("name"),
    directive(c"STSRequestParameter", (1, 7), request_parameter).of_exchange(),
    directive(c"STSActorToken", (1, 3), actor_token::set)
        .key_of(Kind::OAuth(&token_exchange::GRANT), "actor_token")
        .with_variables(),
    directive(c"STSRequestHeader", (2, 3), request_header::add)
        .of_list_with(request_header::NOT_IN_KEY)
        .key("request_header")
        .with_variables(),
    directive(c"STSVariables", (1, 2), carrier::variables),
    directive(c"STSAcceptSourceTokenIn", (1, 7), carrier::accept),
    directive(c"STSPassTargetTokenIn", (1, 7), carrier::pass),
    directive(c"STSMaxForm", (1, 1), |b, a| {
        once(&mut b.settings.max_form, argument::size(first(a), 1024, 64 * 1024 * 1024))
    })
    .key("max_form"),
    directive(c"STSSourceEncoding", (1, 1), |b, a| {
        once(&mut b.settings.source_encoding, argument::word(first(a), &Encoding::WORDS))
    })
    .key("source_encoding"),
    directive(c"STSTargetEncoding", (1, 1), |b, a| {
        once(&mut b.settings.target_encoding, argument::word(first(a), &Encoding::WORDS))
    })
    .key("target_encoding"),
    directive(c"STSAcceptTokenType", (1, 7), |b, a| {
        let types = TokenTypes::new(a.iter().copied()).map(Rc::new);
        once(&mut b.settings.token_types, types.map_err(|error| error.to_string()))
    })
    .key("accept_token_type"),
    directive(c"STSExpect", (1, 4), |b, a| {
        once(&mut b.settings.expect, Expect::parse(a).map_err(|error| error.to_string()))
    })
    .key("expect"),
    directive(c"STSSSLValidateServer", (1, 1), |b, a| once(&mut b.settings.verify, switch(a)))
        .of_exchange()
        .key("ssl_verify"),
    directive(c"STSSSLTrustedCertificate", (1, 1), |b, a| {
        once(&mut b.settings.trusted_certificate, text(a))
    })
    .key("ssl_trusted_certificate"),
    directive(c"STSSSLCRL", (1, 1), |b, a| once(&mut b.settings.crl, text(a))).key("ssl_crl"),
    directive(c"STSSSLProtocols", (1, 4), |b, a| once(&mut b.settings.protocols, protocols(a)))
        .key("ssl_protocols"),
    directive(c"STSSSLCiphers", (1, 1), |b, a| once(&mut b.settings.ciphers, text(a)))
        .key("ssl_ciphers"),
    directive(c"STSHTTPTimeOut", (1, 1), |b, a| {
        once(&mut b.settings.timeout, argument::timeout(first(a)))
    })
    .of_exchange()
    .key("http_timeout"),
    directive(c"STSHTTPRetries", (1, 1), |b, a| {
        let times = argument::number(first(a), 0, 10);
        once(&mut b.settings.retries, times.and_then(to_u32))
    })
    .key("http_retries"),
    directive(c"STSHTTPRetryInterval", (1, 1), |b, a| {
        once(&mut b.settings.retry_interval, argument::number(first(a), 0, 60_000))
    })
    .key("http_retry_interval"),
    directive(c"STSOutgoingProxy", (1, 7), |b, a| {
        once(&mut b.settings.outgoing_proxy, outgoing_proxy::parse(a))
    })
    .key("outgoing_proxy")
    .with_options(&outgoing_proxy::CREDENTIALS),
    directive(c"STSHost", (1, 1), |b, a| {
        let host = HostField::parse(first(a));
        once(&mut b.settings.host, host.map_err(|error| error.to_string()))
    })
    .key("host"),
    directive(c"STSDependsOn", (1, 4), |b, a| {
        once(&mut b.settings.depends_on, chain::names(a).map(Rc::new))
    })
    .key("depends_on"),
    directive(c"STSPhase", (1, 1), |b, a| {
        once(&mut b.settings.phase, argument::word(first(a), &PHASES))
    })
    .key("phase"),
    directive(c"STSAfterBody", (1, 1), |b, a| once(&mut b.settings.after_body, switch(a)))
        .key("after_body"),
    directive(c"STSBypass", (1, 7), bypass::add).key("bypass").with_variables(),
    directive(c"STSOnError", (1, 1), |b, a| once(&mut b.settings.on_error, on_failure(a)))
        .key("on_error"),
    directive(c"STSOnMissing", (1, 1), |b, a| once(&mut b.settings.on_missing, on_failure(a)))
        .key("on_missing"),
    directive(c"STSErrorStatus", (2, 2), error_status::add).of_list().key("error_status"),
    directive(c"STSMaxResponse", (1, 1), |b, a| {
        let bytes = argument::size(first(a), 1024, 64 * 1024 * 1024);
        once(&mut b.settings.max_response, bytes.and_then(to_usize))
    })
    .key("max_response"),
    directive(c"STSKeepalive", (1, 3), |b, a| once(&mut b.settings.keepalive, keepalive(a)))
        .key("keepalive"),
    directive(c"STSMaxCalls", (1, 6), max_calls::set).key("max_calls").with_variables(),
    directive(c"STSBreaker", (1, 2), |b, a| once(&mut b.settings.breaker, breaker::parse(a)))
        .key("breaker"),
    directive(c"STSCache", (1, 7), |b, a| {
        if b.settings.cache.is_some() {
            return Err(Refusal::Duplicate);
        }
        let options = argument::options(a)?;
        warn_of_blanks(b.conf, b.directive, options);
        let counters = b.main.names.counters.clone();
        let name = b.main.caches.define(b.conf, &counters, first(a), options)?;
        once(&mut b.settings.cache, Ok(name))
    }),
    Directive {
        levels: Levels::Location,
        ..directive(c"STSCachePurge", (0, 0), |b, _| {
            answers(b)?;
            b.settings.purge = true;
            Ok(())
        })
    },
    Directive {
        levels: Levels::Location,
        ..directive(c"STSStatus", (0, 0), |b, _| {
            answers(b)?;
            b.settings.status = true;
            Ok(())
        })
    },
    Directive { levels: Levels::Location, ..directive(c"STSJWKS", (1, 7), jwt::published) },
    directive(c"STSCryptoPassphrase", (1, 1), |b, a| {
        let passphrase = passphrase(a).map(|text| Rc::new(Secret::new(text)));
        once(&mut b.settings.crypto_passphrase, passphrase)
    }),
    directive(c"STSCacheExpiresIn", (1, 1), |b, a| {
        once(&mut b.settings.cache_expires_in, argument::seconds(first(a), 0, u64::from(u32::MAX)))
    })
    .of_exchange()
    .key("cache.expiry"),
    directive(c"STSExpiryLeeway", (1, 1), |b, a| {
        once(&mut b.settings.expiry_leeway, argument::time(first(a), 0, 24 * 60 * 60 * 1000))
    })
    .key("expiry_leeway"),
    directive(c"STSRefreshAhead", (1, 1), |b, a| {
        once(&mut b.settings.refresh_ahead, fresh::refresh_ahead(a))
    })
    .key("refresh_ahead"),
    directive(c"STSNegativeTTL", (1, 1), |b, a| {
        once(&mut b.settings.negative_ttl, fresh::negative_ttl(a))
    })
    .key("negative_ttl"),
    directive(c"STSPurgeOn", (1, 7), |b, a| once(&mut b.settings.purge_on, purge_on::parse(a)))
        .key("purge_on"),
    directive(c"STSRetryOn", (1, 7), |b, a| once(&mut b.settings.retry_on, retry_on::parse(a)))
        .key("retry_on"),
    directive(c"STSBoundTokens", (1, 1), |b, a| {
        let words = [("refuse", BoundTokens::Refuse), ("allow", BoundTokens::Allow)];
        once(&mut b.settings.bound_tokens, argument::word(first(a), &words))
    })
    .key("bound_tokens"),
    directive(c"STSIgnoreClientAbort", (1, 1), |b, a| {
        once(&mut b.settings.ignore_client_abort, switch(a))
    })
    .key("ignore_client_abort"),
    directive(c"STSChallenge", (1, 1), |b, a| {
        let challenge = Challenge::parse(b.conf, first(a))?;
        once(&mut b.settings.challenge, Ok(Rc::new(challenge)))
    })
    .key("challenge"),
];

fn first<'a>(arguments: &[&'a str]) -> &'a str {
    arguments.first().copied().unwrap_or_default()
}

fn once<T>(setting: &mut Option<T>, value: Result<T, Problem>) -> Accepted {
    if setting.is_some() {
        return Err(Refusal::Duplicate);
    }
    *setting = Some(value?);
    Ok(())
}

/// The location is answered by the module itself, in one way.
pub(super) fn answers(block: &Block<'_>) -> Accepted {
    let settings = &block.settings;
    let ways = [
        ("STSCachePurge", settings.purge),
        ("STSStatus", settings.status),
        ("STSJWKS", settings.jwks.is_some()),
    ];
    match ways.into_iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((name, _)) if block.directive.is(name) => Err(Refusal::Duplicate),
        Some((name, _)) => {
            let problem = format!("\"{name}\" answers the location already: give each its own");
            Err(Problem::from(problem).into())
        }
    }
}

fn switch(arguments: &[&str]) -> Result<bool, Problem> {
    argument::switch(first(arguments))
}

fn text(arguments: &[&str]) -> Result<String, Problem> {
    match first(arguments) {
        "" => Err("the value must not be empty".into()),
        text => Ok(text.to_owned()),
    }
}

/// A URI in which no variable is expanded.
fn literal(block: &Block<'_>, arguments: &[&str]) -> Result<String, Problem> {
    let text = text(arguments)?;
    if !block.is_option && has_variable(&text) {
        return Err(
            "the value holds no variables, and what begins with \"$\" in it looks like one: a \
                    literal \"$\" of a URI is written %24"
                .into(),
        );
    }
    Ok(text)
}

/// A secret. One that is nothing but the name of a variable was meant as one.
fn passphrase(arguments: &[&str]) -> Result<String, Problem> {
    let text = text(arguments)?;
    let is_variable = |name: &str| text == format!("${name}") || text == format!("${{{name}}}");
    if variable::names(&text).next().is_some_and(is_variable) {
        return Err("the value begins with \"$\" and is the name of a variable, and none is \
                    expanded here: write the passphrase itself"
            .into());
    }
    Ok(text)
}

fn word<T>(parse: fn(&str) -> Result<T, WordError>, arguments: &[&str]) -> Result<T, Problem> {
    parse(first(arguments)).map_err(|error| error.to_string())
}

/// A text that may hold variables.
fn template(conf: &Conf<'_>, arguments: &[&str]) -> Result<Rc<Text>, Refusal> {
    let template = Template::of_argument(&text(arguments)?);
    Ok(Rc::new(Text::compile(conf, template)?))
}

fn on_failure(arguments: &[&str]) -> Result<OnFailure, Problem> {
    argument::word(first(arguments), &[("return", OnFailure::Return), ("pass", OnFailure::Pass)])
}

fn endpoint(arguments: &[&str]) -> Result<Endpoint, Problem> {
    Endpoint::parse(first(arguments)).map_err(|error| error.to_string())
}

fn auth(conf: &Conf<'_>, directive: &Directive, arguments: &[&str]) -> Result<ClientAuth, Problem> {
    let options = argument::options(arguments)?;
    warn_of_blanks(conf, directive, options);
    ClientAuth::parse(first(arguments), options).map_err(|error| error.to_string())
}

/// Secrets of base64 have a `+`, which stands for a blank in a form-encoded string.
pub(super) fn warn_of_blanks(conf: &Conf<'_>, directive: &Directive, options: Option<&str>) {
    if let Some(key) = options.and_then(secret_with_plus) {
        let name = directive.name.to_string_lossy();
        conf.warn(format_args!(
            "\"{name}\": the \"+\" in the value of \"{key}\" stands for a blank, as in every form: write \
             %2B for a \"+\" of the secret, and %20 where a blank is meant; in a file (\"{}_file\") it \
             stands as it is",
            key.trim_end_matches("_old")
        ));
    }
}

fn to_u32(number: u64) -> Result<u32, Problem> {
    u32::try_from(number).map_err(|error| error.to_string())
}

fn to_usize(number: u64) -> Result<usize, Problem> {
    usize::try_from(number).map_err(|error| error.to_string())
}

fn count(text: &str, least: u64, most: u64) -> Result<usize, Problem> {
    argument::number(text, least, most).and_then(to_usize)
}

pub(super) fn protocols(arguments: &[&str]) -> Result<Protocols, Problem> {
    let versions = arguments.iter().map(|word| argument::word(word, &Protocols::WORDS));
    let versions: Vec<u32> = versions.collect::<Result<_, _>>()?;
    Ok(Protocols(versions.into_iter().fold(0, |set, version| set | version)))
}

/// `connections [[idle] time]`
fn keepalive(arguments: &[&str]) -> Result<Limits, Problem> {
    let connections = count(first(arguments), 0, 65_535)?;
    let idle = match arguments.get(1..) {
        None | Some([]) => Limits::DEFAULT.idle,
        Some([time] | ["idle", time]) => argument::time(time, 1, 24 * 60 * 60 * 1000)?,
        Some(_) => return Err("the arguments are: connections [[idle] time]".into()),
    };
    Ok(Limits { connections, idle })
}

/// `key [value]`, repeatable.
fn request_parameter(block: &mut Block<'_>, arguments: &[&str]) -> Accepted {
    if arguments.len() > 2 {
        let problem = "the value is one word: one with spaces stands in quotes, as in \
                       \"STSRequestParameter scope 'read write'\"";
        return Err(Problem::from(problem).into());
    }
    let value = Template::of_argument(arguments.get(1).copied().unwrap_or_default());
    let (conf, place) = (block.conf, block.place);
    parameter::add(conf, place, &mut block.settings.parameters, first(arguments), value)
}
