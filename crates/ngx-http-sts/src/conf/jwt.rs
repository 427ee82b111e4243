//! The directives of exchanges that mint (`STSType jwt`).

use std::path::PathBuf;
use std::rc::Rc;

use sts_core::jose::Algorithm;
use sts_core::mint::{ClaimType, MAX_BYTES, MintingKey, TokenKind};
use sts_core::options::Template;
use sts_core::secret::Secret;

use crate::conf::argument::{self, Problem};
use crate::conf::directive::{Accepted, Block, Refusal};
use crate::conf::settings::inherit;
use crate::conf::text::Text;
use crate::minter::WrittenClaim;

/// Each directive's own value; `None` where it was not written.
#[derive(Clone, Default)]
pub(crate) struct JwtSettings {
    pub(crate) key: Option<Rc<KeyPlace>>,
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) issuer: Option<Rc<Text>>,
    pub(crate) subject: Option<Rc<Text>>,
    pub(crate) audience: Option<Rc<Vec<Rc<Text>>>>,
    pub(crate) lifetime: Option<Lifetime>,
    pub(crate) claims: Option<Rc<Vec<WrittenClaim>>>,
    /// The text of an expression.
    pub(crate) filter: Option<Rc<str>>,
    pub(crate) kind: Option<TokenKind>,
}

/// Where the key of an exchange is.
pub(crate) enum KeyPlace {
    /// A JWK in the configuration.
    Literal(Secret),
    Files {
        current: PathBuf,
        next: Option<PathBuf>,
    },
}

/// How long tokens live.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// Seconds.
    pub(crate) seconds: u64,
    /// They say when that begins.
    pub(crate) not_before: bool,
}

/// The longest one, in milliseconds.
const LONGEST: u64 = 24 * 60 * 60 * 1000;

impl JwtSettings {
    /// Takes from the block around what is not written here. Every field is named, so that the compiler
    /// tells of one that is not inherited.
    pub(super) fn inherit(&mut self, outer: &Self) {
        let Self { key, algorithm, issuer, subject, audience, lifetime, claims, filter, kind } =
            outer;
        inherit(&mut self.key, key);
        inherit(&mut self.algorithm, algorithm);
        inherit(&mut self.issuer, issuer);
        inherit(&mut self.subject, subject);
        inherit(&mut self.audience, audience);
        inherit(&mut self.lifetime, lifetime);
        inherit(&mut self.claims, claims);
        inherit(&mut self.filter, filter);
        inherit(&mut self.kind, kind);
    }
}

impl KeyPlace {
    /// The directive that it is written in.
    pub(crate) const fn directive(&self) -> &'static str {
        match self {
            Self::Literal(_) => "STSExchange",
            Self::Files { .. } => "STSJWTKeyFile",
        }
    }

    /// The key that signs.
    ///
    /// # Errors
    /// One that stands in the configuration cannot be used.
    pub(crate) fn current(&self, wanted: Option<Algorithm>) -> Result<MintingKey, Problem> {
        match self {
            Self::Literal(text) => {
                MintingKey::fixed(text, wanted).map_err(|error| format!("the key: {error}"))
            }
            Self::Files { current, .. } => Ok(MintingKey::of_file(current.clone(), wanted)),
        }
    }

    /// The key that is to follow it.
    pub(crate) fn next(&self, wanted: Option<Algorithm>) -> Option<MintingKey> {
        match self {
            Self::Literal(_) => None,
            Self::Files { next, .. } => Some(MintingKey::of_optional_file(next.clone()?, wanted)),
        }
    }
}

/// `file [next]`
pub(super) fn key_file(block: &mut Block<'_>, arguments: &[&str]) -> Accepted {
    if block.settings.jwt.key.is_some() {
        return Err(Refusal::Duplicate);
    }
    let path = |text: &str| match text {
        "" => Err(Problem::from("the name of a file must not be empty")),
        text => Ok(PathBuf::from(text)),
    };
    let mut paths = arguments.iter().map(|text| path(text));
    let current = paths.next().unwrap_or_else(|| path(""))?;
    let next = paths.next().transpose()?;
    if next.as_ref() == Some(&current) {
        return Err(Problem::from("the next key must be in another file").into());
    }
    block.settings.jwt.key = Some(Rc::new(KeyPlace::Files { current, next }));
    Ok(())
}

