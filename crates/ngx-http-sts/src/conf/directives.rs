//! The directives: their names, how many arguments they take, and what each accepts.

use std::ffi::CStr;
use std::rc::Rc;

use sts_core::client_auth::ClientAuth;
use sts_core::encoding::Encoding;
use sts_core::endpoint::Endpoint;
use sts_core::parameters;
use sts_core::secret::Secret;
use sts_core::wstrust::endpoint_auth::EndpointAuth;
use sts_core::wstrust::words::{KeyType, SoapVersion, TokenAs, Version, WordError};
use sts_net::calls::CallLimits;
use sts_net::idle::Limits;

use crate::conf::MainConf;
use crate::conf::argument::{self, Problem};
use crate::conf::exchange::{Challenge, OnFailure, Phase};
use crate::conf::settings::{BoundTokens, Kind, Parameter, Settings, Variables};
use crate::nginx::conf::Conf;
use crate::nginx::content;
use crate::nginx::tls::Protocols;
use crate::nginx::value::{Reported, Value};

/// A directive.
pub(crate) struct Directive {
    /// C compares it up to its NUL.
    pub(crate) name: &'static CStr,
    /// How many arguments it takes at least and at most.
    pub(crate) arguments: (u8, u8),
    pub(crate) levels: Levels,
    pub(crate) set: fn(&mut Block<'_>, &[&str]) -> Result<(), Refusal>,
}

/// Where a directive may stand.
#[derive(Clone, Copy)]
pub(crate) enum Levels {
    /// `http`, `server`, `location` and `if` in `location`.
    All,
    Location,
}

/// What a directive may change.
pub(crate) struct Block<'a> {
    pub(crate) conf: &'a Conf<'a>,
    pub(crate) main: &'a mut MainConf,
    pub(crate) settings: &'a mut Settings,
}

/// Why a directive is not accepted.
pub(crate) enum Refusal {
    /// It was given before in the same block.
    Duplicate,
    Invalid(Problem),
    /// NGINX has said why.
    Reported,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Invalid(problem)
    }
}

impl From<Reported> for Refusal {
    fn from(_: Reported) -> Self {
        Self::Reported
    }
}

type Accepted = Result<(), Refusal>;

