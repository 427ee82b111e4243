//! From the directives that hold in a block to its exchange.
//!
//! The defaults and the rules are those of the module (`conf/calling.rs`, `conf/asked.rs`,
//! `conf/wstrust.rs`, `conf/minting.rs` there); the types that check the values are the same.

use std::path::Path;

use sts_core::argument::{self, Problem as Text};
use sts_core::carry::place::{Accept, Kind as PlaceKind, Pass};
use sts_core::carry::variable;
use sts_core::client_auth::ClientAuth;
use sts_core::encoding::Encoding;
use sts_core::endpoint::Endpoint;
use sts_core::expect::Expect;
use sts_core::issued::TokenTypes;
use sts_core::life::LifePolicy;
use sts_core::mint;
use sts_core::oauth;
use sts_core::oauth::grant::Source;
use sts_core::options::Template;
use sts_core::parameters;
use sts_core::profile::{Profile, Protocol};
use sts_core::request_header;
use sts_core::wstrust::endpoint_auth;

use super::contact::contact;
use super::minting;
use super::option_string::kinds;
use super::policies;
use super::written::{Item, Items};
use super::wstrust;
use crate::call::actor::Actor;
use crate::exchange::{Call, Exchange, SourceRule, Way};
use crate::files;
use crate::problem::Problem;

/// Seconds that no token is kept for longer.
const CACHE_EXPIRES_IN: u64 = 300;

/// Milliseconds taken off each expiry.
const EXPIRY_LEEWAY: u64 = 15_000;

/// Reads the one directive with a name.
pub(super) fn read<T, E: Into<Problem>>(
    items: &Items,
    name: &str,
    read: impl FnOnce(&Item) -> Result<T, E>,
) -> Result<Option<T>, Problem> {
    items.one(name).map(|item| said(item, read)).transpose()
}

/// The meaning of a directive.
pub(super) fn said<T, E: Into<Problem>>(
    item: &Item,
    read: impl FnOnce(&Item) -> Result<T, E>,
) -> Result<T, Problem> {
    read(item).map_err(|error| error.into().of_directive(item.directive.name, &item.place))
}

/// A value that may hold variables, and is not empty.
pub(super) fn template(item: &Item) -> Result<Template, Text> {
    let template = Template::of_argument(item.argument(0));
    if template.is_empty() {
        return Err("the value must not be empty".into());
    }
    Ok(template)
}

fn words<E: std::fmt::Display>(error: E) -> Problem {
    Problem::new(error.to_string())
}

/// The exchange of a block whose directives these are; `None` where there is none.
///
/// # Errors
/// The module would refuse them, or a file of theirs cannot be read.
pub fn exchange(items: Items, base: &Path) -> Result<Option<Exchange>, Problem> {
    let all: Vec<_> = kinds().into_iter().map(|kind| (kind, kind)).collect();
    let kind = read(&items, "STSType", |item| argument::word(item.argument(0), &all))?;
    let Some(kind) = kind.filter(|kind| *kind != "disabled") else { return Ok(None) };
    policies::check(&items)?;
    let (mut source, targets) = carrier(&items)?;
    let way = if kind == mint::NAME {
        source.is_needed = !source.accept.is_empty() || !source.text.is_empty();
        Way::Mint(Box::new(minting::mint(&items, life(&items)?, base)?))
    } else {
        let call = call(kind, &items, &targets, base)?;
        source.is_needed = call.profile.protocol.has_source();
        Way::Call(Box::new(call))
    };
    let names = read(&items, "STSDependsOn", |item| locations(&item.words()))?;
    let allows_bound = read(&items, "STSBoundTokens", |item| {
        argument::word(item.argument(0), &[("refuse", false), ("allow", true)])
    })?;
    Ok(Some(Exchange {
        kind,
        way,
        source,
        targets,
        depends_on: names.unwrap_or_default(),
        allows_bound: allows_bound.unwrap_or(false),
        items,
        base: base.to_owned(),
    }))
}

/// The names of locations, each of them once.
fn locations(words: &[&str]) -> Result<Vec<String>, Text> {
    let mut names: Vec<String> = Vec::new();
    for word in words {
        if word.len() < 2 || !word.starts_with('@') || names.iter().any(|known| known == word) {
            return Err(format!("invalid name \"{}\"", word.escape_debug()));
        }
        names.push((*word).to_owned());
    }
    Ok(names)
}