/// The words of `STSJWTAlgorithm`.
pub(super) fn algorithms() -> Vec<(&'static str, Algorithm)> {
    Algorithm::ALL.map(|algorithm| (algorithm.name(), algorithm)).to_vec()
}

/// `time [nbf]`
pub(super) fn lifetime(arguments: &[&str]) -> Result<Lifetime, Problem> {
    let time = arguments.first().copied().unwrap_or_default();
    let not_before = match arguments.get(1) {
        None => false,
        Some(&"nbf") => true,
        Some(_) => return Err("the second word can only be \"nbf\"".into()),
    };
    let milliseconds = argument::time(time, 1000, LONGEST)?;
    if milliseconds % 1000 != 0 {
        return Err("a token lives for whole seconds".into());
    }
    Ok(Lifetime { seconds: milliseconds / 1000, not_before })
}

/// A value that the configuration has for a claim. Which variables it may hold shows when all directives are
/// read ([`check_variables`](super::claimed::check_variables)).
pub(super) fn value(block: &Block<'_>, text: &str) -> Result<Rc<Text>, Refusal> {
    let template =
        if block.is_option { Template::of_literal(text) } else { Template::of_argument(text) };
    if template.is_empty() {
        return Err(Problem::from("the value must not be empty").into());
    }
    Ok(Rc::new(Text::compile(block.conf, template)?))
}

/// Adds to the audience.
pub(super) fn audience(block: &mut Block<'_>, arguments: &[&str]) -> Accepted {
    let text = value(block, arguments.first().copied().unwrap_or_default())?;
    let list = Rc::get_mut(block.settings.jwt.audience.get_or_insert_default());
    let list = list.ok_or_else(|| Problem::from("the list is in use"))?;
    if list.iter().any(|known| known.template == text.template) {
        return Err(Problem::from("this audience is given twice").into());
    }
    list.push(text);
    Ok(())
}

/// `name value [type]`, repeatable.
pub(super) fn claim(block: &mut Block<'_>, arguments: &[&str]) -> Accepted {
    let (name, value, word) = match arguments {
        [name, value] => (*name, *value, None),
        [name, value, word] => (*name, *value, Some(*word)),
        _ => return Err(Problem::from("the arguments are: name value [type]").into()),
    };
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(
            Problem::from("the name of a claim is a text without control characters").into()
        );
    }
    let claim_type = word.map(|word| argument::word(word, &ClaimType::WORDS)).transpose()?;
    let claim_type = claim_type.unwrap_or_default();
    let template = Template::of_argument(value);
    if let Some(literal) = template.literal() {
        let claim = sts_core::mint::Claim { name, claim_type, value: literal.as_bytes() };
        claim.read().map_err(|error| format!("the value {error}"))?;
        if literal.len() > MAX_BYTES {
            return Err(format!("the value has more than {MAX_BYTES} bytes").into());
        }
    }
    let text = Text::compile(block.conf, template)?;
    let list = Rc::get_mut(block.settings.jwt.claims.get_or_insert_default());
    let list = list.ok_or_else(|| Problem::from("the list is in use"))?;
    if list.iter().any(|known| known.name == name) {
        return Err(format!("the claim \"{}\" is given twice", name.escape_debug()).into());
    }
    list.push(WrittenClaim { name: name.to_owned(), claim_type, text });
    Ok(())
}

/// The names of exchanges whose keys a location shows.
pub(super) fn published(block: &mut Block<'_>, arguments: &[&str]) -> Accepted {
    crate::conf::directives::answers(block)?;
    let mut names: Vec<String> = Vec::new();
    for name in arguments {
        let name = crate::conf::name::parse(name)?;
        if names.contains(&name) {
            return Err(format!("\"{name}\" is named twice").into());
        }
        names.push(name);
    }
    block.settings.jwks = Some(Rc::new(names));
    Ok(())
}
