//! The exchange of a location that mints, made of its settings.

use std::cell::OnceCell;
use std::rc::Rc;

use sts_core::cache_key::ExchangeKey;
use sts_core::carry::place::Kind as PlaceKind;
use sts_core::carry::variable;
use sts_core::encoding::Encoding;
use sts_core::life::LifePolicy;
use sts_core::mint::{self, ClaimType, MintingKey, Terms};
use sts_core::options::Template;
use sts_zone::zone::tag;

use crate::conf::Carrier;
use crate::conf::argument::Problem;
use crate::conf::cache;
use crate::conf::claimed;
use crate::conf::exchange::{
    CACHE_EXPIRES_IN, EXPIRY_LEEWAY, Exchange, Made, TIMEOUT, check_actor,
};
use crate::conf::filter;
use crate::conf::identity::Identity;
use crate::conf::jwt::{JwtSettings, KeyPlace, Lifetime};
use crate::conf::main::MainConf;
use crate::conf::place::Fault;
use crate::conf::settings::Settings;
use crate::minter::{Keys, Minter, Overridden, Override};
use crate::nginx::conf::Conf;
use crate::nginx::variable::BuiltIn;
use crate::way::Way;

/// What makes exchanges that mint differ.
#[derive(PartialEq, Eq)]
pub(crate) struct MintIdentity {
    key: MintingKey,
    terms: Terms,
    overrides: Vec<(Overridden, Template)>,
    claims: Vec<(String, ClaimType, Template)>,
    filter: Option<Rc<str>>,
    source: Rc<str>,
    source_encoding: Option<Encoding>,
    /// The server, and the names of the locations whose results it needs.
    needs: Option<(usize, Rc<Vec<String>>)>,
}

/// The exchange of a block.
pub(super) fn build(
    conf: &Conf<'_>,
    main: &mut MainConf,
    settings: &Settings,
) -> Result<Exchange, Fault> {
    let jwt = &settings.jwt;
    check_others(settings)?;
    let has_source = has_source(settings);
    let carrier = Rc::new(Carrier::new(settings, has_source));
    check_source(conf, main.built_in, settings)?;
    if has_source {
        carrier.check_source()?;
    }
    check_actor(settings, mint::NAME, false)?;
    let place = jwt.key.as_ref().ok_or_else(|| {
        Problem::from("an exchange of type \"jwt\" needs a key: \"STSJWTKeyFile\", or the JWK in \"STSExchange\"")
    })?;
    let at_key = conf.at(settings.places.of(place.directive()));
    let named = |problem: String| {
        let option = match &**place {
            KeyPlace::Literal(_) => "",
            KeyPlace::Files { .. } => " (option \"jwt_key_file\")",
        };
        let algorithm = match jwt.algorithm {
            Some(_) => " with \"STSJWTAlgorithm\" (option \"alg\")",
            None => "",
        };
        Problem::from(format!("\"{}\"{option}{algorithm}: {problem}", place.directive()))
    };
    let current = place.current(jwt.algorithm).map_err(named)?;
    let current = main.credentials.share_key(&at_key, current).map_err(named)?;
    let next = place.next(jwt.algorithm).map(|next| main.credentials.share_key(&at_key, next));
    let keys = Keys { current, next: next.transpose().map_err(named)? };
    let key = keys.current.key().clone();
    let terms = terms(jwt);
    let overrides = overrides(settings);
    for Override { claim, text } in &overrides {
        claimed::check_variables(conf, main.built_in, &text.template)
            .map_err(|problem| format!("{}: {problem}", directive_of(*claim)))?;
    }
    let claims = jwt.claims.clone().unwrap_or_default();
    let filter = jwt.filter.as_ref().map(|text| filter::compile(text)).transpose()?;

    let identity = MintIdentity {
        key: key.clone(),
        terms: terms.clone(),
        overrides: overrides.iter().map(|one| (one.claim, one.text.template.clone())).collect(),
        claims: claims
            .iter()
            .map(|one| (one.name.clone(), one.claim_type, one.text.template.clone()))
            .collect(),
        filter: jwt.filter.clone(),
        source: carrier.source_text.clone(),
        source_encoding: carrier.source_encoding,
        needs: settings.depends_on.clone().map(|names| (conf.server_id(), names)),
    };
    let (id, is_new) = main.identify(Identity::Mint(identity));
    let bits = key.key().ok().and_then(|key| key.slow_bits());
    if let Some(bits) = bits.filter(|_| is_new) {
        at_key.warn(format_args!(
            "the RSA key that tokens are minted with has {bits} bits: each signature holds a worker up for \
             milliseconds; take 2048 bits, or better a key for ES256 or EdDSA"
        ));
    }

    let cap = settings.cache_expires_in.unwrap_or(CACHE_EXPIRES_IN);
    let life = LifePolicy { cap, leeway: settings.expiry_leeway.unwrap_or(EXPIRY_LEEWAY) };
    let name = settings.cache.as_deref().unwrap_or(cache::DEFAULT_NAME);
    let passphrase = settings.crypto_passphrase.as_deref();
    // In the zone of one with a name it is also noted with which keys was signed.
    let has_zone = cap > 0 || name != cache::DEFAULT_NAME || settings.name.is_some();
    let zone = has_zone.then(|| main.caches.named(conf, name, passphrase)).transpose()?;
    let cache = zone.clone().filter(|_| cap > 0);
    let secrets = cache.as_ref().map(|cache| cache.fingerprint()).unwrap_or_default();
    let named_claims: Vec<_> =
        claims.iter().map(|claim| (claim.name.as_str(), claim.claim_type)).collect();
    let has = |claim| overrides.iter().any(|one| one.claim == claim);
    let key = ExchangeKey::of_minting(
        &mint::Identity {
            key: &key,
            terms: &terms,
            has_source,
            overrides: [
                has(Overridden::Issuer),
                has(Overridden::Subject),
                has(Overridden::ClientId),
            ],
            audiences: overrides.iter().filter(|one| one.claim == Overridden::Audience).count(),
            claims: &named_claims,
            filter: jwt.filter.as_deref(),
        },
        &secrets,
    );
    if let Some(cache) = &cache {
        cache.serves(&key, mint::NAME, cap);
    }
    let tally = main.names.tally(settings, mint::NAME, None)?;
    let minter = Rc::new(Minter {
        name: tag(key.digest()),
        tally,
        key,
        life,
        timeout: settings.timeout.unwrap_or(TIMEOUT),
        has_source,
        keys,
        terms,
        overrides,
        claims,
        filter,
        record: OnceCell::new(),
    });
    if let (Some(name), Some(zone)) = (&settings.name, &zone) {
        main.publications.knows(name, &minter, zone.zone());
    }
    let made = Made { id, way: Way::Mint(minter), carrier, cache };
    Ok(made.exchange(conf, settings))
}

