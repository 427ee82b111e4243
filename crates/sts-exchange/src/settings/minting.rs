//! The directives of exchanges that mint.

use std::path::{Path, PathBuf};

use sts_core::argument;
use sts_core::jose::Algorithm;
use sts_core::life::LifePolicy;
use sts_core::mint::{Claim, ClaimType, Claims, Filter, MintingKey, Terms, TokenKind};
use sts_core::options::Template;
use sts_core::secret::Secret;
use sts_filter::Limits;

use super::build::{read, said, template};
use super::option_string::LITERAL_KEY;
use super::written::{Item, Items};
use crate::exchange::Mint;
use crate::files;
use crate::problem::Problem;

/// What a token is made of.
pub(super) fn mint(items: &Items, life: LifePolicy, base: &Path) -> Result<Mint, Problem> {
    let algorithms = Algorithm::ALL.map(|algorithm| (algorithm.name(), algorithm));
    let wanted =
        read(items, "STSJWTAlgorithm", |item| argument::word(item.argument(0), &algorithms))?;
    let literal = read(items, LITERAL_KEY, |item| {
        MintingKey::fixed(&Secret::new(item.argument(1)), wanted)
            .map_err(|error| Problem::new(error.to_string()))
    })?;
    let key = match literal {
        Some(key) => Some(key),
        None => read(items, "STSJWTKeyFile", |item| {
            if item.argument(0).is_empty() || item.argument(0) == item.argument(1) {
                return Err(Problem::new("each key has a file of its own"));
            }
            let key = MintingKey::of_file(PathBuf::from(item.argument(0)), wanted);
            files::load_key(&key, base).map(|()| key)
        })?,
    };
    let key = key.ok_or_else(|| {
        Problem::new("an exchange of type \"jwt\" needs a key: \"STSJWTKeyFile\", or the JWK in \"STSExchange\"")
    })?;
    let default = Terms::default();
    let lifetime = read(items, "STSJWTLifetime", |item| {
        let milliseconds = argument::time(item.argument(0), 1000, 24 * 60 * 60 * 1000)?;
        match (milliseconds % 1000, item.argument(1)) {
            (0, "") => Ok((milliseconds / 1000, false)),
            (0, "nbf") => Ok((milliseconds / 1000, true)),
            _ => Err(argument::Problem::from("the arguments are: whole seconds [nbf]")),
        }
    })?;
    let (lifetime, not_before) = lifetime.unwrap_or((default.lifetime, default.not_before));
    let kind =
        read(items, "STSJWTType", |item| argument::word(item.argument(0), &TokenKind::WORDS))?;
    let terms = Terms { lifetime, not_before, kind: kind.unwrap_or(default.kind) };
    let single = [("iss", "STSJWTIssuer"), ("sub", "STSJWTSubject"), ("client_id", "STSClientID")];
    let single = single.into_iter().filter_map(|(claim, name)| Some((claim, items.one(name)?)));
    let audience = items.all("STSJWTAudience").map(|item| ("aud", item));
    let overrides = single.chain(audience);
    let overrides = overrides.map(|(claim, item)| Ok((claim, said(item, template)?)));
    let claims = items.all("STSJWTClaim").map(|item| said(item, claim));
    let filter = read(items, "STSJWTFilter", |item| {
        let filter = sts_filter::Filter::compile(item.argument(0));
        filter.map_err(|error| Problem::new(error.to_string()))
    })?;
    Ok(Mint {
        key,
        terms,
        overrides: overrides.collect::<Result<_, Problem>>()?,
        claims: claims.collect::<Result<_, Problem>>()?,
        filter: filter.map(|filter| Box::new(Jq(filter)) as Box<dyn Filter>),
        life,
    })
}

/// `name value [type]`
fn claim(item: &Item) -> Result<(String, ClaimType, Template), argument::Problem> {
    let name = item.argument(0);
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err("the name of a claim is a text without control characters".into());
    }
    let word = item.arguments.get(2);
    let claim_type = word.map(|word| argument::word(word, &ClaimType::WORDS)).transpose()?;
    let claim_type = claim_type.unwrap_or_default();
    let value = Template::of_argument(item.argument(1));
    if let Some(literal) = value.literal() {
        let claim = Claim { name, claim_type, value: literal.as_bytes() };
        claim.read().map_err(|error| format!("the value {error}"))?;
    }
    Ok((name.to_owned(), claim_type, value))
}

/// An expression of jq.
struct Jq(sts_filter::Filter);

impl Filter for Jq {
    fn run(&self, claims: &Claims) -> Result<Claims, String> {
        self.0.run(claims, &Limits::default()).map_err(|error| error.to_string())
    }
}