/// Where the source comes from, and the names of the variables that the target goes to.
fn carrier(items: &Items) -> Result<(SourceRule, Vec<String>), Problem> {
    let mut source = SourceRule::default();
    let mut targets = Vec::new();
    for item in items.all("STSAcceptSourceTokenIn") {
        source.accept.push(said(item, |item| {
            let options = argument::options(&item.words())?;
            Accept::parse(item.argument(0), options).map_err(words)
        })?);
    }
    for item in items.all("STSPassTargetTokenIn") {
        let pass = said(item, |item| {
            let options = argument::options(&item.words())?;
            Pass::parse(item.argument(0), options).map_err(words)
        })?;
        if pass.place.kind == PlaceKind::Environment {
            targets.push(pass.place.name);
        }
    }
    let variables = read(items, "STSVariables", |item| {
        let (text, target) = match item.words().as_slice() {
            [text, target] => ((*text).to_owned(), *target),
            other => (String::new(), other.first().copied().unwrap_or_default()),
        };
        let name = target.strip_prefix('$').filter(|name| variable::is_target_name(name));
        let name = name.ok_or_else(|| Text::from("the target must be a variable"))?;
        variable::check_source(&text, name).map_err(|error| error.to_string())?;
        Ok::<_, Text>((text, name.to_owned()))
    })?;
    if let Some((text, target)) = variables {
        source.text = text;
        targets.insert(0, target);
    }
    let encoding = read(items, "STSSourceEncoding", |item| {
        argument::word(item.argument(0), &Encoding::WORDS)
    })?;
    source.encoding = encoding.flatten();
    Ok((source, targets))
}

fn life(items: &Items) -> Result<LifePolicy, Problem> {
    let cap = read(items, "STSCacheExpiresIn", |item| {
        argument::number(item.argument(0), 0, u64::from(u32::MAX))
    })?;
    let leeway = read(items, "STSExpiryLeeway", |item| {
        argument::time(item.argument(0), 0, 24 * 60 * 60 * 1000)
    })?;
    Ok(LifePolicy { cap: cap.unwrap_or(CACHE_EXPIRES_IN), leeway: leeway.unwrap_or(EXPIRY_LEEWAY) })
}

/// The directive that only a type has, or the one that is for any.
pub(super) fn of_type<'i>(items: &'i Items, kind: &str, name: &str) -> Option<&'i Item> {
    let own = match kind {
        "cc" => format!("STSCC{name}"),
        "otx" => format!("STSOTX{name}"),
        "ropc" => format!("STSROPC{name}"),
        "wstrust" => format!("STSWSTrust{name}"),
        _ => String::new(),
    };
    let any = (kind != "ropc" || items.one("STSROPC").is_none()).then(|| format!("STS{name}"));
    items.one(&own).or_else(|| items.one(&any?))
}