/// Whether claims come from an object.
fn has_source(settings: &Settings) -> bool {
    let variables = settings.variables.as_ref();
    variables.is_some_and(|variables| !variables.source_text.is_empty())
        || settings.accept.as_ref().is_some_and(|accept| !accept.is_empty())
}

/// An object of claims comes from one variable, and none that a client sets as it likes: else the gateway
/// would sign what a client sends.
fn check_source(conf: &Conf<'_>, built_in: BuiltIn, settings: &Settings) -> Result<(), Problem> {
    const REMEDY: &str = "the gateway would sign what a client sends. Claims come from a variable that is set \
                          by \"auth_request_set\", \"map\" or a module, and what of a request may become one is \
                          named by \"STSJWTClaim\"";
    for accepted in settings.accept.iter().flat_map(|accept| accept.iter()) {
        let place = &accepted.place;
        if place.kind != PlaceKind::Environment {
            return Err(format!(
                "\"STSAcceptSourceTokenIn\": \"{}\" is no place for the claims of an exchange of type \"jwt\", \
                 only \"environment\" is: {REMEDY}",
                place.kind.word()
            ));
        }
        if let Some(doubt) = claimed::doubt(conf, built_in, &place.name)? {
            let name = &place.name;
            return Err(format!("\"STSAcceptSourceTokenIn\": \"{name}\" {doubt}: {REMEDY}"));
        }
    }
    let Some(variables) = &settings.variables else { return Ok(()) };
    let text = &*variables.source_text;
    for name in variable::names(text) {
        if let Some(doubt) = claimed::doubt(conf, built_in, name)? {
            return Err(format!("\"STSVariables\": \"${name}\" {doubt}: {REMEDY}"));
        }
    }
    let is_one = variable::names(text)
        .next()
        .is_none_or(|name| text == format!("${name}") || text == format!("${{{name}}}"));
    if is_one {
        return Ok(());
    }
    Err("\"STSVariables\": the source of an exchange of type \"jwt\" is one variable that holds a whole JSON \
         object: in a text around variables their values could add claims. Write claims one by one with \
         \"STSJWTClaim\""
        .into())
}

/// What would have no effect.
fn check_others(settings: &Settings) -> Result<(), Problem> {
    if settings.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty()) {
        return Err("\"STSRequestParameter\" has no place in an exchange of type \"jwt\", which sends no \
                    request: write it where the exchanges of the other types are; \"STSJWTClaim\" says here \
                    what a token holds"
            .into());
    }
    Ok(())
}

fn terms(jwt: &JwtSettings) -> Terms {
    let default = Terms::default();
    let Lifetime { seconds, not_before } = jwt
        .lifetime
        .unwrap_or(Lifetime { seconds: default.lifetime, not_before: default.not_before });
    Terms { lifetime: seconds, not_before, kind: jwt.kind.unwrap_or(default.kind) }
}

/// Where such a claim is written, with the option for it.
fn directive_of(claim: Overridden) -> &'static str {
    match claim {
        Overridden::Issuer => "\"STSJWTIssuer\" (option \"iss\")",
        Overridden::Subject => "\"STSJWTSubject\" (option \"sub\")",
        Overridden::Audience => "\"STSJWTAudience\" (option \"aud\")",
        Overridden::ClientId => "\"STSClientID\" (option \"client_id\")",
    }
}

fn overrides(settings: &Settings) -> Vec<Override> {
    let JwtSettings { issuer, subject, audience, .. } = &settings.jwt;
    let single = [
        (Overridden::Issuer, issuer),
        (Overridden::Subject, subject),
        (Overridden::ClientId, &settings.grants.any.client_id),
    ];
    let single = single
        .into_iter()
        .filter_map(|(claim, text)| Some(Override { claim, text: text.as_ref()?.clone() }));
    let audience = audience.iter().flat_map(|list| list.iter());
    let audience =
        audience.map(|text| Override { claim: Overridden::Audience, text: text.clone() });
    single.chain(audience).collect()
}