const fn directive(
    name: &'static CStr,
    arguments: (u8, u8),
    set: fn(&mut Block<'_>, &[&str]) -> Accepted,
) -> Directive {
    Directive { name, arguments, levels: Levels::All, set }
}

/// All of them, in the order of the manual.
pub(crate) static DIRECTIVES: [Directive; 37] = [
    directive(c"STSType", (1, 1), |b, a| once(&mut b.settings.kind, kind(first(a)))),
    directive(c"STSOTXEndpoint", (1, 1), |b, a| once(&mut b.settings.otx.endpoint, endpoint(a))),
    directive(c"STSOTXEndpointAuth", (1, 2), |b, a| once(&mut b.settings.otx.auth, auth(a))),
    directive(c"STSOTXClientID", (1, 1), |b, a| once(&mut b.settings.otx.client_id, text(a))),
    directive(c"STSWSTrustEndpoint", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.endpoint, endpoint(a))
    }),
    directive(c"STSWSTrustEndpointAuth", (1, 2), |b, a| {
        let auth = EndpointAuth::parse(first(a), a.get(1).copied());
        once(&mut b.settings.wstrust.auth, auth.map_err(|error| error.to_string()))
    }),
    directive(c"STSWSTrustAppliesTo", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.applies_to, text(a))
    }),
    directive(c"STSWSTrustTokenType", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.token_type, text(a))
    }),
    directive(c"STSWSTrustValueType", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.value_type, text(a))
    }),
    directive(c"STSWSTrustVersion", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.version, word(Version::parse, a))
    }),
    directive(c"STSWSTrustSOAPVersion", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.soap_version, word(SoapVersion::parse, a))
    }),
    directive(c"STSWSTrustKeyType", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.key_type, word(KeyType::parse, a))
    }),
    directive(c"STSWSTrustTokenAs", (1, 1), |b, a| {
        once(&mut b.settings.wstrust.token_as, word(TokenAs::parse, a))
    }),
    directive(c"STSRequestParameter", (1, 2), request_parameter),
    directive(c"STSVariables", (2, 2), variables),
    directive(c"STSSourceEncoding", (1, 1), |b, a| {
        once(&mut b.settings.source_encoding, argument::word(first(a), &Encoding::WORDS))
    }),
    directive(c"STSTargetEncoding", (1, 1), |b, a| {
        once(&mut b.settings.target_encoding, argument::word(first(a), &Encoding::WORDS))
    }),
    directive(c"STSSSLValidateServer", (1, 1), |b, a| once(&mut b.settings.verify, switch(a))),
    directive(c"STSSSLTrustedCertificate", (1, 1), |b, a| {
        once(&mut b.settings.trusted_certificate, text(a))
    }),
    directive(c"STSSSLCRL", (1, 1), |b, a| once(&mut b.settings.crl, text(a))),
    directive(c"STSSSLProtocols", (1, 4), |b, a| once(&mut b.settings.protocols, protocols(a))),
    directive(c"STSSSLCiphers", (1, 1), |b, a| once(&mut b.settings.ciphers, text(a))),
    directive(c"STSHTTPTimeOut", (1, 1), |b, a| {
        let seconds = argument::number(first(a), 1, 3600);
        once(&mut b.settings.timeout, seconds.map(|seconds| seconds * 1000))
    }),
    directive(c"STSPhase", (1, 1), |b, a| {
        once(&mut b.settings.phase, argument::word(first(a), &Phase::WORDS))
    }),
    directive(c"STSOnError", (1, 1), |b, a| once(&mut b.settings.on_error, on_failure(a))),
    directive(c"STSOnMissing", (1, 1), |b, a| once(&mut b.settings.on_missing, on_failure(a))),
    directive(c"STSMaxResponse", (1, 1), |b, a| {
        let bytes = argument::size(first(a), 1024, 64 * 1024 * 1024);
        once(&mut b.settings.max_response, bytes.and_then(to_usize))
    }),
    directive(c"STSKeepalive", (1, 3), |b, a| once(&mut b.settings.keepalive, keepalive(a))),
    directive(c"STSMaxCalls", (1, 3), |b, a| once(&mut b.settings.max_calls, max_calls(a))),
    directive(c"STSCache", (1, 2), |b, a| {
        if b.settings.cache.is_some() {
            return Err(Refusal::Duplicate);
        }
        let name = b.main.caches.define(b.conf, first(a), a.get(1).copied())?;
        once(&mut b.settings.cache, Ok(name))
    }),
    Directive {
        levels: Levels::Location,
        ..directive(c"STSCachePurge", (0, 0), |b, _| {
            if b.settings.purge {
                return Err(Refusal::Duplicate);
            }
            b.settings.purge = true;
            content::answer_purges(b.conf);
            Ok(())
        })
    },
    directive(c"STSCryptoPassphrase", (1, 1), |b, a| {
        let passphrase = text(a).map(|text| Rc::new(Secret::new(text)));
        once(&mut b.settings.crypto_passphrase, passphrase)
    }),
    directive(c"STSCacheExpiresIn", (1, 1), |b, a| {
        once(&mut b.settings.cache_expires_in, argument::number(first(a), 0, u64::from(u32::MAX)))
    }),
    directive(c"STSExpiryLeeway", (1, 1), |b, a| {
        once(&mut b.settings.expiry_leeway, argument::time(first(a), 0, 24 * 60 * 60 * 1000))
    }),
    directive(c"STSBoundTokens", (1, 1), |b, a| {
        let words = [("refuse", BoundTokens::Refuse), ("allow", BoundTokens::Allow)];
        once(&mut b.settings.bound_tokens, argument::word(first(a), &words))
    }),
    directive(c"STSIgnoreClientAbort", (1, 1), |b, a| {
        once(&mut b.settings.ignore_client_abort, switch(a))
    }),
    directive(c"STSChallenge", (1, 1), |b, a| {
        let challenge = Challenge::parse(b.conf, first(a))?;
        once(&mut b.settings.challenge, Ok(Rc::new(challenge)))
    }),
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