fn call(
    kind: &'static str,
    items: &Items,
    targets: &[String],
    base: &Path,
) -> Result<Call, Problem> {
    let endpoint = match of_type(items, kind, "Endpoint") {
        Some(item) => said(item, |item| Endpoint::parse(item.argument(0)))?,
        None => read(items, "STSIssuer", |item| Endpoint::parse_issuer(item.argument(0)))?
            .ok_or_else(|| {
                Problem::new(format!(
                    "an exchange of type \"{kind}\" needs \"STSEndpoint\" or \"STSIssuer\""
                ))
            })?,
    };
    let is_wstrust = kind == wstrust::NAME;
    let auth = of_type(items, kind, "EndpointAuth").map(|item| {
        said(item, |item| {
            let options = argument::options(&item.words())?;
            let auth = if is_wstrust {
                endpoint_auth::parse(item.argument(0), options).map_err(Problem::from)?
            } else {
                ClientAuth::parse(item.argument(0), options).map_err(Problem::from)?
            };
            files::load(&auth, base)?;
            Ok::<_, Problem>(auth)
        })
    });
    let auth = auth.transpose()?.unwrap_or(ClientAuth::none());
    let template = |item: &Item| said(item, template);
    let client_id = of_type(items, kind, "ClientID").filter(|_| !is_wstrust);
    let client_id = client_id.map(template).transpose()?;
    let username = items.one("STSROPCUsername").filter(|_| kind == "ropc");
    let username = username.map(template).transpose()?.map(|name| {
        let is_any = name.literal().is_some_and(|name| name == "*");
        if is_any { Template::of_argument("$remote_user") } else { name }
    });
    let (protocol, parameters) = if is_wstrust {
        let (exchange, parameters) = wstrust::read(items)?;
        exchange.check_auth(&auth).map_err(words)?;
        (Protocol::WsTrust(Box::new(exchange)), parameters)
    } else {
        let grant = oauth::ALL.into_iter().find(|grant| grant.name == kind);
        let grant = grant.ok_or_else(|| Problem::new("no such type"))?;
        if grant.source == Source::Password
            && username.is_none()
            && client_id.is_none()
            && auth.id().is_none()
        {
            return Err(Problem::new(
                "an exchange of type \"ropc\" needs \"STSROPCUsername\" (option \"username\"), or a client \
                 id in its place",
            ));
        }
        (Protocol::OAuth(grant), request_parameters(items)?)
    };
    let in_words = |name: &Template| name.literal().unwrap_or_else(|| name.to_argument());
    let profile = Profile { protocol, endpoint, auth, client_id: client_id.as_ref().map(in_words) };
    if !is_wstrust {
        let names = parameters.iter().map(|(name, _)| name.as_str());
        profile.check_parameters(names).map_err(|error| {
            Problem::new(format!("\"STSRequestParameter\" (option \"params\"): {error}"))
        })?;
    }
    let expect = read(items, "STSExpect", |item| Expect::parse(&item.words()).map_err(words))?;
    let token_types =
        read(items, "STSAcceptTokenType", |item| TokenTypes::new(item.words()).map_err(words))?;
    let call = Call {
        client_id: client_id.filter(Template::has_variables),
        username,
        parameters,
        actor: actor(items, &profile, targets)?,
        headers: headers(items)?,
        contact: contact(items, &profile.endpoint, base)?,
        expect: expect.unwrap_or_else(|| Expect::default_of(&profile.protocol)),
        token_types: token_types.unwrap_or_default(),
        life: life(items)?,
        profile,
    };
    Ok(call)
}

fn request_parameters(items: &Items) -> Result<Vec<(String, Template)>, Problem> {
    let mut list: Vec<(String, Template)> = Vec::new();
    for item in items.all("STSRequestParameter") {
        let name = item.argument(0);
        said(item, |_| match item.arguments.len() {
            1 | 2 => parameters::check_name(name).map_err(words),
            _ => Err(Problem::new("the value is one word: one with spaces stands in quotes")),
        })?;
        let value = Template::of_argument(item.argument(1));
        let literal = value.literal();
        let identifier = literal.and_then(|value| parameters::token_type(name, value.as_bytes()));
        list.push((name.to_owned(), identifier.map_or(value, Template::of_literal)));
    }
    Ok(list)
}

fn actor(items: &Items, profile: &Profile, targets: &[String]) -> Result<Option<Actor>, Problem> {
    read(items, "STSActorToken", |item| {
        if !profile.protocol.takes_actor() {
            return Err(Text::from("it is for the type \"otx\""));
        }
        let is_optional = match item.words().as_slice() {
            [_] => false,
            [_, word] if *word != "optional" => false,
            [_, _, "optional"] => true,
            _ => return Err("the arguments are: value [type] [optional]".into()),
        };
        let word = item.arguments.get(1).map(|word| word.as_str());
        let token_type = parameters::actor_token_type(word)?;
        variable::check_source(item.argument(0), "").map_err(|error| error.to_string())?;
        for name in variable::names(item.argument(0)) {
            for target in targets {
                variable::check_is_other(name, target).map_err(|error| error.to_string())?;
            }
        }
        Ok(Actor { token: template(item)?, token_type, is_optional })
    })
}

fn headers(items: &Items) -> Result<Vec<(http::HeaderName, Template)>, Problem> {
    let header = |item: &Item| {
        if item.arguments.get(2).is_some_and(|word| word.as_str() != "key=off") {
            return Err(Problem::new("the third word can only be \"key=off\""));
        }
        let name = request_header::check_name(item.argument(0)).map_err(words)?;
        Ok((name, Template::of_argument(item.argument(1))))
    };
    items.all("STSRequestHeader").map(|item| said(item, header)).collect()
}