fn switch(arguments: &[&str]) -> Result<bool, Problem> {
    argument::switch(first(arguments))
}

fn text(arguments: &[&str]) -> Result<String, Problem> {
    match first(arguments) {
        "" => Err("the value must not be empty".into()),
        text => Ok(text.to_owned()),
    }
}

fn word<T>(parse: fn(&str) -> Result<T, WordError>, arguments: &[&str]) -> Result<T, Problem> {
    parse(first(arguments)).map_err(|error| error.to_string())
}

fn kind(word: &str) -> Result<Kind, Problem> {
    let words =
        [("wstrust", Kind::WsTrust), ("otx", Kind::TokenExchange), ("disabled", Kind::Disabled)];
    argument::word(word, &words)
}

fn on_failure(arguments: &[&str]) -> Result<OnFailure, Problem> {
    argument::word(first(arguments), &[("return", OnFailure::Return), ("pass", OnFailure::Pass)])
}

fn endpoint(arguments: &[&str]) -> Result<Endpoint, Problem> {
    Endpoint::parse(first(arguments)).map_err(|error| error.to_string())
}

fn auth(arguments: &[&str]) -> Result<ClientAuth, Problem> {
    let options = arguments.get(1).copied();
    ClientAuth::parse(first(arguments), options).map_err(|error| error.to_string())
}

fn to_usize(number: u64) -> Result<usize, Problem> {
    usize::try_from(number).map_err(|error| error.to_string())
}

fn count(text: &str, least: u64, most: u64) -> Result<usize, Problem> {
    argument::number(text, least, most).and_then(to_usize)
}

fn protocols(arguments: &[&str]) -> Result<Protocols, Problem> {
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

/// `n [queue n]`
fn max_calls(arguments: &[&str]) -> Result<CallLimits, Problem> {
    let running = count(first(arguments), 1, 65_535)?;
    let queued = match arguments.get(1..) {
        None | Some([]) => CallLimits::DEFAULT.queued,
        Some(["queue", number]) => count(number, 0, 1_000_000)?,
        Some(_) => return Err("the arguments are: calls [queue calls]".into()),
    };
    Ok(CallLimits { running, queued })
}

/// `key [value]`, repeatable.
fn request_parameter(block: &mut Block<'_>, arguments: &[&str]) -> Accepted {
    let name = first(arguments);
    let text = arguments.get(1).copied().unwrap_or_default();
    parameters::check_name(name).map_err(|error| error.to_string())?;
    let parameter = Parameter {
        name: name.to_owned(),
        text: text.to_owned(),
        value: Value::compile_with_dollars(block.conf, text)?,
        literal: !text.contains('$'),
    };
    let list = block.settings.parameters.get_or_insert_default();
    let list = Rc::get_mut(list).ok_or_else(|| Problem::from("the list is in use"))?;
    if list.iter().any(|known| known.name == name) && !parameters::may_repeat(name) {
        return Err(format!("the parameter \"{name}\" is given twice").into());
    }
    list.push(parameter);
    Ok(())
}

/// `source $target`
fn variables(block: &mut Block<'_>, arguments: &[&str]) -> Accepted {
    if block.settings.carrier.is_some() {
        return Err(Refusal::Duplicate);
    }
    let source = first(arguments);
    let target = arguments.get(1).copied().unwrap_or_default();
    if source.is_empty() {
        return Err(Problem::from("the source must not be empty").into());
    }
    let Some(name) = target.strip_prefix('$').filter(|name| is_variable_name(name)) else {
        return Err(format!(
            "invalid target \"{}\": it must be a variable, as in $sts_target_token",
            target.escape_debug()
        )
        .into());
    };
    let target = block.main.targets.define(block.conf, name)?;
    block.settings.carrier = Some(Rc::new(Variables {
        source_text: source.into(),
        source: Value::compile(block.conf, source)?,
        target,
    }));
    Ok(())
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
